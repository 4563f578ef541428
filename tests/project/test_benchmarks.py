"""The page of benchmarks says what was measured. Nothing is timed here."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.append(str(ROOT / "tests" / "benchmarks"))  # the scripts import each other by name

from measuring import Job, Role, Run, Target  # noqa: E402 - found by the line above
from page import render  # noqa: E402 - the same
from run import JOBS  # noqa: E402 - the same

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def results() -> Any:
    return json.loads((DOCS / "benchmarks" / "results.json").read_text(encoding="utf-8"))


def test_the_page_is_what_the_figures_make(results: Any) -> None:
    files = render(results)
    kept = {p.relative_to(DOCS).as_posix() for p in (DOCS / "benchmarks").glob("*.svg")}
    assert kept == {name for name in files if name.endswith(".svg")}
    for name, text in files.items():
        there = (DOCS / name).read_text(encoding="utf-8")
        assert there == text, f"{name}: run python tests/benchmarks/page.py"


def test_every_job_was_measured(results: Any) -> None:
    assert [job["id"] for job in results["jobs"]] == list(JOBS)


def test_pictures_can_be_read_aloud(results: Any) -> None:
    for name, text in render(results).items():
        if name.endswith(".svg"):
            root = ET.fromstring(text)
            told = {root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")}
            assert None not in told
            assert "" not in told
            ids = {root.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")}  # type: ignore[union-attr]
            assert set(root.get("aria-labelledby", "").split()) == ids


def job(*targets: Target, ours: float = 2.0, other: float = 1.0) -> Job:
    runs = Run("ours", Role.OURS, (ours, ours, ours * 9)), Run("other", Role.PEER, (other,) * 3)
    return Job("id", "title", runs, targets)


@pytest.mark.parametrize(
    ("target", "reached", "met"),
    [
        (Target("half the speed", "ours", 0.5, other="other"), 0.5, True),
        (Target("more than half", "ours", 0.51, other="other"), 0.5, False),
        (Target("one core of two", "ours", 0.25, other="other", share=0.5), 0.25, True),
        (Target("twice the time", "ours", 2.0, True, other="other"), 2.0, True),
        (Target("less than twice", "ours", 1.99, True, other="other"), 2.0, False),
        (Target("the figure itself", "ours", 2.0, True), 2.0, True),
        (Target("told", "ours", None, other="other"), 0.5, None),
    ],
    ids=lambda value: value.what if isinstance(value, Target) else "",
)
def test_a_target_is_met_or_not(target: Target, reached: float, *, met: bool | None) -> None:
    measured = job(target)
    assert sorted(target.reached(measured))[1] == reached
    assert target.is_met(measured) is met


def test_a_missed_target_is_told(results: Any) -> None:
    missed = job(Target("a target", "ours", 0.51, other="other"))
    page = render({**results, "jobs": [dataclasses.asdict(missed)]})["benchmarks.md"]
    (row,) = (line for line in page.splitlines() if "| a target |" in line)
    assert "0.51" in row
    assert "**missed**" in row
    assert "0.500 (0.056 to 0.500)" in row


def test_results_read_back_as_they_were(results: Any) -> None:
    for plain in results["jobs"]:
        assert json.loads(json.dumps(dataclasses.asdict(Job.from_plain(plain)))) == plain
