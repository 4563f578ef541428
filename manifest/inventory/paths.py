"""Paths inside a release: which are accepted, which collide, and which a pattern names.

A path is relative to its root, written with ``/``, and compared byte by byte as UTF-8. Paths
come from documents and signatures that strangers wrote, so they are checked before any of them
reaches the file system.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from manifest.display import printable
from manifest.errors import DocumentError, ManifestError

__all__ = [
    "MAX_COMPONENT_BYTES",
    "MAX_PATH_BYTES",
    "check_path",
    "collisions",
    "path_problem",
    "sort_key",
]

MAX_PATH_BYTES = 4096
"""The longest path accepted: PATH_MAX of Linux."""
MAX_COMPONENT_BYTES = 255
"""The longest name of a file or directory accepted: NAME_MAX of the common file systems."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DRIVE = re.compile("[A-Za-z]:")
# Most paths are of this form, and all of this form are sound: at most 31 components of at most
# 100 bytes, none of which begins with a dot. One match is four times as fast as all the questions.
_PLAIN = re.compile(r"[\w-][\w.-]{0,99}(?:/[\w-][\w.-]{0,99}){0,30}", re.ASCII)


def path_problem(path: str) -> str | None:
    """Why a release-relative path is refused, as words that follow "the path"; None when it is sound.

    Refused are the empty path, absolute paths, drive letters, backslashes (a separator on some
    systems), the components ``.``, ``..`` and nothing (so also a trailing slash), control
    characters, lone surrogates (names that are not UTF-8), and lengths beyond `MAX_PATH_BYTES`
    and `MAX_COMPONENT_BYTES`.
    """
    if _PLAIN.fullmatch(path):
        return None
    if not path:
        return "is empty"
    if len(path) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    if path[0] == "/":
        return "is absolute"
    if _DRIVE.match(path):
        return "begins with a drive letter"
    if "\\" in path:
        return "contains a backslash"
    if _CONTROL.search(path):
        return "contains a control character"
    if _SURROGATE.search(path):
        return "is not UTF-8"
    if len(path.encode()) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    if path[-1] == "/":
        return "ends in a slash"
    for component in path.split("/"):
        if not component:
            return "has an empty component"
        if component in {".", ".."}:
            return f'has the component "{component}"'
        if (
            len(component) > MAX_COMPONENT_BYTES // 4
            and len(component.encode()) > MAX_COMPONENT_BYTES
        ):
            return f"has a component longer than {MAX_COMPONENT_BYTES} bytes"
    return None


def check_path(path: str, *, where: str = "", error: type[ManifestError] = DocumentError) -> str:
    """Return a release-relative path when it is sound.

    Args:
        path: The path as a document or a signature gives it.
        where: The place that gives it, as ``manifest.json: files[3].path``; begins the message.
        error: The kind of error to raise.

    Raises:
        ManifestError: Of the given kind, when `path_problem` finds a reason to refuse it.
    """
    problem = path_problem(path)
    if problem is None:
        return path
    shown = printable(path if len(path) <= 120 else path[:120] + "...")
    raise error(
        f'{where + ": " if where else ""}the path "{shown}" {problem}',
        remedy="paths are relative to the release, use / and stay inside it",
    )


def sort_key(path: str) -> bytes:
    """The order of paths in every document: by their UTF-8 bytes.

    For text without surrogates this is the order of `str` itself, which is the order of code
    points, so code that sorts many paths may sort the text.
    """
    return path.encode("utf-8", "surrogatepass")


def _fold(component: str) -> str:
    """What case-insensitive, normalising file systems compare (Unicode 3.13, D145)."""
    if component.isascii():
        return component.lower()
    folded = unicodedata.normalize("NFD", component).casefold()
    return unicodedata.normalize("NFD", folded)


class _Names:
    """Every file and directory named by some paths, as a tree with one node per exact name.

    A node also knows the class of its path: the paths that one case-insensitive file system
    takes for the same. Trees of components keep the work linear in the length of the input.
    """

    def __init__(self) -> None:
        self.parent = [-1]
        self.name = [""]
        self.kind = [0]
        self._exact: dict[tuple[int, str], int] = {}
        self._folded: dict[tuple[int, str], int] = {}

    def add(self, parent: int, component: str) -> int:
        node = self._exact.get((parent, component))
        if node is None:
            node = self._exact[parent, component] = len(self.name)
            self.parent.append(parent)
            self.name.append(component)
            key = (self.kind[parent], _fold(component))
            self.kind.append(self._folded.setdefault(key, len(self._folded) + 1))
        return node

    def path(self, node: int) -> str:
        components = []
        while node > 0:
            components.append(self.name[node])
            node = self.parent[node]
        return "/".join(reversed(components))


def _may_collide(paths: frozenset[str]) -> bool:
    """Whether to look closely; ASCII names are counted, with and without their case."""
    if not all(map(str.isascii, paths)):
        return True
    names = set(paths)
    above: AbstractSet[str] = paths
    while above := {path.rpartition("/")[0] for path in above} - {""}:
        names |= above
    return len(set(map(str.lower, names))) < len(names)


def collisions(paths: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of names that differ only in letter case or Unicode form.

    Such names are one file on the file systems of macOS and Windows, so a release that holds
    both cannot be unpacked there. Directories collide too: ``A/x`` and ``a/y`` give the group
    ``("A", "a")``. Of groups inside one another only the outermost is given. The same path given
    twice is no collision.

    Args:
        paths: Paths of files, in any order.

    Returns:
        The groups and the names in each, sorted by UTF-8 bytes; empty when nothing collides.
    """
    paths = frozenset(paths)
    if not _may_collide(paths):
        return ()
    names = _Names()
    directories: dict[str, int] = {"": 0}
    for path in paths:
        directory, _, name = path.rpartition("/")
        node = directories.get(directory)
        if node is None:
            node = 0
            for component in directory.split("/"):
                node = names.add(node, component)
            directories[directory] = node
        names.add(node, name)
    if len(set(names.kind)) == len(names.kind):
        return ()
    members: dict[int, list[int]] = {}
    for node, kind in enumerate(names.kind):
        members.setdefault(kind, []).append(node)
    # A parent stands before its children in the list, so its own state is settled first.
    inside = [False] * len(names.kind)
    for node in range(1, len(inside)):
        above = names.parent[node]
        inside[node] = inside[above] or len(members[names.kind[above]]) > 1
    groups = (
        tuple(sorted((names.path(node) for node in nodes), key=sort_key))
        for nodes in members.values()
        if len(nodes) > 1 and not inside[nodes[0]]
    )
    return tuple(sorted(groups, key=lambda group: [sort_key(name) for name in group]))
