"""The order of an index: steps that rise, gaps in a regular cadence, and where it ends."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from manifest.lint.index_rows import Group, stage_number, step_of
from manifest.readers.checkpoint_index import IndexRow

__all__ = ["ends", "gaps", "out_of_order"]

_REGULAR = 3
"""So many equal distances in a row make a cadence."""


def out_of_order(rows: Sequence[IndexRow]) -> Iterator[tuple[IndexRow, str]]:
    """Rows whose step is less than that of a row before them.

    As few rows as possible are blamed: those outside the longest sequence that rises (or falls,
    in an index that begins with the latest). An index of which less than four fifths rise, or
    that is sorted as text, as lists of branches are, has no order to break.
    """
    known = [(row, step) for row in rows if (step := step_of(row)) is not None]
    steps = [step for _, step in known]
    if len(steps) < 3 or steps == sorted(steps, key=str):
        return
    falls = sum(b < a for a, b in itertools.pairwise(steps))
    rises = sum(b > a for a, b in itertools.pairwise(steps))
    sign = -1 if falls > rises else 1
    kept = _longest_rise([sign * step for step in steps])
    if len(kept) * 5 < len(steps) * 4 - 1:
        return
    for position, (row, step) in enumerate(known):
        if position not in kept:
            near = [steps[k] for k in sorted(kept) if k < position][-1:] or [steps[min(kept)]]
            word = "after" if any(k < position for k in kept) else "before"
            yield row, f"step {step:,} stands {word} step {near[0]:,}"


def _longest_rise(values: Sequence[int]) -> frozenset[int]:
    """Positions of a longest subsequence that never falls."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for position, value in enumerate(values):
        slot = bisect.bisect_right(tails, value)
        previous.append(ends[slot - 1] if slot else -1)
        if slot == len(tails):
            tails.append(value)
            ends.append(position)
        else:
            tails[slot], ends[slot] = value, position
    kept, at = set(), ends[-1] if ends else -1
    while at >= 0:
        kept.add(at)
        at = previous[at]
    return frozenset(kept)


def _sorted_steps(rows: Sequence[IndexRow]) -> list[tuple[int, IndexRow]]:
    """The rows with a step, by step, each step once."""
    seen: dict[int, IndexRow] = {}
    for row in rows:
        step = step_of(row)
        if step is not None:
            seen.setdefault(step, row)
    return sorted(seen.items(), key=lambda pair: pair[0])


def gaps(rows: Sequence[IndexRow]) -> Iterator[tuple[IndexRow, IndexRow, int, str]]:
    """Steps that a regular cadence asks for and that are not there.

    Only where the same distance came at least three times before and training did not go on at a
    wider one: an index may change its cadence. Gives the rows on both sides of the gap, the first
    step that is missing, and the message.
    """
    ordered = _sorted_steps(rows)
    distances = [b[0] - a[0] for a, b in itertools.pairwise(ordered)]
    for position, distance in enumerate(distances):
        before = distances[max(position - _REGULAR, 0) : position]
        after = distances[position + 1 : position + 2]
        if len(before) < _REGULAR or len(set(before)) > 1 or distance <= before[0]:
            continue
        cadence, start, end = before[0], ordered[position][0], ordered[position + 1][0]
        if after and after[0] > cadence:
            continue
        if not after and distance >= 3 * cadence:
            continue
        first, n = start + cadence, (end - start - 1) // cadence
        shown = f"step {first:,} is" if n == 1 else f"{n:,} steps from {first:,} on are"
        text = f"{shown} missing: before, there is a checkpoint every {cadence:,} steps"
        yield ordered[position][1], ordered[position + 1][1], first, text


def ends(groups: Sequence[Group], finals: Mapping[str, int]) -> Iterator[tuple[str, bool]]:
    """Groups that end before the final checkpoint: why, and whether it is known.

    The final step is known from ``finals`` (by stage; ``""`` for all of it), and presumed where
    sibling groups of the same stage agree on a later one, or where the last step is a multiple
    of a cadence that no other step departs from at the end.
    """
    lasts = [(g, s[-1][0]) for g in groups if (s := _sorted_steps(g.rows))]
    siblings: dict[tuple[int, str], list[int]] = defaultdict(list)
    for group, step in lasts:
        siblings[group.rows[0].series, group.stage].append(step)
    whole = finals.get("")
    if whole is not None and lasts and not any(step >= whole for _, step in lasts):
        step = max(step for _, step in lasts)
        yield f"the index ends at step {step:,}, and training at step {whole:,}", True
        return
    for group, step in lasts:
        final = _final_of(group, finals)
        if final is not None:
            if step < final:
                yield f"{group.title} ends at step {step:,}, and training at {final:,}", True
            continue
        others = Counter(siblings[group.rows[0].series, group.stage])
        common, n = others.most_common(1)[0]
        steps = [s for s, _ in _sorted_steps(group.rows)]
        if (
            n > 1
            and step < common
            and common - step < 2 * (steps[-1] - steps[-2] if steps[1:] else 0)
        ):
            text = f"{group.title} ends at step {step:,}, and {n} like it at step {common:,}"
            yield text, False
        elif whole is None and len(lasts) == 1 and _ends_on_cadence(steps):
            text = (
                f"{group.title} ends at step {step:,}, a multiple of its cadence: if training went "
                "on to another step, the final checkpoint is not listed"
            )
            yield text, False


def _final_of(group: Group, finals: Mapping[str, int]) -> int | None:
    number = stage_number(group.stage)
    for stage, final in finals.items():
        if stage and (
            stage.casefold() == group.stage.casefold()
            or (number is not None and stage_number(stage) == number)
        ):
            return final
    return None


def _ends_on_cadence(steps: Sequence[int]) -> bool:
    distances = [b - a for a, b in itertools.pairwise(steps)][-10:]
    return len(distances) == 10 and len(set(distances)) == 1 and not steps[-1] % distances[0]
