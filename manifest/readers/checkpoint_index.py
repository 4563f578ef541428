"""Indexes of checkpoints, as publishers write them (spec/checkpoint-indexes.md, "Reading").

Columns are recognised by what they mean, whatever they are called; where there is no heading, by
what stands in them. What cannot be read is kept as a problem with its line, so that one bad row
does not hide the others.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from manifest.display import plural, printable
from manifest.errors import DocumentError
from manifest.readers._bounded import read_whole
from manifest.readers._index_columns import Column, heading_of
from manifest.readers._index_tables import MAX_BYTES, Table, TableRow, markdown_link, tables_of
from manifest.readers.checkpoint_names import Count, facts_of, parse_count
from manifest.sources import Source

__all__ = [
    "MAX_BYTES",
    "CheckpointIndex",
    "Column",
    "IndexRow",
    "parse_checkpoint_index",
    "read_index_bytes",
]

_NAMED_ONLY = frozenset(
    {"main", "master", "head", "final", "latest", "last", "soup", "souped", "merged", "average"}
)
"""Names of checkpoints that no step is expected of."""
MAX_NUMBER = 10**18
"""The most steps or tokens that a checkpoint may have, as in the schemas."""
_HEX64 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, slots=True)
class IndexRow:
    """A row of an index.

    Attributes:
        line: Where it begins, from 1.
        series: Which table of the file it belongs to, from 0.
        stage, ingredient, run: As written; empty when the row does not say. A run goes by its seed
            or by a name.
        step: The step that the row gives; None when it gives none.
        tokens: Tokens seen, as given; None when the row gives none.
        label: The name it gives the checkpoint; empty when it gives none.
        target: Where the checkpoint lies; empty when the row does not say.
        commit: What its branch stood at; empty when the row does not say.
        sha256: Of its weights; empty when the row does not say.
    """

    line: int
    series: int = 0
    stage: str = ""
    ingredient: str = ""
    run: str = ""
    step: int | None = None
    tokens: Count | None = None
    label: str = ""
    target: str = ""
    commit: str = ""
    sha256: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class CheckpointIndex:
    """What an index says.

    Attributes:
        rows: The rows that could be read, in the order of the file.
        problems: Lines that could not, and why; line None for the index as a whole.
        columns: The meanings of columns that were found, over all tables.
        header_line: The line of the first heading; None when there is none.
    """

    rows: tuple[IndexRow, ...]
    problems: tuple[tuple[int | None, str], ...] = ()
    columns: frozenset[Column] = frozenset()
    header_line: int | None = None


def read_index_bytes(source: Source, path: str) -> bytes:
    """The bytes of an index of a release, for `parse_checkpoint_index`.

    Raises:
        DocumentError: It is too large to be an index.
        UndecidedError: It cannot be read, or is not there.
    """
    return read_whole(source, path, max_bytes=MAX_BYTES)


def parse_checkpoint_index(data: bytes, name: str) -> CheckpointIndex:
    """Read an index: CSV, a Markdown table or list, JSON, JSON Lines, or names one a line.

    Args:
        data: The file's bytes.
        name: Its name, for its suffix and for messages.

    Raises:
        DocumentError: It is no index: too large, not text, without rows, or nothing in it names a
            step or a checkpoint.
    """
    rows: list[IndexRow] = []
    problems: list[tuple[int | None, str]] = []
    columns: set[Column] = set()
    header_line: int | None = None
    for series, table in enumerate(tables_of(data, name)):
        meanings, power, body = heading_of(table)
        if not body or not meanings:
            continue
        read, wrong = _rows(table, meanings, power, body, series)
        if not any(r.step is not None or _step_of(r) is not None for r in read) and not (
            Column.STEP in meanings and wrong
        ):
            continue  # a table of something else in a README
        if header_line is None and body[0] is not table.rows[0]:
            header_line = table.rows[0].line
        rows += read
        problems += wrong
        columns |= set(meanings)
    if not rows and not problems:
        raise DocumentError(
            f"{printable(name)} is not an index of checkpoints: nothing in it names a step",
            remedy="Give each checkpoint's step, tokens and place, as CSV: Step,Tokens,URL.",
        )
    if not columns & {Column.TARGET, Column.LABEL}:
        problems.append((header_line, "no column says where the checkpoints are"))
    return CheckpointIndex(tuple(rows), tuple(problems), frozenset(columns), header_line)


def _step_of(row: IndexRow) -> int | None:
    for name in (row.target, row.label):
        facts = facts_of(name) if name else None
        if facts is not None and (facts.step is not None or facts.ordinals):
            return facts.step if facts.step is not None else facts.ordinals[0][1]
    return None


def _rows(
    table: Table,
    meanings: dict[Column, int],
    power: int,
    body: Sequence[TableRow],
    series: int,
) -> tuple[list[IndexRow], list[tuple[int | None, str]]]:
    rows: list[IndexRow] = []
    problems: list[tuple[int | None, str]] = []
    width = len(table.rows[0].cells)
    for row in body:
        cells = row.cells
        extra = [cell for cell in cells[width:] if cell]
        if table.delimited and (extra or len(cells) < width):
            hint = (
                "; a number with thousands separators needs quotes"
                if extra and len([c for c in cells if re.fullmatch(r"[0-9]{3}", c)]) > 1
                else ""
            )
            problems.append(
                (row.line, f"the row has {plural(len(cells), 'cell')}, the heading {width}{hint}")
            )
            continue
        read, wrong = _row(row, meanings, power, series)
        problems += [(row.line, text) for text in wrong]
        if read is not None:
            rows.append(read)
    return rows, problems


def _row(
    row: TableRow, meanings: dict[Column, int], power: int, series: int
) -> tuple[IndexRow | None, list[str]]:
    cell = {m: row.cells[i] if i < len(row.cells) else "" for m, i in meanings.items()}
    label, target = cell.get(Column.LABEL, ""), cell.get(Column.TARGET, "")
    for text in (target, label):
        inner, address = markdown_link(text)
        if address:
            label, target = inner if text is target or not label else label, address
            break
    wrong: list[str] = []
    step, tokens = (
        _number(cell.get(Column.STEP, ""), "step", 0, wrong),
        _number(cell.get(Column.TOKENS, ""), "number of tokens", power, wrong),
    )
    read = IndexRow(
        row.line,
        series,
        cell.get(Column.STAGE, ""),
        cell.get(Column.INGREDIENT, ""),
        cell.get(Column.RUN, ""),
        step.value if step else None,
        tokens,
        label.strip("`"),
        target,
        _hexadecimal(cell.get(Column.COMMIT, ""), "commit", _COMMIT, wrong),
        _hexadecimal(cell.get(Column.SHA256, ""), "SHA-256", _HEX64, wrong),
    )
    named = {label.lower(), target.lower()}
    needs_step = Column.STEP in meanings and not cell[Column.STEP] and not named & _NAMED_ONLY
    if needs_step and not _is_final(cell):
        wrong.append("the row gives no step")
    if Column.TARGET in meanings and not target and not label:
        wrong.append("the row does not say where the checkpoint is")
    return read, wrong


def _hexadecimal(text: str, what: str, form: re.Pattern[str], wrong: list[str]) -> str:
    digits = text.lower().removeprefix("sha256:")
    if not digits or form.fullmatch(digits):
        return digits
    wrong.append(f"{printable(text[:80])!r} is not a {what}")
    return ""


def _is_final(cell: dict[Column, str]) -> bool:
    words = {w for text in cell.values() for w in re.split(r"[^a-z]+", text.lower())}
    return bool(words & _NAMED_ONLY)


def _number(text: str, what: str, power: int, wrong: list[str]) -> Count | None:
    if not text or text in ("-", "\u2013", "\u2014"):
        return None
    count = parse_count(text, power=power)
    named = facts_of(text) if count is None else None
    if named is not None and what == "step" and named.step is not None:
        return Count(named.step)
    if count is not None and count.value > MAX_NUMBER:
        wrong.append(f"{printable(text[:60])!r} is more than any training counts")
        return None
    if count is None and text.lower() not in _NAMED_ONLY:
        wrong.append(f"{printable(text[:60])!r} is not a {what}")
    return count
