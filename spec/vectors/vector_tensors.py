"""Sets of tensors for the weights digest: name, dtype, shape and the tensor's bytes as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from manifest.inventory.tensors import (
    TensorDigest,
    range_digest,
    weights_digest,
    weights_digest_input,
)

__all__ = ["cases"]

_Row = tuple[str, str, list[int], bytes]
_A: _Row = ("a", "F32", [2], b"\0\0\x80?\0\0\0@")
_B: _Row = ("b", "U8", [3], b"xyz")

SETS: list[tuple[str, str, list[_Row]]] = [
    ("no tensor", "safetensors", []),
    ("one tensor", "safetensors", [_A]),
    ("two tensors", "safetensors", [_A, _B]),
    ("two tensors in another order", "safetensors", [_B, _A]),
    ("the same in another format", "gguf", [_A, _B]),
    ("another dtype", "safetensors", [("a", "I32", *_A[2:]), _B]),
    ("another shape", "safetensors", [("a", "F32", [2, 1], _A[3]), _B]),
    ("another name", "safetensors", [("c", *_A[1:]), _B]),
    ("a scalar", "safetensors", [("s", "U8", [], b"7")]),
    ("an empty tensor", "safetensors", [("e", "BF16", [0, 4], b"")]),
    (
        "names in the order of UTF-8 bytes, not of UTF-16 units",
        "safetensors",
        [("\U0001f600", "U8", [1], b"1"), ("ﬀ", "U8", [1], b"2"), ("é", "U8", [1], b"3")],
    ),
    ("what one name ends with another begins with", "safetensors", [("ab", "U8", [1], b"1")]),
    ("a quantised tensor", "gguf", [("q", "Q8_0", [32, 1], bytes(range(34)))]),
]
"""What it is about, the format, and its tensors in any order."""


def cases() -> Iterator[dict[str, Any]]:
    """Each set with the bytes that are hashed, and the digest."""
    for about, format_name, rows in SETS:
        tensors = [
            TensorDigest(name, dtype, tuple(shape), range_digest(data))
            for name, dtype, shape, data in rows
        ]
        yield {
            "about": about,
            "format": format_name,
            "tensors": [
                {"name": t.name, "dtype": t.dtype, "shape": list(t.shape), "hex": row[3].hex()}
                for t, row in zip(tensors, rows, strict=True)
            ],
            "input_hex": weights_digest_input(format_name, tensors).hex(),
            "weights_digest": weights_digest(format_name, tensors),
        }
