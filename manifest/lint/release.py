"""A release as rules see it: description, files, evidence, and what verification said."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from manifest.display import printable
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.description import Description, parse_description
from manifest.document.manifest_file import FILE_NAME as MANIFEST_NAME
from manifest.document.manifest_file import MAX_BYTES as MAX_MANIFEST
from manifest.document.manifest_file import Manifest, parse_manifest
from manifest.document.references import Reference
from manifest.document.yaml_text import MAX_BYTES
from manifest.errors import UndecidedError, UsageError
from manifest.findings import Location
from manifest.inventory.globs import compile_glob
from manifest.licenses import RecognisedText, recognise
from manifest.licenses.texts import MAX_BYTES as MAX_LICENSE
from manifest.lint.evidence import ComponentEvidence, Files, State, examine
from manifest.lint.listing import Listing, listing_of, read_listing
from manifest.lint.pins import Resolver, look_up
from manifest.sources import Source, SourceFile
from manifest.sources.hub import HubSource
from manifest.sources.pins import Resolution
from manifest.sources.targets import HubTarget, parse_target

__all__ = [
    "Basis",
    "LicenseText",
    "Origin",
    "Release",
    "VerificationStatus",
    "VerificationSummary",
    "load_release",
    "release_of",
]

_SIGNATURES = ("model.sig", "signatures")
_LICENSE_NAME = re.compile(r"^(licen[cs]e|copying|unlicense)([-_.][^/]*)?$", re.IGNORECASE)
_MAX_LICENSE_TEXTS = 32


class Origin(enum.StrEnum):
    """Where the description comes from."""

    DESCRIBED = "release.yaml"
    RESOLVED = "manifest.json"
    DRAFTED = "drafted"
    """Nobody described the release: it is what ``manifest init`` would draft from the files."""


class Basis(enum.StrEnum):
    """What counts: evidence, or declarations alone."""

    EVIDENCE = "evidence"
    DECLARATIONS = "declarations"


class VerificationStatus(enum.StrEnum):
    """What is known of the release's signature."""

    NONE = "none"
    NOT_CHECKED = "not-checked"
    TRUSTED = "trusted"
    INTEGRITY_ONLY = "integrity-only"
    REFUSED = "refused"


@dataclasses.dataclass(frozen=True, slots=True)
class VerificationSummary:
    """What verification said, as a value: who signed, or why it was refused."""

    status: VerificationStatus
    signer: str = ""
    detail: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class LicenseText:
    """A license file and what it was recognised as."""

    path: str
    text: RecognisedText


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """A release to be judged.

    Attributes:
        description: What is said of it.
        source: Its files.
        origin: Where the description comes from.
        components: What there is of each component, in the description's order.
        verification: What is known of its signature.
        has_manifest: Whether a manifest.json lies beside the files.
        basis: Whether evidence counts or declarations do.
        accept_pinned: Whether references that are pinned and were not resolved count.
        paths: Every file's path.
        license_texts: License files and what each was recognised as.
        today: The day on which exceptions are over or not.
        revision: The commit that was read; empty for a directory.
        resolutions: What became of pinned references that were looked up.
        listing: What the manifest.json beside the files lists; None where there is none.
    """

    description: Description
    source: Source
    origin: Origin
    components: tuple[ComponentEvidence, ...]
    verification: VerificationSummary
    has_manifest: bool = False
    basis: Basis = Basis.EVIDENCE
    accept_pinned: bool = False
    paths: frozenset[str] = frozenset()
    license_texts: tuple[LicenseText, ...] = ()
    today: dt.date = dt.date.max
    revision: str = ""
    resolutions: Mapping[Reference, Resolution] = dataclasses.field(default_factory=dict)
    listing: Listing | None = None

    def of_kind(self, kind: str) -> tuple[ComponentEvidence, ...]:
        """The components of a kind, the best evidenced first."""
        found = [c for c in self.components if c.kind == kind]
        return tuple(sorted(found, key=lambda c: c.state.rank))

    def counts(self, component: ComponentEvidence) -> bool:
        """Whether a component counts as there."""
        if self.basis is Basis.DECLARATIONS:
            return component.declared
        return component.state is State.EVIDENCED or (
            self.accept_pinned and component.state is State.PINNED
        )

    def holds(self, kind: str) -> bool:
        """Whether some component of a kind counts as there."""
        return any(self.counts(c) for c in self.components if c.kind == kind)

    def present(self, *kinds: str) -> Iterator[ComponentEvidence]:
        """The components that count; of the kinds given, or of all."""
        for component in self.components:
            if (not kinds or component.kind in kinds) and self.counts(component):
                yield component

    def location(self, pointer: str = "", path: str = "") -> Location | None:
        """The place of a field of the description, or a file; None when there is neither."""
        if path:
            return Location(path)
        if self.origin is Origin.DRAFTED or not pointer:
            return None
        document = self.description.source
        line, column = (document.position(pointer) if document else None) or (None, None)
        return Location(str(self.origin), line, column, pointer)

    def declared(self) -> Release:
        """The same release, judged by declarations alone."""
        return dataclasses.replace(self, basis=Basis.DECLARATIONS)


