"""Logs, recipes and Croissant metadata: what is read of them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lint_releases import write

from manifest.errors import DocumentError
from manifest.readers.croissant import may_be_croissant, read_croissant
from manifest.readers.recipe import read_recipe
from manifest.readers.training_log import read_training_log
from manifest.sources.directory import DirectorySource


def source(root: Path, name: str, data: str) -> DirectorySource:
    return DirectorySource(write(root / "r", {name: data}))


LINES = "".join(f'{{"step": {n}, "loss": 2.5}}\n' for n in range(1, 40_001))


@pytest.mark.parametrize(
    ("name", "data", "covered"),
    [
        pytest.param("l.jsonl", LINES, (1, 40_000), id="a long one, by its ends"),
        pytest.param("l.jsonl", '{"_step": 3, "loss": 1}\n{"loss": 2}\n', (3, 3), id="wandb"),
        pytest.param("l.csv", "step,loss\n0,3\n10,2\n", (0, 10), id="csv"),
        pytest.param("l.tsv", "loss\titer\n3\t5\n2\t9\n", (5, 9), id="tsv"),
        pytest.param("l.txt", "step 1: loss 3\nstep 1,200: loss 2\n", (1, 1200), id="lines"),
        pytest.param("l.log", "[iteration=7/100] loss=3\niteration=8 loss 2", (7, 8), id="log"),
        pytest.param(
            "trainer_state.json",
            '{"log_history": [{"step": 10, "loss": 3}, {"step": 500, "loss": 2}]}',
            (10, 500),
            id="trainer",
        ),
    ],
)
def test_what_a_log_covers(name: str, data: str, covered: tuple[int, int], tmp_path: Path) -> None:
    found = read_training_log(source(tmp_path, name, data), name)
    assert (found.first_step, found.last_step) == covered


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("loss 3\nloss 2\n", id="no steps"),
        pytest.param('{"step": true}\n{"step": -4}\n{"step": 1e99}\n', id="no numbers of steps"),
        pytest.param("step \0 1", id="binary"),
        pytest.param("", id="empty"),
    ],
)
def test_no_log(data: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        read_training_log(source(tmp_path, "l.txt", data), "l.txt")


def test_settings_have_their_lines(tmp_path: Path) -> None:
    text = "# a recipe\noptimizer:\n  name: adamw\n  lr: 6.0e-4\nbatch_size: 1_024\nnote: [1, 2]\n"
    found = read_recipe(source(tmp_path, "r.yaml", text), "r.yaml")
    assert [(s.pointer, s.text, s.line, s.number) for s in found.settings] == [
        ("optimizer.name", "adamw", 3, None),
        ("optimizer.lr", "6.0e-4", 4, 6e-4),
        ("batch_size", "1_024", 5, 1024),
    ]


def dataset(**fields: Any) -> str:
    entries = [
        {"@type": "cr:FileObject", "@id": "repo", "encodingFormat": "git+https",
         "contentUrl": "https://a.example/repo", "sha256": "https://a.example/issues/80"},
        {"@type": "cr:FileObject", "@id": "a.csv", "contentUrl": "https://a.example/a.csv",
         "sha256": "A" * 64},
        {"@type": "cr:FileSet", "@id": "parts", "containedIn": {"@id": "repo"}},
    ]  # fmt: skip
    base = {"@type": "sc:Dataset", "name": "Notes", "distribution": entries}
    return json.dumps(base | fields)


def test_croissant(tmp_path: Path) -> None:
    text = dataset(
        license=["cc0-1.0"], recordSet=[{"@id": "rows"}], conformsTo="http://c.example/1.0"
    )
    found = read_croissant(source(tmp_path, "croissant.json", text), "croissant.json")
    assert (found.name, found.license, found.conforms_to) == (
        "Notes", "cc0-1.0", "http://c.example/1.0",
    )  # fmt: skip
    assert found.record_sets == ("rows",)
    assert [(f.name, f.sha256, f.is_repository) for f in found.files] == [
        ("repo", "", True),
        ("a.csv", "a" * 64, False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[]", id="a list"),
        pytest.param(dataset(**{"@type": "sc:Person"}), id="a person"),
        pytest.param('{"@type": "sc:Dataset", "name": "x"}', id="no distribution"),
        pytest.param('{"@type": "sc:Dataset", "@type": "sc:Dataset"}', id="a key twice"),
    ],
)
def test_no_croissant(text: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        read_croissant(source(tmp_path, "croissant.json", text), "croissant.json")


@pytest.mark.parametrize(
    "path", ["croissant.json", "data/notes-croissant.json", "x.croissant.json"]
)
def test_names_of_croissant(path: str) -> None:
    assert may_be_croissant(path)
    assert not may_be_croissant(path + ".md")
