"""What is wrong with an index of checkpoints (spec/checkpoint-indexes.md, "Checks").

Pure functions from what an index says to problems, each with its line. A row is blamed only for
what contradicts the row itself, another row, or what most rows agree on; each mistake is named
once, so that a row that leads to another step's directory is not called a duplicate as well.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.findings import Finding, Location
from manifest.lint.index_links import odd_links, same_place, stage_mistakes
from manifest.lint.index_order import ends, gaps, out_of_order
from manifest.lint.index_rows import Group, group_key, group_rows, link_step, name_of
from manifest.lint.index_tokens import token_mistakes
from manifest.lint.rule import find_rule
from manifest.readers.checkpoint_index import (
    MAX_BYTES,
    CheckpointIndex,
    IndexRow,
    parse_checkpoint_index,
)
from manifest.readers.checkpoint_names import Count, facts_of

__all__ = [
    "MAX_BYTES",
    "IndexProblem",
    "ProblemKind",
    "index_findings",
    "index_problems",
    "problems_of",
]


class ProblemKind(enum.StrEnum):
    """What kind of mistake it is, by the name of the rule that explains it."""

    STEP = "index-step-contradicted"
    DUPLICATE = "index-duplicate"
    ORDER = "index-out-of-order"
    TOKENS = "index-tokens-contradicted"
    STAGE = "index-stage-contradicted"
    UNREADABLE = "index-row-unreadable"
    END = "index-ends-early"
    GAP = "index-gap"
    MAYBE_END = "index-end-unconfirmed"
    LINK = "index-link-unlike-others"


@dataclasses.dataclass(frozen=True, slots=True)
class IndexProblem:
    """A mistake: its kind, the line it is on (None for the index as a whole), and what it is."""

    kind: ProblemKind
    line: int | None
    message: str


def problems_of(
    data: bytes, name: str, finals: Mapping[str, int] | None = None
) -> tuple[IndexProblem, ...]:
    """Every problem of an index; one that is no index has that for its only problem.

    Args:
        data: The file's bytes.
        name: Its name.
        finals: The last step of training, by stage; under ``""`` for the whole training.
    """
    return _cached(data, name, tuple(sorted((finals or {}).items())))


def index_findings(
    data: bytes, name: str, finals: Mapping[str, int] | None = None
) -> tuple[Finding, ...]:
    """What the rules say of an index on its own, by line; arguments as in `problems_of`."""
    found = []
    for problem in problems_of(data, name, finals):
        rule = find_rule(problem.kind.value)
        if rule is None:
            raise AssertionError(f"no rule is called {problem.kind.value}")
        found.append(rule.finding(problem.message, location=Location(name, problem.line)))
    return tuple(found)


# Each rule of the family asks for the problems of the same index.
@functools.lru_cache(maxsize=4)
def _cached(
    data: bytes, name: str, finals: tuple[tuple[str, int], ...]
) -> tuple[IndexProblem, ...]:
    try:
        index = parse_checkpoint_index(data, name)
    except DocumentError as error:
        return (IndexProblem(ProblemKind.UNREADABLE, None, error.message),)
    return index_problems(index, dict(finals))


def index_problems(
    index: CheckpointIndex, finals: Mapping[str, int] | None = None, whole: str = "the index"
) -> tuple[IndexProblem, ...]:
    """Every problem of an index, by line; those of the index as a whole come last.

    Args:
        index: The index.
        finals: As in `problems_of`.
        whole: What to call it in messages.
    """
    found = [IndexProblem(ProblemKind.UNREADABLE, line, text) for line, text in index.problems]
    index, swapped = _unswapped(index)
    found += swapped
    groups = group_rows(index.rows, whole)
    found += _steps(index.rows)
    blamed = {p.line for p in found if p.kind is ProblemKind.STEP}
    found += [IndexProblem(ProblemKind.STAGE, r.line, t) for r, t in stage_mistakes(index.rows)]
    misplaced = blamed | {p.line for p in found if p.kind is ProblemKind.STAGE}
    found += _duplicates(groups, misplaced)
    repeated = {p.line for p in found if p.kind is ProblemKind.DUPLICATE}
    named_once = blamed | repeated
    for group in groups:
        rows = [r for r in group.rows if r.line not in named_once]
        found += [IndexProblem(ProblemKind.ORDER, r.line, t) for r, t in out_of_order(rows)]
    disordered = {p.line for p in found if p.kind is ProblemKind.ORDER}
    unsound = blamed | disordered
    found += [
        IndexProblem(ProblemKind.TOKENS, row.line, text)
        for row, text in token_mistakes(groups, unsound)
    ]
    unsure = blamed | disordered | {line for line, _ in index.problems}
    for group in groups:
        rows = [r for r in group.rows if r.line not in unsure]
        named = {s for r in group.rows for s in (r.step, link_step(r)) if s is not None}
        found += [
            IndexProblem(ProblemKind.GAP, row.line, text)
            for before, row, first, text in gaps(rows)
            if first not in named
            and not any(line and before.line < line < row.line for line in unsure)
        ]
    for text, is_known in ends(groups, finals or {}):
        kind = ProblemKind.END if is_known else ProblemKind.MAYBE_END
        found.append(IndexProblem(kind, None, text))
    found += [IndexProblem(ProblemKind.LINK, r.line, t) for r, t in odd_links(groups)]
    return tuple(sorted(set(found), key=lambda p: (p.line is None, p.line or 0, p.kind, p.message)))


def _unswapped(index: CheckpointIndex) -> tuple[CheckpointIndex, list[IndexProblem]]:
    """The index with steps and tokens put right where each stands under the other's heading."""
    both = [r for r in index.rows if r.step is not None and r.tokens is not None]
    steps = [(r, link_step(r)) for r in both]
    known = [(r, s) for r, s in steps if s is not None and r.step != (r.tokens or Count(0)).value]
    if len(known) < 2 or not all(r.tokens and r.tokens.value == s for r, s in known):
        return index, []
    rows = tuple(
        dataclasses.replace(r, step=r.tokens.value, tokens=Count(r.step))
        if r.step is not None and r.tokens is not None
        else r
        for r in index.rows
    )
    text = "the columns of steps and tokens are swapped: the links have the tokens' numbers"
    problem = IndexProblem(ProblemKind.UNREADABLE, index.header_line, text)
    return dataclasses.replace(index, rows=rows), [problem]


