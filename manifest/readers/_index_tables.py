"""An index of checkpoints taken apart into rows of cells, each with its line.

CSV with any delimiter, Markdown tables and lists, JSON and JSON Lines, and names one a line.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from manifest import strict_json
from manifest.display import printable
from manifest.errors import DocumentError

__all__ = ["MAX_BYTES", "Table", "TableRow", "markdown_link", "tables_of"]

MAX_BYTES = 16 * 1024 * 1024
"""The largest index that is read; one of 1,500 checkpoints has 170 KB."""
MAX_ROWS = 200_000
_MAX_CELLS = 256
_PLACES = 8
_MAX_DEPTH = 16

_LINK = re.compile(r"\[([^\[\]]{0,500})\]\(\s*<?([^\s()<>]{1,2000})>?[^()]{0,200}\)")
_BULLET = re.compile(r"(?:[-*+]|[0-9]{1,6}[.)])\s")
_QUOTED_NAME = re.compile(r"`([^`]{1,500})`")


@dataclasses.dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of a row and the line on which it begins, from 1."""

    line: int
    cells: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows that belong together.

    Attributes:
        rows: The rows; the first is the heading where ``has_header`` is True.
        has_header: Whether the form itself says so; None where the content has to tell.
        delimited: Whether cells were split at a delimiter, so that a row can have too many.
    """

    rows: tuple[TableRow, ...]
    has_header: bool | None = None
    delimited: bool = False


def tables_of(data: bytes, name: str) -> tuple[Table, ...]:
    """The tables of an index.

    Raises:
        DocumentError: Too large, not text, or not in any form that is known.
    """
    shown = printable(name)
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{shown} has {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"{shown} is not UTF-8 (byte {error.start})", remedy="Save it as UTF-8."
        ) from None
    if "\0" in text:
        raise DocumentError(f"{shown} is not text: it holds NUL characters")
    # Only these three end a line for an editor; `splitlines` knows more.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MAX_ROWS:
        raise DocumentError(f"{shown} has more than {MAX_ROWS:,} lines")
    lower = name.lower()
    start = text.lstrip()[:1]
    if lower.endswith((".json", ".jsonl", ".ndjson")) or start == "{" or _is_json_list(text):
        return (_json(text, shown),)
    lines = text.split("\n")
    if lower.endswith((".md", ".markdown")) or any(_is_separator(line) for line in lines):
        return tuple(_markdown(lines))
    return (_delimited(text, lines, shown),)


def _is_json_list(text: str) -> bool:
    return bool(re.match(r"\s*\[\s*[\[{\"\]]", text)) and "](" not in text[:2000]


def _delimited(text: str, lines: Sequence[str], shown: str) -> Table:
    filled = [line for line in lines if line.strip()]
    delimiter = _delimiter(filled)
    if not delimiter:
        return Table(
            tuple(
                TableRow(number, (_listed(line),))
                for number, line in enumerate(lines, 1)
                if line.strip() and not line.lstrip().startswith("#")
            )
        )
    rows: list[TableRow] = []
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            stripped = tuple(cell.strip() for cell in cells[:_MAX_CELLS])
            if any(stripped) and not (stripped[0].startswith("#") and len(rows) == 0):
                rows.append(TableRow(line, stripped))
    except csv.Error as error:
        raise DocumentError(
            f"{shown}, line {before + 1}: {printable(str(error))}",
            remedy="Mend the quotes of that line.",
        ) from None
    return Table(tuple(rows), delimited=True)


def _delimiter(filled: Sequence[str]) -> str:
    """The delimiter that most of the first lines have; empty for a list of names."""
    head = [line for line in filled if not line.startswith("#")][:20]
    best, most = "", 0
    for candidate in (",", "\t", ";", "|"):
        having = sum(candidate in line for line in head)
        if having > most and having * 2 > len(head):
            best, most = candidate, having
    return best


def _listed(line: str) -> str:
    """A name of a list: without bullet, ``* `` of the current branch, quotes or a final comma."""
    name = line.strip()
    if bullet := _BULLET.match(name):
        name = name[bullet.end() :]
    return name.strip().strip("`\"',").strip()


def _is_separator(line: str) -> bool:
    """Whether a line is the one below the heading of a Markdown table."""
    return "|" in line and "--" in line and set(line) <= set("|:- \t")


def _markdown(lines: Sequence[str]) -> Iterator[Table]:
    """Each table; and the links and names of the text between them as a table of their own."""
    loose: list[TableRow] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if "|" in line and index + 1 < len(lines) and _is_separator(lines[index + 1]):
            rows = [TableRow(index + 1, _cells(line))]
            index += 2
            while index < len(lines) and "|" in lines[index] and lines[index].strip():
                rows.append(TableRow(index + 1, _cells(lines[index])))
                index += 1
            yield Table(tuple(rows), has_header=True)
            continue
        found = [f"[{label}]({target})" for label, target in _LINK.findall(line)]
        if not found and _BULLET.match(line.lstrip()):
            found = _QUOTED_NAME.findall(line) or [_listed(line)]
        loose += [TableRow(index + 1, (name,)) for name in found]
        index += 1
    if loose:
        yield Table(tuple(loose), has_header=False)


def _cells(line: str) -> tuple[str, ...]:
    body = line.strip().removeprefix("|").removesuffix("|")
    parts = re.split(r"(?<!\\)\|", body, maxsplit=_MAX_CELLS)
    return tuple(cell.strip().replace("\\|", "|") for cell in parts[:_MAX_CELLS])


def markdown_link(cell: str) -> tuple[str, str]:
    """Label and target of the first link in a cell; two empty texts when there is none."""
    found = _LINK.search(cell)
    return (found[1].strip().strip("`").strip(), found[2].strip()) if found else ("", "")


def _json(text: str, shown: str) -> Table:
    try:
        entries = _json_entries(text, shown)
    except DocumentError:
        entries = _json_lines(text, shown)
        if not entries:
            raise
    keys: list[str] = []
    for _, entry in entries:
        if isinstance(entry, Mapping):
            keys += [k for k in entry if k not in keys][: 64 - len(keys)]
    if not keys:
        return Table(tuple(TableRow(n, (_text(e),)) for n, e in entries), has_header=False)
    rows = [TableRow(entries[0][0], tuple(keys))]
    for line, entry in entries:
        fields = entry if isinstance(entry, Mapping) else {keys[0]: entry}
        rows.append(TableRow(line, tuple(_text(fields.get(key)) for key in keys)))
    return Table(tuple(rows), has_header=True)


def _loads(text: str, what: str) -> Any:
    return strict_json.loads(
        text.encode(), what=what, max_bytes=2 * MAX_BYTES, max_depth=_MAX_DEPTH
    )


def _json_lines(text: str, shown: str) -> list[tuple[int, Any]]:
    return [
        (number, _loads(line, f"{shown}, line {number}"))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]


def _json_entries(text: str, shown: str) -> list[tuple[int, Any]]:
    """The entries of a list, of a mapping's longest list, or of a mapping by name."""
    whole = _loads(text, shown)
    if isinstance(whole, dict):
        lists = {k: v for k, v in whole.items() if isinstance(v, list) and v}
        if not lists:
            return [(1, {"name": k, **(v if isinstance(v, dict) else {"target": v})})
                    for k, v in whole.items()]  # fmt: skip
        key = max(lists, key=lambda k: len(lists[k]))
        place = re.compile(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:\s*(?=\[)")
        # A list of the same name may stand deeper, and before the one that is meant.
        for found in itertools.islice(place.finditer(text), _PLACES):
            entries = list(_with_lines(text, text.index("[", found.end()) + 1))
            if [entry for _, entry in entries] == lists[key]:
                return entries
        return [(1, entry) for entry in lists[key]]
    if not isinstance(whole, list):
        raise DocumentError(f"{shown} holds neither a list nor a mapping of checkpoints")
    return list(_with_lines(text, text.index("[") + 1))


def _with_lines(text: str, position: int) -> Iterator[tuple[int, Any]]:
    """The entries of the list, known to be sound, that begins at ``position``, with their lines."""
    decoder = json.JSONDecoder()
    blank = re.compile(r"[\s,]*")
    line, counted = 1, 0
    while True:
        position = blank.match(text, position).end()  # type: ignore[union-attr]  # matches nothing too
        if text[position] == "]":
            return
        line += text.count("\n", counted, position)
        counted = position
        entry, position = decoder.raw_decode(text, position)
        yield line, entry


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return ""
    return str(value).strip()
