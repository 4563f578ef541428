"""Logs of TensorBoard: records with checksums, each an event with a step and values.

The format (tensorflow/core/lib/io/record_writer.h): length, masked CRC-32C of the length, data,
masked CRC-32C of the data; the data is an Event of event.proto.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from manifest.errors import DocumentError
from manifest.readers._bounded import file_size
from manifest.readers.protobuf import fields_of
from manifest.sources import Source

__all__ = ["crc32c", "read_events"]

_PART = 256 * 1024
_MAX_RECORD = 64 * 1024
_MAX_CHECKED = 32 * 1024
"""Bytes whose checksum is computed: it takes a microsecond for each."""


def read_events(source: Source, path: str) -> tuple[tuple[int, str, float | None], ...]:
    """Step, name and value of the first events; the value is None where it is no plain number.

    Raises:
        DocumentError: The first records are none, or their checksums are wrong; the message
            follows the file's name.
        UndecidedError: It cannot be read.
    """
    data = source.read(path, length=min(_PART, file_size(source, path)))
    found: list[tuple[int, str, float | None]] = []
    for record in _records(data):
        step = 0
        values: list[tuple[str, float | None]] = []
        for number, value in fields_of(record):
            if number == 2 and isinstance(value, int):
                step = value
            elif number == 5 and isinstance(value, bytes):
                values += _values(value)
        found += [(step, name, value) for name, value in values]
    return tuple(found)


def _records(data: bytes) -> Iterator[bytes]:
    at = checked = 0
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        if _masked(data[at : at + 8]) != int.from_bytes(data[at + 8 : at + 12], "little"):
            raise DocumentError("is not a log of events: a record's checksum is wrong")
        end = at + 12 + length + 4
        if end > len(data):
            if not at and length <= _MAX_RECORD and len(data) < _PART:
                raise DocumentError("is a log of events that was cut off")
            return
        record = data[at + 12 : end - 4]
        if checked + length <= _MAX_CHECKED:
            checked += length
            if _masked(record) != int.from_bytes(data[end - 4 : end], "little"):
                raise DocumentError("is not a log of events: a record's checksum is wrong")
        yield record
        at = end
    if not at:
        raise DocumentError("is not a log of events: it holds no record")


def _values(summary: bytes) -> Iterator[tuple[str, float | None]]:
    """The values of a Summary: tag and simple_value; a tensor's numbers are not read."""
    for number, value in fields_of(summary):
        if number == 1 and isinstance(value, bytes):
            fields = dict(fields_of(value))
            tag, simple = fields.get(1), fields.get(2)
            if isinstance(tag, bytes):
                plain = simple if isinstance(simple, float) else None
                yield tag.decode("utf-8", "replace"), plain


def _masked(data: bytes) -> int:
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of some bytes."""
    table = _table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@functools.cache
def _table() -> Sequence[int]:
    entries = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        entries.append(crc)
    return tuple(entries)
