"""The demo release without each of its parts: exactly the findings that this takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from processor import untraced

from manifest.document.components import MofClass
from manifest.document.description import parse_description
from manifest.lint import LintReport, Verdict, lint
from manifest.lint.release import release_of
from manifest.render.lint_text import render_lint
from manifest.sources.memory import MemorySource

V = Verdict
Description: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[Description], object]

NOT_SIGNED = "PRV001"  # of every release here
CLAIM = "CLM001"  # of every one below what it claims


@pytest.fixture(scope="session")
def files(demo_release: Path) -> Mapping[str, bytes]:
    return {
        p.relative_to(demo_release).as_posix(): p.read_bytes()
        for p in demo_release.rglob("*")
        if p.is_file()
    }


@pytest.fixture(scope="session")
def plain(files: Mapping[str, bytes]) -> str:
    """Its description in JSON, which is YAML too: a copy to change is one call away."""
    return json.dumps(parse_description(files["release.yaml"]).fields, default=dict)


def judge(files: Mapping[str, bytes], plain: str, edit: Edit, gone: str = "") -> LintReport:
    """Lint the demo with its description edited and without the files that a pattern matches."""
    description = json.loads(plain)
    edit(description)
    data = json.dumps(description).encode()
    kept = {path: b for path, b in files.items() if not (gone and re.fullmatch(gone, path))}
    assert bool(gone) == (len(kept) < len(files))
    source = MemorySource(kept | {"release.yaml": data})
    with untraced():  # coverage learns nothing from the eightieth time
        return lint(release_of(parse_description(data), source, has_manifest=False))


def untouched(_: Description) -> None:
    """Leave the description as it is."""


def without(*keys: str | int) -> Edit:
    """Take one field out."""

    def edit(description: Description) -> None:
        inner: Any = description
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]

    return edit


def codes(report: LintReport) -> set[str]:
    below = {CLAIM} if report.verdict is not V.REPLAYABLE else set()
    found = {f.code for f in report.findings}
    assert NOT_SIGNED in found
    assert below == {CLAIM} & found
    return found - {NOT_SIGNED, CLAIM}


def test_nothing_is_said_of_all_of_it(files: Mapping[str, bytes], plain: str) -> None:
    report = judge(files, plain, untouched)
    assert (report.verdict, codes(report)) == (V.REPLAYABLE, set())
    assert report.mof.mof_class is MofClass.I


# The component, the files that go with it, the verdict that is left, and what is found. EVI002 is
# found where another field of the description still names a file of the component.
COMPONENTS: dict[str, tuple[str, Verdict, str]] = {
    "model-architecture": (
        r"config\.json|code/(model|exact)\.py",
        V.WEIGHTS_AVAILABLE,
        "WGT003 COD005 REP004",  # what is imported and not there is installed nowhere either
    ),
    "model-parameters-final": (r"model\.safetensors", V.CLOSED, "WGT001 CKP002"),
    "tokenizer": (r"tokenizer\.json|code/tokenizer\.py", V.WEIGHTS_AVAILABLE, "WGT004 REP004"),
    "model-parameters-intermediate": (
        r"checkpoints/(step.*/model\.safetensors|index\.csv)",
        V.OPEN_SOURCE,
        "CKP001 CKP002 EVI002",
    ),
    # No verdict asks for optimizer states; a segment can be repeated from them all the same.
    "model-metadata": (
        r"checkpoints/step.*/(optimizer\.safetensors|trainer_state\.json)",
        V.REPLAYABLE,
        "CKP014",
    ),
    "data-preprocessing-code": (r"code/prepare_data\.py", V.OPEN_WEIGHT, "COD002 REP004"),
    "training-code": (
        r"code/(train|recipe|safetensors_io)\.py|reproduce\.py",
        V.OPEN_WEIGHT,
        "COD001 REP002 REP004 REP007",  # the command starts one of its files
    ),
    "inference-code": (r"code/generate\.py", V.OPEN_WEIGHT, "COD004 REP004"),
    "evaluation-code": (r"code/evaluate\.py", V.OPEN_WEIGHT, "COD003"),
    "supporting-libraries": (r"requirements\.lock", V.OPEN_SCIENCE, "REP004 COD006"),
    "datasets": (r"data/(raw|processed)/.*", V.OPEN_SOURCE, "DAT005 EVI002"),
    "data-order": (r"data/order\.jsonl", V.OPEN_SCIENCE, "REP005 EVI002"),
    "evaluation-data": (r"data/eval/.*", V.OPEN_SOURCE, "EVA002"),
    # The hyperparameters stand in the description too.
    "training-configuration": (r"training/recipe\.yaml", V.REPLAYABLE, "EVI002"),
    "training-logs": (
        r"training/(log|trials)\.jsonl|training/incidents\.json",
        V.REPLAYABLE,
        "EVI002 TRN005",
    ),
    "evaluation-results": (r"evaluation/results\.json", V.OPEN_SOURCE, "EVA001 EVI002"),
    "sample-model-outputs": (r"samples\.jsonl", V.REPLAYABLE, ""),
    "model-card": (r"README\.md", V.OPEN_SOURCE, "DOC001 DOC004"),  # it says the acceptable use
    "data-card": (r"DATA_CARD\.md", V.OPEN_WEIGHT, "DAT003"),
    # The paper stands for the report.
    "technical-report": (r"REPORT\.md", V.REPLAYABLE, ""),
    "research-paper": (r"PAPER\.md|CITATION\.cff", V.OPEN_SOURCE, "DOC002"),
    "license-texts": (r"LICENSE|LICENSE-DATA", V.OPEN_WEIGHT, "LIC005"),
}


@pytest.mark.parametrize("kind", COMPONENTS)
def test_without_a_component(kind: str, files: Mapping[str, bytes], plain: str) -> None:
    gone, left, expected = COMPONENTS[kind]
    report = judge(files, plain, without("components", kind), gone)
    assert (report.verdict, codes(report)) == (left, set(expected.split()))


def test_every_component_is_taken_away(plain: str) -> None:
    assert set(COMPONENTS) == set(json.loads(plain)["components"])


@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_component_whose_files_are_gone_is_false(
    kind: str, files: Mapping[str, bytes], plain: str
) -> None:
    gone, left, expected = COMPONENTS[kind]
    report = judge(files, plain, untouched, gone)
    assert (report.verdict, codes(report)) == (left, {*expected.split(), "EVI002"})


ENTRY = "checkpoints/step200/.*"
PARTS: dict[str, tuple[Edit, str, Verdict, str]] = {
    "seeds": (without("training", "seeds"), "", V.OPEN_SCIENCE, "REP003"),
    "command": (without("training", "command"), "", V.OPEN_SCIENCE, "REP002"),
    "environment": (without("training", "environment"), "", V.OPEN_SCIENCE, "REP004"),
    "lock file": (
        without("training", "environment", "lockfile"),
        "",
        V.OPEN_SCIENCE,
        "REP004",
    ),
    "all of training": (
        without("training"),
        "",
        V.OPEN_SCIENCE,
        "REP002 REP003 REP004 REP006 TRN006",
    ),
    "sources of nondeterminism": (
        without("training", "nondeterminism"),
        "",
        V.OPEN_SCIENCE,
        "REP006",
    ),
    "sources": (without("data", "sources"), "", V.OPEN_WEIGHT, "DAT001"),
    "where the source is": (
        without("data", "sources", 0, "files"),
        "",
        V.REPLAYABLE,  # it was made, not found: data/raw has it, and a synthetic source needs none
        "",
    ),
    "processing": (without("data", "processing"), "", V.OPEN_WEIGHT, "DAT004"),
    "filtering": (without("data", "filtering"), "", V.OPEN_WEIGHT, "DAT004"),
    "all of data": (without("data"), "", V.OPEN_WEIGHT, "DAT001 DAT004"),
    "license": (without("license"), "", V.WEIGHTS_AVAILABLE, "LIC001 LIC002 LIC004 LIC006"),
    "license of documents": (without("licenses"), "", V.REPLAYABLE, ""),
    "text of the license": (untouched, "LICENSE", V.OPEN_WEIGHT, "EVI002 LIC005"),
    # CC0-1.0 is one of two that the documents may be used under, and of the data, where no verdict
    # asks for the text.
    "text of the data's license": (untouched, "LICENSE-DATA", V.REPLAYABLE, "EVI002"),
    "claim": (without("claim"), "", V.REPLAYABLE, ""),
    "a checkpoint": (
        without("checkpoints", "entries", 2),
        ENTRY,
        V.OPEN_SCIENCE,
        "CKP002 CKP003",
    ),
    "a checkpoint's files": (untouched, ENTRY, V.OPEN_SCIENCE, "CKP002 CKP003"),
    "a checkpoint's entry": (
        without("checkpoints", "entries", 2),
        "",
        V.OPEN_SCIENCE,
        "CKP002 CKP003",
    ),
    "the last checkpoint": (
        without("checkpoints", "entries", 4),
        "checkpoints/step400/.*",
        V.OPEN_SCIENCE,
        "CKP002",
    ),
    "parent link": (
        without("checkpoints", "entries", 3, "parent"),
        "",
        V.OPEN_SCIENCE,
        "CKP002",
    ),
    "step": (without("checkpoints", "entries", 3, "step"), "", V.OPEN_SCIENCE, "CKP002"),
    "index": (untouched, r"checkpoints/index\.csv", V.REPLAYABLE, "EVI002"),
    "index and its name": (without("checkpoints", "index"), "", V.REPLAYABLE, ""),
    "all of checkpoints": (without("checkpoints"), "", V.OPEN_SCIENCE, "CKP002"),
    # What went wrong in training is what few publish; no verdict asks for it.
    "incidents": (without("training", "incidents"), "", V.REPLAYABLE, "TRN006"),
    "incidents in full": (untouched, r"training/incidents\.json", V.REPLAYABLE, "EVI002"),
    "evaluation results told": (without("evaluation"), "", V.REPLAYABLE, "EVA007"),
    "optimizer state": (
        untouched,
        r"checkpoints/step.*/optimizer\.safetensors",
        V.REPLAYABLE,
        "CKP014 EVI002",
    ),
    # The recipe says it too; below it is taken out of both.
    "optimizer": (without("training", "optimizer"), "", V.REPLAYABLE, ""),
    "a file of code": (untouched, r"code/exact\.py", V.OPEN_SCIENCE, "EVI002 REP004"),
    "configuration": (untouched, r"config\.json", V.REPLAYABLE, "EVI002"),
}


@pytest.mark.parametrize("what", PARTS)
def test_without_a_part(what: str, files: Mapping[str, bytes], plain: str) -> None:
    edit, gone, left, expected = PARTS[what]
    report = judge(files, plain, edit, gone)
    assert (report.verdict, codes(report)) == (left, set(expected.split()))


SAID_TWICE: dict[str, tuple[tuple[str, ...], str, str]] = {
    "optimizer": (("optimizer",), r"optimizer:\n(  .*\n)+", "nothing says the optimizer"),
    "its settings": (
        ("optimizer",),
        r"  (beta|epsilon|weight_decay|gradient).*\n",
        "nothing says the optimizer's settings",
    ),
    "schedule": (
        ("schedule", "stages"),
        r"schedule:.*\n((  .*)?\n)+?(?=\w)",
        "nothing says the schedule of the learning rate",
    ),
}


@pytest.mark.parametrize("what", SAID_TWICE)
def test_what_neither_description_nor_recipe_says(
    what: str, files: Mapping[str, bytes], plain: str
) -> None:
    fields, pattern, message = SAID_TWICE[what]
    recipe = re.sub(pattern, "", files["training/recipe.yaml"].decode())
    assert recipe.encode() != files["training/recipe.yaml"]

    def edit(description: Description) -> None:
        for field in fields:
            del description["training"][field]

    report = judge({**files, "training/recipe.yaml": recipe.encode()}, plain, edit)
    assert report.verdict is V.REPLAYABLE
    (finding,) = (f for f in report.findings if f.code == "TRN002")
    assert finding.message == message
    # The learning rate is part of the schedule; with little left the recipe is none.
    assert codes(report) - {"TRN002"} <= {"TRN001", "EVI001"}


def test_advice_that_no_verdict_asks_for_is_in_the_text(
    files: Mapping[str, bytes], plain: str
) -> None:
    gone = r"checkpoints/step.*/(optimizer\.safetensors|trainer_state\.json)"

    def edit(description: Description) -> None:
        without("components", "model-metadata")(description)
        without("training", "incidents")(description)

    report = judge(files, plain, edit, gone)
    text = render_lint(report)
    assert "Advice on 3 more points: --verbose shows it, `manifest rules CODE` explains" in text
    for line in ("Checkpoints  CKP014", "Provenance   PRV001", "Training     TRN006"):
        assert f"  {line}\n" in text
    full = " ".join(render_lint(report, verbose=True).split())
    assert "come without the state of the optimizer" in full
    assert "an empty list says that there were none" in full
    assert "more points" not in full
    assert "CKP014" not in render_lint(report, quiet=True)


def test_settings_are_missed_when_neither_place_has_them(
    files: Mapping[str, bytes], plain: str
) -> None:
    def edit(description: Description) -> None:
        without("components", "training-configuration")(description)
        without("training", "configuration")(description)
        without("training", "hyperparameters")(description)

    report = judge(files, plain, edit, r"training/recipe\.yaml")
    assert (report.verdict, codes(report)) == (V.OPEN_WEIGHT, {"REP001"})
