"""Files of a walked tree opened again, without following any link on the way.

Between the walk and the reading of a file, a component of its path may be replaced by a link to
somewhere else. So files are opened from a descriptor of their directory, which was itself
opened component by component with ``O_NOFOLLOW``.
"""

from __future__ import annotations

import enum
import errno
import os
import stat
from types import TracebackType
from typing import NamedTuple, Self

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.inventory.tree import FileStat, Tree
from manifest.inventory.walk import DIRECTORY_FLAGS
from manifest.records import record

__all__ = [
    "Opener",
    "Problem",
    "ProblemKind",
    "Root",
    "change_of",
    "problem_of",
    "read_file",
    "read_whole",
]

_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class ProblemKind(enum.StrEnum):
    """Why a file that was there when the tree was walked has no digest."""

    CHANGED = "changed"
    """It is not the file of the walk any more, or it changed while it was read."""
    VANISHED = "vanished"
    NOT_REGULAR = "not-regular"
    """A link, a directory or a special file stands in its place."""
    UNREADABLE = "unreadable"


class Problem(NamedTuple):
    """Why a file could not be read: the kind, and the cause in words."""

    kind: ProblemKind
    detail: str

    @property
    def remedy(self) -> str:
        """What whoever is to read the file can do about it."""
        if self.kind is ProblemKind.UNREADABLE:
            return "see to it that you may read it and that its disk can, then try again"
        return "run the command again when nothing else writes to the directory"


@record(frozen=True, slots=True)
class Root:
    """How to find a walked tree again: what `Opener` needs of it, small enough to send elsewhere."""

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, tree: Tree) -> Root:
        """The root of a walked tree."""
        return cls(tree.root, tree.device, tree.inode)


class Opener:
    """Opens files below a root; keeps the directories of the last path open. For one thread.

    Files asked for in the order of their paths make it open each directory once.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._names: list[str] = []
        self._descriptors: list[int] = []
        self._directory: str | None = None
        self._blobs = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())
        if self._blobs >= 0:
            os.close(self._blobs)
            self._blobs = -1
        self._names.clear()
        self._directory = None

    def open(self, file: FileStat) -> int:
        """Open a file for reading. The caller closes the descriptor and checks what it is.

        Raises:
            OSError: It cannot be opened; `problem_of` says what that means.
        """
        if file.blob:
            return os.open(file.blob, _FILE_FLAGS, dir_fd=self._blobs_directory())
        directory, _, name = file.path.rpartition("/")
        if directory != self._directory:
            self._enter(directory)
        return os.open(name, _FILE_FLAGS, dir_fd=self._descriptors[-1])

    def _top(self) -> int:
        if not self._descriptors:
            descriptor = os.open(self._root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != (self._root.device, self._root.inode):
                os.close(descriptor)
                raise OSError(errno.ESTALE, "the release directory was replaced")
            self._descriptors.append(descriptor)
        return self._descriptors[0]

    def _blobs_directory(self) -> int:
        if self._blobs < 0:
            self._blobs = os.open("../../blobs", DIRECTORY_FLAGS, dir_fd=self._top())
        return self._blobs

    def _enter(self, directory: str) -> None:
        self._top()
        self._directory = None
        wanted = directory.split("/") if directory else []
        common = 0
        for have, want in zip(self._names, wanted, strict=False):
            if have != want:
                break
            common += 1
        while len(self._names) > common:
            self._names.pop()
            os.close(self._descriptors.pop())
        for name in wanted[common:]:
            self._descriptors.append(os.open(name, DIRECTORY_FLAGS, dir_fd=self._descriptors[-1]))
            self._names.append(name)
        self._directory = directory


def problem_of(error: OSError) -> Problem:
    """What an error of opening or reading says of the file."""
    if error.errno == errno.ENOENT:
        return Problem(ProblemKind.VANISHED, "it is not there any more")
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}:
        return Problem(ProblemKind.NOT_REGULAR, "a link or another file stands in its path")
    if error.errno in {errno.EISDIR, errno.ENXIO, errno.EAGAIN}:
        return Problem(ProblemKind.NOT_REGULAR, "it is not a regular file any more")
    if error.errno == errno.ESTALE:
        return Problem(ProblemKind.CHANGED, error.strerror or "it was replaced")
    return Problem(ProblemKind.UNREADABLE, error.strerror or str(error))


def change_of(file: FileStat, status: os.stat_result) -> Problem | None:
    """What distinguishes an open file from the one that was walked; None when it is the same."""
    if (
        status.st_mtime_ns == file.mtime_ns
        and status.st_ctime_ns == file.ctime_ns
        and status.st_size == file.size
        and status.st_ino == file.inode
        and status.st_dev == file.device
    ):
        return None
    if not stat.S_ISREG(status.st_mode):
        return Problem(ProblemKind.NOT_REGULAR, "it is not a regular file any more")
    if (status.st_dev, status.st_ino) != (file.device, file.inode):
        return Problem(ProblemKind.CHANGED, "another file took its place")
    if status.st_size != file.size:
        return Problem(
            ProblemKind.CHANGED, f"its size went from {file.size} to {status.st_size} bytes"
        )
    return Problem(ProblemKind.CHANGED, "it was modified after the tree was read")


def read_file(tree: Tree, path: str, *, max_bytes: int) -> bytes:
    """Read one small file of a walked tree: a document, a signature, a header.

    Args:
        tree: The tree, as walked.
        path: A path of `tree.files` or `tree.left_out`.
        max_bytes: The largest size accepted.

    Raises:
        UndecidedError: It is not there, too large, unreadable, or changed since the walk.
    """
    file = tree.find(path)
    shown = printable(path)
    if file is None:
        raise UndecidedError(f"{shown}: no such file in {printable(tree.root)}")
    if file.size > max_bytes:
        raise UndecidedError(f"{shown} has {file.size} bytes; at most {max_bytes} are read")
    content: bytes | Problem
    if tree.place is not None:
        from manifest.inventory.tensors import read_range  # for few runs

        content = read_range(tree, path, 0, file.size)
    else:
        with Opener(Root.of(tree)) as opener:
            content = read_whole(opener, file)
    if isinstance(content, Problem):
        raise UndecidedError(
            f"{shown} cannot be read: {content.detail}",
            remedy=content.remedy,
        )
    return content


def read_whole(opener: Opener, file: FileStat) -> bytes | Problem:
    """The content of a small file, or why there is none."""
    try:
        descriptor = opener.open(file)
        try:
            # One byte more than expected shows a file that has grown, and one look at the file
            # after the reading covers the time since the walk.
            content = os.read(descriptor, file.size + 1)
            if len(content) < file.size:  # ended early, or a file system that returns parts
                content = _rest(descriptor, content, file.size + 1)
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return problem_of(error)
    problem = change_of(file, status)
    if problem is None and len(content) != file.size:
        problem = Problem(ProblemKind.UNREADABLE, "the file ended before its size")
    return problem or content


def _rest(descriptor: int, content: bytes, length: int) -> bytes:
    while len(content) < length and (more := os.read(descriptor, length - len(content))):
        content += more
    return content
