"""Hashing that leaves out what a cache remembers, and remembers what it reads (spec/cache.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from manifest.inventory.cache import MIN_SIZE, DigestCache
from manifest.inventory.digests import Algorithm, Hashed, Progress
from manifest.inventory.parallel import hash_files
from manifest.inventory.tensors import FileRanges, HashedRanges, hash_ranges
from manifest.inventory.tree import FileStat, Tree

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["recall_files", "recall_ranges"]

_DIGEST_SIZE = 32


def recall_files(
    tree: Tree,
    paths: Sequence[str] | None = None,
    *,
    cache: DigestCache | None,
    algorithms: tuple[Algorithm, ...],
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> tuple[Hashed, ...]:
    """Hash whole files as `hash_files` does, but for those whose digests are all remembered.

    Args:
        tree: The tree.
        paths: Paths of `Tree.files` or `Tree.left_out`; None for all of `Tree.files`.
        cache: What is remembered; None to read everything.
        algorithms: Which digests to compute.
        executor: Where to run.
        progress: Told what was done; what is remembered is done at once.

    Returns:
        One result per path, in the order of `paths`.
    """
    if cache is None or tree.place is not None:
        return hash_files(tree, paths, algorithms=algorithms, executor=executor, progress=progress)
    names = [_name(algorithm) for algorithm in algorithms]
    candidates = (*tree.files, *tree.left_out) if paths is not None else tree.files
    wanted = None if paths is None else frozenset(paths)
    known: dict[str, Hashed] = {}
    for file in candidates:
        if file.size < MIN_SIZE or (wanted is not None and file.path not in wanted):
            continue
        if (found := cache.find(file, names)) is not None:
            digests = tuple((value.hex(),) for value in found)
            known[file.path] = Hashed(file.path, file.size, algorithms, digests)

    def keep(file: FileStat, hashed: Hashed) -> None:
        if hashed.problem is None:
            for name, (digest,) in zip(names, hashed.digests, strict=True):
                cache.keep(file, name, bytes.fromhex(digest))

    rest = paths
    if known:
        if progress is not None:
            progress(sum(each.size for each in known.values()), len(known))
        order = [file.path for file in tree.files] if paths is None else paths
        rest = [path for path in order if path not in known]
    fresh = hash_files(
        tree, rest, algorithms=algorithms, executor=executor, progress=progress, done=keep
    )
    if not known:
        return fresh
    read = iter(fresh)
    return tuple(known[path] if path in known else next(read) for path in order)


def recall_ranges(
    tree: Tree,
    files: Sequence[FileRanges],
    *,
    cache: DigestCache | None,
    whole: bool = False,
    stopped: Callable[[], bool] | None = None,
) -> tuple[HashedRanges, ...]:
    """Hash ranges of files as `hash_ranges` does, but for those that are remembered.

    Args:
        tree: The tree.
        files: Paths, each with its ranges.
        cache: What is remembered; None to read everything.
        whole: Whether each file is hashed as a whole too.
        stopped: Asked between buffers whether to give up.

    Returns:
        One result per file, in order; fewer when it was stopped.
    """
    if cache is None or tree.place is not None:
        return hash_ranges(tree, files, whole=whole, stopped=stopped)
    known: dict[str, HashedRanges] = {}
    by_path = {file.path: file for part in (tree.left_out, tree.files) for file in part}
    for one in files:
        if (file := by_path.get(one.path)) is None:
            continue
        whats = [_ranges(one), _name(Algorithm.BLAKE3)] if whole else [_ranges(one)]
        if (found := cache.find(file, whats)) is not None:
            digests = _cut(found[0])
            if len(digests) == len(one.ranges):
                known[one.path] = HashedRanges(one.path, digests, found[1].hex() if whole else "")

    def keep(file: FileStat, asked: FileRanges, hashed: HashedRanges) -> None:
        if hashed.problem is None:
            cache.keep(file, _ranges(asked), bytes.fromhex("".join(hashed.digests)))
            if whole:
                cache.keep(file, _name(Algorithm.BLAKE3), bytes.fromhex(hashed.whole))

    rest = [one for one in files if one.path not in known]
    fresh = iter(hash_ranges(tree, rest, whole=whole, stopped=stopped, done=keep))
    results: list[HashedRanges] = []
    for one in files:
        hashed = known.get(one.path) or next(fresh, None)
        if hashed is None:
            break  # it was stopped
        results.append(hashed)
    return tuple(results)


def _name(algorithm: Algorithm) -> bytes:
    return algorithm.value.encode()


def _ranges(one: FileRanges) -> bytes:
    """A name for the digests of just these ranges."""
    text = " ".join(f"{start}-{end}" for start, end in one.ranges)
    return b"blake3 of " + hashlib.sha256(text.encode()).digest()


def _cut(value: bytes) -> tuple[str, ...]:
    return tuple(value[at : at + _DIGEST_SIZE].hex() for at in range(0, len(value), _DIGEST_SIZE))
