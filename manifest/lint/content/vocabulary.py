"""Tests of vocabularies: how many tokens there are, and that no number stands for two."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Hashable, Mapping
from typing import Any, cast

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.lint.content.sampling import head, head_text, suffix
from manifest.readers._bounded import MAX_JSON, read_json
from manifest.readers.protobuf import fields_of
from manifest.sources import Source, SourceFile

__all__ = ["vocabulary_of_json", "vocabulary_of_lines", "vocabulary_of_pieces", "vocabulary_size"]

_MIN = 2
_MAX_PIECES = 4 * 1024 * 1024
_NAMES = ("vocab", "vocabulary", "characters", "tokens", "merges")


def vocabulary_size(source: Source, path: str) -> int | None:
    """How many tokens a file that passed its test has; 0 for one that has none of its own.

    None where that is not known: code, or a form whose tokens are not counted here.
    """
    name = path.rpartition("/")[2]
    if name.endswith(("_config.json", "_map.json", "merges.txt", ".jinja")):
        return 0
    return _counted(cast("Hashable", source)).get(path)


@functools.lru_cache(maxsize=1)
def _counted(source: Hashable) -> dict[str, int]:  # noqa: ARG001 - the key, by identity
    return {}


def vocabulary_of_json(source: Source, file: SourceFile) -> str:
    """Why a JSON file holds neither a tokenizer nor a vocabulary; empty when it does.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    tokens = _tokens(read_json(source, file.path, max_bytes=8 * MAX_JSON))
    if len(tokens) < _MIN:
        return "holds neither a tokenizer nor a vocabulary"
    if isinstance(tokens, Mapping):
        seen: dict[int, str] = {}
        for token, number in tokens.items():
            if type(number) is int and seen.setdefault(number, token) != token:
                other = printable(seen[number][:40])
                return f"gives {printable(token[:40])} and {other} the same number, {number}"
    _counted(cast("Hashable", source))[file.path] = len(tokens)
    return ""


def _tokens(value: Any) -> Mapping[str, Any] | list[Any] | str:
    """The vocabulary in one of the forms that are known; empty when there is none."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    model = value.get("model")
    inner = model if isinstance(model, dict) else value
    for name in _NAMES:
        found = inner.get(name)
        if isinstance(found, dict | list | str) and len(found) >= _MIN:
            return found
    # vocab.json: every token and its number.
    return value if value and all(type(n) is int for n in value.values()) else []


def vocabulary_of_pieces(source: Source, file: SourceFile) -> str:
    """Why a file is no SentencePiece model; empty when it is.

    The model is a protocol buffer (google/sentencepiece, sentencepiece_model.proto): its first
    field repeats, a message with the text of a piece, and its score.

    Raises:
        UndecidedError: It cannot be read.
    """
    start = head(source, file, 1)
    if start and start != b"\n":
        return vocabulary_of_lines(source, file)
    try:
        pieces, different = _pieces(source, file)
    except DocumentError as error:
        return f"is not a SentencePiece model: {error.message}"
    if pieces < _MIN or different < _MIN:
        return "is not a SentencePiece model: it has no two different pieces"
    if file.size <= _MAX_PIECES:
        _counted(cast("Hashable", source))[file.path] = pieces
    return ""


def _pieces(source: Source, file: SourceFile) -> tuple[int, int]:
    """How many pieces the model has, as far as it is read, and how many of them differ.

    Raises:
        DocumentError: It is no protocol buffer.
        UndecidedError: It cannot be read.
    """
    data = head(source, file, _MAX_PIECES)
    count, texts = 0, set()
    for number, value in fields_of(data, cut=len(data) < file.size):
        if number == 1 and isinstance(value, bytes):
            count += 1
            texts.add(next((v for n, v in fields_of(value) if n == 1), b""))
    return count, len(texts - {b""})


def vocabulary_of_lines(source: Source, file: SourceFile) -> str:
    """Why a file holds no vocabulary of a token a line; empty when it does.

    Raises:
        UndecidedError: It cannot be read.
    """
    text = head_text(source, file, 64 * 1024)
    lines = [x for x in (text or "").splitlines() if x.strip()]
    if len(set(lines)) < _MIN:
        return "holds no vocabulary"
    if suffix(file.path) in {".model", ".tiktoken"} and not all(map(_is_ranked, lines[:100])):
        return "is neither a SentencePiece model nor a list of ranked tokens"
    if text is not None and len(text.encode()) + 2 >= file.size:
        _counted(cast("Hashable", source))[file.path] = len(lines)
    return ""


def _is_ranked(line: str) -> bool:
    """Whether a line is a token in base 64 and its rank, as tiktoken writes them."""
    token, _, rank = line.partition(" ")
    try:
        return bool(base64.b64decode(token, validate=True)) and rank.isdigit()
    except (binascii.Error, ValueError):
        return False
