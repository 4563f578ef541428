from __future__ import annotations

import dataclasses
import datetime as dt
import ssl
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from manifest.errors import NotTrustedError, UsageError
from manifest.signing import certificates, chains
from manifest.signing.certificates import SignerCertificate, load_roots
from manifest.signing.keys import KeyKind

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
Extension = tuple[x509.ExtensionType, bool]


def usage(*set_bits: str) -> Extension:
    bits = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{bit: bit in set_bits for bit in bits}), True


def ca(path_length: int | None = None) -> Extension:
    return x509.BasicConstraints(ca=True, path_length=path_length), True


NOT_CA = (x509.BasicConstraints(ca=False, path_length=None), True)
SIGNS = usage("digital_signature")
ISSUES = usage("key_cert_sign", "crl_sign")
FOR_CODE = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)
FOR_SERVERS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
FOR_ANYTHING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
EMAIL = (
    x509.SubjectAlternativeName(
        [x509.RFC822Name("me@example.org"), x509.UniformResourceIdentifier("https://example.org")]
    ),
    False,
)


@dataclasses.dataclass(frozen=True)
class Holder:
    """A certificate and the key that goes with it."""

    name: str
    key: Any
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, *extensions: Extension, **options: Any) -> Holder:
        return issue(name, self, *extensions, **options)


def issue(
    name: str,
    issuer: Holder | None,
    *extensions: Extension,
    key: Any = None,
    start: dt.datetime = NOW - DAY,
    end: dt.datetime = NOW + DAY,
) -> Holder:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Holder(name, key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


ROOT = issue("root", None, ca(), ISSUES)
MIDDLE = ROOT.issue("middle", ca(0), ISSUES)
LEAF = MIDDLE.issue("signer", NOT_CA, SIGNS, FOR_CODE, EMAIL)


def verify(
    chain: Sequence[Holder], roots: Sequence[Holder] = (ROOT,), at: dt.datetime = NOW
) -> SignerCertificate:
    trusted = [root for holder in roots for root in load_roots(holder.pem)]
    return certificates.verify_chain([c.der for c in chain], trusted, at=at, what="model.sig")


def test_signer_is_described() -> None:
    signer = verify([LEAF, MIDDLE])
    assert signer.subject == "CN=signer"
    assert signer.issuer == "CN=middle"
    assert signer.alternative_names == ("email:me@example.org", "uri:https://example.org")
    assert signer.fingerprint == LEAF.certificate.fingerprint(hashes.SHA256()).hex()
    assert int(signer.serial_number, 16) == LEAF.certificate.serial_number
    assert (signer.not_before, signer.not_after) == (NOW - DAY, NOW + DAY)
    assert signer.public_key.kind is KeyKind.ECDSA_P256
    assert signer.root.subject == "CN=root"
    assert signer.unused == 0


def test_names_of_a_signer_are_shown_by_their_kind() -> None:
    import ipaddress

    directory = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")])
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
        x509.DirectoryName(directory),  # of a kind that no identity is given by
        x509.DNSName("example.org"),
    ]
    leaf = MIDDLE.issue("signer", NOT_CA, SIGNS, (x509.SubjectAlternativeName(names), False))
    assert verify([leaf, MIDDLE]).alternative_names == ("ip:192.0.2.7", "dns:example.org")


def test_signers_key_is_the_leafs() -> None:
    signature = LEAF.key.sign(b"data", ec.ECDSA(hashes.SHA256()))
    assert verify([LEAF, MIDDLE]).public_key.verify(signature, b"data")


def dns(name: str) -> Extension:
    return x509.SubjectAlternativeName([x509.DNSName(name)]), False


LIMITED = ROOT.issue(
    "limited", ca(), ISSUES, (x509.NameConstraints([x509.DNSName("a.org")], None), True)
)
OTHER_ROOT = issue("other root", None, ca(), ISSUES)
OTHER_LEAF = OTHER_ROOT.issue("stranger", SIGNS)
TWO_MIDDLES = ROOT.issue("upper", ca(1), ISSUES)
LOWER = TWO_MIDDLES.issue("lower", ca(0), ISSUES)
DEEP_LEAF = LOWER.issue("signer", SIGNS)
SELF_SIGNED = issue("me", None, SIGNS)


