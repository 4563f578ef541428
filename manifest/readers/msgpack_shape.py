"""Whether a file is one whole MessagePack value, as Flax writes the weights of a model.

The format (github.com/msgpack/msgpack, spec.md). Only what says how long things are is read;
arrays, which Flax keeps as extensions of type 1, are passed over.
"""

from __future__ import annotations

from manifest.readers._bounded import file_size
from manifest.sources import Source

__all__ = ["msgpack_problem"]

_MAX_VALUES = 2_000_000
_WINDOW = 64 * 1024
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8,
          0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}  # fmt: skip
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1),
          0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}  # fmt: skip
_LISTS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
_MAPS = frozenset({*range(0x81, 0x90), 0xDE, 0xDF})
_ARRAYS = frozenset({0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xD6, 0xD7, 0xD8})


def msgpack_problem(source: Source, path: str) -> str:
    """Why a file holds no weights in MessagePack; empty when it may.

    Raises:
        UndecidedError: It cannot be read.
    """
    size = file_size(source, path)
    window, begin = b"", 0
    at, waiting, arrays = 0, 1, 0
    for _ in range(_MAX_VALUES):
        if not waiting:
            break
        if not begin <= at <= begin + len(window) - 9:
            window, begin = source.read(path, start=at, length=min(_WINDOW, size - at)), at
        tag = window[at - begin] if at < size and at - begin < len(window) else -1
        if tag < 0:
            return "is MessagePack that was cut off"
        if not at and tag not in _MAPS:
            return "is not MessagePack with the weights of a model: it is no mapping"
        length, more = _extent(window[at - begin : at - begin + 9])
        if length < 0:
            return "is not MessagePack"
        arrays += tag in _ARRAYS and length > 4
        at += length
        waiting += more - 1
        if at > size or waiting > _MAX_VALUES:
            return "is MessagePack that was cut off"
    if waiting:
        return "is MessagePack of more values than are read"
    if at != size:
        return "is not one MessagePack value: bytes follow it"
    return "" if arrays else "is MessagePack without an array of numbers"


def _extent(head: bytes) -> tuple[int, int]:
    """How many bytes a value takes without those in it, and how many are in it."""
    tag = head[0]
    if tag < 0x80 or tag >= 0xE0:
        return 1, 0
    if tag < 0x90:
        return 1, 2 * (tag & 0x0F)
    if tag < 0xA0:
        return 1, tag & 0x0F
    if tag < 0xC0:
        return 1 + (tag & 0x1F), 0
    if tag in _FIXED:
        return 1 + _FIXED[tag], 0
    if tag in _SIZED:
        wide, kind = _SIZED[tag]
        return 1 + wide + kind + int.from_bytes(head[1 : 1 + wide], "big"), 0
    if tag in _LISTS:
        wide, each = _LISTS[tag]
        return 1 + wide, each * int.from_bytes(head[1 : 1 + wide], "big")
    return -1, 0
