"""JSON as security-relevant documents need it: one reading, bounded cost, places in errors.

Parsers of JSON differ on duplicate keys, on NaN, on byte order marks and on how deep they
go; a document that two of them read differently can be signed as one thing and verified as
another. `loads` therefore accepts RFC 8259 as I-JSON (RFC 7493) restricts it: UTF-8 without
a byte order mark, no duplicate keys, no NaN or infinities, no lone surrogates, integers of
64 bits, and bounds on size, depth and number of values that are checked before anything is
built.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from manifest.errors import DocumentError, ManifestError
from manifest.records import record

__all__ = ["DEFAULT_MAX_ITEMS", "dumps", "loads"]

DEFAULT_MAX_ITEMS = 4_000_000
"""Values in one document; keeps the memory of a hostile one within a small multiple of its size."""

_INT_LIMIT = 2**63 - 1
_INT_DIGITS = 19
_SHOWN = 60

# Brackets of both kinds count alike for depth; everything but structure is deleted.
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))
# A string, closed or cut off by the end of the document, once escapes have been removed.
_STRING = re.compile(rb'"[^"]*+(?:"|\Z)')
# A string that the end cuts off is one piece too: to try again at each of its quotation marks
# would take quadratic time.
_WHOLE_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_STRING_OR_BRACKET = re.compile(_WHOLE_STRING + r"|[\[\]{}]", re.DOTALL)
_PIECE = re.compile(_WHOLE_STRING + r'|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class _Refused(Exception):  # noqa: N818 - a signal inside this module, never raised to callers
    """Something a hook of the JSON parser saw; the hook does not know where it stands."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@record(frozen=True, slots=True)
class _Document:
    what: str
    text: str
    error: type[ManifestError]

    def fail(self, position: int | None, problem: str) -> NoReturn:
        place = ""
        if position is not None:
            line = self.text.count("\n", 0, position) + 1
            column = position - self.text.rfind("\n", 0, position)
            place = f"line {line}, column {column}: "
        raise self.error(
            f"{self.what}: {place}{problem}",
            remedy="correct the document at this place, or fetch it again",
        )