def release_of(
    description: Description,
    source: Source,
    *,
    origin: Origin = Origin.DESCRIBED,
    verification: VerificationSummary | None = None,
    has_manifest: bool = False,
    accept_pinned: bool = False,
    files: Mapping[str, Files] | None = None,
    resolve: Resolver | None = None,
    listing: Listing | None = None,
) -> Release:
    """A release from its parts; every component's files are matched and tested here.

    Args:
        description: What is said of it.
        source: Its files.
        origin: Where the description comes from.
        verification: What verification said.
        has_manifest: Whether a manifest.json lies beside the files.
        accept_pinned: Whether references that are pinned and were not resolved count.
        files: The files of each component; matched by the description's patterns when None.
        resolve: Looks pinned references up; when None they are not.
        listing: What the manifest.json beside the files lists.

    Raises:
        DocumentError: A pattern of the description is not one.
    """
    files = _matched(description, source) if files is None else files
    resolutions = look_up(description, resolve) if resolve else {}
    return Release(
        description,
        source,
        origin,
        examine(source, description, files, resolutions),
        verification or VerificationSummary(VerificationStatus.NONE),
        has_manifest,
        Basis.EVIDENCE,
        accept_pinned,
        frozenset(f.path for f in source.files),
        _license_texts(description, source, files),
        revision=source.revision if isinstance(source, HubSource) else "",
        resolutions=resolutions,
        listing=listing,
    )


def load_release(
    target: str | Path | HubSource,
    *,
    accept_pinned: bool = False,
    verification: VerificationSummary | None = None,
    resolve: Resolver | None = None,
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

    Raises:
        UsageError: There is no such directory.
        DocumentError: ``release.yaml`` or ``manifest.json`` is not valid.
        UndecidedError: The release or one of the two cannot be read.
    """
    named = parse_target(target) if isinstance(target, str) else target
    opened = HubSource(named) if isinstance(named, HubTarget) else named
    source: Source
    if isinstance(opened, HubSource):
        source, beside = opened, frozenset(path.partition("/")[0] for path in opened.beside)
    else:
        source, beside = _directory(opened)
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
    )


def _directory(directory: Path) -> tuple[Source, frozenset[str]]:
    """A directory, and which of the toolkit's own files lie in it."""
    from manifest.sources.directory import DirectorySource

    if not directory.is_dir():
        raise UsageError(
            f"{printable(str(directory))} is not a directory", remedy="give a release's directory"
        )
    beside = {name for name in _SIGNATURES if (directory / name).exists()}
    manifest_file = directory / MANIFEST_NAME
    if manifest_file.is_file() and not manifest_file.is_symlink():
        beside.add(MANIFEST_NAME)
    return DirectorySource(directory), frozenset(beside)


def _license_texts(
    description: Description, source: Source, files: Mapping[str, Files]
) -> tuple[LicenseText, ...]:
    """What the license files are: those of the description, and those that are called so."""
    named = {f for c in description.of_kind("license-texts") for f in files[c.id].here}
    named |= {f for f in source.files if _LICENSE_NAME.search(f.path)}
    result = []
    for file in sorted(named, key=lambda f: f.path)[:_MAX_LICENSE_TEXTS]:
        try:
            data = source.read(file.path, length=min(file.size, MAX_LICENSE))
        except UndecidedError:
            continue
        result.append(LicenseText(file.path, recognise(data)))
    return tuple(result)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UndecidedError(
            f"{printable(str(path))} cannot be read: {error.strerror or error}"
        ) from error


def _matched(description: Description, source: Source) -> Mapping[str, Files]:
    roots = set(description.fields.get("roots", {}))
    result = {}
    for spec in description.components:
        local = [p for p in spec.files if p.partition(":")[0] not in roots]
        where = f"components.{spec.id}"
        matchers = [compile_glob(p, where=f"{where}.files") for p in local]
        without = [
            compile_glob(p, where=f"{where}.exclude")
            for p in spec.exclude
            if p.partition(":")[0] not in roots
        ]
        hit: set[str] = set()
        here: list[SourceFile] = []
        for file in source.files:
            by = [m for m in matchers if m.matches(file.path)]
            if by and not any(m.matches(file.path) for m in without):
                here.append(file)
                hit.update(m.pattern for m in by)
        unmatched = tuple(p for p in local if p not in hit)
        result[spec.id] = Files(tuple(here), len(spec.files) - len(local), unmatched)
    return result


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
