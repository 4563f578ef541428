"""Keyless signatures: those that the reference implementation publishes, whole and attacked.

Everything happens offline, by the root that the package sigstore carries.
"""

from __future__ import annotations

import base64
import builtins
import copy
import importlib.resources
import json
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sigstore")

from manifest.errors import MissingExtraError, NotTrustedError, UndecidedError, UsageError
from manifest.signing import dsse, keyless
from manifest.signing.bundle import parse_bundle
from manifest.signing.certificates import load_roots
from manifest.signing.keyless import (
    KeylessSigner,
    SigstoreIdentity,
    SigstoreTrust,
    load_trusted_root,
)
from manifest.signing.statement import parse_statement
from manifest.signing.verification import VerifiedEnvelope, verify_signature

Value = dict[str, Any]
Change = Callable[[Value], Any]

SETS = Path(__file__).parents[1] / "data" / "oms-published"
WHO = "stefanb@us.ibm.com"
ISSUER = "https://sigstore.verify.ibm.com/oauth2"
SIGNER = SigstoreIdentity(WHO, ISSUER)
TRUST = SigstoreTrust((SIGNER,))
VERSIONS = ["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"]
LATEST = json.loads((SETS / "v1.1.0-sigstore" / "model.sig").read_bytes())
OTHER = json.loads((SETS / "v1.0.1-sigstore" / "model.sig").read_bytes())


def carried_root(*, staging: bool = False) -> bytes:
    return keyless._carried_root(staging=staging)


def verify(value: Value, trust: SigstoreTrust = TRUST) -> VerifiedEnvelope:
    return verify_signature(json.dumps(value).encode(), sigstore=trust, what="model.sig")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("version", VERSIONS)
def test_published_signature(version: str) -> None:
    data = (SETS / f"{version}-sigstore" / "model.sig").read_bytes()
    verified = verify_signature(data, sigstore=TRUST)
    signer = verified.signer
    assert isinstance(signer, KeylessSigner)
    assert (signer.identity, signer.issuer, signer.kind.value) == (WHO, ISSUER, "ecdsa-p256")
    assert signer.issued_at.year == 2025
    assert verified.warnings == ()
    assert parse_statement(verified.payload).subject_name == f"{version}-sigstore"


def test_root_that_is_given() -> None:
    root = load_trusted_root(carried_root())
    assert verify(LATEST, SigstoreTrust((SIGNER,), root)).payload


def test_trust_configuration_that_is_given() -> None:
    value = {"mediaType": "x", "trustedRoot": json.loads(carried_root()), "signingConfig": {}}
    root = load_trusted_root(json.dumps(value).encode())
    assert verify(LATEST, SigstoreTrust((SIGNER,), root)).payload


def test_one_of_several_identities() -> None:
    other = SigstoreIdentity("me@example.org", "https://accounts.example.org")
    assert verify(LATEST, SigstoreTrust((other, SIGNER))).payload


@pytest.mark.parametrize(
    ("identity", "issuer", "problem"),
    [
        ("me@example.org", ISSUER, f"is by {WHO}, for whom {ISSUER} vouches, and not by me@"),
        (WHO, "https://accounts.example.org", "not by the identity given with the issuer given"),
        (WHO, ISSUER + "/", "not by the identity given with the issuer given"),
        (WHO, ISSUER[:-1], "not by the identity given with the issuer given"),
        (WHO.upper(), ISSUER, "not by STEFANB"),
        (WHO + " ", ISSUER, "not by stefanb"),
        ("stefanb@us", ISSUER, "not by stefanb@us"),
        ("*", ISSUER, "not by *"),
        ("", ISSUER, f"is by {WHO}"),
    ],
)
def test_someone_else(identity: str, issuer: str, problem: str) -> None:
    with pytest.raises(NotTrustedError) as caught:
        verify(LATEST, SigstoreTrust((SigstoreIdentity(identity, issuer),)))
    assert problem in caught.value.message


def test_identity_and_issuer_of_two_signers_are_not_mixed() -> None:
    trust = SigstoreTrust(
        (SigstoreIdentity(WHO, "https://a.example"), SigstoreIdentity("me@example.org", ISSUER))
    )
    with pytest.raises(NotTrustedError, match="not by the identity given with the issuer given"):
        verify(LATEST, trust)


@pytest.mark.parametrize("trust", [None, SigstoreTrust(())])
def test_nobody_is_trusted(trust: SigstoreTrust | None) -> None:
    with pytest.raises(NotTrustedError, match="no identity is given to check it"):
        verify_signature(json.dumps(LATEST).encode(), sigstore=trust)


