"""The verifiable random function ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381, on libsodium.

Arithmetic on the curve is libsodium's, in constant time where the secret scalar takes part; what
stands here is the RFC's composition of it. Two checks are stricter than the RFC's: the public key
and the point of a proof must lie in the subgroup of prime order and be encoded canonically, as
those of every honest prover do. A proof then has one form only.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import Any

from manifest.errors import MissingExtraError, UsageError

__all__ = [
    "ALPHA_SIZE",
    "KEY_SIZE",
    "OUTPUT_SIZE",
    "PROOF_SIZE",
    "SecretKey",
    "is_valid_key",
    "output",
    "prove",
    "secret_key",
    "verify",
]

KEY_SIZE = 32
PROOF_SIZE = 80
OUTPUT_SIZE = 64
ALPHA_SIZE = 2**20
"""The longest input accepted, in bytes; what is committed to are digests of 32."""

_SUITE = b"\x03"
_ORDER = 2**252 + 27742317777372353535851937790883648493
_FIELD = 2**255 - 19
_IDENTITY = b"\x01" + bytes(31)
_SIGN = 1 << 255


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class SecretKey:
    """A secret key, expanded (RFC 8032, section 5.1.5).

    Attributes:
        scalar: The secret scalar x, clamped, 32 bytes, little-endian.
        eight: 8x modulo the order: one multiplication gives the cofactor times Gamma.
        prefix: The second half of the hashed seed, from which nonces are made.
        public: The public key, 32 bytes.
    """

    scalar: bytes
    eight: bytes
    prefix: bytes
    public: bytes


@functools.cache
def _sodium() -> Any:
    """The bindings of libsodium.

    Raises:
        MissingExtraError: They are not installed, or were built without these functions.
    """
    remedy = "pip install 'model-release-manifest[commitments]'"
    try:
        from nacl import bindings
    except ImportError:
        raise MissingExtraError(
            "what is said of absence needs PyNaCl, which is not installed", remedy=remedy
        ) from None
    library: Any = bindings
    if not library.has_crypto_core_ed25519:
        raise MissingExtraError(
            "what is said of absence needs PyNaCl with the whole of libsodium, and a minimal one "
            "is installed",
            remedy=remedy,
        )
    return library


def secret_key(seed: bytes) -> SecretKey:
    """The secret key that a seed of 32 random bytes stands for.

    Raises:
        UsageError: The seed has another size.
        MissingExtraError: PyNaCl is not installed.
    """
    if len(seed) != KEY_SIZE:
        raise UsageError(f"a seed has {KEY_SIZE} bytes, not {len(seed)}")
    hashed = hashlib.sha512(seed).digest()
    number = int.from_bytes(hashed[:32], "little")
    number = number & ((1 << 254) - 8) | (1 << 254)
    scalar = number.to_bytes(32, "little")
    eight = (8 * number % _ORDER).to_bytes(32, "little")
    public: bytes = _sodium().crypto_scalarmult_ed25519_base_noclamp(scalar)
    return SecretKey(scalar, eight, hashed[32:], public)


def is_valid_key(public: bytes) -> bool:
    """Whether a public key is a point of prime order, canonically encoded (RFC 9381, 5.4.5)."""
    return len(public) == KEY_SIZE and bool(_sodium().crypto_core_ed25519_is_valid_point(public))


def output(key: SecretKey, alpha: bytes) -> bytes:
    """The output (beta, 64 bytes) for an input, without the cost of a proof."""
    point = _encode_to_curve(key.public, alpha)
    return _hash_of(_sodium().crypto_scalarmult_ed25519_noclamp(key.eight, point))


def prove(key: SecretKey, alpha: bytes) -> bytes:
    """The proof (pi, 80 bytes) that `verify` turns into the output for an input."""
    sodium = _sodium()
    point = _encode_to_curve(key.public, alpha)
    gamma = sodium.crypto_scalarmult_ed25519_noclamp(key.scalar, point)
    nonce = sodium.crypto_core_ed25519_scalar_reduce(hashlib.sha512(key.prefix + point).digest())
    u = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
    v = sodium.crypto_scalarmult_ed25519_noclamp(nonce, point)
    challenge = _challenge(key.public, point, gamma, u, v)
    product = sodium.crypto_core_ed25519_scalar_mul(challenge + bytes(16), key.scalar)
    response: bytes = sodium.crypto_core_ed25519_scalar_add(nonce, product)
    return bytes(gamma) + challenge + response


def verify(public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
    """The output for an input, when the proof proves it; None when it does not.

    For one public key, whoever made it, no input has two outputs that can be proved.

    Args:
        public: The public key, from a source that is trusted.
        alpha: The input.
        proof: The proof, of any origin.
    """
    if len(proof) != PROOF_SIZE or len(alpha) > ALPHA_SIZE or not is_valid_key(public):
        return None
    gamma, challenge, response = proof[:32], proof[32:48], proof[48:]
    if int.from_bytes(response, "little") >= _ORDER:
        return None
    sodium = _sodium()
    point = _encode_to_curve(public, alpha)
    wide = challenge + bytes(16)
    try:
        # Fails for a Gamma that is not canonical, not on the curve or not of prime order, and for
        # scalars that are zero, which an honest prover meets once in 2**128.
        u = sodium.crypto_core_ed25519_sub(
            sodium.crypto_scalarmult_ed25519_base_noclamp(response),
            sodium.crypto_scalarmult_ed25519_noclamp(wide, public),
        )
        v = sodium.crypto_core_ed25519_sub(
            sodium.crypto_scalarmult_ed25519_noclamp(response, point),
            sodium.crypto_scalarmult_ed25519_noclamp(wide, gamma),
        )
    except RuntimeError:
        return None
    if _challenge(public, point, gamma, u, v) != challenge:
        return None
    return _hash_of(_times_eight(gamma))


def _encode_to_curve(public: bytes, alpha: bytes) -> bytes:
    """Try and increment (RFC 9381, section 5.4.1.1): a point of prime order."""
    for counter in range(256):
        hashed = hashlib.sha512(_SUITE + b"\x01" + public + alpha + bytes((counter, 0))).digest()
        candidate = hashed[:32]
        y = int.from_bytes(candidate, "little")
        # libsodium reads these two forms, which RFC 8032, section 5.1.3, does not.
        if y % _SIGN >= _FIELD or (y >= _SIGN and y - _SIGN in (1, _FIELD - 1)):
            continue
        try:
            point = _times_eight(candidate)
        except RuntimeError:  # no point has this encoding
            continue
        if point != _IDENTITY:
            return point
    raise UsageError("no point was found for this input, which happens once in 2**256")


def _times_eight(point: bytes) -> bytes:
    """A point times the cofactor; RuntimeError where it is not on the curve."""
    add = _sodium().crypto_core_ed25519_add
    double = add(point, point)
    double = add(double, double)
    result: bytes = add(double, double)
    return result


def _challenge(*points: bytes) -> bytes:
    """RFC 9381, section 5.4.3."""
    return hashlib.sha512(_SUITE + b"\x02" + b"".join(points) + b"\x00").digest()[:16]


def _hash_of(point: bytes) -> bytes:
    """RFC 9381, section 5.2, of the cofactor times Gamma."""
    return hashlib.sha512(_SUITE + b"\x03" + point + b"\x00").digest()
