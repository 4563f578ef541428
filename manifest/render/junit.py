"""A lint report as JUnit XML: one test suite, one test case for each rule that was run."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from manifest.display import plural, printable
from manifest.errors import ExitCode
from manifest.findings import Finding, Severity
from manifest.lint.engine import LintReport
from manifest.render.headline import headline
from manifest.render.places import place_of, sentences

__all__ = ["render_junit"]

_CLASS = "manifest.lint"


def render_junit(report: LintReport, *, prefix: str = "") -> str:
    """The report as XML 1.0 text that ends in a newline.

    What fails the run makes a rule's case fail: errors, and warnings with ``--fail-on warning``;
    the rest is written to its output. ``--require`` is a case of its own, so that the suite fails
    where the run does. All text passes through
    `printable`: what is left of it is allowed in XML 1.0.

    Args:
        report: What lint found.
        prefix: The release directory's path from the root of the checkout; empty for that root.
    """
    by_rule: dict[str, list[Finding]] = {rule.code: [] for rule in report.rules}
    for finding in report.findings:
        by_rule[finding.code].append(finding)
    cases = [
        _case(f"{rule.code} {rule.name}", by_rule[rule.code], report, prefix)
        for rule in report.rules
    ]
    cases += _required(report)
    failed = sum(case.find("failure") is not None for case in cases)
    errors = sum(case.find("error") is not None for case in cases)
    suite = ET.Element(
        "testsuite",
        name=f"manifest lint {printable(report.name)}",
        tests=str(len(cases)),
        failures=str(failed),
        errors=str(errors),
        skipped="0",
        time="0",
    )
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = headline(report)
    ET.indent(suite)
    text = ET.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(name: str, findings: Sequence[Finding], report: LintReport, prefix: str) -> ET.Element:
    case = ET.Element("testcase", classname=_CLASS, name=name, time="0")
    fatal = {Severity.ERROR, report.options.fail_on}
    failing = [f for f in findings if f.severity in fatal]
    if failing:
        more = f" and {plural(len(failing) - 1, 'more finding')}" if len(failing) > 1 else ""
        message = f"{printable(failing[0].message)}{more}"
        failure = ET.SubElement(case, "failure", message=message, type=failing[0].severity.value)
        failure.text = "\n".join(_line(f, report, prefix) for f in failing)
    told = [f for f in findings if f.severity not in fatal]
    if told:
        lines = "\n".join(_line(f, report, prefix) for f in told)
        ET.SubElement(case, "system-out").text = lines
    return case


def _line(finding: Finding, report: LintReport, prefix: str) -> str:
    place = place_of(finding, report, prefix)
    return f"{printable(place.path)}:{place.line}: {sentences(finding)}"


def _required(report: LintReport) -> list[ET.Element]:
    if report.required is None:
        return []
    case = ET.Element("testcase", classname=_CLASS, name=f"require {report.required}", time="0")
    if report.verdict.rank < report.required.rank:
        undecided = report.exit_code is ExitCode.UNDECIDED
        ET.SubElement(case, "error" if undecided else "failure", message=headline(report))
    return [case]
