"""BLAKE3 of very large files, mapped by a process of its own.

A mapped file is hashed without copying a byte, and by all cores without waiting for a reader. If
it is cut short meanwhile, or its disk fails, the system ends the process that mapped it (SIGBUS).
So another process maps it: when that one is lost, the file is read instead, and what is wrong with
it is told from there.
"""

from __future__ import annotations

import mmap
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from typing import Any

from manifest.inventory.crew import Child, HelperLostError
from manifest.inventory.digests import Algorithm, Hashed, Job, Progress
from manifest.inventory.opening import Opener, Problem, ProblemKind, Root, change_of, problem_of
from manifest.inventory.tree import FileStat

__all__ = ["MIN_EACH", "MIN_MAPPED", "hash_mapped", "serve_mapped"]

MIN_MAPPED = 1 << 30
"""From this many bytes on, in one file or in several, what is gained is more than the start of a
process."""
MIN_EACH = 64 * 1024 * 1024
"""Smaller files are not worth all cores' waiting for each other at their ends."""
_WINDOW = 64 * 1024 * 1024


def hash_mapped(
    job: Job, files: Sequence[FileStat], *, cores: int, progress: Progress | None = None
) -> Iterator[Hashed]:
    """Hash files with BLAKE3, one after the other.

    Args:
        job: Where they are; BLAKE3 alone is to be computed.
        files: The files, as walked.
        cores: How many threads may work at once.
        progress: Told what was done; it takes back what it told when the process is lost.

    Yields:
        For each file the digest, or why there is none; for fewer when the process is lost, as with
        the first that has no result.
    """
    told = 0
    try:
        with Child(("mapped", astuple(job.root), [tuple(file) for file in files], cores)) as child:
            for file in files:
                told, digest, problem = 0, None, None
                while digest is None and problem is None:
                    count, digest, problem = child.receive()
                    if progress is not None:
                        progress(count, 0)
                    told += count
                if progress is not None:
                    progress(file.size - told, 1)
                told = 0
                found = None if problem is None else Problem(ProblemKind(problem[0]), problem[1])
                digests = ((str(digest),),) if found is None else ()
                yield Hashed(file.path, file.size, (Algorithm.BLAKE3,), digests, found)
    except HelperLostError:
        if progress is not None:
            progress(-told, 0)


def serve_mapped(
    root: Root, files: Sequence[tuple[Any, ...]], threads: int, send: Callable[[Any], None]
) -> None:
    """Hash files in the process that may be lost: sends bytes done, the digest, a problem."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its end is foreseen
    with Opener(root) as opener:
        for fields in files:
            file = FileStat(*fields)
            digest = None
            try:
                descriptor = opener.open(file)
                try:
                    problem = change_of(file, os.fstat(descriptor))
                    if problem is None:
                        digest = _digest(descriptor, file.size, threads, send)
                    problem = change_of(file, os.fstat(descriptor)) or problem
                finally:
                    os.close(descriptor)
            except OSError as error:
                problem = problem_of(error)
            if problem is None:
                send((0, digest, None))
            else:
                send((0, None, (problem.kind.value, problem.detail)))


def _digest(descriptor: int, size: int, threads: int, send: Callable[[Any], None]) -> str:
    from blake3 import blake3

    digest = blake3(max_threads=threads)
    for start in range(0, size, _WINDOW):
        length = min(_WINDOW, size - start)
        if hasattr(os, "posix_fadvise"):  # what comes next, from a disk, while this is hashed
            os.posix_fadvise(descriptor, start + length, _WINDOW, os.POSIX_FADV_WILLNEED)
        with mmap.mmap(
            descriptor, length, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=start
        ) as window:
            digest.update(window)
        send((length, None, None))
    return digest.hexdigest()
