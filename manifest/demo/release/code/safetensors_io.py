"""Reading and writing safetensors files, float32 only, with the standard library.

The format: eight bytes with the length of a JSON header, the header (name, type, shape
and byte range of each tensor), then the numbers, little-endian, row by row.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Tensor:
    """The shape of a tensor and its values, row by row."""

    shape: list[int]
    values: list[float]


def encode(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Return the bytes of a safetensors file; the tensors are laid out by name."""
    header: dict[str, object] = {"__metadata__": metadata}
    body = bytearray()
    for name in sorted(tensors):
        tensor = tensors[name]
        start = len(body)
        body += struct.pack(f"<{len(tensor.values)}f", *tensor.values)
        header[name] = {
            "dtype": "F32",
            "shape": tensor.shape,
            "data_offsets": [start, len(body)],
        }
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(body)


def load(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file that `encode` wrote."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            raise ValueError(f"{path.name}: tensor {name} is {entry['dtype']}, not F32")
        values = list(struct.unpack(f"<{(end - start) // 4}f", body[start:end]))
        tensors[name] = Tensor(entry["shape"], values)
    return tensors
