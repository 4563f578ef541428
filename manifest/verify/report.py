"""What verification found, as values (spec/verification.md, "The result").

Nothing here reads, decides trust or prints: `manifest.verify.machine` fills these in, and the
renderers turn them into text and JSON.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from manifest.errors import ExitCode
from manifest.records import record

if TYPE_CHECKING:
    from manifest.document.manifest_file import Manifest
    from manifest.document.replay_statement import SignedReplay
    from manifest.inventory.sampling import Miss

__all__ = [
    "CarriedStatement",
    "FileProblem",
    "InventorySample",
    "Mode",
    "ProblemKind",
    "SignerInfo",
    "Step",
    "StepStatus",
    "TensorDamage",
    "Undecided",
    "VerifyReport",
]


class Mode(enum.StrEnum):
    """What was asked of the signature."""

    SIGNED = "signed"
    """A key or a root certificate was given: the signature decides."""
    INTEGRITY = "integrity"
    """Nobody is vouched for: files are compared with a list that anyone could have written."""


class StepStatus(enum.StrEnum):
    """How a step of the verification ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@record(frozen=True, slots=True)
class Step:
    """One step of the verification, in the order of spec/verification.md."""

    name: str
    status: StepStatus
    detail: str = ""


class ProblemKind(enum.StrEnum):
    """In which way a file differs from what was signed."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    RENAMED = "renamed"
    LINK = "link"
    SPECIAL = "special"
    HIDDEN = "hidden"
    """Matched by an ignored path that the signer chose and the consumer did not."""
    STRAY = "stray"
    """In ``signatures/``, and not a signature bundle."""
    NOT_COVERED = "not-covered"
    """Outside of what a signature covers, and refused because ``--strict`` was asked."""


@record(frozen=True, slots=True)
class TensorDamage:
    """What of a file of weights differs from what was signed.

    Attributes:
        header: Whether the bytes before the data do.
        tensors: Names of the tensors whose bytes do, in the order of the file.
        checked: How many of its tensors were looked at.
    """

    header: bool
    tensors: tuple[str, ...]
    checked: int


@record(frozen=True, slots=True)
class FileProblem:
    """One file that differs.

    Attributes:
        kind: In which way.
        path: The file; for ``RENAMED`` the signed name.
        expected_size, found_size: Bytes; None where there is none or it was not signed.
        expected_digest, found_digest: Lower-case hexadecimal; empty where there is none.
        algorithm: The digests' algorithm.
        renamed_to: The name it has now, for ``RENAMED``.
        components: Ids of the components it belongs to.
        detail: What else is to be said, as the target of a link.
        damage: Which tensors differ, where the manifest holds digests of them.
    """

    kind: ProblemKind
    path: str
    expected_size: int | None = None
    found_size: int | None = None
    expected_digest: str = ""
    found_digest: str = ""
    algorithm: str = "sha256"
    renamed_to: str = ""
    components: tuple[str, ...] = ()
    detail: str = ""
    damage: TensorDamage | None = None


@record(frozen=True, slots=True)
class Undecided:
    """A file about which there is no answer: unreadable, changed while read, or not fetched."""

    path: str
    reason: str
    components: tuple[str, ...] = ()
    not_fetched: bool = False


@record(frozen=True, slots=True)
class SignerInfo:
    """Who signed.

    Attributes:
        method: ``key``, ``certificate`` or ``sigstore``.
        identity: What to call the signer: the key's fingerprint, the certificate's subject, or
            the name that Sigstore knows.
        kind: The key's kind, as ``ecdsa-p256``.
        fingerprint: SHA-256 of the key's PEM, or of the certificate; lower-case hexadecimal.
        issuer: The certificate's issuer, or who vouches for a name; empty for a key.
        names: The certificate's subject alternative names.
        signature: The file that holds the signature, as the user knows it.
        signed_before: By when the signature was there, in the word of a timestamp authority that is
            trusted (UTC, RFC 3339); empty where none says so.
        signature_sha256: SHA-256 of that file's bytes.
    """

    method: str
    identity: str
    kind: str
    fingerprint: str
    issuer: str = ""
    names: tuple[str, ...] = ()
    signature: str = ""
    signed_before: str = ""
    signature_sha256: str = ""


@record(frozen=True, slots=True)
class CarriedStatement:
    """A signed statement about the release that lies in ``signatures/`` (spec/statements.md).

    Attributes:
        path: The file that holds it.
        predicate_type: What kind of statement it is, as it says itself.
        title: What that kind is called; empty for a kind that is not known here.
        signer: Who signed it; None where nobody whom the consumer named did.
        subject: What it is about, in words; empty when it is about something else.
        detail: What it says, in a few words, where its kind is known.
        said: The same by name: ``result``, ``builder``, ``verifier``, ``time``; ``policy`` for
            the SHA-256 of the policy that was applied, ``levels`` for what was reached. Reports
            do not show it.
    """

    path: str
    predicate_type: str
    title: str
    signer: SignerInfo | None
    subject: str
    detail: str = ""
    said: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether somebody whom the consumer named says it of this release."""
        return self.signer is not None and bool(self.subject)


