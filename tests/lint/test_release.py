"""Where a release's description comes from, and how little of the release is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lint_releases import HEAD, OPEN_FILES, safetensors, write
from processor import calls_of

from manifest.build import build, write_manifest
from manifest.document.description import parse_description
from manifest.errors import DocumentError, UsageError
from manifest.lint import (
    Origin,
    State,
    Verdict,
    VerificationStatus,
    lint,
    load_release,
    release_of,
)
from manifest.sources import SourceFile
from manifest.sources.directory import DirectorySource


class CountingSource:
    """A source that counts what is read from it."""

    def __init__(self, inner: DirectorySource) -> None:
        self._inner = inner
        self.count = self.calls = 0

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def files(self) -> tuple[SourceFile, ...]:
        return self._inner.files

    def read(self, path: str, *, start: int = 0, length: int) -> bytes:
        data = self._inner.read(path, start=start, length=length)
        self.count += len(data)
        self.calls += 1
        return data


def test_described(tmp_path: Path) -> None:
    release = load_release(write(tmp_path / "r", OPEN_FILES))
    assert release.origin is Origin.DESCRIBED
    assert release.verification.status is VerificationStatus.NONE
    assert not release.has_manifest


def test_by_manifest_alone(tmp_path: Path) -> None:
    root = write(tmp_path / "r", OPEN_FILES)
    write_manifest(root, build(root))
    (root / "release.yaml").unlink()
    release = load_release(root)
    assert release.origin is Origin.RESOLVED
    report = lint(release)
    assert report.verdict is Verdict.REPLAYABLE
    (root / "code/train.py").unlink()
    report = lint(load_release(root))
    assert report.verdict is Verdict.OPEN_WEIGHT
    assert [f.message for f in report.findings if f.code == "EVI002"] == [
        "code/train.py is listed and not there"
    ]


def test_drafted(tmp_path: Path) -> None:
    files = {k: v for k, v in OPEN_FILES.items() if k != "release.yaml"}
    report = lint(load_release(write(tmp_path / "r", files)))
    assert report.origin is Origin.DRAFTED
    assert report.third_party
    assert report.verdict.rank >= Verdict.OPEN_WEIGHT.rank
    assert "EVI001" not in {f.code for f in report.findings}


def test_signature_is_noticed_and_not_believed(tmp_path: Path) -> None:
    root = write(tmp_path / "r", {**OPEN_FILES, "model.sig": "{}"})
    assert load_release(root).verification.status is VerificationStatus.NOT_CHECKED


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a directory"):
        load_release(tmp_path / "nothing")


def test_description_that_is_not_valid(tmp_path: Path) -> None:
    root = write(tmp_path / "r", {"release.yaml": "name: x\n"})
    with pytest.raises(DocumentError, match="schema_version"):
        load_release(root)


def test_manifest_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text("{}")
    root = write(tmp_path / "r", {"model.safetensors": safetensors(w=(2,))})
    (root / "manifest.json").symlink_to(tmp_path / "elsewhere.json")
    release = load_release(root)
    assert release.origin is Origin.DRAFTED
    assert not release.has_manifest


def test_files_of_another_root_are_unknown(tmp_path: Path) -> None:
    described = (
        HEAD
        + "roots:\n  hub: {type: directory}\n"
        + "components:\n  model-parameters-final:\n    files: ['hub:*.safetensors']\n"
    )
    root = write(tmp_path / "r", {"release.yaml": described})
    release = load_release(root)
    assert [c.state for c in release.components] == [State.UNKNOWN]
    assert "EVI002" not in {f.code for f in lint(release).findings}


def sparse(path: Path, header: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)


def shards(root: Path, count: int, size: int) -> None:
    """Weights in shards of ``size`` bytes that are holes on the disk."""
    root.mkdir()
    names = [f"model-{i:05}-of-{count:05}.safetensors" for i in range(1, count + 1)]
    for i, name in enumerate(names):
        tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
        sparse(root / name, json.dumps({f"t{i}": tensor}).encode(), size)
    index = {"weight_map": {f"t{i}": name for i, name in enumerate(names)}}
    (root / "model.safetensors.index.json").write_text(json.dumps(index))
    (root / "release.yaml").write_text(
        HEAD
        + "components:\n  model-parameters-final:\n    files: ['*.safetensors', '*.index.json']\n"
    )


def test_weights_are_never_read_whole(tmp_path: Path) -> None:
    root = tmp_path / "r"
    shards(root, 40, 5_000_000_000)
    source = CountingSource(DirectorySource(root))
    description = parse_description((root / "release.yaml").read_bytes())
    report = lint(release_of(description, source))
    assert report.verdict is Verdict.WEIGHTS_AVAILABLE
    assert source.count < 40 * 1000
    assert source.calls < 40 * 12


def calls_to_lint(place: Path, count: int) -> int:
    files = {f"data/{i // 500:03}/{i:06}.txt": b"x" for i in range(count)}
    described = HEAD + "components:\n  datasets: {files: [data]}\n"
    write(place, {**files, "release.yaml": described})
    return calls_of(lambda: lint(load_release(place)))


@pytest.mark.long
def test_cost_is_linear_in_the_number_of_files(tmp_path: Path) -> None:
    small, large = (calls_to_lint(tmp_path / str(count), count) for count in (5_000, 20_000))
    assert 2 * small < large < 4.1 * small
