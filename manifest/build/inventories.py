"""The inventories that a build writes, and the directories that they own (spec/inventories.md).

A directory that an inventory owns is walked three times in the order of its paths: to refuse what
cannot be listed before anything is hashed, to hash and to write the lines, and to see that nothing
changed meanwhile. None of it is kept in memory.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from manifest.atomic import write_stream_atomically
from manifest.build.tree import refuse_oddities, walk_root
from manifest.display import printable
from manifest.document.description import Description
from manifest.document.inventories import InventorySpec
from manifest.document.manifest_file import ManifestFile
from manifest.errors import DocumentError, TreeError, UndecidedError
from manifest.inventory import (
    OWN_FILES,
    Algorithm,
    FileStat,
    Hashed,
    Oddity,
    Progress,
    Tree,
)
from manifest.inventory.again import SecondWalk
from manifest.inventory.clashes import Clashes
from manifest.inventory.lines import Binding, InventoryEntry, InventoryReader, InventoryWriter
from manifest.inventory.opening import Root
from manifest.inventory.ordered import OrderedWalk
from manifest.inventory.recall import recall_files

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from manifest.inventory.cache import DigestCache

__all__ = [
    "BATCH",
    "BuiltInventory",
    "OwnedListing",
    "is_up_to_date",
    "write_inventory",
]

BATCH = 8192
"""How many files of an inventory are hashed, and kept in memory, at a time."""

_MAX_SHOWN = 20
_BLOCK = 1 << 20


class OwnedListing:
    """The inventories of one build: what they leave to the walk, and what they come to.

    Args:
        description: Its components say which inventories there are.
        located: Where each root lies, by name; the release directory's name is empty.
    """

    def __init__(
        self, description: Description, located: Mapping[str, str | os.PathLike[str]]
    ) -> None:
        self._digests = description.digests
        self._located = located
        self._specs = {s.id: s.inventory for s in description.components if s.inventory}
        self._before: dict[str, _Census] = {}

    def walk(self, name: str) -> Tree:
        """Walk a root for what the manifest lists file by file.

        Raises:
            UsageError, UndecidedError: As `walk`.
        """
        leave_out = frozenset() if name else OWN_FILES
        return walk_root(self._located[name], self._specs.values(), name=name, leave_out=leave_out)

    def walk_again(self, name: str, tree: Tree) -> SecondWalk:
        """Begin to walk a root once more."""
        leave_out = None if self._specs or tree.place else frozenset() if name else OWN_FILES
        return SecondWalk(tree, lambda: self.walk(name), leave_out=leave_out)

    def owns_in(self, name: str) -> bool:
        """Whether an inventory owns a directory of this root."""
        return any(spec.directory_root == name for spec in self._specs.values())

    def paths(self, name: str) -> list[str]:
        """The inventories that lie in this root, whether they are there by now or not."""
        return [spec.path for spec in self._specs.values() if spec.root == name]

    def count(self, trees: Mapping[str, Tree]) -> tuple[int, int]:
        """How many files the inventories will list, and their bytes; looks at every name.

        Raises:
            TreeError: An owned directory holds no file, or something that no inventory can list.
            UndecidedError: Something in it cannot be read.
        """
        for id_, spec in self._specs.items():
            self._before[id_] = _census(trees[spec.directory_root], spec)
        counted = self._before.values()
        return sum(c.file_count for c in counted), sum(c.total_size for c in counted)

    def hash(
        self,
        trees: Mapping[str, Tree],
        entries: Callable[[tuple[Hashed, ...]], list[ManifestFile]],
        *,
        executor: Executor | None,
        cache: DigestCache | None,
        progress: Progress | None,
    ) -> tuple[BuiltInventory, ...]:
        """Make every inventory.

        Raises:
            UndecidedError: A file cannot be read, or something changed meanwhile.
        """
        return tuple(
            _list_owned(
                id_,
                spec,
                trees[spec.directory_root],
                Path(self._located[spec.root]) / spec.path,
                self._before[id_],
                digests=self._digests,
                entries=entries,
                executor=executor,
                cache=cache,
                progress=progress,
            )
            for id_, spec in self._specs.items()
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Census:
    """What stands in a directory that an inventory owns, before it is hashed.

    Attributes:
        file_count: How many files.
        total_size: Their bytes.
        fingerprint: Of names, sizes, times and inodes; the same when nothing changed. It means
            something in this process only.
    """

    file_count: int
    total_size: int
    fingerprint: int


def _census(tree: Tree, spec: InventorySpec) -> _Census:
    """Look at every name in an owned directory.

    Args:
        tree: The walked root that holds the directory.
        spec: The inventory.

    Raises:
        TreeError: It holds no file, or something that no inventory can list; each is named.
        UndecidedError: Something in it cannot be read.
    """
    odd: list[Oddity] = []
    clashes = Clashes()
    count = size = fingerprint = 0
    for batch in _batches(tree, spec, odd):
        clashes.add(file.path for file in batch)
        count += len(batch)
        size += sum(file.size for file in batch)
        fingerprint = hash((fingerprint, tuple(batch)))
    suspects = clashes.suspects()
    clashing: list[FileStat] = []
    if suspects:
        for batch in _batches(tree, spec, []):
            wanted = set(clashes.of(suspects, (file.path for file in batch)))
            clashing += (file for file in batch if file.path in wanted)
    if odd or suspects:
        refuse_oddities(
            dataclasses.replace(tree, files=tuple(clashing), oddities=tuple(odd)),
            name=spec.directory_root,
            empty=True,
        )
    if not count:
        raise TreeError(
            f"{printable(spec.full_directory)}, which an inventory owns, holds no files",
            remedy="put the component's files into it, or leave `inventory` out",
        )
    return _Census(count, size, fingerprint)


def _batches(tree: Tree, spec: InventorySpec, odd: list[Oddity]) -> Iterator[list[FileStat]]:
    """The files of an owned directory in order, some thousands at a time; the rest goes to `odd`."""
    batch: list[FileStat] = []
    for found in OrderedWalk(Root.of(tree), spec.directory):
        if isinstance(found, Oddity):
            odd.append(found)
            if len(odd) > _MAX_SHOWN:
                return
            continue
        batch.append(found)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Spool:
    """Bytes on disk under no name, for as long as something refers to them."""

    def __init__(self, directory: Path) -> None:
        # A release that is only read can be compared all the same.
        place = directory if os.access(directory, os.W_OK) else None
        with tempfile.TemporaryFile(dir=place) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._size = 0

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._size += len(data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, self._size, _BLOCK):
            yield os.pread(self._descriptor, _BLOCK, start)


@dataclasses.dataclass(frozen=True, slots=True)
class BuiltInventory:
    """An inventory that was made and not yet written.

    Attributes:
        component: The id of the component it belongs to.
        spec: Where it goes, and what it owns.
        target: The file that it becomes.
        binding: What the manifest binds it by.
        entry: Its own entry in the manifest.
    """

    component: str
    spec: InventorySpec
    target: Path
    binding: Binding
    entry: ManifestFile
    _spool: _Spool = dataclasses.field(repr=False, compare=False)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes."""
        return self._spool.chunks()


