from __future__ import annotations

import base64
import copy
import datetime as dt
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manifest.errors import NotTrustedError, UsageError
from manifest.signing import certificates, keys, signer
from manifest.signing.statement import OmsStatement, SerializationMethod, parse_statement
from manifest.signing.verification import SignerKey, VerifiedEnvelope, verify_signature

Value = dict[str, Any]

# Inside the validity of tests/data/oms/cert.sig.
AT = dt.datetime(2027, 6, 1, tzinfo=dt.UTC)
NO_HINT = "the signature does not name its key; it was found by trying"


def public(oms: Path, name: str) -> keys.PublicKey:
    return keys.load_public((oms / f"{name}.pub").read_bytes())


def judge(oms: Path, name: str, key: str) -> tuple[VerifiedEnvelope, OmsStatement]:
    data = (oms / f"{name}.sig").read_bytes()
    verified = verify_signature(data, keys=[public(oms, key)], what=name)
    return verified, parse_statement(verified.payload, what=name)


@pytest.mark.parametrize(
    ("name", "key", "hash_type", "files", "warnings"),
    [
        ("tool-p256", "p256", "sha256", 8, ()),
        ("tool-secp384r1", "secp384r1", "sha256", 8, ()),
        ("foreign-o1", "p256", "sha256", 8, ()),
        ("foreign-o2", "p256", "sha256", 8, ()),
        ("foreign-o3", "secp384r1", "sha256", 8, ()),
        ("api_shard400", "p256", "sha256", 7, ()),  # byte ranges have no entry for the empty file
        ("api_blake3_files", "p256", "blake3", 8, ()),
        ("mut-b4", "p256", "sha256", 8, (NO_HINT,)),
    ],
)
def test_signature_by_another_hand_is_accepted(
    oms: Path, name: str, key: str, hash_type: str, files: int, warnings: tuple[str, ...]
) -> None:
    verified, statement = judge(oms, name, key)
    assert isinstance(verified.signer, SignerKey)
    assert verified.signer.fingerprint == public(oms, key).fingerprint
    assert verified.warnings == warnings
    assert statement.hash_type == hash_type
    assert len({resource.path for resource in statement.resources}) == files


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("foreign-o9", "the root digest is 0000"),
        ("foreign-o11", 'lists "B.txt" a second time'),
        ("mut-b1", "the signed content was changed or the signature is damaged"),
        ("mut-b2", "another version of the bundle format"),
        ("mut-b7", 'unknown field "extra"'),
    ],
)
def test_signature_by_another_hand_is_refused(oms: Path, name: str, problem: str) -> None:
    with pytest.raises(NotTrustedError) as caught:
        judge(oms, name, "p256")
    assert problem in caught.value.message
    assert caught.value.message.startswith(name)


def test_byte_ranges_of_the_reference_implementation(oms: Path) -> None:
    _, statement = judge(oms, "api_shard400", "p256")
    assert statement.method is SerializationMethod.SHARDS
    assert statement.shard_size == 400
    weights = [r for r in statement.resources if r.path == "weights.bin"]
    assert [(r.start, r.end) for r in weights] == [(0, 400), (400, 800), (800, 1000)]
    assert {r.algorithm for r in weights} == {"sha256"}


