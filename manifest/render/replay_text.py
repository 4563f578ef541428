"""A replay as text: what would be run, or what came of it, segment by segment."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping

from manifest.display import human_size, plural, printable
from manifest.render import Paint, plain
from manifest.replay.comparison import Comparison, FileResult, Result, TensorComparison
from manifest.replay.report import ReplayReport
from manifest.replay.run import Outcome, Plan
from manifest.replay.sandbox import OUTPUT, RELEASE

__all__ = ["render_replay", "render_replay_plan"]

_MAX_LISTED = 10
_BAR = 40
_DECADES = 40
_LOG_LINES = 10
_WORDS = {
    Result.BIT_FOR_BIT: ("bit for bit", "good"),
    Result.WITHIN_TOLERANCE: ("within the declared tolerance", "good"),
    Result.DIFFERS: ("DIFFERS", "bad"),
}


def render_replay_plan(report: ReplayReport, *, paint: Paint = plain) -> str:
    """What would be run, and where; the text ends in a newline."""
    lines: list[str] = [*_drawn(report)]
    for plan in report.plans:
        lines += [paint(f"{_title(plan)}", "bold"), *_plan(plan), ""]
    lines.append("Nothing was run. Read the code first; then add --run.")
    return "\n".join(lines) + "\n"


def _drawn(report: ReplayReport) -> Iterator[str]:
    if report.draw is not None:
        of = plural(report.draw.segments, "segment")
        yield f"drawn: {len(report.plans):,} of {of}, by the nonce {report.draw.nonce.hex()}"


def _title(plan: Plan) -> str:
    return f"{printable(plan.segment.start.name)} to {printable(plan.segment.end.name)}"


def _plan(plan: Plan) -> Iterator[str]:
    parts, limits = plan.parts, plan.limits
    inside = plan.sandbox is not None
    place = RELEASE if inside else str(plan.place / "inputs" / "release")
    rows = [
        ("command", " ".join(shlex.quote(word) for word in plan.command)),
        ("in", f"{place} (copies, read-only)" if inside else f"{place} (copies)"),
        (
            "sandbox",
            "bwrap: no network, no other processes, nothing of your home"
            if inside
            else "NONE: it runs with all your rights, and could read the expected answer",
        ),
        ("python", f"{plan.interpreter.version}, {plan.interpreter.path}"),
        ("reads", f"{plural(len(parts.given), 'file')}, {_size(parts.given)}"),
        *(("", f.full_path) for f in parts.given[:_MAX_LISTED]),
        *_more(len(parts.given)),
        *(("kept out", f"{f.full_path}, which holds the answer") for f in parts.kept_out),
        ("writes", f"{OUTPUT if inside else plan.output}, kept as {plan.output}"),
        ("compares", f"{plural(len(parts.expected), 'file')}, {_size(parts.expected.values())}"),
        *(("not", path) for path in parts.not_compared),
        ("sets", " ".join(f"{k}={shlex.quote(v)}" for k, v in plan.variables.items())),
        (
            "limits",
            (
                f"{limits.seconds:,.0f} seconds, {human_size(limits.output_bytes)} written, "
                f"{human_size(limits.memory_bytes)} of memory"
            ),
        ),
    ]
    for label, text in rows:
        yield f"  {label:<9} {printable(text)}"


def _more(count: int) -> Iterator[tuple[str, str]]:
    if count > _MAX_LISTED:
        yield "", f"and {count - _MAX_LISTED:,} more"


def _size(files: object) -> str:
    return human_size(sum(f.size for f in files))  # type: ignore[attr-defined]


def render_replay(report: ReplayReport, *, paint: Paint = plain, quiet: bool = False) -> str:
    """What came of it; the text ends in a newline.

    Args:
        report: What was found.
        paint: Gives each piece its colour.
        quiet: Only one line for each segment.
    """
    lines: list[str] = [*_drawn(report)]
    for outcome in report.outcomes:
        lines.append(f"{_answer(outcome, paint)}  {_title(outcome.plan)}{_why(outcome)}")
        if not quiet:
            lines += _details(outcome, paint)
    return "\n".join(lines) + "\n"


def _answer(outcome: Outcome, paint: Paint) -> str:
    if outcome.result is None:
        return paint("NO ANSWER", "bad")
    return paint(*_WORDS[outcome.result])


def _why(outcome: Outcome) -> str:
    ended = outcome.ended
    if ended.stopped:
        return f": the command was stopped: {ended.stopped}"
    if ended.status:
        return f": the command failed with status {ended.status}"
    if outcome.idle:
        return ": the tolerance is wider than what the training changed, so it shows nothing"
    comparison = outcome.comparison
    bad = {FileResult.DIFFERS, FileResult.MISSING}
    wrong = [f for f in comparison.files if f.result in bad] if comparison else []
    if wrong and all(f.result is FileResult.MISSING for f in wrong):
        return f": the command did not write {plural(len(wrong), 'file')} that was published"
    return (
        f": {plural(len(wrong), 'file')} is not as published"
        if len(wrong) == 1
        else (f": {plural(len(wrong), 'file')} are not as published" if wrong else "")
    )


def _details(outcome: Outcome, paint: Paint) -> Iterator[str]:
    plan, ended = outcome.plan, outcome.ended
    where = "in a sandbox" if plan.sandbox else "WITHOUT a sandbox"
    yield (
        f"  ran {where} for {ended.seconds:,.1f} s with {printable(plan.interpreter.version)}, "
        f"{human_size(ended.memory_bytes)} of memory"
    )
    if ended.status != 0:
        for line in ended.log.splitlines()[-_LOG_LINES:]:
            yield paint(f"  | {printable(line)}", "dim")
    for words in outcome.removed:
        yield f"  {paint('removed', 'warn')} from the output: {words}"
    if outcome.comparison is not None:
        yield from _comparison(outcome.comparison, plan, paint)
    for path in plan.parts.not_compared:
        yield f"  not compared: {printable(path)}"


def _comparison(comparison: Comparison, plan: Plan, paint: Paint) -> Iterator[str]:
    for one in comparison.files:
        role = "bad" if one.result in {FileResult.DIFFERS, FileResult.MISSING} else "good"
        detail = f": {printable(one.detail)}" if one.detail else ""
        yield f"  {paint(f'{one.result.value:<16}', role)} {printable(one.path)}{detail}"
        worst = sorted(one.tensors, key=lambda t: (t.within, -t.largest))
        for tensor in worst[:_MAX_LISTED]:
            yield f"    {_tensor(tensor)}"
        if len(worst) > _MAX_LISTED:
            yield f"    and {plural(len(worst) - _MAX_LISTED, 'more tensor')}"
    if comparison.added:
        yield f"  {plural(len(comparison.added), 'file')} beside them: not published"
    if comparison.exponents:
        yield from _histogram(comparison.exponents, plan)


def _tensor(one: TensorComparison) -> str:
    name = f"{printable(one.name)} ({one.dtype})"
    if one.detail:
        return f"{name}: {one.detail}"
    text = f"{name}: {one.unequal:,} of {one.elements:,} unequal, at most {one.largest:.3g}"
    if one.not_finite:
        text += f", {one.not_finite:,} not finite"
    return text if one.within else f"{text}; {one.beyond:,} beyond the tolerance"


def _histogram(exponents: Mapping[int, int], plan: Plan) -> Iterator[str]:
    """Decades of differences, each with a bar whose length is the logarithm of the count."""
    decades: dict[int, int] = {}
    for exponent, count in exponents.items():
        decade = math.floor((exponent - 1) * math.log10(2))
        decades[decade] = decades.get(decade, 0) + count
    most = math.log1p(max(decades.values()))
    yield "  differences by size:"
    between = range(min(decades), max(decades) + 1)
    # Gaps belong into a picture, and three hundred empty lines do not.
    for decade in between if len(between) <= _DECADES else sorted(decades):
        count = decades.get(decade, 0)
        bar = "#" * max(round(_BAR * math.log1p(count) / most), 1 if count else 0)
        yield f"    about 1e{decade:+03d}  {bar:<{_BAR}} {count:,}"
    for dtype, tolerance in plan.recipe.tolerances.items():
        yield (
            f"    tolerance of {dtype}: {tolerance.absolute:g} + {tolerance.relative:g} "
            "of the published value"
        )
