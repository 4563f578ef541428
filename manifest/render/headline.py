"""The answer of lint in one sentence (spec/evidence.md, "The report")."""

from __future__ import annotations

from collections.abc import Sequence

from manifest._version import __version__
from manifest.display import plural, printable
from manifest.lint.engine import LintReport
from manifest.lint.release import Basis, Origin
from manifest.lint.verdict import Requirement, Status, Verdict

__all__ = ["headline", "named", "on_trust"]

_MAX_NAMED = 3
_MAX_REASON = 160
_COMMIT = 12  # digits of a commit that tell it from all others of a repository
_NO_VERSION = "unversioned"  # what a draft says where nothing gives the version


def headline(report: LintReport) -> str:
    """The answer in one sentence that can be quoted without the rest.

    It holds the day, the name with its version or commit, the verdict, the strongest reason, and
    the program with its version.
    """
    return f"As of {report.date.isoformat()}, {_answer(report)} (manifest {__version__})."


def _answer(report: LintReport) -> str:
    who = _who(report)
    if report.basis is Basis.DECLARATIONS:
        verb = "would be" if report.verdict is Verdict.CLOSED else "would meet the criteria of"
        return (
            f"by its declarations alone, {who} {verb} {report.verdict}; no evidence was looked at"
        )
    verb = "is" if report.verdict is Verdict.CLOSED else "meets the criteria of"
    parts = [f"{who} {verb} {report.verdict} on this evidence"]
    lacks = _lacks(report)
    if report.verdict is Verdict.CLOSED and _unread(report):
        unknown = f"whether it has {named(report.missing)} could not be read"
        parts, lacks = [f"{who} could not be judged from here: {unknown}"], ""
    if report.pinned_accepted:
        counted = plural(report.pinned_accepted, "pinned reference")
        parts[0] += f", {counted} taken on trust"
    if report.claim is not None and report.claim is not report.verdict:
        same = bool(lacks) and report.claim is report.next_verdict
        parts.append(f"it claims {report.claim}" + (f", for which {lacks}" if same else ""))
        lacks = "" if same else lacks
    elif report.declared_verdict.rank > report.verdict.rank:
        parts.append(f"what is declared would make it {report.declared_verdict}")
    if lacks:
        parts.append(f"for {report.next_verdict} {lacks}")
    return "; ".join(parts)


def _lacks(report: LintReport) -> str:
    """What stands in the way.

    Of a release that nobody described it is said of its files alone: what they lack may lie
    elsewhere.
    """
    if not report.missing:
        return ""
    subject = "its files lack" if report.origin is Origin.DRAFTED else "it lacks"
    return f"{subject} {named(report.missing)}{_why(report)}"


def _unread(report: LintReport) -> bool:
    """Whether all that is missing could not be looked at, as behind a gate."""
    return all(r.outcome.status is Status.UNDECIDED for r in report.missing)


def _who(report: LintReport) -> str:
    # A draft's version is the commit, where nothing else gives one: said once is enough.
    version = "" if report.version in (_NO_VERSION, report.revision) else f" {report.version}"
    commit = f" at commit {report.revision[:_COMMIT]}" if report.revision else ""
    return printable(f"{report.name}{version}{commit}")


def _why(report: LintReport) -> str:
    """The reason behind a single thing that is missing; of a long one what comes before its ``;``."""
    first = report.missing[0]
    if len(report.missing) > 1 or not first.outcome.component:
        return ""
    reason = printable(first.outcome.reason).rstrip(".").removeprefix(f"no {first.title}: ")
    if len(reason) > _MAX_REASON:
        reason = reason.partition("; ")[0]
    return f": {reason}" if len(reason) <= _MAX_REASON else ""


def on_trust(count: int) -> str:
    """How many pinned references count that nobody looked up; empty for none."""
    return f"{count} taken on trust" if count else ""


def named(missing: Sequence[Requirement]) -> str:
    """The first few of what is missing, and how many more there are."""
    shown = [r.title for r in missing[:_MAX_NAMED]]
    more = len(missing) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
