"""Fuzzing of what came with older formats, identities and revocation: our errors, or a value."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.errors import ManifestError, NotTrustedError, UsageError
from manifest.signing.keyless import SigstoreIdentity, SigstoreTrust, load_trusted_root
from manifest.signing.revocation import check_revocation, load_revocation_lists
from manifest.signing.statement import parse_statement
from manifest.signing.verification import verify_signature

SETS = Path(__file__).parents[1] / "data" / "oms-published"
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
TRUST = SigstoreTrust(
    (SigstoreIdentity("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2"),)
)
KEYLESS = json.loads((SETS / "v1.1.0-sigstore" / "model.sig").read_bytes())
STATEMENTS = [s.encode() for s in json.loads((SETS / "statements.json").read_text()).values()]

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])


def certificate(serial: int) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - dt.timedelta(days=1))
        .not_valid_after(NOW + dt.timedelta(days=1))
        .sign(KEY, hashes.SHA256())
    )


PATH = [certificate(7), certificate(1)]
LIST = (
    x509.CertificateRevocationListBuilder()
    .issuer_name(NAME)
    .last_update(NOW - dt.timedelta(hours=1))
    .next_update(NOW + dt.timedelta(hours=1))
    .add_extension(x509.CRLNumber(5), critical=False)
    .add_revoked_certificate(
        x509.RevokedCertificateBuilder()
        .serial_number(7)
        .revocation_date(NOW)
        .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        .build()
    )
    .sign(KEY, hashes.SHA256())
    .public_bytes(serialization.Encoding.DER)
)


def flipped(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for position, value in changes:
        changed[position % len(changed)] = value
    return bytes(changed)


changes = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)


@settings(max_examples=500)
@given(changes)
def test_damaged_list_never_clears_a_revoked_certificate(damage: list[tuple[int, int]]) -> None:
    try:
        lists = load_revocation_lists(flipped(LIST, damage))
    except UsageError:
        return
    with pytest.raises(NotTrustedError) as caught:
        check_revocation(PATH, lists, at=NOW, what="model.sig")
    assert caught.value.message.isprintable()


@given(st.binary(max_size=300))
def test_bytes_that_are_no_list(data: bytes) -> None:
    with pytest.raises(UsageError):
        load_revocation_lists(data)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_trusted_root(data: bytes) -> None:
    with pytest.raises(UsageError):
        load_trusted_root(data)


@settings(max_examples=300)
@given(st.sampled_from(STATEMENTS), changes)
def test_damaged_statement_is_refused_or_sound(
    original: bytes, damage: list[tuple[int, int]]
) -> None:
    try:
        statement = parse_statement(flipped(original, damage))
    except ManifestError:
        return
    paths = [(r.path, r.start) for r in statement.resources]
    assert len(set(paths)) == len(paths)
    assert all(len(r.digest) == 64 for r in statement.resources)


@settings(max_examples=100, deadline=None)
@given(changes, st.sampled_from(["certificate", "body", "timestamp", "promise", "sig"]))
def test_damaged_keyless_signature_is_refused(damage: list[tuple[int, int]], where: str) -> None:
    value: dict[str, Any] = copy.deepcopy(KEYLESS)
    material = value["verificationMaterial"]
    entry = material["tlogEntries"][0]
    holder, field = {
        "certificate": (material["certificate"], "rawBytes"),
        "body": (entry, "canonicalizedBody"),
        "timestamp": (
            material["timestampVerificationData"]["rfc3161Timestamps"][0],
            "signedTimestamp",
        ),
        "promise": (entry["inclusionPromise"], "signedEntryTimestamp"),
        "sig": (value["dsseEnvelope"]["signatures"][0], "sig"),
    }[where]
    before = base64.b64decode(holder[field])
    after = flipped(before, damage)
    holder[field] = base64.b64encode(after).decode()
    try:
        verify_signature(json.dumps(value).encode(), sigstore=TRUST)
    except NotTrustedError:
        return
    # The log's own time is enough; a timestamp beside it that does not hold adds nothing.
    assert after == before or where == "timestamp"
