"""Timestamps: what counts and what does not, with `openssl ts -verify` as the second opinion."""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from timestamp_authority import DAY, FOR_TIME, Authority, Holder, der, issue, make_authority, serve

from manifest.errors import MissingExtraError, NotTrustedError, UndecidedError, UsageError
from manifest.signing import dsse, keys
from manifest.signing.bundle import add_timestamps, parse_bundle
from manifest.signing.certificates import Root, load_roots
from manifest.signing.revocation import RevocationList, load_revocation_lists
from manifest.signing.signer import KeySigner
from manifest.signing.statement import PAYLOAD_TYPE
from manifest.signing.timestamping import TimestampedSigner
from manifest.signing.timestamps import CLOCK_SKEW, verify_timestamp
from manifest.signing.verification import VerifiedEnvelope, verify_signature
from manifest.sources.http import Limits
from manifest.sources.timestamps import timestamp_authority

pytest.importorskip("rfc3161_client")

NOW = dt.datetime.now(dt.UTC)
MINUTE = dt.timedelta(minutes=1)
LATER = NOW + 30 * DAY
FOR_CODE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
SIGNATURE = b"a signature's bytes"
QUICK = Limits(tries=1, whole=5)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("time") / "authority")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("time") / "other", name="other")


@pytest.fixture(scope="module")
def good(authority: Authority) -> bytes:
    return authority.stamp(SIGNATURE)


def trusted(*holders: Holder) -> list[Root]:
    return [root for holder in holders for root in load_roots(holder.pem)]


def check(
    answer: bytes,
    authority: Authority,
    *,
    at: dt.datetime | None = None,
    lists: list[RevocationList] | None = None,
) -> Any:
    return verify_timestamp(
        answer,
        SIGNATURE,
        trusted(authority.root),
        at=at or dt.datetime.now(dt.UTC),
        what="the timestamp",
        revocation_lists=lists or [],
    )


def test_sound_timestamp_counts(authority: Authority, good: bytes) -> None:
    stamp = check(good, authority)
    assert NOW - MINUTE < stamp.time < dt.datetime.now(dt.UTC) + MINUTE
    assert stamp.accuracy == dt.timedelta(seconds=1)
    assert stamp.latest == stamp.time + stamp.accuracy
    assert stamp.authority == "CN=time"
    assert stamp.fingerprint == authority.signer.certificate.fingerprint(hashes.SHA256()).hex()
    assert authority.accepts(good, SIGNATURE)


def test_timestamp_outlives_the_authoritys_certificate(authority: Authority, good: bytes) -> None:
    assert check(good, authority, at=NOW + 5000 * DAY).authority == "CN=time"


def test_forged_without_a_change_is_the_same(authority: Authority, good: bytes) -> None:
    again = authority.forge(good)
    assert check(again, authority).authority == "CN=time"
    assert authority.accepts(again, SIGNATURE)


def holders(root: Holder) -> dict[str, Holder]:
    both = x509.ExtendedKeyUsage([*FOR_TIME, *FOR_CODE])
    start, end = NOW - 20 * DAY, NOW - 10 * DAY
    return {
        "of-an-unknown-authority": issue("time", None, purposes=FOR_TIME),
        "by-one-for-code": issue("code", root, purposes=FOR_CODE),
        "by-one-for-code-and-time": issue("both", root, purposes=both),
        "by-one-whose-purpose-is-not-critical": issue(
            "lax", root, purposes=FOR_TIME, critical=False
        ),
        "by-the-root-itself": root,
        "by-an-expired-authority": issue("old", root, purposes=FOR_TIME, start=start, end=end),
        "by-one-not-yet-valid": issue(
            "young", root, purposes=FOR_TIME, start=NOW + DAY, end=NOW + 9 * DAY
        ),
    }


