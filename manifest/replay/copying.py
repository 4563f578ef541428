"""Verified copies: what the sandbox is given was hashed while it was copied, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from manifest.display import printable
from manifest.document.inventories import look_inside
from manifest.document.manifest_file import Manifest, ManifestFile
from manifest.errors import BytesDifferError, UndecidedError, UsageError
from manifest.inventory import Algorithm, Progress, Tree, walk
from manifest.inventory.digests import Digest, make_digest
from manifest.inventory.opening import Opener, Root, change_of, problem_of
from manifest.inventory.tree import FileStat

__all__ = ["Release", "copy_verified"]

_BUFFER = 1024 * 1024


class Release:
    """Where a release's files lie: its directory and the named roots that the user gave.

    Args:
        directory: The release directory.
        roots: Where named roots lie, by name.
        manifest: The manifest that was verified.
    """

    def __init__(
        self, directory: Path, roots: Mapping[str, os.PathLike[str]], manifest: Manifest
    ) -> None:
        self.places = {"": directory, **{name: Path(p) for name, p in roots.items()}}
        self.algorithms = tuple(map(Algorithm, manifest.digests))
        self._specs = tuple(i.spec for i in manifest.inventories)
        self._trees: dict[str, Tree] = {}

    def tree(self, root: str) -> Tree:
        """A root as walked, once.

        Raises:
            UsageError: The user did not say where it lies.
            UndecidedError: It cannot be read.
        """
        if root not in self._trees:
            if root not in self.places:
                raise UsageError(
                    f"the root {printable(root)} is needed, and nothing says where it lies",
                    remedy=f"give it with --root-dir {printable(root)}=DIR",
                )
            self._trees[root] = walk(self.places[root], enter=look_inside(self._specs, root))
        return self._trees[root]


def copy_verified(
    release: Release,
    files: Iterable[ManifestFile],
    target: Path,
    *,
    progress: Progress | None = None,
) -> int:
    """Copy files of a release into ``target``, each to the place that `place_of` gives.

    Returns:
        How many bytes were copied.

    Raises:
        BytesDifferError: One is not there, or is not what the manifest lists.
        UndecidedError: One cannot be read, or changed while it was.
        UsageError: A named root is needed that was not given.
    """
    total = 0
    by_root: dict[str, list[ManifestFile]] = {}
    for file in files:
        by_root.setdefault(file.root, []).append(file)
    for root, members in by_root.items():
        tree = release.tree(root)
        with Opener(Root.of(tree)) as opener:
            for file in sorted(members, key=lambda f: f.path):
                found = tree.find(file.path)
                if found is None or found.size != file.size:
                    what = "is not there" if found is None else f"has {found.size:,} bytes"
                    raise _differs(file, f"{what}; the manifest lists {file.size:,} bytes")
                digests = {each: make_digest(each) for each in release.algorithms}
                _copy(opener, found, file, target / place_of(file), digests, progress)
                total += file.size
    return total


def place_of(file: ManifestFile) -> str:
    """Where a file lies in the copy: in ``release/``, or in ``roots/NAME/``."""
    return f"roots/{file.root}/{file.path}" if file.root else f"release/{file.path}"


def _copy(
    opener: Opener,
    found: FileStat,
    file: ManifestFile,
    target: Path,
    digests: Mapping[Algorithm, Digest],
    progress: Progress | None,
) -> None:
    """Copy a file, all of whose digests must be those listed: none may bind other bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    try:
        descriptor = opener.open(found)
        try:
            with target.open("xb") as copy:
                while data := os.read(descriptor, _BUFFER):
                    size += len(data)
                    if size > file.size:
                        break
                    for digest in digests.values():
                        digest.update(memoryview(data))
                    copy.write(data)
                    if progress is not None:
                        progress(len(data), 0)
            changed = change_of(found, os.fstat(descriptor))
        finally:
            os.close(descriptor)
    except OSError as error:
        problem = problem_of(error)
        raise UndecidedError(
            f"{printable(file.full_path)} cannot be copied: {problem.detail}",
            remedy=problem.remedy,
        ) from None
    if changed is not None:
        raise UndecidedError(
            f"{printable(file.full_path)} cannot be copied: {changed.detail}",
            remedy=changed.remedy,
        )
    wrong = [a for a, d in digests.items() if d.hexdigest() != getattr(file, a.value)]
    if size != file.size or wrong:
        names = " and ".join(each.value for each in wrong) or "size"
        raise _differs(file, f"has another {names} than the manifest lists")


def _differs(file: ManifestFile, what: str) -> BytesDifferError:
    return BytesDifferError(
        f"{printable(file.full_path)} {what}: nothing was run",
        remedy="`manifest verify` says what else differs",
    )
