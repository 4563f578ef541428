"""Content digests of files: what they are, and the loop that reads one file after another.

`manifest.inventory.parallel` decides who runs this loop over which files.
"""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeAlias

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.inventory.opening import (
    Opener,
    Problem,
    ProblemKind,
    Root,
    change_of,
    problem_of,
    read_whole,
)
from manifest.inventory.tree import FileStat
from manifest.records import record

__all__ = [
    "SMALL_FILE",
    "Algorithm",
    "Digest",
    "Done",
    "Hashed",
    "Job",
    "Progress",
    "digest_of",
    "hash_part",
    "make_digest",
]

Progress: TypeAlias = Callable[[int, int], None]
"""``progress(bytes_delta, files_delta)``, called from whichever thread did the work, at least once
per 16 MiB. The deltas add up to the sizes and the number of the files asked for, those with a
problem included; one is negative when a part is read again. It must be quick and safe to call from several threads; what it raises ends the
run and is raised again by `hash_files`."""

Done: TypeAlias = "Callable[[FileStat, Hashed], None]"
"""``done(file, hashed)``, called from whichever thread hashed a file, when it has."""

SMALL_FILE = 64 * 1024
"""Up to this many bytes, a file is read in one call."""
_BUFFER = 512 * 1024  # stays in the cache between the read and the digest; larger was not faster
_REPORT_FILES = 256
_REPORT_BYTES = 8 * 1024 * 1024


class Algorithm(enum.StrEnum):
    """A content digest, by the name that OMS 1.0 (section 7) gives it."""

    SHA256 = "sha256"
    BLAKE2B = "blake2b"
    """BLAKE2b with 64 bytes."""
    BLAKE3 = "blake3"
    """BLAKE3 with 32 bytes."""


class Hashed(NamedTuple):
    """What became of one file. A tuple: there is one per file of a release.

    Attributes:
        path: The path, as in the tree.
        size: In bytes.
        algorithms: The digests that were asked for.
        digests: For each of them, the lower-case hex digest of the whole file, or of each range
            when a shard size was given (none for an empty file). Empty when there is a problem.
        problem: Why there are no digests.
    """

    path: str
    size: int
    algorithms: tuple[Algorithm, ...]
    digests: tuple[tuple[str, ...], ...]
    problem: Problem | None = None

    def ranges(self, algorithm: Algorithm = Algorithm.SHA256) -> tuple[str, ...]:
        """The hex digests of the file's ranges; one when the file was hashed as a whole.

        Raises:
            UndecidedError: The file has a problem, or the digest was not asked for.
        """
        if self.problem is not None:
            raise UndecidedError(f"{printable(self.path)}: {self.problem.detail}")
        if algorithm not in self.algorithms:
            raise UndecidedError(f"{printable(self.path)} was not hashed with {algorithm}")
        return self.digests[self.algorithms.index(algorithm)]

    def digest(self, algorithm: Algorithm = Algorithm.SHA256) -> str:
        """The hex digest of the whole file.

        Raises:
            UndecidedError: As `ranges`, or the file was hashed in ranges.
        """
        ranges = self.ranges(algorithm)
        if len(ranges) != 1:
            raise UndecidedError(f"{printable(self.path)} was hashed in ranges")
        return ranges[0]


class Digest(Protocol):
    """What takes the bytes of a file in order."""

    def update(self, data: memoryview, /) -> object:
        """Take further bytes."""

    def hexdigest(self) -> str:
        """The digest of all bytes taken, in lower-case hex."""


_Maker: TypeAlias = Callable[..., Digest]


def _maker(algorithm: Algorithm) -> _Maker:
    if algorithm is Algorithm.SHA256:
        return hashlib.sha256
    if algorithm is Algorithm.BLAKE2B:
        return hashlib.blake2b
    from blake3 import blake3

    return blake3


def make_digest(algorithm: Algorithm, *, threads: int = 1) -> Digest:
    """A digest of no bytes yet; BLAKE3 spreads each update over so many threads."""
    if algorithm is Algorithm.BLAKE3:
        from blake3 import blake3

        return blake3(max_threads=threads)
    return _maker(algorithm)()


def digest_of(data: bytes, algorithm: Algorithm = Algorithm.SHA256) -> str:
    """The hex digest of bytes in memory."""
    digest = _maker(algorithm)()
    digest.update(memoryview(data))
    return digest.hexdigest()


@record(frozen=True, slots=True)
class Job:
    """What is the same for every file of one run; can be sent to another process."""

    root: Root
    algorithms: tuple[Algorithm, ...]
    shard_size: int | None