@pytest.mark.parametrize("name", list(holders(issue("names", None))))
def test_signed_by_the_wrong_one(authority: Authority, good: bytes, name: str) -> None:
    forged = authority.forge(good, by=holders(authority.root)[name])
    with pytest.raises(NotTrustedError, match="not by an authority that is trusted"):
        check(forged, authority)
    assert not authority.accepts(forged, SIGNATURE)


def test_certificate_of_the_same_name_beside_the_real_one(
    authority: Authority, good: bytes
) -> None:
    code = issue("twin", authority.root, purposes=FOR_CODE)
    twin = issue(
        "twin",
        issue(authority.root.certificate.subject.rfc4514_string()[3:], None),
        purposes=FOR_TIME,
        serial=code.certificate.serial_number,
    )
    assert twin.certificate.issuer == code.certificate.issuer
    for first, second in ((code, twin), (twin, code)):
        forged = authority.forge(good, by=first, beside=[second])
        with pytest.raises(NotTrustedError):
            check(forged, authority)


def test_two_certificates_that_go_by_one_name(authority: Authority, good: bytes) -> None:
    """OpenSSL takes the first; which of them a list of revoked ones speaks on is a guess."""
    false = issue(authority.root.certificate.subject.rfc4514_string()[3:], None)
    serial = authority.signer.certificate.serial_number
    # The two are sorted by their bytes, so that the real one comes first every other time.
    for _ in range(40):
        twin = issue("twin", false, purposes=FOR_TIME, serial=serial)
        forged = authority.forge(good, beside=[twin])
        if authority.accepts(forged, SIGNATURE):
            break
    else:
        pytest.fail("the real one never came first")
    with pytest.raises(NotTrustedError, match="holds 2 certificates of its signer, and not one"):
        check(forged, authority)


@pytest.mark.parametrize("kind", ["time", "servers"])
def test_an_authority_between_must_be_for_timestamps(
    authority: Authority, good: bytes, kind: str
) -> None:
    """OpenSSL does not ask what the certificates above are for."""
    servers = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    purposes = FOR_TIME if kind == "time" else servers
    middle = issue("middle", authority.root, purposes=purposes, critical=False, is_ca=True)
    signer = issue("below", middle, purposes=FOR_TIME)
    forged = authority.forge(good, by=signer, beside=[middle])
    assert authority.accepts(forged, SIGNATURE)
    if kind == "time":
        assert check(forged, authority).authority == "CN=below"
        return
    with pytest.raises(
        NotTrustedError, match=r"not by an authority that is trusted: .*timeStamping"
    ):
        check(forged, authority)


def test_without_its_package_a_timestamp_cannot_be_read(
    authority: Authority, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(MissingExtraError, match="need the package rfc3161-client") as caught:
        check(good, authority)
    assert caught.value.remedy == "pip install 'model-release-manifest[timestamps]'"


def years_ahead(content: bytes) -> bytes:
    year = f"{NOW:%Y}".encode()
    place = content.index(b"\x18\x0f" + year)
    return content[: place + 2] + str(NOW.year + 20).encode() + content[place + 6 :]


def by_sha1(content: bytes) -> bytes:
    return content.replace(bytes.fromhex("608648016503040201"), bytes.fromhex("608648016503040204"))


def coarse(content: bytes) -> bytes:
    """An accuracy of half a day in place of a second."""
    place = content.index(bytes.fromhex("3003020101"))
    body = content[:place] + bytes.fromhex("30050203") + b"\x00\xa8\xc0" + content[place + 5 :]
    return der(0x30, body[2 if content[1] < 0x80 else 3 :])


def without_accuracy(content: bytes) -> bytes:
    body = content.replace(bytes.fromhex("3003020101"), b"")
    return der(0x30, body[2 if content[1] < 0x80 else 3 :])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(years_ahead, "is from the future", id="from-the-future"),
        pytest.param(by_sha1, "not by SHA-256", id="imprint-by-another-hash"),
        pytest.param(coarse, "within an hour", id="time-known-to-half-a-day"),
        pytest.param(lambda c: c[:-3], "cannot be read", id="cut-short"),
        pytest.param(lambda _: b"\x30\x00", "cannot be read", id="empty"),
    ],
)
def test_content_that_does_not_count(
    authority: Authority, good: bytes, change: Callable[[bytes], bytes], problem: str
) -> None:
    with pytest.raises(NotTrustedError, match=problem):
        check(authority.forge(good, change), authority)


