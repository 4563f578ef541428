"""Whether the tokens of an index are its steps times a constant (spec/checkpoint-indexes.md).

The constant, tokens in a batch, is not known beforehand: it is the one that most rows agree on.
Where no constant has such a majority, nothing is said, and a batch size that changed along the
way is no mistake. Everything is computed in whole numbers and fractions.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from manifest.readers.checkpoint_names import Count

__all__ = ["Fit", "Point", "Rounding", "fit_tokens"]

_MIN_AGREEING = 3
_MAJORITY = Fraction(3, 5)
_ROUNDED_MAJORITY = Fraction(4, 5)
_RUN = 3
"""So many rows in a line of their own are another batch size, not mistakes."""


class Rounding(enum.StrEnum):
    """How an index rounds tokens to its unit."""

    EXACT = "exact"
    UP = "up"
    NEAREST = "nearest"
    DOWN = "down"


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """A row of the index: its step, tokens, and its position among the rows."""

    row: int
    step: int
    tokens: Count


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """The line that most rows are on, and the rows that are not.

    Attributes:
        per_step: Tokens in a step, as far as the rows tell.
        offset: Tokens seen before the stage's step 0.
        rounding: How the index rounds.
        wrong: Rows off the line, by position.
        shifted: Of these the first of a run that goes on in parallel to the line, with the number
            of rows of that run.
    """

    per_step: Fraction
    offset: Fraction = Fraction(0)
    rounding: Rounding = Rounding.EXACT
    wrong: tuple[int, ...] = ()
    shifted: tuple[tuple[int, int], ...] = ()

    def expected(self, step: int) -> int:
        """The tokens that ``step`` makes, to the nearest whole number."""
        return round(self.offset + self.per_step * step)


def fit_tokens(points: Sequence[Point]) -> Fit | None:
    """The line through most of the points; None when there is no such line.

    Args:
        points: The rows of one stage that give a step and tokens, in the order of steps.
    """
    if any(p.tokens.unit > 1 for p in points):
        return _fit_rounded(points)
    return _fit_exact(points)


def _fit_exact(points: Sequence[Point]) -> Fit | None:
    candidates: list[tuple[Fraction, Fraction]] = []
    ratios = Counter(Fraction(p.tokens.value, p.step) for p in points if p.step > 0)
    candidates += [(ratio, Fraction(0)) for ratio, n in ratios.most_common(1) if n > 1]
    slopes = Counter(
        Fraction(b.tokens.value - a.tokens.value, b.step - a.step)
        for a, b in itertools.pairwise(points)
        if b.step > a.step
    )
    for slope, _ in slopes.most_common(2):
        offsets = Counter(p.tokens.value - slope * p.step for p in points)
        offset, agreeing = offsets.most_common(1)[0]
        if slope > 0 and agreeing >= _MIN_AGREEING:
            candidates.append((slope, offset))
    best: tuple[int, Fraction, Fraction] | None = None
    for slope, offset in candidates:
        agreeing = sum(p.tokens.value == offset + slope * p.step for p in points)
        if slope > 0 and (best is None or agreeing > best[0]):
            best = (agreeing, slope, offset)
    if best is None or best[0] < 2 or best[0] < _MAJORITY * len(points):
        return None
    return _without_other_batches(points, best[1], best[2])


def _without_other_batches(points: Sequence[Point], slope: Fraction, offset: Fraction) -> Fit:
    """Sort the rows off the line: single mistakes, parallel runs, and other batch sizes."""
    wrong: list[int] = []
    shifted: list[tuple[int, int]] = []
    off = [p.tokens.value != offset + slope * p.step for p in points]
    position = 0
    for is_off, group in itertools.groupby(off):
        run = points[position : position + len(list(group))]
        position += len(run)
        if not is_off:
            continue
        distances = {p.tokens.value - slope * p.step for p in run}
        if len(run) >= _RUN and len(distances) == 1:
            shifted.append((run[0].row, len(run)))
            wrong.append(run[0].row)
        elif not _is_own_line(run):
            wrong += [p.row for p in run]
    return Fit(slope, offset, Rounding.EXACT, tuple(wrong), tuple(shifted))


def _is_own_line(run: Sequence[Point]) -> bool:
    """Whether rows off the line lie mostly on lines of their own: the batch size changed."""
    slopes = Counter(
        Fraction(b.tokens.value - a.tokens.value, b.step - a.step)
        for a, b in itertools.pairwise(run)
        if b.step > a.step
    )
    if len(run) < _RUN or not slopes:
        return False
    slope, n = slopes.most_common(1)[0]
    return slope > 0 and n >= _RUN - 1 and n * 2 > len(run) - 1


def _fit_rounded(points: Sequence[Point]) -> Fit | None:
    best: tuple[int, Rounding, Fraction] | None = None
    moving = [p for p in points if p.step > 0]
    for rounding in (Rounding.UP, Rounding.NEAREST, Rounding.DOWN):
        found = _most_common_ratio(moving, rounding)
        if found is not None and (best is None or found[0] > best[0]):
            best = (found[0], rounding, found[1])
    if best is None or best[0] < _MIN_AGREEING or best[0] < _ROUNDED_MAJORITY * len(moving):
        return None
    _, rounding, ratio = best
    wrong: list[int] = []
    for holds, group in itertools.groupby(points, lambda p: _holds(p, ratio, rounding)):
        run = [p.row for p in group]
        if not holds and len(run) < _RUN:
            wrong += run
    return Fit(ratio, Fraction(0), rounding, tuple(wrong))


def _bounds(tokens: Count, rounding: Rounding) -> tuple[Fraction, Fraction]:
    """The least and the most tokens that are written so; both ends count as inside."""
    value, unit = Fraction(tokens.value), Fraction(tokens.unit)
    match rounding:
        case Rounding.UP:
            return (value - unit + 1 if unit > 1 else value), value
        case Rounding.DOWN:
            return value, (value + unit - 1 if unit > 1 else value)
        case _:
            return (value - unit / 2, value + unit / 2) if unit > 1 else (value, value)


def _holds(point: Point, ratio: Fraction, rounding: Rounding) -> bool:
    low, high = _bounds(point.tokens, rounding)
    if point.step == 0:
        return point.tokens.value == 0
    return low <= ratio * point.step <= high


def _most_common_ratio(points: Sequence[Point], rounding: Rounding) -> tuple[int, Fraction] | None:
    """The ratio that most intervals hold, and how many do."""
    events: list[tuple[Fraction, int]] = []
    for point in points:
        low, high = _bounds(point.tokens, rounding)
        events += [(low / point.step, 0), (high / point.step, 1)]
    events.sort()
    most, inside, start, best = 0, 0, Fraction(0), None
    for at, closes in events:
        if closes:
            if inside == most and best is None:
                best = (start + at) / 2
            inside -= 1
        else:
            inside += 1
            start = at
            if inside > most:
                most, best = inside, None
    return None if best is None else (most, best)
