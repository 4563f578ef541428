"""What a manifest lists, beside the files that are there: without hashing any of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from manifest.document.inventories import is_owned, owned_directories
from manifest.document.manifest_file import Manifest, parse_manifest
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content.sampling import pointer_size
from manifest.sources import Source, SourceFile

__all__ = ["Listing", "Staleness", "listing_of", "read_listing", "staleness"]


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """What the ``manifest.json`` beside the files says of those of the release directory.

    Attributes:
        sizes: Bytes by path.
        digests: SHA-256 by path.
        problem: Why it could not be read; then it lists nothing.
        owned: Directories whose files an inventory lists, and not the manifest.
    """

    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    problem: str = ""
    owned: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Staleness:
    """Files whose size is not the listed one, that are gone, and that are not listed; sorted."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()


def listing_of(manifest: Manifest) -> Listing:
    """The files of the release directory that a manifest lists."""
    here = [f for f in manifest.files if not f.root]
    return Listing(
        {f.path: f.size for f in here},
        {f.path: f.sha256 for f in here},
        owned=owned_directories(bound.spec for bound in manifest.inventories),
    )


def read_listing(read: Callable[[], bytes]) -> Listing:
    """The listing of a manifest's bytes; one that is no manifest has a problem instead."""
    try:
        return listing_of(parse_manifest(read()))
    except (DocumentError, UndecidedError) as error:
        return Listing(problem=error.message.splitlines()[0])


def staleness(listing: Listing, source: Source) -> Staleness:
    """How the files that are there differ from the listed ones, by path and size alone.

    A large-file pointer stands for a file that was not fetched: it is no change.
    """
    here = {f.path: f for f in source.files}
    return Staleness(
        tuple(
            path
            for path, size in listing.sizes.items()
            if path in here and here[path].size != size and not _is_pointer(source, here[path])
        ),
        tuple(path for path in listing.sizes if path not in here),
        tuple(
            path for path in here if path not in listing.sizes and not is_owned(path, listing.owned)
        ),
    )


def _is_pointer(source: Source, file: SourceFile) -> bool:
    try:
        return bool(pointer_size(source, file))
    except UndecidedError:
        return False
