"""The header of a GGUF file: its metadata and its list of tensors.

The format (ggml-org/ggml, docs/gguf.md), little-endian: ``GGUF``, version, number of tensors,
number of key-value pairs; then the pairs; then name, shape, type and offset of each tensor.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Mapping

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import file_size
from manifest.sources import Source

__all__ = ["GgufHeader", "GgufValue", "read_gguf"]

GgufValue = str | int | float | bool | tuple[str, ...]

MAX_HEADER_BYTES = 64 * 1024 * 1024
"""The longest header read; a vocabulary of 256,000 tokens takes some 8 MB."""
_MAX_PAIRS = 65_536
_MAX_TENSORS = 1_000_000
_MAX_KEY = 65_535
_MAX_DIMENSIONS = 8
_KEPT_TEXT = 65_536
_KEPT_ITEMS = 64
_CHUNK = 1024 * 1024

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9


@dataclasses.dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the header of a GGUF file says.

    Attributes:
        path: The file.
        version: 2 or 3.
        metadata: Key to value; short lists of text as tuples, other lists left out.
        tensor_count: How many tensors it lists.
        parameter_count: Elements of all tensors.
        tensors: For each tensor its name's bytes, its shape, the number of its type, and the
            offset of its bytes from the start of the data; as the header says, unchecked.
        header_size: Bytes before the padding that precedes the data.
    """

    path: str
    version: int
    metadata: Mapping[str, GgufValue]
    tensor_count: int
    parameter_count: int
    tensors: tuple[tuple[bytes, tuple[int, ...], int, int], ...] = ()
    header_size: int = 0

    def text(self, key: str) -> str:
        """The text under ``key``; empty when there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    @property
    def base_models(self) -> tuple[str, ...]:
        """The models it names as its base, as OWNER/NAME where the header knows the owner."""
        count = self.metadata.get("general.base_model.count")
        names = []
        for index in range(min(count, 16) if isinstance(count, int) else 0):
            name = self.text(f"general.base_model.{index}.name")
            url = self.text(f"general.base_model.{index}.repo_url")
            hub = url.removeprefix("https://huggingface.co/").strip("/")
            names.append(hub if hub != url and hub.count("/") == 1 else name)
        return tuple(name for name in names if name)


def read_gguf(source: Source, path: str) -> GgufHeader:
    """Read the header of a GGUF file; not its tensors.

    Raises:
        DocumentError: Not a GGUF header of version 2 or 3, or one beyond the bounds here.
        UndecidedError: It cannot be read.
    """
    cursor = _Cursor(source, path)
    if cursor.take(4) != b"GGUF":
        raise DocumentError(f"{cursor.shown} is not a GGUF file")
    version = cursor.number("I")
    if version not in {2, 3}:
        raise DocumentError(f"{cursor.shown} is GGUF of version {version}; 2 and 3 are read")
    tensors, pairs = cursor.number("Q"), cursor.number("Q")
    if tensors > _MAX_TENSORS or pairs > _MAX_PAIRS:
        raise DocumentError(
            f"{cursor.shown} announces {tensors:,} tensors and {pairs:,} metadata fields; "
            f"at most {_MAX_TENSORS:,} and {_MAX_PAIRS:,} are read"
        )
    metadata: dict[str, GgufValue] = {}
    seen: set[str] = set()
    for _ in range(pairs):
        key = cursor.text(_MAX_KEY)
        if key in seen:
            raise DocumentError(f"{cursor.shown}: the metadata field {_cut(key)} appears twice")
        seen.add(key)
        value = cursor.value(cursor.number("I"))
        if value is not None:
            metadata[key] = value
    parameters = 0
    listed = []
    for _ in range(tensors):
        name = cursor.take(cursor.number("Q"))
        dimensions = cursor.number("I")
        if dimensions > _MAX_DIMENSIONS:
            raise DocumentError(f"{cursor.shown}: a tensor has {dimensions:,} dimensions")
        shape = tuple(cursor.number("Q") for _ in range(dimensions))
        parameters += math.prod(shape)
        listed.append((name, shape, cursor.number("I"), cursor.number("Q")))
    if parameters > 2**63 - 1:
        raise DocumentError(f"{cursor.shown} announces more elements than any file can hold")
    return GgufHeader(path, version, metadata, tensors, parameters, tuple(listed), cursor.position)


def _cut(text: str) -> str:
    return printable(text if len(text) <= 80 else text[:80] + "...")


class _Cursor:
    """A position in a header that is read chunk by chunk and never beyond its bound."""

    def __init__(self, source: Source, path: str) -> None:
        self._source = source
        self._path = path
        self._end = min(file_size(source, path), MAX_HEADER_BYTES)
        self._buffer = b""
        self._at = 0
        self._next = 0
        self.shown = printable(path)

    def _short(self) -> DocumentError:
        return DocumentError(
            f"{self.shown}: its GGUF header is cut off or goes beyond {MAX_HEADER_BYTES:,} bytes"
        )

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count > self._end - self._next + len(self._buffer) - self._at:
            raise self._short()
        if self._at + count > len(self._buffer):
            rest = self._buffer[self._at :]
            wanted = min(max(_CHUNK, count - len(rest)), self._end - self._next)
            more = self._source.read(self._path, start=self._next, length=wanted)
            if len(rest) + len(more) < count:
                raise self._short()
            self._next += len(more)
            self._buffer, self._at = rest + more, 0
        taken = self._buffer[self._at : self._at + count]
        self._at += count
        return taken

    @property
    def position(self) -> int:
        """How many bytes were taken."""
        return self._next - len(self._buffer) + self._at

    def number(self, code: str) -> int:
        return int(struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0])

    def text(self, limit: int) -> str:
        length = self.number("Q")
        if length > limit:
            raise DocumentError(f"{self.shown}: a text of {length:,} bytes is too long")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise DocumentError(f"{self.shown}: a text in the header is not UTF-8") from None

    def skip_text(self) -> None:
        self.take(self.number("Q"))

    def value(self, kind: int) -> GgufValue | None:
        """One value; None for those that are passed over."""
        if kind in _SCALARS:
            code = "<" + _SCALARS[kind]
            scalar: int | float | bool = struct.unpack(code, self.take(struct.calcsize(code)))[0]
            return scalar
        if kind == _STRING:
            length = self.number("Q")
            data = self.take(length)
            if length > _KEPT_TEXT:
                return None
            try:
                return data.decode("utf-8")
            except UnicodeDecodeError:
                raise DocumentError(f"{self.shown}: a text in the header is not UTF-8") from None
        if kind == _ARRAY:
            return self._array()
        raise DocumentError(f"{self.shown}: a metadata field has the unknown type {kind}")

    def _array(self) -> tuple[str, ...] | None:
        kind, count = self.number("I"), self.number("Q")
        if kind in _SCALARS:
            self.take(count * struct.calcsize("<" + _SCALARS[kind]))
            return None
        if kind != _STRING:
            raise DocumentError(f"{self.shown}: a metadata field is a list of lists or unknown")
        if count > _KEPT_ITEMS:
            if count * 8 > self._end:
                raise self._short()
            for _ in range(count):
                self.skip_text()
            return None
        return tuple(self.text(_KEPT_TEXT) for _ in range(count))
