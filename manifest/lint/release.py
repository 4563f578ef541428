"""A release as rules see it: description, files, evidence, and what verification said."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
from collections.abc import Iterator, Mapping

from manifest.document.description import Description
from manifest.document.references import Reference
from manifest.document.replay_statement import SignedReplay
from manifest.errors import UndecidedError
from manifest.findings import Location
from manifest.inventory.globs import compile_glob
from manifest.licenses import RecognisedText, recognise
from manifest.licenses.texts import MAX_BYTES as MAX_LICENSE
from manifest.lineage import Lineage
from manifest.lint.evidence import ComponentEvidence, Files, State, examine
from manifest.lint.listing import Listing
from manifest.lint.owned import Census, with_owned
from manifest.lint.pins import Resolver, look_up
from manifest.sources import Source, SourceFile
from manifest.sources.hub import HubSource
from manifest.sources.pins import Resolution

__all__ = [
    "Basis",
    "LicenseText",
    "Origin",
    "Release",
    "VerificationStatus",
    "VerificationSummary",
    "release_of",
]

_LICENSE_NAME = re.compile(
    r"^(?:(?:model|weights?|data|code)[-_. ]?)?(?:licen[cs]es?|copying|unlicense)(?:[-_. ][^/]*)?$",
    re.IGNORECASE,
)
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
    """What verification said, as a value.

    Attributes:
        status: How it ended.
        signer: Who signed.
        detail: Why it was refused.
        replays: Signed replays of the training that count.
    """

    status: VerificationStatus
    signer: str = ""
    detail: str = ""
    replays: tuple[SignedReplay, ...] = ()


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
        lineage: The models that it was made from, where they were walked; None when not asked.
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
    lineage: Lineage | None = None

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
    owned: Mapping[str, Census] | None = None,
    lineage: Lineage | None = None,
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
        owned: What the directories hold that inventories own, where the source has a few of it.
        lineage: The models that it was made from.

    Raises:
        DocumentError: A pattern of the description is not one.
    """
    files = _matched(description, source, owned or {}) if files is None else files
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
        lineage=lineage,
    )


def _license_texts(
    description: Description, source: Source, files: Mapping[str, Files]
) -> tuple[LicenseText, ...]:
    """What the license files are: those of the description, and those that are called so."""
    named = {f for c in description.of_kind("license-texts") for f in files[c.id].here}
    named |= {f for f in source.files if _LICENSE_NAME.search(f.path)}
    result = []
    for file in sorted(named, key=lambda f: f.path)[:_MAX_LICENSE_TEXTS]:
        try:
            data = source.read(file.path, length=min(file.size, MAX_LICENSE + 1))
        except UndecidedError:
            continue
        result.append(LicenseText(file.path, recognise(data)))
    return tuple(result)


def _matched(
    description: Description, source: Source, owned: Mapping[str, Census]
) -> Mapping[str, Files]:
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
        elsewhere = len(spec.files) - len(local)
        result[spec.id] = with_owned(
            Files(tuple(here), elsewhere, unmatched), spec.inventory, source, owned
        )
    return result