def test_time_without_an_accuracy_is_taken_as_it_stands(authority: Authority, good: bytes) -> None:
    stamp = check(authority.forge(good, without_accuracy), authority)
    assert stamp.latest == stamp.time


def finer(content: bytes) -> bytes:
    """An accuracy of 250 milliseconds and 7 microseconds, with no seconds."""
    place = content.index(bytes.fromhex("3003020101"))
    body = content[:place] + bytes.fromhex("3007800200fa810107") + content[place + 5 :]
    return der(0x30, body[2 if content[1] < 0x80 else 3 :])


def test_accuracy_is_the_sum_of_its_parts(authority: Authority, good: bytes) -> None:
    stamp = check(authority.forge(good, finer), authority)
    assert stamp.accuracy == dt.timedelta(milliseconds=250, microseconds=7)


def to_seconds(seconds: int) -> Callable[[bytes], bytes]:
    """An accuracy of so many seconds, from 128 to 32,767."""

    def change(content: bytes) -> bytes:
        place = content.index(bytes.fromhex("3003020101"))
        accuracy = bytes.fromhex("30040202") + seconds.to_bytes(2, "big")
        body = content[:place] + accuracy + content[place + 5 :]
        return der(0x30, body[2 if content[1] < 0x80 else 3 :])

    return change


def test_accuracy_of_an_hour_is_the_last_that_counts(authority: Authority, good: bytes) -> None:
    hour = check(authority.forge(good, to_seconds(3600)), authority)
    assert hour.accuracy == dt.timedelta(hours=1)
    with pytest.raises(NotTrustedError, match="within an hour"):
        check(authority.forge(good, to_seconds(3601)), authority)


def test_future_begins_behind_the_skew_of_clocks_and_the_accuracy(
    authority: Authority, good: bytes
) -> None:
    time = check(good, authority).time  # known to a second
    earliest = time - CLOCK_SKEW - dt.timedelta(seconds=1)
    assert check(good, authority, at=earliest).time == time
    with pytest.raises(NotTrustedError, match="is from the future"):
        check(good, authority, at=earliest - dt.timedelta(microseconds=1))


def flipped(good: bytes) -> bytes:
    return good[:-1] + bytes([good[-1] ^ 1])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param(lambda a, _: a.stamp(b"other"), "over other bytes", id="over-other-bytes"),
        pytest.param(lambda _, g: flipped(g), "not by an authority", id="damaged-signature"),
        pytest.param(lambda _, g: g[:-1], "no answer", id="cut-short"),
        pytest.param(lambda _, g: g + b"\x00", "no answer", id="followed-by-a-byte"),
        pytest.param(lambda *_: b"\x30" * 60_000, "no answer", id="nonsense"),
        pytest.param(lambda *_: bytes.fromhex("30053003020102"), "not granted", id="refusal"),
    ],
)
def test_answer_that_does_not_count(
    authority: Authority,
    good: bytes,
    answer: Callable[[Authority, bytes], bytes],
    problem: str,
) -> None:
    attack = answer(authority, good)
    with pytest.raises(NotTrustedError, match=problem):
        check(attack, authority)
    # OpenSSL reads the answer and leaves what follows it.
    assert authority.accepts(attack, SIGNATURE) is (attack == good + b"\x00")


