"""Tokens of an index that its names, its own rate, or the stage before contradict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from manifest.lint.index_arithmetic import Fit, Point, Rounding, fit_tokens
from manifest.lint.index_order import out_of_order
from manifest.lint.index_rows import Group, link_step
from manifest.readers.checkpoint_index import IndexRow
from manifest.readers.checkpoint_names import facts_of

__all__ = ["token_mistakes"]


def token_mistakes(
    groups: Sequence[Group], blamed: set[int | None]
) -> Iterator[tuple[IndexRow, str]]:
    """Tokens that contradict the label, the rate of most rows, or the stage before."""
    ended: list[tuple[Group, int, IndexRow]] = []
    for group in groups:
        points: list[Point] = []
        for position, row in enumerate(group.rows):
            named = facts_of(row.label).tokens or facts_of(row.target).tokens
            if row.tokens is not None and named is not None:
                unit = max(row.tokens.unit, named.unit)
                if abs(row.tokens.value - named.value) >= unit and row.line not in blamed:
                    text = f"the row says {row.tokens.value:,} tokens, and its name {named.value:,}"
                    yield row, text
                    continue
            step = row.step if row.step is not None else link_step(row)
            tokens = row.tokens or named
            if step is not None and tokens is not None and row.line not in blamed:
                points.append(Point(position, step, tokens))
        points.sort(key=lambda p: p.step)
        fit = fit_tokens(points)
        if fit is None:
            yield from _falling(group, points)
        else:
            yield from _off_the_line(group, points, fit)
            yield from _without_progress(group, points, fit, ended)
        if points:
            last = max(points, key=lambda p: p.tokens.value)
            ended.append((group, last.tokens.value, group.rows[last.row]))


def _off_the_line(
    group: Group, points: Sequence[Point], fit: Fit
) -> Iterator[tuple[IndexRow, str]]:
    by_row = {p.row: p for p in points}
    runs = dict(fit.shifted)
    for row in fit.wrong:
        point = by_row[row]
        rate = f"{round(fit.per_step):,}" if fit.rounding is Rounding.EXACT else "the others' rate"
        more = f"; so do the {runs[row] - 1} rows after it" if row in runs else ""
        text = (
            f"step {point.step:,} has {point.tokens.value:,} tokens, and {rate} a step, as in most "
            f"rows of {group.title}, make {fit.expected(point.step):,}{more}"
        )
        yield group.rows[row], text


def _falling(group: Group, points: Sequence[Point]) -> Iterator[tuple[IndexRow, str]]:
    """Without a common rate: tokens still never fall while steps rise."""
    rows = [dataclasses.replace(group.rows[p.row], step=p.tokens.value) for p in points]
    for row, _ in out_of_order(rows):
        text = f"{row.step:,} tokens come after more tokens at an earlier step"
        yield row, text


def _without_progress(
    group: Group, points: Sequence[Point], fit: Fit, ended: Sequence[tuple[Group, int, IndexRow]]
) -> Iterator[tuple[IndexRow, str]]:
    """A stage whose first checkpoint has no more tokens than the one it started from."""
    first = next((p for p in points if p.row not in fit.wrong), None)
    if first is None or first.step == 0 or fit.rounding is not Rounding.EXACT:
        return
    for before, tokens, last in ended:
        if tokens == first.tokens.value and first.tokens.value != fit.per_step * first.step:
            added = round(fit.per_step * first.step)
            text = (
                f"step {first.step:,} of {group.title} has {tokens:,} tokens, as many as the end of "
                f"{before.title} on line {last.line}: its own {first.step:,} steps, {added:,} "
                f"tokens, are missing, and from all {len(points)} rows of the stage"
            )
            yield group.rows[first.row], text
            return