def test_identity_does_not_vouch_for_a_certificate_of_an_authority() -> None:
    data = (SETS / "v1.1.0-certificate" / "model.sig").read_bytes()
    with pytest.raises(NotTrustedError, match="no root certificate is given"):
        verify_signature(data, sigstore=TRUST)


def test_authority_does_not_vouch_for_an_identity() -> None:
    roots = load_roots((SETS / "keys" / "ca-cert.pem").read_bytes())
    with pytest.raises(NotTrustedError, match="no identity is given to check it"):
        verify_signature(json.dumps(LATEST).encode(), roots=roots)


def test_staging_is_another_world() -> None:
    with pytest.raises(NotTrustedError, match="does not verify as a keyless signature"):
        verify(LATEST, SigstoreTrust((SIGNER,), staging=True))


def material(value: Value) -> Value:
    found: Value = value["verificationMaterial"]
    return found


def entry(value: Value) -> Value:
    found: Value = material(value)["tlogEntries"][0]
    return found


def flip(holder: Value, field: str, at: int = -1) -> None:
    data = bytearray(base64.b64decode(holder[field]))
    data[at] ^= 1
    holder[field] = base64.b64encode(data).decode()


def new_payload(value: Value) -> None:
    payload = base64.b64decode(value["dsseEnvelope"]["payload"])
    changed = payload.replace(b"signme-2", b"signme-3")
    value["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()


def resigned(value: Value) -> None:
    """The forger's own signature and the victim's certificate."""
    from manifest.signing import keys

    new_payload(value)
    envelope = parse_bundle(json.dumps(value).encode()).envelope
    made = dsse.sign(envelope.payload_type, envelope.payload, keys.generate())
    sig = base64.b64encode(made.signatures[0].sig).decode()
    value["dsseEnvelope"]["signatures"] = [{"sig": sig}]


def body_of_another(value: Value) -> None:
    entry(value)["canonicalizedBody"] = entry(OTHER)["canonicalizedBody"]


ATTACKS = {
    "payload": (new_payload, "DSSE: invalid signature"),
    "payload-and-signature": (resigned, "DSSE: invalid signature"),
    "signature": (lambda v: flip(v["dsseEnvelope"]["signatures"][0], "sig"), "invalid signature"),
    "payload-type": (
        lambda v: v["dsseEnvelope"].update(payloadType="application/json"),
        "invalid signature",
    ),
    "envelope-of-another-model": (
        lambda v: v.update(dsseEnvelope=OTHER["dsseEnvelope"]),
        "invalid signature",
    ),
    "certificate-of-another-signature": (
        lambda v: material(v).update(certificate=material(OTHER)["certificate"]),
        "cert is not valid at validation time",
    ),
    "certificate-changed": (
        lambda v: flip(material(v)["certificate"], "rawBytes", 300),
        "signature does not match",
    ),
    "certificate-that-is-junk": (
        lambda v: material(v)["certificate"].update(rawBytes="AAAA"),
        "it is malformed",
    ),
    "entry-of-another-signature": (
        lambda v: material(v).update(tlogEntries=material(OTHER)["tlogEntries"]),
        "cert is not valid at validation time",
    ),
    "entry-twice": (
        lambda v: material(v)["tlogEntries"].append(entry(v)),
        "exactly one log entry",
    ),
    "no-inclusion-proof": (
        lambda v: entry(v).pop("inclusionProof"),
        "inclusionProof Field required",
    ),
    "no-checkpoint": (
        lambda v: entry(v)["inclusionProof"].pop("checkpoint"),
        "contain inclusion proof, with checkpoint",
    ),
    "no-promise-and-no-timestamp": (
        lambda v: (entry(v).pop("inclusionPromise"), material(v).pop("timestampVerificationData")),
        "inclusion promise or signed timestamp",
    ),
    "promise-changed": (
        lambda v: flip(entry(v)["inclusionPromise"], "signedEntryTimestamp"),
        "invalid log entry",
    ),
    "root-hash-changed": (
        lambda v: flip(entry(v)["inclusionProof"], "rootHash"),
        "invalid log entry",
    ),
    "proof-shortened": (
        lambda v: entry(v)["inclusionProof"]["hashes"].pop(),
        "invalid log entry",
    ),
    "checkpoint-changed": (
        lambda v: entry(v)["inclusionProof"]["checkpoint"].update(
            envelope=entry(v)["inclusionProof"]["checkpoint"]["envelope"].replace("\n", "\n1", 1)
        ),
        "invalid log entry",
    ),
    "time-after-the-certificate": (
        lambda v: entry(v).update(integratedTime=str(int(entry(v)["integratedTime"]) + 86_400)),
        "cert is not valid at validation time",
    ),
    "time-before-the-certificate": (
        lambda v: entry(v).update(integratedTime=str(int(entry(v)["integratedTime"]) - 86_400)),
        "cert is not valid at validation time",
    ),
    "time-a-second-later": (
        lambda v: entry(v).update(integratedTime=str(int(entry(v)["integratedTime"]) + 1)),
        "invalid log entry",
    ),
    "time-out-of-this-world": (
        lambda v: entry(v).update(integratedTime="9" * 18),
        "it is malformed",
    ),
    "log-index": (lambda v: entry(v).update(logIndex="1"), "invalid log entry"),
    "body-of-another-entry": (body_of_another, "invalid root hash"),
    "body-that-is-junk": (lambda v: entry(v).update(canonicalizedBody="AAAA"), "invalid root hash"),
    "kind-of-entry": (
        lambda v: entry(v)["kindVersion"].update(kind="hashedrekord"),
        "Unsupported DSSE log entry type",
    ),
    "version-of-entry": (
        lambda v: entry(v)["kindVersion"].update(version="9.9.9"),
        "Expected log entry version",
    ),
    "entry-that-is-empty": (lambda v: material(v).update(tlogEntries=[{}]), "Field required"),
    "entry-that-is-a-text": (
        lambda v: material(v).update(tlogEntries=["x"]),
        "should be an object",
    ),
    "timestamp-that-is-junk": (
        lambda v: material(v)["timestampVerificationData"].update(
            rfc3161Timestamps=[{"signedTimestamp": "AAAA"}]
        ),
        "Timestamp Response",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name: str) -> None:
    change, problem = ATTACKS[name]
    value = copy.deepcopy(LATEST)
    change(value)
    with pytest.raises(NotTrustedError) as caught:
        verify(value)
    assert caught.value.message.startswith("model.sig does not verify as a keyless signature: ")
    assert problem in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(
            lambda v: material(v).update(tlogEntries=[]), "needs entries", id="no-log-entry"
        ),
        pytest.param(
            lambda v: material(v).pop("certificate"), "has none of publicKey", id="no-certificate"
        ),
        pytest.param(
            lambda v: material(v).update(publicKey={}), "exactly one is needed", id="key-beside-it"
        ),
        pytest.param(
            lambda v: v["dsseEnvelope"]["signatures"].append(v["dsseEnvelope"]["signatures"][0]),
            "has 2 signatures",
            id="two-signatures",
        ),
        pytest.param(
            lambda v: v.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
            "another version of the bundle format",
            id="older-bundle",
        ),
    ],
)
def test_shape_is_refused_before_the_package_is_asked(change: Change, problem: str) -> None:
    value = copy.deepcopy(LATEST)
    change(value)
    with pytest.raises(NotTrustedError) as caught:
        verify(value)
    assert problem in caught.value.message


