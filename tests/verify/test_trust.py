"""Who signed, as a report has it: by certificate, and with the word of a timestamp authority."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from timestamp_authority import Authority, Holder, issue, make_authority

from manifest.signing.bundle import add_timestamps, parse_bundle
from manifest.signing.certificates import load_roots
from manifest.signing.keys import load_private
from manifest.signing.signer import sign_payload
from manifest.verify.report import SignerInfo, VerifyReport
from manifest.verify.run import verify

if TYPE_CHECKING:
    from releases import Release

CODE_SIGNING = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3")])
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def root() -> Holder:
    return issue("the root", None)


@pytest.fixture
def leaf(root: Holder) -> Holder:
    return issue("alice", root, purposes=CODE_SIGNING)


def by_certificate(release: Release, leaf: Holder) -> Path:
    payload = json.dumps(release.statement()).encode()
    bundle = json.loads(sign_payload(payload, load_private(leaf.key_pem)))
    material = bundle["verificationMaterial"]
    del material["publicKey"]
    chain = [{"rawBytes": base64.b64encode(leaf.der).decode()}]
    material["x509CertificateChain"] = {"certificates": chain}
    file = release.path / "model.sig"
    file.write_text(json.dumps(bundle))
    return file


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    pytest.importorskip("rfc3161_client")
    if shutil.which("openssl") is None:
        pytest.skip("no OpenSSL to make timestamps with")
    return make_authority(tmp_path / "tsa")


def stamp(file: Path, authority: Authority) -> None:
    signature = parse_bundle(file.read_bytes()).envelope.signatures[0].sig
    file.write_bytes(add_timestamps(file.read_bytes(), [authority.stamp(signature)]))


def signer_of(report: VerifyReport) -> SignerInfo:
    assert report.ok, report
    assert report.signer is not None
    return report.signer


def expected(file: Path, leaf: Holder) -> SignerInfo:
    return SignerInfo(
        method="certificate",
        identity=leaf.certificate.subject.rfc4514_string(),
        kind="ecdsa-p256",
        fingerprint=hashlib.sha256(leaf.der).hexdigest(),
        issuer=leaf.certificate.issuer.rfc4514_string(),
        names=(),
        signature="model.sig",
        signature_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )


def test_by_certificate(release: Release, root: Holder, leaf: Holder) -> None:
    file = by_certificate(release, leaf)
    report = release.verify(keys=[], certificate_roots=load_roots(root.pem, what="root"))
    assert signer_of(report) == expected(file, leaf)


def test_an_identity_that_is_asked_for(release: Release, root: Holder, leaf: Holder) -> None:
    by_certificate(release, leaf)
    roots = load_roots(root.pem, what="root")
    good = release.verify(
        keys=[], certificate_roots=roots, certificate_identities=["subject:CN=alice"]
    )
    assert good.ok
    bad = release.verify(
        keys=[], certificate_roots=roots, certificate_identities=["subject:CN=bob"]
    )
    assert not bad.ok
    assert "CN=bob" in bad.refusal or "alice" in bad.refusal


def test_by_certificate_with_a_timestamp(
    release: Release, root: Holder, leaf: Holder, authority: Authority
) -> None:
    file = by_certificate(release, leaf)
    stamp(file, authority)
    trust = {
        "keys": [],
        "certificate_roots": load_roots(root.pem, what="root"),
        "at": NOW + dt.timedelta(days=200),  # after the certificate, not after the authority's
    }
    assert not release.verify(**trust).ok
    stamps = load_roots(authority.root.pem, what="tsa")
    found = signer_of(release.verify(**trust, timestamp_roots=stamps))
    before = dt.datetime.strptime(found.signed_before, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    assert abs(before - NOW) < dt.timedelta(minutes=30)
    assert dataclasses.replace(found, signed_before="") == expected(file, leaf)


def test_by_key_with_a_timestamp(release: Release, authority: Authority) -> None:
    file = release.path / "model.sig"
    stamp(file, authority)
    without = signer_of(release.verify())
    assert without.signed_before == ""
    stamps = load_roots(authority.root.pem, what="tsa")
    found = signer_of(release.verify(timestamp_roots=stamps))
    assert found.signed_before > f"{NOW - dt.timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"
    assert dataclasses.replace(found, signed_before="") == without
    assert found.signature_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_by_identity() -> None:
    keyless = pytest.importorskip("manifest.signing.keyless")
    pytest.importorskip("sigstore", reason="needs the extra sigstore")
    published = Path(__file__).parents[1] / "data/oms-published/v1.1.0-sigstore"
    who, issuer = "stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2"
    trust = keyless.SigstoreTrust((keyless.SigstoreIdentity(who, issuer),))
    found = verify(published, sigstore=trust).signer
    data = (published / "model.sig").read_bytes()
    (certificate,) = parse_bundle(data).certificates
    assert found == SignerInfo(
        method="sigstore",
        identity=who,
        kind="ecdsa-p256",
        fingerprint=hashlib.sha256(certificate).hexdigest(),
        issuer=issuer,
        signature="model.sig",
        signature_sha256=hashlib.sha256(data).hexdigest(),
    )
