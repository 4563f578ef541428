"""Checkpoints that are the same weights again: a chain of copies shows no training.

Compared are the tensors, by name, and not the files: other metadata, another order and other
shards make no other weights. Small checkpoints are compared whole. Of large ones a few windows of
some tensors are read, and all of those that agree there, as far as a budget lasts; beyond it, it
stays open whether they differ.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias, cast

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content.sampling import suffix
from manifest.lint.content.weights import safetensors_header
from manifest.readers.names import is_training_state
from manifest.sources import Source
from manifest.sources.hub import HubSource

__all__ = ["Copy", "copies_among"]

_SMALL = 1024 * 1024
_BUDGET = 512 * 1024 * 1024
"""Bytes read of large checkpoints that agree wherever they were looked at."""
_CHUNK = 1024 * 1024
_COMPARED = 4096
"""Bytes, spread over a piece, by which the part that differs is estimated."""
_SAME_PART = 0.01
"""Training changes nearly every number; where fewer bytes than this differ, somebody changed one."""
_TENSORS, _WINDOW = 12, 256
_KEPT = 16

Extent: TypeAlias = tuple[str, int, int]
"""A path, where in it the numbers begin, and how many bytes they take."""


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """A checkpoint that holds the weights of an earlier one.

    Attributes:
        later, earlier: Which, counted from 0.
        certain: Whether all was compared; else they agree wherever they were looked at.
    """

    later: int
    earlier: int
    certain: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Weights:
    """The numbers of a checkpoint, in an order that does not depend on its files."""

    number: int
    extents: Mapping[str, Extent]

    @property
    def size(self) -> int:
        return sum(size for _, _, size in self.extents.values())

    @property
    def largest(self) -> str:
        """The largest tensor: checkpoints that share it are compared."""
        return max(self.extents, key=lambda name: (self.extents[name][2], name))

    def only(self, names: frozenset[str]) -> _Weights:
        """The same without tensors of other names."""
        kept = {name: extent for name, extent in self.extents.items() if name in names}
        return _Weights(self.number, kept)


def copies_among(
    source: Source,
    checkpoints: Sequence[Sequence[str]],
    digests: Mapping[str, str] | None = None,
) -> tuple[Copy, ...]:
    """The checkpoints that hold the same weights as an earlier one.

    Args:
        source: The release.
        checkpoints: The files of the weights of each, in the order of training.
        digests: SHA-256 of files as a manifest lists them: enough to call two large files the
            same, never to call them different.

    Raises:
        UndecidedError: A file cannot be read.
    """
    known = _known(cast("Hashable", source))
    key = tuple(tuple(paths) for paths in checkpoints)
    if key not in known:
        known[key] = _Search(source, digests or {}).run(checkpoints)
    return known[key]


@functools.lru_cache(maxsize=1)
def _known(source: Hashable) -> dict[Hashable, tuple[Copy, ...]]:  # noqa: ARG001 - by identity
    return {}


class _Search:
    """One search among the checkpoints of a release."""

    def __init__(self, source: Source, digests: Mapping[str, str]) -> None:
        self._source = source
        self._digests = digests
        self._budget = _BUDGET
        self._sizes = {f.path: f.size for f in source.files}

    def run(self, checkpoints: Sequence[Sequence[str]]) -> tuple[Copy, ...]:
        if isinstance(self._source, HubSource):
            return _by_digest(checkpoints, self._source.reported)
        alike: dict[str, list[_Weights]] = {}
        for number, paths in enumerate(checkpoints):
            if (weights := self._weights(number, paths)) is not None:
                alike.setdefault(weights.largest, []).append(weights)
        found: list[Copy] = []
        for alike_ in alike.values():
            # What lies beside the weights in some of them, as an optimizer's state, is left out.
            shared = frozenset.intersection(*(frozenset(w.extents) for w in alike_))
            group = [w.only(shared) for w in alike_]
            if len(group) > 1:
                small = group[0].size <= _SMALL
                found += self._small(group) if small else self._large(group, checkpoints)
        return tuple(sorted(found, key=lambda c: c.later))

    def _weights(self, number: int, paths: Sequence[str]) -> _Weights | None:
        if not paths:
            return None
        extents: list[tuple[str, Extent]] = []
        for path in sorted(paths):
            if is_training_state(path):
                continue
            if suffix(path) != ".safetensors":
                name = path.rpartition("/")[2]
                size = self._sizes.get(path, 0)
                extents.append((f"{name} {size}", (path, 0, size)))
                continue
            try:
                header = safetensors_header(self._source, path)
            except DocumentError:
                return None
            for t in header.tensors:
                extent = (path, header.header_size + t.begin, t.end - t.begin)
                extents.append((f"{t.name} {t.dtype} {t.shape}", extent))
        return _Weights(number, dict(sorted(extents))) if extents else None

    def _small(self, group: Sequence[_Weights]) -> list[Copy]:
        found, others = [], list[tuple[int, bytes]]()
        for weights in group:
            data = b"".join(self._read(*extent) for extent in weights.extents.values())
            same = next((n for n, other in others if _differing(data, other) < _SAME_PART), None)
            if same is None:
                others = [*others[-_KEPT:], (weights.number, data)]
            else:
                found.append(Copy(weights.number, same, certain=True))
        return found

    def _large(self, group: Sequence[_Weights], checkpoints: Sequence[Sequence[str]]) -> list[Copy]:
        found: list[Copy] = []
        first: dict[bytes, _Weights] = {}
        for weights in group:
            looked = self._looked_at(weights)
            if (other := first.setdefault(looked, weights)) is weights:
                continue
            digests = [
                sorted(self._digests.get(p, p) for p in checkpoints[w.number])
                for w in (weights, other)
            ]
            if digests[0] == digests[1]:
                found.append(Copy(weights.number, other.number, certain=True))
            elif (same := self._compared(weights, other)) is not False:
                found.append(Copy(weights.number, other.number, certain=bool(same)))
        return found

    def _looked_at(self, weights: _Weights) -> bytes:
        """A digest of a few windows: the middles of tensors spread over all."""
        extents = list(weights.extents.values())
        large = sorted(extents, key=lambda e: -e[2])[: _TENSORS // 2]
        spread = extents[:: max(1, len(extents) // (_TENSORS // 2))][: _TENSORS // 2]
        digest = hashlib.sha256()
        for path, start, size in (*large, *spread):
            digest.update(self._read(path, start + size // 2, min(_WINDOW, size - size // 2)))
        return digest.digest()

    def _compared(self, one: _Weights, other: _Weights) -> bool | None:
        """Whether two hold the same numbers; None where the budget does not last."""
        if one.size * 2 > self._budget:
            return None
        self._budget -= one.size * 2
        differing = 0.0
        for (path, start, size), (path_, start_, _) in zip(
            one.extents.values(), other.extents.values(), strict=True
        ):
            for offset in range(0, size, _CHUNK):
                length = min(_CHUNK, size - offset)
                pieces = (
                    self._read(path, start + offset, length),
                    self._read(path_, start_ + offset, length),
                )
                differing += length * _differing(*pieces)
            if differing >= one.size * _SAME_PART:
                return False
        return True

    def _read(self, path: str, start: int, size: int) -> bytes:
        data = self._source.read(path, start=start, length=size)
        if len(data) != size:
            raise UndecidedError("it was cut while it was read")
        return data


def _differing(one: bytes, other: bytes) -> float:
    """Which part of the bytes differs, by a sample of long ones."""
    if one == other:
        return 0.0
    if len(one) != len(other):
        return 1.0
    step = max(1, len(one) // _COMPARED)
    differing: int = sum(map(operator.ne, one[::step], other[::step]))
    return differing / len(one[::step])


def _by_digest(
    checkpoints: Sequence[Sequence[str]], digests: Mapping[str, str]
) -> tuple[Copy, ...]:
    """Copies by the digests that a hub reports: nothing is read for it."""
    first: dict[tuple[str, ...], int] = {}
    found = []
    for number, paths in enumerate(checkpoints):
        known = tuple(sorted(digests.get(path, "") for path in paths))
        if all(known) and first.setdefault(known, number) != number:
            found.append(Copy(number, first[known], certain=True))
    return tuple(found)
