"""Formats before OMS 1.0: read as they were written, and no way around what OMS 1.0 promises."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from manifest.errors import DocumentError, NotTrustedError
from manifest.signing import keys
from manifest.signing.history import PREDICATE_TYPE, old_pae
from manifest.signing.keys import KeyKind
from manifest.signing.statement import (
    PAYLOAD_TYPE,
    StatementFormat,
    build_statement,
    parse_statement,
)
from manifest.signing.verification import VerifiedEnvelope, verify_signature

Document = dict[str, Any]
Change = Callable[[Document], Any]


@pytest.fixture
def old() -> Document:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": name,
                "digest": {"sha256": hashlib.sha256(name.encode()).hexdigest()},
                "annotations": {"actual_hash_algorithm": "file-sha256"},
            }
            for name in ("a", "b/c")
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"unused": "Unused, just passed due to API requirements"},
    }


def parse(document: Document) -> Any:
    return parse_statement(json.dumps(document).encode())


def sha256_signature(key: keys.PrivateKey, data: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    assert isinstance(key._key, ec.EllipticCurvePrivateKey)
    return key._key.sign(data, ec.ECDSA(hashes.SHA256()))


def bundle(payload: bytes, sig: bytes, **material: Any) -> Document:
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"rawBytes": "AAAA", "keyDetails": "X"}, **material},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(sig).decode(), "keyid": None}],
        },
    }


def as_before(payload: bytes) -> bytes:
    encoded = old_pae(PAYLOAD_TYPE, payload)
    assert encoded is not None
    return encoded


def verify(value: Document, key: keys.PrivateKey) -> VerifiedEnvelope:
    return verify_signature(json.dumps(value).encode(), keys=[key.public])


def test_old_statement_is_read(old: Document) -> None:
    statement = parse(old)
    assert statement.format is StatementFormat.DIGESTS_V0_1
    assert [(r.path, r.algorithm) for r in statement.resources] == [
        ("a", "sha256"),
        ("b/c", "sha256"),
    ]
    assert (statement.root_digest, statement.ignore_paths) == ("", ())
    del old["subject"][0]["annotations"]
    assert parse(old) == statement


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(
            lambda d: d["subject"].append(dict(d["subject"][0])), "a second time", id="twice"
        ),
        pytest.param(lambda d: d["subject"].clear(), "at least 1", id="empty"),
        pytest.param(lambda d: d["subject"][0].update(name="."), "beside others", id="dot"),
        pytest.param(lambda d: d["subject"][0].update(name="../a"), '".."', id="dot-dot"),
        pytest.param(lambda d: d["subject"][0].update(name="/a"), "absolute", id="absolute"),
        pytest.param(
            lambda d: d["subject"][0]["annotations"].update(actual_hash_algorithm="file-blake2b"),
            'is "file-blake2b"',
            id="another-algorithm-under-the-name-of-sha256",
        ),
        pytest.param(
            lambda d: d["subject"][0]["annotations"].update(actual_hash_algorithm=["file-sha256"]),
            "file-sha256 is supported",
            id="algorithm-in-a-list",
        ),
        pytest.param(
            lambda d: d["subject"][0].update(annotations=[]), "not an object", id="annotations-list"
        ),
        pytest.param(
            lambda d: d["subject"][0]["digest"].update(sha512="00"),
            "unknown field",
            id="two-digests",
        ),
        pytest.param(
            lambda d: d["subject"][0]["digest"].update(sha256="AB" * 32),
            "lower-case",
            id="upper-case",
        ),
        pytest.param(
            lambda d: d["predicate"].update(resources=[]), 'field "resources"', id="both-formats"
        ),
        pytest.param(
            lambda d: d["predicate"].update(serialization={}), "unknown field", id="serialization"
        ),
        pytest.param(lambda d: d.update(predicate=None), "not an object", id="no-predicate"),
        pytest.param(lambda d: d.update(extra=1), "unknown field", id="extra-field"),
        pytest.param(
            lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"), "_type", id="old-in-toto"
        ),
    ],
)
def test_old_statement_is_refused(old: Document, change: Change, problem: str) -> None:
    change(old)
    with pytest.raises(NotTrustedError) as caught:
        parse(old)
    assert problem in caught.value.message


@pytest.mark.parametrize("kind", [KeyKind.ECDSA_P256, KeyKind.ECDSA_P384, KeyKind.ECDSA_P521])
def test_old_encoding_is_read_for_an_old_statement(old: Document, kind: KeyKind) -> None:
    key = keys.generate(kind)
    old["subject"][0]["name"] = 'it\'s "é"'  # what Python's printed form escapes
    payload = json.dumps(old, indent=2, ensure_ascii=False).encode()
    verified = verify(bundle(payload, sha256_signature(key, as_before(payload))), key)
    assert verified.payload == payload
    assert any("encoding of model_signing 0.2.0" in w for w in verified.warnings)


def test_old_statement_in_an_envelope_of_today(old: Document, key: keys.PrivateKey) -> None:
    from manifest.signing.dsse import pae

    payload = json.dumps(old).encode()
    verified = verify(bundle(payload, key.sign(pae(PAYLOAD_TYPE, payload))), key)
    assert not any("encoding" in w for w in verified.warnings)


@pytest.mark.parametrize(
    ("material", "problem"),
    [
        pytest.param({}, "is not of that version", id="statement-of-1.0"),
        pytest.param(
            {"tlogEntries": [{}]}, "another key signed, or", id="beside-an-entry-of-a-log"
        ),
        pytest.param(
            {"timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]}},
            "another key signed, or",
            id="beside-a-timestamp",
        ),
    ],
)
def test_old_encoding_is_no_way_around_today(
    payload: bytes, key: keys.PrivateKey, material: Document, problem: str
) -> None:
    with pytest.raises(NotTrustedError) as caught:
        verify(bundle(payload, sha256_signature(key, as_before(payload)), **material), key)
    assert problem in caught.value.message


def test_old_encoding_with_another_hash(old: Document) -> None:
    key = keys.generate(KeyKind.ECDSA_P384)
    payload = json.dumps(old).encode()
    with pytest.raises(NotTrustedError, match="another key signed, or"):
        verify(bundle(payload, key.sign(as_before(payload))), key)


def test_old_encoding_by_ed25519_never_was(old: Document) -> None:
    key = keys.generate(KeyKind.ED25519)
    payload = json.dumps(old).encode()
    with pytest.raises(NotTrustedError, match="another key signed, or"):
        verify(bundle(payload, key.sign(as_before(payload))), key)


def test_old_encoding_of_another_payload(old: Document, key: keys.PrivateKey) -> None:
    payload = json.dumps(old).encode()
    sig = sha256_signature(key, as_before(payload))
    with pytest.raises(NotTrustedError, match="another key signed, or"):
        verify(bundle(payload.replace(b"b/c", b"b/d"), sig), key)


@pytest.mark.parametrize("payload", [b"junk", b"[]", b'{"a": 1, "a": 2}'])
def test_old_encoding_of_what_is_no_statement(payload: bytes, key: keys.PrivateKey) -> None:
    with pytest.raises(NotTrustedError, match="its statement is not of that version"):
        verify(bundle(payload, sha256_signature(key, as_before(payload))), key)


def test_old_encoding_is_bounded() -> None:
    assert old_pae(PAYLOAD_TYPE, b" " * (16 * 1024 * 1024 + 1)) is None


def test_old_shapes_are_never_written() -> None:
    with pytest.raises(DocumentError, match="no file's name"):
        build_statement("m", [(".", "ab" * 32)])
