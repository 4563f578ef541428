"""What the reference implementation signs today, in each of its ways: read to the bytes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from manifest.errors import ExitCode
from manifest.signing.certificates import load_roots
from manifest.signing.keys import generate, private_pem
from manifest.signing.revocation import load_revocation_lists
from manifest.verify.run import verify

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]

KEY = generate()
FILES = {"a.txt": b"1" * 1000, "a/z": b"2", "B.txt": b"3" * 399, "é.txt": b"4" * 400, "empty": b""}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    for name, data in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "key.pem").write_bytes(private_pem(KEY, None))
    return root


def sign(where: Path, signature: Path, *, shards: bool, algorithm: str) -> None:
    pytest.importorskip("OpenSSL")
    hashing = pytest.importorskip("model_signing.hashing")
    signing = pytest.importorskip("model_signing.signing")
    config = hashing.Config()
    if shards:
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=400)
    else:
        config.use_file_serialization(hashing_algorithm=algorithm)
    key = signature.with_name("key.pem")
    signing.Config().use_elliptic_key_signer(private_key=key).set_hashing_config(config).sign(
        where, signature
    )


@pytest.mark.parametrize("shards", [False, True], ids=["files", "ranges"])
@pytest.mark.parametrize("algorithm", ["sha256", "blake2", "blake3"])
def test_directory(model: Path, *, shards: bool, algorithm: str) -> None:
    signature = model.with_name("model.sig")
    sign(model, signature, shards=shards, algorithm=algorithm)
    report = verify(model, keys=[KEY.public], signature_path=signature)
    assert report.ok, report
    assert report.files_checked == len(FILES)
    (model / "a.txt").write_bytes(b"1" * 999 + b"2")
    broken = verify(model, keys=[KEY.public], signature_path=signature)
    assert broken.exit_code is ExitCode.DIFFERENT
    assert [p.path for p in broken.problems] == ["a.txt"]


@pytest.mark.parametrize("shards", [False, True], ids=["files", "ranges"])
@pytest.mark.parametrize("algorithm", ["sha256", "blake2", "blake3"])
@pytest.mark.parametrize("name", ["a.txt", "é.txt"])
def test_one_file(model: Path, name: str, *, shards: bool, algorithm: str) -> None:
    signature = model.with_name("one.sig")
    sign(model / name, signature, shards=shards, algorithm=algorithm)
    report = verify(model / name, keys=[KEY.public], signature_path=signature)
    assert report.ok, report
    data = bytearray(FILES[name])
    data[-1] ^= 1
    (model / name).write_bytes(data)
    broken = verify(model / name, keys=[KEY.public], signature_path=signature)
    assert [p.path for p in broken.problems] == [name]


def test_certificate_and_its_revocation(model: Path) -> None:
    pytest.importorskip("OpenSSL")
    signing = pytest.importorskip("model_signing.signing")
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)

    def certificate(name: str, key: Any, issuer: str, by: Any, *, ca: bool) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=not ca, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(by, hashes.SHA256())
        )

    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("root", root_key, "root", root_key, ca=True)
    leaf = certificate("signer", leaf_key, "root", root_key, ca=False)
    place = model.parent
    pem = serialization.Encoding.PEM
    (place / "root.pem").write_bytes(root.public_bytes(pem))
    (place / "leaf.pem").write_bytes(leaf.public_bytes(pem))
    (place / "leaf-key.pem").write_bytes(
        leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    signature = place / "cert.sig"
    signing.Config().use_certificate_signer(
        private_key=place / "leaf-key.pem",
        signing_certificate=place / "leaf.pem",
        certificate_chain=[place / "root.pem"],
    ).sign(model, signature)

    def crl(*serials: int) -> Any:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(root.subject)
            .last_update(now - day / 2)
            .next_update(now + day / 2)
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            builder = builder.add_revoked_certificate(entry.build())
        return load_revocation_lists(builder.sign(root_key, hashes.SHA256()).public_bytes(pem))

    roots = load_roots((place / "root.pem").read_bytes())
    for lists in ((), crl(), crl(7)):
        report = verify(
            model, signature_path=signature, revocation_lists=lists, certificate_roots=roots
        )
        assert report.ok, report
    revoked = verify(
        model,
        signature_path=signature,
        revocation_lists=crl(leaf.serial_number),
        certificate_roots=roots,
    )
    assert revoked.exit_code is ExitCode.NOT_TRUSTED
    assert "CN=signer was revoked" in revoked.refusal