@pytest.mark.parametrize(
    ("chain", "roots", "unused"),
    [
        pytest.param([LEAF, MIDDLE, ROOT], [ROOT], 0, id="root-in-the-chain"),
        pytest.param([DEEP_LEAF, TWO_MIDDLES, LOWER], [ROOT], 0, id="intermediates-out-of-order"),
        pytest.param([LEAF, OTHER_ROOT, MIDDLE, OTHER_LEAF], [ROOT], 2, id="unrelated-ones"),
        pytest.param([LEAF, MIDDLE], [OTHER_ROOT, ROOT], 0, id="one-of-two-roots"),
        pytest.param([LEAF], [MIDDLE], 0, id="intermediate-trusted-as-root"),
        pytest.param([SELF_SIGNED], [SELF_SIGNED], 0, id="self-signed-leaf-trusted-as-root"),
        pytest.param([ROOT.issue("s", SIGNS)], [ROOT], 0, id="no-extended-key-usage"),
        pytest.param([ROOT.issue("s", FOR_CODE)], [ROOT], 0, id="no-key-usage"),
        pytest.param([ROOT.issue("s", SIGNS, FOR_ANYTHING)], [ROOT], 0, id="any-purpose"),
        pytest.param([ROOT.issue("s", ca(), SIGNS, FOR_CODE)], [ROOT], 0, id="leaf-with-ca-flag"),
        pytest.param([ROOT.issue("root", SIGNS)], [ROOT], 0, id="leaf-named-as-its-issuer"),
        pytest.param(
            [LIMITED.issue("s", SIGNS, dns("x.a.org")), LIMITED], [ROOT], 0, id="name-constraints"
        ),
    ],
)
def test_chain_is_accepted(chain: list[Holder], roots: list[Holder], unused: int) -> None:
    assert verify(chain, roots).unused == unused


def leaf_of(middle: Holder, *above: Holder) -> list[Holder]:
    return [middle.issue("signer", SIGNS), middle, *above]


def descent(depth: int) -> list[Holder]:
    """A signer so many certificates below the root."""
    chain = [ROOT]
    for number in range(depth):
        chain.insert(0, chain[0].issue(f"m{number}", ca(), ISSUES))
    return [chain[0].issue("signer", SIGNS), *chain[:-1]]


