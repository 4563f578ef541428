"""What a walk over a directory found, as values."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from manifest.display import printable
from manifest.records import record

if TYPE_CHECKING:
    from manifest.inventory.places import Place

__all__ = ["MAX_DEPTH", "FileStat", "NotCovered", "Oddity", "OddityKind", "Tree"]

MAX_DEPTH = 100
"""The most directories a file may lie in, one inside the other; each costs a descriptor."""


class FileStat(NamedTuple):
    """A regular file as the walk met it. A tuple: a tree may hold millions.

    Attributes:
        path: Relative to the root, ``/``-separated; sound by `path_problem`.
        size: In bytes.
        mtime_ns: Time of the last modification.
        ctime_ns: Time of the last change of content or metadata.
        inode: Number of the file on its device.
        device: Number of the device.
        blob: In a hub-cache snapshot, the name in ``blobs/`` of the file that holds the content
            and that the other attributes describe; else empty.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    blob: str = ""


class OddityKind(enum.StrEnum):
    """What stands in a tree and cannot stand in a manifest."""

    LINK = "link"
    SPECIAL = "special"
    """A FIFO, a socket or a device."""
    NOT_UTF8 = "not-utf8"
    """A name that is not UTF-8."""
    BAD_NAME = "bad-name"
    """A name that `path_problem` refuses for another reason."""
    UNREADABLE = "unreadable"
    """A directory that cannot be read, or a file that cannot be looked at."""
    TOO_DEEP = "too-deep"


@record(frozen=True, slots=True)
class Oddity:
    """One thing in a tree that is neither a regular file nor a directory with a sound name.

    Attributes:
        path: Where, as `os.fsdecode` gives it: compare with it, and show `describe`.
        kind: What it is.
        detail: The target of a link, the type of a special file, the reason of the system.
    """

    path: str
    kind: OddityKind
    detail: str = ""

    def describe(self) -> str:
        """One clause for people, safe to print: ``a/b is a symbolic link to ../x``."""
        what = {
            OddityKind.LINK: "is a symbolic link to",
            OddityKind.SPECIAL: "is a",
            OddityKind.NOT_UTF8: "has a name that is not UTF-8",
            OddityKind.BAD_NAME: "has a name that",
            OddityKind.UNREADABLE: "cannot be read:",
            OddityKind.TOO_DEEP: f"lies more than {MAX_DEPTH} directories deep",
        }[self.kind]
        return f"{printable(self.path)} {what} {printable(self.detail)}".rstrip()


@record(frozen=True, slots=True)
class NotCovered:
    """Something that exists and that no manifest covers (`walk.NOT_COVERED`).

    Attributes:
        path: One of `walk.NOT_COVERED`.
        kind: ``file``, ``directory``, ``link`` or ``special``.
        files: How many files there are in it.
        size: Their bytes together.
        complete: False when there were too many to count; the numbers are then a part.
    """

    path: str
    kind: str
    files: int = 0
    size: int = 0
    complete: bool = True


@record(frozen=True, slots=True)
class Tree:
    """What a directory holds.

    Attributes:
        root: The directory, as it was named.
        files: The regular files that a manifest lists, sorted by the UTF-8 bytes of their paths.
        left_out: The regular files that the caller asked to leave out, sorted alike.
        oddities: What can't be listed, wherever it stands, sorted alike.
        not_covered: What exists of `walk.NOT_COVERED`.
        device: Device of the root.
        inode: Inode of the root.
        is_snapshot: Whether the root is a revision in a hub cache.
        place: Where its files are read, when that is not a directory of this machine.
    """

    root: str
    files: tuple[FileStat, ...]
    left_out: tuple[FileStat, ...]
    oddities: tuple[Oddity, ...]
    not_covered: tuple[NotCovered, ...]
    device: int
    inode: int
    is_snapshot: bool = False
    place: Place | None = None

    @property
    def size(self) -> int:
        """Bytes of `files` together."""
        return sum(file.size for file in self.files)

    def find(self, path: str) -> FileStat | None:
        """The file with this path among `files` and `left_out`; a search through both."""
        for files in (self.files, self.left_out):
            for file in files:
                if file.path == path:
                    return file
        return None
