"""Signing keys: ECDSA on the three NIST curves and Ed25519, as PEM files.

The OMS algorithm registry requires P-256, P-384 and P-521. The hash goes with the curve, as in
the Sigstore algorithm registry: SHA-256, SHA-384, SHA-512. Ed25519 is an addition of ours: the
bundle is sound, and the reference implementation of OMS cannot verify it.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import re
from typing import TypeAlias

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from manifest.errors import UsageError
from manifest.records import record

__all__ = [
    "MAX_PEM_BYTES",
    "KeyKind",
    "PrivateKey",
    "PublicKey",
    "fingerprint",
    "generate",
    "load_private",
    "load_public",
    "private_pem",
    "public_pem",
    "wrap_public",
]

MAX_PASSPHRASE_BYTES = 1023
"""The longest passphrase that OpenSSL takes for a key file."""

MAX_PEM_BYTES = 64 * 1024
"""The largest key file read; a real one has a few hundred bytes."""

_Public: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_Private: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_PEM_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_KINDS_WORDS = "ECDSA on P-256, P-384 or P-521, or Ed25519"
_KEYGEN = "make a key with `manifest keygen`"


class KeyKind(enum.StrEnum):
    """The kinds of key that sign and verify here."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    ECDSA_P521 = "ecdsa-p521"
    ED25519 = "ed25519"


_CURVES: dict[KeyKind, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    KeyKind.ECDSA_P256: (ec.SECP256R1(), hashes.SHA256()),
    KeyKind.ECDSA_P384: (ec.SECP384R1(), hashes.SHA384()),
    KeyKind.ECDSA_P521: (ec.SECP521R1(), hashes.SHA512()),
}
_KIND_OF_CURVE = {curve.name: kind for kind, (curve, _) in _CURVES.items()}


@record(frozen=True, slots=True)
class PublicKey:
    """A key that verifies.

    Attributes:
        kind: The algorithm.
        fingerprint: What names the key: see `fingerprint`.
    """

    kind: KeyKind
    fingerprint: str
    _key: _Public = dataclasses.field(repr=False, compare=False)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether this key made the signature over the data.

        ECDSA signatures are DER (RFC 3279, 2.2.3), Ed25519 signatures 64 bytes (RFC 8032).
        A signature of another length or encoding is False like any other wrong one.
        """
        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                self._key.verify(signature, data, ec.ECDSA(_CURVES[self.kind][1]))
            else:
                self._key.verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def verify_with_sha256(self, signature: bytes, data: bytes) -> bool:
        """Whether this ECDSA key made the signature with SHA-256, whatever its curve.

        For signatures from before OMS 1.0 alone: see `manifest.signing.history`.
        """
        if not isinstance(self._key, ec.EllipticCurvePublicKey):
            return False
        try:
            self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    def is_named_by(self, hint: str) -> bool:
        """Whether a bundle's key hint means this key.

        OMS asks for "a hex-encoded key fingerprint" and leaves open of what. The reference
        implementation takes the PEM text; the usual choice elsewhere is the DER encoding.
        Both are accepted, for a hint selects a key and proves nothing.
        """
        der = self._key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hint in {self.fingerprint, hashlib.sha256(der).hexdigest()}


@record(frozen=True, slots=True)
class PrivateKey:
    """A key that signs. Its repr names the kind and the public fingerprint only."""

    kind: KeyKind
    public: PublicKey
    _key: _Private = dataclasses.field(repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the public half."""
        return self.public.fingerprint

    def sign(self, data: bytes) -> bytes:
        """The signature over the data, in the encoding that `PublicKey.verify` reads."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(_CURVES[self.kind][1]))
        return self._key.sign(data)


def generate(kind: KeyKind = KeyKind.ECDSA_P256) -> PrivateKey:
    """Make a new key from the operating system's randomness."""
    if kind is KeyKind.ED25519:
        return _wrap_private(ed25519.Ed25519PrivateKey.generate(), "the key")
    return _wrap_private(ec.generate_private_key(_CURVES[kind][0]), "the key")


def load_private(
    pem: bytes, *, passphrase: bytes | None = None, what: str = "the private key"
) -> PrivateKey:
    """Read a private key from PEM: PKCS#8 or the older SEC 1 form, encrypted or not.

    Args:
        pem: The file's bytes.
        passphrase: What decrypts the key; None for a key that is not encrypted.
        what: The key's name for messages, such as its file name.

    Raises:
        UsageError: Not a private key, not exactly one, of another kind, or the passphrase is
            missing, wrong or not needed. The message says which.
    """
    label, block = _single_block(pem, what)
    if label == "OPENSSH PRIVATE KEY":
        raise UsageError(
            f"{what} is in OpenSSH's own format",
            remedy="convert a copy with `ssh-keygen -p -m PKCS8 -f COPY`, or make a new key",
        )
    if not label.endswith("PRIVATE KEY"):
        raise UsageError(
            f"{what} holds {_article(label)}, and a private key is needed",
            remedy="give the file of the private key that belongs to it",
        )
    encrypted = label == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block
    if encrypted and not passphrase:
        raise UsageError(
            f"{what} is encrypted, and no passphrase was given", remedy="give its passphrase"
        )
    if passphrase is not None and not encrypted:
        raise UsageError(
            f"{what} is not encrypted, and a passphrase was given",
            remedy="leave the passphrase out, or check that this is the intended key",
        )
    try:
        key = serialization.load_pem_private_key(block, passphrase)
    except UnsupportedAlgorithm:
        raise UsageError(
            f"{what} uses an algorithm that is not supported; keys are {_KINDS_WORDS}",
            remedy=_KEYGEN,
        ) from None
    except (ValueError, TypeError, InternalError):  # the last of what OpenSSL has no name for
        if encrypted:
            problem = "cannot be decrypted: the passphrase is wrong, or the file is damaged"
        else:
            problem = "cannot be read: the file is damaged, or not of a supported kind"
        raise UsageError(f"{what} {problem}", remedy="check the file and the passphrase") from None
    return _wrap_private(key, what)