def test_random_damage_is_refused_in_our_words() -> None:
    """Every leaf of the material in turn, replaced: whatever the package raises, it is ours."""
    chance = random.Random(7)
    unharmful = refused = 0

    def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        items = (
            value.items() if isinstance(value, dict)
            else enumerate(value) if isinstance(value, list) else None
        )  # fmt: skip
        return [path] if items is None else [p for k, v in items for p in leaves(v, (*path, k))]

    for path in leaves(LATEST["verificationMaterial"]):
        replacements: tuple[Any, ...] = (
            None,
            "",
            "x",
            7,
            [],
            {},
            "A" * 40,
            -1,
            "1" * 30,
            True,
            chance.random(),
        )
        for junk in replacements:
            value = copy.deepcopy(LATEST)
            holder = value["verificationMaterial"]
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = junk
            try:
                verify(value)
                unharmful += 1
            except NotTrustedError:
                refused += 1
    assert refused > 150
    assert unharmful < 40  # what the package does not look at, as the log's key id


def test_payload_that_the_two_readers_see_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    from sigstore.verify import Verifier

    monkeypatch.setattr(Verifier, "verify_dsse", lambda *_: ("application/vnd.in-toto+json", b"{}"))
    with pytest.raises(NotTrustedError, match="it can be read in two ways"):
        verify(LATEST)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="empty-object"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"mediaType": "x"}', id="media-type"),
        pytest.param(b'{"trustedRoot": {}}', id="configuration-without-a-root"),
        pytest.param(b'{"a": 1, "a": 2}', id="duplicate-key"),
    ],
)
def test_file_that_is_no_trusted_root(data: bytes) -> None:
    with pytest.raises(UsageError):
        load_trusted_root(data, what="root.json")


