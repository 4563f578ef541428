"""The hashing of a tree by as many cores as there are.

Small files are read by the calling thread, in the order of their directories, and by helping
processes when there are thousands: their cost is in system calls and in the interpreter, which
threads of one process only slow down (measured: two threads take 1.6 times as long as one for files
of 2 KB). Large files go to all threads, the largest first; where one of them would keep a core
busy alone, it is divided among all. Each thread owns one buffer, so memory does not grow with the
size of files.
"""

from __future__ import annotations

import collections
import os
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from manifest.errors import UsageError
from manifest.inventory.digests import (
    SMALL_FILE,
    Algorithm,
    Done,
    Hashed,
    Job,
    Progress,
    hash_part,
)
from manifest.inventory.opening import Problem, ProblemKind, Root
from manifest.inventory.tree import FileStat, Tree

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

__all__ = ["hash_files", "usable_cores"]

MIN_FILES = 8192
"""Fewer small files are done before a helper has started."""
MIN_WIDE = 16 * 1024 * 1024
"""Below this many bytes a file is done before further threads are awake."""
_BATCH_FILES = 1024
_BATCH_BYTES = 16 * 1024 * 1024
_OUTSTANDING = 64  # parts given to an executor and not yet done
_HELPER_FILES = 512  # a few milliseconds of work: at the end nobody waits long for another
_AHEAD = 2  # batches given to a helper, so that it never waits for the next
_FEW = 8  # files for each core, up to which it matters that they end together
_UNEVEN = 1.1


def hash_files(
    tree: Tree,
    paths: Sequence[str] | None = None,
    *,
    algorithms: tuple[Algorithm, ...] = (Algorithm.SHA256,),
    shard_size: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    done: Done | None = None,
) -> tuple[Hashed, ...]:
    """Hash files of a walked tree, each read once for all algorithms.

    Files are opened without following links and must be, before and after the reading, what the
    walk saw: same device, inode, size, times of modification and change. A file that is not, or
    that cannot be read, has a `Problem` in place of its digests.

    Args:
        tree: The tree.
        paths: Paths of `Tree.files` or `Tree.left_out`; None for all of `Tree.files`.
        algorithms: Which digests to compute.
        shard_size: Hash consecutive ranges of this many bytes, the last one shorter, in place of
            whole files (OMS 1.0, section 6.3.2).
        executor: Where to run; any `concurrent.futures.Executor`, processes included, and other
            machines (`manifest.inventory.machines`). None for the calling thread and as many
            others as there are cores for this process.
        progress: Told what was done; see `Progress`. With an executor of processes it is called
            from the calling thread when a part is done.
        done: Told what became of each file that is not small, at once; see `Done`. Not by an
            executor of processes or other machines.

    Returns:
        One result per path, in the order of `paths`.

    Raises:
        UsageError: The shard size is not positive, or no algorithm is named.
    """
    if shard_size is not None and shard_size <= 0:
        raise UsageError(f"a shard has at least one byte, not {shard_size}")
    if not algorithms:
        raise UsageError("no digest algorithm is named")
    files, unknown = _selected(tree, paths)
    results = _results(tree, files, algorithms, shard_size, executor, progress, done)
    if not unknown:
        return tuple(results)
    gone = Problem(ProblemKind.VANISHED, "it was not there when the tree was read")
    known = iter(results)
    return tuple(
        Hashed(path, 0, algorithms, (), gone) if path in unknown else next(known)
        for path in paths or ()
    )


def _results(
    tree: Tree,
    files: Sequence[FileStat],
    algorithms: tuple[Algorithm, ...],
    shard_size: int | None,
    executor: Executor | None,
    progress: Progress | None,
    done: Done | None,
) -> Sequence[Hashed]:
    job = Job(Root.of(tree), algorithms, shard_size)
    if executor is None and tree.place is None:
        return _Here(job, files, progress, done).run()
    from manifest.inventory.far import hash_far, is_far  # for few runs

    machines = executor if is_far(executor) else None
    if executor is None or machines is not None or tree.place is not None:
        found = hash_far(
            tree,
            files,
            algorithms=algorithms,
            machines=machines,
            shard_size=shard_size,
            progress=progress,
        )
        return found.files
    return _Elsewhere(job, files, progress, executor, done).run()


