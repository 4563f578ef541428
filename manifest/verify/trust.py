"""What a consumer trusts, and who signed according to it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from manifest.records import record
from manifest.signing.keys import PublicKey
from manifest.signing.verification import SignerKey, VerifiedEnvelope, verify_signature
from manifest.verify.report import SignerInfo

if TYPE_CHECKING:
    from manifest.signing.certificates import Root
    from manifest.signing.keyless import SigstoreTrust
    from manifest.signing.revocation import RevocationList

__all__ = ["Trust", "signer_info"]


@record(frozen=True, slots=True)
class Trust:
    """What the consumer trusts.

    Attributes:
        keys: Any of them may have signed.
        roots: Certification authorities whose signers are trusted.
        at: When certificates must be valid; now when None.
        revocation_lists: Where any are given, certificates must be known not to be revoked.
        certificate_identities: Where any are given, a signer's certificate must hold one.
        sigstore: Whose keyless signatures are trusted.
        timestamp_roots: Whose timestamps are trusted.
    """

    keys: tuple[PublicKey, ...] = ()
    roots: tuple[Root, ...] = ()
    at: dt.datetime | None = None
    revocation_lists: tuple[RevocationList, ...] = ()
    certificate_identities: tuple[str, ...] = ()
    sigstore: SigstoreTrust | None = None
    timestamp_roots: tuple[Root, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nobody is trusted, so that no signature can count."""
        return not self.keys and not self.roots and self.sigstore is None

    def check(self, data: bytes, *, what: str) -> VerifiedEnvelope:
        """Check a signature.

        Args:
            data: The bundle's bytes.
            what: The signature's name for messages.

        Raises:
            NotTrustedError: It is malformed, or not by anyone who is trusted.
        """
        return verify_signature(
            data,
            keys=self.keys,
            roots=self.roots,
            at=self.at,
            what=what,
            revocation_lists=self.revocation_lists,
            certificate_identities=self.certificate_identities,
            sigstore=self.sigstore,
            timestamp_roots=self.timestamp_roots,
        )

    def check_replay(self, data: bytes, *, what: str, replayers: Sequence[PublicKey]) -> str:
        """Who signed a replay of the training: the fingerprint of one of ``replayers``.

        Raises:
            NotTrustedError: It is malformed, or by none of them.
        """
        return verify_signature(data, keys=replayers, what=what).signer.fingerprint


def signer_info(envelope: VerifiedEnvelope, what: str, data: bytes) -> SignerInfo:
    """Who signed an envelope, for the report.

    Args:
        envelope: One that was verified.
        what: The file that holds the signature.
        data: That file's bytes.
    """
    signer = envelope.signer
    digest = hashlib.sha256(data).hexdigest()
    stamps = envelope.timestamps
    before = f"{stamps[0].latest:%Y-%m-%dT%H:%M:%SZ}" if stamps else ""
    if isinstance(signer, SignerKey):
        return SignerInfo(
            method="key",
            identity=signer.fingerprint,
            kind=signer.kind.value,
            fingerprint=signer.fingerprint,
            signature=what,
            signed_before=before,
            signature_sha256=digest,
        )
    # Only one who has a signer by certificate or identity has these modules in memory already.
    from manifest.signing.keyless import KeylessSigner

    if isinstance(signer, KeylessSigner):
        return SignerInfo(
            method="sigstore",
            identity=signer.identity,
            kind=signer.kind.value,
            fingerprint=signer.fingerprint,
            issuer=signer.issuer,
            signature=what,
            signature_sha256=digest,
        )
    return SignerInfo(
        method="certificate",
        identity=signer.subject,
        kind=signer.public_key.kind.value,
        fingerprint=signer.fingerprint,
        issuer=signer.issuer,
        names=signer.alternative_names,
        signature=what,
        signed_before=before,
        signature_sha256=digest,
    )
