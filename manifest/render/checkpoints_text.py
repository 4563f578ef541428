"""The checkpoints of a release as text: a timeline of each stage, and a line for each of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from manifest.display import plural, printable
from manifest.document.manifest_checkpoints import ResolvedCheckpoint
from manifest.render import Paint, plain

__all__ = ["checkpoint_lines", "timeline"]

_MIN_WIDTH = 20
_MARKS = {"there": "█", "none": "·", "gap": "○", "repeated": "▒"}
_ASCII = {"there": "#", "none": ".", "gap": "o", "repeated": "x"}
_WORDS = {
    "there": "checkpoint",
    "gap": "none, where most distances let one expect one",
    "repeated": "a step that comes twice",
}


def checkpoint_lines(
    checkpoints: Sequence[ResolvedCheckpoint],
    *,
    width: int,
    ascii_only: bool = False,
    paint: Paint = plain,
) -> Iterator[str]:
    """Each stage: its title, its timeline where it has numbers, and its checkpoints.

    Args:
        checkpoints: All of them, in order.
        width: Columns of the screen; the timeline keeps to them.
        ascii_only: Whether the screen shows no other characters.
        paint: Adds colour.
    """
    marks = _ASCII if ascii_only else _MARKS
    used: set[str] = set()
    for stage in dict.fromkeys(one.stage for one in checkpoints):
        members = [one for one in checkpoints if one.stage == stage]
        title = printable(stage) or "checkpoints"
        yield paint(f"{title}: {plural(len(members), 'checkpoint')}", "bold")
        columns, ends = timeline(members, max(width, _MIN_WIDTH) - 2)
        if columns:
            used.update(columns)
            yield "  " + "".join(marks[column] for column in columns)
            first, last = (f"{n:,}" for n in ends)
            room = len(columns) - len(first) - len(last)
            yield paint(f"  {first}{' ' * max(room, 1)}{last}", "dim")
        yield from (_line(one) for one in members)
    legend = [f"{marks[kind]} {words}" for kind, words in _WORDS.items() if kind in used]
    if {"gap", "repeated"} & used:
        yield paint("; ".join(legend), "dim")


def timeline(
    members: Sequence[ResolvedCheckpoint], columns: int
) -> tuple[list[str], tuple[int, int]]:
    """A stage as columns from its first step to its last, and those two steps.

    A column is ``there``, ``none``, ``gap`` or ``repeated``.
    A gap is what is missing at the distance that most steps keep. Where names count something
    else than steps, that is counted. Without two numbers there is no timeline.
    """
    numbers = [one.ordinal if one.step is None else one.step for one in members]
    steps = sorted(n for n in numbers if n is not None)
    if len(set(steps)) < 2:
        return [], (0, 0)
    first, span = steps[0], steps[-1] - steps[0]
    columns = min(columns, span + 1)

    def column(step: int) -> int:
        return (step - first) * (columns - 1) // span

    drawn = ["none"] * columns
    for step in steps:
        drawn[column(step)] = "there"
    distinct = list(dict.fromkeys(steps))
    distances = [b - a for a, b in itertools.pairwise(distinct)]
    cadence = Counter(distances).most_common(1)[0][0]
    for start, distance, after in zip(distinct, distances, [*distances[1:], 0], strict=False):
        missing = (distance - 1) // cadence
        if missing and after <= cadence:
            # Shown also in a column that it shares with checkpoints: it is what one looks for.
            begin, end = column(start + cadence), column(start + missing * cadence)
            drawn[begin : end + 1] = ["gap"] * (end + 1 - begin)
    for step, times in Counter(steps).items():
        if times > 1:
            drawn[column(step)] = "repeated"
    return drawn, (first, steps[-1])


def _line(one: ResolvedCheckpoint) -> str:
    step = "" if one.step is None else f"step {one.step:,}"
    tokens = "" if one.tokens is None else f"{one.tokens:,} tokens"
    data = f"data {printable(one.data)}" if one.data else ""
    where = plural(len(one.files), "file") if one.files else printable(one.location)
    states = [
        words
        for words, is_there in (
            ("optimizer", one.has_optimizer),
            ("random state", one.has_random_state),
        )
        if is_there
    ]
    facts = ", ".join(text for text in (step, tokens, data, where, *states) if text)
    return f"  {printable(one.name)}  {facts}".rstrip()
