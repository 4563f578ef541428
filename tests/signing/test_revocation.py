"""Revocation lists: what a list must be to be heard, with `openssl verify` as the second opinion."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from manifest.errors import NotTrustedError, UsageError
from manifest.signing.certificates import SignerCertificate, load_roots, verify_chain
from manifest.signing.revocation import MAX_LIST_BYTES, check_revocation, load_revocation_lists

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
POINT = x509.UniformResourceIdentifier("http://lists.example.org/a.crl")
OTHER_POINT = x509.UniformResourceIdentifier("http://lists.example.org/b.crl")


@dataclasses.dataclass(frozen=True)
class Holder:
    key: Any
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def usage(*, ca: bool, lists: bool = True) -> x509.KeyUsage:
    no = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca and lists,
        encipher_only=False,
        decipher_only=False,
        **no,
    )


def issue(
    name: str | x509.Name,
    issuer: Holder | None,
    *,
    ca: bool,
    lists: bool = True,
    basic: bool = True,
    with_usage: bool = True,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Holder:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        if isinstance(name, str)
        else name
    )
    above = issuer or Holder(key, None)  # type: ignore[arg-type]  # its own issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 30 * DAY)
        .not_valid_after(NOW + 30 * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()),
            critical=False,
        )
    )
    usual: list[tuple[x509.ExtensionType, bool]] = []
    if basic:
        usual.append((x509.BasicConstraints(ca=ca, path_length=None), True))
    if with_usage:
        usual.append((usage(ca=ca, lists=lists), True))
    for extension, critical in (*usual, *extra):
        builder = builder.add_extension(extension, critical=critical)
    return Holder(key, builder.sign(above.key, hashes.SHA256()))


ROOT = issue("root", None, ca=True)
MIDDLE = issue("middle", ROOT, ca=True)
LEAF = issue("signer", MIDDLE, ca=False)
POINTED = issue(
    "signer",
    MIDDLE,
    ca=False,
    extra=[
        (x509.CRLDistributionPoints([x509.DistributionPoint([POINT], None, None, None)]), False)
    ],
)
MUTE = issue("mute", ROOT, ca=True, lists=False)
OF_MUTE = issue("signer", MUTE, ca=False)


def crl(
    issuer: Holder,
    *revoked: Holder,
    start: dt.datetime = NOW - DAY,
    end: dt.datetime = NOW + DAY,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    entry: Sequence[tuple[x509.ExtensionType, bool]] = (),
    when: dt.datetime = NOW - 2 * DAY,
    key: Any = None,
    digest: Any = None,
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start)
        .next_update(end)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )
    for holder in revoked:
        one = (
            x509.RevokedCertificateBuilder()
            .serial_number(holder.certificate.serial_number)
            .revocation_date(when)
        )
        for extension, critical in entry:
            one = one.add_extension(extension, critical=critical)
        builder = builder.add_revoked_certificate(one.build())
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    signed = builder.sign(key or issuer.key, digest or hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def scope(**fields: Any) -> tuple[x509.ExtensionType, bool]:
    names = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**names, **fields}), True


def reason(flag: x509.ReasonFlags) -> tuple[x509.ExtensionType, bool]:
    return x509.CRLReason(flag), False


UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
OF_ROOT = crl(ROOT)
FORGER = ec.generate_private_key(ec.SECP256R1())


def verify(
    chain: Sequence[Holder], lists: Sequence[bytes], at: dt.datetime = NOW
) -> SignerCertificate:
    return verify_chain(
        [c.der for c in chain],
        load_roots(ROOT.pem),
        at=at,
        what="model.sig",
        revocation_lists=[each for pem in lists for each in load_revocation_lists(pem)],
    )


def openssl(
    tmp_path: Path, chain: Sequence[Holder], lists: Sequence[bytes], at: dt.datetime
) -> str:
    """What `openssl verify` says: OK, or its first error."""
    for name, data in {
        "root.pem": ROOT.pem,
        "leaf.pem": chain[0].pem,
        "others.pem": b"".join(c.pem for c in chain[1:]),
        "lists.pem": b"".join(lists),
    }.items():
        (tmp_path / name).write_bytes(data)
    others = ["-untrusted", "others.pem"] if chain[1:] else []
    done = subprocess.run(
        [
            "openssl",
            "verify",
            "-crl_check_all",
            "-x509_strict",
            "-CAfile",
            "root.pem",
            "-CRLfile",
            "lists.pem",
            "-attime",
            str(int(at.timestamp())),
            *others,
            "leaf.pem",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
    )
    if done.returncode == 0:
        return "OK"
    lines = [line for line in done.stderr.splitlines() if line.startswith("error ")]
    return lines[0].split(": ", 1)[1]


CHAIN = [LEAF, MIDDLE]


@pytest.mark.parametrize(
    ("chain", "lists"),
    [
        pytest.param(CHAIN, [OF_ROOT, crl(MIDDLE)], id="nobody-revoked"),
        pytest.param(CHAIN, [crl(MIDDLE), OF_ROOT], id="any-order"),
        pytest.param(CHAIN, [crl(ROOT, MUTE), crl(MIDDLE, OF_MUTE)], id="others-revoked"),
        pytest.param(
            CHAIN,
            [OF_ROOT, crl(MIDDLE, extra=[scope(only_contains_user_certs=True)])],
            id="list-of-users",
        ),
        pytest.param(
            CHAIN,
            [crl(ROOT, extra=[scope(only_contains_ca_certs=True)]), crl(MIDDLE)],
            id="list-of-authorities",
        ),
        pytest.param(
            [POINTED, MIDDLE],
            [OF_ROOT, crl(MIDDLE, extra=[scope(full_name=[POINT])])],
            id="its-distribution-point",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, extra=[(UNKNOWN[0], False)])], id="unknown-extension"
        ),
        pytest.param(
            CHAIN,
            [OF_ROOT, crl(MIDDLE, OF_MUTE, entry=[(UNKNOWN[0], False)])],
            id="unknown-extension-of-an-entry",
        ),
    ],
)
def test_known_not_to_be_revoked(tmp_path: Path, chain: list[Holder], lists: list[bytes]) -> None:
    assert verify(chain, lists).subject == "CN=signer"
    assert openssl(tmp_path, chain, lists, NOW) == "OK"


@pytest.mark.parametrize(
    ("chain", "lists", "problem", "theirs"),
    [
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, LEAF)], "revoked on 2026-05-30", "certificate revoked",
            id="signer-revoked",
        ),
        pytest.param(
            CHAIN, [crl(ROOT, MIDDLE), crl(MIDDLE)], "of CN=middle was revoked",
            "certificate revoked", id="authority-revoked",
        ),
        pytest.param(
            CHAIN,
            [OF_ROOT, crl(MIDDLE, LEAF, entry=[reason(x509.ReasonFlags.key_compromise)])],
            "UTC (key compromise), says the list of CN=middle",
            "certificate revoked",
            id="reason-is-told",
        ),
        pytest.param(
            CHAIN,
            [OF_ROOT, crl(MIDDLE, LEAF, entry=[reason(x509.ReasonFlags.certificate_hold)])],
            "certificate hold",
            "certificate revoked",
            id="on-hold",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, LEAF, when=NOW + DAY)], "was revoked",
            "certificate revoked", id="revoked-from-tomorrow",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE), crl(MIDDLE, LEAF)], "was revoked", None,
            id="one-of-two-lists-says-so",
        ),
        pytest.param(
            CHAIN, [OF_ROOT], "CN=signer is revoked is not known: no list given is by CN=middle",
            "unable to get certificate CRL", id="no-list-of-the-issuer",
        ),
        pytest.param(
            CHAIN, [crl(MIDDLE)], "CN=middle is revoked is not known: no list given is by CN=root",
            "unable to get certificate CRL", id="no-list-of-the-root",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, end=NOW - dt.timedelta(hours=1))],
            "is out of date: the next was due on 2026-05-31", "CRL has expired", id="out-of-date",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, start=NOW + dt.timedelta(hours=1))],
            "after the time of verification", "CRL is not yet valid", id="of-tomorrow",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, key=FORGER)], "is not signed by that authority's key",
            "CRL signature failure", id="forged",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, key=ROOT.key)], "is not signed by that authority's key",
            "CRL signature failure", id="signed-by-the-root",
        ),
        pytest.param(
            [OF_MUTE, MUTE], [OF_ROOT, crl(MUTE)], "key usage does not include cRLSign",
            "key usage does not include CRL signing", id="authority-may-not-sign-lists",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, extra=[UNKNOWN])], "critical extension 1.2.3.4, unknown",
            "unhandled critical CRL extension", id="unknown-critical-extension",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, OF_MUTE, entry=[UNKNOWN])],
            "entries with the critical extension 1.2.3.4", "unhandled critical CRL extension",
            id="unknown-critical-extension-of-an-entry",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, extra=[(x509.DeltaCRLIndicator(1), True)])],
            "is a delta list", None, id="delta-list",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, extra=[scope(indirect_crl=True)])], "is an indirect list",
            None, id="indirect-list",
        ),
        pytest.param(
            CHAIN,
            [
                OF_ROOT,
                crl(
                    MIDDLE,
                    extra=[scope(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise]))],
                ),
            ],
            "some reasons for revocation only", "unable to get certificate CRL", id="some-reasons",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, extra=[scope(only_contains_ca_certs=True)])],
            "authorities only", "different CRL scope", id="list-of-authorities-for-a-signer",
        ),
        pytest.param(
            CHAIN, [crl(ROOT, extra=[scope(only_contains_user_certs=True)]), crl(MIDDLE)],
            "users only", "different CRL scope", id="list-of-users-for-an-authority",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, extra=[scope(only_contains_attribute_certs=True)])],
            "attribute certificates only", "different CRL scope", id="attribute-certificates",
        ),
        pytest.param(
            [POINTED, MIDDLE], [OF_ROOT, crl(MIDDLE, extra=[scope(full_name=[OTHER_POINT])])],
            "another distribution point", "different CRL scope", id="other-distribution-point",
        ),
        pytest.param(
            CHAIN, [OF_ROOT, crl(MIDDLE, extra=[scope(full_name=[POINT])])],
            "another distribution point", "different CRL scope", id="no-distribution-point",
        ),
    ],
)  # fmt: skip
def test_revoked_or_unknown(
    tmp_path: Path, chain: list[Holder], lists: list[bytes], problem: str, theirs: str | None
) -> None:
    with pytest.raises(NotTrustedError) as caught:
        verify(chain, lists)
    assert caught.value.message.startswith("model.sig: ")
    assert problem in caught.value.message
    if theirs is not None:  # the others are answers of ours alone: openssl takes what it can get
        assert theirs in openssl(tmp_path, chain, lists, NOW)


def test_list_that_cannot_be_used_does_not_spoil_one_that_can() -> None:
    lists = [crl(MIDDLE, LEAF, end=NOW - DAY / 2), crl(MIDDLE, key=FORGER), OF_ROOT, crl(MIDDLE)]
    assert verify(CHAIN, lists).subject == "CN=signer"


def test_list_signed_with_a_broken_hash(tmp_path: Path) -> None:
    key = MIDDLE.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "middle.pem").write_bytes(MIDDLE.pem)
    (tmp_path / "index.txt").touch()
    (tmp_path / "ca.cnf").write_text("[ca]\ndefault_ca=m\n[m]\ndatabase=index.txt\n")
    subprocess.run(
        [
            "openssl",
            "ca",
            "-gencrl",
            "-config",
            "ca.cnf",
            "-md",
            "sha1",
            "-keyfile",
            "key.pem",
            "-cert",
            "middle.pem",
            "-out",
            "sha1.pem",
            "-crl_lastupdate",
            "20260531000000Z",
            "-crl_nextupdate",
            "20260602000000Z",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    with pytest.raises(NotTrustedError, match="a hash that is broken"):
        verify(CHAIN, [OF_ROOT, (tmp_path / "sha1.pem").read_bytes()])


def sequence(body: bytes, tag: int = 0x30) -> bytes:
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x81, size])
    if size > 255:
        length = bytes([0x82, size >> 8, size & 0xFF])
    return bytes([tag]) + length + body


def resealed(pem: bytes, change: Callable[[bytes], bytes], issuer: Holder) -> bytes:
    """A list whose signed part is changed and signed again: what no builder would write."""
    old = x509.load_pem_x509_crl(pem).tbs_certlist_bytes
    header = 2 + (old[1] & 0x7F if old[1] & 0x80 else 0)
    tbs = sequence(change(old[header:]))
    algorithm = sequence(bytes.fromhex("06082a8648ce3d040302"))
    signature = issuer.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    der = sequence(tbs + algorithm + sequence(b"\x00" + signature, 0x03))
    return x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM)


def without_next_update(body: bytes) -> bytes:
    second = body.index(b"\x17\x0d", body.index(b"\x17\x0d") + 1)
    return body[:second] + body[second + 15 :]


def test_list_that_does_not_say_until_when_it_holds() -> None:
    unchanged = resealed(crl(MIDDLE), lambda body: body, MIDDLE)
    assert verify(CHAIN, [OF_ROOT, unchanged]).subject == "CN=signer"
    with pytest.raises(NotTrustedError, match="does not say until when it holds"):
        verify(CHAIN, [OF_ROOT, resealed(crl(MIDDLE), without_next_update, MIDDLE)])


def test_list_with_an_algorithm_that_is_not_known() -> None:
    der = x509.load_pem_x509_crl(crl(MIDDLE)).public_bytes(serialization.Encoding.DER)
    odd = der.replace(bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d04037f"))
    with pytest.raises(NotTrustedError, match="a hash that is broken or unknown"):
        verify(CHAIN, [OF_ROOT, odd])


def test_list_with_an_extension_that_cannot_be_read() -> None:
    torn = (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.28"), b"\x30\x05"), True)
    with pytest.raises(NotTrustedError, match="an extension that cannot be read"):
        verify(CHAIN, [OF_ROOT, crl(MIDDLE, extra=[torn])])


def test_list_signed_by_a_key_of_another_kind() -> None:
    key = rsa.generate_private_key(65537, 2048)
    with pytest.raises(NotTrustedError, match="is not signed by that authority's key"):
        verify(CHAIN, [OF_ROOT, crl(MIDDLE, key=key)])


def test_list_of_a_distribution_point_named_in_part() -> None:
    part = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    with pytest.raises(NotTrustedError, match="in a way that is not supported"):
        verify(CHAIN, [OF_ROOT, crl(MIDDLE, extra=[scope(relative_name=part)])])


def test_authority_without_key_usage_may_sign_lists(tmp_path: Path) -> None:
    plain = issue("plain", ROOT, ca=True, basic=True, with_usage=False)
    chain = [issue("signer", plain, ca=False, basic=False), plain]
    lists = [OF_ROOT, crl(plain, extra=[scope(only_contains_user_certs=True)])]
    assert verify(chain, lists).subject == "CN=signer"


def test_trusted_certificate_is_in_no_list() -> None:
    signer = verify_chain(
        [LEAF.der],
        load_roots(LEAF.pem),
        at=NOW,
        what="model.sig",
        revocation_lists=load_revocation_lists(crl(MIDDLE, LEAF)),
    )
    assert signer.subject == "CN=signer"  # who trusts a certificate as it is asks no authority


MOMENT = dt.timedelta(seconds=1)
KEPT = x509.ObjectIdentifier("2.5.29.60")  # expiredCertsOnCRL: since when (X.509, 9.5.2.8)
ENDS = LEAF.certificate.not_valid_after_utc


def since(time: dt.datetime, oid: x509.ObjectIdentifier = KEPT) -> x509.UnrecognizedExtension:
    text = time.strftime("%Y%m%d%H%M%SZ").encode()
    return x509.UnrecognizedExtension(oid, bytes((0x18, len(text))) + text)


@pytest.mark.parametrize(
    ("signed_by", "stands"),
    [
        pytest.param(NOW - 2 * DAY - MOMENT, True, id="signed-before"),
        pytest.param(NOW - 2 * DAY, False, id="signed-in-the-moment"),
        pytest.param(NOW - 2 * DAY + MOMENT, False, id="signed-after"),
    ],
)
@pytest.mark.parametrize("by", ["revocation", "invalidity"])
def test_the_moment_of_a_revocation_is_not_before_it(
    by: str, signed_by: dt.datetime, *, stands: bool
) -> None:
    entry = [reason(x509.ReasonFlags.superseded)]
    when = NOW - 2 * DAY
    if by == "invalidity":
        entry.append((x509.InvalidityDate(when.replace(tzinfo=None)), False))
        when = NOW - DAY
    lists = load_revocation_lists(crl(MIDDLE, LEAF, when=when, entry=entry) + OF_ROOT)
    told: Any = contextlib.nullcontext()
    if not stands:
        told = pytest.raises(NotTrustedError, match="was revoked on")
    path = [LEAF.certificate, MIDDLE.certificate, ROOT.certificate]
    with told:
        check_revocation(path, lists, at=NOW, what="it", signed_by=signed_by)


@pytest.mark.parametrize(
    ("start", "end", "extra", "known"),
    [
        pytest.param(NOW, NOW, (), True, id="made-and-due-in-this-moment"),
        pytest.param(NOW + MOMENT, NOW + DAY, (), False, id="made-later"),
        pytest.param(NOW - DAY, NOW - MOMENT, (), False, id="was-due"),
    ],
)
def test_the_moments_of_a_list(
    start: dt.datetime, end: dt.datetime, extra: Any, *, known: bool
) -> None:
    lists = [crl(MIDDLE, start=start, end=end, extra=extra), OF_ROOT]
    if known:
        verify([LEAF, MIDDLE], lists)
    else:
        with pytest.raises(NotTrustedError, match="is not known"):
            verify([LEAF, MIDDLE], lists)


@pytest.mark.parametrize(
    ("start", "extra", "known"),
    [
        pytest.param(NOW, (), True, id="of-the-moment-of-the-signature"),
        pytest.param(NOW - MOMENT, (), False, id="before-the-signature"),
        pytest.param(ENDS, (), True, id="of-the-moment-of-the-expiry"),
        pytest.param(ENDS + MOMENT, (), False, id="after-the-expiry"),
        pytest.param(ENDS + DAY, [(since(ENDS), False)], True, id="kept-since-the-expiry"),
        pytest.param(ENDS + DAY, [(since(ENDS + MOMENT), False)], False, id="kept-since-later"),
        pytest.param(
            ENDS + DAY,
            [(since(NOW, x509.ObjectIdentifier("1.2.3.4")), False)],
            False,
            id="another-extension-with-a-time",
        ),
    ],
)
def test_the_moments_of_a_list_for_a_certificate_that_expired(
    start: dt.datetime, extra: Any, *, known: bool
) -> None:
    late = ENDS + 2 * DAY
    lists = load_revocation_lists(crl(MIDDLE, start=start, end=late + DAY, extra=extra))
    told: Any = contextlib.nullcontext()
    if not known:
        told = pytest.raises(NotTrustedError, match="is not known")
    path = [LEAF.certificate, MIDDLE.certificate]  # and what of the authority is another question
    with told:
        check_revocation(path, lists, at=late, what="it", signed_by=NOW)


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Etc/GMT-12"])
def test_the_time_zone_of_the_machine_is_of_no_account(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        verify([LEAF, MIDDLE], [], ENDS)
        verify([LEAF, MIDDLE], [], NOW - 30 * DAY)
        for late in (ENDS + MOMENT, NOW - 30 * DAY - MOMENT):
            with pytest.raises(NotTrustedError):
                verify([LEAF, MIDDLE], [], late)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_several_lists_in_one_file_and_one_in_der() -> None:
    both = OF_ROOT + b"a comment\n" + crl(MIDDLE)
    assert [each.issuer for each in load_revocation_lists(both)] == ["CN=root", "CN=middle"]
    der = x509.load_pem_x509_crl(OF_ROOT).public_bytes(serialization.Encoding.DER)
    assert [each.issuer for each in load_revocation_lists(der)] == ["CN=root"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"junk", id="junk"),
        pytest.param(LEAF.pem, id="certificate"),
        pytest.param(OF_ROOT + LEAF.pem, id="certificate-beside-it"),
        pytest.param(OF_ROOT[:200], id="cut-off"),
        pytest.param(OF_ROOT.replace(b"END X509 CRL", b"END"), id="no-end"),
        pytest.param(LEAF.der, id="certificate-in-der"),
    ],
)
def test_file_that_is_no_list(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"lists\.crl is not a certificate revocation list"):
        load_revocation_lists(data, what="lists.crl")


def test_huge_file_is_not_parsed() -> None:
    with pytest.raises(UsageError, match="at most"):
        load_revocation_lists(b" " * (MAX_LIST_BYTES + 1))


def constrained(permitted: Any = None, excluded: Any = None, *, critical: bool = True) -> Holder:
    limits = x509.NameConstraints(permitted, excluded)
    return issue("limited", ROOT, ca=True, extra=[(limits, critical)])


def addressed(above: Holder, subject: str, *alternative: str) -> list[Holder]:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "signer"),
            *([x509.NameAttribute(NameOID.EMAIL_ADDRESS, subject)] if subject else []),
        ]
    )
    names = [x509.RFC822Name(each) for each in alternative]
    extra = [(x509.SubjectAlternativeName(names), False)] if names else []
    purposes = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)
    return [issue(name, above, ca=False, extra=[*extra, purposes]), above]


def plain_openssl(tmp_path: Path, chain: Sequence[Holder]) -> str:
    lists = [crl(ROOT), *(crl(c) for c in chain[1:])]
    return openssl(tmp_path, chain, lists, NOW)


HOST = x509.RFC822Name("a.org")
DOMAIN = x509.RFC822Name(".a.org")
PERSON = x509.RFC822Name("me@a.org")


@pytest.mark.parametrize(
    ("make", "refused"),
    [
        pytest.param(lambda: addressed(constrained([HOST]), "me@a.org"), False, id="host"),
        pytest.param(
            lambda: addressed(constrained([HOST]), "me@A.ORG"), False, id="host-in-capitals"
        ),
        pytest.param(lambda: addressed(constrained([HOST]), ""), False, id="no-address"),
        pytest.param(lambda: addressed(constrained([HOST]), "me@b.org"), True, id="other-host"),
        pytest.param(lambda: addressed(constrained([HOST]), "me@x.a.org"), True, id="host-below"),
        pytest.param(lambda: addressed(constrained([DOMAIN]), "me@x.a.org"), False, id="domain"),
        pytest.param(
            lambda: addressed(constrained([DOMAIN]), "me@a.org"), True, id="domain-itself"
        ),
        pytest.param(lambda: addressed(constrained([PERSON]), "me@a.org"), False, id="person"),
        pytest.param(
            lambda: addressed(constrained([PERSON]), "you@a.org"), True, id="other-person"
        ),
        pytest.param(lambda: addressed(constrained(None, [HOST]), "me@a.org"), True, id="excluded"),
        pytest.param(
            lambda: addressed(constrained(None, [HOST]), "me@b.org"), False, id="not-excluded"
        ),
        pytest.param(
            lambda: addressed(constrained([HOST]), "me@b.org", "me@a.org"),
            True,
            id="good-alternative-name-beside-it",
        ),
        pytest.param(
            lambda: addressed(constrained([HOST]), "", "me@b.org"), True, id="alternative-name"
        ),
        pytest.param(lambda: addressed(constrained([HOST]), "a.org"), True, id="no-address-at-all"),
    ],
)
def test_addresses_are_constrained_as_openssl_does(
    tmp_path: Path, make: Callable[[], list[Holder]], *, refused: bool
) -> None:
    chain = make()
    if refused:
        with pytest.raises(NotTrustedError, match=r"address|name constraint"):
            verify(chain, [])
    else:
        assert verify(chain, []).subject.endswith("CN=signer")
    assert (plain_openssl(tmp_path, chain) != "OK") == refused


def test_full_stop_at_the_end_of_a_host_excludes_nobody_from_what_is_excluded() -> None:
    """The root of the name system may be written: `a.org.` is `a.org`."""
    for tree in (HOST, DOMAIN, PERSON):
        host = "x.a.org." if tree is DOMAIN else "a.org."
        with pytest.raises(NotTrustedError, match="does not allow the address"):
            verify(addressed(constrained(None, [tree]), f"me@{host}"), [])


def test_constraints_of_an_authority_further_up_hold(tmp_path: Path) -> None:
    limited = constrained([HOST])
    between = issue("between", limited, ca=True)
    for address, refused in (("me@a.org", False), ("me@b.org", True)):
        chain = [*addressed(between, address), limited]
        if refused:
            with pytest.raises(NotTrustedError, match=r"does not allow the address me@b\.org"):
                verify(chain, [])
        else:
            assert verify(chain, []).subject.endswith("CN=signer")
        assert (plain_openssl(tmp_path, chain) != "OK") == refused


def test_constraints_hold_below_an_authority_and_not_for_itself(tmp_path: Path) -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "limited"),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "authority@b.org"),
        ]
    )
    limits = x509.NameConstraints([HOST], None)
    chain = addressed(issue(name, ROOT, ca=True, extra=[(limits, True)]), "me@a.org")
    assert verify(chain, []).subject.endswith("CN=signer")
    assert plain_openssl(tmp_path, chain) == "OK"


@pytest.mark.parametrize("critical", [True, False])
def test_constraints_of_directory_names_are_not_passed_over(*, critical: bool) -> None:
    tree = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
    chain = addressed(constrained([tree], critical=critical), "")
    with pytest.raises(NotTrustedError, match=r"director"):
        verify(chain, [])