def loads(
    data: bytes,
    *,
    what: str,
    max_bytes: int,
    max_depth: int,
    max_items: int = DEFAULT_MAX_ITEMS,
    error: type[ManifestError] = DocumentError,
) -> Any:
    """Parse a JSON document strictly.

    Args:
        data: The bytes of the document.
        what: The document's name for messages, such as a file name.
        max_bytes: The largest size accepted, in bytes.
        max_depth: How many arrays and objects may lie inside each other; a scalar has depth 0.
        max_items: How many values the document may hold.
        error: The class of error to raise, which carries the exit code that suits the caller.

    Returns:
        Dictionaries, lists, strings, integers of 64 bits, floats, booleans and None.

    Raises:
        ManifestError: An `error` whose message names the document, the line, the column
            (both from 1, in characters) and the cause.
    """
    if len(data) > max_bytes:
        raise error(
            f"{what} has {len(data):,} bytes; at most {max_bytes:,} are accepted",
            remedy="check that this is the intended file",
        )
    if data.startswith(b"\xef\xbb\xbf"):
        raise error(
            f"{what}: line 1, column 1: a byte order mark is not allowed",
            remedy="save the file as UTF-8 without a byte order mark",
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise error(
            f"{what}: line {line}: the byte at offset {exc.start} is not valid UTF-8",
            remedy="save the file as UTF-8",
        ) from None
    document = _Document(what, text, error)
    has_long_numbers = _check_shape(data, document, max_depth=max_depth, max_items=max_items)
    try:
        # Python reads integers fast by itself, and without a bound; few documents hold long ones.
        hooks = _HOOKS if has_long_numbers else _HOOKS_FOR_SHORT_INTEGERS
        value = json.loads(text, object_pairs_hook=_unique, **hooks)
    except _Refused as exc:
        document.fail(_locate(text, exc.problem), exc.problem)
    except json.JSONDecodeError as exc:
        document.fail(exc.pos, exc.msg[:1].lower() + exc.msg[1:])
    if (
        "\\u" in text
        and _SURROGATE_ESCAPE.search(text)
        and (position := _lone_surrogate(text)) is not None
    ):
        document.fail(position, "a string holds half of a surrogate pair")
    return value


def dumps(value: Any) -> bytes:
    """Write a JSON document: keys as given, two spaces of indent, UTF-8, one final newline.

    Raises:
        DocumentError: The value holds NaN, an infinity or a lone surrogate, which
            `loads` refuses.
    """
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except UnicodeEncodeError:
        raise DocumentError("a text to be written is not valid Unicode: a lone surrogate") from None
    except ValueError as exc:
        raise DocumentError(f"a value cannot be written as JSON: {exc}") from None


def _check_shape(data: bytes, document: _Document, *, max_depth: int, max_items: int) -> bool:
    """Refuse too deep and too many, in linear time and before a value is built.

    Returns whether a number may have eighteen digits or more.

    Escapes and then strings are removed, which leaves the structure. Each pass over its
    brackets removes the innermost pairs, so a balanced document of depth n is gone after
    n passes. Up to the first syntax error this reads the text as the parser does, so a
    malformed document cannot make the parser go deeper than was counted here.
    """
    bare = data
    if b"\\" in data:
        bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # A value has at most one key and is at most one string: four quotation marks.
    structure = outside = b""
    crowded = bare.count(b'"') > 4 * max_items
    if not crowded:
        outside = _STRING.sub(b"", bare)
        structure = outside.translate(_BRACKETS, _NOT_STRUCTURE)
        crowded = structure.count(b",") + structure.count(b"[") >= max_items
    if crowded:
        raise document.error(
            f"{document.what} holds more than {max_items:,} values",
            remedy="check that this is the intended file",
        )
    brackets = structure.translate(None, b",")
    for _ in range(max_depth):
        left = brackets.replace(b"[]", b"")
        if len(left) == len(brackets):
            break
        brackets = left
    if brackets and (position := _too_deep(document.text, max_depth)) is not None:
        document.fail(position, f"arrays and objects lie more than {max_depth} deep")
    return _LONG_NUMBER.search(outside) is not None


def _too_deep(text: str, max_depth: int) -> int | None:
    """Where the bound is crossed; None where brackets are merely unbalanced."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        piece = match.group()
        if piece in "[{":
            depth += 1
            if depth > max_depth:
                return match.start()
        elif piece in "]}":
            depth -= 1
            if depth <= 0:
                break  # the first value ends here; the parser refuses whatever follows
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Refused(_twice(key))
            seen.add(key)
    return result


def _twice(key: str) -> str:
    shown = key if len(key) <= _SHOWN else key[:_SHOWN] + "..."
    return f"the key {shown!a} appears twice in one object"


def _refuse_constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a JSON number")


def _bounded_int(digits: str) -> int:
    if len(digits.lstrip("-")) <= _INT_DIGITS:
        value = int(digits)
        if -_INT_LIMIT <= value <= _INT_LIMIT:
            return value
    raise _Refused(f"the integer {digits[:_SHOWN]} does not fit 64 bits")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Refused(f"the number {digits[:_SHOWN]} is too large")
    return value


_HOOKS: dict[str, Any] = {
    "parse_constant": _refuse_constant,
    "parse_int": _bounded_int,
    "parse_float": _finite_float,
}
_HOOKS_FOR_SHORT_INTEGERS = {k: v for k, v in _HOOKS.items() if k != "parse_int"}
_LONG_NUMBER = re.compile(rb"[0-9]{18}")


def _locate(text: str, problem: str) -> int | None:
    """The place of what a hook refused: the document is walked again, piece by piece."""
    objects: list[set[str] | None] = []  # the keys of each open object, None for an array
    before = ""
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece in "[{":
            objects.append(set() if piece == "{" else None)
        elif piece in "]}" and objects:
            objects.pop()
        elif piece[0] != '"':
            if piece not in ",:" and _scalar_problem(piece) == problem:
                return match.start()
        elif before in "{," and objects and (keys := objects[-1]) is not None:
            key = json.loads(piece)  # well-formed, as the parser has read past it
            if key in keys and _twice(key) == problem:
                return match.start()
            keys.add(key)
        before = piece
    return None


def _scalar_problem(piece: str) -> str | None:
    try:
        json.loads(piece, **_HOOKS)
    except _Refused as exc:
        return exc.problem
    except json.JSONDecodeError:
        return None
    return None


def _lone_surrogate(text: str) -> int | None:
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece[0] == '"' and _SURROGATE_ESCAPE.search(piece):
            try:
                json.loads(piece).encode()
            except UnicodeEncodeError:
                return match.start()
    return None
