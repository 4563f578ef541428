"""A release that may be somebody's parent: what it is called, and what could prove that it is it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from manifest.build.measured_weights import measured_weights
from manifest.build.tree import read_regular
from manifest.display import printable
from manifest.document.components import ContentType
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.description import Description, parse_description
from manifest.document.manifest_file import FILE_NAME, MAX_BYTES, Manifest, parse_manifest
from manifest.document.yaml_text import MAX_BYTES as MAX_DESCRIPTION
from manifest.draft import draft_description
from manifest.errors import DocumentError, UndecidedError, UsageError
from manifest.inventory import OWN_FILES, walk
from manifest.sources import Source
from manifest.sources.directory import DirectorySource
from manifest.sources.hub import HubSource
from manifest.sources.targets import HubTarget

__all__ = ["DRAFTED", "KnownRelease", "open_release"]

DRAFTED = "drafted"
"""Nobody described the release: it is what ``manifest init`` would draft from what lies there."""
_WEIGHTS = "model-parameters-final"


class KnownRelease:
    """A release that was opened; its weights are hashed only when somebody asks for them.

    Args:
        place: Where it lies, as the user would write it.
        description: What is said of it.
        origin: Where that stands: ``release.yaml``, ``manifest.json``, or `DRAFTED`.
        manifest: Its manifest; None when it has none.
        data: The bytes of that.
        directory: Where its files lie; None on a hub.
        repository: OWNER/NAME on a hub; empty when it is not known to be from one.
        revision: The commit there.
    """

    def __init__(
        self,
        place: str,
        description: Description,
        origin: str,
        manifest: Manifest | None,
        *,
        data: bytes | None,
        directory: Path | None = None,
        repository: str = "",
        revision: str = "",
    ) -> None:
        self.place = place
        self.description = description
        self.origin = origin
        self.manifest = manifest
        self.manifest_sha256 = "" if data is None else hashlib.sha256(data).hexdigest()
        self.directory = directory
        self.repository = repository
        self.revision = revision
        self._measured: dict[frozenset[str] | None, frozenset[str]] = {}

    @property
    def names(self) -> frozenset[str]:
        """What it is called, in lower case: as its description and as its repository."""
        return frozenset(
            name.casefold() for name in (self.description.name, self.repository) if name
        )

    @property
    def license(self) -> str:
        """The license of its weights, as written; empty when none is given."""
        found = [
            self.description.license_of(component)
            for component in self.description.of_kind(_WEIGHTS)
        ]
        whole = self.description.licenses.get(ContentType.DATA, "") or self.description.license
        parts = list(dict.fromkeys(filter(None, found))) or [whole]
        return parts[0] if len(parts) == 1 else " AND ".join(f"({part})" for part in parts)

    @property
    def license_name(self) -> str:
        """What it calls a license that is written as ``other``; empty when nothing."""
        return str(self.description.fields.get("license_name", ""))

    def has_weights(self, digest: str) -> bool:
        """Whether some model in it has this weights digest, hashed here.

        A manifest that does not list the digest is believed; one that does is not.

        Raises:
            DocumentError, UndecidedError: As `measured_weights`.
        """
        if self.directory is None:
            return False
        only: frozenset[str] | None = None
        if self.manifest is not None and self.manifest.weights:
            sets = [s for s in self.manifest.weights if s.weights_digest == digest]
            if not sets:
                return False
            if any(f.root for f in sets[0].files):
                raise UndecidedError(
                    f"the weights of {printable(self.manifest.name)} lie in a named root, and "
                    "are not measured there"
                )
            only = frozenset(f.path for f in sets[0].files if not f.root)
        if only not in self._measured:
            found = measured_weights(self.directory, only=only)
            self._measured[only] = frozenset(s.weights_digest for s in found)
        return digest in self._measured[only]


def open_release(target: Path | HubTarget, *, offline: bool, as_parent: bool) -> KnownRelease:
    """Open a release.

    Args:
        target: A directory, or a repository of a hub.
        offline: Whether to refuse the network.
        as_parent: Whether its ``manifest.json`` comes before its ``release.yaml``: others name a
            release by its manifest, and what that does not say is not bound by the name.

    Raises:
        UsageError: There is no such directory.
        DocumentError: Its description or its manifest is not valid.
        UndecidedError: It cannot be read, or the network is not to be used.
    """
    if isinstance(target, HubTarget):
        hub = HubSource(target, offline=offline)
        try:
            data = hub.read(FILE_NAME, length=MAX_BYTES) if FILE_NAME in hub.beside else None
            shown = HubTarget(hub.name, hub.revision)
            return KnownRelease(
                str(shown),
                *_described(hub, data, as_parent=as_parent),
                data=data,
                repository=hub.name,
                revision=hub.revision,
            )
        finally:
            hub.close()
    if not target.is_dir():
        raise UsageError(
            f"{printable(str(target))} is not a directory", remedy="give a release's directory"
        )
    top = DirectorySource.of(walk(target, leave_out=OWN_FILES, enter=lambda _: False))
    data = _manifest_bytes(target / FILE_NAME, is_snapshot=top.tree.is_snapshot)
    has_words = data is not None or any(f.path == DESCRIPTION_NAME for f in top.files)
    source = top if has_words else DirectorySource(target)
    return KnownRelease(
        str(target),
        *_described(source, data, as_parent=as_parent),
        data=data,
        directory=target,
        repository=top.name if top.revision else "",
        revision=top.revision,
    )


def _manifest_bytes(file: Path, *, is_snapshot: bool) -> bytes | None:
    if not os.path.lexists(file):
        return None
    if file.is_symlink() and not is_snapshot:
        raise DocumentError(
            f"{printable(str(file))} is a link", remedy="put the file itself in its place"
        )
    return read_regular(file, max_bytes=MAX_BYTES)


def _described(
    source: Source, data: bytes | None, *, as_parent: bool
) -> tuple[Description, str, Manifest | None]:
    """What describes a release, where that stands, and its manifest."""
    manifest = None if data is None else parse_manifest(data)
    if manifest is not None and as_parent:
        return manifest.description(), FILE_NAME, manifest
    if any(f.path == DESCRIPTION_NAME for f in source.files):
        text = source.read(DESCRIPTION_NAME, length=MAX_DESCRIPTION + 1)
        return parse_description(text), DESCRIPTION_NAME, manifest
    if manifest is not None:
        return manifest.description(), FILE_NAME, manifest
    return draft_description(source), DRAFTED, None
