"""Weights of any shape and any fault, written by hand: no library would write some of these."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from manifest.build import build, write_manifest
from manifest.document.manifest_file import Manifest


class T(NamedTuple):
    """A tensor of bytes: U8 unless said otherwise."""

    name: str
    data: bytes
    dtype: str = "U8"
    shape: tuple[int, ...] | None = None


def header_of(tensors: Iterable[T]) -> dict[str, Any]:
    header: dict[str, Any] = {}
    at = 0
    for name, data, dtype, shape in tensors:
        header[name] = {
            "dtype": dtype,
            "shape": [len(data)] if shape is None else list(shape),
            "data_offsets": [at, at + len(data)],
        }
        at += len(data)
    return header


def with_header(header: object, data: bytes) -> bytes:
    """A safetensors file of this header, sound or not, and these bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def safetensors(*tensors: T, metadata: Mapping[str, str] | None = None) -> bytes:
    header = {"__metadata__": dict(metadata)} if metadata else {}
    return with_header(header | header_of(tensors), b"".join(t.data for t in tensors))


def gguf(
    tensors: Sequence[tuple[str, tuple[int, ...], int, bytes]],
    *,
    alignment: int | None = None,
    offsets: Sequence[int] | None = None,
    tail: bytes | None = None,
) -> bytes:
    """A GGUF file: name, shape, type number and bytes of each tensor."""
    step = 32 if alignment is None else alignment
    pairs = b""
    if alignment is not None:
        key = b"general.alignment"
        pairs = struct.pack("<Q", len(key)) + key + struct.pack("<II", 4, alignment)
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1 if pairs else 0) + pairs
    data = b""
    for index, (name, shape, kind, content) in enumerate(tensors):
        offset = len(data) if offsets is None else offsets[index]
        raw = name.encode()
        out += struct.pack("<Q", len(raw)) + raw
        out += struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        data += content + b"\0" * (-len(content) % max(step, 1))
    out += b"\0" * (-len(out) % max(step, 1))
    return out + data + (tail or b"")


RELEASE = """\
schema_version: "1.0"
name: acme/tensors
version: "1"
described_by: publisher
components:
  model-parameters-final:
    files: [FILES]
    license: apache-2.0
"""


def release(path: Path, files: Mapping[str, bytes], description: str | None = None) -> Manifest:
    """A release of these weights, with its manifest."""
    text = description
    if text is None:
        names = ", ".join(json.dumps(name) for name in files)
        text = RELEASE.replace("FILES", names)
    path.mkdir(parents=True, exist_ok=True)
    for name, data in {"release.yaml": text.encode(), **files}.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    result = build(path)
    write_manifest(path, result)
    return result.manifest
