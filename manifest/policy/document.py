"""A trust policy as values: who speaks for which release, and what is demanded of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from typing import TYPE_CHECKING

from manifest.document.replay_statement import PREDICATE_TYPE
from manifest.document.yaml_text import YamlDocument
from manifest.policy.names import concerns, matches
from manifest.signing.keys import PublicKey
from manifest.verify.statements import PROVENANCE_TYPE, RECEIPT_TYPE

if TYPE_CHECKING:
    from manifest.signing.certificates import Root
    from manifest.signing.keyless import SigstoreIdentity
    from manifest.signing.revocation import RevocationList

__all__ = [
    "KNOWN_TYPES",
    "AttestationDemand",
    "LowestVersion",
    "Policy",
    "Role",
    "Signer",
    "Validity",
]

KNOWN_TYPES = {
    "replay": PREDICATE_TYPE,
    "verification-summary": RECEIPT_TYPE,
    "provenance": PROVENANCE_TYPE,
}
"""Attestations whose content is read, by what policies call them."""


class Role(enum.StrEnum):
    """In which capacity a signer speaks."""

    PUBLISHER = "publisher"
    AUDITOR = "auditor"
    REPRODUCER = "reproducer"


@dataclasses.dataclass(frozen=True, slots=True)
class Validity:
    """A span of time: from ``start`` on, and before ``end``; None for no bound."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def fault(self, at: dt.datetime) -> str:
        """Why a time lies outside, as the end of a sentence; empty when it does not."""
        if self.start is not None and at < self.start:
            return f"is valid only from {self.start:%Y-%m-%d %H:%M} UTC"
        if self.end is not None and at >= self.end:
            return f"was valid only until {self.end:%Y-%m-%d %H:%M} UTC"
        return ""


@dataclasses.dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose signatures count, for some releases and in some roles.

    Attributes:
        name: What the policy calls them.
        roles, releases: In which capacity they speak, and of which releases (patterns).
        keys: Their public keys.
        absent_keys: Fingerprints of keys that the policy names and nobody gave.
        authorities: Authorities whose certificates are theirs when one of ``identities`` is in them.
        revocation_lists: Where any are given, certificates must be known not to be revoked.
        timestamp_roots: Authorities whose timestamps let a signature outlive its certificate.
        sigstore: Their Sigstore identities, each with its issuer.
        trusted_root: Sigstore's roots; those of the installed package when None.
        validity: When their signatures count.
        line: Where the policy names them.
    """

    name: str
    roles: frozenset[Role]
    releases: tuple[str, ...]
    keys: tuple[PublicKey, ...] = ()
    absent_keys: tuple[str, ...] = ()
    authorities: tuple[Root, ...] = ()
    identities: tuple[str, ...] = ()
    revocation_lists: tuple[RevocationList, ...] = ()
    timestamp_roots: tuple[Root, ...] = ()
    sigstore: tuple[SigstoreIdentity, ...] = ()
    trusted_root: bytes | None = None
    validity: Validity = Validity()
    line: int = 0

    def speaks_for(self, release: str) -> bool:
        """Whether the signer may speak for a release of this name."""
        return any(matches(pattern, release) for pattern in self.releases)


@dataclasses.dataclass(frozen=True, slots=True)
class AttestationDemand:
    """What others must have said of a release, signed (spec/policy.md, "Attestations").

    Attributes:
        kind: ``replay``, ``verification-summary``, ``provenance``, or another predicate type.
        role: In which role they say it.
        signers: How many different ones must.
        releases: Of which releases it is asked (patterns).
        refuse_failures: Whether one that says the contrary refuses the release.
        exact: Of replays, whether only segments that came out bit for bit count.
        drawn: Of replays, whether only those count whose segments a nonce drew.
        segments: Of replays, how many different segments they must have repeated together.
        max_age: Of summaries, how old they may be; None for any age.
        levels: Of summaries, what they must say that was reached (``verifiedLevels``).
        policies: Of summaries, SHA-256 of the policies that may have been applied; empty for any.
        builders: Of provenance, the builders that may have been at work; empty for any.
    """

    kind: str
    role: Role
    signers: int = 1
    releases: tuple[str, ...] = ("**",)
    refuse_failures: bool = True
    exact: bool = False
    drawn: bool = False
    segments: int = 1
    max_age: dt.timedelta | None = None
    levels: tuple[str, ...] = ()
    policies: frozenset[str] = frozenset()
    builders: frozenset[str] = frozenset()

    def is_of(self, release: str) -> bool:
        """Whether it is asked of a release of this name."""
        return any(concerns(pattern, release) for pattern in self.releases)


@dataclasses.dataclass(frozen=True, slots=True)
class LowestVersion:
    """The lowest version that is accepted of releases whose names match a pattern."""

    release: str
    version: str
    line: int


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """A trust policy.

    Attributes:
        name: The file's name for messages.
        digest: SHA-256 of its bytes, in hex.
        signers: In the order of the file.
        thresholds: How many signers each role needs.
        verdict: The lowest verdict accepted; empty for any.
        licenses: Licenses that components may have; empty for any.
        components: Kinds of components that must be evidenced.
        sha256: Whether the files must be compared by SHA-256.
        strict: Whether what is not covered or not checked is refused.
        forbidden_formats: Formats that no file may have.
        revoked_keys: SHA-256 of keys (PEM or DER) and certificates that count no more.
        revoked_digests: ``sha256:`` or ``blake3:`` and hex: manifests, root digests and files.
        lowest_versions: Versions below which a release is refused.
        attestations: What others must have said of a release.
        tofu: Whether the first key seen for a release without a named publisher is pinned.
        validity: When the policy holds.
        source: Where its fields stand.
    """

    name: str
    digest: str
    signers: tuple[Signer, ...]
    thresholds: dict[Role, int]
    verdict: str
    licenses: tuple[str, ...]
    components: tuple[str, ...]
    sha256: bool
    strict: bool
    forbidden_formats: tuple[str, ...]
    revoked_keys: frozenset[str]
    revoked_digests: frozenset[str]
    lowest_versions: tuple[LowestVersion, ...]
    attestations: tuple[AttestationDemand, ...]
    tofu: bool
    validity: Validity
    source: YamlDocument = dataclasses.field(repr=False, compare=False)

    def where(self, pointer: str) -> str:
        """``FILE:LINE`` of a field, or of the nearest that stands in the file."""
        line = self.source.line(pointer)
        return f"{self.name}:{line}" if line else self.name

    def has_publisher_of(self, release: str) -> bool:
        """Whether a signer is named as publisher of this release, whether valid now or not."""
        return any(
            Role.PUBLISHER in s.roles and any(concerns(p, release) for p in s.releases)
            for s in self.signers
        )
