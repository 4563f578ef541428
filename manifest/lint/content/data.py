"""Tests of data: records, results and recipes."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from manifest.errors import BrokenFileError, DocumentError
from manifest.lint.content.sampling import head, head_text, suffix
from manifest.readers.containers import check_container, is_container
from manifest.readers.recipe import read_recipe
from manifest.sources import Source, SourceFile

__all__ = ["anything", "configuration", "records", "results"]

_PART = 64 * 1024
_MAX_JSON = 4 * 1024 * 1024
_LINES = 20

_TABLE_NUMBER = re.compile(r"^\|.*\|\s*[-+]?\d+(\.\d+)?\s*(?:%\s*)?\|", re.MULTILINE)


def records(source: Source, file: SourceFile) -> str:
    """Data that is not empty and has the form that its name says.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    kind = suffix(file.path)
    if is_container(file.path):
        check_container(source, file.path)
        return ""
    if kind in (".jsonl", ".ndjson"):
        return "" if any(True for _ in _rows(source, file)) else "holds no record"
    if kind in (".json", ".csv", ".tsv", ".txt", ".md", ".yaml", ".yml", ".xml", ".html"):
        return _text(source, file, kind)
    start = head(source, file, _PART)
    return "" if start.strip(b"\0") else "holds nothing but zeros"


def _text(source: Source, file: SourceFile, kind: str) -> str:
    text = head_text(source, file, _PART)
    if text is None:
        return "is not text"
    if not text.strip():
        return "holds nothing but space"
    if kind == ".json" and file.size <= _MAX_JSON:
        value = _json(source, file)
        return "" if value not in ({}, [], None) else "holds no record"
    if kind in (".csv", ".tsv"):
        rows = sum(1 for row in _cells(text, kind) if any(row))
        return "" if rows > 1 else "has no row below its head"
    return ""


def anything(source: Source, file: SourceFile) -> str:
    """Data of any kind, weights and optimizer states among it.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    if suffix(file.path) == ".safetensors":
        from manifest.readers.safetensors import read_safetensors

        return "" if read_safetensors(source, file.path).complete else "is cut off"
    return records(source, file)


def results(source: Source, file: SourceFile) -> str:
    """Evaluation results: a file that holds numbers.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    kind = suffix(file.path)
    if kind == ".json":
        return "" if _has_number(_json(source, file)) else "holds no number"
    if kind in (".jsonl", ".ndjson"):
        found = any(_has_number(row) for row in _rows(source, file))
        return "" if found else "holds no number"
    text = head_text(source, file, _PART)
    if text is None:
        return "is not text"
    if kind in (".csv", ".tsv"):
        rows = [row for row in _cells(text, kind) if row]
        return "" if any(_is_number(c) for row in rows[1:] for c in row) else "holds no number"
    return "" if _TABLE_NUMBER.search(text) else "holds no table with numbers"


def configuration(source: Source, file: SourceFile) -> str:
    """A training recipe: a mapping with fields of one.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    if suffix(file.path) not in (".yaml", ".yml", ".json"):
        text = head_text(source, file, _PART) or ""
        flags = len(
            set(
                re.findall(r"(lr|learning.rate|batch.size|steps|epochs|optim\w{0,60}|seed)\W", text)
            )
        )
        return "" if flags > 1 else "names no settings of a training"
    recipe = read_recipe(source, file.path)
    return "" if recipe.is_training else "has no two fields of a training recipe"


def _json(source: Source, file: SourceFile) -> Any:
    from manifest.readers._bounded import read_json

    return read_json(source, file.path)


def _rows(source: Source, file: SourceFile) -> Iterator[Any]:
    """The first records of a JSON Lines file.

    Raises:
        BrokenFileError: A line among them is not JSON.
        DocumentError: It is not text.
    """
    text = head_text(source, file, _PART)
    if text is None:
        raise DocumentError("it is not text")
    for number, line in enumerate(text.splitlines()[:_LINES], 1):
        if not line.strip():
            continue
        if number == 1 and len(line) >= _PART - 4:  # one record longer than what is read
            yield {"": 0}
            return
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            raise BrokenFileError(f"line {number} is not JSON") from None


def _cells(text: str, kind: str) -> Iterator[list[str]]:
    delimiter = "\t" if kind == ".tsv" else ","
    try:
        for number, row in enumerate(csv.reader(text.splitlines(), delimiter=delimiter)):
            if number > _LINES * 10:
                return
            yield row
    except csv.Error:
        return


def _has_number(value: Any, depth: int = 8) -> bool:
    if isinstance(value, dict | list) and depth:
        inner = value.values() if isinstance(value, dict) else value
        return any(_has_number(v, depth - 1) for v in inner)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
