from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processor import assert_takes_less

from manifest.errors import NotTrustedError
from manifest.signing import bundle as bundles
from manifest.signing import keys, signer
from manifest.signing.bundle import SigningMethod, parse_bundle

Value = dict[str, Any]
Change = Callable[[Value], object]


@pytest.fixture
def sound(
    payload: bytes, key: keys.PrivateKey, bundle_of: Callable[[bytes, keys.PrivateKey], Value]
) -> Value:
    return bundle_of(payload, key)


def parse(value: Any) -> bundles.Bundle:
    return parse_bundle(json.dumps(value).encode(), what="model.sig")


def material(value: Value) -> Value:
    inner: Value = value["verificationMaterial"]
    return inner


def envelope(value: Value) -> Value:
    inner: Value = value["dsseEnvelope"]
    return inner


def test_bundle_of_the_key_method(sound: Value, payload: bytes, key: keys.PrivateKey) -> None:
    bundle = parse(sound)
    assert bundle.method is SigningMethod.KEY
    assert bundle.key_hint == key.fingerprint
    assert bundle.envelope.payload == payload
    assert not bundle.has_embedded_key


def test_what_we_write_is_read_back(payload: bytes, key: keys.PrivateKey) -> None:
    data = signer.sign_payload(payload, key)
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    assert bundles.serialize_bundle(parse_bundle(data).envelope, key.fingerprint) == data


def test_ed25519_bundles_of_one_payload_are_equal(payload: bytes) -> None:
    key = keys.generate(keys.KeyKind.ED25519)
    assert signer.sign_payload(payload, key) == signer.sign_payload(payload, key)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.3"),
            id="older-spelling-of-the-media-type",
        ),
        pytest.param(lambda b: material(b).pop("tlogEntries"), id="no-log-entries-field"),
        pytest.param(lambda b: envelope(b)["signatures"][0].pop("keyid"), id="no-keyid"),
        pytest.param(lambda b: envelope(b)["signatures"][0].update(keyid=None), id="null-keyid"),
        pytest.param(
            lambda b: envelope(b)["signatures"][0].update(keyid=material(b)["publicKey"]["hint"]),
            id="keyid-equal-to-the-hint",
        ),
        pytest.param(
            lambda b: material(b).update(timestampVerificationData={}), id="empty-timestamps"
        ),
        pytest.param(
            lambda b: material(b).update(
                publicKey={"rawBytes": "AAAA", "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
            ),
            id="embedded-key",
        ),
        pytest.param(lambda b: material(b).update(publicKey={"hint": None}), id="null-hint"),
        pytest.param(lambda b: material(b).update(publicKey={}), id="no-hint"),
    ],
)
def test_variant_is_read(sound: Value, change: Change) -> None:
    change(sound)
    assert parse(sound).method is SigningMethod.KEY


