"""Whether the checkpoints that a manifest lists are those that its release comes to."""

from __future__ import annotations

from manifest.display import printable
from manifest.document.manifest_file import Manifest
from manifest.errors import DocumentError, UndecidedError
from manifest.inventory import Tree, walk
from manifest.verify.request import Request

__all__ = ["checkpoint_claims"]


def checkpoint_claims(manifest: Manifest, tree: Tree, request: Request) -> tuple[str, ...]:
    """What a manifest says of checkpoints, and its description and indexes do not.

    Indexes that are not there, or not as the manifest lists them, leave the question open: that
    they are missing or changed is told by the comparison of bytes.
    """
    if not manifest.checkpoints:
        return ()
    from manifest.build.bound import bound_reader, bound_roots
    from manifest.build.checkpoints import derive_checkpoints

    given = request.roots
    trees = {name: walk(given[name]) for name in bound_roots(manifest) if name in given}
    try:
        derived = derive_checkpoints(manifest, bound_reader(manifest, {**trees, "": tree}))
    except UndecidedError:
        return ()
    except DocumentError as error:
        return (f"the release does not give the checkpoints of its manifest: {error.message}",)
    if derived == manifest.checkpoints:
        return ()
    pairs = zip(derived, manifest.checkpoints, strict=False)
    first = next((b.name for a, b in pairs if a != b), "")
    where = f", first in {printable(first)}" if first else ""
    return (f"the release gives other checkpoints than its manifest lists{where}",)
