from __future__ import annotations

import json
from pathlib import Path

import pytest

from manifest.build import build, write_manifest
from manifest.draft import draft_directory
from manifest.lint.evidence import State
from manifest.lint.listing import staleness
from manifest.lint.loading import load_release
from manifest.lint.release import Release

DESCRIPTION = """\
schema_version: "1.0"
name: acme/corpus
version: "1"
described_by: publisher
license: MIT
components:
  datasets:
    inventory: {path: data.jsonl, directory: data/}
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "release.yaml").write_text(DESCRIPTION)
    for number in range(300):
        file = tmp_path / "data" / f"{number % 3}" / f"{number:03d}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"text": f"record {number} {n}"}) for n in range(3)]
        file.write_text("\n".join(lines) + "\n")
    write_manifest(tmp_path, build(tmp_path))
    return tmp_path


def only(release: Release) -> tuple[State, int, int, int]:
    (component,) = release.components
    return component.state, component.file_count, len(component.files.here), component.size


def test_a_few_files_are_evidence_and_all_are_counted(corpus: Path) -> None:
    release = load_release(corpus)
    size = sum(file.stat().st_size for file in (corpus / "data").rglob("*.jsonl"))
    assert only(release) == (State.EVIDENCED, 300, 64, size)
    assert release.components[0].reason == "300 files"


def test_what_an_inventory_owns_is_not_unlisted(corpus: Path) -> None:
    release = load_release(corpus)
    assert release.listing is not None
    found = staleness(release.listing, release.source)
    assert (found.changed, found.missing, found.unlisted) == ((), (), ())


def test_a_manifest_alone_says_the_same(corpus: Path) -> None:
    (corpus / "release.yaml").unlink()
    state, count, _, _ = only(load_release(corpus))
    assert (state, count) == (State.EVIDENCED, 300)


def test_an_inventory_without_files_is_no_evidence(corpus: Path) -> None:
    for file in (corpus / "data").rglob("*.jsonl"):
        file.unlink()
    release = load_release(corpus)
    assert only(release)[:2] == (State.ABSENT, 0)
    assert release.components[0].reason == "no file in data/"


def test_init_adds_nothing_that_an_inventory_lists(corpus: Path) -> None:
    assert not draft_directory(corpus).changed
    (corpus / "README.md").write_text("# A model card\n")
    drafted = draft_directory(corpus)
    assert "data.jsonl" not in drafted.text.replace("path: data.jsonl", "")
    assert not any(path.startswith("data/") for path in drafted.unassigned)
