"""Run the rules over a release and put the answer together (spec/evidence.md, "The report")."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping

from manifest.document.components import MofClass
from manifest.errors import ExitCode, UsageError
from manifest.findings import Finding, Severity
from manifest.lint.architecture import WEIGHTS, graph_in, trusted_bases
from manifest.lint.baseline import Comparison, compare
from manifest.lint.content.code import is_source
from manifest.lint.declarations import open_kinds_of_mot
from manifest.lint.evidence import ComponentEvidence, State
from manifest.lint.release import Basis, Origin, Release, VerificationSummary
from manifest.lint.rule import Rule, all_rules, requirements
from manifest.lint.verdict import (
    Column,
    Framework,
    Requirement,
    Status,
    Verdict,
    column,
    missing_for,
    mof_class,
    mof_trusted,
    verdict,
)

__all__ = ["AppliedException", "LintOptions", "LintReport", "MofResult", "lint", "select_rules"]


@dataclasses.dataclass(frozen=True, slots=True)
class LintOptions:
    """What the caller asks for.

    Attributes:
        select: Codes or prefixes of codes to run; empty for all.
        ignore: Codes or prefixes to leave out of those; the longer prefix wins over ``select``.
        require: The verdict below which the run fails.
        fail_on: The lightest severity that fails the run; advice never does.
        declared: Judge declarations alone.
        today: The day on which exceptions expire or not; the present day when None.
        baseline: Fingerprints of findings that do not fail the run, and how often each; None
            when there is nothing to compare with.
        mot_compatible: Give the class of the Model Openness Framework that the Model Openness Tool
            would give, where it is known to slip too.
        online: Whether pinned references were looked up; told in reports.
        offline: Whether the network was not to be used; told in reports.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    require: Verdict | None = None
    fail_on: Severity = Severity.ERROR
    declared: bool = False
    today: dt.date | None = None
    baseline: Mapping[str, int] | None = None
    mot_compatible: bool = False
    online: bool = False
    offline: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class AppliedException:
    """A rule that the description exempts the release from, and how many findings that hid."""

    rule: str
    reason: str
    expires: str = ""
    hidden: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class MofResult:
    """The class reached, and what the classes above it lack.

    Attributes:
        mof_class: The class; None for none.
        missing: Each missing component with the class that first needs it.
        trusted: How many components count on trust alone, up to the class above the one reached.
    """

    mof_class: MofClass | None
    missing: tuple[tuple[MofClass, str], ...] = ()
    trusted: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class LintReport:
    """What lint found.

    Attributes:
        name, version, revision, origin, third_party: Of the release; the commit that was read,
            where there is one; where its description comes from, and whether somebody else than
            the publisher wrote it.
        date: The day of the judgement.
        basis: Whether evidence counted or declarations alone.
        verdict: What the release meets the criteria of.
        declared_verdict: The same over declarations alone.
        claim: The verdict that the publisher claims; None when it claims none, or another describes.
        mof, osaid, eu: The frameworks' columns.
        components: Each component and its state.
        findings: Errors first, then by code and place; without those that the baseline has.
        baseline: What comparing with the baseline gave; None without one.
        rules: The rules that were run.
        next: The verdict above, and what it still needs in the order of what gains most.
        exceptions: Those of the description that applied.
        accept_pinned: Whether pinned references that were not looked up count.
        pinned_accepted: How many of them did.
        verification: What is known of the signature.
        required: The verdict that was asked for.
        options: What the caller asked for.
        exit_code: The process's exit status.
    """

    name: str
    version: str
    revision: str
    origin: Origin
    third_party: bool
    date: dt.date
    basis: Basis
    verdict: Verdict
    declared_verdict: Verdict
    claim: Verdict | None
    mof: MofResult
    osaid: Column
    eu: Column
    components: tuple[ComponentEvidence, ...]
    findings: tuple[Finding, ...]
    baseline: Comparison | None
    rules: tuple[Rule, ...]
    next_verdict: Verdict | None
    missing: tuple[Requirement, ...]
    exceptions: tuple[AppliedException, ...]
    accept_pinned: bool
    pinned_accepted: int
    verification: VerificationSummary
    required: Verdict | None
    options: LintOptions
    exit_code: ExitCode

    def of_severity(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(f for f in self.findings if f.severity is severity)


def lint(release: Release, options: LintOptions | None = None) -> LintReport:
    """Judge a release.

    Raises:
        UsageError: ``select`` or ``ignore`` names no rule.
    """
    options = options or LintOptions()
    rules = select_rules(options.select, options.ignore)
    today = options.today or dt.datetime.now(dt.UTC).date()
    release = dataclasses.replace(release, today=today)
    judged = release.declared() if options.declared else release
    needed = requirements(judged)
    trusts = judged.accept_pinned and judged.basis is Basis.EVIDENCE
    untrusting = dataclasses.replace(judged, accept_pinned=False) if trusts else judged
    needed_without = requirements(untrusting) if trusts else needed
    reached = verdict(needed)
    declared = reached if options.declared else verdict(requirements(release.declared()))
    findings, exceptions = _findings(judged, rules, today)
    compared = None if options.baseline is None else compare(findings, options.baseline)
    findings = findings if compared is None else compared.new
    above = reached.next
    open_to = open_kinds_of_mot if options.mot_compatible else open_kinds
    kinds = open_to(judged)
    mof, lacking = mof_class(kinds)
    description = release.description
    own = description.described_by == "publisher"
    return LintReport(
        name=description.name,
        version=description.version,
        revision=release.revision,
        origin=release.origin,
        third_party=not own,
        date=today,
        basis=judged.basis,
        verdict=reached,
        declared_verdict=declared,
        claim=Verdict(description.claim) if description.claim and own else None,
        mof=MofResult(mof, lacking, mof_trusted(mof, kinds, open_to(untrusting))),
        osaid=column(Framework.OSAID, needed, needed_without),
        eu=column(Framework.EU, needed, needed_without),
        components=release.components,
        findings=findings,
        baseline=compared,
        rules=rules,
        next_verdict=above,
        missing=missing_for(above, needed) if above else (),
        exceptions=exceptions,
        accept_pinned=release.accept_pinned,
        pinned_accepted=sum(c.state is State.PINNED for c in judged.components)
        + trusted_bases(judged)
        if trusts
        else 0,
        verification=release.verification,
        required=options.require,
        options=options,
        exit_code=_exit_code(reached, needed, findings, options),
    )


def select_rules(select: tuple[str, ...], ignore: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules that codes and prefixes choose; as in ruff the longer prefix wins.

    Raises:
        UsageError: One of them names no rule.
    """
    rules = all_rules()
    for prefix in (*select, *ignore):
        if not any(r.code.startswith(prefix.upper()) for r in rules):
            raise UsageError(
                f"no rule's code begins with {prefix!r}", remedy="`manifest rules` lists them"
            )

    def longest(prefixes: tuple[str, ...], code: str) -> int:
        return max((len(p) for p in prefixes if code.startswith(p.upper())), default=-1)

    return tuple(
        r
        for r in rules
        if (wanted := longest(select, r.code) if select else 0) >= 0
        and longest(ignore, r.code) < (wanted if select else 1)
    )


def open_kinds(release: Release) -> dict[str, bool]:
    """For each kind whether it is there under an open license, as the MOF asks.

    A configuration alone names an architecture and is not its code, which the framework asks for.
    Weights that hold the graph of the computation hold the architecture too.
    """
    found: dict[str, bool] = {}
    for component in release.present():
        is_open = component.assessment.is_open
        if component.kind == "model-architecture" and release.basis is Basis.EVIDENCE:
            is_code = any(is_source(p) for p in component.inspection.accepted)
            is_open = is_open and (is_code or component.by_reference)
        found[component.kind] = found.get(component.kind, False) or is_open
        if component.kind == WEIGHTS and is_open and graph_in(release, component):
            found["model-architecture"] = True
    return found


_WEIGHT = list(Severity)


def _findings(
    release: Release, rules: tuple[Rule, ...], today: dt.date
) -> tuple[tuple[Finding, ...], tuple[AppliedException, ...]]:
    exempt = {
        e.rule: e
        for e in release.description.exceptions
        if not e.expires or e.expires >= today.isoformat()
    }
    hidden = dict.fromkeys(exempt, 0)
    found: list[Finding] = []
    for rule in rules:
        if rule.of_files and release.basis is Basis.DECLARATIONS:
            continue
        for finding in rule.check(release):
            if rule.exemptable and rule.code in exempt:
                hidden[rule.code] += 1
            else:
                found.append(finding)
    exemptable = {r.code for r in all_rules() if r.exemptable}
    applied = tuple(
        AppliedException(code, e.reason, e.expires, hidden[code])
        for code, e in exempt.items()
        if code in exemptable
    )
    return tuple(sorted(found, key=_order)), applied


def _order(finding: Finding) -> tuple[int, str, str, int, str]:
    where = finding.location
    return (
        _WEIGHT.index(finding.severity),
        finding.code,
        where.path if where else "",
        (where.line or 0) if where else 0,
        finding.message,
    )


def _exit_code(
    reached: Verdict,
    needed: tuple[Requirement, ...],
    findings: tuple[Finding, ...],
    options: LintOptions,
) -> ExitCode:
    codes = []
    failing = {Severity.ERROR} | (
        {Severity.WARNING} if options.fail_on is Severity.WARNING else set()
    )
    if any(f.severity in failing for f in findings):
        codes.append(ExitCode.FINDINGS)
    if options.require is not None and reached.rank < options.require.rank:
        lacking = missing_for(options.require, needed)
        undecided = all(r.outcome.status is Status.UNDECIDED for r in lacking)
        codes.append(ExitCode.UNDECIDED if undecided else ExitCode.FINDINGS)
    return ExitCode.worst(codes)
