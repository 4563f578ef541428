"""The decision whether a signature is one by a signer who is trusted.

The order is that of DSSE: parse the bundle, verify the signature over the payload together with
the type the envelope gives it, and only then ask whether the type is the one expected. What the
payload says is for `manifest.signing.statement`, afterwards. Trust comes from the arguments
alone: a key that travels inside the bundle is never used.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from manifest.display import printable
from manifest.errors import NotTrustedError, UsageError
from manifest.records import record
from manifest.signing.bundle import Bundle, SigningMethod, parse_bundle
from manifest.signing.fields import shown
from manifest.signing.history import is_digests_v0_1, old_pae
from manifest.signing.keys import KeyKind, PublicKey
from manifest.signing.statement import PAYLOAD_TYPE

if TYPE_CHECKING:
    from manifest.signing.certificates import Root, SignerCertificate
    from manifest.signing.keyless import KeylessSigner, SigstoreTrust
    from manifest.signing.revocation import RevocationList
    from manifest.signing.timestamps import Timestamp

__all__ = ["SignerKey", "VerifiedEnvelope", "verify_signature"]


@record(frozen=True, slots=True)
class SignerKey:
    """A signer known by their key.

    Attributes:
        kind: The key's algorithm.
        fingerprint: See `manifest.signing.keys.fingerprint`.
    """

    kind: KeyKind
    fingerprint: str


@record(frozen=True, slots=True)
class VerifiedEnvelope:
    """A payload whose signature was verified.

    Attributes:
        signer: Who signed.
        payload_type: Always the in-toto type.
        payload: The signed bytes; parse these and no others.
        warnings: What a reader should know although the signature is good.
        timestamps: Those that count, by an authority that is trusted; the earliest first.
    """

    signer: SignerKey | SignerCertificate | KeylessSigner
    payload_type: str
    payload: bytes
    warnings: tuple[str, ...]
    timestamps: tuple[Timestamp, ...] = ()

    @property
    def kind(self) -> KeyKind:
        """The kind of the signer's key."""
        who = self.signer
        return who.public_key.kind if hasattr(who, "public_key") else who.kind


def verify_signature(
    data: bytes,
    *,
    keys: Sequence[PublicKey] = (),
    roots: Sequence[Root] = (),
    at: dt.datetime | None = None,
    what: str = "the signature",
    revocation_lists: Sequence[RevocationList] = (),
    certificate_identities: Sequence[str] = (),
    sigstore: SigstoreTrust | None = None,
    timestamp_roots: Sequence[Root] = (),
) -> VerifiedEnvelope:
    """Verify a bundle against what the verifier trusts.

    Args:
        data: The bundle's bytes.
        keys: Keys that are trusted; any of them may have signed.
        roots: Certification authorities that are trusted.
        at: The time at which certificates must be valid; now when None. It has a time zone.
        what: The signature's name for messages, such as its file name.
        revocation_lists: Where any are given, a signer's certificate and those above it must be
            known not to be revoked.
        certificate_identities: Where any are given, a signer's certificate must hold one.
        sigstore: Whose keyless signatures are trusted.
        timestamp_roots: Whose timestamps are trusted. A certificate that was valid by one of
            them, and is no longer, then counts.

    Raises:
        NotTrustedError: The bundle is malformed, or was not signed by a trusted signer, or the
            signed content was changed. The message tells these apart as far as they can be.
        UsageError: The time has no time zone.
        MissingExtraError: A keyless signature, or a timestamp that is to be checked, and the
            package that reads it is not installed.
    """
    if at is not None and at.tzinfo is None:
        raise UsageError("the time of verification has no time zone", remedy="give it in UTC")
    bundle = parse_bundle(data, what=what)
    warnings: list[str] = []
    signer: SignerKey | SignerCertificate | KeylessSigner
    is_old = False
    now = at or dt.datetime.now(dt.UTC)
    stamps: tuple[Timestamp, ...] = ()
    faults: tuple[str, ...] = ()
    checks_time = bool(timestamp_roots) and bundle.method is not SigningMethod.SIGSTORE
    if bundle.timestamps and checks_time:
        from manifest.signing.timestamps import verify_timestamps

        stamps, faults = verify_timestamps(
            bundle.timestamps,
            bundle.envelope.signatures[0].sig,
            timestamp_roots,
            at=now,
            what=what,
            revocation_lists=revocation_lists,
        )
        warnings.extend(faults)
    if bundle.method is SigningMethod.KEY:
        key = _verify_with_key(bundle, keys, what)
        is_old = not bundle.envelope.verifies(key)
        signer = SignerKey(key.kind, key.fingerprint)
        if not bundle.key_hint:
            warnings.append("the signature does not name its key; it was found by trying")
        if bundle.has_embedded_key:
            warnings.append("the signature carries a public key of its own, which was not used")
    elif bundle.method is SigningMethod.CERTIFICATE:
        signer = _verify_with_chain(
            bundle,
            roots,
            now,
            what,
            revocation_lists=revocation_lists,
            identities=certificate_identities,
            stamps=stamps,
            faults=faults,
        )
        is_old = not bundle.envelope.verifies(signer.public_key)
        if signer.unused:
            warnings.append(
                f"{signer.unused} of the certificates in the signature have no part in its chain"
            )
    else:
        signer = _verify_keyless(data, bundle, sigstore, what)
    if bundle.method is not SigningMethod.SIGSTORE:
        if bundle.has_log_entries:
            warnings.append("the signature's transparency log entries were not checked")
        if bundle.timestamps and not checks_time:
            warnings.append("the signature's timestamps were not checked")
    if is_old:
        warnings.append("the signature is in the encoding of model_signing 0.2.0, before OMS 1.0")
    envelope = bundle.envelope
    if envelope.payload_type != PAYLOAD_TYPE:
        raise NotTrustedError(
            f"{what}: the signed content is of the type {shown(envelope.payload_type)}, "
            f"and {PAYLOAD_TYPE} is expected",
            remedy="give the signature of the release; this one vouches for something else",
        )
    return VerifiedEnvelope(
        signer, envelope.payload_type, envelope.payload, tuple(warnings), stamps
    )


