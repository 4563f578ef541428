"""Tests of what happened in time: logs of a training, and the order of its data."""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from manifest.errors import BrokenFileError, DocumentError, UndecidedError
from manifest.lint.content.sampling import head, head_text, suffix
from manifest.readers._bounded import MAX_JSON, read_json_object
from manifest.readers.containers import check_container, is_container, read_array_header
from manifest.readers.event_log import read_events
from manifest.sources import Source, SourceFile

__all__ = ["log", "order"]

_PART = 256 * 1024
_MAX_ROWS = 5_000
_STEP = re.compile(r"\b(?:step|iter|epoch)\w*\W{0,4}(\d{1,15})", re.IGNORECASE)
_LOSS = re.compile(
    r"loss\w{0,60}\W{0,4}?([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf)", re.IGNORECASE
)
_STEP_NAME = re.compile(r"step|iter|epoch", re.IGNORECASE)
_PLACE_NAME = re.compile(r"step|iter|epoch|position|index|line|batch|order|rank", re.IGNORECASE)
_INTEGERS = {"i4": "i", "i8": "q", "u4": "I", "u8": "Q", "i2": "h", "u2": "H"}

Entry = tuple[float, float]
"""A step and a loss."""


def log(source: Source, file: SourceFile) -> str:
    """A training log: steps that go on, with losses that are numbers and change.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    kind = suffix(file.path)
    if "tfevents" in file.path:
        return _events(source, file)
    if kind == ".json":
        entries = list(_of_trainer(source, file))
    elif kind in (".jsonl", ".ndjson"):
        entries = [e for row in _rows(source, file) for e in _of_row(row)]
    else:
        text = head_text(source, file, _PART)
        if text is None:
            return "is not text"
        table = kind in (".csv", ".tsv")
        entries = list(_of_table(text, kind) if table else _of_lines(text))
    return _progress(entries)


def _progress(entries: Sequence[Entry]) -> str:
    if len(entries) < 2:
        return "holds no entries with a step and a loss"
    if len({step for step, _ in entries}) < 2:
        return "holds one step again and again"
    rises = sum(b > a for (a, _), (b, _) in itertools.pairwise(entries))
    falls = sum(b < a for (a, _), (b, _) in itertools.pairwise(entries))
    if rises <= falls:
        return "holds steps that do not rise"
    losses = {loss for _, loss in entries if math.isfinite(loss)}
    if not losses:
        return "holds no loss that is a number"
    return (
        "" if len(losses) > 1 else "holds one loss at every step: nothing was learned, or measured"
    )


def _events(source: Source, file: SourceFile) -> str:
    try:
        events = [e for e in read_events(source, file.path) if "loss" in e[1].lower()]
    except DocumentError as error:
        return error.message
    plain = [(float(step), value) for step, _, value in events if value is not None]
    if plain:
        return _progress(plain)
    steps = {step for step, _, _ in events}
    return "" if len(steps) > 1 else "holds no entries with a step and a loss"


def _of_trainer(source: Source, file: SourceFile) -> Iterator[Entry]:
    fields = read_json_object(source, file.path, max_bytes=4 * MAX_JSON)
    if "global_step" not in fields and "log_history" not in fields:
        raise DocumentError("is not the state of a trainer")
    history = fields.get("log_history")
    for row in history[:_MAX_ROWS] if isinstance(history, list) else ():
        yield from _of_row(row)


def _of_row(row: Any) -> Iterator[Entry]:
    """The step and the loss of a record: the first fields with such names that are numbers."""
    if not isinstance(row, dict):
        return
    names = sorted(
        (str(key) for key in row), key=lambda n: (n not in {"step", "loss"}, n != "global_step")
    )
    steps = [row[n] for n in names if _STEP_NAME.search(n) and _is_number(row[n])]
    losses = [row[n] for n in names if "loss" in n.lower() and _is_number(row[n])]
    if steps and losses:
        yield float(steps[0]), float(losses[0])


def _of_table(text: str, kind: str) -> Iterator[Entry]:
    rows = [row for row in _cells(text, kind) if row]
    head_ = [name.strip() for name in rows[0]] if rows else []
    for row in rows[1:]:
        if len(row) == len(head_):
            numbers = {
                n: v for n, c in zip(head_, row, strict=True) if (v := _float(c)) is not None
            }
            yield from _of_row(numbers)


def _of_lines(text: str) -> Iterator[Entry]:
    """Steps that are followed by a loss in their line; each line is gone over once."""
    position = 0
    while (step := _STEP.search(text, position)) is not None:
        end = text.find("\n", step.end())
        end = len(text) if end < 0 else end
        loss = _LOSS.search(text, step.end(), end)
        if loss is not None:
            yield float(step[1]), float(loss[1])
        position = end if loss is None else loss.end()


def order(source: Source, file: SourceFile) -> str:
    """A data order: rows that say what was seen when, and no record twice before all were seen.

    Raises:
        DocumentError: It cannot be read.
        UndecidedError: It cannot be read, or repeats records so that it could be an order and
            could be filler.
    """
    kind = suffix(file.path)
    if kind in (".jsonl", ".ndjson"):
        rows = [_record(row) for row in _rows(source, file)]
        entries = [row for row in rows if row]
    elif kind in (".csv", ".tsv", ".txt"):
        text = head_text(source, file, _PART) or ""
        entries = _without_places([r for r in _cells(text, kind) if any(map(_is_numeral, r))])
    elif kind == ".npy":
        check_container(source, file.path)
        entries = list(_of_array(source, file))
        if not entries:
            return ""  # records of a form whose rows are not read here
    elif is_container(file.path):
        check_container(source, file.path)
        return ""
    else:
        data = head(source, file, _PART)
        words = {data[at : at + 8] for at in range(0, len(data) - 7, 8)}
        return "" if len(words) > 1 else "holds one number again and again"
    return _permuted(entries)


def _permuted(entries: Sequence[str]) -> str:
    if len(entries) < 2:
        return "holds fewer than two rows of numbers"
    different = len(set(entries))
    if different == 1:
        return "names one record again and again"
    epoch: set[str] = set()
    first: frozenset[str] | None = None
    for entry in entries:
        if entry not in epoch:
            epoch.add(entry)
        elif first in (None, frozenset(epoch)):
            first, epoch = frozenset(epoch), {entry}
        else:
            break
    else:
        if first is None or (epoch <= first and len(first) > 1):
            return ""
    if different * 2 < len(entries):
        return "repeats records before all were seen: it is no order of them"
    raise UndecidedError("repeats records before all were seen: as an order or as filler")


def _record(row: Any) -> str:
    """What a row names, without its own place in the order; empty where it holds no number."""
    if isinstance(row, dict):
        named = {k: v for k, v in row.items() if not _PLACE_NAME.search(str(k))} or row
        return json.dumps(named, sort_keys=True, default=str) if _holds_number(row) else ""
    return json.dumps(row) if _holds_number(row) else ""


def _without_places(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows without a first column that only counts them."""
    first = [value for row in rows if (value := _float(row[0])) is not None]
    counts = (
        len(rows) == len(first)
        and all(a <= b for a, b in itertools.pairwise(first))
        and all(len(row) > 1 for row in rows)
    )
    return [",".join(row[1:] if counts else row) for row in rows]


