"""Files of a release that say something of others, read only as the manifest lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from manifest.display import printable
from manifest.document.assignment import split_root
from manifest.document.manifest_file import Manifest
from manifest.errors import UndecidedError
from manifest.inventory import Tree, read_file

__all__ = ["bound_reader", "bound_roots"]

_MAX_BYTES = 16 * 1024 * 1024


def bound_roots(manifest: Manifest) -> frozenset[str]:
    """The named roots in which the indexes and lists of checkpoints lie."""
    fields = manifest.release.get("checkpoints", {})
    named = (fields[k] for k in ("index", "names", "chunks") if k in fields)
    return frozenset(split_root(n, manifest.release.get("roots", {}))[0] for n in named) - {""}


def bound_reader(manifest: Manifest, trees: Mapping[str, Tree]) -> Callable[[str], bytes]:
    """Reads files by ``path`` or ``root:path``, and answers only with the bytes that are listed.

    Args:
        manifest: Lists the files, each with its SHA-256.
        trees: The roots that are there, walked; the release directory's is ``""``.

    Returns:
        A function that raises UndecidedError where a file is not there, is too large to be an
        index, or is not the one that the manifest lists.
    """
    digests = {file.full_path: file.sha256 for file in manifest.files}
    roots = manifest.release.get("roots", {})

    def read(full_path: str) -> bytes:
        root, path = split_root(full_path, roots)
        shown = printable(full_path)
        if root not in trees:
            raise UndecidedError(
                f"{shown} lies in the root {root}, which was not given",
                remedy=f"--root-dir {root}=DIR",
            )
        if full_path not in digests or trees[root].find(path) is None:
            raise UndecidedError(f"{shown} is not there")
        data = read_file(trees[root], path, max_bytes=_MAX_BYTES)
        if hashlib.sha256(data).hexdigest() != digests[full_path]:
            raise UndecidedError(
                f"{shown} is not the file that the manifest lists",
                remedy="`manifest verify` says what changed",
            )
        return data

    return read
