"""The decision of a verification, as a state machine that never reads, waits or prints.

Bytes and listings are handed to it in this order, which is that of spec/verification.md:

1. `signature`: the bundle is parsed strictly, and its signature checked with what the consumer
   trusts. Nothing that the bundle says is believed before that. Then the statement in it is
   parsed: one reading of every resource, or none.
2. `manifest`: ``manifest.json`` must be a signed resource and have the signed digest, must be
   valid, and must list exactly the files that were signed, with the same digests.
3. `tree`: the names in the release directory against the signed names, and the sizes against
   the manifest's, before any file is hashed. What is not to be there is named here.
4. `conclude`: the digest of every file.
5. `claims`: the claims derived again from the signed ``release.yaml`` against the manifest's.

A step that fails in trust ends the verification: it raises, and what comes after is not looked
at. A step that finds differences does not, so that one run names all of them.
"""

from __future__ import annotations

import enum
from collections.abc import Collection

from manifest.display import printable
from manifest.document.assignment import contradictions
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.description import parse_description
from manifest.document.manifest_file import (
    FILE_NAME,
    Manifest,
    load_manifest_json,
    manifest_from_plain,
)
from manifest.errors import DocumentError, ManifestError, NotTrustedError, UndecidedError
from manifest.inventory import Algorithm, Expected, digest_of
from manifest.signing.bundle import parse_bundle
from manifest.signing.statement import (
    OmsStatement,
    SerializationMethod,
    StatementFormat,
    parse_statement,
)
from manifest.verify.listed import agrees, expected_of
from manifest.verify.report import SignerInfo
from manifest.verify.selection import DigestChoice, Selection, expected_files, select_digests
from manifest.verify.trust import Trust, signer_info

__all__ = ["Trust", "Verification", "signer_info"]

_OURS = frozenset({"schema_version", "root_digest", "files", "release"})


class _Stage(enum.IntEnum):
    START = 0
    SIGNATURE = 1
    MANIFEST = 2


