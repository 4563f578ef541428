"""A lint report as text: one sentence that can be quoted, then the columns, then what is missing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from manifest.display import plural, printable
from manifest.document.components import KINDS
from manifest.document.replay_statement import reproduction_of
from manifest.errors import ExitCode
from manifest.findings import Finding, Severity
from manifest.lint.baseline import Comparison
from manifest.lint.engine import LintReport
from manifest.lint.frameworks.eu import EuTable
from manifest.lint.release import Basis, Origin, VerificationStatus
from manifest.lint.rule import find_rule
from manifest.lint.verdict import Column, Status, Verdict
from manifest.render import Paint, plain
from manifest.render.eu import eu_lines
from manifest.render.headline import headline, named, on_trust
from manifest.render.lint_components import component_lines
from manifest.render.rules_text import family_of

__all__ = ["baseline_words", "render_lint", "render_lint_summary"]

_MAX_MISSING = 16
_MAX_FINDINGS = 30
_MAX_ALIKE = 3
_MAX_NAMED = 3
_LABEL = 12
_VALUE = 18
_MIN_REMARK = 20

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
    verbose: bool = False,
    eu: EuTable | None = None,
) -> str:
    """The report as text that ends in a newline.

    Args:
        report: What lint found.
        paint: Gives each piece its colour.
        width: Columns of the screen; longer texts are wrapped.
        quiet: Only the headline, errors and warnings.
        verbose: All advice with what to do about it, and not its codes alone.
        eu: The table of the EU AI Act, which stands in the place of columns and components.
    """
    lines = list(_headline(report, width, paint))
    if eu is not None:
        lines += ["", *eu_lines(eu, max(width, 40), paint), *_problems(report, width, paint)]
        return "\n".join([*lines, *_ending(report, paint)]) + "\n"
    if not quiet:
        lines += ["", *_columns(report, width, paint)]
        lines += _missing(report, width, paint, verbose=verbose)
    lines += _problems(report, width, paint, every=verbose)
    if not quiet:
        lines += _advice(report, width, paint, verbose=verbose)
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
    whence = "; ".join(filter(None, [_whence(report), on_trust(report.pinned_accepted)]))
    rows.append((label, report.verdict.value, role, whence))
    reached = report.mof.mof_class
    wanted = [
        KINDS[kind].title for class_, kind in report.mof.missing if class_ == _next_class(report)
    ]
    lacks = f"class {_next_class(report)} lacks {_few(wanted)}" if wanted else ""
    note = "; ".join(filter(None, [lacks, on_trust(report.mof.trusted)]))
    rows.append(
        ("MOF 1.0", f"class {reached}" if reached else "no class", _good(bool(reached)), note)
    )
    rows.append(("OSAID 1.0", *_column(report, report.osaid, "criteria met", "criteria not met")))
    rows.append(("EU 53(2)", *_column(report, report.eu, "precondition holds", "does not hold")))
    rows.append(("signature", _VERIFICATION[report.verification.status], *_signature(report)))
    rows += _replays(report)
    for label, value, colour, remark in rows:
        begin = f"  {paint(f'{label:<{_LABEL}}', 'dim')}"
        indent = 2 + _LABEL + _VALUE + 2
        if remark and width - indent < _MIN_REMARK:
            yield begin + paint(value, colour)
            yield from textwrap.wrap(remark, width, initial_indent="    ", subsequent_indent="    ")
            continue
        lines = textwrap.wrap(remark, width - indent, break_on_hyphens=False) if remark else []
        first = f"{value:<{_VALUE}}" if lines else value
        yield begin + paint(first, colour) + (f"  {lines[0]}" if lines else "")
        yield from (" " * indent + line for line in lines[1:])


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
        remark = "by declarations alone" if by_words else "on this evidence"
        return met, "good", ", ".join(filter(None, [remark, on_trust(column.trusted)]))
    word = "could not tell" if column.status is Status.UNDECIDED else not_met
    lacks = f"lacks {named(column.missing)}"
    return word, "warn", "; ".join(filter(None, [lacks, on_trust(column.trusted)]))


def _replays(report: LintReport) -> Iterator[tuple[str, str, str, str]]:
    """What replays say that count: a line of its own, and no part of the verdict."""
    found = reproduction_of(report.verification.replays)
    if found.signers:
        who, _, segments = found.in_words.partition(": ")
        yield "reproduced", f"by {found.signers:,}", "good", f"{who}: {segments}"
    if found.differing:
        yield "repeated", "DIFFERS", "bad", found.differing_in_words


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


def _missing(
    report: LintReport, width: int, paint: Paint, *, verbose: bool = False
) -> Iterator[str]:
    if report.next_verdict is None or not report.missing:
        return
    yield ""
    yield f"Between this release and {paint(report.next_verdict.value, 'bold')}"
    shown = report.missing if verbose else report.missing[:_MAX_MISSING]
    for requirement in shown:
        yield from _hanging(requirement.code, requirement.outcome.reason, width, paint, "name")
        if verbose:
            yield from _remedy(requirement.code, requirement.remedy, width, paint)
    if len(report.missing) > len(shown):
        yield f"  and {len(report.missing) - len(shown)} more: --verbose shows them"


def _hanging(code: str, text: str, width: int, paint: Paint, role: str) -> Iterator[str]:
    indent = "  " + " " * (len(code) + 2)
    lines = textwrap.wrap(
        printable(text), max(width - len(indent), 30), break_on_hyphens=False
    ) or [""]
    yield f"  {paint(code, role)}  {lines[0]}"
    for line in lines[1:]:
        yield indent + line


def _remedy(code: str, text: str, width: int, paint: Paint) -> Iterator[str]:
    indent = " " * (4 + len(code))
    for line in textwrap.wrap(printable(text), max(width - len(indent), 30)):
        yield indent + paint(line, "dim")


def _advice(
    report: LintReport, width: int, paint: Paint, *, verbose: bool = False
) -> Iterator[str]:
    """Advice that is not told above as missing for the next verdict: by family, or in full."""
    told = {r.code for r in report.missing} if report.next_verdict else set()
    rest = [f for f in report.findings if f.severity is Severity.ADVICE and f.code not in told]
    if not rest:
        return
    yield ""
    if verbose:
        yield "Advice"
        for finding in rest:
            yield from _problem(finding, width, paint, remedies=True)
        return
    begin = f"Advice on {plural(len(rest), 'more point')}: "
    yield from textwrap.wrap(
        begin + "--verbose shows it, `manifest rules CODE` explains a rule", width
    )
    families: dict[str, list[str]] = {}
    for finding in rest:
        rule = find_rule(finding.code)
        families.setdefault(family_of(rule) if rule else "", []).append(finding.code)
    longest = max(map(len, families))
    for family, codes in families.items():
        counted = [
            code + (f" ({codes.count(code)})" if codes.count(code) > 1 else "")
            for code in dict.fromkeys(codes)
        ]
        room = max(width - longest - 4, 12)
        for number, line in enumerate(textwrap.wrap(", ".join(counted), room)):
            yield f"  {'' if number else family:<{longest}}  {paint(line, 'dim')}"


def _problems(
    report: LintReport,
    width: int,
    paint: Paint,
    *,
    remedies: bool = True,
    every: bool = False,
) -> Iterator[str]:
    problems = [f for f in report.findings if f.severity is not Severity.ADVICE]
    if not problems:
        return
    yield ""
    yield "Errors and warnings"
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in problems:
        alike.setdefault((finding.code, finding.remedy), []).append(finding)
    groups = list(alike.values())
    shown = groups if every else groups[:_MAX_FINDINGS]
    for group in shown:
        some = group if every else group[:_MAX_ALIKE]
        more = len(group) - len(some)
        for number, finding in enumerate(some, 1):
            last = number == len(some) and not more
            yield from _problem(finding, width, paint, remedies=remedies and last)
        if more:
            indent = " " * (4 + len(group[0].code))
            yield f"{indent}and {more} more like it: --verbose shows them"
            if remedies and group[0].remedy:
                yield from _remedy(group[0].code, group[0].remedy, width, paint)
    if len(groups) > len(shown):
        left = sum(map(len, groups[len(shown) :]))
        yield f"  and {left} more: --verbose shows them"


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
        yield from _remedy(finding.code, finding.remedy, width, paint)


def baseline_words(compared: Comparison) -> str:
    """What comparing with a baseline gave, in a sentence."""
    known, gone = len(compared.known), compared.gone
    gone_too = f", {plural(gone, 'finding')} of it gone" if gone else ""
    return f"Baseline: {plural(known, 'finding')} known, not counted{gone_too}."


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
