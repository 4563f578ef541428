"""The walk over a release directory: what is there, without following a link.

Only descriptors of directories are used, opened one below the other with ``O_NOFOLLOW``, so that
nobody can lead the walk outside by exchanging a directory for a link. The one shape of link that
is followed is that of the Hugging Face hub cache, where ``snapshots/REVISION/PATH`` links to
``blobs/NAME`` of the same model.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable

from manifest.display import plural, printable
from manifest.errors import UndecidedError, UsageError
from manifest.inventory.paths import path_problem
from manifest.inventory.tree import MAX_DEPTH, FileStat, NotCovered, Oddity, OddityKind, Tree

__all__ = [
    "DIRECTORY_FLAGS",
    "MAX_FILES",
    "NOT_COVERED",
    "OWN_FILES",
    "is_object_store",
    "walk",
    "walk_place",
]

MAX_FILES = 10_000_000
"""The most files, links and the like that a tree may hold."""
NOT_COVERED = frozenset({".git", ".gitattributes", ".github", ".gitignore", ".cache/huggingface"})
"""What no manifest covers: the four names that OMS 1.0 leaves out, and the hub client's own notes."""
OWN_FILES = frozenset({"manifest.json", "model.sig", "signatures"})
"""What the toolkit itself puts beside a release's files: no content, and in no manifest."""

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_COUNT_LIMIT = 10_000
_BLOB_LINK = re.compile(r"((?:\.\./)+)blobs/([0-9a-f]{40}|[0-9a-f]{64})")
_SAFE_PREFIX = 700  # characters: with 255 bytes of name, never beyond the longest path accepted


def walk(
    root: str | os.PathLike[str],
    *,
    leave_out: frozenset[str] = frozenset(),
    not_covered: frozenset[str] = NOT_COVERED,
    enter: Callable[[str], bool] | None = None,
) -> Tree:
    """Read a directory tree without reading any file.

    Links below the root are never followed, except those of a hub-cache snapshot into the
    ``blobs`` directory beside it, whose form huggingface_hub fixes: as many ``../`` as lead there,
    ``blobs/``, and 40 or 64 hex digits naming a regular file. The root may be a link itself: the
    user named it. Directories that hold no file leave no trace.

    Args:
        root: The directory.
        leave_out: Paths that the caller handles itself, as ``model.sig`` and ``signatures``: a file
            with such a path, or below it, goes to `Tree.left_out`.
        not_covered: The members of `NOT_COVERED` that nothing is said about; fewer for a signature
            that covers some of them.
        enter: Says of a directory, by its path, whether to look into it; None for all. One that is
            not entered leaves no trace: a directory that an inventory owns has a walk of its own.

    Raises:
        UsageError: There is no such directory.
        UndecidedError: The directory cannot be opened, it holds more than `MAX_FILES` files, or
            the locale does not read file names as UTF-8.
    """
    if sys.getfilesystemencoding() != "utf-8":
        raise UndecidedError(
            f"this locale reads file names as {sys.getfilesystemencoding()}, not as UTF-8",
            remedy="set PYTHONUTF8=1, or use a UTF-8 locale",
        )
    path = os.fspath(root)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{printable(path)} is not a directory") from error
    except OSError as error:
        raise UndecidedError(f"{printable(path)} cannot be opened: {error.strerror}") from error
    walker = _Walker(leave_out, not_covered, enter)
    try:
        status = os.fstat(descriptor)
        walker.blobs = open_blobs(path, descriptor)
        walker.directory(descriptor, "", depth=0, left=False)
    finally:
        os.close(descriptor)
        if walker.blobs >= 0:
            os.close(walker.blobs)
    return Tree(
        root=path,
        # Order of code points, which is the order of UTF-8 bytes; paths are unique.
        files=tuple(sorted(walker.files)),
        left_out=tuple(sorted(walker.left_out)),
        oddities=tuple(sorted(walker.oddities, key=lambda oddity: oddity.path)),
        not_covered=tuple(sorted(walker.not_covered, key=lambda item: item.path)),
        device=status.st_dev,
        inode=status.st_ino,
        is_snapshot=walker.blobs >= 0,
    )


def is_object_store(where: object) -> bool:
    """Whether a root's place is an address in an object store, and not a directory."""
    return isinstance(where, str) and where.startswith(("s3://", "gs://"))


