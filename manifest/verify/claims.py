"""Whether the checkpoints that a manifest lists are those that its release comes to."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from manifest.display import printable
from manifest.document.manifest_file import Manifest
from manifest.errors import DocumentError, UndecidedError
from manifest.inventory import Tree
from manifest.inventory.walk import walk_place
from manifest.verify.request import Request

__all__ = ["checkpoint_claims"]


def checkpoint_claims(
    manifest: Manifest, tree: Tree, request: Request, *, told: Collection[str] | None
) -> tuple[str, ...]:
    """What a manifest says of checkpoints, and its description and indexes do not.

    Indexes that are not there, or not as the manifest lists them, leave the question open: that
    they are missing or changed is told by the comparison of bytes.

    Args:
        manifest: The manifest.
        tree: The release directory, walked.
        request: Where its roots lie.
        told: Files that differ, or about which there is no answer; None where not all were
            compared.
    """
    if not manifest.checkpoints:
        return ()
    from manifest.build.bound import bound_reader, bound_roots
    from manifest.build.checkpoints import derive_checkpoints

    given = request.roots
    wanted = bound_roots(manifest)
    trees = {name: walk_place(given[name]) for name in wanted if name in given}
    try:
        derived = derive_checkpoints(manifest, bound_reader(manifest, {**trees, "": tree}))
    except UndecidedError as error:
        others = _other_entries(manifest)
        fields = manifest.release["checkpoints"]
        lists = {fields[name] for name in ("index", "names", "chunks") if name in fields}
        # Indexes that are as signed, and nobody can say what they list.
        if told is not None and wanted <= trees.keys() and lists.isdisjoint(told):
            return (*others, f"the checkpoints of the manifest cannot be derived: {error.message}")
        return others
    except DocumentError as error:
        return (f"the release does not give the checkpoints of its manifest: {error.message}",)
    if derived == manifest.checkpoints:
        return ()
    pairs = zip(derived, manifest.checkpoints, strict=False)
    first = next((b.name for a, b in pairs if a != b), "")
    where = f", first in {printable(first)}" if first else ""
    return (f"the release gives other checkpoints than its manifest lists{where}",)


def _other_entries(manifest: Manifest) -> tuple[str, ...]:
    """What the description says one by one of checkpoints, which needs no index to be compared."""
    from manifest.build.checkpoints import derive_checkpoints

    fields = manifest.release["checkpoints"]
    try:
        derived = derive_checkpoints(manifest, None)
    except DocumentError as error:
        return (f"the release does not give the checkpoints of its manifest: {error.message}",)
    said = {e["name"]: "data" in e for e in fields.get("entries", ())}
    listed = {one.name: one for one in manifest.checkpoints}
    for one in derived:
        found = listed.get(one.name)
        if one.name not in said:
            continue
        if found is not None and not said[one.name]:
            found = dataclasses.replace(found, data=one.data)  # from the chunk index
        if found != one:
            shown = printable(one.name)
            return (
                f"the release gives other checkpoints than its manifest lists, first in {shown}",
            )
    return ()