class Verification:
    """One verification; the module's docstring states its order.

    Attributes:
        signer: Who signed; None before `signature`, and when nobody is vouched for.
        statement: The signed statement; None when there is none to go by.
        trusted_manifest: The manifest, once it agrees with the statement; None without one.
        manifest_changed: Whether a manifest was signed and is not there as it was signed.
        warnings: What does not change the answer and should be known.
    """

    def __init__(self, trust: Trust, *, target: str, of_one_file: bool = False) -> None:
        self._trust = trust
        self._of_one_file = of_one_file
        self._target = target
        self._stage = _Stage.START
        self._own: dict[Algorithm, Expected] = {}
        self.signer: SignerInfo | None = None
        self.statement: OmsStatement | None = None
        self.trusted_manifest: Manifest | None = None
        self.manifest_changed = False
        self.warnings: list[str] = []

    def _enter(self, stage: _Stage) -> None:
        if self._stage != stage - 1:
            raise RuntimeError(f"verification step {stage.name} is out of order")
        self._stage = stage

    def signature(self, data: bytes | None, *, what: str) -> None:
        """Step 1: check who signed, and read what they signed.

        Args:
            data: The bundle; None when there is none.
            what: What to call it.

        Raises:
            NotTrustedError: There is no signature, or it is malformed, or not by a trusted
                signer, or its statement is. Nothing is raised for lack of trust when nobody is
                trusted: the statement is then a list like any other.
        """
        self._enter(_Stage.SIGNATURE)
        if self._trust.is_empty:
            if data is not None:
                self._read_unverified(data, what)
            return
        if data is None:
            raise NotTrustedError(
                f"there is no signature: {printable(what)} is missing",
                remedy="give it with --signature FILE, or ask the publisher for one",
            )
        envelope = self._trust.check(data, what=what)
        self.statement = self._of_a_directory(parse_statement(envelope.payload, what=what))
        self.signer = signer_info(envelope, what, data)
        self.warnings.extend(envelope.warnings)

    def _of_a_directory(self, statement: OmsStatement) -> OmsStatement:
        """Refuse a statement of a file where a directory is verified, and say how old one is."""
        if statement.is_nameless and not self._of_one_file:
            raise NotTrustedError(
                "the signature is of a model that is one file, and this is a directory",
                remedy="name the file itself: `manifest verify FILE --signature SIG`",
            )
        if statement.format is not StatementFormat.OMS_1_0:
            self.warnings.append(
                f"the signed statement is in the format {statement.format}, before OMS 1.0: "
                "it says nothing about what was left out"
            )
        return statement

    def _read_unverified(self, data: bytes, what: str) -> None:
        try:
            statement = parse_statement(parse_bundle(data, what=what).envelope.payload)
            self.statement = self._of_a_directory(statement)
        except ManifestError as error:
            self.warnings.append(f"{what} is not read: {error.message}")

    def manifest(self, data: bytes | None, *, external: bool = False) -> None:
        """Step 2: hold ``manifest.json`` against the signed resources, then read it.

        Args:
            data: Its bytes; None when it is not there.
            external: Whether the user named it, rather than that it lies in the release.

        Raises:
            NotTrustedError: It is at odds with what was signed, or is not valid.
            UndecidedError: It is of a major version that this program does not know.
        """
        self._enter(_Stage.MANIFEST)
        if self.statement is None:
            if data is not None:
                self._read_unsigned(data, external=external)
            return
        resource = [r for r in self.statement.resources if r.path == FILE_NAME]
        if not resource:
            if external:
                raise NotTrustedError(
                    f"{FILE_NAME} is not among the files that were signed",
                    remedy="give the manifest that this signature covers, or leave --manifest out",
                )
            return
        wanted = expected_of(self.statement, only=FILE_NAME)[FILE_NAME]
        if data is None or not agrees(data, wanted):
            # A changed manifest is a changed file like any other, and nothing it says is used.
            self.manifest_changed = True
            if external:
                raise NotTrustedError(
                    f"the manifest given is not the {FILE_NAME} that was signed",
                    remedy="give the manifest that this signature covers",
                )
            return
        plain = load_manifest_json(data, error=NotTrustedError)
        if not external and not _is_ours(plain):
            self.warnings.append(f"{FILE_NAME} is a file of the release, not a release manifest")
            return
        try:
            manifest = manifest_from_plain(plain)
        except DocumentError as error:
            raise NotTrustedError(error.message, remedy="ask the publisher to sign again") from None
        self._compare(manifest, self.statement)
        _refuse_undescribed(manifest)
        self.trusted_manifest = manifest
        # Its bytes were found to be those signed, so every digest of them may be relied on.
        self._own = {
            algorithm: Expected(FILE_NAME, len(data), (digest_of(data, algorithm),), algorithm)
            for algorithm in (Algorithm.SHA256, Algorithm.BLAKE3)
        }

    def _read_unsigned(self, data: bytes, *, external: bool) -> None:
        try:
            plain = load_manifest_json(data)
            if external or _is_ours(plain):
                manifest = manifest_from_plain(plain)
                _refuse_undescribed(manifest)
                self.trusted_manifest = manifest
        except DocumentError as error:
            raise NotTrustedError(error.message, remedy="ask for the manifest again") from None

    def _compare(self, manifest: Manifest, statement: OmsStatement) -> None:
        """Refuse a manifest that lists other files, or other digests, than were signed."""
        listed = {f.path: f for f in manifest.files if not f.root}
        signed = {r.path for r in statement.resources}
        # A statement of byte ranges has no entry for an empty file.
        may_lack = (
            {p for p, f in listed.items() if f.size == 0}
            if statement.method is SerializationMethod.SHARDS
            else set()
        )
        only_listed = sorted(listed.keys() - signed - may_lack)
        only_signed = sorted(signed - listed.keys() - {FILE_NAME})
        if only_listed or only_signed:
            which, where = (
                (only_listed, f"is listed in {FILE_NAME} and was not signed")
                if only_listed
                else (only_signed, f"was signed and is not listed in {FILE_NAME}")
            )
            more = f", and {len(which) - 1} more" if len(which) > 1 else ""
            raise NotTrustedError(
                f"{FILE_NAME} and the signature disagree: {printable(which[0])} {where}{more}",
                remedy="ask the publisher to build and sign again",
            )
        if statement.method is SerializationMethod.SHARDS:
            for path, want in expected_of(statement).items():
                if path != FILE_NAME and want.size != listed[path].size:
                    raise NotTrustedError(
                        f"{FILE_NAME} and the signature disagree on the size of {printable(path)}",
                        remedy="ask the publisher to build and sign again",
                    )
        for resource in statement.resources:
            if resource.path == FILE_NAME or resource.start is not None:
                continue
            file = listed[resource.path]
            known = file.sha256 if resource.algorithm == "sha256" else ""
            known = file.blake3 if resource.algorithm == "blake3" else known
            if known and known != resource.digest:
                raise NotTrustedError(
                    f"{FILE_NAME} and the signature disagree on the {resource.algorithm} "
                    f"of {printable(resource.path)}",
                    remedy="ask the publisher to build and sign again",
                )

    @property
    def manifest_digest(self) -> str:
        """SHA-256 of ``manifest.json`` as it was signed; empty before `manifest` and without one."""
        own = self._own.get(Algorithm.SHA256)
        return own.digests[0] if own else ""

    def expect(self, name: str | None, version: str | None) -> None:
        """Refuse a release of another name or version than the consumer expects.

        Raises:
            NotTrustedError: It is another release, or nothing that was signed says which it is.
        """
        if name is None and version is None:
            return
        manifest = self.trusted_manifest
        if manifest is None:
            raise NotTrustedError(
                f"no {FILE_NAME} that agrees with the signature says which release this is"
            )
        for label, wanted, found in (
            ("name", name, manifest.name),
            ("version", version, manifest.version),
        ):
            if wanted is not None and wanted != found:
                raise NotTrustedError(
                    f"this is another release: its {label} is {printable(found)}, "
                    f"not {printable(wanted)}"
                )

    def select(self, choice: DigestChoice) -> Selection:
        """Which digests to compare.

        Raises:
            UndecidedError: There is nothing to go by, or not the digest asked for.
        """
        manifest, statement = self.trusted_manifest, self.statement
        if statement is None and manifest is None:
            raise UndecidedError(
                f"{printable(self._target)} holds no {FILE_NAME} and no signature that can be "
                "read: there is nothing to compare its files with",
                remedy="give them with --manifest or --signature, or write them with "
                "`manifest build` and `manifest sign`",
            )
        return select_digests(choice, statement, manifest)

    def expected(self, selection: Selection) -> tuple[dict[str, Expected], ...]:
        """What every file of the release directory must be, by path, by each digest compared."""
        return expected_files(selection, self.statement, self.trusted_manifest, self._own)

    def hashed(self, told: Collection[str]) -> None:
        """Refuse a ``manifest.json`` that was changed when it was read, and was not when hashed.

        Nothing it says was used: what a component or an inventory holds went unchecked.

        Args:
            told: The paths of which a difference, or no answer, is told.

        Raises:
            UndecidedError: The manifest is not among them, and should be.
        """
        if self.manifest_changed and FILE_NAME not in told:
            raise UndecidedError(f"{FILE_NAME} changed while the release was verified")

    def check_description(self, data: bytes) -> None:
        """Refuse a ``release.yaml`` that was exchanged since its digest was checked.

        Raises:
            UndecidedError: Its bytes are not those that were hashed.
        """
        statement, manifest = self.statement, self.trusted_manifest
        if statement is not None:
            wanted = expected_of(statement, only=DESCRIPTION_NAME)[DESCRIPTION_NAME]
        else:
            assert manifest is not None  # noqa: S101 - one of the two lists the file
            (file,) = (f for f in manifest.files if f.full_path == DESCRIPTION_NAME)
            wanted = Expected(file.path, file.size, (file.sha256,))
        if not agrees(data, wanted):
            raise UndecidedError(f"{DESCRIPTION_NAME} changed while the release was verified")

    def claims(self, description: bytes) -> tuple[str, ...]:
        """Step 5: what ``manifest.json`` says of the release and its description does not.

        Args:
            description: The bytes of ``release.yaml``, already found to be those signed, or those
                that the manifest lists.
        """
        manifest = self.trusted_manifest
        assert manifest is not None  # noqa: S101 - what else could be said of the release
        try:
            fields = contradictions(parse_description(description), manifest)
        except ManifestError as error:
            return (f"{DESCRIPTION_NAME} does not give this {FILE_NAME}: {error.message}",)
        return tuple(
            f"{FILE_NAME} says something else than the signed {DESCRIPTION_NAME} in: {field}"
            for field in fields
        )


def _refuse_undescribed(manifest: Manifest) -> None:
    """Refuse a manifest without its description: its claims could not be derived again."""
    if not any(f.path == DESCRIPTION_NAME and not f.root for f in manifest.files):
        raise NotTrustedError(
            f"{FILE_NAME} does not list {DESCRIPTION_NAME}, from which its claims are derived",
            remedy="ask the publisher to build and sign again",
        )


def _is_ours(plain: object) -> bool:
    """Whether a file called ``manifest.json`` is a release manifest; web pages have them too."""
    return isinstance(plain, dict) and plain.keys() >= _OURS
