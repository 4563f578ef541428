"""Commitments to data where documents hold them: in a component, or in a file it names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from manifest.display import printable
from manifest.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from manifest.commitments import Commitment
    from manifest.document.manifest_file import Manifest

__all__ = ["commitment_problem", "commitments_of", "is_bound"]


def is_bound(fields: Mapping[str, Any]) -> bool:
    """Whether a component's fields hold a commitment, or name the file that does."""
    return "commitment" in fields or "commitment_file" in fields


def commitment_problem(fields: Mapping[str, Any], roots: Mapping[str, Any]) -> str:
    """What a schema cannot say against the commitment of a component; empty for nothing.

    Args:
        fields: The component's fields, valid under the schema.
        roots: The named roots of the description.
    """
    if not is_bound(fields):
        return ""
    if "commitment_file" in fields:
        if "commitment" in fields:
            return "has both `commitment` and `commitment_file`: give one"
        root, colon, _ = fields["commitment_file"].partition(":")
        if colon and root in roots:
            return "`commitment_file` lies in another root: it must lie in the release directory"
        return ""
    from manifest.commitments import commitment_from_plain

    try:
        commitment_from_plain(fields["commitment"], what="commitment")
    except DocumentError as error:
        return error.message
    return ""


def commitments_of(
    manifest: Manifest, read: Callable[[str], bytes], *, name: str = "manifest.json"
) -> dict[str, Commitment]:
    """The commitments that a manifest binds, by the id of their component.

    Args:
        manifest: The manifest.
        read: Gives the content of a file of the release directory, by its path.
        name: What to call the manifest in messages.

    Raises:
        DocumentError: One is not valid, or its file is not what the manifest says.
        UsageError, UndecidedError: As ``read``.
    """
    from manifest.commitments import commitment_from_plain, parse_commitment

    found: dict[str, Commitment] = {}
    for component in manifest.components:
        place = f"{name}: components.{component.id}"
        if "commitment" in component.fields:
            found[component.id] = commitment_from_plain(
                component.fields["commitment"], what=f"{place}.commitment"
            )
        elif "commitment_file" in component.fields:
            path = component.fields["commitment_file"]
            data = _listed(manifest, path, read, place)
            found[component.id] = parse_commitment(data, what=printable(path))
    return found


def _listed(manifest: Manifest, path: str, read: Callable[[str], bytes], place: str) -> bytes:
    """A file's content, when it is the one that the manifest lists."""
    shown = printable(path)
    entry = next((f for f in manifest.files if f.path == path and not f.root), None)
    if entry is None:
        raise DocumentError(
            f"{place}.commitment_file: {shown} is no file of the release directory",
            remedy="ask the publisher for a manifest that lists it",
        )
    try:
        data = read(path)
    except UsageError as error:
        raise UsageError(
            error.message, remedy="fetch it with the release, or name it with --commitment"
        ) from None
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise DocumentError(
            f"{shown} is not the file that the manifest lists: its SHA-256 differs",
            remedy="fetch the release again",
        )
    return data
