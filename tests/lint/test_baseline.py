"""Baselines: what was found before does not fail a run, and nothing new hides behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from lint_releases import OPEN_FILES, write

from manifest.cli import cli
from manifest.errors import DocumentError, ManifestError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.baseline import compare, fingerprint, fingerprints, parse_baseline

CLAIMING = OPEN_FILES | {
    "code/train.py": "x = 1\n",
    "release.yaml": OPEN_FILES["release.yaml"].replace(
        "components:", "claim: open-source\ncomponents:"
    ),
}


def finding(message: str = "m", code: str = "CLM002", path: str = "README.md") -> Finding:
    return Finding(code, "name", Severity.ERROR, message, "r", Location(path, 1), "card")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["lint", *map(str, arguments), "--date", "2026-01-31"])


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write(tmp_path / "r", dict(CLAIMING))


@pytest.fixture
def baseline(release: Path, tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    assert run(release, "--format", "json", "--output", path).exit_code == 1
    return path


def test_known_findings_do_not_fail_the_run(release: Path, baseline: Path) -> None:
    assert run(release).exit_code == 1
    result = run(release, "--baseline", baseline, "--fail-on", "warning")
    assert result.exit_code == 0
    assert "Errors and warnings" not in result.output
    known = len(json.loads(baseline.read_text("utf-8"))["findings"])
    assert f"Baseline: {known} findings known, not counted." in result.output


def test_a_new_finding_fails_the_run(release: Path, baseline: Path) -> None:
    card = (release / "README.md").read_text("utf-8")
    (release / "README.md").write_text(
        card + "\nSparrow is a fully open-source language model.\n", "utf-8"
    )
    result = run(release, "--baseline", baseline, "--format", "json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [f["code"] for f in report["findings"] if not f["known"]] == ["CLM002"]
    known = len(json.loads(baseline.read_text("utf-8"))["findings"])
    assert report["baseline"] == {"known": known, "gone": 0}


def test_lines_may_move(release: Path, baseline: Path) -> None:
    text = (release / "release.yaml").read_text("utf-8")
    (release / "release.yaml").write_text(f"# moved\n\n\n{text}", "utf-8")
    assert run(release, "--baseline", baseline).exit_code == 0


def test_what_is_mended_is_counted_as_gone(release: Path, baseline: Path) -> None:
    write(release, {"code/train.py": OPEN_FILES["code/train.py"]})
    result = run(release, "--baseline", baseline)
    assert result.exit_code == 0
    report = json.loads(run(release, "--baseline", baseline, "--format", "json").stdout)
    before = {f["fingerprint"] for f in json.loads(baseline.read_text("utf-8"))["findings"]}
    now = {f["fingerprint"] for f in report["findings"]}
    assert now < before
    assert all(f["known"] for f in report["findings"])
    assert report["baseline"] == {"known": len(now), "gone": len(before - now)}
    assert f"known, not counted, {len(before - now)} findings of it gone." in result.output


def test_a_baseline_changes_neither_verdict_nor_requirement(release: Path, baseline: Path) -> None:
    plain = json.loads(run(release, "--format", "json").stdout)
    known = json.loads(run(release, "--format", "json", "--baseline", baseline).stdout)
    for key in ("verdict", "mof_class", "osaid", "eu", "next"):
        assert known[key] == plain[key]
    assert run(release, "--baseline", baseline, "--require", "open-source").exit_code == 1


def test_a_report_with_a_baseline_is_a_baseline(
    release: Path, baseline: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second.json"
    run(release, "--baseline", baseline, "--format", "json", "-o", second)
    assert run(release, "--baseline", second).exit_code == 0


def test_sarif_says_which_are_known(release: Path, baseline: Path) -> None:
    (release / "tokenizer.json").unlink()
    log = json.loads(run(release, "--baseline", baseline, "--format", "sarif").stdout)
    states = {(r["ruleId"], r["baselineState"]) for r in log["runs"][0]["results"]}
    assert ("EVI002", "new") in states
    assert ("EVI001", "unchanged") in states


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(finding("model.yaml:3 says so"), finding("model.yaml:14 says so"), id="line"),
        pytest.param(finding("lacks a and 2 more"), finding("lacks a and 1 more"), id="count"),
        pytest.param(finding("two  words"), finding("two words"), id="spaces"),
    ],
)
def test_same_finding(one: Finding, other: Finding) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(finding(code="CLM001"), id="rule"),
        pytest.param(finding(path="CARD.md"), id="path"),
        pytest.param(finding("step 10 is missing"), id="message"),
        pytest.param(finding("6:README", path=""), id="parts-run-together"),
        pytest.param(
            Finding("CLM002", "n", Severity.ERROR, "m", "r", Location("README.md")), id="component"
        ),
    ],
)
def test_other_finding(other: Finding) -> None:
    assert fingerprint(other) != fingerprint(finding())


def test_numbers_that_mean_something_tell_findings_apart() -> None:
    assert fingerprint(finding("step10 is missing")) != fingerprint(finding("step20 is missing"))
    assert fingerprint(finding("12 tokens")) != fingerprint(finding("13 tokens"))


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_counts_add_up(before: list[str], now: list[str]) -> None:
    marks = [mark for _, mark, _ in fingerprints(map(finding, before))]
    compared = compare(map(finding, now), {m: marks.count(m) for m in marks})
    assert len(compared.known) == sum(min(before.count(m), now.count(m)) for m in "abc")
    assert len(compared.new) + len(compared.known) == len(now)
    assert len(compared.known) + compared.gone == len(before)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("[]", DocumentError, id="no-object"),
        pytest.param("{", DocumentError, id="no-json"),
        pytest.param('{"findings": []}', DocumentError, id="no-version"),
        pytest.param('{"schema_version": "1.0"}', DocumentError, id="no-findings"),
        pytest.param('{"schema_version": "2.0", "findings": []}', UndecidedError, id="too-new"),
        pytest.param('{"schema_version": "1.0", "findings": [{}]}', DocumentError, id="no-mark"),
        pytest.param(
            '{"schema_version": "1.0", "findings": [{"fingerprint": "*"}]}',
            DocumentError,
            id="wildcard",
        ),
        pytest.param('{"findings": [], "findings": []}', DocumentError, id="duplicate-key"),
        pytest.param("[" * 100, DocumentError, id="deep"),
    ],
)
def test_what_is_no_baseline(text: str, error: type[ManifestError]) -> None:
    with pytest.raises(error) as caught:
        parse_baseline(text.encode(), name="b.json")
    assert caught.value.message.startswith("b.json")
    assert caught.value.remedy


def test_baseline_that_is_not_there(release: Path) -> None:
    assert run(release, "--baseline", "nowhere.json").exit_code == 2


def test_a_day_that_is_none(release: Path) -> None:
    result = CliRunner().invoke(cli, ["lint", str(release), "--date", "31.1.2026"])
    assert result.exit_code == 2
    assert "not a day" in result.output
