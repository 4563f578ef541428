"""A release that lies in a directory: a clone, a download, a hub-cache snapshot."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Self

from manifest.display import printable
from manifest.errors import UndecidedError, UsageError
from manifest.inventory.opening import Opener, Root, change_of, problem_of
from manifest.inventory.tree import FileStat, Tree
from manifest.inventory.walk import OWN_FILES, walk
from manifest.sources import SourceFile

__all__ = ["DirectorySource"]

_SNAPSHOT = re.compile(r"(?:.*/)?models--([^/]+?)--([^/]+)/snapshots/([^/]+)/?")


class DirectorySource:
    """A directory as a `Source`: listed once, read in part, no link followed.

    The links of a hub-cache snapshot into its own ``blobs`` are the exception; `walk` says which.

    Args:
        root: The directory.

    Raises:
        UsageError: There is no such directory.
        UndecidedError: It cannot be listed.
    """

    __slots__ = ("_files", "_name", "_stats", "_tree", "revision")

    revision: str
    """The hub revision of a hub-cache snapshot; empty for any other directory."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._show(walk(root, leave_out=OWN_FILES), os.fspath(root))

    @classmethod
    def of(cls, tree: Tree) -> Self:
        """A directory that was walked before."""
        source = cls.__new__(cls)
        source._show(tree, tree.root)  # noqa: SLF001 - its own, made the line before
        return source

    def _show(self, tree: Tree, root: str) -> None:
        self._tree = tree
        self._stats: dict[str, FileStat] = {file.path: file for file in tree.files}
        self._files = tuple(SourceFile(file.path, file.size) for file in tree.files)
        real = root if tree.place is not None else os.path.realpath(root)
        snapshot = _SNAPSHOT.fullmatch(real) if tree.is_snapshot else None
        self._name = f"{snapshot[1]}/{snapshot[2]}" if snapshot else Path(real).name
        self.revision = snapshot[3] if snapshot else ""

    @property
    def name(self) -> str:
        """The directory's name; OWNER/NAME for a hub-cache snapshot."""
        return self._name

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Every regular file that is release content, sorted by the UTF-8 bytes of its path."""
        return self._files

    @property
    def tree(self) -> Tree:
        """The walk that this source shows: with its oddities and what no manifest covers."""
        return self._tree

    def read(self, path: str, *, start: int = 0, length: int) -> bytes:
        """At most ``length`` bytes of a file from ``start`` on.

        Raises:
            UsageError: ``start`` or ``length`` is negative.
            UndecidedError: It is not there, cannot be read, or changed since it was listed.
        """
        if start < 0 or length < 0:
            raise UsageError(
                "a file is read from a position and for a length that are not negative"
            )
        file = self._stats.get(path)
        if file is None:
            raise UndecidedError(f"{printable(path)}: no such file in {printable(self._tree.root)}")
        try:
            return self._read(file, start, min(length, max(file.size - start, 0)))
        except OSError as error:
            problem = problem_of(error)
            raise UndecidedError(
                f"{printable(path)} cannot be read: {problem.detail}",
                remedy=problem.remedy,
            ) from error

    def _read(self, file: FileStat, start: int, length: int) -> bytes:
        if self._tree.place is not None:
            from manifest.inventory.errands import read_range_at  # for few runs

            return read_range_at(self._tree.place, file, start, start + length)
        parts: list[bytes] = []
        with Opener(Root.of(self._tree)) as opener:
            descriptor = opener.open(file)
            try:
                changed = change_of(file, os.fstat(descriptor))
                if changed is not None:
                    raise OSError(errno.ESTALE, changed.detail)
                while length > 0:
                    part = os.pread(descriptor, length, start)
                    if not part:
                        raise OSError(errno.ESTALE, "it ended before its size")
                    parts.append(part)
                    start += len(part)
                    length -= len(part)
            finally:
                os.close(descriptor)
        return b"".join(parts)
