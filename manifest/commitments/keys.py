"""The keyed hashes of a commitment, and the keys that are derived from its one secret.

Everything is keyed BLAKE2b (RFC 7693) with keys of 32 bytes (spec/commitments.md, "Keys").
"""

from __future__ import annotations

import hashlib

from manifest.commitments.vrf import SecretKey, secret_key

__all__ = [
    "LOOKUP_SIZE",
    "SECRET_SIZE",
    "absence_key",
    "absence_value",
    "leaf_key",
    "leaf_of",
    "lookup_key",
    "lookup_of",
    "presence_key",
]

SECRET_SIZE = 32
LOOKUP_SIZE = 16
_ABSENCE_VALUE = b"model-release-manifest/absence-value/1\0"


def _derived(secret: bytes, label: bytes) -> bytes:
    return hashlib.blake2b(label, key=secret, digest_size=32).digest()


def presence_key(secret: bytes) -> bytes:
    """The key from which each leaf's own key comes."""
    return _derived(secret, b"model-release-manifest/presence/1")


def absence_key(secret: bytes) -> SecretKey:
    """The secret key of the verifiable random function.

    Raises:
        MissingExtraError: PyNaCl is not installed.
    """
    return secret_key(_derived(secret, b"model-release-manifest/absence/1"))


def lookup_key(secret: bytes) -> bytes:
    """The key under which an index finds records; no part of any proof."""
    return _derived(secret, b"model-release-manifest/lookup/1")


def leaf_key(key: bytes, index: int) -> bytes:
    """The key of one leaf: all that a proof of presence reveals of the secret.

    Args:
        key: The `presence_key`.
        index: Which leaf, from zero.
    """
    return hashlib.blake2b(index.to_bytes(8, "big"), key=key, digest_size=32).digest()


def leaf_of(key: bytes, index: int, digest: bytes) -> bytes:
    """The data of a leaf of the presence tree.

    Args:
        key: The leaf's own key.
        index: Which leaf, from zero.
        digest: The record's digest.
    """
    return hashlib.blake2b(index.to_bytes(8, "big") + digest, key=key, digest_size=32).digest()


def lookup_of(key: bytes, digest: bytes) -> bytes:
    """Where an index files a record, 16 bytes."""
    return hashlib.blake2b(digest, key=key, digest_size=LOOKUP_SIZE).digest()


def absence_value(output: bytes) -> bytes:
    """The data of a leaf of the absence tree, from the output of the random function."""
    return hashlib.sha256(_ABSENCE_VALUE + output).digest()
