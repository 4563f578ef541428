"""What is done where the files are read: all digests of each file, from one reading.

Runs on whichever machine it was sent to. `manifest.inventory.far` sends it.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from manifest.inventory.digests import Algorithm, Digest, Hashed, make_digest
from manifest.inventory.opening import Problem, ProblemKind, problem_of
from manifest.inventory.places import OpenFile, Place, Session
from manifest.inventory.tensors import FileRanges, HashedRanges, RangeCutter
from manifest.inventory.tree import FileStat
from manifest.records import record

__all__ = [
    "Errand",
    "Part",
    "Ranges",
    "Result",
    "failed",
    "hash_part_of",
    "hash_ranges_at",
    "read_range_at",
]

_BUFFER = 8 * 1024 * 1024
"""One read: large, for each may go over a network."""


@record(frozen=True, slots=True)
class Errand:
    """What is the same for every part of one run; can be sent to another machine."""

    place: Place
    algorithms: tuple[Algorithm, ...]
    shard_size: int | None


Ranges = tuple[tuple[int, int], ...]
Part = tuple[tuple[FileStat, Ranges | None], ...]
Result = tuple[Hashed, HashedRanges | None]


def hash_part_of(errand: Errand, part: Part) -> list[Result]:
    """Hash the files of a part, one after the other.

    Args:
        errand: Where the files are and what to compute.
        part: The files, each with the ranges to hash too; None for no ranges.

    Returns:
        One result per file.
    """
    found: list[Result] = []
    largest = max((file.size for file, _ in part), default=0)
    buffer = memoryview(bytearray(max(1, min(_BUFFER, largest))))
    try:
        with errand.place.session() as session:
            for file, ranges in part:
                found.append(_hash_file(errand, session, file, ranges, buffer))
    except OSError as error:
        problem = problem_of(error)
        found += [failed(errand, *one, problem) for one in part[len(found) :]]
    return found


def hash_ranges_at(
    place: Place, by_path: Mapping[str, FileStat], files: Sequence[FileRanges]
) -> tuple[HashedRanges, ...]:
    """Hash ranges of files, as `manifest.inventory.tensors.hash_ranges` does, of one place."""
    errand = Errand(place, (Algorithm.BLAKE3,), None)
    results: list[HashedRanges] = []
    for one in files:
        file = by_path.get(one.path)
        if file is None:
            gone = Problem(ProblemKind.VANISHED, "it was not there when the tree was read")
            results.append(HashedRanges(one.path, (), problem=gone))
            continue
        ((hashed, ranges),) = hash_part_of(errand, ((file, one.ranges),))
        results.append(ranges or HashedRanges(one.path, (), problem=hashed.problem))
    return tuple(results)


def read_range_at(place: Place, file: FileStat, start: int, end: int) -> bytes:
    """Read a range of a file into memory; raises `OSError`."""
    data = bytearray(end - start)
    view, at = memoryview(data), start
    with place.session() as session:
        opened = session.open(file)
        try:
            while at < end:
                count = opened.read_into(view[at - start :], at)
                if count == 0:
                    raise OSError(errno.ESTALE, "it became shorter while it was read")
                at += count
            opened.check()
        finally:
            opened.close()
    return bytes(data)


def failed(errand: Errand, file: FileStat, ranges: Ranges | None, problem: Problem) -> Result:
    """What becomes of a file that has a problem."""
    hashed = Hashed(file.path, file.size, errand.algorithms, (), problem)
    return hashed, None if ranges is None else HashedRanges(file.path, (), problem=problem)


def _hash_file(
    errand: Errand, session: Session, file: FileStat, ranges: Ranges | None, buffer: memoryview
) -> Result:
    try:
        opened = session.open(file)
        try:
            digests = _Digests(errand, file, ranges)
            digests.read(opened, buffer)
            opened.check()
        finally:
            opened.close()
    except OSError as error:
        return failed(errand, file, ranges, _problem_of(error))
    return digests.result()


def _problem_of(error: OSError) -> Problem:
    """As `problem_of`, but of a missing file in the words that say where it is missing."""
    problem = problem_of(error)
    if problem.kind is ProblemKind.VANISHED and error.strerror:
        return problem._replace(detail=error.strerror)
    return problem


class _Digests:
    """All digests of one file, from one reading."""

    def __init__(self, errand: Errand, file: FileStat, ranges: Ranges | None) -> None:
        self._file = file
        self._algorithms = errand.algorithms
        self._shard = errand.shard_size
        self._cutter = None if ranges is None else RangeCutter(ranges)
        self._found: list[list[str]] = [[] for _ in self._algorithms]
        self._current = self._new()
        self._left = self._shard or 0

    def _new(self) -> list[Digest]:
        return [make_digest(algorithm) for algorithm in self._algorithms]

    def read(self, opened: OpenFile, buffer: memoryview) -> None:
        """Read the file once; raises `OSError`."""
        at, end = 0, self._file.size
        while at < end:
            count = opened.read_into(buffer[: end - at], at)
            if count == 0:
                raise OSError(errno.ESTALE, "it became shorter while it was read")
            self._take(buffer[:count], at)
            at += count

    def _take(self, data: memoryview, at: int) -> None:
        if self._cutter is not None:
            self._cutter.feed(data, at)
        while data:
            piece = data if self._shard is None else data[: self._left]
            for digest in self._current:
                digest.update(piece)
            data = data[len(piece) :]
            if self._shard is not None:
                self._left -= len(piece)
                if not self._left:
                    self._cut()

    def _cut(self) -> None:
        for found, digest in zip(self._found, self._current, strict=True):
            found.append(digest.hexdigest())
        self._current, self._left = self._new(), self._shard or 0

    def result(self) -> Result:
        """The digests, once everything was read."""
        if self._shard is None or self._left < self._shard:
            self._cut()
        digests = tuple(map(tuple, self._found))
        hashed = Hashed(self._file.path, self._file.size, self._algorithms, digests)
        if self._cutter is None:
            return hashed, None
        whole = ""
        if Algorithm.BLAKE3 in self._algorithms and self._shard is None:
            whole = digests[self._algorithms.index(Algorithm.BLAKE3)][0]
        return hashed, HashedRanges(self._file.path, self._cutter.digests(), whole)