FORGER = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("chain", "problem"),
    [
        pytest.param([OTHER_LEAF], "no root given vouches for", id="wrong-root"),
        pytest.param([OTHER_LEAF, OTHER_ROOT], "no root given vouches", id="brings-its-own-root"),
        pytest.param([SELF_SIGNED], "no root given vouches", id="self-signed"),
        pytest.param([LEAF], "issued by CN=middle", id="missing-intermediate"),
        pytest.param(
            [issue("signer", dataclasses.replace(MIDDLE, key=FORGER), SIGNS), MIDDLE],
            "no root given vouches",
            id="forged-leaf",
        ),
        pytest.param(
            leaf_of(issue("middle", dataclasses.replace(ROOT, key=FORGER), ca(), ISSUES)),
            "no root given vouches",
            id="forged-intermediate",
        ),
        pytest.param(
            [ROOT.issue("s", SIGNS, start=NOW - 3 * DAY, end=NOW - DAY)],
            "of CN=s expired on 2026-05-31",
            id="expired-leaf",
        ),
        pytest.param(
            [ROOT.issue("s", SIGNS, start=NOW + DAY, end=NOW + 3 * DAY)],
            "of CN=s is not valid before 2026-06-02",
            id="leaf-not-yet-valid",
        ),
        pytest.param(
            leaf_of(ROOT.issue("m", ca(), ISSUES, start=NOW - 3 * DAY, end=NOW - DAY)),
            "of CN=m expired on",
            id="expired-intermediate",
        ),
        pytest.param(
            leaf_of(ROOT.issue("m", NOT_CA, ISSUES)), "not a CA certificate", id="ca-flag-false"
        ),
        pytest.param(leaf_of(ROOT.issue("m", ISSUES)), "not a CA certificate", id="no-ca-flag"),
        pytest.param(
            leaf_of(ROOT.issue("m", ca(), SIGNS)), "does not include keyCertSign", id="ca-may-not"
        ),
        pytest.param(
            leaf_of(ROOT.issue("m", ca(), ISSUES, FOR_SERVERS)),
            "of CN=m is for another purpose",
            id="ca-for-web-servers",
        ),
        pytest.param(
            leaf_of(MIDDLE.issue("lower", ca(), ISSUES), MIDDLE),
            "allows 0 CA certificates below it, and there are 1",
            id="path-length-exceeded",
        ),
        pytest.param(descent(12), "the chain is longer than 8 certificates", id="very-long"),
        pytest.param(
            leaf_of(LEAF, MIDDLE), "of CN=signer issued another, and is not a CA", id="leaf-as-ca"
        ),
        pytest.param(
            leaf_of(ROOT.issue("m", ca(), ISSUES, UNKNOWN)), "critical", id="unknown-critical-in-ca"
        ),
        pytest.param([ROOT.issue("s", SIGNS, UNKNOWN)], "critical", id="unknown-critical-in-leaf"),
        pytest.param([ROOT.issue("s", NOT_CA)], "has no key usage", id="no-usage"),
        pytest.param(
            [ROOT.issue("s", usage("key_agreement"))], "digitalSignature", id="leaf-may-not-sign"
        ),
        pytest.param(
            [ROOT.issue("s", usage("key_agreement"), FOR_CODE)],
            "digitalSignature",
            id="code-signing-without-digital-signature",
        ),
        pytest.param(
            [ROOT.issue("s", SIGNS, FOR_SERVERS)], "does not include codeSigning", id="web-server"
        ),
        pytest.param([MIDDLE, LEAF], "digitalSignature", id="ca-before-the-leaf"),
        pytest.param(
            [ROOT.issue("s", SIGNS, key=rsa.generate_private_key(65537, 2048))],
            "not on P-256",
            id="rsa-leaf",
        ),
        pytest.param(
            [ROOT.issue("s", SIGNS, key=ec.generate_private_key(ec.SECP256K1()))],
            "not on P-256",
            id="secp256k1-leaf",
        ),
        pytest.param(
            [ROOT.issue("s", SIGNS, key=ed25519.Ed25519PrivateKey.generate())],
            "not on P-256",
            id="ed25519-leaf",
        ),
        pytest.param(
            [LIMITED.issue("s", SIGNS, dns("b.org")), LIMITED],
            "name constraints",
            id="name-outside-the-constraints",
        ),
    ],
)
def test_chain_is_refused(chain: list[Holder], problem: str) -> None:
    with pytest.raises(NotTrustedError) as caught:
        verify(chain)
    assert caught.value.message.startswith("model.sig: ")
    assert problem in caught.value.message
    assert caught.value.remedy


def test_expired_root_is_refused() -> None:
    root = issue("root", None, ca(), ISSUES, start=NOW - 3 * DAY, end=NOW - DAY)
    with pytest.raises(NotTrustedError, match="of CN=root expired on"):
        verify([root.issue("s", SIGNS)], [root])


def test_path_length_of_the_root_counts() -> None:
    root = issue("root", None, ca(0), ISSUES)
    with pytest.raises(NotTrustedError, match="of CN=root allows 0 CA certificates below it"):
        verify(leaf_of(root.issue("m", ca(), ISSUES)), [root])


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_three_curves_sign_below_an_rsa_root(curve: ec.EllipticCurve) -> None:
    root = issue("rsa", None, ca(), ISSUES, key=rsa.generate_private_key(65537, 2048))
    leaf = root.issue("s", SIGNS, key=ec.generate_private_key(curve))
    assert verify([leaf], [root]).root.subject == "CN=rsa"