def two_signatures(value: Value) -> None:
    entries = envelope(value)["signatures"]
    entries.append({"sig": base64.b64encode(b"junk").decode()})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(two_signatures, "has 2 signatures", id="junk-beside-a-good-signature"),
        pytest.param(
            lambda b: envelope(b)["signatures"].insert(0, {"sig": "AAAA"}),
            "has 2 signatures",
            id="junk-before-a-good-signature",
        ),
        pytest.param(lambda b: envelope(b).update(signatures=[]), "at least 1", id="no-signature"),
        pytest.param(
            lambda b: envelope(b).update(signatures=[{"sig": "AAAA"}] * 65),
            "at most 64",
            id="65-signatures",
        ),
        pytest.param(
            lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
            "another version of the bundle format",
            id="version-0.1",
        ),
        pytest.param(
            lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"),
            "another version of the bundle format",
            id="version-0.4",
        ),
        pytest.param(
            lambda b: b.update(mediaType="application/json"),
            "not a Sigstore bundle",
            id="no-bundle",
        ),
        pytest.param(lambda b: b.update(mediaType=3), "is not a text", id="media-type-number"),
        pytest.param(lambda b: b.update(mediaType=[]), "is not a text", id="media-type-list"),
        pytest.param(lambda b: b.update(extra=1), 'unknown field "extra"', id="bundle-field"),
        pytest.param(
            lambda b: b.update(media_type=b.pop("mediaType")), "lacks the field", id="snake-case"
        ),
        pytest.param(
            lambda b: envelope(b).update(extra=1), 'unknown field "extra"', id="envelope-field"
        ),
        pytest.param(
            lambda b: envelope(b)["signatures"][0].update(cert="x"),
            'unknown field "cert"',
            id="signature-field",
        ),
        pytest.param(
            lambda b: material(b).update(extra=1), 'unknown field "extra"', id="material-field"
        ),
        pytest.param(
            lambda b: material(b)["publicKey"].update(trust="me"),
            'unknown field "trust"',
            id="key-field",
        ),
        pytest.param(lambda b: b.pop("dsseEnvelope"), "lacks the field", id="no-envelope"),
        pytest.param(
            lambda b: b.update(messageSignature={}), "signs one file directly", id="blob-signature"
        ),
        pytest.param(
            lambda b: material(b).pop("publicKey"), "has none of publicKey", id="no-material"
        ),
        pytest.param(
            lambda b: material(b).update(certificate={"rawBytes": "AAAA"}),
            "has certificate and publicKey of",
            id="two-materials",
        ),
        pytest.param(
            lambda b: b.update(
                verificationMaterial={"certificate": {"rawBytes": "AAAA"}, "tlogEntries": []}
            ),
            "needs entries of a transparency log",
            id="keyless-without-log",
        ),
        pytest.param(
            lambda b: b.update(verificationMaterial={"x509CertificateChain": {"certificates": []}}),
            "at least 1",
            id="empty-chain",
        ),
        pytest.param(
            lambda b: b.update(
                verificationMaterial={
                    "x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}] * 17}
                }
            ),
            "at most 16",
            id="17-certificates",
        ),
        pytest.param(
            lambda b: envelope(b)["signatures"][0].update(keyid="another"),
            "they must agree",
            id="keyid-contradicts-the-hint",
        ),
        pytest.param(
            lambda b: envelope(b)["signatures"][0].update(keyid=7), "neither a text", id="keyid-7"
        ),
        pytest.param(
            lambda b: envelope(b).update(payload="!!!!"), "payload is not base64", id="garbage"
        ),
        pytest.param(lambda b: envelope(b).update(payload=""), "is empty", id="empty-payload"),
        pytest.param(
            lambda b: envelope(b)["signatures"][0].update(sig=""), "is empty", id="empty-signature"
        ),
        pytest.param(
            lambda b: envelope(b).update(payloadType="a\nb"), "media type", id="type-with-newline"
        ),
        pytest.param(
            lambda b: material(b).update(tlogEntries={}), "is not a list", id="log-not-a-list"
        ),
        pytest.param(
            lambda b: material(b).update(publicKey={"hint": 7}),
            "is neither a text nor null",
            id="hint-that-is-a-number",
        ),
    ],
)
def test_bundle_is_refused(sound: Value, change: Change, problem: str) -> None:
    change(sound)
    with pytest.raises(NotTrustedError) as caught:
        parse(sound)
    assert caught.value.message.startswith("model.sig: ")
    assert problem in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"mediaType": "x", ', id="bundle"),
        pytest.param('"dsseEnvelope": {"payload": "x", ', id="envelope"),
        pytest.param('"signatures": [{"sig": "x", ', id="signature"),
        pytest.param('"verificationMaterial": {"tlogEntries": [], ', id="material"),
        pytest.param('"publicKey": {"hint": "x", ', id="key"),
    ],
)
def test_duplicate_key_is_refused_at_every_level(sound: Value, text: str) -> None:
    data = json.dumps(sound)
    opening = text[: text.index("{") + 1]
    assert opening in data
    with pytest.raises(NotTrustedError, match="appears twice"):
        parse_bundle(data.replace(opening, text, 1).encode())


def test_bundle_that_is_no_object_is_refused() -> None:
    values: tuple[object, ...] = ([], "x", 1, None)
    for value in values:
        with pytest.raises(NotTrustedError, match="is not an object"):
            parse(value)


@pytest.mark.parametrize(
    ("start", "repeated", "times", "end", "problem"),
    [
        pytest.param(b'{"mediaType": "', b"a", 100_000_000, b'"}', "at most", id="100-MB"),
        pytest.param(b'{"x": ', b"[", 100_000, b"", "20,000 values", id="100000-deep"),
        pytest.param(b'{"x": ', b"[", 10_000, b"", "16 deep", id="10000-deep"),
        pytest.param(b"[", b"1,", 30_000_000, b"1]", "20,000 values", id="60-MB-of-numbers"),
    ],
)
def test_huge_bundle_is_refused_fast(
    start: bytes, repeated: bytes, times: int, end: bytes, problem: str
) -> None:
    data = start + repeated * times + end  # made here: it would stay in memory as a parameter

    def refuse() -> None:
        with pytest.raises(NotTrustedError, match=problem):
            parse_bundle(data)

    assert_takes_less(5, refuse)


def test_keyless_vector_is_parsed(sound: Value) -> None:
    sound["verificationMaterial"] = {
        "certificate": {"rawBytes": base64.b64encode(b"der").decode()},
        "tlogEntries": [{"logIndex": "1"}],
        "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]},
    }
    bundle = parse(sound)
    assert bundle.method is SigningMethod.SIGSTORE
    assert bundle.certificates == (b"der",)
    assert bundle.has_log_entries
    assert bundle.timestamps


@pytest.mark.parametrize("kind", keys.KeyKind)
def test_bundle_satisfies_the_oms_schemas(
    kind: keys.KeyKind, payload: bytes, oms_schemas: Path
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    schemas = {
        name: json.loads((oms_schemas / f"{name}.schema.json").read_text())
        for name in ("bundle", "envelope", "statement", "predicate")
    }
    registry = referencing.Registry().with_resources(
        [(schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas.values()]
    )

    def validate(name: str, value: object) -> None:
        jsonschema.Draft202012Validator(schemas[name], registry=registry).validate(value)

    written = json.loads(signer.sign_payload(payload, keys.generate(kind)))
    statement = json.loads(base64.b64decode(written["dsseEnvelope"]["payload"]))
    validate("bundle", written)
    validate("envelope", written["dsseEnvelope"])
    validate("statement", statement)
    validate("predicate", statement["predicate"])
    with pytest.raises(jsonschema.ValidationError):
        validate("bundle", {**written, "extra": 1})