def revoked(
    issuer: Holder,
    holder: Holder | None,
    when: dt.datetime = NOW,
    why: x509.ReasonFlags | None = None,
    *,
    start: dt.datetime | None = None,
    end: dt.datetime = NOW + 90 * DAY,
    invalid: dt.datetime | None = None,
    keeps_since: bytes | None = None,
) -> list[RevocationList]:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start or NOW - DAY)
        .next_update(end)
    )
    if keeps_since is not None:
        kept = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), keeps_since)
        builder = builder.add_extension(x509.CRLNumber(7), critical=False)  # and another before it
        builder = builder.add_extension(kept, critical=False)
    if holder is not None:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(holder.certificate.serial_number)
            .revocation_date(when)
        )
        if why is not None:
            entry = entry.add_extension(x509.CRLReason(why), critical=False)
        if invalid is not None:
            entry = entry.add_extension(x509.InvalidityDate(invalid), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    pem = builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return list(load_revocation_lists(pem))


def test_revoked_authority(authority: Authority, good: bytes) -> None:
    why = x509.ReasonFlags.superseded
    lists = revoked(authority.root, authority.signer, NOW + DAY, why)
    with pytest.raises(NotTrustedError, match="was revoked"):
        check(good, authority, at=LATER, lists=lists)
    assert check(good, authority, at=LATER, lists=revoked(authority.root, None))


def test_lists_that_do_not_speak_on_the_authority(authority: Authority, good: bytes) -> None:
    with pytest.raises(NotTrustedError, match="is not known"):
        check(good, authority, lists=revoked(issue("another", None), None))


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        pytest.param({"start": NOW + 99 * DAY, "end": NOW + 120 * DAY}, True, id="of-that-time"),
        pytest.param({"start": NOW + 150 * DAY}, False, id="current-and-may-have-dropped-it"),
        pytest.param({"end": NOW + 50 * DAY}, False, id="out-of-date-at-the-expiry"),
    ],
)
def test_list_for_an_authority_whose_certificate_has_expired(
    authority: Authority, good: bytes, *, options: dict[str, Any], holds: bool
) -> None:
    """One that was revoked may have been dropped from the lists since, and its key used again."""
    lists = revoked(authority.root, None, **{"end": NOW + 200 * DAY, **options})
    if holds:
        assert check(good, authority, at=NOW + 160 * DAY, lists=lists)
    else:
        with pytest.raises(NotTrustedError, match="is not known"):
            check(good, authority, at=NOW + 160 * DAY, lists=lists)


# Signatures by certificate: valid for ten days from yesterday on.

CA = issue("publisher root", None)
LEAF = issue("publisher", CA, purposes=FOR_CODE, end=NOW + 9 * DAY)


def signed(payload: bytes, *answers: Callable[[bytes], bytes], leaf: Holder = LEAF) -> bytes:
    pem = leaf.key_pem
    envelope = dsse.sign(PAYLOAD_TYPE, payload, keys.load_private(pem))
    signature = envelope.signatures[0].sig
    value = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "x509CertificateChain": {
                "certificates": [{"rawBytes": base64.b64encode(leaf.der).decode()}]
            },
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    data = json.dumps(value).encode()
    return add_timestamps(data, [a(signature) for a in answers]) if answers else data


def verify(
    bundle: bytes,
    *authorities: Authority,
    at: dt.datetime = LATER,
    lists: list[RevocationList] | None = None,
) -> VerifiedEnvelope:
    return verify_signature(
        bundle,
        roots=trusted(CA),
        at=at,
        what="model.sig",
        timestamp_roots=trusted(*(a.root for a in authorities)),
        revocation_lists=lists or [],
    )


def test_timestamp_of_a_revoked_authority_keeps_no_signature_alive(
    payload: bytes, authority: Authority
) -> None:
    bundle = signed(payload, authority.stamp)
    publisher = revoked(CA, None, start=NOW + 2 * DAY)
    superseded = x509.ReasonFlags.superseded
    good = revoked(authority.root, None)
    assert verify(bundle, authority, lists=[*publisher, *good]).timestamps
    bad = revoked(authority.root, authority.signer, NOW + DAY, superseded)
    with pytest.raises(NotTrustedError, match=r"expired|was revoked"):
        verify(bundle, authority, lists=[*publisher, *bad])