class TestCertificateMethod:
    @pytest.fixture
    def data(self, oms: Path) -> bytes:
        return (oms / "cert.sig").read_bytes()

    @pytest.fixture
    def roots(self, oms: Path) -> tuple[certificates.Root, ...]:
        return certificates.load_roots((oms / "root.pem").read_bytes())

    def test_identity_is_named(self, data: bytes, roots: tuple[certificates.Root, ...]) -> None:
        verified = verify_signature(data, roots=roots, at=AT)
        assert isinstance(verified.signer, certificates.SignerCertificate)
        assert verified.signer.subject == "CN=signer"
        assert verified.signer.root == roots[0]
        assert verified.warnings == ()
        assert parse_statement(verified.payload).subject_name == "model"

    @pytest.mark.parametrize(
        ("at", "problem"),
        [
            (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "is not valid before 2026-11-24"),
            (dt.datetime(2028, 1, 1, tzinfo=dt.UTC), "expired on 2027-11-24"),
        ],
    )
    def test_time_counts(
        self, data: bytes, roots: tuple[certificates.Root, ...], at: dt.datetime, problem: str
    ) -> None:
        with pytest.raises(NotTrustedError, match=problem):
            verify_signature(data, roots=roots, at=at)

    def test_time_without_a_zone_is_no_time(
        self, data: bytes, roots: tuple[certificates.Root, ...]
    ) -> None:
        with pytest.raises(UsageError, match="time zone"):
            verify_signature(data, roots=roots, at=AT.replace(tzinfo=None))

    def test_key_alone_does_not_verify_it(self, data: bytes, oms: Path) -> None:
        with pytest.raises(NotTrustedError, match="no root certificate is given"):
            verify_signature(data, keys=[public(oms, "p256")], at=AT)

    def test_changed_payload(self, data: bytes, roots: tuple[certificates.Root, ...]) -> None:
        value = json.loads(data)
        payload = base64.b64decode(value["dsseEnvelope"]["payload"]).replace(b"empty", b"Empty")
        value["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
        with pytest.raises(
            NotTrustedError, match="content was changed or the signature is damaged"
        ):
            verify_signature(json.dumps(value).encode(), roots=roots, at=AT)

    def test_certificates_beside_the_chain_are_mentioned(
        self, data: bytes, oms: Path, roots: tuple[certificates.Root, ...]
    ) -> None:
        # The same bundle with its root trusts the intermediate: the root has no part then.
        value = json.loads(data)
        chain = value["verificationMaterial"]["x509CertificateChain"]["certificates"]
        root = "".join((oms / "root.pem").read_text().splitlines()[1:-1])
        chain.append({"rawBytes": root})
        bundle = json.dumps(value).encode()
        assert verify_signature(bundle, roots=roots, at=AT).warnings == ()
        middle = base64.b64decode(chain[1]["rawBytes"])
        pem = ssl.DER_cert_to_PEM_cert(middle).encode()
        anchored = verify_signature(bundle, roots=certificates.load_roots(pem), at=AT)
        assert anchored.warnings == (
            "1 of the certificates in the signature have no part in its chain",
        )

    def test_keyless_signature_needs_an_identity(self, data: bytes, oms: Path) -> None:
        value = json.loads(data)
        chain = value["verificationMaterial"]["x509CertificateChain"]["certificates"]
        value["verificationMaterial"] = {"certificate": chain[0], "tlogEntries": [{}]}
        with pytest.raises(NotTrustedError, match="no identity is given to check it"):
            verify_signature(json.dumps(value).encode(), keys=[public(oms, "p256")], at=AT)


@pytest.fixture
def sound(
    payload: bytes, key: keys.PrivateKey, bundle_of: Callable[[bytes, keys.PrivateKey], Value]
) -> Value:
    return bundle_of(payload, key)


def verify(value: Value, *trusted: keys.PrivateKey) -> VerifiedEnvelope:
    return verify_signature(
        json.dumps(value).encode(), keys=[key.public for key in trusted], what="model.sig"
    )


def payload_of(value: Value, change: Callable[[bytes], bytes]) -> None:
    envelope = value["dsseEnvelope"]
    envelope["payload"] = base64.b64encode(change(base64.b64decode(envelope["payload"]))).decode()


def test_one_of_several_keys(
    sound: Value, payload: bytes, key: keys.PrivateKey, other_key: keys.PrivateKey
) -> None:
    verified = verify(sound, other_key, key)
    assert verified.signer == SignerKey(key.kind, key.fingerprint)
    assert verified.payload == payload


def test_wrong_key_is_told_from_changed_content(
    sound: Value, key: keys.PrivateKey, other_key: keys.PrivateKey
) -> None:
    with pytest.raises(NotTrustedError) as caught:
        verify(sound, other_key)
    assert f"signed by the key {key.fingerprint[:16]}..., not by the key given" in (
        caught.value.message
    )
    payload_of(sound, lambda data: data.replace(b"weights", b"Weights"))
    with pytest.raises(NotTrustedError, match="content was changed or the signature is damaged"):
        verify(sound, key)


def test_without_a_hint_the_causes_are_not_told_apart(
    sound: Value, key: keys.PrivateKey, other_key: keys.PrivateKey
) -> None:
    sound["verificationMaterial"]["publicKey"] = {}
    assert verify(sound, other_key, key).warnings == (NO_HINT,)
    with pytest.raises(NotTrustedError, match="another key signed, or the signed content was"):
        verify(sound, other_key)


def test_no_key_is_no_trust(sound: Value) -> None:
    with pytest.raises(NotTrustedError, match="no key is given"):
        verify(sound)


def test_embedded_key_is_never_trusted(
    sound: Value, key: keys.PrivateKey, other_key: keys.PrivateKey
) -> None:
    pem = base64.b64encode(keys.public_pem(key.public)).decode()
    sound["verificationMaterial"]["publicKey"] = {"rawBytes": pem}
    with pytest.raises(NotTrustedError, match="no key is given"):
        verify(sound)
    with pytest.raises(NotTrustedError, match="does not verify with the key given"):
        verify(sound, other_key)
    assert any("was not used" in warning for warning in verify(sound, key).warnings)


def test_unchecked_log_entries_and_timestamps_are_mentioned(
    sound: Value, key: keys.PrivateKey
) -> None:
    sound["verificationMaterial"]["tlogEntries"] = [{"logIndex": "1"}]
    sound["verificationMaterial"]["timestampVerificationData"] = {
        "rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]
    }
    assert len([w for w in verify(sound, key).warnings if "not checked" in w]) == 2


def test_type_is_part_of_what_is_signed(
    payload: bytes,
    key: keys.PrivateKey,
    bundle_of: Callable[..., Value],
) -> None:
    other = bundle_of(payload, key, "application/json")
    with pytest.raises(NotTrustedError, match='of the type "application/json"'):
        verify(other, key)
    other["dsseEnvelope"]["payloadType"] = "application/vnd.in-toto+json"
    with pytest.raises(NotTrustedError, match="changed or the signature is damaged"):
        verify(other, key)


@pytest.mark.parametrize("hint", [True, False])
def test_encoding_from_before_1_0_is_not_accepted_for_a_statement_of_1_0(
    payload: bytes, key: keys.PrivateKey, sound: Value, *, hint: bool
) -> None:
    old = f"DSSEV1 28 application/vnd.in-toto+json {len(payload)} {payload!r}".encode()
    sound["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(key.sign(old)).decode()
    problem = "changed or the signature is damaged"
    if not hint:
        sound["verificationMaterial"]["publicKey"] = {}
        problem = "its statement is not of that version"
    with pytest.raises(NotTrustedError, match=problem):
        verify(sound, key)


def test_signature_of_another_payload_does_not_fit(
    sound: Value,
    key: keys.PrivateKey,
    bundle_of: Callable[..., Value],
) -> None:
    other = bundle_of(b"another payload", key)
    sound["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"]
    with pytest.raises(NotTrustedError, match="changed or the signature is damaged"):
        verify(sound, key)


@pytest.mark.parametrize("position", [0, 8, -1])
def test_every_part_of_the_signature_counts(
    sound: Value, key: keys.PrivateKey, position: int
) -> None:
    entry = sound["dsseEnvelope"]["signatures"][0]
    sig = bytearray(base64.b64decode(entry["sig"]))
    sig[position] ^= 1
    entry["sig"] = base64.b64encode(sig).decode()
    with pytest.raises(NotTrustedError, match="changed or the signature is damaged"):
        verify(sound, key)


def test_url_safe_base64_verifies(sound: Value, key: keys.PrivateKey) -> None:
    urlsafe = copy.deepcopy(sound)
    envelope = urlsafe["dsseEnvelope"]
    for holder, field in ((envelope, "payload"), (envelope["signatures"][0], "sig")):
        holder[field] = holder[field].translate(str.maketrans("+/", "-_"))
    assert verify(urlsafe, key).payload == verify(sound, key).payload


@pytest.mark.parametrize("kind", keys.KeyKind)
def test_what_we_sign_verifies(payload: bytes, kind: keys.KeyKind) -> None:
    key = keys.generate(kind)
    verified = verify_signature(signer.sign_payload(payload, key), keys=[key.public])
    assert verified.payload == payload
    assert verified.signer == SignerKey(kind, key.fingerprint)
    assert verified.warnings == ()


def test_hint_with_control_characters_is_escaped(sound: Value, other_key: keys.PrivateKey) -> None:
    sound["verificationMaterial"]["publicKey"]["hint"] = "\x1b[31m"
    with pytest.raises(NotTrustedError) as caught:
        verify(sound, other_key)
    assert "\x1b" not in caught.value.message


def test_keyless(oms: Path) -> None:
    keyless = pytest.importorskip("manifest.signing.keyless")
    pytest.importorskip("sigstore", reason="needs the extra sigstore")
    data = (oms.parent / "oms-published/v1.1.0-sigstore/model.sig").read_bytes()
    who = keyless.SigstoreIdentity("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2")
    verified = verify_signature(data, sigstore=keyless.SigstoreTrust((who,)))
    assert isinstance(verified.signer, keyless.KeylessSigner)
    assert (verified.signer.identity, verified.warnings) == ("stefanb@us.ibm.com", ())
