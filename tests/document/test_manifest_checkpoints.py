"""The checkpoints of a manifest: one reading, one form, and nothing its own files do not bear out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from amber import write_amber

from manifest.build import build
from manifest.document.manifest_file import Manifest, dump_manifest, parse_manifest
from manifest.errors import DocumentError


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    directory = tmp_path_factory.mktemp("release")
    write_amber(directory, count=4)
    (directory / "checkpoints" / "ckpt_001" / "optimizer.pt").write_bytes(b"state")
    return build(directory).manifest


def test_what_is_built_is_read_back(manifest: Manifest) -> None:
    data = dump_manifest(manifest)
    assert parse_manifest(data) == manifest
    assert dump_manifest(parse_manifest(data)) == data
    assert [c.name for c in manifest.checkpoints] == ["ckpt_000", "ckpt_001", "ckpt_002", "main"]
    second = manifest.checkpoints[1]
    assert (second.ordinal, second.parent, second.data) == (1, "ckpt_000", "1-1")
    assert [f.path for f in second.files] == [
        "checkpoints/ckpt_001/model.safetensors",
        "checkpoints/ckpt_001/optimizer.pt",
    ]
    assert (second.has_optimizer, second.has_random_state) == (True, False)
    assert second.weights_digest in {w.weights_digest for w in manifest.weights}


def test_one_checkpoint_is_one_line(manifest: Manifest) -> None:
    lines = dump_manifest(manifest).decode().splitlines()
    assert sum(1 for line in lines if line.startswith('    {"name": "')) == 4


def test_a_manifest_without_the_section_is_valid(manifest: Manifest) -> None:
    plain = json.loads(dump_manifest(manifest))
    del plain["checkpoints"]
    assert parse_manifest(json.dumps(plain).encode()).checkpoints == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"name": "ckpt_001"}, "second checkpoint is called", id="name-twice"),
        pytest.param({"name": ""}, "name: is empty", id="no-name"),
        pytest.param({"step": -1}, "below 0", id="negative-step"),
        pytest.param({"step": 2**62}, "above", id="huge-step"),
        pytest.param({"step": "1"}, "not an integer", id="step-of-text"),
        pytest.param({"files": []}, "is empty", id="no-files"),
        pytest.param({"files": ["chunks.csv"]}, "root_digest: is not", id="files-of-another"),
        pytest.param({"files": ["../x"]}, "not among the files", id="file-that-escapes"),
        pytest.param({"files": [7]}, "not among the files", id="file-of-no-text"),
        pytest.param({"root_digest": "0" * 64}, "root_digest: is not", id="root-digest"),
        pytest.param({"weights_digest": "0" * 64}, "weights_digest: is not", id="weights-digest"),
        pytest.param({"optimizer_state": True}, "optimizer_state: is not", id="state-not-there"),
        pytest.param({"random_state": False}, "must be", id="state-denied"),
        pytest.param({"reference": {"type": "ftp"}}, "is not one of", id="reference-of-no-kind"),
        pytest.param({"more": 1}, "unknown field", id="unknown-field"),
        pytest.param({"listed_sha256": "A" * 64}, "form", id="digest-in-capitals"),
    ],
)
def test_a_section_at_odds_with_itself_is_refused(
    manifest: Manifest, change: dict[str, Any], words: str
) -> None:
    plain = json.loads(dump_manifest(manifest))
    plain["checkpoints"][0].update(change)
    with pytest.raises(DocumentError, match=words):
        parse_manifest(json.dumps(plain).encode())


def test_files_twice_and_too_many_checkpoints_are_refused(manifest: Manifest) -> None:
    plain = json.loads(dump_manifest(manifest))
    first = plain["checkpoints"][1]
    first["files"].reverse()
    with pytest.raises(DocumentError, match="out of order"):
        parse_manifest(json.dumps(plain).encode())
    plain["checkpoints"] = [{"name": f"step{n}"} for n in range(10_001)]
    with pytest.raises(DocumentError, match="more than 10,000"):
        parse_manifest(json.dumps(plain).encode())


def test_two_builds_are_equal(manifest: Manifest, tmp_path: Path) -> None:
    write_amber(tmp_path, count=4)
    (tmp_path / "checkpoints" / "ckpt_001" / "optimizer.pt").write_bytes(b"state")
    assert build(tmp_path).data == dump_manifest(manifest)
