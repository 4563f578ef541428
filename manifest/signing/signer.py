"""Signing: a payload and a key become the bytes of a bundle."""

from __future__ import annotations

from manifest.signing import dsse
from manifest.signing.bundle import serialize_bundle
from manifest.signing.keys import PrivateKey
from manifest.signing.statement import PAYLOAD_TYPE

__all__ = ["sign_payload"]


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