def test_signature_outlives_its_certificate(payload: bytes, authority: Authority) -> None:
    bundle = signed(payload, authority.stamp)
    verified = verify(bundle, authority)
    assert [s.authority for s in verified.timestamps] == ["CN=time"]
    assert verified.warnings == ()
    assert verify(bundle, authority, at=dt.datetime.now(dt.UTC)).timestamps


def test_signature_without_a_timestamp_does_not(payload: bytes, authority: Authority) -> None:
    with pytest.raises(NotTrustedError, match="expired on"):
        verify(signed(payload), authority)


def test_timestamp_that_nobody_was_asked_to_trust(payload: bytes, authority: Authority) -> None:
    with pytest.raises(NotTrustedError, match="expired on") as caught:
        verify(signed(payload, authority.stamp))
    assert "--tsa-root" in caught.value.remedy


def test_wrong_authority(payload: bytes, authority: Authority, other: Authority) -> None:
    with pytest.raises(NotTrustedError, match=r"expired on .*not by an authority that is trusted"):
        verify(signed(payload, authority.stamp), other)


def test_timestamp_of_another_signature(payload: bytes, authority: Authority) -> None:
    elsewhere = authority.stamp(b"an older signature")
    with pytest.raises(NotTrustedError, match=r"expired on .*over other bytes"):
        verify(signed(payload, lambda _: elsewhere), authority)


def test_one_of_several_is_enough(payload: bytes, authority: Authority, other: Authority) -> None:
    bundle = signed(payload, other.stamp, authority.stamp, lambda _: b"\x30\x00")
    verified = verify(bundle, authority)
    assert len(verified.timestamps) == 1
    assert [w.partition(" is ")[0].partition(" cannot")[0] for w in verified.warnings] == [
        "model.sig: timestamp 1",
        "model.sig: timestamp 3",
    ]
    assert len(verify(bundle, authority, other).timestamps) == 2


def test_bad_timestamp_does_not_spoil_what_holds_without(
    payload: bytes, authority: Authority
) -> None:
    verified = verify(signed(payload, lambda _: b"\x30\x00"), authority, at=NOW)
    assert verified.timestamps == ()
    assert "cannot be read" in verified.warnings[0]


def test_signed_after_the_certificate_expired(payload: bytes, authority: Authority) -> None:
    old = issue("old", CA, purposes=FOR_CODE, start=NOW - 9 * DAY, end=NOW - DAY)
    with pytest.raises(NotTrustedError, match="expired on"):
        verify(signed(payload, authority.stamp, leaf=old), authority)


def test_accuracy_reaches_beyond_the_certificate(payload: bytes, authority: Authority) -> None:
    def coarse_minute(content: bytes) -> bytes:
        place = content.index(bytes.fromhex("3003020101"))
        body = content[:place] + bytes.fromhex("300402020708") + content[place + 5 :]
        return der(0x30, body[2 if content[1] < 0x80 else 3 :])

    soon = issue("soon", CA, purposes=FOR_CODE, end=dt.datetime.now(dt.UTC) + 10 * MINUTE)
    exact = signed(payload, authority.stamp, leaf=soon)
    rough = signed(payload, lambda s: authority.forge(authority.stamp(s), coarse_minute), leaf=soon)
    assert verify(exact, authority).timestamps
    with pytest.raises(NotTrustedError, match="expired on"):
        verify(rough, authority)


LONG = issue("publisher", CA, purposes=FOR_CODE, end=NOW + 90 * DAY)


