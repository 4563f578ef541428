"""The data of the benchmarks: large files, small ones, tensors, directories that inventories own."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "describe",
    "make_files",
    "make_large",
    "make_owned",
    "make_small",
    "make_tensors",
]

SMALL_BYTES = 2048
_MIB = 1 << 20
_HEAD = 'schema_version: "1.0"\nname: bench/release\nversion: "1"\ndescribed_by: publisher\n'


def describe(directory: Path, component: str, *, digests: str = "[sha256, blake3]") -> None:
    """Write a ``release.yaml`` of one component, as ``datasets: {files: [data]}``."""
    text = f"{_HEAD}digests: {digests}\ncomponents:\n  {component}\n"
    (directory / "release.yaml").write_text(text, encoding="utf-8")


def make_large(directory: Path, files: int, mib: int) -> list[str]:
    """Files that begin with bytes of their own and go on with the same random ones."""
    directory.mkdir()
    block = os.urandom(min(mib, 64) * _MIB)
    paths = [directory / f"shard-{number:05d}.bin" for number in range(files)]
    for path in paths:
        with path.open("wb", buffering=0) as file:
            _fill(file.fileno(), os.urandom(64), block, mib * _MIB)
    return [str(path) for path in paths]


def _fill(file: int, first: bytes, block: bytes, size: int) -> None:
    left = size - os.write(file, first)
    while left:
        left -= os.write(file, block[:left] if left < len(block) else block)


def make_tensors(path: Path, count: int, size: int) -> None:
    """A safetensors file of so many tensors and about so many bytes; every third is small."""
    large = size // (count - count // 3) // 4096 * 4096
    sizes = [8192 if number % 3 == 2 else large for number in range(count)]
    header, at = {}, 0
    for number, each in enumerate(sizes):
        end = at + each
        name = f"model.layers.{number}.weight"
        header[name] = {"dtype": "BF16", "shape": [each // 2], "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb", buffering=0) as file:
        file.write(struct.pack("<Q", len(text)) + text)
        _fill(file.fileno(), os.urandom(64), os.urandom(64 * _MIB), at)


def make_small(directory: Path, count: int) -> list[str]:
    """Files of 2 KB, 200 in a directory."""
    directory.mkdir()
    paths = []
    for numbers in _batches(count, 200):
        place = directory / f"part-{numbers[0] // 200:04d}"
        place.mkdir()
        for number in numbers:
            path = place / f"{number:06d}.bin"
            path.write_bytes(os.urandom(SMALL_BYTES))
            paths.append(str(path))
    return paths


def make_owned(directory: Path, count: int) -> list[str]:
    """A release whose one component has an inventory: files of 20 bytes, 1000 in a directory."""
    directory.mkdir()
    describe(directory, "datasets: {inventory: {path: data.jsonl, directory: data/}}")
    paths = []
    for numbers in _batches(count, 1000):
        part = directory / "data" / f"part-{numbers[0] // 1000:05d}"
        part.mkdir(parents=True)
        for number in numbers:
            path = f"{part}/shard-{number:07d}.bin"
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(file, b"%020d" % number)
            os.close(file)
            paths.append(path)
    return paths


def make_files(directory: Path, count: int) -> None:
    """Files of one byte, 500 in a directory."""
    directory.mkdir()
    for numbers in _batches(count, 500):
        place = directory / "data" / f"{numbers[0] // 500:04d}"
        place.mkdir(parents=True)
        for number in numbers:
            (place / f"{number:06d}.txt").write_bytes(b"x")


def _batches(count: int, size: int) -> Iterator[range]:
    for at in range(0, count, size):
        yield range(at, min(at + size, count))
