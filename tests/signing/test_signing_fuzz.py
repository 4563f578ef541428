"""Whatever the bytes, the answer is a value or one of our errors."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.errors import ManifestError
from manifest.signing import certificates, keys
from manifest.signing.bundle import parse_bundle
from manifest.signing.statement import parse_statement
from manifest.signing.verification import verify_signature

OMS = Path(__file__).resolve().parents[1] / "data" / "oms"
AT = dt.datetime(2027, 6, 1, tzinfo=dt.UTC)
KEYS = [keys.load_public((OMS / "p256.pub").read_bytes())]
ROOTS = certificates.load_roots((OMS / "root.pem").read_bytes())
SIGNATURES = [
    (OMS / f"{name}.sig").read_bytes() for name in ("tool-p256", "cert", "api_shard400", "mut-b4")
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*path, index))
    return found


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """The document with a value replaced, or a field added or taken away, somewhere."""
    value = json.loads(json.dumps(document))
    path = draw(st.sampled_from(places(value)))
    new = draw(json_values)
    if not path:
        return new
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    how = draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "replace":
        holder[path[-1]] = new
    elif how == "remove":
        del holder[path[-1]]
    elif isinstance(holder, dict):
        holder[draw(st.text(max_size=8))] = new
    else:
        holder.append(new)
    return value


def answer(data: bytes) -> bool:
    """Whether the signature verifies and its statement is sound; only our errors may come."""
    refusal = None
    try:
        verified = verify_signature(data, keys=KEYS, roots=ROOTS, at=AT)
        parse_statement(verified.payload)
    except ManifestError as error:
        refusal = error
    assert_shown_safely(refusal)
    return refusal is None


def assert_shown_safely(error: ManifestError | None) -> None:
    assert error is None or (error.message and error.message.isprintable())


@pytest.mark.parametrize("data", SIGNATURES, ids=["key", "certificate", "ranges", "no-hint"])
def test_originals_verify(data: bytes) -> None:
    assert answer(data)


@given(st.binary() | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
def test_arbitrary_bytes(data: bytes) -> None:
    assert not answer(data)
    with pytest.raises(ManifestError):
        parse_statement(data)


@settings(max_examples=200)
@given(st.sampled_from(SIGNATURES), st.data())
def test_mutated_bundles(original: bytes, data: st.DataObject) -> None:
    value = data.draw(mutated(json.loads(original)))
    try:
        payload = parse_bundle(json.dumps(value).encode()).envelope.payload
    except ManifestError:
        assert not answer(json.dumps(value).encode())
        return
    # What still verifies is the payload that was signed.
    if answer(json.dumps(value).encode()):
        assert payload == base64.b64decode(json.loads(original)["dsseEnvelope"]["payload"])


@settings(max_examples=200)
@given(st.sampled_from(SIGNATURES), st.data())
def test_flipped_bytes(original: bytes, data: st.DataObject) -> None:
    changed = bytearray(original)
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    answer(bytes(changed))


@settings(max_examples=200)
@given(st.data())
def test_mutated_certificates(data: st.DataObject) -> None:
    chain = json.loads(SIGNATURES[1])["verificationMaterial"]["x509CertificateChain"]
    ders = [bytearray(base64.b64decode(entry["rawBytes"])) for entry in chain["certificates"]]
    der = data.draw(st.sampled_from(ders))
    original = bytes(der)
    at = data.draw(st.integers(0, len(der) - 1))
    der[at] ^= data.draw(st.integers(1, 255))
    assert bytes(der) != original
    with pytest.raises(ManifestError):
        certificates.verify_chain([bytes(d) for d in ders], ROOTS, at=AT, what="model.sig")


@settings(max_examples=200)
@given(st.sampled_from(SIGNATURES), st.data())
def test_mutated_statements(original: bytes, data: st.DataObject) -> None:
    payload = base64.b64decode(json.loads(original)["dsseEnvelope"]["payload"])
    value = data.draw(mutated(json.loads(payload)))
    refusal = None
    try:
        assert parse_statement(json.dumps(value).encode()).resources
    except ManifestError as error:
        refusal = error
    assert_shown_safely(refusal)
