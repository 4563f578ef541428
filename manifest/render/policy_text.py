"""A decision by a policy as text: the answer, then every demand with what was found."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import ExitCode
from manifest.policy.decision import Decision
from manifest.render import Paint, plain

__all__ = ["render_policy"]

_MARKS = {True: ("holds", "good"), False: ("refused", "bad"), None: ("unclear", "warn")}


def render_policy(decision: Decision, *, paint: Paint = plain, quiet: bool = False) -> str:
    """The decision as text that ends in a newline; only its first line when ``quiet``."""
    lines = [_headline(decision, paint), *(() if quiet else _body(decision, paint))]
    return "\n".join(lines) + "\n"


def _headline(decision: Decision, paint: Paint) -> str:
    report = decision.report
    what = printable(" ".join(p for p in (report.name, report.version) if p) or report.target)
    if decision.accepted:
        word = paint("ACCEPTED", "good")
    elif decision.exit_code is ExitCode.UNDECIDED:
        word = paint("NO ANSWER", "bad")
    else:
        word = paint("NOT ACCEPTED", "bad")
    held = sum(d.held is True for d in decision.demands)
    return f"{word}  {what}: {held} of {len(decision.demands)} demands hold"


def _body(decision: Decision, paint: Paint) -> Iterator[str]:
    for number, demand in enumerate(decision.demands, start=1):
        mark, role = _MARKS[demand.held]
        yield f"  {number:2}. {paint(mark, role)}{' ' * (8 - len(mark))}{demand.name}"
        yield f"      asked   {printable(demand.asked)} ({printable(demand.where)})"
        yield f"      found   {printable(demand.found)}"
    for note in decision.notes:
        yield f"  {paint('note', 'bold')}  {printable(note)}"
    yield f"  policy  sha256 {decision.policy_sha256}"
    yield f"  at      {decision.at:%Y-%m-%d %H:%M:%S} UTC"
