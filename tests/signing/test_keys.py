from __future__ import annotations

import hashlib
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from manifest.errors import UsageError
from manifest.signing import keys
from manifest.signing.keys import KeyKind


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize("passphrase", [None, b"correct horse"], ids=["plain", "encrypted"])
def test_key_survives_its_file(kind: KeyKind, passphrase: bytes | None) -> None:
    key = keys.generate(kind)
    pem = keys.private_pem(key, passphrase)
    assert (b"ENCRYPTED" in pem) == (passphrase is not None)
    read = keys.load_private(pem, passphrase=passphrase)
    assert read.kind is kind
    assert read.fingerprint == key.fingerprint
    public = keys.load_public(keys.public_pem(key.public))
    assert public == key.public
    assert public.verify(read.sign(b"data"), b"data")


def test_fingerprint_is_the_hash_of_the_pem_text() -> None:
    public = keys.generate().public
    assert keys.fingerprint(public) == hashlib.sha256(keys.public_pem(public)).hexdigest()
    assert public.is_named_by(public.fingerprint)


def test_hint_may_be_the_hash_of_the_der_key() -> None:
    public = keys.generate().public
    der = serialization.load_pem_public_key(keys.public_pem(public)).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert public.is_named_by(hashlib.sha256(der).hexdigest())
    assert not public.is_named_by(hashlib.sha256(b"another").hexdigest())


def test_repr_shows_no_secret() -> None:
    key = keys.generate(KeyKind.ED25519)
    secret = keys.private_pem(key, None).splitlines()[1].decode()
    assert secret not in repr(key)
    assert "object at" not in repr(key)
    assert key.fingerprint in repr(key)


@pytest.mark.parametrize("kind", KeyKind)
def test_wrong_signatures_are_false_and_never_raise(kind: KeyKind) -> None:
    key = keys.generate(kind)
    good = key.sign(b"data")
    assert key.public.verify(good, b"data")
    assert not key.public.verify(good, b"other")
    assert not keys.generate(kind).public.verify(good, b"data")
    for bad in (b"", b"\x00", good[:-1], good + b"\x00", bytes(len(good)), bytes(1_000_000)):
        assert not key.public.verify(bad, b"data")


def test_ecdsa_signature_has_one_encoding() -> None:
    key = keys.generate()
    good = key.sign(b"data")
    assert good[0] == 0x30
    long_form = b"\x30\x81" + good[1:]  # BER allows it, DER does not
    assert not key.public.verify(long_form, b"data")


def test_openssl_writes_keys_that_can_be_read() -> None:
    # This form has a block of curve parameters before the key.
    pem = openssl("ecparam", "-name", "secp384r1", "-genkey")
    assert b"EC PARAMETERS" in pem
    assert keys.load_private(pem).kind is KeyKind.ECDSA_P384
    assert keys.load_private(openssl("genpkey", "-algorithm", "ed25519")).kind is KeyKind.ED25519


def test_older_encrypted_form_can_be_read() -> None:
    inner = ec.generate_private_key(ec.SECP256R1())
    pem = inner.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"pass"),
    )
    assert keys.load_private(pem, passphrase=b"pass").kind is KeyKind.ECDSA_P256
    with pytest.raises(UsageError, match="no passphrase was given"):
        keys.load_private(pem)


KEY = keys.generate()


def test_a_passphrase_that_no_reader_takes_is_not_used() -> None:
    longest = b"p" * keys.MAX_PASSPHRASE_BYTES
    assert keys.load_private(keys.private_pem(KEY, longest), passphrase=longest).kind is KEY.kind
    with pytest.raises(UsageError, match="the passphrase has more than"):
        keys.private_pem(KEY, longest + b"p")


PLAIN = keys.private_pem(KEY, None)
ENCRYPTED = keys.private_pem(KEY, b"pass")
PUBLIC = keys.public_pem(KEY.public)
RSA = rsa.generate_private_key(65537, 2048)
RSA_PEM = RSA.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
RSA_PUBLIC = RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SECP256K1 = ec.generate_private_key(ec.SECP256K1()).private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)


@pytest.mark.parametrize(
    ("pem", "passphrase", "problem"),
    [
        pytest.param(ENCRYPTED, b"hunter2", "passphrase is wrong", id="wrong-passphrase"),
        pytest.param(ENCRYPTED, None, "no passphrase was given", id="missing-passphrase"),
        pytest.param(ENCRYPTED, b"", "no passphrase was given", id="empty-passphrase"),
        pytest.param(PLAIN, b"hunter2", "is not encrypted", id="needless-passphrase"),
        pytest.param(RSA_PEM, None, "an RSA key", id="rsa"),
        pytest.param(SECP256K1, None, "curve secp256k1", id="secp256k1"),
        pytest.param(
            openssl("genpkey", "-algorithm", "x25519"), None, "another algorithm", id="x25519"
        ),
        pytest.param(
            openssl("ecparam", "-name", "sect283k1", "-genkey"),
            None,
            "not supported|curve sect283k1",  # releases of cryptography differ
            id="binary-curve",
        ),
        pytest.param(PUBLIC, None, "holds a public key", id="public-key"),
        pytest.param(CERTIFICATE, None, "holds a certificate", id="certificate"),
        pytest.param(PLAIN + PLAIN, None, "holds 2 PEM blocks", id="two-keys"),
        pytest.param(PLAIN + PUBLIC, None, "holds 2 PEM blocks", id="both-halves"),
        pytest.param(b"", None, "not a PEM file", id="empty"),
        pytest.param(b"\x30\x81\x87\x02\x01", None, "not a PEM file", id="der"),
        pytest.param(PLAIN + b" " * 70_000, None, "at most 65,536", id="huge"),
        pytest.param(PLAIN[:-60], None, "cannot be read", id="cut-off"),
        pytest.param(
            PLAIN.replace(b"PRIVATE", b"OPENSSH PRIVATE"), None, "OpenSSH's own", id="openssh"
        ),
    ],
)
def test_private_key_is_refused(pem: bytes, passphrase: bytes | None, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        keys.load_private(pem, passphrase=passphrase, what="signer.key")
    assert caught.value.message.startswith("signer.key ")
    assert caught.value.remedy
    assert "hunter2" not in caught.value.message + caught.value.remedy


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        pytest.param(PLAIN, "holds a private key", id="private-key"),
        pytest.param(ENCRYPTED, "holds a private key", id="encrypted-private-key"),
        pytest.param(CERTIFICATE, "holds a certificate", id="certificate"),
        pytest.param(RSA_PUBLIC, "an RSA key", id="rsa"),
        pytest.param(PUBLIC + PUBLIC, "holds 2 PEM blocks", id="two-keys"),
        pytest.param(PUBLIC[:60], "not a public key that can be read", id="cut-off"),
        pytest.param(b"ssh-ed25519 AAAA", "not a PEM file", id="openssh"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----" * 9999, "at most", id="huge"),
    ],
)
def test_public_key_is_refused(pem: bytes, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        keys.load_public(pem, what="signer.pub")
    assert caught.value.message.startswith("signer.pub ")
    assert caught.value.remedy


def test_empty_passphrase_does_not_encrypt() -> None:
    with pytest.raises(UsageError, match="passphrase is empty"):
        keys.private_pem(KEY, b"")
