"""Signers by certificate: each authority vouches for its own signer's names, and a key is one voice."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from releases import Release, make_release
from timestamp_authority import Holder, issue, make_authority

from manifest.policy import Decision, decide
from manifest.policy.reading import parse_policy
from manifest.signing.bundle import add_timestamps, parse_bundle
from manifest.signing.keys import PrivateKey, generate, load_private, public_pem
from manifest.signing.signer import sign_payload

CODE_SIGNING = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3")])

POLICY = """\
schema_version: "1.0"
signers:
  alice:
    authorities: [one.pem]
    identities: ["subject:CN=alice"]
    roles: [publisher]
    releases: ["acme/*"]
  bob:
    authorities: [two.pem]
    identities: ["subject:CN=bob"]
    roles: [publisher]
    releases: ["acme/*"]
"""


class Scene:
    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "release").mkdir()
        self.stranger = generate()
        self.release: Release = make_release(path / "release", self.stranger)
        self.one, self.two = issue("authority one", None), issue("authority two", None)
        (path / "one.pem").write_bytes(self.one.pem)
        (path / "two.pem").write_bytes(self.two.pem)

    def leaf(self, name: str, authority: Holder, *, like: Holder | None = None) -> Holder:
        return issue(name, authority, purposes=CODE_SIGNING, key=like.key if like else None)

    def sign(self, leaf: Holder, name: str = "model.sig") -> None:
        key = key_of(leaf)
        bundle = json.loads(sign_payload(json.dumps(self.release.statement()).encode(), key))
        material = bundle["verificationMaterial"]
        del material["publicKey"]
        chain = [{"rawBytes": base64.b64encode(leaf.der).decode()}]
        material["x509CertificateChain"] = {"certificates": chain}
        file = self.release.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(bundle))

    def decide(self, text: str = POLICY, *, at: dt.datetime | None = None) -> Decision:
        policy = parse_policy(text.encode(), name="policy.yaml", directory=self.path)
        return decide(policy, self.release.path, at=at)


def key_of(leaf: Holder) -> PrivateKey:
    return load_private(leaf.key_pem)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def found(decision: Decision, name: str = "publisher") -> str:
    return next(d.found for d in decision.demands if d.name == name)


def test_each_authority_vouches_for_its_own_signer(scene: Scene) -> None:
    scene.sign(scene.leaf("alice", scene.one))
    scene.sign(scene.leaf("bob", scene.two), "signatures/bob.sig")
    decision = scene.decide(POLICY + "thresholds: {publisher: 2}\n")
    assert decision.accepted, decision
    assert found(decision) == "alice, bob"


def test_authority_cannot_vouch_for_the_signer_of_another(scene: Scene) -> None:
    scene.sign(scene.leaf("alice", scene.two))
    decision = scene.decide()
    assert decision.exit_code == 3
    assert not decision.accepted
    assert found(decision, "files") == decision.report.refusal
    assert "identit" in decision.report.refusal or "name" in decision.report.refusal


def test_one_key_with_two_certificates_is_one_voice(scene: Scene) -> None:
    alice = scene.leaf("alice", scene.one)
    scene.sign(alice)
    scene.sign(scene.leaf("bob", scene.two, like=alice), "signatures/bob.sig")
    decision = scene.decide(POLICY + "thresholds: {publisher: 2}\n")
    assert decision.exit_code == 3
    assert found(decision) == "alice = bob"


def test_key_that_is_also_in_a_certificate_is_one_voice(scene: Scene) -> None:
    alice = scene.leaf("alice", scene.one)
    (scene.path / "carol.pub").write_bytes(public_pem(key_of(alice).public))
    carol = "  carol:\n    keys: [carol.pub]\n    roles: [publisher]\n    releases: ['**']\n"
    scene.sign(alice)
    payload = json.dumps(scene.release.statement()).encode()
    (scene.release.path / "signatures").mkdir()
    (scene.release.path / "signatures/carol.sig").write_bytes(sign_payload(payload, key_of(alice)))
    decision = scene.decide(POLICY + carol + "thresholds: {publisher: 2}\n")
    assert decision.exit_code == 3
    assert found(decision) == "alice = carol"


@pytest.mark.parametrize("by", ["certificate", "key"])
def test_revoked_certificate_does_not_count(scene: Scene, by: str) -> None:
    alice = scene.leaf("alice", scene.one)
    scene.sign(alice)
    name = hashlib.sha256(alice.der).hexdigest()
    if by == "key":
        name = key_of(alice).fingerprint
    decision = scene.decide(POLICY + f"revoked: {{keys: ['sha256:{name}']}}\n")
    assert decision.exit_code == 3
    assert "alice signed with a key that the policy revokes" in decision.report.refusal


def test_expired_certificate_is_refused(scene: Scene) -> None:
    scene.sign(scene.leaf("alice", scene.one))
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=200)
    decision = scene.decide(at=later)
    assert decision.exit_code == 3


def test_revocation_list_of_the_policy(scene: Scene) -> None:
    alice = scene.leaf("alice", scene.one)
    scene.sign(alice)
    now = dt.datetime.now(dt.UTC)
    for name, serial in (("other.crl", 1), ("alice.crl", alice.certificate.serial_number)):
        gone = x509.RevokedCertificateBuilder().serial_number(serial)
        crl = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(scene.one.certificate.subject)
            .last_update(now - dt.timedelta(days=1))
            .next_update(now + dt.timedelta(days=1))
            .add_revoked_certificate(gone.revocation_date(now - dt.timedelta(hours=1)).build())
            .sign(scene.one.key, hashes.SHA256())
        )
        (scene.path / name).write_bytes(crl.public_bytes(serialization.Encoding.PEM))
    place = "    authorities: [one.pem]\n"
    for name, code in (("other.crl", 0), ("alice.crl", 3)):
        text = POLICY.replace(place, f"{place}    revocation_lists: [{name}]\n")
        decision = scene.decide(text)
        assert decision.exit_code == code, decision
    assert "revoked" in decision.report.refusal


def test_timestamp_authority_of_the_policy(scene: Scene) -> None:
    pytest.importorskip("rfc3161_client")
    if shutil.which("openssl") is None:
        pytest.skip("no OpenSSL to make timestamps with")
    scene.sign(scene.leaf("alice", scene.one))
    tsa = make_authority(scene.path / "tsa")
    (scene.path / "tsa.pem").write_bytes(tsa.root.pem)
    file = scene.release.path / "model.sig"
    signature = parse_bundle(file.read_bytes()).envelope.signatures[0].sig
    file.write_bytes(add_timestamps(file.read_bytes(), [tsa.stamp(signature)]))
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=200)
    assert scene.decide(at=later).exit_code == 3
    place = "    authorities: [one.pem]\n"
    text = POLICY.replace(place, f"{place}    timestamp_authorities: [tsa.pem]\n")
    assert scene.decide(text, at=later).accepted


def test_tree_that_changes_while_it_is_judged_is_no_answer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from manifest.policy.content import demands_of_content as real

    scene.sign(scene.leaf("alice", scene.one))

    def swapping(*args: Any, **options: Any) -> list[object]:
        demands: list[object] = list(real(*args, **options))
        (scene.release.path / "notes.txt").write_text("swapped\n")
        return demands

    monkeypatch.setattr("manifest.policy.run.demands_of_content", swapping)
    decision = scene.decide(POLICY + "forbidden_formats: [pickle]\n")
    assert decision.exit_code == 4
    assert "changed while it was verified" in decision.report.undecided_reason
