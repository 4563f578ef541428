"""What a command left behind, made harmless before anything reads it (spec/replay.md, "Output").

A stranger's program wrote it: links, devices and pipes are taken away, permissions become plain, and
names that no manifest could hold are refused. Only descriptors of directories are used, so that
nothing outside is touched.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import stat
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.inventory.walk import DIRECTORY_FLAGS
from manifest.replay.running import MAX_DEPTH

__all__ = ["make_harmless", "remove_all"]


def make_harmless(directory: str | os.PathLike[str]) -> tuple[str, ...]:
    """Remove all but regular files and directories; take every special permission away.

    Returns:
        What was removed, in words safe to print.

    Raises:
        UndecidedError: It cannot be done.
    """
    try:
        descriptor = os.open(directory, DIRECTORY_FLAGS)
        try:
            return tuple(_tidy(descriptor, "", 0))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UndecidedError(
            f"what the command left cannot be read: {error.strerror}",
            remedy="remove the directory by hand",
        ) from None


def _tidy(descriptor: int, prefix: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise UndecidedError(f"what the command left is more than {MAX_DEPTH} directories deep")
    with os.scandir(descriptor) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        path = prefix + name
        if stat.S_ISDIR(status.st_mode):
            os.chmod(name, 0o700, dir_fd=descriptor)
            below = os.open(name, DIRECTORY_FLAGS, dir_fd=descriptor)
            try:
                yield from _tidy(below, f"{path}/", depth + 1)
            finally:
                os.close(below)
        elif stat.S_ISREG(status.st_mode):
            os.chmod(name, 0o600, dir_fd=descriptor)
        else:
            target = ""
            if stat.S_ISLNK(status.st_mode):
                target = f" to {printable(os.readlink(name, dir_fd=descriptor))}"
            os.unlink(name, dir_fd=descriptor)
            what = "a link" if target else "a special file"
            yield f"{printable(path)}, {what}{target}"


def remove_all(directory: str | os.PathLike[str]) -> None:
    """Remove everything in a directory, however deep it is nested; what resists stays.

    Directories are moved up to the top before they are emptied, so that depth costs nothing.
    """
    with contextlib.suppress(OSError):
        top = os.open(directory, DIRECTORY_FLAGS)
        try:
            names = itertools.count()
            while _remove_once(top, names):
                pass
        finally:
            os.close(top)


def _remove_once(top: int, names: Iterator[int]) -> bool:
    """Empty and remove what lies in ``top``, its directories' own moved there; False at the end."""
    found = os.listdir(top)
    for name in found:
        if not _is_directory(top, name):
            os.unlink(name, dir_fd=top)
            continue
        os.chmod(name, 0o700, dir_fd=top)
        below = os.open(name, DIRECTORY_FLAGS, dir_fd=top)
        try:
            for inner in os.listdir(below):  # noqa: PTH208 - of a descriptor
                if _is_directory(below, inner):
                    aside = f"{next(names)}.{secrets.token_hex(8)}"
                    os.rename(inner, aside, src_dir_fd=below, dst_dir_fd=top)
                else:
                    os.unlink(inner, dir_fd=below)
        finally:
            os.close(below)
        os.rmdir(name, dir_fd=top)
    return bool(found)


def _is_directory(descriptor: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
