"""Whether files with the graph of a computation are whole: ONNX and TFLite.

Neither has a mark at its end, and the mark at their beginning is one byte, or four. What says how
long the parts are is read, and never a part: of a file of gigabytes a few kilobytes.
"""

from __future__ import annotations

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.readers._bounded import file_size
from manifest.readers.protobuf import varint
from manifest.sources import Source

__all__ = ["onnx_problem", "tflite_problem"]

_WINDOW = 64 * 1024
_LONGEST = 20
"""Bytes of a tag and a length, each a number of at most ten."""
_MAX_FIELDS, _MAX_READS = 100_000, 1_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH = 7
_SUBGRAPHS, _BUFFERS = 2, 4
_MAX_GRAPH_FIELD = 100
"""``GraphProto`` has numbers up to 16 so far."""
_MAX_BUFFERS = 1_000_000


def onnx_problem(source: Source, path: str) -> str:
    """Why a file is no ONNX model; empty when it is, as far as the lengths of its fields tell.

    A model is a protocol buffer (github.com/onnx/onnx, onnx.proto, ``ModelProto``) whose fields
    fill the file, and whose seventh is a graph that is not empty.

    Raises:
        UndecidedError: It cannot be read, or has more fields than are looked at.
    """
    size = file_size(source, path)
    window, begin, at, graph = b"", 0, 0, False
    fields = reads = 0
    while at < size:
        fields += 1
        if not begin <= at <= begin + len(window) - _LONGEST:
            window, begin = source.read(path, start=at, length=min(_WINDOW, size - at)), at
            reads += 1
        if fields > _MAX_FIELDS or reads > _MAX_READS:
            raise UndecidedError(f"{printable(path)} has more fields than are looked at")
        try:
            number, start, end = _field(window, at - begin)
            if number == _GRAPH and end > start:
                inner, _, last = _field(window, start)
                if not 0 < inner < _MAX_GRAPH_FIELD or last > end:
                    return "is not an ONNX model: its graph is none"
                graph = True
        except DocumentError:
            return "is not an ONNX model, or was cut off"
        at = begin + end
    if at > size:
        return "is an ONNX model that was cut off"
    return "" if graph else "is an ONNX model without a graph"


def _field(data: bytes, at: int) -> tuple[int, int, int]:
    """A field's number, where its value begins, and where it ends.

    Raises:
        DocumentError: It is none.
    """
    tag, start = varint(data, at)
    number, kind = tag >> 3, tag & 7
    if not number:
        raise DocumentError("a field without a number")
    if kind == _VARINT:
        return number, start, varint(data, start)[1]
    if kind in {_FIXED64, _FIXED32}:
        return number, start, start + (8 if kind == _FIXED64 else 4)
    if kind != _BYTES:
        raise DocumentError("a field of a type that is not known")
    length, start = varint(data, start)
    return number, start, start + length


def tflite_problem(source: Source, path: str) -> str:
    """Why a file is no TFLite model; empty when it is, as far as its outermost table tells.

    A model is a FlatBuffer (flatbuffers.dev, "Internals") whose table has subgraphs and buffers
    (tensorflow, lite/schema/schema.fbs, ``Model``). The numbers of the last buffer end last.

    Raises:
        UndecidedError: It cannot be read.
    """
    table = _Flat(source, path)
    try:
        root = table.number(0, 4)
        graphs, buffers = (table.vector(root, field) for field in (_SUBGRAPHS, _BUFFERS))
        if not graphs or not buffers:
            return "is a TFLite model without a graph"
        last = max(table.targets(*buffers))
        if last:
            table.vector(last, 0)
        table.targets(*graphs)
    except DocumentError:
        return "is not a TFLite model, or was cut off: its parts lie outside of it"
    return ""


class _Flat:
    """A FlatBuffer in a file, of which single numbers are read."""

    def __init__(self, source: Source, path: str) -> None:
        self._source, self._path = source, path
        self._size = file_size(source, path)

    def _read(self, at: int, length: int) -> bytes:
        if not 0 <= at <= at + length <= self._size:
            raise DocumentError("a part lies outside of the file")
        return self._source.read(self._path, start=at, length=length)

    def number(self, at: int, length: int, *, signed: bool = False) -> int:
        """A number of some bytes.

        Raises:
            DocumentError: It lies outside of the file.
        """
        return int.from_bytes(self._read(at, length), "little", signed=signed)

    def vector(self, table: int, field: int) -> tuple[int, int] | None:
        """Where the first item of a table's vector lies, and how many there are; None for none.

        Raises:
            DocumentError: It lies outside of the file.
        """
        names = table - self.number(table, 4, signed=True)
        place = 4 + 2 * field
        if place + 2 > self.number(names, 2) or not (offset := self.number(names + place, 2)):
            return None
        at = table + offset
        start = at + self.number(at, 4)
        count = self.number(start, 4)
        if start + 4 + count > self._size:
            raise DocumentError("a vector is longer than the file")
        return (start + 4, count) if count else None

    def targets(self, start: int, count: int) -> list[int]:
        """Where the tables of a vector lie.

        Raises:
            DocumentError: One lies outside of the file, or there are too many.
        """
        if count > _MAX_BUFFERS:
            raise DocumentError("more tables than are read")
        raw = self._read(start, 4 * count)
        found = [
            start + at + int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw), 4)
        ]
        if max(found) + 4 > self._size:
            raise DocumentError("a table lies outside of the file")
        return found