def _of_array(source: Source, file: SourceFile) -> Iterator[str]:
    dtype, shape, start = read_array_header(source, file.path)
    code = _INTEGERS.get(dtype.lstrip("<|="))
    if code is None or len(shape) not in (1, 2):
        return
    width = shape[1] if len(shape) == 2 else 1
    size = struct.calcsize("<" + code)
    count = min(math.prod(shape), _PART // size) // max(width, 1) * width
    data = source.read(file.path, start=start, length=count * size)
    numbers = struct.unpack(f"<{len(data) // size}{code}", data[: len(data) // size * size])
    for at in range(0, len(numbers), max(width, 1)):
        yield ",".join(map(str, numbers[at : at + width]))


def _rows(source: Source, file: SourceFile) -> Iterator[Any]:
    text = head_text(source, file, _PART)
    if text is None:
        raise DocumentError("is not text")
    for number, line in enumerate(text.splitlines()[:_MAX_ROWS], 1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                raise BrokenFileError(f"line {number} is not JSON") from None


def _cells(text: str, kind: str) -> Iterator[list[str]]:
    delimiter = "\t" if kind == ".tsv" else ","
    try:
        for number, row in enumerate(csv.reader(text.splitlines(), delimiter=delimiter)):
            if number > _MAX_ROWS:
                return
            yield row
    except csv.Error:
        return


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holds_number(value: Any, depth: int = 8) -> bool:
    if isinstance(value, dict | list) and depth:
        inner = value.values() if isinstance(value, dict) else value
        return any(_holds_number(v, depth - 1) for v in inner)
    return _is_number(value) and math.isfinite(value)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_numeral(text: str) -> bool:
    value = _float(text)
    return value is not None and math.isfinite(value)
