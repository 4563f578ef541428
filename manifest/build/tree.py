"""A release's directories read, and what stands in them that no manifest can list."""

from __future__ import annotations

import dataclasses
import os
import posixpath
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from manifest.display import human_size, plural, printable
from manifest.document.description import Description
from manifest.document.inventories import InventorySpec, walk_beside
from manifest.errors import TreeError, UndecidedError, UsageError
from manifest.inventory import OWN_FILES, Oddity, OddityKind, Tree, collisions, walk
from manifest.inventory.walk import is_object_store

__all__ = [
    "locate_roots",
    "read_regular",
    "read_tree",
    "refuse_oddities",
    "walk_root",
]

_MAX_SHOWN = 20
_REMEDIES = {
    OddityKind.LINK: "put the file itself in its place, or remove the link",
    OddityKind.SPECIAL: "remove it: a release holds files and directories",
    OddityKind.NOT_UTF8: "rename it to a name in UTF-8",
    OddityKind.BAD_NAME: "rename it",
    OddityKind.UNREADABLE: "give yourself permission to read it",
    OddityKind.TOO_DEEP: "move it up",
}


def read_tree(directory: Path, *, enter: Callable[[str], bool] | None = None) -> Tree:
    """Walk a release directory.

    Args:
        directory: The release directory.
        enter: Which directories to look into; all when None.

    Raises:
        UsageError, UndecidedError: As `walk`.
    """
    return walk(directory, leave_out=OWN_FILES, enter=enter)


def walk_root(
    where: str | os.PathLike[str],
    specs: Collection[InventorySpec],
    *,
    name: str = "",
    leave_out: frozenset[str] = frozenset(),
) -> Tree:
    """Walk a root, but for the directories that inventories own and the inventories themselves.

    Args:
        where: The directory.
        specs: Every inventory of the release.
        name: The root's name; empty for the release directory.
        leave_out: As for `walk`.

    Raises:
        UsageError, UndecidedError: As `walk`.
    """
    tree = walk_beside(where, specs, name, leave_out=leave_out)
    written = {spec.path for spec in specs if spec.root == name}
    if not written:
        return tree
    return dataclasses.replace(tree, files=tuple(f for f in tree.files if f.path not in written))


def read_regular(path: str | os.PathLike[str], *, max_bytes: int) -> bytes:
    """Read a file that the user named, and that must be a regular one of bounded size.

    A link in its path is followed: the user named it.

    Raises:
        UsageError: There is no such file, or it is no regular file.
        UndecidedError: It cannot be read, or is larger than ``max_bytes``.
    """
    shown = printable(os.fspath(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{shown} is not a regular file", remedy="name a file")
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise UsageError(f"{shown} does not exist", remedy="check the name") from None
    except IsADirectoryError:
        raise UsageError(f"{shown} is a directory", remedy="name a file") from None
    except OSError as error:
        raise UndecidedError(
            f"{shown} cannot be read: {error.strerror or error}", remedy="check its permissions"
        ) from None
    if len(data) > max_bytes:
        raise UndecidedError(
            f"{shown} is larger than {human_size(max_bytes)}",
            remedy="check that it is the file meant",
        )
    return data


def refuse_oddities(tree: Tree, *, name: str = "", empty: bool = False) -> None:
    """Refuse a tree that holds what a manifest cannot list.

    Args:
        tree: The tree.
        name: The named root that it is; empty for the release directory.
        empty: Whether a tree without files is accepted.

    Raises:
        TreeError: Links, special files, names that other systems cannot hold, names that differ
            only in case or Unicode form, or no file at all; each is named with its remedy.
        UndecidedError: Among these is something that cannot be read.
    """
    lines = [*_oddity_lines(tree.oddities), *_collision_lines(tree)]
    where = f"the root {name}" if name else printable(tree.root)
    if lines:
        shown = [f"  {line}" for line in lines[:_MAX_SHOWN]]
        if len(lines) > _MAX_SHOWN:
            shown.append(f"  and {len(lines) - _MAX_SHOWN:,} more")
        unreadable = any(o.kind is OddityKind.UNREADABLE for o in tree.oddities)
        raise (UndecidedError if unreadable else TreeError)(
            "\n".join(
                [f"{where} holds {plural(len(lines), 'thing')} that no manifest can list", *shown]
            ),
            remedy="do what stands behind each, then run the command again",
        )
    if not tree.files and not empty:
        raise TreeError(f"{where} holds no files", remedy="put the release's files into it")


def _oddity_lines(oddities: tuple[Oddity, ...]) -> Iterator[str]:
    for oddity in oddities:
        outside = ""
        if oddity.kind is OddityKind.LINK:
            target = posixpath.join(posixpath.dirname(oddity.path), oddity.detail)
            if posixpath.normpath(target).startswith(("/", "../")):
                outside = ", out of the release"
        yield f"{oddity.describe()}{outside}: {_REMEDIES[oddity.kind]}"


def _collision_lines(tree: Tree) -> Iterator[str]:
    for group in collisions(file.path for file in tree.files):
        names = " and ".join(printable(path) for path in group[:4])
        more = f" and {len(group) - 4:,} more" if len(group) > 4 else ""
        yield (
            f"{names}{more} differ only in letter case or Unicode form, "
            "so some systems take them for one: rename all but one"
        )


def locate_roots(
    directory: Path,
    description: Description,
    given: Mapping[str, str | os.PathLike[str]],
    used: Mapping[str, str],
) -> dict[str, str | os.PathLike[str]]:
    """Where each named root lies: a directory, or an address in an object store.

    Args:
        directory: The release directory.
        description: Declares the roots.
        given: Directories by the roots' names.
        used: The roots whose files the description speaks of, each with the place that does.

    Raises:
        UsageError: A root is given that is not declared, or used and not given, or lies in the
            release directory or around it.
    """
    declared = description.fields.get("roots", {})
    for name in given:
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise UsageError(
                f"release.yaml declares no root {printable(name)!r} (declared: {known})",
                remedy="declare it under `roots:`, or leave --root-dir out",
            )
    for name, pointer in used.items():
        if name not in given:
            place = description.source.where(pointer) if description.source else pointer
            raise UsageError(
                f"{place}: names files of the root {name}, and no directory is given for it",
                remedy=f"give it with --root-dir {name}=DIR",
            )
    here = Path(os.path.realpath(directory))
    located: dict[str, str | os.PathLike[str]] = {}
    for name, path in given.items():
        if is_object_store(path):
            located[name] = path
            continue
        there = Path(os.path.realpath(path))
        if here == there or here in there.parents or there in here.parents:
            raise UsageError(
                f"the root {name} and the release directory lie in one another",
                remedy="a named root is for files beside the release; list these as ordinary files",
            )
        located[name] = Path(path)
    return located
