"""Targets: bundles, statements, keys, certificates, lists, timestamps."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from targets import DATA, JSON, every, files, given, target
from timestamp_authority import make_authority

from manifest.signing.detached import bytes_to_sign

AT = dt.datetime(2027, 6, 1, tzinfo=dt.UTC)


@target(
    "bundle",
    "signing.bundle.parse_bundle",
    "signing.dsse.parse_envelope",
    "signing.dsse.decode_base64",
    "signing.verification.verify_signature",
    "signing.statement.parse_statement",
    seeds=files("oms/*.sig"),
    tokens=(*JSON, "dsseEnvelope", "payload", "publicKey", "x509CertificateChain"),
)
def _(data: bytes) -> object:
    from manifest.signing.bundle import parse_bundle
    from manifest.signing.statement import parse_statement
    from manifest.signing.verification import verify_signature

    keys, roots = _trusted()
    bundle = parse_bundle(data)
    every(data, lambda d: verify_signature(d, keys=keys, roots=roots, at=AT))
    return parse_statement(bundle.envelope.payload)


@functools.cache
def _trusted() -> tuple[list[Any], list[Any]]:
    from manifest.signing.certificates import load_roots
    from manifest.signing.keys import load_public

    keys = [load_public((DATA / "oms" / "p256.pub").read_bytes())]
    return keys, list(load_roots((DATA / "oms" / "root.pem").read_bytes()))


def _payloads() -> list[bytes]:
    found = []
    for path in sorted((DATA / "oms").glob("*.sig")):
        try:
            plain = json.loads(path.read_bytes())
            found.append(base64.b64decode(plain["dsseEnvelope"]["payload"]))
        except (ValueError, KeyError):
            continue
    old = json.loads((DATA / "oms-published" / "statements.json").read_text())
    return [*found, *(text.encode() for text in old.values())]


@target(
    "statement",
    "signing.statement.parse_statement",
    "signing.history.is_digests_v0_1",
    "verify.statements.read_statement",
    "document.replay_statement.parse_replay_statement",
    seeds=lambda: [*_payloads(), _replay(), _summary()],
    tokens=(*JSON, "resources", "predicate", "ignore_paths", "predicateType"),
)
def _(data: bytes) -> object:
    from manifest.document.replay_statement import parse_replay_statement
    from manifest.signing.statement import parse_statement
    from manifest.verify.statements import read_statement

    def other(payload: bytes) -> object:
        return read_statement(
            payload, "it", signer=None, manifest_digest="1" * 64, files=["2" * 64]
        )

    every(data, parse_statement, other, lambda d: parse_replay_statement(d, what="it"))
    return None


def _summary() -> bytes:
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "m", "digest": {"sha256": "1" * 64}}],
            "predicateType": "https://slsa.dev/verification_summary/v1",
            "predicate": {
                "verificationResult": "PASSED",
                "verifiedLevels": ["A"],
                "timeVerified": "x",
            },
        }
    ).encode()


def _replay() -> bytes:
    from manifest.document.replay_statement import (
        RepeatedSegment,
        ReplayStatement,
        dump_replay_statement,
    )

    segment = RepeatedSegment("a", "b", "bit-for-bit", {}, {"w": "0" * 64})
    return dump_replay_statement(ReplayStatement("n", "1" * 64, (segment,), "", "3", "L", "none"))


PEM = (
    "-----BEGIN PUBLIC KEY-----\n",
    "-----END PUBLIC KEY-----\n",
    "-----BEGIN CERTIFICATE-----\n",
    "\r\n",
    "=",
)


@target(
    "keys",
    "signing.keys.load_public",
    "signing.keys.load_private",
    seeds=lambda: [*files("oms/*.pub")(), *_private_keys()],
    tokens=PEM,
)
def _(data: bytes) -> object:
    from manifest.signing.keys import load_private, load_public

    every(data, load_public, load_private, lambda d: load_private(d, passphrase=b"x"))
    return None


def _private_keys() -> list[bytes]:
    from manifest.signing.keys import KeyKind, generate, private_pem

    return [private_pem(generate(kind), None) for kind in KeyKind]


def _in_pem(data: bytes, label: str = "CERTIFICATE") -> bytes:
    """Half of the cases as they are, the others as the DER in a PEM block: deeper than its frame."""
    if data[:5] == b"-----":
        return data
    text = base64.encodebytes(data)
    return f"-----BEGIN {label}-----\n".encode() + text + f"-----END {label}-----\n".encode()


@functools.cache
def _certificates() -> list[bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = (DATA / "oms" / "root.pem").read_bytes()
    der = [c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(pem)]
    chain = json.loads((DATA / "oms" / "cert.sig").read_bytes())["verificationMaterial"]
    inside = [
        base64.b64decode(c["rawBytes"]) for c in chain["x509CertificateChain"]["certificates"]
    ]
    return [pem, *der, *inside]


@target(
    "certificates",
    "signing.certificates.load_roots",
    "signing.certificates.verify_chain",
    "signing.certificates.parse_identity",
    "signing.chains.load",
    seeds=_certificates,
    tokens=PEM,
)
def _(data: bytes) -> object:
    from manifest.signing.certificates import load_roots, parse_identity, verify_chain

    seeds = _certificates()
    roots = load_roots(seeds[0])
    every(
        data,
        lambda d: verify_chain([d], roots, at=AT, what="it"),
        lambda d: verify_chain([seeds[-1], d], roots, at=AT, what="it"),
        lambda d: verify_chain([seeds[2], d], load_roots(_in_pem(d)), at=AT, what="it"),
        lambda d: parse_identity(d.decode("utf-8", "replace")),
    )
    return None


def _revocation_lists() -> list[bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(7)
        .revocation_date(AT)
        .add_extension(x509.CRLReason(x509.ReasonFlags.superseded), critical=False)
        .add_extension(x509.InvalidityDate(AT), critical=False)
        .build()
    )
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name)
        .last_update(AT)
        .next_update(AT + dt.timedelta(days=1))
        .add_extension(x509.CRLNumber(5), critical=False)
        .add_revoked_certificate(entry)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    return [crl.public_bytes(form) for form in (Encoding.DER, Encoding.PEM)]


@target(
    "revocation-lists",
    "signing.revocation.load_revocation_lists",
    seeds=_revocation_lists,
    tokens=("-----BEGIN X509 CRL-----\n", "-----END X509 CRL-----\n"),
)
def _(data: bytes) -> object:
    from cryptography import x509

    from manifest.signing.revocation import check_revocation, load_revocation_lists

    path = [x509.load_der_x509_certificate(der) for der in _certificates()[1:2]] * 2

    def consult(form: bytes) -> None:
        check_revocation(path, load_revocation_lists(form), at=AT, what="it")

    every(data, consult, lambda d: consult(_in_pem(d, "X509 CRL")))
    return None


@functools.cache
def _timestamps() -> tuple[list[bytes], bytes]:
    """Answers of an authority, and its root; a refusal alone where OpenSSL is not there."""
    refused = bytes.fromhex("30053003020102")
    if shutil.which("openssl") is None:
        return [refused], (DATA / "oms" / "root.pem").read_bytes()
    with tempfile.TemporaryDirectory() as directory:
        authority = make_authority(Path(directory) / "a")
        return [refused, authority.stamp(b"signature")], authority.root.pem


@target(
    "timestamps",
    "signing.timestamps.verify_timestamp",
    "signing.timestamps.check_answer",
    seeds=lambda: _timestamps()[0],
)
def _(data: bytes) -> object:
    from manifest.signing.certificates import load_roots
    from manifest.signing.timestamps import check_answer, verify_timestamp

    every(data, lambda d: check_answer(d, b"signature", None, what="it"))
    now = dt.datetime.now(dt.UTC)
    return verify_timestamp(data, b"signature", load_roots(_timestamps()[1]), at=now, what="it")


@target(
    "sigstore",
    "signing.keyless.load_trusted_root",
    "signing.keyless.verify_keyless",
    seeds=lambda: [*files("oms-published/v1.1.0-sigstore/model.sig")(), *_carried_root()],
    tokens=(*JSON, "tlogEntries", "inclusionProof", "rawBytes"),
)
def _(data: bytes) -> object:
    from manifest.signing.keyless import SigstoreIdentity, SigstoreTrust, load_trusted_root
    from manifest.signing.verification import verify_signature

    every(data, load_trusted_root)
    who = SigstoreIdentity("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2")
    return verify_signature(data, sigstore=SigstoreTrust((who,)))


def _carried_root() -> list[bytes]:
    from manifest.signing import keyless

    return [keyless._carried_root(staging=False)[:60_000]]


@target(
    "pkcs11-uri",
    "signing.pkcs11_uri.parse_pkcs11_uri",
    seeds=given("pkcs11:token=a;object=b;id=%01?module-path=/lib.so&pin-source=file:/p"),
    tokens=(";", "?", "&", "=", "%", "token=", "object=", "id=", "module-path="),
)
def _(data: bytes) -> object:
    from manifest.signing.pkcs11_uri import parse_pkcs11_uri

    return parse_pkcs11_uri(data.decode("utf-8", "surrogateescape"))


@functools.cache
def _signer() -> Any:
    from manifest.signing.keys import generate

    return generate()


def _detached() -> list[bytes]:
    signature: bytes = _signer().sign(bytes_to_sign(b"{}"))
    return [signature, base64.b64encode(signature), signature.hex().encode()]


@target("detached-signature", "signing.detached.imported_signer", seeds=_detached)
def _(data: bytes) -> object:
    from manifest.signing.detached import imported_signer

    return imported_signer(data, _signer().public).sign(b"{}")
