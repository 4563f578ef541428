"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from manifest.display import printable
from manifest.errors import UndecidedError, UsageError

__all__ = ["write_atomically", "write_stream_atomically"]

_DESCRIPTORS = "/proc/self/fd"
_BLOCK = 1 << 20
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


def write_atomically(
    path: str | os.PathLike[str], data: bytes, *, mode: int = 0o666, overwrite: bool = True
) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never a part.

    The bytes go to a file without a name where the file system has such (Linux), so that a process
    that is killed while it writes leaves nothing; else to a temporary one in the same directory
    (``.NAME.<random>.tmp``). They reach the disk, and take the name in one step. On any error, an interrupt included, the temporary file
    is removed and the old file stays. A symbolic link at ``path`` is never written through: the
    link itself is replaced by the file.

    Args:
        path: The destination; its directory must exist.
        data: The whole content.
        mode: Permission bits, before the umask takes its share.
        overwrite: False to keep whatever has that name already.

    Raises:
        UsageError: The name is taken and ``overwrite`` is False, or is a directory or a device.
        UndecidedError: The system refused (no room, no permission); nothing was written.
    """
    write_stream_atomically(path, (data,), mode=mode, overwrite=overwrite)


def write_stream_atomically(
    path: str | os.PathLike[str],
    chunks: Iterable[bytes],
    *,
    mode: int = 0o666,
    overwrite: bool = True,
) -> None:
    """Write a file as `write_atomically` does, from pieces that need not fit into memory.

    Args:
        path: The destination; its directory must exist.
        chunks: The content, piece by piece; what it raises is raised, and nothing was written.
        mode: Permission bits, before the umask takes its share.
        overwrite: False to keep whatever has that name already.

    Raises:
        UsageError, UndecidedError: As `write_atomically`.
    """
    target = Path(path)
    # 50 characters are at most 200 bytes, and a name may have 255.
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}.tmp")
    try:
        _refuse_special(target)
        _write(temporary, chunks, mode)
        if overwrite:
            temporary.replace(target)
        else:
            _take_free_name(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _explained(error, target, overwrite=overwrite) from error
        raise
    _sync_directory(target.parent)


def _explained(error: OSError, target: Path, *, overwrite: bool) -> UndecidedError | UsageError:
    shown = printable(str(target))
    if isinstance(error, FileExistsError) and not overwrite:
        return UsageError(
            f"{shown} exists already; nothing was written",
            remedy="choose another name, or remove the file first",
        )
    return UndecidedError(
        f"{shown} cannot be written: {error.strerror or error}; nothing was written",
        remedy="make room or give permission, then run the command again",
    )


def _refuse_special(target: Path) -> None:
    """Refuse to put a file in the place of a device or a directory (``/dev/stdout``)."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        raise UsageError(
            f"{printable(str(target))} is not a regular file; nothing was written",
            remedy="name a file as the destination",
        )


def _write(temporary: Path, chunks: Iterable[bytes], mode: int) -> None:
    nameless = _open_nameless(temporary.parent, mode)
    descriptor = os.open(temporary, _CREATE, mode) if nameless is None else nameless
    try:
        _write_all(descriptor, chunks)
        if nameless is not None:
            _name(nameless, temporary, mode)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, chunks: Iterable[bytes]) -> None:
    for data in chunks:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _name(nameless: int, path: Path, mode: int) -> None:
    """Give a file its first name; where there are no hard links, copy it."""
    try:
        # A descriptor, though not used for an absolute path, makes this linkat(2), which follows.
        os.link(f"{_DESCRIPTORS}/{nameless}", path, src_dir_fd=nameless)
    except OSError:
        os.lseek(nameless, 0, os.SEEK_SET)
        copy = os.open(path, _CREATE, mode)
        try:
            _write_all(copy, iter(lambda: os.read(nameless, _BLOCK), b""))
        finally:
            os.close(copy)


def _open_nameless(directory: Path, mode: int) -> int | None:
    """A file that has no name until it is given one; None where there is no such thing."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir(_DESCRIPTORS):  # noqa: PTH112 - a constant
        return None
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
    except OSError:  # not on this file system; what else may be wrong, the other way says
        return None


def _take_free_name(temporary: Path, target: Path) -> None:
    """Give the temporary file its name unless the name is taken."""
    try:
        os.link(temporary, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some network file systems): reserve the name, then replace
        # our own reservation.
        os.close(os.open(target, _CREATE))
        try:
            temporary.replace(target)
        except BaseException:
            target.unlink()
            raise
    else:
        temporary.unlink()


def _sync_directory(directory: Path) -> None:
    """Make the new name survive a power cut, where the file system can promise that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
