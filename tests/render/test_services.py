"""Reports for services: SARIF, GitHub, GitLab, JUnit; each against what its reader asks for."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from lint_releases import OPEN_FILES, write
from markdown_it import MarkdownIt

from manifest.cli import cli
from manifest.display import printable
from manifest.findings import Finding, Location, Severity
from manifest.lint import LintOptions, LintReport, lint, load_release
from manifest.render.github import (
    escape_data,
    escape_property,
    markdown,
    render_annotations,
    render_summary,
)
from manifest.render.gitlab import gitlab_plain
from manifest.render.junit import render_junit
from manifest.render.sarif import render_sarif, sarif_plain

GOLDEN = Path(__file__).parent / "golden"
DATA = Path(__file__).parents[1] / "data"
SARIF = jsonschema.Draft4Validator(
    json.loads((DATA / "sarif" / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
)
FORMATS = {
    "json": "announced.json",
    "sarif": "announced.sarif",
    "github": "announced-github.txt",
    "gitlab": "announced-gitlab.json",
    "junit": "announced-junit.xml",
}

ANNOUNCED = OPEN_FILES | {
    "code/train.py": "x = 1\n",
    "README.md": OPEN_FILES["README.md"] + "\nSparrow is a fully open-source language model.\n",
    "release.yaml": OPEN_FILES["release.yaml"].replace(
        "components:", "claim: open-source\ncomponents:"
    ),
}
ARGUMENTS = ("--date", "2026-01-31", "--select", "CLM001,CLM002,EVI001,COD001,REP001")


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(cli, ["lint", *arguments], env={"COLUMNS": "90", **env})


@pytest.fixture
def announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "models" / "sparrow", dict(ANNOUNCED))
    return Path("models/sparrow")


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_golden(announced: Path, name: str) -> None:
    result = run(str(announced), "--format", name, *ARGUMENTS)
    assert result.exit_code == 1, result.output
    golden(FORMATS[name], result.stdout)


def test_golden_summary(announced: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    run(str(announced), "--format", "github", *ARGUMENTS, GITHUB_STEP_SUMMARY=str(summary))
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    golden("announced-summary.md", text.removeprefix("before\n"))


@pytest.mark.parametrize(
    ("workspace", "prefix"),
    [("", "models/sparrow/"), ("models", "sparrow/"), ("models/sparrow", ""), ("elsewhere", "")],
)
def test_paths_begin_at_the_root_of_the_checkout(
    announced: Path, tmp_path: Path, workspace: str, prefix: str
) -> None:
    named = {"GITHUB_WORKSPACE": str(tmp_path / workspace)} if workspace else {}
    text = run(str(announced), "--format", "sarif", "--select", "CLM001", **named).stdout
    assert uris(json.loads(text)) == [f"{prefix}release.yaml"]


def test_output_file_is_written_whole_and_stdout_has_the_headline(announced: Path) -> None:
    result = run(str(announced), "--format", "sarif", "--output", "out.sarif", *ARGUMENTS)
    assert result.exit_code == 1
    assert result.stdout.startswith("As of 2026-01-31, acme/sparrow 1.0 ")
    assert result.stdout.count("\n") == 1
    SARIF.validate(json.loads(Path("out.sarif").read_text("utf-8")))
    assert [p.name for p in Path().iterdir() if p.name != "models"] == ["out.sarif"]
    quiet = run(str(announced), "--format", "junit", "-o", "out.xml", "--quiet", *ARGUMENTS)
    assert quiet.stdout == ""


def test_output_that_cannot_be_written(announced: Path) -> None:
    result = run(str(announced), "--output", "nowhere/report.txt")
    assert result.exit_code == 4
    assert "cannot be written" in result.stderr


# Hostile text: names, messages and components as a stranger may write them.

EVIL = {
    "ansi": "e\x1b[2Jvil",
    "line-ends": "a\r\n::error::forged",
    "markup": "]]><b>&\"'</b> ![x](http://x) | `c` <script>",
    "not-utf-8": "x\udcff\udc00",
    "not-xml": "\x00\x01\ufffe\uffff\U0001ffff",
    "percent": "100%0A::set-output%25",
    "property": "a:b,c=d",
    "right-to-left": "\u202egpj.exe",
}
texts = st.one_of(st.sampled_from(list(EVIL.values())), st.text(st.characters(), min_size=1))


def spoiled(text: str) -> LintReport:
    """The report with a stranger's text wherever one can stand."""
    report = announced_report()
    finding = dataclasses.replace(
        report.findings[0], message=text, remedy=text, location=Location(text, 3, 2, text)
    )
    component = dataclasses.replace(
        report.components[0],
        reason=text,
        license=text,
        spec=dataclasses.replace(report.components[0].spec, id=text),
    )
    missing = tuple(
        dataclasses.replace(m, outcome=dataclasses.replace(m.outcome, reason=text, component=text))
        for m in report.missing
    )
    return dataclasses.replace(
        report,
        name=text,
        version=text,
        findings=(finding, *report.findings),
        components=(component,),
        missing=missing,
    )


@functools.cache
def announced_report() -> LintReport:
    with tempfile.TemporaryDirectory() as place:
        release = load_release(write(Path(place) / "sparrow", dict(ANNOUNCED)))
        return lint(release, LintOptions(select=("CLM", "EVI", "COD")))


