"""Components that keep their files in an inventory of their own (spec/inventories.md).

``release.yaml`` names the inventory and the directory that it owns; ``manifest.json`` repeats both
and binds the inventory by digest, count, size and Merkle root.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.inventory import NOT_COVERED, OWN_FILES, Tree, path_problem
from manifest.inventory.lines import Binding
from manifest.inventory.walk import walk_place
from manifest.records import record

__all__ = [
    "BoundInventory",
    "InventorySpec",
    "binding_of",
    "check_inventories",
    "inventory_fields",
    "inventory_of",
    "inventory_problems",
    "is_owned",
    "look_inside",
    "owned_directories",
    "walk_beside",
    "with_binding",
]

_BOUND = ("sha256", "file_count", "total_size", "merkle_root")
_DESCRIPTION = "release.yaml"
_WILD = re.compile(r"[*?\[]")


@record(frozen=True, slots=True)
class InventorySpec:
    """Where an inventory is, and the directory that it owns.

    Attributes:
        path: The inventory's path in its root.
        directory: The directory's path in its root, without a slash at its end.
        root: The named root that the inventory lies in; empty for the release directory.
        directory_root: The same of the directory.
    """

    path: str
    directory: str
    root: str = ""
    directory_root: str = ""

    @property
    def full_path(self) -> str:
        """The inventory as a description names it: ``path`` or ``root:path``."""
        return f"{self.root}:{self.path}" if self.root else self.path

    @property
    def full_directory(self) -> str:
        """The directory, with a slash at its end."""
        prefix = f"{self.directory_root}:" if self.directory_root else ""
        return f"{prefix}{self.directory}/"


@record(frozen=True, slots=True)
class BoundInventory:
    """An inventory of a manifest: the component it belongs to, where it is, and what binds it."""

    component: str
    spec: InventorySpec
    binding: Binding


class _Listed(Protocol):
    """What is asked of a file that a manifest lists."""

    @property
    def path(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def components(self) -> tuple[str, ...]: ...


def inventory_of(fields: Mapping[str, Any], roots: Collection[str]) -> InventorySpec | None:
    """The inventory that a component's fields name; None when it has none.

    Args:
        fields: The component's fields, as plain JSON values.
        roots: The named roots that the description declares.
    """
    plain = fields.get("inventory")
    if plain is None:
        return None
    root, path = _split(plain["path"], roots)
    directory_root, directory = _split(plain["directory"], roots)
    return InventorySpec(path, directory.removesuffix("/"), root, directory_root)


def _split(name: str, roots: Collection[str]) -> tuple[str, str]:
    root, colon, rest = name.partition(":")
    return (root, rest) if colon and root in roots else ("", name)


def inventory_problems(
    components: Mapping[str, Mapping[str, Any]], roots: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the inventories of a release, as places and messages.

    An inventory and the directory that it owns have sound paths. No directory is the whole of a
    root, one that the toolkit or version control keeps for itself, or inside of another that is
    owned; none holds an inventory. Names that differ only in letter case or Unicode form count as
    the same, as they are on some systems.
    """
    found = {id_: inventory_of(fields, roots) for id_, fields in components.items()}
    specs = {id_: spec for id_, spec in found.items() if spec is not None}
    for id_, spec in specs.items():
        pointer = f"components.{id_}.inventory"
        if problem := path_problem(spec.path):
            yield f"{pointer}.path", f"the path {problem}"
        elif not spec.root and (reserved := _reserved(spec.path)):
            yield f"{pointer}.path", f"{reserved} is not the name of an inventory"
        if not spec.directory or spec.directory == ".":
            yield (
                f"{pointer}.directory",
                "an inventory cannot own the whole of a root: name a directory in it",
            )
        elif problem := path_problem(spec.directory):
            yield f"{pointer}.directory", f"the path {problem}"
        elif _WILD.search(spec.directory):
            yield (
                f"{pointer}.directory",
                "holds *, ? or [, which an ignored path of a signature cannot",
            )
        elif not spec.directory_root and (reserved := _reserved(spec.directory)):
            yield f"{pointer}.directory", f"no inventory can own {reserved}"
    yield from _overlaps(specs)


def _overlaps(specs: Mapping[str, InventorySpec]) -> Iterator[tuple[str, str]]:
    """Directories that overlap, and inventories inside of them or of one name."""
    owners: dict[str, str] = {}
    paths: dict[str, str] = {}
    for id_, spec in specs.items():
        owned = _folded(spec.directory_root, spec.directory)
        if owned in owners:
            yield (
                f"components.{id_}.inventory.directory",
                f"{printable(spec.full_directory)} is what the inventory of {owners[owned]} owns",
            )
        owners.setdefault(owned, id_)
        path = _folded(spec.root, spec.path)
        if path in paths:
            yield (
                f"components.{id_}.inventory.path",
                f"{printable(spec.full_path)} is the inventory of {paths[path]}, too",
            )
        paths.setdefault(path, id_)
    for id_, spec in specs.items():
        directory = _folded(spec.directory_root, spec.directory)
        for above in _above(directory):
            if above in owners:
                yield (
                    f"components.{id_}.inventory.directory",
                    f"{printable(spec.full_directory)} lies in what that of {owners[above]} owns",
                )
        path = _folded(spec.root, spec.path)
        for above in (path, *_above(path)):
            if above in owners:
                yield (
                    f"components.{id_}.inventory.path",
                    f"{printable(spec.full_path)} lies in what that of {owners[above]} owns",
                )


