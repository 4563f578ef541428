"""Where a release is read from: a directory or a hub, and what describes it there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from manifest.display import printable
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.description import parse_description
from manifest.document.inventories import InventorySpec
from manifest.document.manifest_file import FILE_NAME as MANIFEST_NAME
from manifest.document.manifest_file import MAX_BYTES as MAX_MANIFEST
from manifest.document.manifest_file import Manifest, parse_manifest
from manifest.document.yaml_text import MAX_BYTES
from manifest.errors import UndecidedError, UsageError
from manifest.inventory import OWN_FILES, walk
from manifest.lineage import Lineage
from manifest.lint.evidence import Files
from manifest.lint.listing import Listing, listing_of, read_listing
from manifest.lint.owned import Census, look_at, specs_of, with_owned
from manifest.lint.pins import Resolver
from manifest.lint.release import (
    Origin,
    Release,
    VerificationStatus,
    VerificationSummary,
    release_of,
)
from manifest.sources import Source, SourceFile
from manifest.sources.hub import HubSource
from manifest.sources.targets import HubTarget, parse_target

__all__ = ["load_release"]

_SIGNATURES = ("model.sig", "signatures")


def load_release(
    target: str | Path | HubSource,
    *,
    accept_pinned: bool = False,
    verification: VerificationSummary | None = None,
    resolve: Resolver | None = None,
    lineage: Lineage | None = None,
) -> Release:
    """Read a release: a directory, or a repository of a hub by its name.

    Its ``release.yaml`` describes it; else the description in its ``manifest.json``; else what
    ``manifest init`` would draft, as a third party's words. Weights are read by their headers.

    Args:
        target: The directory; or ``hf:OWNER/NAME[@REVISION]``, as text or opened.
        accept_pinned: Whether references that are pinned and were not resolved count.
        verification: What verification said; without it, whether there is a signature at all.
        resolve: Looks pinned references up, as `manifest.sources.pins.resolver` does; when None
            they are not.
        lineage: The models that it was made from, as `manifest.lineage.trace` found them.

    Raises:
        UsageError: There is no such directory.
        DocumentError: ``release.yaml`` or ``manifest.json`` is not valid.
        UndecidedError: The release or one of the two cannot be read.
    """
    named = parse_target(target) if isinstance(target, str) else target
    opened = HubSource(named) if isinstance(named, HubTarget) else named
    source: Source
    owned: dict[str, Census] = {}
    if isinstance(opened, HubSource):
        source, beside = opened, frozenset(path.partition("/")[0] for path in opened.beside)
    else:
        source, beside, owned = _directory(opened)
    files: Mapping[str, Files] | None = None
    has_manifest = MANIFEST_NAME in beside
    listing: Listing | None = None

    def manifest_bytes() -> bytes:
        if isinstance(opened, HubSource):
            return opened.read(MANIFEST_NAME, length=MAX_MANIFEST)
        return _read(opened / MANIFEST_NAME)

    if any(f.path == DESCRIPTION_NAME for f in source.files):
        data = source.read(DESCRIPTION_NAME, length=MAX_BYTES + 1)
        description, origin = parse_description(data), Origin.DESCRIBED
        listing = read_listing(manifest_bytes) if has_manifest else None
    elif has_manifest:
        manifest = parse_manifest(manifest_bytes())
        description, origin = manifest.description(), Origin.RESOLVED
        files, listing = _listed(manifest, source), listing_of(manifest)
        specs = {c.id: c.inventory for c in description.components}
        files = {id_: with_owned(f, specs[id_], source, owned) for id_, f in files.items()}
    else:
        from manifest.draft import draft_description

        description, origin = draft_description(source), Origin.DRAFTED
    if verification is None:
        signed = not beside.isdisjoint(_SIGNATURES)
        status = VerificationStatus.NOT_CHECKED if signed else VerificationStatus.NONE
        verification = VerificationSummary(status)
    return release_of(
        description,
        source,
        origin=origin,
        verification=verification,
        has_manifest=has_manifest,
        accept_pinned=accept_pinned,
        files=files,
        resolve=resolve,
        listing=listing,
        owned=owned,
        lineage=lineage,
    )


def _directory(directory: Path) -> tuple[Source, frozenset[str], dict[str, Census]]:
    """A directory, which of the toolkit's own files lie in it, and what inventories own in it."""
    from manifest.sources.directory import DirectorySource

    if not directory.is_dir():
        raise UsageError(
            f"{printable(str(directory))} is not a directory", remedy="give a release's directory"
        )
    beside = {name for name in _SIGNATURES if (directory / name).exists()}
    manifest_file = directory / MANIFEST_NAME
    if manifest_file.is_file() and not manifest_file.is_symlink():
        beside.add(MANIFEST_NAME)
    tree, owned = look_at(directory, _specs(directory, MANIFEST_NAME in beside))
    return DirectorySource.of(tree), frozenset(beside), owned


def _specs(directory: Path, has_manifest: bool) -> tuple[InventorySpec, ...]:  # noqa: FBT001 - private
    """The inventories of a release, which must be known before it is walked."""
    from manifest.sources.directory import DirectorySource

    top = DirectorySource.of(walk(directory, leave_out=OWN_FILES, enter=lambda _: False))
    if any(f.path == DESCRIPTION_NAME for f in top.files):
        data = top.read(DESCRIPTION_NAME, length=MAX_BYTES + 1)
        # Most descriptions have none, and to parse one twice takes time.
        return specs_of(parse_description(data)) if b"inventory" in data else ()
    data = _read(directory / MANIFEST_NAME) if has_manifest else b""
    return specs_of(parse_manifest(data).description()) if b'"inventory"' in data else ()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MANIFEST + 1)  # one more than is read: refused as too large
    except OSError as error:
        raise UndecidedError(
            f"{printable(str(path))} cannot be read: {error.strerror or error}"
        ) from error


def _listed(manifest: Manifest, source: Source) -> Mapping[str, Files]:
    """The files that a manifest assigns; those that are not there are missing, not unmatched."""
    sizes = {f.path: f for f in source.files}
    here: dict[str, list[SourceFile]] = {c.id: [] for c in manifest.components}
    elsewhere = dict.fromkeys(here, 0)
    gone: dict[str, list[str]] = {c.id: [] for c in manifest.components}
    for file in manifest.files:
        for id_ in file.components:
            if file.root:
                elsewhere[id_] += 1
            elif file.path in sizes:
                here[id_].append(sizes[file.path])
            else:
                gone[id_].append(file.path)
    return {
        id_: Files(tuple(found), elsewhere[id_], tuple(gone[id_])) for id_, found in here.items()
    }
