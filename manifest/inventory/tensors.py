"""Digests of byte ranges of files, and the digest over the tensors of a model (spec/tensors.md).

Knows bytes, not formats: where a tensor lies is said by who read the header.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from manifest.display import printable
from manifest.errors import DocumentError, UsageError
from manifest.inventory.opening import (
    Opener,
    Problem,
    ProblemKind,
    Root,
    change_of,
    problem_of,
)
from manifest.inventory.tree import FileStat, Tree

if TYPE_CHECKING:
    from blake3 import blake3

__all__ = [
    "FileRanges",
    "HashedRanges",
    "RangeCutter",
    "TensorDigest",
    "hash_ranges",
    "range_digest",
    "read_range",
    "weights_digest",
    "weights_digest_input",
]

Range: TypeAlias = tuple[int, int]
"""From the first byte to the one after the last, counted from the start of the file."""

_BUFFER = 512 * 1024  # stays in the cache between the read and both digests
_MAGIC = b"weights-digest/1\0"


class FileRanges(NamedTuple):
    """Which ranges of a file to hash: in order, none overlapping another; they may be empty."""

    path: str
    ranges: tuple[Range, ...]


class HashedRanges(NamedTuple):
    """What became of one file.

    Attributes:
        path: The path, as in the tree.
        digests: BLAKE3 of each range in hex; empty when there is a problem.
        whole: BLAKE3 of the file in hex; empty when it was not asked for.
        problem: Why there are no digests.
    """

    path: str
    digests: tuple[str, ...]
    whole: str = ""
    problem: Problem | None = None


class TensorDigest(NamedTuple):
    """A tensor by what counts: its name, dtype and shape as the format has them, its bytes' BLAKE3."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    blake3: str


def range_digest(data: bytes | memoryview) -> str:
    """BLAKE3 of bytes in memory, in hex."""
    from blake3 import blake3

    return blake3(data).hexdigest()


def hash_ranges(
    tree: Tree,
    files: Sequence[FileRanges],
    *,
    whole: bool = False,
    stopped: Callable[[], bool] | None = None,
    done: Callable[[FileStat, FileRanges, HashedRanges], None] | None = None,
) -> tuple[HashedRanges, ...]:
    """Hash ranges of files of a walked tree with BLAKE3; each byte is read once.

    Files are opened as `hash_files` opens them, and what is not the file of the walk, or cannot
    be read, has a problem in place of its digests.

    Args:
        tree: The tree.
        files: Paths of `Tree.files` or `Tree.left_out`, each with its ranges.
        whole: Read every byte, and hash the file as a whole beside its ranges.
        stopped: Asked between buffers whether to give up.
        done: Told what became of each file, at once.

    Returns:
        One result per file, in order; fewer when it was stopped.

    Raises:
        UsageError: Ranges are out of order, overlap or go beyond the file.
    """
    by_path = {file.path: file for part in (tree.left_out, tree.files) for file in part}
    if tree.place is not None:
        from manifest.inventory.errands import hash_ranges_at  # for few runs

        return hash_ranges_at(tree.place, by_path, files)
    buffer = memoryview(bytearray(_BUFFER))
    results: list[HashedRanges] = []
    with Opener(Root.of(tree)) as opener:
        for path, ranges in files:
            file = by_path.get(path)
            if file is None:
                gone = Problem(ProblemKind.VANISHED, "it was not there when the tree was read")
                results.append(HashedRanges(path, (), problem=gone))
                continue
            _check_ranges(path, ranges, file.size)
            found = _hash_file(opener, file, ranges, buffer, whole, stopped)
            if found is None:
                break
            results.append(found)
            if done is not None:
                done(file, FileRanges(path, ranges), found)
    return tuple(results)


def _check_ranges(path: str, ranges: Sequence[Range], size: int) -> None:
    end = 0
    for start, stop in ranges:
        if not end <= start <= stop <= size:
            raise UsageError(f"{printable(path)}: {start} to {stop} is not a range after {end}")
        end = stop


def _hash_file(
    opener: Opener,
    file: FileStat,
    ranges: Sequence[Range],
    buffer: memoryview,
    whole: bool,  # noqa: FBT001 - passed on from a keyword
    stopped: Callable[[], bool] | None,
) -> HashedRanges | None:
    from blake3 import blake3

    total = blake3() if whole else None
    extents = [(0, file.size)] if whole else list(_merged(ranges))
    found: tuple[str, ...] | Problem | None
    try:
        descriptor = opener.open(file)
        try:
            found = change_of(file, os.fstat(descriptor))
            if found is None:
                found = _digests(descriptor, extents, ranges, buffer, total, stopped)
            if found is None:
                return None
            found = change_of(file, os.fstat(descriptor)) or found
        finally:
            os.close(descriptor)
    except OSError as error:
        found = problem_of(error)
    if isinstance(found, Problem):
        return HashedRanges(file.path, (), problem=found)
    return HashedRanges(file.path, found, "" if total is None else total.hexdigest())