def _selected(tree: Tree, paths: Sequence[str] | None) -> tuple[Sequence[FileStat], set[str]]:
    """The files with these paths, and the paths that no file has."""
    if paths is None:
        return tree.files, set()
    by_path = {file.path: file for part in (tree.left_out, tree.files) for file in part}
    unknown = {path for path in paths if path not in by_path}
    return [by_path[path] for path in paths if path not in unknown], unknown


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


class _Here:
    """A run in the calling thread, in those that help it, and in helpers for small files."""

    def __init__(
        self,
        job: Job,
        files: Sequence[FileStat],
        progress: Progress | None,
        done: Done | None,
    ) -> None:
        self._job = job
        self._files = files
        self._progress = progress
        self._done = done
        self._stop = threading.Event()
        self._small: collections.deque[Sequence[int]] = collections.deque()
        self._large: collections.deque[int] = collections.deque()
        self._results: dict[int, Hashed] = {}
        self._error: BaseException | None = None

    def run(self) -> list[Hashed]:
        """Hash everything; when it raises, no thread and no helper is left running."""
        files = self._files
        large = [index for index, file in enumerate(files) if file.size > SMALL_FILE]
        cores = usable_cores()
        n_small = len(files) - len(large)
        helpers = 0
        if n_small >= MIN_FILES and self._job.shard_size is None:
            helpers = min(cores - 1, n_small // (MIN_FILES // 2))
        if not large and not helpers:
            return hash_part(self._job, files, self._progress, done=self._done)
        large.sort(key=lambda index: files[index].size, reverse=True)
        wide = _wide(self._job, [files[index].size for index in large], cores)
        if wide:
            from manifest.inventory.wide import hash_each_wide  # for few runs

            each = [files[index] for index in large[:wide]]
            found = hash_each_wide(self._job, each, cores=cores, progress=self._progress)
            for index, hashed in zip(large, found, strict=False):
                self._results[index] = hashed
                if self._done is not None:
                    self._done(files[index], hashed)
        self._large.extend(large[wide:])
        small: Sequence[int] = range(len(files))
        if large:
            small = [index for index in small if files[index].size <= SMALL_FILE]
        step = _HELPER_FILES if helpers else len(small)
        self._small.extend(small[i : i + step] for i in range(0, len(small), step or 1))
        # The calling thread takes its share of small files; helpers' threads only wait for pipes.
        count = max(helpers, min(cores, len(self._large) + bool(small)) - 1)
        threads = [
            threading.Thread(target=self._help, args=(number < helpers,)) for number in range(count)
        ]
        try:
            for thread in threads:
                thread.start()
            while self._small and not self._stop.is_set():
                self._hash(iter(self._take()))
            self._hash(self._from_queue())
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._join(threads)
        if self._error is not None:
            raise self._error
        return [self._results[index] for index in range(len(files))]

    def _join(self, threads: list[threading.Thread]) -> None:
        try:
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        except BaseException:
            # Interrupted while waiting: the threads end at their next buffer.
            self._stop.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise

    def _help(self, with_helper: bool) -> None:  # noqa: FBT001 - a thread's argument
        try:
            if with_helper:
                self._small_elsewhere()
            self._hash(self._from_queue())
        except BaseException as error:  # noqa: BLE001 raised again by the calling thread
            self._error = error
            self._stop.set()

    def _take(self) -> Sequence[int]:
        """The next batch of small files; empty when there is none."""
        try:
            return self._small.popleft()
        except IndexError:
            return ()

    def _small_elsewhere(self) -> None:
        """Let a helper hash batches of small files; what it does not, goes back to the others."""
        from manifest.inventory.crew import Helper, HelperLostError

        asked: collections.deque[Sequence[int]] = collections.deque()
        try:
            with Helper(self._job) as helper:
                while not self._stop.is_set():
                    while len(asked) < _AHEAD and (batch := self._take()):
                        asked.append(batch)
                        helper.ask([self._files[index] for index in batch])
                    if not asked:
                        return
                    files = [self._files[index] for index in asked[0]]
                    found = helper.answer(files)
                    self._results.update(zip(asked.popleft(), found, strict=True))
                    if self._progress is not None:
                        self._progress(sum(file.size for file in files), len(files))
        except HelperLostError:
            for batch in asked:
                self._hash(iter(batch))

    def _from_queue(self) -> Iterator[int]:
        while not self._stop.is_set():
            try:
                yield self._large.popleft()
            except IndexError:
                return

    def _hash(self, indices: Iterator[int]) -> None:
        taken: list[int] = []

        def files() -> Iterator[FileStat]:
            for index in indices:
                taken.append(index)
                yield self._files[index]

        part = hash_part(self._job, files(), self._progress, self._stop.is_set, self._done)
        self._results.update(zip(taken, part, strict=False))


def _gains_from_cores(job: Job) -> bool:
    """Whether one file is hashed faster by several cores than by one."""
    divisible = Algorithm.BLAKE3 in job.algorithms or len(job.algorithms) > 1
    return divisible and job.shard_size is None


def _wide(job: Job, sizes: Sequence[int], cores: int) -> int:
    """How many of the largest files to hash one after the other, each by all cores.

    Files of their own for each core are hashed with less effort, so a file is divided only where
    the cores would otherwise not end together.

    Args:
        job: What to compute.
        sizes: The sizes of the files, the largest first.
        cores: How many there are.
    """
    if cores < 2 or not _gains_from_cores(job) or not sizes or sizes[0] < MIN_WIDE:
        return 0
    from manifest.inventory.wide import count_mapped  # for few runs

    mapped = count_mapped(job, sizes)  # a mapped file costs the cores nothing to share
    total = sum(sizes[mapped:])
    for number, size in enumerate(sizes[mapped:], mapped):
        if size < MIN_WIDE or _ends_together(sizes[number:], total, cores):
            return number
        total -= size
    return len(sizes)


def _ends_together(sizes: Sequence[int], total: int, cores: int) -> bool:
    """Whether cores that each take the largest file that is left end at nearly the same time."""
    if len(sizes) > _FEW * cores:
        return sizes[0] * cores <= total
    loads = [0] * cores
    for size in sizes:
        loads[loads.index(min(loads))] += size
    return max(loads) * cores <= _UNEVEN * total


class _Elsewhere:
    """A run on somebody's executor."""

    def __init__(
        self,
        job: Job,
        files: Sequence[FileStat],
        progress: Progress | None,
        executor: Executor,
        done: Done | None,
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._job = job
        self._files = files
        self._progress = progress
        self._executor = executor
        self._done = done
        self._threads = isinstance(executor, ThreadPoolExecutor)
        self._stop = threading.Event()

    def run(self) -> list[Hashed]:
        """Hash everything; when it raises, what waits is cancelled and what runs was stopped."""
        from concurrent.futures import FIRST_COMPLETED, wait

        results: dict[int, list[Hashed]] = {}
        running: dict[Future[list[Hashed]], int] = {}
        try:
            for start, part in self._parts():
                running[self._submit(part)] = start
                if len(running) >= _OUTSTANDING:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        results[running.pop(future)] = self._take(future)
            for future, start in running.items():
                results[start] = self._take(future)
        except BaseException:
            self._stop.set()
            for future in running:
                future.cancel()
            if self._threads:
                wait(running)
            raise
        return [hashed for start in sorted(results) for hashed in results[start]]

    def _parts(self) -> Iterator[tuple[int, Sequence[FileStat]]]:
        """Consecutive files, in parts that are worth the way to another process."""
        start = n_bytes = 0
        for index, file in enumerate(self._files):
            if index > start and (
                n_bytes + file.size > _BATCH_BYTES or index - start == _BATCH_FILES
            ):
                yield start, self._files[start:index]
                start, n_bytes = index, 0
            n_bytes += file.size
        if start < len(self._files):
            yield start, self._files[start:]

    def _submit(self, part: Sequence[FileStat]) -> Future[list[Hashed]]:
        if self._threads:
            return self._executor.submit(
                hash_part, self._job, part, self._progress, self._stop.is_set, self._done
            )
        return self._executor.submit(hash_part, self._job, part)

    def _take(self, future: Future[list[Hashed]]) -> list[Hashed]:
        part = future.result()
        if not self._threads and self._progress is not None:
            self._progress(sum(hashed.size for hashed in part), len(part))
        return part