def uris(log: dict[str, Any]) -> list[str]:
    return [
        location["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
        for location in result["locations"]
    ]


@settings(deadline=None)  # the schema of SARIF is large
@given(text=texts)
def test_sarif_is_valid_and_keeps_paths(text: str) -> None:
    log = json.loads(render_sarif(spoiled(text), prefix="a b"))
    SARIF.validate(log)
    first = uris(log)[0]
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", first)
    if not re.search("[\ud800-\udc7f\udd00-\udfff]", text):  # what no file name decodes to
        assert unquote_to_bytes(first) == b"a b/" + text.encode("utf-8", "surrogateescape")
    for result in log["runs"][0]["results"]:
        rule = log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["helpUri"].startswith("https://")
        assert printable(result["message"]["text"]) == result["message"]["text"]


def command_of(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner reads it: split first, then unescaped, ``%25`` last."""
    match = re.fullmatch(r"::(\w+)(?: (.*?))?::(.*)", line)
    assert match, line
    properties = dict(part.split("=", 1) for part in match[2].split(","))

    def data(text: str) -> str:
        return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")

    def value(text: str) -> str:
        return data(text.replace("%3A", ":").replace("%2C", ","))

    return match[1], {k: value(v) for k, v in properties.items()}, data(match[3])


@given(text=st.text())
def test_escapes_are_undone_by_the_runner(text: str) -> None:
    line = f"::error title={escape_property(text)}::{escape_data(text)}"
    assert len(re.split("[\r\n]", line)) == 1
    if "::" not in escape_property(text):
        assert command_of(line) == ("error", {"title": text}, text)


@given(text=texts)
def test_annotations_hold_one_command_a_line(text: str) -> None:
    evil = spoiled(text)
    *lines, last = render_annotations(evil).rstrip("\n").split("\n")
    assert len(lines) == len(evil.findings)
    assert last.startswith("As of ")
    for line, finding in zip(lines, evil.findings, strict=True):
        name, properties, message = command_of(line)
        assert name == {"advice": "notice"}.get(finding.severity.value, finding.severity.value)
        assert finding.location is None or properties["file"] == printable(finding.location.path)
        assert message.startswith(printable(finding.message).strip())
        assert all(printable(part) == part for part in line.split("\n"))


@given(text=texts)
def test_markdown_shows_text_as_it_is(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(f"| a |\n|---|\n| x{markdown(text)}x |")
    cell = next(t for t in tokens if t.type == "inline" and t.content.startswith("x"))
    assert cell.children is not None
    assert {c.type for c in cell.children} <= {"text", "text_special"}
    assert "".join(c.content for c in cell.children) == f"x{printable(text)}x"


@given(text=texts)
def test_summary_keeps_its_tables(text: str) -> None:
    summary = render_summary(spoiled(text))
    tokens = MarkdownIt("commonmark").enable("table").parse(summary)
    assert sum(t.type == "table_open" for t in tokens) == 4
    assert not {t.type for t in tokens} & {"html_block", "fence", "code_block"}
    inline = {c.type for t in tokens for c in t.children or ()}
    assert inline <= {"text", "text_special"}


@given(text=texts)
def test_gitlab_has_the_documented_keys(text: str) -> None:
    issues = gitlab_plain(spoiled(text))
    assert json.loads(json.dumps(issues)) == issues
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert issue["location"]["lines"]["begin"] >= 1
        assert issue["location"]["path"].encode()
    assert len({i["fingerprint"] for i in issues}) == len(issues)


def schema() -> Any:
    return xmlschema.XMLSchema(DATA / "junit" / "jenkins-junit.xsd")


@given(text=texts)
def test_junit_is_xml_1_0(text: str) -> None:
    suite = ET.fromstring(render_junit(spoiled(text)).encode())
    assert suite.tag == "testsuite"
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.get("tests", ""))
    failed = [c for c in cases if c.find("failure") is not None]
    assert len(failed) == int(suite.get("failures", ""))


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL)
def test_junit_is_valid_under_the_schema(text: str) -> None:
    schema().validate(render_junit(spoiled(text)))


@pytest.mark.parametrize("fail_on", ["error", "warning"])
def test_junit_has_a_case_for_each_rule_and_for_the_requirement(
    announced: Path, fail_on: str
) -> None:
    options = ("--format", "junit", "--require", "open-science", "--fail-on", fail_on)
    result = run(str(announced), *options)
    suite = ET.fromstring(result.stdout.encode())
    names = [case.get("name", "") for case in suite.findall("testcase")]
    assert names[-1] == "require open-science"
    assert "CLM001 claim-exceeds-evidence" in names
    failed = {
        c.get("name", "")[:6] for c in suite.findall("testcase") if c.find("failure") is not None
    }
    assert {"CLM001", "CLM002"} <= failed
    assert ("EVI001" in failed) == (fail_on == "warning")  # a warning, which fails no other run
    assert "COD001" not in failed


def test_fingerprints_do_not_move_with_lines(tmp_path: Path) -> None:
    marks = []
    for number, head in enumerate(("", "# one\n# two\n")):
        moved = ANNOUNCED | {"release.yaml": head + ANNOUNCED["release.yaml"]}
        log = sarif_plain(lint(load_release(write(tmp_path / str(number) / "r", dict(moved)))))
        results = log["runs"][0]["results"]
        marks.append([r["partialFingerprints"] for r in results])
        lines = [r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in results]
        marks.append(lines)
    assert marks[0] == marks[2]
    assert marks[1] != marks[3]


def test_alike_findings_keep_apart() -> None:
    one = Finding("CLM001", "claim-exceeds-evidence", Severity.ERROR, "twice", "")
    twins = dataclasses.replace(announced_report(), findings=(one, one))
    assert len({i["fingerprint"] for i in gitlab_plain(twins)}) == 2
    results = sarif_plain(twins)["runs"][0]["results"]
    assert len({r["partialFingerprints"]["primaryLocationLineHash"] for r in results}) == 2
