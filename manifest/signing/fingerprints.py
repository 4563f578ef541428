"""The fingerprints by which a certificate can be known, one of which its holder may have changed.

An ECDSA signature (r, s) holds as (r, n - s) too. Whoever has a certificate can write the other
form of its authority's signature into it, and it has another SHA-256 (spec/policy.md, "What a
release must be").
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["fingerprints_of"]

# SEC 2, 2.4 to 2.6: the order n of the base point.
_ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "secp521r1": 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
}


def fingerprints_of(path: Sequence[x509.Certificate]) -> frozenset[str]:
    """The hex SHA-256 of every certificate of a chain, and of the other form of each.

    Args:
        path: The chain, the signer's certificate first and the root last.
    """
    found: set[str] = set()
    for certificate, issuer in zip(path, [*path[1:], path[-1]], strict=True):
        der = certificate.public_bytes(Encoding.DER)
        found.add(hashlib.sha256(der).hexdigest())
        key = issuer.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _ORDERS:
            found.add(
                hashlib.sha256(_other_form(certificate, der, _ORDERS[key.curve.name])).hexdigest()
            )
    return frozenset(found)


def _other_form(certificate: x509.Certificate, der: bytes, order: int) -> bytes:
    """The same certificate with (r, n - s) for the signature (r, s) of its issuer."""
    try:
        r, s = decode_dss_signature(certificate.signature)
    except ValueError:  # a root by another authority's key, of another kind
        return der
    signed = _tlv(0x03, b"\0" + certificate.signature)
    content = der[len(der) - _content_length(der) :]
    other = _tlv(0x03, b"\0" + encode_dss_signature(r, order - s))
    return _tlv(0x30, content[: len(content) - len(signed)] + other)


def _content_length(der: bytes) -> int:
    """The length of what the outer SEQUENCE holds."""
    if der[1] < 0x80:
        return der[1]
    return int.from_bytes(der[2 : 2 + der[1] - 0x80], "big")


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
