"""A signature that was made elsewhere, by a key that never comes near.

What is carried to that key is the pre-authentication encoding of the statement, or its digest;
what comes back is a signature as `openssl dgst -sign` writes it. The statement is a function of
the release alone, so it is made again here, from files that are measured again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from manifest.errors import NotTrustedError
from manifest.signing import dsse
from manifest.signing.bundle import Bundle, serialize_bundle
from manifest.signing.keys import KeyKind, PublicKey
from manifest.signing.statement import PAYLOAD_TYPE
from manifest.signing.verification import VerifiedEnvelope, verify_signature

__all__ = ["HASHES", "MAX_SIGNATURE_BYTES", "ImportedSigner", "bytes_to_sign"]

MAX_SIGNATURE_BYTES = 1024
"""The largest signature read; one by P-521 has at most 139 bytes."""

HASHES = {
    KeyKind.ECDSA_P256: "sha256",
    KeyKind.ECDSA_P384: "sha384",
    KeyKind.ECDSA_P521: "sha512",
}
"""With which hash each kind of key signs; Ed25519 takes the bytes themselves."""


def bytes_to_sign(payload: bytes) -> bytes:
    """What a key signs for a statement: its pre-authentication encoding."""
    return dsse.pae(PAYLOAD_TYPE, payload)


@dataclasses.dataclass(frozen=True, slots=True)
class ImportedSigner:
    """A signer whose signature is already there.

    Attributes:
        signature: DER for ECDSA, 64 bytes for Ed25519.
        public: The signer's key.
    """

    signature: bytes
    public: PublicKey

    def sign(self, payload: bytes) -> bytes:
        """The bundle, when the signature is over this payload.

        Raises:
            NotTrustedError: It is over another one, or by another key.
        """
        if not self.public.verify(self.signature, bytes_to_sign(payload)):
            raise NotTrustedError(
                "the signature is not one by this key over this release as it is now",
                remedy="export the payload again and compare it with what was signed: a file, the "
                "directory's name or the key may be another, or the signature in another form",
            )
        envelope = dsse.Envelope(PAYLOAD_TYPE, payload, (dsse.Signature(self.signature),))
        return serialize_bundle(envelope, self.public.fingerprint)

    def verify(self, bundle: bytes, *, what: str) -> VerifiedEnvelope:
        """Check it with the key that was given."""
        return verify_signature(bundle, keys=[self.public], what=what)

    def owns(self, bundle: Bundle) -> bool:
        """By the key hint."""
        return bool(bundle.key_hint) and self.public.is_named_by(bundle.key_hint)

    def notes(self) -> Iterable[str]:
        """Who cannot read it."""
        from manifest.signing.signer import notes_on

        return notes_on(self.public.kind)
