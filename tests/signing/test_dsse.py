from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import NotTrustedError
from manifest.signing import dsse, keys


def test_pae_is_that_of_the_protocol() -> None:
    # The example of the DSSE protocol, "Test Vectors".
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_pae_counts_bytes() -> None:
    assert dsse.pae("é", "é".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xa9"


@given(st.text(max_size=9), st.binary(max_size=9), st.text(max_size=9), st.binary(max_size=9))
def test_pae_tells_types_and_payloads_apart(t1: str, p1: bytes, t2: str, p2: bytes) -> None:
    try:
        equal = dsse.pae(t1, p1) == dsse.pae(t2, p2)
    except UnicodeEncodeError:
        return
    assert equal == ((t1, p1) == (t2, p2))


@pytest.mark.parametrize("kind", keys.KeyKind)
def test_signed_envelope_verifies(kind: keys.KeyKind) -> None:
    key = keys.generate(kind)
    envelope = dsse.sign("text/plain", b"payload", key)
    assert envelope.verifies(key.public)
    assert not envelope.verifies(keys.generate(kind).public)


def test_envelope_of_two_signatures_never_verifies(key: keys.PrivateKey) -> None:
    good = dsse.sign("text/plain", b"payload", key)
    twice = dsse.Envelope("text/plain", b"payload", good.signatures * 2)
    assert not twice.verifies(key.public)


@given(st.binary(max_size=80))
def test_base64_in_both_alphabets(data: bytes) -> None:
    assert dsse.encode_base64(data) == base64.b64encode(data).decode()
    assert dsse.decode_base64(dsse.encode_base64(data), where="x") == data
    assert dsse.decode_base64(base64.urlsafe_b64encode(data).decode(), where="x") == data


@given(st.text(alphabet="AQgw+/-_=\n xé", max_size=9))
def test_base64_has_one_spelling_in_each_alphabet(text: str) -> None:
    try:
        data = dsse.decode_base64(text, where="x")
    except NotTrustedError:
        return
    assert text in {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("YQ", "with padding", id="no-padding"),
        pytest.param("YQ=", "with padding", id="short-padding"),
        pytest.param("YR==", "unused bits", id="unused-bits"),
        pytest.param("YWE=YWE=", "with padding", id="padding-inside"),
        pytest.param("YQ==\n", "with padding", id="newline"),
        pytest.param("YW Fh", "with padding", id="space"),
        pytest.param("ab+_", "mixes", id="mixed-alphabets"),
        pytest.param("ÿÿÿÿ", "with padding", id="not-ascii"),
        pytest.param(17, "is not a text", id="number"),
        pytest.param(None, "is not a text", id="null"),
    ],
)
def test_base64_garbage_is_refused(text: Any, problem: str) -> None:
    with pytest.raises(NotTrustedError, match=f"^the payload .*{problem}"):
        dsse.decode_base64(text, where="the payload")