def _list_owned(
    component: str,
    spec: InventorySpec,
    tree: Tree,
    target: Path,
    before: _Census,
    *,
    digests: Collection[str],
    entries: Callable[[tuple[Hashed, ...]], list[ManifestFile]],
    executor: Executor | None = None,
    cache: DigestCache | None = None,
    progress: Progress | None = None,
) -> BuiltInventory:
    """Hash the files of an owned directory, and make the inventory that lists them.

    Args:
        component: The id of the component.
        spec: The inventory.
        tree: The walked root that holds the directory.
        target: The file that the inventory becomes.
        before: What stood there before.
        digests: The digests of each file, by name.
        entries: Makes entries of hashed files, or raises.
        executor: Where files are hashed.
        cache: What need not be read again.
        progress: Told what was hashed.

    Raises:
        UndecidedError: A file cannot be read, or something changed meanwhile.
    """
    algorithms = tuple(map(Algorithm, digests))
    try:
        spool = _Spool(target.parent)
        writer = InventoryWriter(spool.write, blake3=Algorithm.BLAKE3 in algorithms)
        start = len(spec.directory) + 1
        odd: list[Oddity] = []
        fingerprint = 0
        for batch in _batches(tree, spec, odd):
            fingerprint = hash((fingerprint, tuple(batch)))
            part = dataclasses.replace(tree, files=tuple(batch), left_out=(), oddities=())
            hashed = recall_files(
                part, cache=cache, algorithms=algorithms, executor=executor, progress=progress
            )
            for file in entries(hashed):
                writer.add(InventoryEntry(file.path[start:], file.size, file.sha256, file.blake3))
        binding = writer.close()
    except OSError as error:
        raise UndecidedError(
            f"the inventory {printable(spec.full_path)} cannot be written: {error.strerror}",
            remedy="make room or give permission, then run the command again",
        ) from None
    if odd or fingerprint != before.fingerprint or _again(tree, spec) != before.fingerprint:
        raise UndecidedError(
            f"{printable(spec.full_directory)} changed while its files were read",
            remedy="run the command again when nothing else writes to the directory",
        )
    entry = ManifestFile(spec.path, writer.size, binding.sha256, writer.blake3, spec.root)
    return BuiltInventory(component, spec, target, binding, entry, spool)


def _again(tree: Tree, spec: InventorySpec) -> int:
    odd: list[Oddity] = []
    fingerprint = 0
    for batch in _batches(tree, spec, odd):
        fingerprint = hash((fingerprint, tuple(batch)))
    return fingerprint if not odd else 0


def write_inventory(built: BuiltInventory) -> bool:
    """Write an inventory, atomically, unless it is there already.

    Returns:
        Whether anything was written.

    Raises:
        TreeError: Something that is no inventory has its name, and is not overwritten.
        UndecidedError: It cannot be read or written; nothing was.
    """
    if is_up_to_date(built):
        return False
    _refuse_foreign(built)
    write_stream_atomically(built.target, built.chunks())
    return True


def is_up_to_date(built: BuiltInventory) -> bool | None:
    """Whether the file that stands there has the inventory's bytes; None when there is none."""
    digest = hashlib.sha256()
    try:
        with built.target.open("rb") as file:
            while data := file.read(_BLOCK):
                digest.update(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UndecidedError(
            f"{printable(str(built.target))} cannot be read: {error.strerror or error}"
        ) from None
    return digest.hexdigest() == built.binding.sha256


def _refuse_foreign(built: BuiltInventory) -> None:
    """Refuse to overwrite what is not an inventory, by its first lines."""
    if not os.path.lexists(built.target):
        return
    shown = printable(str(built.target))
    try:
        with built.target.open("rb") as file:
            reader = InventoryReader(file.read, what=shown, merkle=False)
            next(iter(reader.batches()), None)
    except (DocumentError, OSError) as error:
        cause = error.message if isinstance(error, DocumentError) else str(error.strerror)
        raise TreeError(
            f"{shown} is not an inventory that this program wrote, and is left as it is ({cause})",
            remedy="give the inventory another name in release.yaml, or remove the file",
        ) from None