def hash_part(
    job: Job,
    files: Iterable[FileStat],
    progress: Progress | None = None,
    stopped: Callable[[], bool] | None = None,
    done: Done | None = None,
) -> list[Hashed]:
    """Hash files one after the other, in order; memory does not grow with their size.

    Args:
        job: Where the files are and what to compute.
        files: The files; in the order of their paths each directory is opened once.
        progress: Told what was done.
        stopped: Asked between buffers whether to give up.
        done: Told what became of each file that is not small, at once.

    Returns:
        One result per file; fewer when it was stopped.
    """
    algorithms, makers = job.algorithms, tuple(map(_maker, job.algorithms))
    small = SMALL_FILE if job.shard_size is None else min(SMALL_FILE, job.shard_size)
    only = makers[0] if len(makers) == 1 else None
    pair = makers if len(makers) == 2 else None
    make = tuple.__new__  # Hashed(...) by keyword costs a quarter of a small file's digest
    results: list[Hashed] = []
    n_bytes = n_files = 0
    with Opener(job.root) as opener:
        reader = _Reader(job, makers, opener, progress, stopped)
        for file in files:
            if file.size > small or (job.shard_size is not None and file.size == 0):
                hashed = reader.hash(file)
                if hashed is None:
                    return results
                results.append(hashed)
                if done is not None:
                    done(file, hashed)
                continue
            content = read_whole(opener, file)
            digests: tuple[tuple[str, ...], ...] = ()
            problem = None
            if isinstance(content, Problem):
                problem = content
            elif only is not None:
                digests = ((only(content).hexdigest(),),)
            elif pair is not None:
                digests = ((pair[0](content).hexdigest(),), (pair[1](content).hexdigest(),))
            else:
                digests = tuple((maker(content).hexdigest(),) for maker in makers)
            results.append(make(Hashed, (file.path, file.size, algorithms, digests, problem)))
            n_files += 1
            n_bytes += file.size
            if n_files == _REPORT_FILES:
                if progress is not None:
                    progress(n_bytes, n_files)
                if stopped is not None and stopped():
                    return results
                n_bytes = n_files = 0
    if progress is not None and n_files:
        progress(n_bytes, n_files)
    return results


class _Reader:
    """Hashes files of any size through one buffer."""

    def __init__(
        self,
        job: Job,
        makers: tuple[_Maker, ...],
        opener: Opener,
        progress: Progress | None,
        stopped: Callable[[], bool] | None,
    ) -> None:
        self._job = job
        self._makers = makers
        self._opener = opener
        self._progress = progress
        self._stopped = stopped
        self._buffer = memoryview(b"")
        self._unreported = 0
        self._reported = 0

    def hash(self, file: FileStat) -> Hashed | None:
        """The digests of a file, or why there are none; None when it was stopped."""
        self._reported = self._unreported = 0
        digests: tuple[tuple[str, ...], ...] = ()
        try:
            descriptor = self._opener.open(file)
            try:
                found = change_of(file, os.fstat(descriptor)) or self._read(descriptor, file)
                if found is None:
                    return None
                problem = found if isinstance(found, Problem) else None
                problem = change_of(file, os.fstat(descriptor)) or problem
            finally:
                os.close(descriptor)
            if problem is None and not isinstance(found, Problem):
                digests = found
        except OSError as error:
            problem = problem_of(error)
        if self._progress is not None:
            self._progress(file.size - self._reported, 1)
        return Hashed(file.path, file.size, self._job.algorithms, digests, problem)

    def _read(
        self, descriptor: int, file: FileStat
    ) -> tuple[tuple[str, ...], ...] | Problem | None:
        """Digest the size of the file in bytes, range by range."""
        if not self._buffer:
            self._buffer = memoryview(bytearray(_BUFFER))
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        ranges: list[list[str]] = [[] for _ in self._makers]
        rest = file.size
        shard = self._job.shard_size or rest
        while rest or not self._job.shard_size:
            length = min(rest, shard)
            digests = [maker() for maker in self._makers]
            problem = self._read_range(descriptor, length, digests)
            if problem is not None:
                return problem
            if self._stopped is not None and self._stopped():
                return None
            for found, digest in zip(ranges, digests, strict=True):
                found.append(digest.hexdigest())
            rest -= length
            if not rest:
                break
        return tuple(map(tuple, ranges))

    def _read_range(self, descriptor: int, length: int, digests: list[Digest]) -> Problem | None:
        buffer, stopped = self._buffer, self._stopped
        while length:
            part = buffer if length >= _BUFFER else buffer[:length]
            count = os.readv(descriptor, [part])
            if count == 0:
                return Problem(ProblemKind.CHANGED, "it became shorter while it was read")
            data = part if count == len(part) else part[:count]
            for digest in digests:
                digest.update(data)
            length -= count
            self._unreported += count
            if self._unreported >= _REPORT_BYTES and self._progress is not None:
                self._progress(self._unreported, 0)
                self._reported += self._unreported
                self._unreported = 0
            if stopped is not None and stopped():
                return None
        return None
