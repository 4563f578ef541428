"""What the columns of an index mean, by their headings and by what stands in them."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Sequence

from manifest.readers._index_tables import Table, TableRow, markdown_link
from manifest.readers.checkpoint_names import facts_of, looks_like_link, parse_count

__all__ = ["Column", "heading_of"]


class Column(enum.StrEnum):
    """What a column of an index means."""

    STEP = "step"
    TOKENS = "tokens"
    STAGE = "stage"
    INGREDIENT = "ingredient"
    RUN = "run"
    TARGET = "target"
    LABEL = "label"
    COMMIT = "commit"
    SHA256 = "sha256"


_MEANINGS: tuple[tuple[Column, frozenset[str]], ...] = (
    (Column.TOKENS, frozenset({"token", "tokens"})),
    (Column.TARGET, frozenset({"directory", "dir", "url", "link", "path", "location", "uri", "href",
                               "address", "folder", "target", "download"})),
    (Column.STEP, frozenset({"step", "steps", "iteration", "iterations", "iter", "update", "updates"})),
    (Column.STAGE, frozenset({"stage", "phase"})),
    (Column.INGREDIENT, frozenset({"ingredient"})),
    (Column.RUN, frozenset({"seed", "run"})),
    (Column.LABEL, frozenset({"checkpoint", "checkpoints", "branch", "branches", "revision", "name",
                              "label", "tag", "ref", "weights"})),
)  # fmt: skip
_SHA256 = re.compile(r"sha-?256")
_DIGEST = re.compile(r"sha-?256|blake3|digest|checksum")  # of weights: not what they are called
_POWERS = {"k": 3, "thousand": 3, "thousands": 3, "m": 6, "million": 6, "millions": 6, "b": 9,
           "bn": 9, "billion": 9, "billions": 9, "t": 12, "trillion": 12, "trillions": 12}  # fmt: skip


def heading_of(table: Table) -> tuple[dict[Column, int], int, Sequence[TableRow]]:
    """The meanings of a table's columns, the power of ten of its tokens, and the rows below."""
    if not table.rows:
        return {}, 0, ()
    first = table.rows[0]
    is_heading = table.has_header
    if is_heading is None:
        is_heading = any(_meaning(cell) for cell in first.cells) and not any(
            parse_count(cell) or looks_like_link(cell) or facts_of(cell).step is not None
            for cell in first.cells
        )
    body = table.rows[1:] if is_heading else table.rows
    meanings: dict[Column, int] = {}
    power = 0
    if is_heading:
        for index, cell in enumerate(first.cells):
            meaning = _meaning(cell)
            if meaning is None:
                continue
            if meaning in meanings and meaning is Column.TARGET:
                meaning = Column.LABEL
            if meaning not in meanings:
                meanings[meaning] = index
                words = re.findall(r"[a-z]+", cell.lower())
                if meaning is Column.TOKENS:
                    power = next((_POWERS[w] for w in words if w in _POWERS), 0)
    _by_content(meanings, body)
    return meanings, power, body


def _meaning(heading: str) -> Column | None:
    words = set(re.findall(r"[a-z]+", heading.lower()))
    if words & {"per", "batch", "rate", "size"}:
        return None
    if _DIGEST.search(heading.lower()):
        return Column.SHA256 if _SHA256.search(heading.lower()) else None
    if "commit" in words:
        return Column.COMMIT
    return next((meaning for meaning, known in _MEANINGS if words & known), None)


def _by_content(meanings: dict[Column, int], body: Sequence[TableRow]) -> None:
    """Add the columns that only their content tells: links, names of steps, numbers."""
    sample = [row.cells for row in body[:200]]
    width = max((len(cells) for cells in sample), default=0)
    labelled = meanings.get(Column.LABEL)
    if Column.TARGET not in meanings and labelled is not None and _most(sample, labelled, _links):
        meanings[Column.TARGET] = meanings.pop(Column.LABEL)
    free = [i for i in range(min(width, 64)) if i not in meanings.values()]
    for meaning, test in ((Column.TARGET, _links), (Column.LABEL, _names)):
        if not {Column.TARGET, Column.LABEL} & set(meanings) or (
            meaning is Column.TARGET and meaning not in meanings
        ):
            found = next((i for i in free if _most(sample, i, test)), None)
            if found is not None:
                meanings[meaning] = found
                free.remove(found)
    if Column.STEP in meanings or Column.TOKENS in meanings:
        return
    numbers = [i for i in free if _most(sample, i, lambda cell: parse_count(cell) is not None)]
    named = meanings.get(Column.TARGET, meanings.get(Column.LABEL))
    if named is not None:
        same = [i for i in numbers if any(_agrees(cells, i, named) for cells in sample)]
        if same:
            meanings[Column.STEP] = same[0]
            rest = [i for i in numbers if i > same[0]]
            if rest:
                meanings[Column.TOKENS] = rest[0]
            texts = [i for i in free if i < same[0] and i not in numbers]
            if texts:
                meanings[Column.STAGE] = texts[0]


def _most(sample: Iterable[Sequence[str]], index: int, test: Callable[[str], bool]) -> bool:
    cells = [row[index] for row in sample if index < len(row) and row[index]]
    return bool(cells) and sum(map(test, cells)) * 2 > len(cells)


def _links(cell: str) -> bool:
    return looks_like_link(cell) or bool(markdown_link(cell)[1])


def _names(cell: str) -> bool:
    facts = facts_of(cell)
    return facts.step is not None or bool(facts.ordinals)


def _agrees(cells: Sequence[str], number: int, named: int) -> bool:
    if max(number, named) >= len(cells):
        return False
    count, step = parse_count(cells[number]), facts_of(cells[named]).step
    return count is not None and count.value == step