def _merged(ranges: Sequence[Range]) -> Iterator[Range]:
    """Ranges that touch become one, so that small tensors share a read."""
    begin = end = 0
    for start, stop in ranges:
        if start != end:
            if end > begin:
                yield begin, end
            begin = start
        end = stop
    if end > begin:
        yield begin, end


def _digests(
    descriptor: int,
    extents: Sequence[Range],
    ranges: Sequence[Range],
    buffer: memoryview,
    total: blake3 | None,
    stopped: Callable[[], bool] | None,
) -> tuple[str, ...] | Problem | None:
    """Read the extents one after another and cut what was read at the ends of the ranges."""
    cutter = RangeCutter(ranges)
    for begin, end in extents:
        at = begin
        while at < end:
            count = os.preadv(descriptor, [buffer[: end - at]], at)
            if count == 0:
                return Problem(ProblemKind.CHANGED, "it became shorter while it was read")
            data = buffer[:count]
            if total is not None:
                total.update(data)
            cutter.feed(data, at)
            at += count
            if stopped is not None and stopped():
                return None
    return cutter.digests()


class RangeCutter:
    """BLAKE3 of each of some ranges, from the bytes of a file as they are read.

    Args:
        ranges: In order, none overlapping another.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        from blake3 import blake3

        self._make = blake3
        self._ranges = ranges
        self._digests: list[str] = []
        self._current = blake3()

    def feed(self, data: memoryview, at: int) -> None:
        """Take the bytes that follow those taken before, or that begin after a gap in the ranges."""
        digests, ranges, stop = self._digests, self._ranges, at + len(data)
        while len(digests) < len(ranges) and ranges[len(digests)][0] < stop:
            first, last = ranges[len(digests)]
            self._current.update(data[max(first - at, 0) : max(min(last, stop) - at, 0)])
            if last > stop:
                break
            digests.append(self._current.hexdigest())
            self._current = self._make()

    def digests(self) -> tuple[str, ...]:
        """The digests in hex, when all was read; what is left are empty ranges at the end."""
        empty = len(self._ranges) - len(self._digests)
        return (*self._digests, *(self._make().hexdigest() for _ in range(empty)))


def read_range(tree: Tree, path: str, start: int, end: int) -> bytes | Problem:
    """Read a range of a file of a walked tree into memory, once.

    Returns:
        The bytes, or why there are none: it is not the file of the walk, or shorter.
    """
    file = tree.find(path)
    if file is None:
        return Problem(ProblemKind.VANISHED, "it was not there when the tree was read")
    if end > file.size:
        return Problem(ProblemKind.CHANGED, f"it has {file.size:,} bytes only")
    parts: list[bytes] = []
    try:
        if tree.place is not None:
            from manifest.inventory.errands import read_range_at  # for few runs

            return read_range_at(tree.place, file, start, end)
        with Opener(Root.of(tree)) as opener:
            descriptor = opener.open(file)
            try:
                if problem := change_of(file, os.fstat(descriptor)):
                    return problem
                while start < end:
                    part = os.pread(descriptor, end - start, start)
                    if not part:
                        return Problem(ProblemKind.CHANGED, "it became shorter while it was read")
                    parts.append(part)
                    start += len(part)
            finally:
                os.close(descriptor)
    except OSError as error:
        return problem_of(error)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def weights_digest(format_name: str, tensors: Iterable[TensorDigest]) -> str:
    """The digest over a model's tensors, in hex: BLAKE3 of `weights_digest_input`."""
    return range_digest(weights_digest_input(format_name, tensors))


def weights_digest_input(format_name: str, tensors: Iterable[TensorDigest]) -> bytes:
    """The bytes that a weights digest is of (spec/tensors.md, "Weights digest").

    Tensors are taken in the order of their names' UTF-8 bytes; every text and list is preceded by
    its length, so that two different models never give the same bytes.

    Raises:
        DocumentError: Two tensors have the same name.
    """
    parts = [_MAGIC, _text(format_name)]
    ordered = sorted(tensors, key=lambda tensor: tensor.name)  # code points order as UTF-8 does
    parts.append(struct.pack("<Q", len(ordered)))
    before = None
    for name, dtype, shape, digest in ordered:
        if name == before:
            raise DocumentError(f"the tensor {printable(name)} is there twice")
        before = name
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        parts += (_text(name), _text(dtype), dimensions, bytes.fromhex(digest))
    return b"".join(parts)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data