def test_weak_rsa_root_is_refused() -> None:
    root = issue("rsa", None, ca(), ISSUES, key=rsa.generate_private_key(65537, 1024))
    with pytest.raises(NotTrustedError, match="too weak"):
        verify([root.issue("s", SIGNS)], [root])


def test_validity_is_judged_in_the_callers_time_zone() -> None:
    end_of_validity = NOW + DAY
    east = dt.timezone(dt.timedelta(hours=9))
    assert verify([LEAF, MIDDLE], at=end_of_validity.astimezone(east)).subject == "CN=signer"
    with pytest.raises(NotTrustedError, match="expired"):
        verify([LEAF, MIDDLE], at=(end_of_validity + dt.timedelta(seconds=1)).astimezone(east))


@pytest.mark.parametrize(
    "spoil",
    [lambda der: b"", lambda der: b"junk", lambda der: der[:-1], lambda der: der + b"\x00"],
    ids=["empty", "junk", "cut-off", "more-behind"],
)
def test_certificate_that_cannot_be_read(spoil: Callable[[bytes], bytes]) -> None:
    roots = load_roots(ROOT.pem)
    with pytest.raises(NotTrustedError, match="certificate 2 cannot be read"):
        certificates.verify_chain([LEAF.der, spoil(MIDDLE.der)], roots, at=NOW, what="model.sig")


@pytest.mark.parametrize("place", [0, 1], ids=["leaf", "intermediate"])
def test_negative_serial_number_is_refused_without_a_warning(place: int) -> None:
    chain = [LEAF, MIDDLE]
    der = bytearray(chain[place].der)
    serial = chain[place].certificate.serial_number
    number = serial.to_bytes((serial.bit_length() + 8) // 8)
    der[der.index(number)] |= 0x80
    spoiled = [holder.der for holder in chain]
    spoiled[place] = bytes(der)
    with pytest.raises(NotTrustedError, match=r"^model\.sig: "):
        certificates.verify_chain(spoiled, load_roots(ROOT.pem), at=NOW, what="model.sig")


def test_name_with_control_characters_is_escaped() -> None:
    with pytest.raises(NotTrustedError) as caught:
        verify([OTHER_ROOT.issue("a\x1b[31m", SIGNS)])
    assert "\x1b" not in caught.value.message


def test_several_roots_in_one_file() -> None:
    roots = load_roots(ROOT.pem + b"# a comment\n" + OTHER_ROOT.pem)
    assert [root.subject for root in roots] == ["CN=root", "CN=other root"]


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        pytest.param(b"", "not a PEM file of certificates", id="empty"),
        pytest.param(ROOT.der, "not a PEM file of certificates", id="der"),
        pytest.param(ROOT.pem[:80], "not a PEM file of certificates", id="cut-off"),
        pytest.param(
            ROOT.pem + b"-----BEGIN PRIVATE KEY-----\n", "something else", id="with-a-private-key"
        ),
        pytest.param(b" " * 5_000_000, "at most", id="huge"),
    ],
)
def test_roots_are_refused(pem: bytes, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        load_roots(pem, what="root.pem")


def test_a_name_that_the_parser_chokes_on_is_no_certificate() -> None:
    """A BIT STRING in a common name makes the parser raise what is none of its own errors."""
    der = issue("mallory", None).der.replace(b"\x0c\x07mallory", b"\x03\x07\x00allory")
    with pytest.raises(NotTrustedError, match="cannot be read"):
        chains.load(der, "it", remedy="none")
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    with pytest.raises(UsageError):
        load_roots(pem)


def test_the_parsers_warnings_do_not_reach_the_user(capfd: pytest.CaptureFixture[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "X", _validate=False)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
    chains.load(certificate.public_bytes(serialization.Encoding.DER), "it", remedy="none")
    assert capfd.readouterr() == ("", "")


def test_an_identity_may_hold_colons() -> None:
    assert certificates.parse_identity("uri:https://a.org:80/x") == "uri:https://a.org:80/x"
