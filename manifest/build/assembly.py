"""The manifest that follows from a description and a list of files (spec/manifest.md).

A pure function; which file belongs to which component says `manifest.document.assignment`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from manifest.document.assignment import Key, assign
from manifest.document.description import Description
from manifest.document.manifest_file import Manifest, ManifestFile, resolve
from manifest.inventory.lines import Binding

__all__ = ["assemble"]


def assemble(
    description: Description,
    entries: Sequence[ManifestFile],
    *,
    digests: tuple[str, ...] = ("sha256",),
    components: Mapping[Key, tuple[str, ...]] | None = None,
    bindings: Mapping[str, Binding] | None = None,
) -> Manifest:
    """The manifest of a description and of files whose digests are known.

    Args:
        description: The description.
        entries: Every file; what they say of components is not read.
        digests: Names of the digests that every file carries.
        components: What `assign` said of these very files, when it was asked before.
        bindings: What binds the inventories of components, by the components' ids.

    Raises:
        DocumentError: The description does not fit the files; see `assign`.
    """
    if components is None:
        paths: dict[str, list[str]] = {"": []}
        for entry in entries:
            paths.setdefault(entry.root, []).append(entry.path)
        components = assign(description, paths)
    make = tuple.__new__  # `_replace` costs as much as the digest of a small file
    files = [
        make(ManifestFile, (*entry[:-1], components[entry.root, entry.path])) for entry in entries
    ]
    return resolve(description, files, digests=digests, bindings=bindings)
