"""Where the tensors of a weights file lie, byte by byte (spec/tensors.md, "Layouts").

The readers of the two formats say what a header says; here it is held to what a file of tensors
must be, so that every byte belongs to the header, to one tensor, or to padding between them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import file_size
from manifest.readers.gguf import GgufHeader, read_gguf
from manifest.readers.safetensors import read_safetensors
from manifest.sources import Source

__all__ = ["GGML_TYPES", "SUFFIXES", "LaidTensor", "TensorLayout", "read_tensor_layout"]

SUFFIXES: Mapping[str, str] = {".safetensors": "safetensors", ".gguf": "gguf"}
"""Formats of weights whose tensors are read, by the end of the file's name."""

MAX_NAME = 1024
"""The longest name of a tensor, in characters."""
_DEFAULT_ALIGNMENT = 32
_MAX_ALIGNMENT = 65_536

# Type number to name, elements of a block, and bytes of a block (ggml-org/ggml, ggml.h and
# ggml-common.h).
GGML_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
"""The types of tensors in GGUF: name, elements of a block, bytes of a block."""


class LaidTensor(NamedTuple):
    """A tensor and where its bytes are, counted from the start of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class TensorLayout(NamedTuple):
    """The tensors of a file.

    Attributes:
        format: ``safetensors`` or ``gguf``.
        data_start: Bytes before the data: header and, in GGUF, padding.
        tensors: In the order of their bytes; empty ones of one place in the order of their names.
    """

    format: str
    data_start: int
    tensors: tuple[LaidTensor, ...]


def read_tensor_layout(source: Source, path: str) -> TensorLayout:
    """Read where the tensors of a file lie.

    Raises:
        DocumentError: Not a header of its format, or one that leaves a byte in doubt: a range
            beyond the file, over another or with a hole before it, a size that dtype and shape
            do not come to, an unknown type, a name that is there twice or cannot be shown.
        UndecidedError: It cannot be read.
    """
    suffix = path[path.rfind(".") :].lower()
    if SUFFIXES.get(suffix) == "gguf":
        layout = _gguf(read_gguf(source, path), file_size(source, path))
    else:
        layout = _safetensors(source, path)
    seen: set[str] = set()
    for tensor in layout.tensors:
        _check_name(tensor.name, path)
        if tensor.name in seen:
            raise DocumentError(f"{printable(path)} has two tensors {printable(tensor.name)}")
        seen.add(tensor.name)
    return layout


def _check_name(name: str, path: str) -> None:
    # The characters that U+0000 to U+001F and U+007F to U+009F are, as in paths.
    control = any(c < " " or "\x7f" <= c <= "\x9f" for c in name)
    if not name or len(name) > MAX_NAME or control:
        what = "control characters" if control else f"{len(name):,} characters"
        raise DocumentError(
            f"{printable(path)} has a tensor whose name has {what}: {printable(name[:80])}"
        )


def _placed(tensor: LaidTensor) -> tuple[int, int, str]:
    return tensor.start, tensor.end, tensor.name


def _safetensors(source: Source, path: str) -> TensorLayout:
    header = read_safetensors(source, path)
    if not header.complete:
        raise DocumentError(f"{printable(path)} is cut off: its header promises more bytes")
    start = header.header_size
    tensors = [
        LaidTensor(t.name, t.dtype, t.shape, start + t.begin, start + t.end) for t in header.tensors
    ]
    return TensorLayout("safetensors", start, tuple(sorted(tensors, key=_placed)))


def _gguf(header: GgufHeader, size: int) -> TensorLayout:
    shown = printable(header.path)
    alignment = header.metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or not 0 < alignment <= _MAX_ALIGNMENT or alignment % 8:
        raise DocumentError(f"{shown}: general.alignment is not a multiple of 8 up to 65,536")
    start = _aligned(header.header_size, alignment) if header.tensors else header.header_size
    tensors = sorted((_ggml_tensor(row, start, shown) for row in header.tensors), key=_placed)
    end = start
    for tensor in tensors:
        begin = _aligned(end - start, alignment) + start
        if tensor.start != begin:
            what = "overlaps the one before it" if tensor.start < end else "leaves a hole before it"
            raise DocumentError(f"{shown}: the tensor {printable(tensor.name[:80])} {what}")
        end = tensor.end
    if end > size:
        raise DocumentError(f"{shown} is cut off: its header promises {end:,} bytes")
    if size > start + _aligned(end - start, alignment):
        raise DocumentError(f"{shown} has {size - end:,} bytes after its last tensor")
    return TensorLayout("gguf", start, tuple(tensors))


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _ggml_tensor(
    row: tuple[bytes, tuple[int, ...], int, int], start: int, shown: str
) -> LaidTensor:
    raw, shape, number, offset = row
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise DocumentError(f"{shown}: the name of a tensor is not UTF-8") from None
    place = f"{shown}: the tensor {printable(name[:80])}"
    if number not in GGML_TYPES:
        raise DocumentError(f"{place} has the unknown type {number}")
    dtype, block, n_bytes = GGML_TYPES[number]
    elements = math.prod(shape)
    # Rows, the first dimension, are made of whole blocks.
    if (shape[0] if shape else 1) % block:
        raise DocumentError(f"{place} has rows that are not whole blocks of {dtype}")
    begin = start + offset
    return LaidTensor(name, dtype, shape, begin, begin + elements // block * n_bytes)