def walk_place(
    where: str | os.PathLike[str],
    *,
    enter: Callable[[str], bool] | None = None,
    leave_out: frozenset[str] = frozenset(),
    owns: bool = False,
) -> Tree:
    """Walk a named root: a directory, or what lies under a prefix in an object store.

    Args:
        where: The directory, or the address, as ``s3://BUCKET/PREFIX``.
        enter: As for `walk`; of no meaning in an object store.
        leave_out: As for `walk`.
        owns: Whether an inventory, or a directory that one owns, lies in this root.

    Raises:
        UsageError: There is no such directory or bucket, or it cannot hold inventories.
        MissingExtraError: The library for this store is not installed.
        UndecidedError: It cannot be listed.
    """
    if not is_object_store(where):
        return walk(where, leave_out=leave_out, enter=enter)
    if owns:
        raise UsageError(
            f"{printable(str(where))}: an inventory and its files cannot lie in an object store",
            remedy="keep them in a directory, or list the files in the manifest",
        )
    from manifest.inventory.objects import ObjectStore  # for few runs

    return ObjectStore.at(str(where)).walk()


def open_blobs(path: str, descriptor: int) -> int:
    """The ``blobs`` directory beside the ``snapshots`` that holds the root; -1 when there is none."""
    if os.path.realpath(path).split("/")[-2:-1] != ["snapshots"]:
        return -1
    try:
        return os.open("../../blobs", DIRECTORY_FLAGS, dir_fd=descriptor)
    except OSError:
        return -1


class _Walker:
    """Collects a tree; one use."""

    def __init__(
        self,
        leave_out: frozenset[str],
        excluded: frozenset[str],
        enter: Callable[[str], bool] | None,
    ) -> None:
        self.leave_out = leave_out
        self.excluded = excluded
        self.enter = enter
        self.files: list[FileStat] = []
        self.left_out: list[FileStat] = []
        self.oddities: list[Oddity] = []
        self.not_covered: list[NotCovered] = []
        self.blobs = -1

    def directory(self, descriptor: int, prefix: str, *, depth: int, left: bool) -> None:
        """Collect what an open directory holds; `prefix` is its path and a slash, or empty."""
        subdirectories: list[tuple[str, bool]] = []
        files, leave_out, oddity = self.files, self.leave_out, self.oddities.append
        special_prefix = prefix in {"", ".cache/"}
        long_prefix = len(prefix) > _SAFE_PREFIX
        make = tuple.__new__  # FileStat(...) by keyword costs as much as the system call
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    name = entry.name
                    path = prefix + name
                    if special_prefix and path in self.excluded:
                        self.not_covered.append(_measure(descriptor, path, name))
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # removed since it was listed: as if it had never been there
                    except OSError as error:
                        oddity(Oddity(path, OddityKind.UNREADABLE, error.strerror or ""))
                        continue
                    # Printable names without these two are sound; the rest are looked at closely.
                    if not name.isprintable() or "\\" in name or ":" in name or long_prefix:
                        found = odd_name(path)
                        if found is not None:
                            oddity(found)
                            continue
                    mode = status.st_mode & 0o170000
                    out = left or path in leave_out
                    if mode == stat.S_IFREG:
                        file = make(
                            FileStat,
                            (
                                path,
                                status.st_size,
                                status.st_mtime_ns,
                                status.st_ctime_ns,
                                status.st_ino,
                                status.st_dev,
                                "",
                            ),
                        )
                        (self.left_out if out else files).append(file)
                    elif mode == stat.S_IFDIR:
                        subdirectories.append((name, out))
                    elif mode == stat.S_IFLNK:
                        self._link(descriptor, path, name, depth=depth, left=out)
                    else:
                        oddity(Oddity(path, OddityKind.SPECIAL, special_kind(mode)))
        except OSError as error:
            oddity(Oddity(prefix[:-1] or ".", OddityKind.UNREADABLE, error.strerror or ""))
        if len(files) + len(self.left_out) + len(self.oddities) > MAX_FILES:
            raise UndecidedError(f"the tree holds more than {plural(MAX_FILES, 'file')}")
        for name, out in subdirectories:
            self._descend(descriptor, prefix, name, depth=depth + 1, left=out)

    def _descend(self, above: int, prefix: str, name: str, *, depth: int, left: bool) -> None:
        path = prefix + name
        if self.enter is not None and not self.enter(path):
            return
        if depth > MAX_DEPTH:
            self.oddities.append(Oddity(path, OddityKind.TOO_DEEP))
            return
        try:
            descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=above)
        except OSError as error:
            self.oddities.append(Oddity(path, OddityKind.UNREADABLE, error.strerror or ""))
            return
        try:
            self.directory(descriptor, path + "/", depth=depth, left=left)
        finally:
            os.close(descriptor)

    def _link(self, descriptor: int, path: str, name: str, *, depth: int, left: bool) -> None:
        """Follow a link of a hub cache to its blob; note any other link."""
        found = link_or_blob(descriptor, path, name, depth=depth, blobs=self.blobs)
        if isinstance(found, Oddity):
            self.oddities.append(found)
        else:
            (self.left_out if left else self.files).append(found)