def _above(path: str) -> Iterator[str]:
    position = path.find("/")
    while position >= 0:
        yield path[:position]
        position = path.find("/", position + 1)


def _folded(root: str, path: str) -> str:
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
    return f"{root}:{folded}"


def _reserved(path: str) -> str:
    """The reserved name that a path is, lies in or holds; empty when it is free."""
    folded = _folded("", path)[1:]
    for name in sorted({*OWN_FILES, *NOT_COVERED, _DESCRIPTION}):
        if f"{folded}/".startswith(f"{name}/") or f"{name}/".startswith(f"{folded}/"):
            return name
    return ""


def owned_directories(specs: Iterable[InventorySpec], root: str = "") -> frozenset[str]:
    """The directories of one root that inventories own."""
    return frozenset(s.directory for s in specs if s.directory_root == root)


def is_owned(path: str, directories: Collection[str]) -> bool:
    """Whether a path is one of these directories or lies in one."""
    return bool(directories) and (
        path in directories or any(a in directories for a in _above(path))
    )


def look_inside(specs: Iterable[InventorySpec], name: str = "") -> Callable[[str], bool] | None:
    """Which directories of a root a walk looks into; None when no inventory owns one."""
    owned = owned_directories(specs, name)
    if not owned:
        return None
    return lambda path: not is_owned(path, owned)


def walk_beside(
    where: str | os.PathLike[str],
    specs: Collection[InventorySpec],
    name: str,
    *,
    leave_out: frozenset[str] = frozenset(),
) -> Tree:
    """Walk a root, but for the directories that inventories own.

    Args:
        where: The directory, or an address in an object store.
        specs: Every inventory of the release.
        name: The root's name; empty for the release directory.
        leave_out: As for `walk`.

    Raises:
        UsageError, MissingExtraError, UndecidedError: As `walk_place`.
    """
    return walk_place(
        where,
        leave_out=leave_out,
        enter=look_inside(specs, name),
        owns=any(name in (spec.root, spec.directory_root) for spec in specs),
    )


def inventory_fields(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The ``inventory`` of a component in a manifest as its description has it."""
    return {k: v for k, v in plain.items() if k not in _BOUND}


def binding_of(plain: Mapping[str, Any]) -> Binding:
    """What the ``inventory`` of a component in a manifest is bound by."""
    return Binding(**{name: plain[name] for name in _BOUND})


def with_binding(fields: Mapping[str, Any], binding: Binding) -> dict[str, Any]:
    """The ``inventory`` of a component in a manifest, from that in its description."""
    return {**fields, **{name: getattr(binding, name) for name in _BOUND}}


def check_inventories(
    components: Mapping[str, Mapping[str, Any]],
    roots: Collection[str],
    bound: Iterable[BoundInventory],
    files: Iterable[_Listed],
    name: str,
) -> None:
    """Hold the inventories of a manifest against the files that it lists.

    Args:
        components: The fields of every component, by id.
        roots: The named roots that the manifest declares.
        bound: The inventories.
        files: The files that the manifest lists.
        name: What to call the manifest in messages.

    Raises:
        DocumentError: An inventory's place is not sound; it is not among the files as it is bound,
            or not as one of its component; a file is listed that an inventory owns.
    """
    for pointer, message in inventory_problems(components, roots):
        raise DocumentError(f"{name}: {pointer}: {message}")
    wanted = {(b.spec.root, b.spec.path): b for b in bound}
    if not wanted:
        return
    specs = [b.spec for b in wanted.values()]
    directories = {r: owned_directories(specs, r) for r in {s.directory_root for s in specs}}
    for file in files:
        if is_owned(file.path, directories.get(file.root, ())):
            raise DocumentError(
                f"{name}: files: {printable(file.path)} lies in a directory that an inventory owns"
            )
        one = wanted.get((file.root, file.path))
        if one is None:
            continue
        if file.sha256 != one.binding.sha256 or one.component not in file.components:
            raise DocumentError(
                f"{name}: components: {one.component}: its inventory is not the "
                f"{printable(file.path)} that `files` lists"
            )
        del wanted[file.root, file.path]
    for one in wanted.values():
        raise DocumentError(
            f"{name}: components: {one.component}: its inventory is not among the files"
        )
