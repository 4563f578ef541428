"""A lint report for GitHub Actions: annotations, and the summary of the job.

Annotations are workflow commands on stdout. GitHub's runner reads a command from every line that
begins with two colons, so all text is on one line and escaped as the runner's toolkit escapes it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from manifest.display import human_size, plural, printable
from manifest.document.components import KINDS
from manifest.findings import Severity
from manifest.lint.engine import LintReport
from manifest.lint.evidence import ComponentEvidence
from manifest.lint.verdict import Column, Status
from manifest.render.headline import headline, on_trust
from manifest.render.lint_text import baseline_words
from manifest.render.places import place_of, sentences

__all__ = ["escape_data", "escape_property", "markdown", "render_annotations", "render_summary"]

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}
_MAX_ROWS = 200
"""Rows of a table in the summary, which GitHub refuses above one mebibyte."""
_STATUS = {Status.MET: "criteria met", Status.NOT_MET: "not met", Status.UNDECIDED: "undecided"}


def escape_data(text: str) -> str:
    """The value of a workflow command: percent sign and line ends."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A property of a workflow command: colon and comma as well."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def render_annotations(report: LintReport, *, prefix: str = "") -> str:
    """One workflow command for each finding, then the headline; text that ends in a newline.

    Args:
        report: What lint found.
        prefix: The release directory's path from the root of the checkout; empty for that root.
    """
    lines = []
    for finding in report.findings:
        place = place_of(finding, report, prefix)
        properties = {
            "file": printable(place.path),
            "line": str(place.line),
            **({"col": str(place.column)} if place.column is not None else {}),
            "title": f"{finding.code} {finding.name}",
        }
        lines.append(_command(_COMMAND[finding.severity], properties, sentences(finding)))
    if report.required is not None and report.verdict.rank < report.required.rank:
        title = {"title": f"{report.required} is required"}
        lines.append(_command("error", title, headline(report)))
    lines.append(headline(report))
    return "\n".join(lines) + "\n"


def _command(name: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{key}={escape_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{escape_data(message)}"


_ACTIVE = re.compile(r"([\\`*_{}\[\]()#+\-.!|~^$:@=/])")


def markdown(text: str) -> str:
    """Untrusted text as Markdown that shows it as it is: no link, no image, no markup, one line."""
    return _ACTIVE.sub(r"\\\1", html.escape(printable(text), quote=False))


def render_summary(report: LintReport) -> str:
    """The report in Markdown, for the file that ``GITHUB_STEP_SUMMARY`` names."""
    name = markdown(f"{report.name} {report.version}")
    lines = [f"## Release {name}: {report.verdict}", "", markdown(headline(report)), ""]
    lines += _table(("", ""), _columns(report))
    problems = [f for f in report.findings if f.severity is not Severity.ADVICE]
    if problems:
        lines += ["", "### Errors and warnings", ""]
        rows = [
            (f.code, f.severity.value, markdown(f.message), markdown(f.remedy)) for f in problems
        ]
        lines += _table(("rule", "severity", "finding", "what to do"), rows)
    if report.baseline is not None:
        lines += ["", markdown(baseline_words(report.baseline))]
    if report.next_verdict and report.missing:
        lines += ["", f"### Between this release and {report.next_verdict}", ""]
        rows_ = [(r.code, markdown(r.title), markdown(r.outcome.reason)) for r in report.missing]
        lines += _table(("rule", "needed", "what is the case"), rows_)
    if report.components:
        lines += ["", "### Components", ""]
        order = list(KINDS)
        shown = sorted(report.components, key=lambda c: (c.state.rank, order.index(c.kind)))
        lines += _table(("component", "state", "what there is"), [_component(c) for c in shown])
    return "\n".join(lines) + "\n"


def _columns(report: LintReport) -> Iterator[tuple[str, ...]]:
    if report.claim is not None:
        yield "claimed", report.claim.value
    if report.declared_verdict.rank > report.verdict.rank:
        yield "declared", report.declared_verdict.value
    yield report.basis.value, _trusting(report.verdict.value, report.pinned_accepted)
    reached = report.mof.mof_class
    yield (
        "Model Openness Framework 1.0",
        _trusting(f"class {reached}" if reached else "no class", report.mof.trusted),
    )
    yield "Open Source AI Definition 1.0", _column(report.osaid)
    yield "EU AI Act, precondition of Art. 53(2)", _column(report.eu)
    yield "signature", report.verification.status.value


def _column(column: Column) -> str:
    codes = ", ".join(r.code for r in column.missing)
    return _trusting(_STATUS[column.status] + (f": {codes}" if codes else ""), column.trusted)


def _trusting(text: str, count: int) -> str:
    return f"{text} (on this evidence, {on_trust(count)})" if count else text


def _component(component: ComponentEvidence) -> tuple[str, str, str]:
    files = f"{plural(component.file_count, 'file')}, {human_size(component.size)}"
    license_ = component.license or "no license"
    there = f"{files}, {license_}" if component.state.rank == 0 else component.reason
    return markdown(component.spec.id), component.state.value, markdown(there)


def _table(
    head: Sequence[str], rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]
) -> list[str]:
    cells = list(rows)
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(row)} |" for row in cells[:_MAX_ROWS]]
    if len(cells) > _MAX_ROWS:
        lines += ["", f"and {len(cells) - _MAX_ROWS} more"]
    return lines
