"""The hashing of files by other machines (spec/machines.md).

A part whose machine was lost is given away again; what cannot be read in the end has a problem in
place of its digests, as anywhere.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import NamedTuple, TypeGuard

from manifest.display import plural, printable
from manifest.errors import ManifestError, UndecidedError
from manifest.inventory.digests import Algorithm, Hashed, Progress
from manifest.inventory.errands import Errand, Part, Result, failed, hash_part_of
from manifest.inventory.machines import Machines, ThisMachine
from manifest.inventory.opening import Problem, ProblemKind
from manifest.inventory.places import Place, SharedPath
from manifest.inventory.tensors import FileRanges, HashedRanges
from manifest.inventory.tree import FileStat, Tree

__all__ = ["FarHashed", "hash_far", "is_far"]

_PART_BYTES = 64 * 1024 * 1024
_PART_FILES = 1024
_PARTS_EACH = 4  # for each thread, so that all end together
_OUTSTANDING = 3  # parts for each thread: one at work, two that wait beside it
_PATIENCE = 5.0  # seconds without an answer before it is asked whether anybody is left
_MAX_LOSSES = 32  # parts lost though alone: three files, of the largest parts there are
_MAX_SHOWN = 3


class FarHashed(NamedTuple):
    """What became of files.

    Attributes:
        files: Their digests, in the order of the files asked for.
        ranges: The digests of those of which ranges were asked for, by path.
    """

    files: tuple[Hashed, ...]
    ranges: dict[str, HashedRanges]


def is_far(executor: Executor | None) -> TypeGuard[Machines]:
    """Whether an executor is one of other machines."""
    return isinstance(executor, Machines)


def hash_far(
    tree: Tree,
    files: Sequence[FileStat],
    *,
    algorithms: tuple[Algorithm, ...],
    machines: Machines | None,
    shard_size: int | None = None,
    ranges: Sequence[FileRanges] = (),
    progress: Progress | None = None,
) -> FarHashed:
    """Let other machines hash files of a walked tree, or read what no directory of this one holds.

    Args:
        tree: The tree.
        files: Those of its files to hash.
        algorithms: Which digests to compute.
        machines: Where to run; threads of this process when None, for a tree with a place.
        shard_size: As for `hash_files`.
        ranges: Of which files to hash ranges too, as `hash_ranges` does, in the same reading.
        progress: As for `hash_files`; called from the calling thread.

    Raises:
        UndecidedError: The machines cannot be asked, do not see the directory, or cannot do their
            part; or nobody is left to do it.
    """
    if not files:
        return FarHashed((), {})
    wanted = {one.path: one.ranges for one in ranges}
    todo: Part = tuple((file, wanted.get(file.path)) for file in files)
    with contextlib.nullcontext(machines) if machines else ThisMachine() as running:
        errand = Errand(tree.place or _shared(tree, running), algorithms, shard_size)
        found = _Run(errand, running, progress).run(todo)
    return FarHashed(
        tuple(hashed for hashed, _ in found), {one.path: one for _, one in found if one is not None}
    )


def _shared(tree: Tree, machines: Machines) -> Place:
    """The directory as other machines see it, when all of them do."""
    path = os.path.abspath(tree.root)  # noqa: PTH100 - a link stays one: others see it, too
    answers = machines.everywhere(os.path.isdir, path)
    blind = sorted(machine for machine, answer in answers.items() if answer is not True)
    if blind:
        shown = ", ".join(map(printable, blind[:_MAX_SHOWN]))
        more = ", …" if len(blind) > _MAX_SHOWN else ""
        raise UndecidedError(
            f"{len(blind)} of {plural(len(answers), 'worker')} of {machines.name} "
            f"do not see {printable(path)}: {shown}{more}",
            remedy="put the release where every worker sees it under this path",
        )
    return SharedPath(path)


class _Run:
    """Parts given to machines, and what comes back.

    A part may be lost because of its own files, or because it lay with a machine that another part
    brought down. So what was lost is given away again when all else is done, one part at a time,
    and in halves until a single file is seen to be the cause.
    """

    def __init__(self, errand: Errand, machines: Machines, progress: Progress | None) -> None:
        self._errand = errand
        self._machines = machines
        self._progress = progress
        self._lost: list[tuple[int, Part]] = []

    def run(self, todo: Part) -> list[Result]:
        """Hash everything; when it raises, what waits is cancelled."""
        threads = self._machines.thread_count
        results = self._all(_parts(todo, threads), _OUTSTANDING * threads)
        suspects, self._lost = self._lost, []
        losses = 0
        while suspects:
            start, part = suspects.pop()
            results |= self._all(iter([(start, part)]), 1)
            if not self._lost:
                continue
            self._lost.clear()
            losses += 1
            if len(part) > 1 and losses <= _MAX_LOSSES:
                half = len(part) // 2
                suspects += [(start + half, part[half:]), (start, part[:half])]
                continue
            problem = Problem(ProblemKind.UNREADABLE, "the workers that read it were lost")
            results[start] = [failed(self._errand, *one, problem) for one in part]
            self._tell(results[start])
        return [one for start in sorted(results) for one in results[start]]

    def _all(self, parts: Iterator[tuple[int, Part]], outstanding: int) -> dict[int, list[Result]]:
        """What became of parts, by the place of each part's first file."""
        results: dict[int, list[Result]] = {}
        running: dict[Future[list[Result]], tuple[int, Part]] = {}
        try:
            while True:
                for start, part in itertools.islice(parts, outstanding - len(running)):
                    self._machines.refuse_silence()
                    future = self._machines.submit(hash_part_of, self._errand, part)
                    running[future] = start, part
                if not running:
                    return results
                done, _ = wait(running, timeout=_PATIENCE, return_when=FIRST_COMPLETED)
                if not done:
                    self._machines.refuse_silence()
                for future in done:
                    start, part = running.pop(future)
                    if self._machines.is_loss(future):
                        self._lost.append((start, part))
                    else:
                        results[start] = self._take(future)
        except BaseException:
            for future in running:
                future.cancel()
            raise

    def _take(self, future: Future[list[Result]]) -> list[Result]:
        error = future.exception()
        if isinstance(error, ManifestError):
            raise error
        if error is not None:
            text = printable(str(error).partition("\n")[0])
            raise UndecidedError(
                f"a worker of {self._machines.name} cannot do its part: "
                f"{type(error).__name__}: {text}",
                remedy="install the same version of model-release-manifest on every worker",
            ) from error
        found = future.result()
        self._tell(found)
        return found

    def _tell(self, found: list[Result]) -> None:
        if self._progress is not None:
            self._progress(sum(hashed.size for hashed, _ in found), len(found))


def _parts(todo: Part, threads: int) -> Iterator[tuple[int, Part]]:
    """Consecutive files, in parts that are worth sending and small enough to share out."""
    share = threads * _PARTS_EACH
    n_bytes = min(_PART_BYTES, sum(file.size for file, _ in todo) // share)
    n_files = max(1, min(_PART_FILES, len(todo) // share))
    start = size = 0
    for index, (file, _) in enumerate(todo):
        if index > start and (size + file.size > n_bytes or index - start == n_files):
            yield start, todo[start:index]
            start, size = index, 0
        size += file.size
    if start < len(todo):
        yield start, todo[start:]
