"""Whom `verify_release` trusts beside keys, and what it refuses to be told twice."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from releases import Release, make_release
from timestamp_authority import Holder, issue

import manifest
from manifest.errors import UsageError
from manifest.signing.keys import generate, load_private, public_pem
from manifest.signing.signer import sign_payload

CODE_SIGNING = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3")])
POLICY = """\
schema_version: "1.0"
signers:
  publisher:
    keys: [key.pub]
    roles: [publisher]
    releases: ["acme/*"]
"""


class Scene:
    """A release signed by a key, and a second signature by a certificate."""

    def __init__(self, path: Path) -> None:
        self.key = generate()
        self.path = path / "release"
        self.path.mkdir()
        self.release: Release = make_release(self.path, self.key)
        self.public = public_pem(self.key.public)
        self.authority = issue("authority", None)
        self.leaf = issue("alice", self.authority, purposes=CODE_SIGNING)
        self.by_leaf = path / "leaf.sig"
        signer = load_private(self.leaf.key_pem, what="leaf")
        bundle = json.loads(sign_payload(json.dumps(self.release.statement()).encode(), signer))
        material = bundle["verificationMaterial"]
        del material["publicKey"]
        chain = [{"rawBytes": base64.b64encode(self.leaf.der).decode()}]
        material["x509CertificateChain"] = {"certificates": chain}
        self.by_leaf.write_text(json.dumps(bundle))
        (path / "key.pub").write_bytes(self.public)
        self.policy = path / "policy.yaml"
        self.policy.write_text(POLICY)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    return Scene(tmp_path)


def crl(authority: Holder, *revoked: Holder) -> bytes:
    """A revocation list of an authority."""
    now = dt.datetime.now(dt.UTC)
    name = x509.load_pem_x509_certificate(authority.pem).subject
    builder = x509.CertificateRevocationListBuilder(
        name, now - dt.timedelta(days=1), now + dt.timedelta(days=1)
    )
    for each in revoked:
        number = x509.load_der_x509_certificate(each.der).serial_number
        entry = x509.RevokedCertificateBuilder(number, now - dt.timedelta(hours=1)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ((), manifest.ExitCode.OK),
        (("subject:CN=alice",), manifest.ExitCode.OK),
        (("subject:CN=bob",), manifest.ExitCode.NOT_TRUSTED),
    ],
    ids=["no-name", "its-name", "another-name"],
)
def test_a_certificate_must_hold_the_name(
    scene: Scene, names: tuple[str, ...], code: manifest.ExitCode
) -> None:
    report = manifest.verify_release(
        scene.path,
        root_certificates=[scene.authority.pem],
        certificate_identities=names,
        signature_path=scene.by_leaf,
    )
    assert report.exit_code is code


def test_a_revoked_certificate_is_refused(scene: Scene) -> None:
    def ask(revoked: bytes) -> manifest.VerifyReport:
        return manifest.verify_release(
            scene.path,
            root_certificates=[scene.authority.pem],
            revocations=[revoked],
            signature_path=scene.by_leaf,
        )

    assert ask(crl(scene.authority)).ok
    refused = ask(crl(scene.authority, scene.leaf))
    assert refused.exit_code is manifest.ExitCode.NOT_TRUSTED
    assert "revoked" in refused.refusal


def test_a_policy_decides_and_remembers(scene: Scene, tmp_path: Path) -> None:
    report = manifest.verify_release(scene.path, policy=scene.policy, state=tmp_path / "state")
    assert report.ok, report.refusal
    assert (tmp_path / "state").is_file()
    assert not (tmp_path / "states").exists()


def test_a_policy_may_remember_nothing(scene: Scene, tmp_path: Path) -> None:
    manifest.verify_release(scene.path, policy=scene.policy, update_state=False)
    assert not (tmp_path / "states").exists()


def test_the_state_of_the_user_is_the_one_of_the_command(scene: Scene, tmp_path: Path) -> None:
    manifest.verify_release(scene.path, policy=scene.policy)
    assert list((tmp_path / "states").rglob("policy-state.json"))


def test_a_policy_that_trusts_another_refuses(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_bytes(public_pem(generate().public))
    report = manifest.verify_release(scene.path, policy=scene.policy)
    assert report.exit_code is manifest.ExitCode.NOT_TRUSTED


@pytest.mark.parametrize(
    ("digest", "compared"), [("sha256", ("sha256",)), ("both", ("sha256", "blake3"))]
)
def test_digests_are_chosen(scene: Scene, digest: str, compared: tuple[str, ...]) -> None:
    report = manifest.verify_release(scene.path, keys=[scene.public], digest=digest)
    assert report.ok
    assert report.digests == compared


Call = Callable[[Scene], manifest.VerifyReport]
_CALLS: dict[str, tuple[Call, str]] = {
    "root-beside-a-policy": (
        lambda s: manifest.verify_release(
            s.path, policy=s.policy, root_certificates=[s.authority.pem]
        ),
        "who is trusted",
    ),
    "identity-beside-a-policy": (
        lambda s: manifest.verify_release(
            s.path, policy=s.policy, identities=[("me@example.org", "https://example.org")]
        ),
        "who is trusted",
    ),
    "state-without-a-policy": (
        lambda s: manifest.verify_release(s.path, keys=[s.public], state="s"),
        "for a policy",
    ),
    "revocations-without-roots": (
        lambda s: manifest.verify_release(s.path, keys=[s.public], revocations=[b"x"]),
        "without an authority",
    ),
    "name-without-roots": (
        lambda s: manifest.verify_release(
            s.path, keys=[s.public], certificate_identities=["email:me@example.org"]
        ),
        "without an authority",
    ),
    "trusted-root-without-identity": (
        lambda s: manifest.verify_release(s.path, keys=[s.public], trusted_root=b"{}"),
        "trusted_root",
    ),
    "digest-of-no-kind": (
        lambda s: manifest.verify_release(s.path, keys=[s.public], digest="md5"),
        "no digest md5",
    ),
    "sample-of-nothing": (
        lambda s: manifest.verify_release(s.path, keys=[s.public], sample=0),
        "at least one",
    ),
    "part-under-a-policy": (
        lambda s: manifest.verify_release(s.path, policy=s.policy, only=["*"]),
        "whole release",
    ),
}


@pytest.mark.parametrize("name", _CALLS)
def test_what_contradicts_itself_is_refused(name: str, scene: Scene) -> None:
    call, message = _CALLS[name]
    with pytest.raises(UsageError, match=message):
        call(scene)


def test_an_identity_needs_its_issuer(scene: Scene) -> None:
    pytest.importorskip("sigstore")
    with pytest.raises(UsageError, match="issuer"):
        manifest.verify_release(scene.path, identities=[("me@example.org", "")])
    report = manifest.verify_release(
        scene.path, identities=[("me@example.org", "https://example.org")]
    )
    assert report.exit_code is manifest.ExitCode.NOT_TRUSTED


def test_a_reader_knows_its_roots(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no files in such a root"):
        manifest.open_verified(scene.path, keys=[scene.public], roots={"data": tmp_path})