@pytest.mark.parametrize(
    ("why", "when", "invalid", "holds"),
    [
        pytest.param("superseded", DAY, None, True, id="superseded-later"),
        pytest.param("cessation_of_operation", DAY, None, True, id="ceased-later"),
        pytest.param("affiliation_changed", DAY, None, True, id="moved-later"),
        pytest.param("key_compromise", DAY, None, False, id="key-lost-later"),
        pytest.param("ca_compromise", DAY, None, False, id="authority-lost-later"),
        pytest.param("privilege_withdrawn", DAY, None, False, id="withdrawn-later"),
        pytest.param("unspecified", DAY, None, False, id="later-for-no-reason"),
        pytest.param(None, DAY, None, False, id="later-without-a-reason"),
        pytest.param("superseded", -DAY, None, False, id="superseded-before"),
        pytest.param("superseded", DAY, -DAY, False, id="invalid-since-before"),
        pytest.param("superseded", DAY, DAY, True, id="invalid-since-later"),
    ],
)
def test_revoked_after_the_signature(
    payload: bytes,
    authority: Authority,
    why: str | None,
    when: dt.timedelta,
    invalid: dt.timedelta | None,
    *,
    holds: bool,
) -> None:
    lists = revoked(
        CA,
        LONG,
        NOW + when,
        None if why is None else x509.ReasonFlags[why],
        invalid=None if invalid is None else NOW + invalid,
    ) + revoked(authority.root, None)
    bundle = signed(payload, authority.stamp, leaf=LONG)
    if holds:
        assert verify(bundle, authority, lists=lists).timestamps
    else:
        with pytest.raises(NotTrustedError, match="was revoked on"):
            verify(bundle, authority, lists=lists)
    with pytest.raises(NotTrustedError, match="was revoked on"):
        verify(signed(payload, leaf=LONG), authority, lists=lists)


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        pytest.param({"start": NOW + 2 * DAY, "end": NOW + 90 * DAY}, True, id="of-that-time"),
        pytest.param(
            {"start": NOW + 2 * DAY, "end": NOW + 3 * DAY}, False, id="out-of-date-at-the-expiry"
        ),
        pytest.param({"start": NOW + 20 * DAY}, False, id="current-and-may-have-dropped-it"),
        pytest.param({"start": NOW - 2 * DAY}, False, id="older-than-the-signature"),
        pytest.param(
            {"start": NOW + 20 * DAY, "keeps_since": b"\x18\x0f20200101000000Z"},
            True,
            id="current-and-keeps-expired",
        ),
        pytest.param(
            {"start": NOW + 20 * DAY, "keeps_since": b"\x18\x0f20990101000000Z"},
            False,
            id="keeps-only-what-expires-later",
        ),
        pytest.param(
            {"start": NOW + 20 * DAY, "keeps_since": b"\x18\x0f20209901000000Z"},
            False,
            id="keeps-since-no-date",
        ),
        pytest.param(
            {"start": NOW + 20 * DAY, "keeps_since": b"\x05\x00"}, False, id="keeps-since-nonsense"
        ),
    ],
)
def test_list_for_a_certificate_that_has_expired(
    payload: bytes, authority: Authority, *, options: dict[str, Any], holds: bool
) -> None:
    lists = revoked(CA, None, **options) + revoked(authority.root, None)
    bundle = signed(payload, authority.stamp)
    if holds:
        assert verify(bundle, authority, lists=lists).timestamps
    else:
        with pytest.raises(NotTrustedError, match="is not known"):
            verify(bundle, authority, lists=lists)


# Signing, and asking over HTTP.

KEY = keys.generate()


def test_key_signature_carries_a_timestamp(payload: bytes, authority: Authority) -> None:
    with serve(authority.reply) as url:
        ask = timestamp_authority(url)
        signer = TimestampedSigner(KeySigner(KEY), (ask, ask), tuple(trusted(authority.root)))
        bundle = signer.sign(payload)
    assert signer.verify(bundle, what="it").payload == payload
    parsed = parse_bundle(bundle)
    assert len(parsed.timestamps) == 2
    assert signer.owns(parsed)
    assert list(signer.notes()) == []
    assert authority.accepts(parsed.timestamps[0], parsed.envelope.signatures[0].sig)
    verified = verify_signature(bundle, keys=[KEY.public], timestamp_roots=trusted(authority.root))
    assert len(verified.timestamps) == 2


