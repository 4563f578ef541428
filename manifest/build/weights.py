"""The tensors of a release: which files are one model, and their digests (spec/tensors.md).

Headers are read before anything is hashed. The tensors are then hashed by a thread of its own
beside the hashing of files: SHA-256 keeps one core busy, and BLAKE3 of the same bytes, once for
the file and once for its tensors, takes less than that on another.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from manifest.display import printable
from manifest.document.assignment import Key
from manifest.document.description import Description
from manifest.document.manifest_weights import (
    MAX_TENSORS,
    ManifestTensor,
    WeightsFile,
    WeightsSet,
    make_set,
)
from manifest.errors import DocumentError, UndecidedError
from manifest.inventory import Algorithm, Hashed, Problem, Progress, Tree
from manifest.inventory.recall import recall_files, recall_ranges
from manifest.inventory.tensors import FileRanges, HashedRanges
from manifest.readers.safetensors import read_safetensors_index
from manifest.readers.tensors import SUFFIXES, LaidTensor, TensorLayout, read_tensor_layout
from manifest.sources import Source
from manifest.sources.directory import DirectorySource

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from manifest.inventory.cache import DigestCache
    from manifest.inventory.machines import Machines

__all__ = [
    "TensorHashing",
    "TensorPlan",
    "differing_tensors",
    "plan_tensors",
    "shard_groups",
    "weights_files",
    "weights_sets",
]

_KINDS = frozenset({"model-parameters-final", "model-parameters-intermediate"})
_SHARD = re.compile(r"(.+)-[0-9]{1,6}-of-([0-9]{1,6})(\.[^.]+)")
_INDEX_SUFFIX = ".safetensors.index.json"


@dataclasses.dataclass(frozen=True, slots=True)
class TensorPlan:
    """Which tensors are hashed.

    Attributes:
        sets: The files of each model, each with its layout.
        skipped: Weights without digests of tensors, each with the reason, in words.
    """

    sets: tuple[tuple[tuple[Key, TensorLayout], ...], ...] = ()
    skipped: tuple[str, ...] = ()

    def requests(self, root: str) -> tuple[FileRanges, ...]:
        """The ranges to hash in one root, headers among them."""
        return tuple(
            FileRanges(path, ((0, layout.data_start), *((t.start, t.end) for t in layout.tensors)))
            for one in self.sets
            for (where, path), layout in one
            if where == root
        )

    @property
    def keys(self) -> frozenset[Key]:
        """Every file whose tensors are hashed."""
        return frozenset(key for one in self.sets for key, _ in one)


def weights_files(
    description: Description, assigned: Mapping[Key, tuple[str, ...]]
) -> dict[Key, bool]:
    """Files whose tensors are to be hashed, each with whether the description insists.

    They are the safetensors and GGUF files of components of weights, and of those that say
    ``tensors: true``; not of those that say ``tensors: false``.
    """
    wanted: dict[str, bool] = {}
    for spec in description.components:
        said = description.fields["components"][spec.id].get("tensors")
        if said or (said is None and spec.kind.id in _KINDS):
            wanted[spec.id] = bool(said)
    return {
        key: any(wanted.get(id_) for id_ in ids)
        for key, ids in assigned.items()
        if _suffix(key[1]) in SUFFIXES and any(id_ in wanted for id_ in ids)
    }


def _suffix(path: str) -> str:
    return path[path.rfind(".") :].lower()


def plan_tensors(
    description: Description,
    assigned: Mapping[Key, tuple[str, ...]],
    trees: Mapping[str, Tree],
) -> TensorPlan:
    """Read the headers of weights, and say which files are shards of one model.

    Files are shards of one model when an index beside them says so, or when they are in one
    directory and are called ``NAME-00001-of-00003``.

    Args:
        description: Its components say whose tensors are hashed.
        assigned: The components of every file; see `assign`.
        trees: The walked roots by name.

    Raises:
        DocumentError: A header cannot be read where the description insists, or there are too
            many tensors for one manifest.
        UndecidedError: A file cannot be read, or changed since the walk.
    """
    wanted = weights_files(description, assigned)
    sets: list[tuple[tuple[Key, TensorLayout], ...]] = []
    skipped: list[str] = []
    for root, tree in trees.items():
        paths = sorted(path for where, path in wanted if where == root)
        if not paths:
            continue
        source = DirectorySource.of(tree)
        for group in shard_groups(source, paths):
            try:
                layouts = [((root, p), read_tensor_layout(source, p)) for p in group]
            except DocumentError as error:
                if any(wanted[root, p] for p in group):
                    raise
                skipped.append(error.message)
                continue
            if any(layout.tensors for _, layout in layouts):
                sets.append(tuple(layouts))
    count = sum(len(layout.tensors) for one in sets for _, layout in one)
    if count > MAX_TENSORS:
        raise DocumentError(
            f"the weights have {count:,} tensors; a manifest holds at most {MAX_TENSORS:,}",
            remedy="say `tensors: false` of the components whose tensors need no digests",
        )
    return TensorPlan(tuple(sets), tuple(skipped))


def shard_groups(source: Source, paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The paths of files of weights in ``source``, those together that are shards of one model."""
    index_of = dict(_indexed(source, frozenset(paths)))
    groups: dict[str, list[str]] = {}
    for path in paths:
        shard = _SHARD.fullmatch(path)
        name = f"{shard[1]}\0{shard[2]}{shard[3]}" if shard else path  # no path holds a NUL
        groups.setdefault(index_of.get(path, name), []).append(path)
    return (tuple(group) for group in groups.values())