def _steps(rows: Sequence[IndexRow]) -> Iterator[IndexProblem]:
    """Rows whose step, label and target do not name the same step, or the same tokens."""
    counted = _counters(rows)
    scale = _common_scale(rows)
    for row in rows:
        said: list[tuple[str, int]] = []
        if row.step is not None and not scale:
            said.append(("the row", row.step))
        for what, text in (("the label", row.label), ("the link", row.target)):
            facts = facts_of(text) if text else None
            if facts is None:
                continue
            step = facts.step
            if step is None:
                step = next((n for kind, n in facts.ordinals if kind in counted), None)
            if step is not None:
                said.append((what, step))
        other = next((s for s in said if s[1] != said[0][1]), None)
        if other is not None:
            yield IndexProblem(
                ProblemKind.STEP,
                row.line,
                f"{said[0][0]} names step {said[0][1]:,}, and {other[0]} leads to step "
                f"{other[1]:,}: {printable((row.target or row.label)[:200])}",
            )


def _counters(rows: Sequence[IndexRow]) -> frozenset[str]:
    """Kinds of counters, as ``checkpoint-``, that count steps in this index, by most rows."""
    agreeing: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        for kind, number in facts_of(row.target or row.label).ordinals:
            if row.step is not None:
                agreeing[kind].append(row.step == number)
    return frozenset(k for k, v in agreeing.items() if len(v) > 1 and sum(v) * 2 > len(v))


def _common_scale(rows: Sequence[IndexRow]) -> bool:
    """Whether the column counts steps in another unit (thousands) than all links do."""
    pairs = [(r.step, s) for r in rows if r.step and (s := facts_of(r.target or r.label).step)]
    if len(pairs) < 3:
        return False
    first, second = pairs[0]
    return first != second and all(a * second == b * first for a, b in pairs)


def _duplicates(groups: Sequence[Group], blamed: set[int | None]) -> Iterator[IndexProblem]:
    """Rows that say again what an earlier row said, or lead where another one leads."""
    places: dict[tuple[int, str], IndexRow] = {}
    told: set[int] = set()
    for row in sorted((r for g in groups for r in g.rows), key=lambda r: r.line):
        place = (row.series, same_place(row.target or row.label))
        if not place[1] or row.line in blamed:
            continue
        first = places.setdefault(place, row)
        if first is not row and first.line != row.line:
            same = first.step == row.step and group_key(first) == group_key(row)
            text = (
                f"the row repeats line {first.line}: {name_of(row)}"
                if same
                else f"{name_of(row)} leads to the same place as line {first.line}, "
                f"{name_of(first)}"
            )
            told.add(row.line)
            yield IndexProblem(ProblemKind.DUPLICATE, row.line, text)
    for group in groups:
        steps: dict[int, IndexRow] = {}
        for row in group.rows:
            step = row.step if row.step is not None else link_step(row)
            if step is None or row.line in blamed or row.line in told:
                continue
            first = steps.setdefault(step, row)
            if first is not row:
                where = f", in another place than line {first.line}" if row.target else ""
                text = f"step {step:,} of {group.title} is listed a second time{where}"
                yield IndexProblem(ProblemKind.DUPLICATE, row.line, text)