def test_bundle_agrees_with_the_schema(
    payload: bytes, authority: Authority, oms_schemas: Path
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((oms_schemas / "bundle.schema.json").read_text())
    material = schema["properties"]["verificationMaterial"]
    bundle = json.loads(TimestampedSigner(KeySigner(KEY), (authority.reply,)).sign(payload))
    jsonschema.Draft202012Validator({**material, "$defs": schema["$defs"]}).validate(
        bundle["verificationMaterial"]
    )


def test_who_signed_is_noted_where_it_was_not_checked(payload: bytes, authority: Authority) -> None:
    signer = TimestampedSigner(KeySigner(KEY), (authority.reply,))
    assert parse_bundle(signer.sign(payload)).timestamps
    assert any("--tsa-root" in note for note in signer.notes())


def test_answer_to_another_query_is_refused(payload: bytes, authority: Authority) -> None:
    # Right bytes, no nonce: what somebody recorded and played again.
    class Replaying:
        def __init__(self, signer: KeySigner) -> None:
            self.bundle = signer.sign(payload)
            signature = parse_bundle(self.bundle).envelope.signatures[0].sig
            self.recorded = authority.stamp(signature)

        def sign(self, _: bytes) -> bytes:
            return self.bundle

    old = Replaying(KeySigner(KEY))
    signer = TimestampedSigner(old, (lambda _: old.recorded,))  # type: ignore[arg-type]
    with pytest.raises(NotTrustedError, match="answers another query"):
        signer.sign(payload)


def test_untrusted_authority_is_refused_before_anything_is_written(
    payload: bytes, authority: Authority, other: Authority
) -> None:
    signer = TimestampedSigner(KeySigner(KEY), (authority.reply,), tuple(trusted(other.root)))
    with pytest.raises(NotTrustedError, match="not by an authority that is trusted"):
        signer.sign(payload)


@pytest.mark.parametrize(
    ("options", "body", "problem"),
    [
        pytest.param({"status": 403}, b"no", "it answered 403", id="refused"),
        pytest.param({"content_type": "text/html"}, b"<p>", "answered with text/html", id="a-page"),
        pytest.param({}, b"\x30" * 70_000, "more than 65,536 bytes", id="huge"),
    ],
)
def test_server_that_gives_no_timestamp(options: dict[str, Any], body: bytes, problem: str) -> None:
    with (
        serve(lambda _: body, **options) as url,
        pytest.raises(UndecidedError, match=problem),
    ):
        timestamp_authority(url, limits=QUICK)(b"query")


@pytest.mark.parametrize("url", ["ftp://x", "time.example.org", "https://", "https://u@x/"])
def test_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        timestamp_authority(url)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param([{}], "lacks the field signedTimestamp", id="empty-entry"),
        pytest.param([{"signedTimestamp": "AAAA"}] * 17, "at most 16", id="seventeen"),
        pytest.param(
            [{"signedTimestamp": base64.b64encode(b"\x30" * 65_537).decode()}],
            "no timestamp",
            id="huge",
        ),
        pytest.param([{"signedTimestamp": ""}], "no timestamp", id="no-bytes"),
        pytest.param({}, "is not a list", id="no-list"),
        pytest.param([{"signedTimestamp": "AAAA", "x": 1}], "unknown field", id="unknown-field"),
    ],
)
def test_bundle_with_timestamps_of_another_form(payload: bytes, value: Any, problem: str) -> None:
    bundle = json.loads(KeySigner(KEY).sign(payload))
    bundle["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": value}
    with pytest.raises(NotTrustedError, match=problem):
        parse_bundle(json.dumps(bundle).encode())


@settings(max_examples=400, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_damaged_timestamp_ends_in_a_refusal_or_says_the_same(
    authority: Authority, good: bytes, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(good)
    for place, value in damage:
        data[place % len(data)] = value
    try:
        stamp = check(bytes(data), authority)
    except NotTrustedError:
        return
    assert stamp == check(good, authority)