def link_or_blob(
    descriptor: int, path: str, name: str, *, depth: int, blobs: int
) -> FileStat | Oddity:
    """A link as the blob of a hub cache that it leads to, or as an oddity.

    Args:
        descriptor: The directory that holds the link.
        path: The link's path from the root.
        name: Its name in the directory.
        depth: How many directories it lies in, below the root.
        blobs: The cache's ``blobs`` directory, open; -1 when the root is no snapshot.
    """
    try:
        target = os.readlink(name, dir_fd=descriptor)
    except OSError as error:
        return Oddity(path, OddityKind.UNREADABLE, error.strerror or "")
    blob = _BLOB_LINK.fullmatch(target)
    if blobs >= 0 and blob is not None and blob[1] == "../" * (depth + 2):
        try:
            status = os.stat(blob[2], dir_fd=blobs, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.ENOENT:
                return Oddity(path, OddityKind.UNREADABLE, error.strerror or "")
            target += ", which is not there"
        else:
            if stat.S_ISREG(status.st_mode):
                return FileStat(
                    path,
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    status.st_ino,
                    status.st_dev,
                    blob[2],
                )
    return Oddity(path, OddityKind.LINK, target)


def odd_name(path: str) -> Oddity | None:
    """What is wrong with a name on disk; None when it can stand in a manifest."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return Oddity(path, OddityKind.NOT_UTF8)
    problem = path_problem(path)
    return None if problem is None else Oddity(path, OddityKind.BAD_NAME, problem)


def special_kind(mode: int) -> str:
    """What a file is that is neither regular nor a directory nor a link."""
    return {
        stat.S_IFIFO: "FIFO",
        stat.S_IFSOCK: "socket",
        stat.S_IFBLK: "block device",
        stat.S_IFCHR: "character device",
    }.get(mode, "special file")


def _measure(above: int, path: str, name: str) -> NotCovered:
    """Count what lies in a place that is not covered, up to a limit and without any link."""
    try:
        status = os.stat(name, dir_fd=above, follow_symlinks=False)
    except OSError:
        return NotCovered(path, "special", complete=False)
    if stat.S_ISREG(status.st_mode):
        return NotCovered(path, "file", 1, status.st_size)
    if stat.S_ISLNK(status.st_mode):
        return NotCovered(path, "link")
    if not stat.S_ISDIR(status.st_mode):
        return NotCovered(path, "special")
    counter = _Counter()
    counter.directory(above, name, MAX_DEPTH)
    return NotCovered(path, "directory", counter.files, counter.size, counter.complete)


class _Counter:
    """Files and bytes below a directory, as far as they can be counted cheaply."""

    def __init__(self) -> None:
        self.files = self.size = self.seen = 0
        self.complete = True

    def directory(self, above: int, name: str, depth: int) -> None:
        if depth == 0:
            self.complete = False
            return
        try:
            descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=above)
        except OSError:
            self.complete = False
            return
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    self.seen += 1
                    if self.seen > _COUNT_LIMIT:
                        self.complete = False
                        break
                    if entry.is_dir(follow_symlinks=False):
                        self.directory(descriptor, entry.name, depth - 1)
                    else:
                        self.files += 1
                        self.size += entry.stat(follow_symlinks=False).st_size
        except OSError:
            self.complete = False
        finally:
            os.close(descriptor)
