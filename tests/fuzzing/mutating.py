"""Bytes made from other bytes: what a stranger would try, and what chance would not.

Everything comes from one `random.Random`: a seed and a number repeat a case.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["MAX_BYTES", "mutate"]

MAX_BYTES = 64 * 1024
"""The largest case; what is slow on more is looked for by other tests."""

_NUMBERS = (
    -1, 0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32,
    2**53, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
_TEXTS = (
    "", ".", "..", "../..", "/", "//", "a//b", "C:\\x", "\x00", "\x1b[2J", "\u202e", "\u200b", "\ud800",
    "é", "e\u0301", "NaN", "Infinity", "-0", "1e999", "0x10", "1_000", "true", "null", "~", "*", "**",
    "[", "{", "}", "]", ":", "- ", "? ", "&a", "*a", "!!python/object:x", "%YAML 9.9", "---", "...",
    "\r\n", "\t", "'", '"', "\\u0000", "\\ud800", "\\x", "<!--", "]]>", "a" * 5000, "(" * 400, "[" * 400,
    "{" * 400, "- " * 400, "sha256:", "https://", "-----BEGIN", "-----END", "=", "%00", "%zz", "\ufeff",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": None}, 0.5, -1, 1e308, *_NUMBERS)


def mutate(
    data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random
) -> bytes:
    """One to six changes of ``data``; of JSON, one of its values now and then.

    Args:
        data: What to begin with.
        others: Samples of the same kind, to take pieces from.
        tokens: Words of the format.
        chance: Every choice.
    """
    if data[:1] in (b"{", b"[") and chance.random() < 0.5:
        changed = _json(data, chance)
        if changed is not None:
            return changed[:MAX_BYTES]
    for _ in range(1 + int(chance.random() ** 2 * 6)):
        data = chance.choice(_CHANGES)(data, others, tokens, chance)
    return data[:MAX_BYTES]


Change = Callable[[bytes, Sequence[bytes], Sequence[bytes], random.Random], bytes]


def _flip(data: bytes, _o: Sequence[bytes], _t: Sequence[bytes], chance: random.Random) -> bytes:
    if not data:
        return bytes([chance.randrange(256)])
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(changed))
        changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, _o: Sequence[bytes], _t: Sequence[bytes], chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return data[: chance.randrange(len(data) + 1)]
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice((1, 2, 4, 16, 256)) :]


def _repeat(data: bytes, _o: Sequence[bytes], _t: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.choice((1, 4, 16, 200))]
    return data[:start] + piece * chance.choice((2, 3, 50)) + data[start:]


def _splice(
    data: bytes, others: Sequence[bytes], _t: Sequence[bytes], chance: random.Random
) -> bytes:
    other = chance.choice(others)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _insert(
    data: bytes, _o: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random
) -> bytes:
    if tokens and chance.random() < 0.5:
        piece = chance.choice(tokens)
    else:
        piece = chance.choice(_TEXTS).encode("utf-8", "surrogatepass")
    place = chance.randrange(len(data) + 1)
    over = chance.choice((0, len(piece)))
    return data[:place] + piece + data[place + over :]


def _number(data: bytes, _o: Sequence[bytes], _t: Sequence[bytes], chance: random.Random) -> bytes:
    """A length or an offset, in either byte order, or in digits."""
    number = chance.choice(_NUMBERS)
    place = chance.randrange(len(data) + 1)
    if chance.random() < 0.3:
        return data[:place] + str(number).encode() + data[place + 1 :]
    width, order = chance.choice("BHIQ"), chance.choice("<>")
    size = struct.calcsize(width)
    packed = struct.pack(order + width, number % (1 << 8 * size))
    return data[:place] + packed + data[place + size :]


def _line(data: bytes, _o: Sequence[bytes], _t: Sequence[bytes], chance: random.Random) -> bytes:
    """Lines left out, doubled or exchanged: the changes that texts survive."""
    lines = data.split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    what = chance.randrange(3)
    if what == 0:
        del lines[first]
    elif what == 1:
        lines.insert(first, lines[second])
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


_CHANGES: tuple[Change, ...] = (
    _flip,
    _flip,
    _cut,
    _repeat,
    _splice,
    _insert,
    _insert,
    _number,
    _line,
)


def _json(data: bytes, chance: random.Random) -> bytes | None:
    """A document with one value replaced, taken out, doubled or wrapped; None for what is none."""
    try:
        root = json.loads(data)
    except (ValueError, RecursionError):
        return None
    places = list(_places(root))
    if not places:
        return None
    holder, key = chance.choice(places)
    what = chance.randrange(5)
    if what == 0:
        value = chance.choice((*_VALUES, *_TEXTS))
        holder[key] = value
    elif what == 1:
        del holder[key]
    elif what == 2:
        deep: Any = holder[key]
        for _ in range(chance.choice((1, 10, 200))):
            deep = [deep] if chance.random() < 0.5 else {"a": deep}
        holder[key] = deep
    elif what == 3 and isinstance(holder, dict):
        holder[chance.choice(_TEXTS)] = chance.choice((*_VALUES, *_TEXTS))
    else:
        other, name = chance.choice(places)
        holder[key] = json.loads(json.dumps(other[name]))  # no knots
    try:
        text = json.dumps(root, ensure_ascii=chance.random() < 0.5)
    except (ValueError, RecursionError):
        return None
    if chance.random() < 0.1:  # a key twice, which no dict can hold
        text = text.replace("{", '{"x": 1, "x": 2, ', 1)
    return text.encode("utf-8", "surrogatepass")


def _places(node: Any, depth: int = 0) -> Any:
    if depth > 60:
        return
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, inner in list(items):
        yield node, key
        yield from _places(inner, depth + 1)