def test_nowhere_to_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(UndecidedError, match="no temporary file can be written"):
        verify(LATEST)


def test_root_of_another_instance() -> None:
    root = load_trusted_root(carried_root(staging=True))
    with pytest.raises(NotTrustedError, match="does not verify as a keyless signature"):
        verify(LATEST, SigstoreTrust((SIGNER,), root))


def test_package_without_a_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    with pytest.raises(UndecidedError, match="carries no trusted root"):
        verify(LATEST)


def test_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "sigstore":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError) as caught:
        verify(LATEST)
    assert caught.value.remedy == "pip install 'model-release-manifest[sigstore]'"


class TestCertificateThatCanBeReadInTwoWays:
    """Certificates that no authority in the root has issued: the question is put to the policy."""

    def judge(self, *extensions: Any, key: Any = None) -> KeylessSigner | None:
        import datetime as dt

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key = key or ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([]))
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + dt.timedelta(minutes=10))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        policy = keyless._Policy((SIGNER,), "model.sig")
        policy.verify(builder.sign(key, hashes.SHA256()))
        return policy.signer

    @staticmethod
    def names(*values: str, uri: str = "") -> Any:
        from cryptography import x509

        more = [x509.UniformResourceIdentifier(uri)] if uri else []
        return x509.SubjectAlternativeName([*(x509.RFC822Name(v) for v in values), *more])

    @staticmethod
    def issuer(text: str, *, v2: bool = False) -> Any:
        from cryptography import x509

        data = text.encode()
        length = bytes([len(data)]) if len(data) < 128 else bytes([0x81, len(data)])
        oid, value = (
            (keyless._ISSUER_V2, b"\x0c" + length + data) if v2 else (keyless._ISSUER, data)
        )
        return x509.UnrecognizedExtension(oid, value)

    def test_one_name_and_one_issuer(self) -> None:
        for issuers in (
            [self.issuer(ISSUER)],
            [self.issuer(ISSUER, v2=True)],
            [self.issuer(ISSUER), self.issuer(ISSUER, v2=True)],
        ):
            signer = self.judge(self.names(WHO), *issuers)
            assert signer is not None
            assert signer.identity == WHO

    def test_key_that_signs_no_model(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(65537, 2048)
        with pytest.raises(NotTrustedError, match="its certificate is unusable: the key is an RSA"):
            self.judge(self.names(WHO), self.issuer(ISSUER), key=key)

    def test_two_names(self) -> None:
        with pytest.raises(NotTrustedError, match="has 2 names"):
            self.judge(self.names(WHO, "me@example.org"), self.issuer(ISSUER))
        with pytest.raises(NotTrustedError, match="has 2 names"):
            self.judge(self.names(WHO, uri="https://example.org"), self.issuer(ISSUER))

    def test_two_issuers(self) -> None:
        with pytest.raises(NotTrustedError, match="two issuers that differ"):
            self.judge(
                self.names(WHO), self.issuer(ISSUER), self.issuer("https://evil.example", v2=True)
            )

    def test_no_issuer(self) -> None:
        with pytest.raises(NotTrustedError, match="names no issuer"):
            self.judge(self.names(WHO))

    def test_host_for_a_name(self) -> None:
        from cryptography import x509

        host = x509.SubjectAlternativeName([x509.DNSName(WHO.replace("@", "."))])
        with pytest.raises(NotTrustedError, match="neither an e-mail address nor a URI"):
            self.judge(host, self.issuer(ISSUER))

    def test_long_issuer(self) -> None:
        with pytest.raises(NotTrustedError, match="is by"):
            self.judge(self.names(WHO), self.issuer("https://" + "a" * 200, v2=True))

    @pytest.mark.parametrize("der", [b"", b"\x0c", b"\x0c\x05abc", b"\x13\x03abc", b"\x0c\x03abcd"])
    def test_issuer_that_is_no_text(self, der: bytes) -> None:
        from cryptography import x509

        odd = x509.UnrecognizedExtension(keyless._ISSUER_V2, der)
        with pytest.raises(ValueError, match="UTF8String"):
            self.judge(self.names(WHO), self.issuer(ISSUER), odd)
