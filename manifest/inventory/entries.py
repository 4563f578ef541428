"""What a manifest says of one file, and the digest over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from manifest.inventory.paths import sort_key
from manifest.records import record

__all__ = ["FileEntry", "tree_digest"]


@record(frozen=True, slots=True)
class FileEntry:
    """One file of a release.

    Attributes:
        path: Relative to its root, ``/``-separated.
        size: In bytes.
        sha256: SHA-256 of the content, 64 lower-case hex digits.
        blake3: BLAKE3 of the content, 64 lower-case hex digits; empty when it is not recorded.
    """

    path: str
    size: int
    sha256: str
    blake3: str = ""


def tree_digest(entries: Iterable[FileEntry]) -> str:
    """SHA-256 over path, size and content digest of every file, in hex (spec/manifest.md).

    For each entry, sorted by the UTF-8 bytes of its path: the path, NUL, the size in decimal, NUL,
    the SHA-256 in hex, LF. Paths hold no NUL and no LF, so two different trees never give the
    same input. `jq` and `sha256sum` can compute it again.
    """
    digest = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: sort_key(entry.path)):
        digest.update(f"{entry.path}\0{entry.size}\0{entry.sha256}\n".encode())
    return digest.hexdigest()
