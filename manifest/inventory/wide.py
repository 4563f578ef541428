"""Large files hashed by all cores, one after the other.

The calling thread reads into a ring of buffers, and a thread for each digest takes them in order.
BLAKE3 spreads each buffer over further threads of its own; SHA-256 can't be divided and keeps one
core busy. The file is read, not mapped: one that is cut short while it is hashed ends the reading,
and would end the process if it were mapped (SIGBUS). For BLAKE3 alone, which is faster than the
reading, a process that may be lost maps it (`mapped`).
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

from manifest.inventory.digests import Algorithm, Digest, Hashed, Job, Progress, make_digest
from manifest.inventory.mapped import MIN_EACH, MIN_MAPPED, hash_mapped
from manifest.inventory.opening import Opener, Problem, ProblemKind, change_of, problem_of
from manifest.inventory.tree import FileStat

__all__ = ["count_mapped", "hash_each_wide", "hash_wide"]

_BUFFER = 8 * 1024 * 1024  # each update wakes BLAKE3's threads: worth it from some megabytes on
_BUFFERS = 3  # one is read, one hashed, one waits; more leave the cache


def hash_each_wide(
    job: Job, files: Sequence[FileStat], *, cores: int, progress: Progress | None = None
) -> Iterator[Hashed]:
    """Hash files one after the other, each by all cores.

    Args:
        job: Where they are and what to compute; without a shard size.
        files: The files, as walked.
        cores: How many threads may work at once.
        progress: Told what was done, as by `hash_part`.

    Yields:
        For each file its digests, or why there are none.
    """
    rest = list(files)
    while rest:
        mapped = count_mapped(job, [file.size for file in rest])
        if mapped:
            for hashed in hash_mapped(job, rest[:mapped], cores=cores, progress=progress):
                del rest[0]
                yield hashed
            if not rest:
                return
        # It is not worth a process, or was lost with it.
        found = hash_wide(job, rest.pop(0), cores=cores, progress=progress)
        if found is not None:  # nobody stops it
            yield found


def count_mapped(job: Job, sizes: Sequence[int]) -> int:
    """How many of the first of some files are worth mapping.

    Args:
        job: What to compute.
        sizes: The files' sizes, the largest first.
    """
    if job.algorithms != (Algorithm.BLAKE3,):
        return 0
    large = list(itertools.takewhile(lambda size: size >= MIN_EACH, sizes))
    return len(large) if sum(large) >= MIN_MAPPED else 0


def hash_wide(
    job: Job,
    file: FileStat,
    *,
    cores: int,
    progress: Progress | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Hashed | None:
    """Hash one file as a whole, its reading and its digests at the same time.

    Args:
        job: Where it is and what to compute; without a shard size.
        file: The file, as walked.
        cores: How many threads may work at once.
        progress: Told what was done, as by `hash_part`.
        stopped: Asked between buffers whether to give up.

    Returns:
        Its digests, or why there are none; None when it was stopped.
    """
    others = sum(1 for algorithm in job.algorithms if algorithm is not Algorithm.BLAKE3)
    ring = _Ring(
        [make_digest(algorithm, threads=max(cores - others, 1)) for algorithm in job.algorithms]
    )
    reported = 0
    found: Problem | None
    try:
        with Opener(job.root) as opener:
            descriptor = opener.open(file)
            try:
                found = change_of(file, os.fstat(descriptor))
                with ring:
                    while found is None and reported < file.size:
                        if stopped is not None and stopped():
                            return None
                        count = ring.read(descriptor, file.size - reported)
                        if count == 0:
                            found = Problem(
                                ProblemKind.CHANGED, "it became shorter while it was read"
                            )
                        elif progress is not None:
                            progress(count, 0)
                        reported += count
                found = change_of(file, os.fstat(descriptor)) or found
            finally:
                os.close(descriptor)
    except OSError as error:
        found = problem_of(error)
    if progress is not None:
        progress(file.size - reported, 1)
    digests = () if found is not None else tuple((d.hexdigest(),) for d in ring.digests)
    return Hashed(file.path, file.size, job.algorithms, digests, found)


class _Slot:
    """A buffer of the ring, what part of it holds data, and how many digests still need it."""

    __slots__ = ("buffer", "data", "users")

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(_BUFFER))
        self.data = self.buffer
        self.users = 0


class _Ring:
    """Buffers that go round between the reader and the threads of the digests."""

    def __init__(self, digests: list[Digest]) -> None:
        self.digests = digests
        self._free: SimpleQueue[_Slot] = SimpleQueue()
        self._filled: list[SimpleQueue[_Slot | None]] = [SimpleQueue() for _ in digests]
        self._lock = threading.Lock()
        self._made = 0
        self._error: BaseException | None = None
        self._threads = [
            # A daemon: no interruption between two steps may keep the process from ending.
            threading.Thread(target=self._digest, args=pair, daemon=True)
            for pair in zip(digests, self._filled, strict=True)
        ]

    def __enter__(self) -> None:
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:
            self._end()  # interrupted: `__exit__` is not called
            raise

    def __exit__(self, *_: object) -> None:
        self._end()
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        for queue in self._filled:
            queue.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def read(self, descriptor: int, rest: int) -> int:
        """Read into the next free buffer and hand it to every digest; 0 at the end of the file."""
        if self._made < _BUFFERS and self._free.empty():
            self._made += 1
            slot = _Slot()
        else:
            slot = self._free.get()
        count = os.readv(descriptor, [slot.buffer[:rest] if rest < _BUFFER else slot.buffer])
        if count:
            slot.data, slot.users = slot.buffer[:count], len(self.digests)
            for queue in self._filled:
                queue.put(slot)
        return count

    def _digest(self, digest: Digest, filled: SimpleQueue[_Slot | None]) -> None:
        while (slot := filled.get()) is not None:
            try:
                if self._error is None:
                    digest.update(slot.data)
            except BaseException as error:  # noqa: BLE001 raised again by the reading thread
                self._error = error
            with self._lock:
                slot.users -= 1
                done = slot.users == 0
            if done:
                self._free.put(slot)
