"""A walk that gives the files of a directory in the order of their paths, one after the other.

`walk` collects a tree and sorts it; a directory of millions of files would not fit. Here the names
of one directory at a time are sorted, and files are looked at only when their turn comes, so that
the walk can be compared with a sorted list in step.
"""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Iterator

from manifest.inventory.opening import Root
from manifest.inventory.tree import MAX_DEPTH, FileStat, Oddity, OddityKind
from manifest.inventory.walk import (
    DIRECTORY_FLAGS,
    link_or_blob,
    odd_name,
    open_blobs,
    special_kind,
)

__all__ = ["OrderedWalk"]

_SAFE_PATH = 900  # characters: whatever they are, below the longest path accepted
_RUN = 1 << 16  # names sorted at once; more are kept in sorted runs, a byte for a character


class OrderedWalk:
    """The files below one directory of a walked tree, in the order of their paths' UTF-8 bytes.

    No link is followed but those of a hub-cache snapshot, as by `walk`. Iterating gives a
    `FileStat` for a file and an `Oddity` for anything else that is no directory; their paths are
    relative to the tree's root, so that files can be hashed there. Directories that hold nothing
    leave no trace. An oddity whose name is not UTF-8 stands where its code points sort.

    Memory grows with the names of the largest single directory, about a byte for a character.

    Args:
        root: The tree's root.
        directory: The directory, as a path in the tree without a slash at its end.
    """

    def __init__(self, root: Root, directory: str) -> None:
        self._root = root
        self._directory = directory

    def exists(self) -> bool:
        """Whether the directory is there, and no link or other file is on the way to it."""
        try:
            os.close(self._open())
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return False
            raise
        return True

    def _open(self) -> int:
        descriptor = os.open(self._root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != (self._root.device, self._root.inode):
                raise OSError(errno.ESTALE, "the release directory was replaced")
            for name in self._directory.split("/"):
                below = os.open(name, DIRECTORY_FLAGS, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _blobs(self) -> int:
        descriptor = os.open(self._root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return open_blobs(self._root.path, descriptor)
        finally:
            os.close(descriptor)

    def __iter__(self) -> Iterator[FileStat | Oddity]:
        """What is there, in order; a directory that cannot be read is an oddity."""
        blobs = -1
        open_now: list[tuple[int, str, Iterator[str]]] = []
        try:
            try:
                blobs = self._blobs()
                descriptor = self._open()
            except OSError as error:
                yield Oddity(self._directory, OddityKind.UNREADABLE, error.strerror or "")
                return
            open_now.append((descriptor, self._directory + "/", iter(())))
            yield from self._start(open_now)
            while open_now:
                descriptor, prefix, names = open_now[-1]
                for name in names:
                    if name[-1] == "/":
                        yield from self._enter(open_now, name[:-1])
                        break
                    found = self._look(descriptor, prefix, name, blobs)
                    if found is not None:
                        yield found
                else:
                    os.close(open_now.pop()[0])
        finally:
            for descriptor, _, _ in open_now:
                os.close(descriptor)
            if blobs >= 0:
                os.close(blobs)

    def _enter(self, open_now: list[tuple[int, str, Iterator[str]]], name: str) -> Iterator[Oddity]:
        above, prefix, _ = open_now[-1]
        path = prefix + name
        if (odd := odd_name(path)) is not None:
            yield odd
        elif path.count("/") > MAX_DEPTH:
            yield Oddity(path, OddityKind.TOO_DEEP)
        else:
            try:
                descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=above)
            except OSError as error:
                yield Oddity(path, OddityKind.UNREADABLE, error.strerror or "")
                return
            open_now.append((descriptor, path + "/", iter(())))
            yield from self._start(open_now)

    @staticmethod
    def _start(open_now: list[tuple[int, str, Iterator[str]]]) -> Iterator[Oddity]:
        """Read the names of the directory opened last."""
        descriptor, prefix, _ = open_now[-1]
        try:
            open_now[-1] = (descriptor, prefix, _sorted_names(descriptor))
        except OSError as error:
            yield Oddity(prefix[:-1], OddityKind.UNREADABLE, error.strerror or "")

    @staticmethod
    def _look(descriptor: int, prefix: str, name: str, blobs: int) -> FileStat | Oddity | None:
        """A name as a file or an oddity; None when it has gone since it was listed."""
        path = prefix + name
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Oddity(path, OddityKind.UNREADABLE, error.strerror or "")
        # Printable names without these two are sound unless they are very long.
        plain = len(path) < _SAFE_PATH and "\\" not in name and ":" not in name
        if not (plain and name.isprintable()) and (odd := odd_name(path)) is not None:
            return odd
        mode = stat.S_IFMT(status.st_mode)
        if mode == stat.S_IFREG:
            return FileStat(
                path,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino,
                status.st_dev,
            )
        if mode == stat.S_IFLNK:
            return link_or_blob(descriptor, path, name, depth=path.count("/"), blobs=blobs)
        if mode == stat.S_IFDIR:
            return Oddity(path, OddityKind.UNREADABLE, "a directory took its place meanwhile")
        return Oddity(path, OddityKind.SPECIAL, special_kind(mode))


def _sorted_names(descriptor: int) -> Iterator[str]:
    """The names in a directory as paths sort: one of a directory has a slash at its end."""
    runs: list[str] = []
    names: list[str] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            names.append(entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name)
            if len(names) == _RUN:
                names.sort()
                runs.append("\0".join(names))
                names.clear()
    names.sort()
    if not runs:
        return iter(names)
    if names:
        runs.append("\0".join(names))
    return heapq.merge(*map(_split, runs))


def _split(run: str) -> Iterator[str]:
    """The names of a run, without making all of them at once."""
    start = 0
    while (end := run.find("\0", start)) >= 0:
        yield run[start:end]
        start = end + 1
    yield run[start:]