def load_public(pem: bytes, *, what: str = "the public key") -> PublicKey:
    """Read a public key from PEM (SubjectPublicKeyInfo, RFC 7468 section 13).

    Args:
        pem: The file's bytes.
        what: The key's name for messages, such as its file name.

    Raises:
        UsageError: Not a public key, not exactly one, or of another kind.
    """
    label, block = _single_block(pem, what)
    if label.endswith("PRIVATE KEY"):
        raise UsageError(
            f"{what} holds a private key, and a public key is needed",
            remedy="give the file of the public key; a private key stays with the signer",
        )
    if label == "CERTIFICATE":
        raise UsageError(
            f"{what} holds a certificate, and a public key is needed",
            remedy="to trust a certification authority, give the file with --root",
        )
    try:
        key = serialization.load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm, InternalError):
        raise UsageError(
            f"{what} is not a public key that can be read; keys are {_KINDS_WORDS}",
            remedy="give a PEM file that begins with -----BEGIN PUBLIC KEY-----",
        ) from None
    return wrap_public(key, what)


def private_pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    """The key as PKCS#8 PEM, encrypted when a passphrase is given.

    Raises:
        UsageError: The passphrase is empty or too long.
    """
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        if not passphrase:
            raise UsageError(
                "the passphrase is empty",
                remedy="give a passphrase, or say that the key is to be stored unencrypted",
            )
        if len(passphrase) > MAX_PASSPHRASE_BYTES:
            raise UsageError(
                f"the passphrase has more than {MAX_PASSPHRASE_BYTES:,} bytes",
                remedy="give a shorter one",
            )
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key._key.private_bytes(  # noqa: SLF001 - the wrapper of this module
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def public_pem(key: PublicKey) -> bytes:
    """The key as SubjectPublicKeyInfo PEM."""
    return _spki_pem(key._key)  # noqa: SLF001 - the wrapper of this module


def fingerprint(key: PublicKey) -> str:
    """The hex SHA-256 of the key's SubjectPublicKeyInfo PEM, final newline included.

    This is what the reference implementation of OMS writes as the key hint of a bundle.
    """
    return key.fingerprint


def wrap_public(key: object, what: str) -> PublicKey:
    """A `PublicKey` around a key object of `cryptography`; for use inside this package.

    Raises:
        UsageError: The key is of a kind that is not supported.
    """
    kind = _kind(key)
    if kind is None or not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise _unsupported(key, what)
    return PublicKey(kind, hashlib.sha256(_spki_pem(key)).hexdigest(), key)


def _wrap_private(key: object, what: str) -> PrivateKey:
    kind = _kind(key)
    if kind is None or not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise _unsupported(key, what)
    return PrivateKey(kind, wrap_public(key.public_key(), what), key)


def _kind(key: object) -> KeyKind | None:
    if isinstance(key, ed25519.Ed25519PublicKey | ed25519.Ed25519PrivateKey):
        return KeyKind.ED25519
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return _KIND_OF_CURVE.get(key.curve.name)
    return None


def _unsupported(key: object, what: str) -> UsageError:
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        found = "an RSA key"
    elif isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        found = f"a key on the curve {key.curve.name}"
    else:
        found = "a key of another algorithm"
    return UsageError(f"{what} is {found}; keys are {_KINDS_WORDS}", remedy=_KEYGEN)


def _spki_pem(key: _Public) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _single_block(pem: bytes, what: str) -> tuple[str, bytes]:
    """The label and the bytes of the file's only PEM block.

    `openssl ecparam -genkey` writes a block of curve parameters before the key; the key
    names its curve itself, so that block is passed over.
    """
    if len(pem) > MAX_PEM_BYTES:
        raise UsageError(
            f"{what} has {len(pem):,} bytes; a key file has at most {MAX_PEM_BYTES:,}",
            remedy="check that this is the intended file",
        )
    found = [
        (match.group(1).decode("ascii"), match.start())
        for match in _PEM_LABEL.finditer(pem)
        if match.group(1) != b"EC PARAMETERS"
    ]
    if not found:
        raise UsageError(
            f"{what} is not a PEM file: it has no -----BEGIN line",
            remedy="convert a DER file with `openssl pkey -inform DER`",
        )
    if len(found) > 1:
        labels = ", ".join(label.lower() for label, _ in found[:4])
        raise UsageError(
            f"{what} holds {len(found)} PEM blocks ({labels}), and exactly one is expected",
            remedy="split the file, and give the one that is meant",
        )
    label, start = found[0]
    return label, pem[start:]


def _article(label: str) -> str:
    words = label.lower()
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