def _indexed(source: Source, paths: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each path that an index names, with the first index that does."""
    directories = {path.rpartition("/")[0] for path in paths}
    seen: set[str] = set()
    for file in source.files:
        if not file.path.endswith(_INDEX_SUFFIX):
            continue
        if file.path.rpartition("/")[0] not in directories:
            continue
        try:
            shards = read_safetensors_index(source, file.path).shards
        except DocumentError:
            continue  # the linter says what is wrong with it; the names of shards remain
        for path in shards:
            if path in paths and path not in seen:
                seen.add(path)
                yield path, file.path


class TensorHashing:
    """Hashes tensors in a thread of its own, for as long as the block lasts or longer.

    Where the block ends in an error the thread is stopped; otherwise the end of the block waits
    for it, and raises what it raised.

    Args:
        requests: What to hash in each root.
        trees: The walked roots by name.
        whole: Whether to hash the files as a whole too.
        executor: Where files are hashed. Other machines hash tensors with their files, in one
            reading (`hash_files`), and the thread has nothing to do.
        cache: What need not be read again; not with other machines.
    """

    def __init__(
        self,
        requests: Mapping[str, Sequence[FileRanges]],
        trees: Mapping[str, Tree],
        *,
        whole: bool,
        executor: Executor | None = None,
        cache: DigestCache | None = None,
    ) -> None:
        self._executor = executor
        self._cache = cache
        self._machines = _machines(executor)
        self._requests = requests
        self._trees = trees
        self._whole = whole
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self.results: dict[Key, HashedRanges] = {}

    def __enter__(self) -> Self:
        if any(requests for root, requests in self._requests.items() if not self._is_far(root)):
            self._thread = threading.Thread(target=self._run, name="tensors")
            try:
                self._thread.start()
            except BaseException:
                self._stop.set()  # interrupted: `__exit__` is not called
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is None:
            return
        if error is not None:
            self._stop.set()
        try:
            self._thread.join()
        except BaseException:
            self._stop.set()  # interrupted while waiting: it ends at its next buffer
            self._thread.join()
            raise
        if error is None and self._error is not None:
            raise self._error

    def _is_far(self, root: str) -> bool:
        """Whether files of a root are read elsewhere, with their tensors in one reading."""
        return self._machines is not None or self._trees[root].place is not None

    def apart(self, root: str) -> frozenset[str]:
        """The files of a root whose BLAKE3 the thread computes, with their tensors'."""
        if self._is_far(root):
            return frozenset()
        return frozenset(one.path for one in self._requests[root])

    def hash_files(
        self,
        root: str,
        paths: Sequence[str] | None = None,
        *,
        algorithms: tuple[Algorithm, ...],
        progress: Progress | None = None,
    ) -> tuple[Hashed, ...]:
        """Hash files of a root, and their tensors where that is not the thread's to do.

        Arguments and errors are those of `manifest.inventory.hash_files`.
        """
        tree = self._trees[root]
        if not self._is_far(root):
            return recall_files(
                tree,
                paths,
                cache=self._cache,
                algorithms=algorithms,
                executor=self._executor,
                progress=progress,
            )
        from manifest.inventory.far import hash_far  # for few runs

        wanted = None if paths is None else frozenset(paths)
        found = hash_far(
            tree,
            [file for file in tree.files if wanted is None or file.path in wanted],
            algorithms=algorithms,
            machines=self._machines,
            ranges=self._requests[root],
            progress=progress,
        )
        self.results.update(((root, path), one) for path, one in found.ranges.items())
        return found.files

    def _run(self) -> None:
        try:
            for root, requests in self._requests.items():
                if self._is_far(root):
                    continue
                hashed = recall_ranges(
                    self._trees[root],
                    requests,
                    cache=self._cache,
                    whole=self._whole,
                    stopped=self._stop.is_set,
                )
                self.results.update(((root, one.path), one) for one in hashed)
        except BaseException as error:  # noqa: BLE001 raised again by the thread that waits
            self._error = error


def _machines(executor: Executor | None) -> Machines | None:
    """The executor when it is one of other machines."""
    if executor is None:
        return None
    from manifest.inventory.far import is_far  # for few runs

    return executor if is_far(executor) else None


def weights_sets(plan: TensorPlan, hashed: Mapping[Key, HashedRanges]) -> tuple[WeightsSet, ...]:
    """The sets of weights of a manifest, in its order.

    Raises:
        DocumentError: Two shards hold a tensor of one name; both are named.
        UndecidedError: A file could not be read, or changed meanwhile.
    """
    made = [
        make_set(one[0][1].format, (_file(key, layout, hashed[key]) for key, layout in one))
        for one in plan.sets
    ]
    return tuple(sorted(made, key=lambda s: (s.files[0].root, s.files[0].path)))


def _file(key: Key, layout: TensorLayout, hashed: HashedRanges) -> WeightsFile:
    root, path = key
    raise_problem(key, hashed.problem)
    header, *digests = hashed.digests
    tensors = tuple(
        ManifestTensor(*tensor, digest)
        for tensor, digest in zip(layout.tensors, digests, strict=True)
    )
    return WeightsFile(path, layout.data_start, header, tensors, root)


def raise_problem(key: Key, problem: Problem | None) -> None:
    """Say that a file could not be read as it was found.

    Raises:
        UndecidedError: There is a problem.
    """
    if problem is not None:
        shown = printable(":".join(filter(None, key)))
        raise UndecidedError(
            f"{shown} could not be read as it was found: {printable(problem.detail)}",
            remedy=problem.remedy,
        )


def differing_tensors(
    sets: Iterable[WeightsSet], trees: Mapping[str, Tree], hashed: Mapping[Key, HashedRanges]
) -> Iterator[str]:
    """Places where files do not hold the tensors that a manifest lists, in words.

    Args:
        sets: What the manifest lists.
        trees: The walked roots by name.
        hashed: The ranges of every file of the sets, as `hash_ranges` found them.

    Raises:
        DocumentError: A file's header cannot be read.
        UndecidedError: A file could not be read, or changed meanwhile.
    """
    sources = {root: DirectorySource.of(tree) for root, tree in trees.items()}
    for one in sets:
        for file in one.files:
            found = hashed[file.root, file.path]
            raise_problem((file.root, file.path), found.problem)
            names = ("its header", *(f"the tensor {printable(t.name)}" for t in file.tensors))
            for name, wanted, digest in zip(names, file.digests, found.digests, strict=True):
                if wanted != digest:
                    yield f"{name} of {printable(file.full_path)}"
            layout = read_tensor_layout(sources[file.root], file.path)
            listed = tuple(LaidTensor(*tensor[:5]) for tensor in file.tensors)
            if (one.format, file.data_start, listed) != layout:
                yield f"what the header of {printable(file.full_path)} says"
