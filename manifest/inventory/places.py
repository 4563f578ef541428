"""Where other machines read the files of a walked tree.

A `Place` is small, and can be sent to them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from manifest.inventory.opening import Opener, Root, change_of
from manifest.inventory.tree import FileStat
from manifest.records import record

__all__ = ["OpenFile", "Place", "Session", "SharedPath"]


class OpenFile(Protocol):
    """A file that is open for reading; every method raises `OSError`."""

    def read_into(self, buffer: memoryview, at: int) -> int:
        """Fill the buffer from a position; returns how many bytes it got, 0 beyond the end."""

    def check(self) -> None:
        """See that the file is still the one that was listed; ``ESTALE`` when it is not."""

    def close(self) -> None:
        """Close it."""


class Session(Protocol):
    """Opens files of one place, one after the other; for one thread."""

    def open(self, file: FileStat) -> OpenFile:
        """Open a file that was listed.

        Raises:
            OSError: It cannot be opened, or is not the one that was listed (``ESTALE``).
        """


class Place(Protocol):
    """Where the files of a tree are read."""

    def session(self) -> AbstractContextManager[Session]:
        """Begin to read there; raises `OSError` where that is not possible."""


@record(frozen=True, slots=True)
class SharedPath:
    """A directory that every machine sees under the same path.

    A device has another number on each machine, and some file systems number files anew. So a file
    must have the path, size and time of modification of the walk; while it is read nothing of it may
    change, as its own machine sees it.

    Attributes:
        path: The directory, absolute.
    """

    path: str

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """Open the directory, as this machine sees it."""
        status = os.stat(self.path)  # noqa: PTH116 - a text already
        with Opener(Root(self.path, status.st_dev, status.st_ino)) as opener:
            yield _SharedFiles(opener)


class _SharedFiles:
    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def open(self, file: FileStat) -> OpenFile:
        here = platform.node()
        try:
            descriptor = self._opener.open(file)
        except FileNotFoundError as error:
            raise OSError(errno.ENOENT, f"it is not there on {here}") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EISDIR, "it is not a regular file any more")
            if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
                raise OSError(errno.ESTALE, f"it has another size or time on {here} than listed")
        except BaseException:
            os.close(descriptor)
            raise
        seen = file._replace(ctime_ns=status.st_ctime_ns, inode=status.st_ino, device=status.st_dev)
        return _SharedFile(descriptor, seen)


class _SharedFile:
    def __init__(self, descriptor: int, file: FileStat) -> None:
        self._descriptor = descriptor
        self._file = file

    def read_into(self, buffer: memoryview, at: int) -> int:
        return os.preadv(self._descriptor, [buffer], at)

    def check(self) -> None:
        if problem := change_of(self._file, os.fstat(self._descriptor)):
            raise OSError(errno.ESTALE, problem.detail)

    def close(self) -> None:
        os.close(self._descriptor)
