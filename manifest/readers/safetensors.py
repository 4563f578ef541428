"""The header of a safetensors file, and the index of a sharded one.

The format (github.com/huggingface/safetensors, "Format"): eight bytes with the length of the
header, little-endian; the header, a JSON object from tensor names to dtype, shape and byte range;
then the data, which the ranges must cover without a hole and without an overlap.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from manifest import strict_json
from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import file_size, read_json_object
from manifest.sources import Source

__all__ = [
    "DTYPE_BITS",
    "MAX_HEADER_BYTES",
    "SafetensorsHeader",
    "SafetensorsIndex",
    "TensorInfo",
    "read_safetensors",
    "read_safetensors_index",
]

MAX_HEADER_BYTES = 100_000_000
"""The longest header accepted; the bound of the reference implementation."""
_MAX_INDEX_BYTES = 64 * 1024 * 1024
_MAX_DIMENSIONS = 64
_MAX_ELEMENTS = 2**63 - 1

DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Bits of one element of each dtype."""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: its name, dtype (``F32``), shape, and byte range from the start of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """What the header of a safetensors file says.

    Attributes:
        path: The file.
        tensors: In the order of their bytes; they cover the data without hole or overlap.
        metadata: The free text of ``__metadata__``.
        header_size: Bytes before the data.
        data_size: Bytes of data that the header promises.
        complete: Whether the file has all of them; False for one that was cut off.
    """

    path: str
    tensors: tuple[TensorInfo, ...]
    metadata: Mapping[str, str]
    header_size: int
    data_size: int
    complete: bool

    @property
    def element_count(self) -> int:
        """Elements of all tensors, integers and masks among them."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def parameter_count(self) -> int | None:
        """Elements of the floating-point tensors; None where weights are packed into integers."""
        floats = sum(t.elements for t in self.tensors if "F" in t.dtype or t.dtype == "C64")
        return floats if 2 * floats > self.element_count else None

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes that occur, sorted."""
        return tuple(sorted({tensor.dtype for tensor in self.tensors}))


def read_safetensors(source: Source, path: str) -> SafetensorsHeader:
    """Read the header of a safetensors file and check it against the file's size.

    Raises:
        DocumentError: Not a safetensors header: a length beyond the file or `MAX_HEADER_BYTES`,
            JSON that is not strict, an unknown dtype, a range that is not what dtype and shape
            come to, a hole, an overlap, or bytes after the last tensor.
        UndecidedError: It cannot be read.
    """
    shown = printable(path)
    size = file_size(source, path)
    head = source.read(path, length=8)
    if len(head) < 8:
        raise DocumentError(f"{shown} is too short to be a safetensors file")
    length = int.from_bytes(head, "little")
    if length > MAX_HEADER_BYTES:
        raise DocumentError(
            f"{shown} announces a header of {length:,} bytes; at most {MAX_HEADER_BYTES:,} are read"
        )
    if 8 + length > size:
        raise DocumentError(
            f"{shown} announces a header of {length:,} bytes and has {size - 8:,}: "
            "it is cut off or not a safetensors file"
        )
    raw = source.read(path, start=8, length=length)
    if not raw.startswith(b"{"):
        raise DocumentError(f"{shown}: the header of a safetensors file begins with {{")
    header = strict_json.loads(
        raw, what=f"{shown} (header)", max_bytes=MAX_HEADER_BYTES, max_depth=8
    )
    metadata = _metadata(header.pop("__metadata__", {}), shown)
    tensors = sorted(
        (_tensor(name, fields, shown) for name, fields in header.items()),
        key=lambda tensor: (tensor.begin, tensor.end),
    )
    end = 0
    for tensor in tensors:
        if tensor.begin != end:
            what = "overlaps the one before it" if tensor.begin < end else "leaves a hole before it"
            raise DocumentError(f"{shown}: the tensor {_name(tensor.name)} {what}")
        end = tensor.end
    held = size - 8 - length
    if held > end:
        raise DocumentError(f"{shown} has {held - end:,} bytes after its last tensor")
    return SafetensorsHeader(path, tuple(tensors), metadata, 8 + length, end, held == end)


def _name(name: str) -> str:
    return printable(name if len(name) <= 120 else name[:120] + "...")


def _metadata(value: Any, shown: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise DocumentError(f"{shown}: __metadata__ must map text to text")
    return value


def _tensor(name: str, fields: Any, shown: str) -> TensorInfo:
    place = f"{shown}: the tensor {_name(name)}"
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise DocumentError(f"{place} must have dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise DocumentError(f"{place} has the unknown dtype {printable(str(dtype)[:60])}")
    if not _naturals(shape) or len(shape) > _MAX_DIMENSIONS:
        raise DocumentError(f"{place} has a shape that is not a list of sizes")
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise DocumentError(f"{place} has data_offsets that are not a range of bytes")
    tensor = TensorInfo(name, dtype, tuple(shape), offsets[0], offsets[1])
    elements = tensor.elements
    if elements > _MAX_ELEMENTS or elements * DTYPE_BITS[dtype] != (offsets[1] - offsets[0]) * 8:
        raise DocumentError(
            f"{place} has {offsets[1] - offsets[0]:,} bytes, which is not what its shape and "
            f"dtype {dtype} come to"
        )
    return tensor


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


@dataclasses.dataclass(frozen=True, slots=True)
class SafetensorsIndex:
    """Which file holds which tensor of a model in several files.

    Attributes:
        path: The index.
        weight_map: Tensor to file; the file's name as written, relative to the index.
        total_size: Bytes of all tensors as the index says, or None.
    """

    path: str
    weight_map: Mapping[str, str]
    total_size: int | None

    @property
    def shards(self) -> tuple[str, ...]:
        """The files, sorted, as paths in the release."""
        directory = self.path.rpartition("/")[0]
        prefix = f"{directory}/" if directory else ""
        return tuple(sorted({prefix + name for name in self.weight_map.values()}))


def read_safetensors_index(source: Source, path: str) -> SafetensorsIndex:
    """Read ``model.safetensors.index.json``, or the index of PyTorch shards, which is alike.

    Raises:
        DocumentError: Not such an index, or it names a file outside its own directory.
        UndecidedError: It cannot be read.
    """
    value = read_json_object(source, path, max_bytes=_MAX_INDEX_BYTES)
    shown = printable(path)
    weight_map = value.get("weight_map")
    if not isinstance(weight_map, dict) or not all(
        isinstance(name, str) for name in weight_map.values()
    ):
        raise DocumentError(f"{shown}: weight_map must map tensors to files")
    for name in set(weight_map.values()):
        if not name or "/" in name or "\\" in name or name in {".", ".."}:
            raise DocumentError(
                f"{shown}: weight_map names {_name(name)!r}, which is not a file beside the index"
            )
    metadata = value.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    return SafetensorsIndex(path, weight_map, total if type(total) is int else None)
