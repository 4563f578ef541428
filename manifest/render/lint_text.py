"""A lint report as text: one sentence that can be quoted, then the columns, then what is missing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from manifest.display import human_size, plural, printable
from manifest.document.components import KINDS
from manifest.errors import ExitCode
from manifest.findings import Finding, Severity
from manifest.lint.baseline import Comparison
from manifest.lint.engine import LintReport
from manifest.lint.evidence import ComponentEvidence, State
from manifest.lint.frameworks.eu import EuTable
from manifest.lint.release import Basis, Origin, VerificationStatus
from manifest.lint.verdict import Column, Status, Verdict
from manifest.render import Paint, plain
from manifest.render.eu import eu_lines
from manifest.render.headline import headline, named

__all__ = ["baseline_words", "component_lines", "render_lint", "render_lint_summary"]

_MAX_MISSING = 16
_MAX_FINDINGS = 30
_MAX_NAMED = 3
_LABEL = 12

_STATE_ROLE = {
    State.EVIDENCED: "good",
    State.PINNED: "name",
    State.DECLARED: "warn",
    State.UNKNOWN: "warn",
    State.WITHHELD: "warn",
    State.ABSENT: "bad",
}
_SEVERITY_ROLE = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.ADVICE: "dim"}
_VERIFICATION = {
    VerificationStatus.NONE: "no signature",
    VerificationStatus.NOT_CHECKED: "there is one, not checked by this command",
    VerificationStatus.TRUSTED: "trusted",
    VerificationStatus.INTEGRITY_ONLY: "files match; nobody is vouched for",
    VerificationStatus.REFUSED: "refused",
}


def render_lint(
    report: LintReport,
    *,
    paint: Paint = plain,
    width: int = 80,
    quiet: bool = False,
    eu: EuTable | None = None,
) -> str:
    """The report as text that ends in a newline.

    Args:
        report: What lint found.
        paint: Gives each piece its colour.
        width: Columns of the screen; longer texts are wrapped or cut.
        quiet: Only the headline, errors and warnings.
        eu: The table of the EU AI Act, which stands in the place of columns and components.
    """
    lines = list(_headline(report, width, paint))
    if eu is not None:
        lines += ["", *eu_lines(eu, max(width, 40), paint), *_problems(report, width, paint)]
        return "\n".join([*lines, *_ending(report, paint)]) + "\n"
    if not quiet:
        lines += ["", *_columns(report, width, paint)]
        lines += _missing(report, width, paint)
    lines += _problems(report, width, paint)
    if report.baseline is not None:
        lines += ["", baseline_words(report.baseline)]
    if not quiet and report.components:
        lines += ["", "Components", *component_lines(report.components, width, paint)]
    if not quiet:
        lines += _exceptions(report, width, paint)
    lines += _ending(report, paint)
    return "\n".join(lines) + "\n"


def render_lint_summary(report: LintReport, *, paint: Paint = plain, width: int = 80) -> str:
    """The headline, the columns and the errors: what fits beside other answers."""
    lines = [*_headline(report, width, paint), "", *_columns(report, width, paint)]
    lines += _problems(report, width, paint, remedies=False)
    return "\n".join(lines) + "\n"


def _headline(report: LintReport, width: int, paint: Paint) -> Iterator[str]:
    # Wrapped before it is painted: codes for colour have no width.
    lines = textwrap.wrap(headline(report), max(width, 40), break_on_hyphens=False)
    verdict = report.verdict.value
    for number, line in enumerate(lines):
        if number == 0 and verdict in line:
            before, _, after = line.partition(f" {verdict}")
            yield f"{paint(before, 'bold')} {paint(verdict, _verdict_role(report))}{paint(after, 'bold')}"
        else:
            yield paint(line, "bold")


def _verdict_role(report: LintReport) -> str:
    if report.exit_code is not ExitCode.OK:
        return "bad"
    return "warn" if report.verdict.rank < Verdict.OPEN_WEIGHT.rank else "good"


def _columns(report: LintReport, width: int, paint: Paint) -> Iterator[str]:
    role = _verdict_role(report)
    rows: list[tuple[str, str, str, str]] = []
    if report.declared_verdict.rank > report.verdict.rank:
        rows.append(
            ("declared", report.declared_verdict.value, "warn", "if all that is said were there")
        )
    if report.claim is not None:
        beyond = report.claim.rank > report.verdict.rank
        note = "more than what is here bears" if beyond else ""
        rows.append(("claimed", report.claim.value, "bad" if beyond else "good", note))
    by_words = report.basis is Basis.DECLARATIONS
    label = "declared" if by_words else "evidenced"
    rows.append((label, report.verdict.value, role, _whence(report)))
    reached = report.mof.mof_class
    wanted = [
        KINDS[kind].title for class_, kind in report.mof.missing if class_ == _next_class(report)
    ]
    note = f"class {_next_class(report)} lacks {_few(wanted)}" if wanted else ""
    rows.append(
        ("MOF 1.0", f"class {reached}" if reached else "no class", _good(bool(reached)), note)
    )
    rows.append(("OSAID 1.0", *_column(report, report.osaid, "criteria met", "criteria not met")))
    rows.append(("EU 53(2)", *_column(report, report.eu, "precondition holds", "does not hold")))
    rows.append(("signature", _VERIFICATION[report.verification.status], *_signature(report)))
    for label, value, colour, remark in rows:
        room = width - 2 - _LABEL - 18 - 2
        padded = f"{value:<18}" if remark else value
        text = f"  {paint(f'{label:<{_LABEL}}', 'dim')}{paint(padded, colour)}"
        yield text + (f"  {_cut(remark, room)}" if remark else "")


def _next_class(report: LintReport) -> str:
    return report.mof.missing[0][0].value if report.mof.missing else ""


def _few(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - _MAX_NAMED} more" if len(titles) > _MAX_NAMED else ""
    return ", ".join(t[0].lower() + t[1:] for t in titles[:_MAX_NAMED]) + more


def _good(holds: bool) -> str:  # noqa: FBT001 - the condition itself is the argument
    return "good" if holds else "dim"


def _column(report: LintReport, column: Column, met: str, not_met: str) -> tuple[str, str, str]:
    if column.status is Status.MET:
        by_words = report.basis is Basis.DECLARATIONS
        return met, "good", "by declarations alone" if by_words else "on this evidence"
    word = "could not tell" if column.status is Status.UNDECIDED else not_met
    return word, "warn", f"lacks {named(column.missing)}"


def _signature(report: LintReport) -> tuple[str, str]:
    status = report.verification.status
    role = {VerificationStatus.TRUSTED: "good", VerificationStatus.REFUSED: "bad"}.get(
        status, "dim"
    )
    return role, printable(report.verification.signer or report.verification.detail)


def _whence(report: LintReport) -> str:
    if report.basis is Basis.DECLARATIONS:
        return "by declarations alone"
    match report.origin:
        case Origin.DRAFTED:
            return "nobody described it: judged by its files"
        case Origin.RESOLVED:
            return "by the description in manifest.json"
        case _:
            return "as a third party describes it" if report.third_party else ""


def _missing(report: LintReport, width: int, paint: Paint) -> Iterator[str]:
    if report.next_verdict is None or not report.missing:
        return
    yield ""
    yield f"Between this release and {paint(report.next_verdict.value, 'bold')}"
    for requirement in report.missing[:_MAX_MISSING]:
        yield from _hanging(requirement.code, requirement.outcome.reason, width, paint, "name")
    if len(report.missing) > _MAX_MISSING:
        yield f"  and {len(report.missing) - _MAX_MISSING} more"


def _hanging(code: str, text: str, width: int, paint: Paint, role: str) -> Iterator[str]:
    indent = "  " + " " * (len(code) + 2)
    lines = textwrap.wrap(
        printable(text), max(width - len(indent), 30), break_on_hyphens=False
    ) or [""]
    yield f"  {paint(code, role)}  {lines[0]}"
    for line in lines[1:]:
        yield indent + line


def _problems(
    report: LintReport, width: int, paint: Paint, *, remedies: bool = True
) -> Iterator[str]:
    problems = [f for f in report.findings if f.severity is not Severity.ADVICE]
    if not problems:
        return
    yield ""
    yield "Errors and warnings"
    for finding in problems[:_MAX_FINDINGS]:
        yield from _problem(finding, width, paint, remedies=remedies)
    if len(problems) > _MAX_FINDINGS:
        yield f"  and {len(problems) - _MAX_FINDINGS} more: --format json has all"


def _problem(finding: Finding, width: int, paint: Paint, *, remedies: bool) -> Iterator[str]:
    place = ""
    if finding.location is not None:
        line = f":{finding.location.line}" if finding.location.line else ""
        place = f"{printable(finding.location.path)}{line}: "
    message = finding.message
    if place and message.startswith(place[:-2] + " "):
        place = ""  # the message begins with the path already
    yield from _hanging(
        finding.code, place + message, width, paint, _SEVERITY_ROLE[finding.severity]
    )
    if remedies and finding.remedy:
        indent = " " * (4 + len(finding.code))
        for line in textwrap.wrap(printable(finding.remedy), max(width - len(indent), 30)):
            yield indent + paint(line, "dim")


def baseline_words(compared: Comparison) -> str:
    """What comparing with a baseline gave, in a sentence."""
    known, gone = len(compared.known), compared.gone
    gone_too = f", {plural(gone, 'finding')} of it gone" if gone else ""
    return f"Baseline: {plural(known, 'finding')} known, not counted{gone_too}."


def component_lines(
    components: Sequence[ComponentEvidence], width: int, paint: Paint
) -> Iterator[str]:
    """A line for each component: its state, its name, and what there is of it."""
    order = list(KINDS)
    shown = sorted(components, key=lambda c: (c.state.rank, order.index(c.kind)))
    longest = min(max((len(_title(c)) for c in shown), default=0), 34)
    for component in shown:
        state = paint(f"{component.state.value:<9}", _STATE_ROLE[component.state])
        room = width - 2 - 9 - 2 - longest - 2
        title = _cut(_title(component), longest)
        yield f"  {state}  {title:<{longest}}  {_cut(_detail(component), room)}".rstrip()


def _title(component: ComponentEvidence) -> str:
    kind = component.spec.kind
    return kind.title if component.spec.id == kind.id else printable(component.spec.id)


def _detail(component: ComponentEvidence) -> str:
    if component.state is not State.EVIDENCED:
        return printable(component.reason)
    count = len(component.files.here)
    license_ = printable(component.license) or "no license"
    note = "" if component.assessment.is_open or not component.license else " (not open)"
    if component.by_reference:
        return f"{license_}{note}, {printable(component.reason)}"
    return f"{plural(count, 'file')}, {human_size(component.size)}, {license_}{note}"


def _exceptions(report: LintReport, width: int, paint: Paint) -> Iterator[str]:
    if not report.exceptions:
        return
    yield ""
    yield "Exceptions, by the description"
    for exception in report.exceptions:
        until = f", until {exception.expires}" if exception.expires else ""
        text = f"{exception.reason} ({plural(exception.hidden, 'finding')} hidden{until})"
        yield from _hanging(exception.rule, text, width, paint, "name")


def _ending(report: LintReport, paint: Paint) -> Iterator[str]:
    """Why the run fails, where it does; nothing where it passes."""
    if report.required is not None and report.verdict.rank < report.required.rank:
        yield ""
        word = "could not be told" if report.exit_code is ExitCode.UNDECIDED else "is not reached"
        yield paint(f"{report.required} is required, and {word}.", "bad")


def _cut(text: str, room: int) -> str:
    room = max(room, 12)
    return text if len(text) <= room else f"{text[: room - 1]}…"