def _verify_with_key(bundle: Bundle, keys: Sequence[PublicKey], what: str) -> PublicKey:
    hint = bundle.key_hint
    if not keys:
        named = f", {_short(hint)}," if hint else ""
        raise NotTrustedError(
            f"{what} was made with a key{named} and no key is given to check it",
            remedy="give the signer's public key with --key",
        )
    candidates = [key for key in keys if key.is_named_by(hint)] if hint else list(keys)
    if not candidates:
        given = ", ".join(_short(key.fingerprint) for key in keys[:4])
        raise NotTrustedError(
            f"{what} says it was signed by the key {_short(hint)}, not by "
            f"{'the key' if len(keys) == 1 else 'one of the keys'} given ({given})",
            remedy="check which key the signer publishes",
        )
    for key in candidates:
        if _made_by(bundle, key, what):
            return key
    if hint:
        raise NotTrustedError(
            f"{what}: the signed content was changed or the signature is damaged: it names the "
            f"key {_short(hint)}, which is given, and does not verify with it",
            remedy="fetch the signature again from the signer",
        )
    raise NotTrustedError(
        f"{what} does not verify with {'the key' if len(keys) == 1 else 'any key'} given: another "
        "key signed, or the signed content was changed; it does not name its key",
        remedy="check which key the signer publishes, and fetch the signature again",
    )


def _verify_with_chain(
    bundle: Bundle,
    roots: Sequence[Root],
    at: dt.datetime,
    what: str,
    *,
    revocation_lists: Sequence[RevocationList],
    identities: Sequence[str],
    stamps: Sequence[Timestamp],
    faults: Sequence[str],
) -> SignerCertificate:
    if not roots:
        raise NotTrustedError(
            f"{what} was made with a certificate, and no root certificate is given to check it",
            remedy="give the certification authority's certificate with --root",
        )
    # Most signatures are by a key, and X.509 is a third of what a small verification imports.
    from manifest.signing.certificates import verify_chain

    refusals: list[NotTrustedError] = []
    signer = None
    # Each moment at which the chain holds is enough; the earliest proves the most.
    for stamp in (*stamps, None):
        try:
            signer = verify_chain(
                bundle.certificates,
                roots,
                at=at,
                what=what,
                revocation_lists=revocation_lists,
                identities=identities,
                stamp=stamp,
            )
            break
        except NotTrustedError as error:
            refusals.append(error)
    if signer is None:
        first = refusals[0]
        if stamps or not bundle.timestamps:
            raise first
        cause = f"; {faults[0].removeprefix(what).lstrip(': ')}" if faults else ""
        raise NotTrustedError(
            first.message + cause,
            remedy=first.remedy
            if faults
            else "the signature has a timestamp: if the certificate was valid at that time, give "
            "the timestamp authority's root with --tsa-root",
        )
    if not _made_by(bundle, signer.public_key, what):
        raise NotTrustedError(
            f"{what}: the signed content was changed or the signature is damaged: the certificate "
            f"of {printable(signer.subject)} is in order, and the signature does not verify with it",
            remedy="fetch the signature again from the signer",
        )
    return signer


def _verify_keyless(
    data: bytes, bundle: Bundle, trust: SigstoreTrust | None, what: str
) -> KeylessSigner:
    if trust is None or not trust.identities:
        raise NotTrustedError(
            f"{what} is a keyless signature (Sigstore), and no identity is given to check it",
            remedy="give the signer's with --identity and --identity-issuer",
        )
    from manifest.signing.keyless import verify_keyless

    return verify_keyless(data, bundle, trust, what=what)


def _made_by(bundle: Bundle, key: PublicKey, what: str) -> bool:
    """Whether the key signed the envelope: as DSSE has it, or as was done before OMS 1.0."""
    envelope = bundle.envelope
    if envelope.verifies(key):
        return True
    if bundle.key_hint or bundle.has_log_entries or bundle.timestamps:
        return False  # marks that no bundle of that time has
    encoded = old_pae(envelope.payload_type, envelope.payload)
    if encoded is None or not key.verify_with_sha256(envelope.signatures[0].sig, encoded):
        return False
    if not is_digests_v0_1(envelope.payload):
        raise NotTrustedError(
            f"{what} is signed in the encoding of model_signing 0.2.0, and its statement is not "
            "of that version",
            remedy="ask the signer to sign again with a current tool",
        )
    return True


def _short(fingerprint: str) -> str:
    cut = fingerprint if len(fingerprint) <= 16 else fingerprint[:16] + "..."
    return printable(cut)
