"""The outermost shape of a protocol buffer: fields by number, and no more than was asked for.

The wire format (protobuf.dev, "Encoding"): a tag that holds number and type, then the value.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from manifest.errors import DocumentError

__all__ = ["fields_of", "varint"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_FIELD = 2**29 - 1


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends.

    Raises:
        DocumentError: It is cut off or longer than ten bytes.
    """
    value = 0
    for index in range(10):
        if at + index >= len(data):
            raise DocumentError("a protocol buffer is cut off")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise DocumentError("a protocol buffer holds a number that is too long")


def fields_of(data: bytes, *, cut: bool = False) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a message, in their order.

    Args:
        data: The message.
        cut: Whether ``data`` is only its beginning: a last field that is not whole is left out.

    Raises:
        DocumentError: It is no message.
    """
    at = 0
    while at < len(data):
        try:
            tag, start = varint(data, at)
            number, kind = tag >> 3, tag & 7
            if not 0 < number <= _MAX_FIELD:
                raise DocumentError("a protocol buffer has a field without a number")
            value: int | float | bytes
            if kind == _VARINT:
                value, at = varint(data, start)
            elif kind in {_FIXED64, _FIXED32}:
                at = start + (8 if kind == _FIXED64 else 4)
                raw = _taken(data, start, at)
                value = struct.unpack("<d" if kind == _FIXED64 else "<f", raw)[0]
            elif kind == _BYTES:
                length, start = varint(data, start)
                at = start + length
                value = _taken(data, start, at)
            else:
                raise _UnknownTypeError("a protocol buffer has a field of a type that is not known")
        except _UnknownTypeError:
            raise
        except DocumentError:
            if cut:
                return
            raise
        yield number, value


class _UnknownTypeError(DocumentError):
    """Not a matter of where the data was cut."""


def _taken(data: bytes, start: int, end: int) -> bytes:
    if end > len(data):
        raise DocumentError("a protocol buffer is cut off")
    return data[start:end]
