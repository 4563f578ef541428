"""Declarations for the Model Openness Tool reach the class they should, ours and the tool's.

The oracle below is the tool's procedure written down once more, from its source, with names of
components and licenses compared as PHP compares them. It shares nothing with the linter.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
from processor import untraced

from manifest.lint import LintOptions, LintReport, lint
from manifest.lint.declarations import load_declaration

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "mot"
SHARED = ROOT.parent / "shared" / "data" / "mot"

CLASSES = {
    "Amber.yml": "I",
    "CrystalCoder.yml": "none",  # its documents are unlicensed
    "GPT-NeoX-20B.yml": "III",  # no evaluation data; the paper stands in for the report
    "Polyglot-Ko.yml": "II",  # no intermediate checkpoints
    "Pythia-12B.yml": "I",  # no report, but a paper
    "Qwen3-14B-Base.yml": "none",  # no data card; its report is under arXiv's license
    "case-no-license.yml": "none",
    "case-random.yml": "none",
}


def judge(path: Path, *, compatible: bool = False) -> LintReport:
    release = load_declaration(path, mot_compatible=compatible)
    return lint(release, LintOptions(declared=True, mot_compatible=compatible))


def class_of(path: Path, *, compatible: bool = False) -> str:
    found = judge(path, compatible=compatible).mof.mof_class
    return found.value if found else "none"


@pytest.mark.parametrize("compatible", [False, True], ids=["ours", "the-tool's"])
@pytest.mark.parametrize("name", CLASSES)
def test_real_declarations(name: str, *, compatible: bool) -> None:
    assert class_of(DATA / name, compatible=compatible) == CLASSES[name]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared with all declarations is absent")
@pytest.mark.parametrize("compatible", [False, True], ids=["ours", "the-tool's"])
def test_all_real_declarations(*, compatible: bool) -> None:
    """On these, none of which names a license that the tool slips on, the two never differ."""
    for folder in ("models", "cases"):
        with (SHARED / f"{folder}.csv").open(newline="") as stream:
            expected = {row["file"]: row["mof_class"] for row in csv.DictReader(stream)}
        assert len(expected) >= 10
        found = {n: class_of(SHARED / folder / n, compatible=compatible) for n in expected}
        assert found == expected


# Component, content type, class, required; the first is what the tool takes unknown names for.
COMPONENTS = (
    ("Datasets", "data", 1, True),
    ("Data preprocessing code", "code", 1, True),
    ("Model architecture", "code", 3, True),
    ("Model parameters (Final)", "data", 3, True),
    ("Model metadata", "data", 1, False),
    ("Model parameters (Intermediate)", "data", 1, True),
    ("Training code", "code", 2, True),
    ("Inference code", "code", 2, True),
    ("Evaluation code", "code", 2, True),
    ("Evaluation data", "data", 2, True),
    ("Evaluation results", "document", 3, True),
    ("Supporting libraries and tools", "code", 2, False),
    ("Model card", "document", 3, True),
    ("Data card", "document", 3, True),
    ("Technical report", "document", 3, True),
    ("Research paper", "document", 1, True),
    ("Sample model outputs", "document", 3, False),
)
TYPE_OF = {name: type_ for name, type_, _, _ in COMPONENTS}

OPEN = ("MIT", "Apache-2.0", "CC-BY-4.0", "CC0-1.0", "CDLA-Permissive-2.0", "ODbL-1.0", "AFL-3.0",
        "CC-BY-2.5-AU", "CC-BY-SA-2.1-JP", "OGL-UK-2.0", "OGL-Canada-2.0", "OpenMDW-1.0", "FSFAP",
        "ODC-PDDL-1.0", "GFDL-1.3", "WTFPL", "Apache-1.0")  # fmt: skip
CLOSED = ("unlicensed", "", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "gemma", "OpenRAIL", "Proprietary",
          "Llama 3.1 Community License Agreement", "Apache 2.0", "MIT license", "OGL-UK-1.0",
          "zlib-acknowledgement", "arXiv.org perpetual non-exclusive license 1.0", "MulanPSL-1.0",
          "DeepSeek License Agreement", "JSON", "Beerware")  # fmt: skip


def oracle(release: dict[str, Any]) -> str:
    own: dict[str, str | None] = {}
    for component in release["components"]:
        name = component["name"] if component["name"] in TYPE_OF else COMPONENTS[0][0]
        own[name] = component.get("license")
    whole = release["license"]

    def license_of(name: str) -> str:
        if own[name] is not None:
            return own[name] or "unlicensed"
        for key in (TYPE_OF[name], "distribution"):
            if whole.get(key, {}).get("name"):
                return str(whole[key]["name"])
        return "unlicensed"

    included = {name for name in own if license_of(name) in OPEN}
    reached, required = "none", set[str]()
    for class_, numeral in ((3, "III"), (2, "II"), (1, "I")):
        required |= {n for n, _, c, needed in COMPONENTS if c == class_ and needed}
        lacking = required - included
        if "Research paper" in included:
            lacking -= {"Technical report"}
        if lacking:
            break
        reached = numeral
    return reached


def declare(draw: random.Random) -> dict[str, Any]:
    """A declaration that is mostly open, so that every class and every near miss comes up."""
    openness = draw.choice((0.6, 0.9, 0.97, 1.0))

    def license_() -> str:
        return draw.choice(OPEN if draw.random() < openness else CLOSED)

    names = [n for n, *_ in COMPONENTS if draw.random() < draw.choice((0.8, 0.99, 1.0))]
    draw.shuffle(names)
    components = []
    for name in names:
        component: dict[str, Any] = {"name": name}
        if draw.random() < 0.7:
            component["description"] = f"About: {name}"
        if draw.random() < 0.5:
            component["license"] = license_()
        if draw.random() < 0.3:
            component["component_path"] = draw.choice(("https://x.org/a?b={c},d", "arxiv license"))
        components.append(component)
    license_fields = {
        key: {"name": license_(), "path": ""}
        for key in ("distribution", "code", "data", "document")
        if draw.random() < 0.6
    }
    return {
        "framework": {"name": "Model Openness Framework", "version": "1.0"},
        "release": {
            "name": "m: #1",
            "producer": "",
            "license": license_fields,
            "components": components,
        },
    }


def write(declared: dict[str, Any], directory: Path) -> Path:
    path = directory / "m.yml"
    path.write_text(json.dumps(declared))  # JSON is YAML
    return path


@pytest.mark.parametrize(
    ("seed", "n"), [(8, 60), pytest.param(9, 400, marks=pytest.mark.long)], ids=["some", "hundreds"]
)
def test_other_declarations(seed: int, n: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    seen: dict[str, int] = {}
    for _ in range(n):
        declared = declare(draw)
        expected = oracle(declared["release"])
        path = write(declared, tmp_path)
        with untraced():
            found = {class_of(path, compatible=True), class_of(path)}
        assert found == {expected}, declared
        seen[expected] = seen.get(expected, 0) + 1
    assert min(seen.get(c, 0) for c in ("I", "II", "III", "none")) > 0, seen


FULL: dict[str, Any] = {
    "framework": {"name": "Model Openness Framework"},
    "release": {
        "name": "full",
        "producer": "p",
        "license": {"distribution": {"name": "MIT", "path": ""}},
        "components": [{"name": n} for n, *_ in COMPONENTS],
    },
}


def changed(component: str, **fields: Any) -> dict[str, Any]:
    declared: dict[str, Any] = json.loads(json.dumps(FULL))
    entry = next(c for c in declared["release"]["components"] if c["name"] == component)
    entry.update(fields)
    return declared


@pytest.mark.parametrize(
    ("license_", "ours"),
    [
        ("PDDL-1.0", "I"),  # the tool's list of open data calls it ODC-PDDL-1.0
        ("C-UDA-1.0", "I"),  # listed by the tool as suitable, and judged not open
        ("CC-PDDC", "I"),  # the same
        ("CC-BY-SA-3.0-DE", "I"),  # a port that its list leaves out
        ("apache-2.0", "I"),  # the hub's spelling of an id
        ("MIT OR CC-BY-NC-4.0", "I"),  # an expression
        ("MIT AND Apache-2.0", "I"),
        ("CDDL-1.1", "I"),  # approved by the OSI since the tool's copy of the list
        ("MIT AND CC-BY-NC-4.0", "II"),
    ],
)
def test_where_the_tool_slips(license_: str, ours: str, tmp_path: Path) -> None:
    path = write(changed("Datasets", license=license_), tmp_path)
    assert class_of(path) == ours
    assert class_of(path, compatible=True) == "II"


def test_a_document_license_that_the_tool_slips_on(tmp_path: Path) -> None:
    path = write(changed("Model card", license="FreeBSD-DOC"), tmp_path)
    assert (class_of(path), class_of(path, compatible=True)) == ("I", "none")


def test_a_name_that_is_no_component(tmp_path: Path) -> None:
    """The tool takes it for the datasets; ours for nothing."""
    declared = changed("Datasets", name="Data sets")
    path = write(declared, tmp_path)
    assert (class_of(path), class_of(path, compatible=True)) == ("II", "I")


def test_a_license_field_with_nothing_in_it(tmp_path: Path) -> None:
    """Empty is unlicensed. Without even quotes the tool reads on to the release's license."""
    text = "release:\n  name: m\n  license:\n    distribution: {name: MIT}\n  components:\n" + "".join(
        f"    - name: {n}\n" + ("      license:\n" if n == "Datasets" else "")
        for n, *_ in COMPONENTS
    )  # fmt: skip
    path = tmp_path / "m.yml"
    path.write_text(text)
    assert (class_of(path), class_of(path, compatible=True)) == ("II", "I")
    path.write_text(text.replace("      license:\n", "      license: ''\n"))
    assert (class_of(path), class_of(path, compatible=True)) == ("II", "II")
    path.write_text(text.replace("      license:\n", "      license: unlicensed\n"))
    assert (class_of(path), class_of(path, compatible=True)) == ("II", "II")


def test_an_open_license_of_another_type_counts_with_a_note(tmp_path: Path) -> None:
    report = judge(write(FULL, tmp_path))
    assert report.mof.mof_class == "I"
    card = next(c for c in report.components if c.kind == "model-card")
    assert card.assessment.status == "open-other-type"


def test_the_paper_stands_in_for_the_report_and_not_the_other_way(tmp_path: Path) -> None:
    without = changed("Technical report", license="unlicensed")
    assert class_of(write(without, tmp_path)) == "I"
    without = changed("Research paper", license="unlicensed")
    assert class_of(write(without, tmp_path)) == "II"


def test_a_description_on_its_own(tmp_path: Path) -> None:
    path = tmp_path / "anything.yaml"
    path.write_text(
        'schema_version: "1.0"\nname: m\nversion: "1"\ndescribed_by: publisher\nlicense: MIT\n'
        "components:\n  model-parameters-final:\n    description: weights\n"
    )
    report = judge(path)
    assert report.mof.mof_class is None
    assert report.verdict in ("open-weight", "weights-available")
    assert not report.third_party
