"""Logs of a training: from which step to which, and whether losses are there.

Of a long log only its two ends are read.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import file_size
from manifest.readers.trainer_state import read_trainer_state
from manifest.sources import Source

__all__ = ["TrainingLog", "read_training_log"]

_PART = 128 * 1024
_STEP_NAMES = ("step", "global_step", "_step", "iteration", "iter", "train/step", "steps")
_STEP = re.compile(
    r"\b(?:global[ _-]?)?(?:step|iter|iteration)s?\b[\"']?\s*[:=#\[(]?\s*([0-9][0-9,_]{0,17})",
    re.IGNORECASE,
)
_MAX_STEP = 10**15


@dataclasses.dataclass(frozen=True, slots=True)
class TrainingLog:
    """What a log covers: the lowest and the highest step at its two ends."""

    path: str
    first_step: int
    last_step: int


def read_training_log(source: Source, path: str) -> TrainingLog:
    """Read the ends of a log: JSON Lines, CSV, a trainer's state or lines of text.

    Raises:
        DocumentError: It names no steps that can be read here.
        UndecidedError: It cannot be read.
    """
    if path.endswith(".json"):
        state = read_trainer_state(source, path)
        steps = list(state.log_steps)
    else:
        steps = list(_steps(source, path))
    if not steps:
        raise DocumentError(f"{printable(path)} names no steps")
    return TrainingLog(path, min(steps), max(steps))


def _steps(source: Source, path: str) -> Iterator[int]:
    size = file_size(source, path)
    head = source.read(path, length=min(size, _PART))
    tail = source.read(path, start=max(size - _PART, 0), length=_PART) if size > _PART else b""
    if b"\0" in head:
        raise DocumentError(f"{printable(path)} is not text")
    lines = head.decode("utf-8", "replace").splitlines()
    if tail:
        # The line that each part was cut in is left out.
        lines = lines[:-1] + tail.decode("utf-8", "replace").splitlines()[1:]
    lower = path.lower()
    if lower.endswith((".csv", ".tsv")):
        yield from _table(lines, "\t" if lower.endswith(".tsv") else ",")
        return
    for line in lines:
        if line.lstrip().startswith("{"):
            yield from _record(line)
        else:
            for found in _STEP.finditer(line):
                yield from _natural(re.sub(r"[,_]", "", found[1]))


def _record(line: str) -> Iterator[int]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(record, dict):
        return
    for name in _STEP_NAMES:
        value = record.get(name)
        if type(value) is int:
            if 0 <= value <= _MAX_STEP:
                yield value
            return


def _table(lines: list[str], delimiter: str) -> Iterator[int]:
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return
    names = [name.strip().lower() for name in rows[0]] if rows else []
    column = next((names.index(name) for name in _STEP_NAMES if name in names), None)
    if column is None:
        return
    for row in rows[1:]:
        if len(row) == len(names):
            yield from _natural(row[column].strip())


def _natural(text: str) -> Iterator[int]:
    try:
        value = float(text)
    except ValueError:
        return
    if value == value and 0 <= value <= _MAX_STEP and value == int(value):  # noqa: PLR0124 - NaN
        yield int(value)
