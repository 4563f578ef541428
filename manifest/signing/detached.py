"""A signature that was made elsewhere, by a key that never comes near.

What is carried to that key is the pre-authentication encoding of the statement, or its digest;
what comes back is a signature as `openssl dgst -sign` writes it. The statement is a function of
the release alone, so it is made again here, from files that are measured again.
"""

from __future__ import annotations

from manifest.errors import NotTrustedError
from manifest.signing import dsse
from manifest.signing.keys import KeyKind, PublicKey
from manifest.signing.remote import RemoteSigner
from manifest.signing.statement import PAYLOAD_TYPE

__all__ = ["HASHES", "MAX_SIGNATURE_BYTES", "bytes_to_sign", "imported_signer"]

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


def imported_signer(signature: bytes, public: PublicKey) -> RemoteSigner:
    """A signer whose signature is already there; `sign` refuses any payload but the one it is over.

    Args:
        signature: DER for ECDSA, 64 bytes for Ed25519.
        public: The signer's key.
    """

    def take(data: bytes) -> bytes:
        if not public.verify(signature, data):
            raise NotTrustedError(
                "the signature is not one by this key over this release as it is now",
                remedy="export the payload again and compare it with what was signed: a file, the "
                "directory's name or the key may be another, or the signature in another form",
            )
        return signature

    return RemoteSigner(public, take)
