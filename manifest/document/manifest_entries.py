"""The files of a manifest: what it says of each, and the digest over all (spec/manifest.md).

There may be millions, so entries are tuples, and they are read by a parser of their own; a
property test holds it to the answers of the schema.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.inventory import path_problem
from manifest.inventory.collector import collector_paused

__all__ = [
    "ManifestFile",
    "file_sort_key",
    "files_digest",
    "is_identifier",
    "ordered_digest",
    "parse_file",
    "parse_files",
]

_HEX64 = re.compile(r"[0-9a-f]{64}").fullmatch
_IDENTIFIER = re.compile(r"[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?")
_SOURCES = frozenset({"measured", "hub-reported", "publisher-listed"})
_FILE_FIELDS = frozenset({"root", "path", "size", "sha256", "blake3", "source", "components"})
_PLAIN_FIELDS = frozenset({"path", "size", "sha256", "blake3", "components"})
_NO_IDS: list[str] = []
_MAX_SIZE = 2**63 - 1
_BATCH = 4096  # lines hashed at once
_make_file = tuple.__new__


class ManifestFile(NamedTuple):
    """One file of the release. A tuple: a release may have millions.

    Attributes:
        path: Relative to its root, ``/`` between its parts.
        size: Bytes.
        sha256: Lower-case hexadecimal.
        blake3: The same; empty when the manifest holds none.
        root: The named root it lies in; empty for the release directory.
        source: Where the digests come from: ``measured``, ``hub-reported``, ``publisher-listed``.
        components: Ids of the components it belongs to, sorted; empty for none.
    """

    path: str
    size: int
    sha256: str
    blake3: str = ""
    root: str = ""
    source: str = "measured"
    components: tuple[str, ...] = ()

    @property
    def full_path(self) -> str:
        """``path``, or ``root:path`` in a named root."""
        return f"{self.root}:{self.path}" if self.root else self.path


file_sort_key: Callable[[ManifestFile], tuple[str, str]] = operator.itemgetter(
    *map(ManifestFile._fields.index, ("root", "path"))
)
"""Order of files in a manifest: root, then path, each by UTF-8 bytes.

Python orders text by code points, and UTF-8 keeps that order.
"""


def files_digest(files: Iterable[ManifestFile]) -> str:
    """The root digest over files of a manifest (spec/manifest.md, "Root digest").

    As `tree_digest`, in the order of the manifest; before the path of a file in a named root stand
    the root and a NUL, so that no path of the release directory looks like one of a root.
    """
    return ordered_digest(sorted(files, key=file_sort_key))


def ordered_digest(ordered: Sequence[ManifestFile]) -> str:
    """As `files_digest`, of files that are in the order of the manifest already."""
    digest = hashlib.sha256()
    for start in range(0, len(ordered), _BATCH):
        lines = [
            f"{f.root}\0{f.path}\0{f.size}\0{f.sha256}\n"
            if f.root
            else f"{f.path}\0{f.size}\0{f.sha256}\n"
            for f in ordered[start : start + _BATCH]
        ]
        digest.update("".join(lines).encode())
    return digest.hexdigest()


@collector_paused()
def parse_files(entries: Sequence[Any], name: str) -> tuple[ManifestFile, ...]:
    """The entries of ``files``; see `parse_file`.

    Raises:
        DocumentError: One is not an entry; the message names its place.
    """
    return tuple(parse_file(entry, index, name) for index, entry in enumerate(entries))


def parse_file(plain: Any, index: int, name: str) -> ManifestFile:
    """One entry of ``files``, judged as ``manifest.schema.json`` judges it, in microseconds.

    Args:
        plain: The entry, as strictly read JSON.
        index: Its place in the list.
        name: What to call the manifest in messages.

    Raises:
        DocumentError: It is not an entry; the message names its place.
    """
    if type(plain) is dict and plain.keys() <= _PLAIN_FIELDS:
        # Nearly every entry is one of these: five looks instead of twenty.
        path, size, sha256 = plain.get("path"), plain.get("size"), plain.get("sha256")
        blake3, ids = plain.get("blake3"), plain.get("components", _NO_IDS)
        if (
            type(path) is str
            and type(size) is int
            and type(sha256) is str
            and 0 <= size <= _MAX_SIZE
            and _HEX64(sha256)
            and (type(blake3) is str and _HEX64(blake3) if "blake3" in plain else True)
            and path_problem(path) is None
            and (ids is _NO_IDS or _is_one_id(ids))
        ):
            return _make_file(
                ManifestFile, (path, size, sha256, blake3 or "", "", "measured", tuple(ids))
            )
    try:
        if type(plain) is not dict:
            raise TypeError("is not an object")
        if not _FILE_FIELDS.issuperset(plain):
            unknown = printable(min(set(plain) - _FILE_FIELDS))
            raise TypeError(f"unknown field `{unknown}`")
        path, size, sha256 = plain["path"], plain["size"], plain["sha256"]
        if type(path) is not str or (problem := path_problem(path)):
            raise TypeError(f"path: {problem if type(path) is str else 'is not text'}")
        if type(size) is not int or not 0 <= size <= _MAX_SIZE:
            raise TypeError("size: is not a number of bytes")
        blake3 = plain.get("blake3")
        for field, digest in (("sha256", sha256), ("blake3", blake3)):
            if digest is None and field not in plain:
                continue
            if type(digest) is not str or not _HEX64(digest):
                raise TypeError(f"{field}: is not 64 lower-case hexadecimal digits")
        root, source = plain.get("root", ""), plain.get("source", "measured")
        if type(root) is not str or ("root" in plain and not is_identifier(root)):
            raise TypeError("root: is not a name")
        if type(source) is not str or source not in _SOURCES:
            raise TypeError(f"source: is not one of {', '.join(sorted(_SOURCES))}")
        components = plain.get("components", ())
        if "components" in plain:
            _check_ids(components)
    except KeyError as error:
        raise DocumentError(f"{name}: files[{index}]: `{error.args[0]}` is missing") from None
    except TypeError as error:
        raise DocumentError(f"{name}: files[{index}]: {error}") from None
    return ManifestFile(path, size, sha256, blake3 or "", root, source, tuple(components))


def _is_one_id(ids: Any) -> bool:
    return type(ids) is list and len(ids) == 1 and type(ids[0]) is str and is_identifier(ids[0])


def _check_ids(ids: Any) -> None:
    if type(ids) is not list or not ids:
        raise TypeError("components: is not a list of component ids")
    for id_ in ids:
        if type(id_) is not str or not is_identifier(id_):
            raise TypeError("components: holds what is not a component id")
    if len(ids) > 1 and len(set(ids)) != len(ids):
        raise TypeError("components: holds an id twice")


@functools.lru_cache(maxsize=1024)
def is_identifier(text: str) -> bool:
    """Whether a text may name a component or a root."""
    return _IDENTIFIER.fullmatch(text) is not None
