"""Certificates that a policy revokes by fingerprint, in every form and at every height."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from releases import Release, make_release
from timestamp_authority import Holder, issue

from manifest.policy import Decision, decide
from manifest.policy.reading import parse_policy
from manifest.signing.fingerprints import fingerprints_of
from manifest.signing.keys import generate, load_private
from manifest.signing.signer import sign_payload

CODE_SIGNING = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3")])
POLICY = """\
schema_version: "1.0"
signers:
  alice:
    authorities: [root.pem]
    identities: ["subject:CN=alice"]
    roles: [publisher]
    releases: ["acme/*"]
"""
ORDERS = {
    256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    384: 2**384 - 1388124618062372383947042015309946732620727252194336364173,
    521: 2**521 - 657877501894328237357444332315020117536923257219387276263472201219398408051703,
}


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    long = b"\x81" + bytes((size,)) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return bytes((tag,)) + long + content


def flipped(certificate: x509.Certificate, bits: int = 256) -> bytes:
    """The certificate with its signature in the other form."""
    der = certificate.public_bytes(Encoding.DER)
    r, s = decode_dss_signature(certificate.signature)
    new = encode_dss_signature(r, ORDERS[bits] - s)
    head, _, tail = der.rpartition(tlv(3, b"\0" + certificate.signature))
    assert not tail
    return tlv(0x30, head[4:] + tlv(3, b"\0" + new))


def fingerprint(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).fingerprint(SHA256()).hex()


class Scene:
    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "release").mkdir()
        self.release: Release = make_release(path / "release", generate())
        self.root = issue("the root", None)
        self.between = issue("between", self.root)
        self.leaf = issue("alice", self.between, purposes=CODE_SIGNING)
        (path / "root.pem").write_bytes(self.root.pem)

    def sign(self, *chain: bytes) -> None:
        key = load_private(self.leaf.key_pem)
        bundle = json.loads(sign_payload(json.dumps(self.release.statement()).encode(), key))
        material = bundle["verificationMaterial"]
        del material["publicKey"]
        raw = [{"rawBytes": base64.b64encode(der).decode()} for der in chain]
        material["x509CertificateChain"] = {"certificates": raw}
        (self.release.path / "model.sig").write_text(json.dumps(bundle))

    def decide(self, *revoked: str) -> Decision:
        listed = ", ".join(f"'sha256:{one}'" for one in revoked)
        text = POLICY + (f"revoked: {{keys: [{listed}]}}\n" if revoked else "")
        policy = parse_policy(text.encode(), name="policy.yaml", directory=self.path)
        return decide(policy, self.release.path)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize("holder", ["leaf", "between", "root"])
def test_whoever_is_in_the_chain_can_be_revoked(scene: Scene, holder: str) -> None:
    scene.sign(scene.leaf.der, scene.between.der)
    assert scene.decide().accepted
    found: Holder = getattr(scene, holder)
    decision = scene.decide(fingerprint(found.der))
    assert decision.exit_code == 3
    assert "with a key that the policy revokes" in decision.report.refusal
    assert scene.decide("0" * 64).accepted


@pytest.mark.parametrize("which", [0, 1])
def test_another_form_of_a_certificate_is_the_same_one(scene: Scene, which: int) -> None:
    chain = [scene.leaf.der, scene.between.der]
    revoked = fingerprint(chain[which])
    chain[which] = flipped(x509.load_der_x509_certificate(chain[which]))
    assert fingerprint(chain[which]) != revoked
    scene.sign(*chain)
    assert scene.decide().accepted  # the other form is as good
    assert scene.decide(revoked).exit_code == 3
    assert scene.decide(fingerprint(chain[which])).exit_code == 3


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_the_other_form_is_one_that_holds(curve: ec.EllipticCurve) -> None:
    root = issue("the root", None, key=ec.generate_private_key(curve))
    leaf = issue("alice", root, purposes=CODE_SIGNING)
    found = fingerprints_of([leaf.certificate, root.certificate])
    assert len(found) == 4
    assert fingerprint(leaf.der) in found
    other = flipped(leaf.certificate, curve.key_size)
    assert fingerprint(other) in found
    x509.load_der_x509_certificate(other).verify_directly_issued_by(root.certificate)