@record(frozen=True, slots=True)
class InventorySample:
    """What was hashed of an inventory's files when a sample was asked for, and what that says.

    Attributes:
        inventory: The inventory, as ``path`` or ``root:path``.
        directory: The directory that it owns.
        files: How many files it lists; names and sizes of all were compared.
        sampled: How many of them were hashed.
        misses: With which probability the sample would have missed damage of some extents that
            changes neither names nor sizes.
    """

    inventory: str
    directory: str
    files: int
    sampled: int
    misses: tuple[Miss, ...]


@record(frozen=True, slots=True)
class VerifyReport:
    """The result of a verification.

    Attributes:
        target: What was verified, as the user named it.
        mode: Whether a signature decides.
        integrity_only: Whether the user asked for integrity only.
        signer: Who signed; None when nobody is vouched for.
        also_signed_by: Further signers of the same files whose keys the user gave.
        name, version, root_digest: From the manifest; empty without one.
        part: What part was checked, in words; empty when all of it was.
        files_expected: How many files were to be checked.
        files_checked: How many of them are exactly what was signed.
        bytes_checked: Their bytes.
        tensors_checked: Where single tensors were asked for, how many are exactly what was
            signed; ``bytes_checked`` are theirs then, and no file was checked as a whole.
        files_remembered: How many files were not read, because the consumer trusts what was
            remembered of them (spec/cache.md).
        bytes_remembered: Their bytes.
        digests: The digests that were compared, the one that decides first.
        digests_not_compared: Further ones that the manifest holds.
        steps: What was done, in order.
        refusal: Why the release is not trusted, when it is not.
        refusal_remedy: What can be done about it.
        problems: Files that differ.
        undecided: Files about which there is no answer.
        findings: Claims that the signed documents do not bear out.
        not_covered: What is there and not covered, by name.
        ignored: What the user asked to ignore and is there.
        not_checked: What could not be part of this check, as a root that was not given.
        warnings: What does not change the answer and should be known.
        statements: Other signed statements that the release carries, counted or not.
        samples: Inventories of whose files a random sample was hashed.
        undecided_reason: Why there is no answer at all, when there is none.
        manifest: The manifest that agrees with the signature, for who asks further; None without
            one. Reports do not show it.
        manifest_digest: SHA-256 of its bytes, where they were signed.
        replays: Signed replays that count; those that do not are among the warnings.
    """

    target: str
    mode: Mode
    integrity_only: bool = False
    signer: SignerInfo | None = None
    also_signed_by: tuple[SignerInfo, ...] = ()
    name: str = ""
    version: str = ""
    root_digest: str = ""
    part: str = ""
    files_expected: int = 0
    files_checked: int = 0
    bytes_checked: int = 0
    tensors_checked: int = 0
    files_remembered: int = 0
    bytes_remembered: int = 0
    digests: tuple[str, ...] = ()
    digests_not_compared: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    refusal: str = ""
    refusal_remedy: str = ""
    problems: tuple[FileProblem, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    findings: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    statements: tuple[CarriedStatement, ...] = ()
    samples: tuple[InventorySample, ...] = ()
    undecided_reason: str = ""
    manifest: Manifest | None = dataclasses.field(default=None, repr=False, compare=False)
    manifest_digest: str = ""
    replays: tuple[SignedReplay, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the result; where several hold, the one that weighs most."""
        codes = []
        if self.refusal or (self.mode is Mode.INTEGRITY and not self.integrity_only):
            codes.append(ExitCode.NOT_TRUSTED)
        if self.problems:
            codes.append(ExitCode.DIFFERENT)
        if self.undecided or self.undecided_reason:
            codes.append(ExitCode.UNDECIDED)
        if self.findings:
            codes.append(ExitCode.FINDINGS)
        return ExitCode.worst(codes)

    @property
    def ok(self) -> bool:
        """Whether what was asked holds."""
        return self.exit_code is ExitCode.OK
