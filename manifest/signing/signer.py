"""Signing: a payload and a signer become the bytes of a bundle."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

from manifest.signing import dsse
from manifest.signing.bundle import Bundle, serialize_bundle
from manifest.signing.keys import KeyKind, PrivateKey
from manifest.signing.statement import PAYLOAD_TYPE
from manifest.signing.verification import VerifiedEnvelope, verify_signature

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["KeySigner", "Signer", "notes_on", "sign_payload", "signer_of"]


def sign_payload(payload: bytes, key: PrivateKey) -> bytes:
    """Sign an in-toto statement and return the bytes of its bundle.

    The bundle satisfies the OMS schemas. Its fields have a fixed order and there is no time in
    it; ECDSA draws a random number for each signature, so two bundles of one payload differ
    there, and with Ed25519 they are equal.

    Args:
        payload: The statement's bytes, as `manifest.signing.statement.build_statement` makes
            them.
        key: The signer's key; its fingerprint becomes the key hint.
    """
    return serialize_bundle(dsse.sign(PAYLOAD_TYPE, payload, key), key.fingerprint)


class Signer(Protocol):
    """Whoever can sign a payload, whether or not the key is within reach."""

    def sign(self, payload: bytes) -> bytes:
        """The bytes of a bundle over the payload.

        Raises:
            ManifestError: It could not be made; the message says why.
        """

    def verify(self, bundle: bytes, *, what: str) -> VerifiedEnvelope:
        """Check a bundle that `sign` made as a verifier will.

        Raises:
            NotTrustedError: It would not verify.
        """

    def owns(self, bundle: Bundle) -> bool:
        """Whether a bundle that lies there already says it is by this signer."""

    def notes(self) -> Iterable[str]:
        """What the signer should know about signatures of this kind."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeySigner:
    """A signer with a key in memory."""

    key: PrivateKey

    def sign(self, payload: bytes) -> bytes:
        """See `sign_payload`."""
        return sign_payload(payload, self.key)

    def verify(self, bundle: bytes, *, what: str) -> VerifiedEnvelope:
        """Check it with the public half."""
        return verify_signature(bundle, keys=[self.key.public], what=what)

    def owns(self, bundle: Bundle) -> bool:
        """By the key hint."""
        return bool(bundle.key_hint) and self.key.public.is_named_by(bundle.key_hint)

    def notes(self) -> Iterable[str]:
        """Who cannot read it."""
        return notes_on(self.key.kind)


def notes_on(kind: KeyKind) -> Iterable[str]:
    """What the signer should know about signatures by a key of this kind."""
    if kind is KeyKind.ED25519:
        yield (
            "an Ed25519 signature is sound and verifies here; the reference implementation "
            "of OpenSSF Model Signing reads ECDSA keys only"
        )


def signer_of(who: PrivateKey | Signer) -> Signer:
    """A signer, made of a key where one is given."""
    return KeySigner(who) if isinstance(who, PrivateKey) else who
