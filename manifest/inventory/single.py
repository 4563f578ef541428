"""One file as a tree of its own, so that it is hashed like those of a directory."""

from __future__ import annotations

import os
import stat

from manifest.display import printable
from manifest.errors import UndecidedError, UsageError
from manifest.inventory.tree import FileStat, Tree

__all__ = ["tree_of_file"]


def tree_of_file(path: str) -> Tree:
    """A tree with one file in it, under the name it has where it lies.

    Args:
        path: The file. A link was the user's own choice, and is followed.

    Raises:
        UndecidedError: It cannot be looked at.
        UsageError: It is no regular file.
    """
    place = os.path.realpath(path)
    parent, name = os.path.split(place)
    try:
        status, above = os.stat(place), os.stat(parent)  # noqa: PTH116 - both at once
    except OSError as error:
        raise UndecidedError(f"{printable(path)} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{printable(path)} is not a regular file", remedy="name a file")
    file = FileStat(
        name,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
    )
    return Tree(parent, (file,), (), (), (), above.st_dev, above.st_ino)
