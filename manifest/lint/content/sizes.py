"""Weights against the configuration that they are said to belong to.

A configuration of a known family implies how many parameters there are at least. Weights that
hold fewer are not those of that architecture, whatever their headers say (spec/evidence.md).
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator, Sequence

from manifest.errors import DocumentError
from manifest.lint.content.sampling import suffix
from manifest.lint.content.weights import safetensors_header
from manifest.readers.gguf import read_gguf
from manifest.readers.model_sizes import SizeBound, read_size_bound
from manifest.readers.safetensors import DTYPE_BITS
from manifest.sources import Source

__all__ = ["Misfit", "misfits"]

_CONFIG = "config.json"
_ADAPTER = "adapter_config.json"
_SHARD = re.compile(r"-\d+-of-\d+(?=\.)")
_MAX_GGUF = 64
_WHOLE_BYTES = frozenset({".bin", ".ckpt", ".h5", ".hdf5", ".msgpack", ".npz", ".pt", ".pth"})
"""Formats in which a number takes a byte at least, unless a quantisation packs several."""
_COUNTED = _WHOLE_BYTES | {".gguf", ".onnx", ".safetensors", ".tflite"}


@dataclasses.dataclass(frozen=True, slots=True)
class Misfit:
    """Weights that cannot be those of a configuration.

    Attributes:
        config: The configuration.
        paths: The files of the weights.
        reason: Why, as words that follow the name of the weights.
        too_few: Whether they are too few; else they are far too many.
    """

    config: str
    paths: tuple[str, ...]
    reason: str
    too_few: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Set:
    """The files of one directory in one format."""

    directory: str
    format: str
    paths: tuple[str, ...]

    @property
    def is_one_model(self) -> bool:
        return len(self.paths) == 1 or len({_SHARD.sub("", p) for p in self.paths}) == 1


def misfits(source: Source, paths: Sequence[str]) -> tuple[Misfit, ...]:
    """Sets of sound weights that a configuration beside or above them does not fit.

    Raises:
        UndecidedError: A file cannot be read.
    """
    there = frozenset(f.path for f in source.files)
    sizes = {f.path: f.size for f in source.files}
    found = []
    by_config: dict[str, list[_Set]] = {}
    for one in _sets(paths):
        config = _config_of(one.directory, there)
        if config and posixpath.join(one.directory, _ADAPTER) not in there:
            by_config.setdefault(config, []).append(one)
    for config, sets in by_config.items():
        if (bound := read_size_bound(source, config)) is None:
            continue
        for one in sets:
            try:
                held = _capacity(source, one, bound, sizes)
            except DocumentError:
                continue  # broken headers are told of elsewhere
            if held is not None and (misfit := _judged(one, bound, held)) is not None:
                found.append(misfit)
    return tuple(found)


def _judged(one: _Set, bound: SizeBound, held: int) -> Misfit | None:
    exact = one.format in {".safetensors", ".gguf"} and not bound.packed_bits
    if held < bound.least:
        what = "hold" if exact else "have room for"
        reason = (
            f"{what} {held:,} parameters; a {bound.family} model as {bound.path} describes it has "
            f"{bound.least:,} at least"
        )
        return Misfit(bound.path, one.paths, reason, too_few=True)
    if bound.most is not None and held > bound.most and exact and one.is_one_model:
        reason = (
            f"hold {held:,} parameters; a {bound.family} model as {bound.path} describes it has "
            f"{bound.most:,} at most"
        )
        return Misfit(bound.path, one.paths, reason, too_few=False)
    return None


def _sets(paths: Sequence[str]) -> Iterator[_Set]:
    """The weights by directory and format; those that cannot be counted are left out."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        kind = suffix(path)
        kind = ".onnx" if kind.startswith(".onnx") else kind
        if kind in _COUNTED:
            groups.setdefault((posixpath.dirname(path), kind), []).append(path)
    for (directory, kind), members in groups.items():
        yield _Set(directory, kind, tuple(members))


def _config_of(directory: str, there: frozenset[str]) -> str:
    """The configuration beside weights, or the nearest above them; empty where there is none."""
    while True:
        config = posixpath.join(directory, _CONFIG)
        if config in there:
            return config
        if not directory:
            return ""
        directory = posixpath.dirname(directory)


def _capacity(source: Source, one: _Set, bound: SizeBound, sizes: dict[str, int]) -> int | None:
    """How many parameters a set can hold at most; None where that cannot be counted."""
    if one.format == ".safetensors":
        return sum(_of_safetensors(source, path, bound) for path in one.paths)
    if one.format == ".gguf":
        if len(one.paths) > _MAX_GGUF:
            return None
        return sum(read_gguf(source, path).parameter_count for path in one.paths)
    bits = (bound.packed_bits or 8) if one.format in _WHOLE_BYTES else 1
    return sum(sizes.get(path, 0) for path in one.paths) * 8 // bits


def _of_safetensors(source: Source, path: str, bound: SizeBound) -> int:
    """Numbers of the floating-point tensors, and as many as the others may have packed.

    Raises:
        UndecidedError: It cannot be read.
    """
    header = safetensors_header(source, path)
    floats = packed = 0
    for tensor in header.tensors:
        if "F" in tensor.dtype:
            floats += tensor.elements
        else:
            packed += tensor.elements * DTYPE_BITS[tensor.dtype]
    if not bound.packed_bits and packed < floats:
        return floats + packed // 8  # masks and positions, or a few numbers in bytes
    return floats + packed // (bound.packed_bits or 1)
