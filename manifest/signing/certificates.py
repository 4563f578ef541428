"""Certificate chains: who signed, according to a certification authority that is trusted.

Path validation (RFC 5280, section 6) is that of `cryptography.x509.verification`: signatures,
validity of every certificate, CA flags, path lengths, name constraints and unknown critical
extensions. Its default policy is for web servers and clients; ours, given as extension
policies, is for signers of models:

- The signer's certificate may lack a subject alternative name and may even carry the CA flag,
  as one published by the reference implementation does. Its key usage, where present, includes
  digitalSignature; its extended key usage, where present, codeSigning; one of the two is present.
  So no web server's certificate signs a model.
- A CA certificate has the CA flag; its key usage, where present, includes keyCertSign; its
  extended key usage, where present, codeSigning.
- The signer's key is on one of the three NIST curves. CA keys may be RSA of 2048 bits or more.

On top come the constraints of names that it leaves out (`manifest.signing.constraints`), the
revocation lists that the caller gives, and the identities that the caller asks for.

The time is the caller's: without a trusted timestamp over the signature, only the present is
known, so an expired certificate is refused. The reference implementation takes the moment the
certificate became valid instead, for which none is ever expired.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import verification as x509_verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import ExtensionPolicy

from manifest.display import printable
from manifest.errors import NotTrustedError, UsageError
from manifest.signing import chains, keys
from manifest.signing.chains import MAX_CHAIN_DEPTH, UNREADABLE, ca_policy, quiet
from manifest.signing.constraints import name_fault
from manifest.signing.fingerprints import fingerprints_of
from manifest.signing.keys import KeyKind, PublicKey
from manifest.signing.revocation import RevocationList, check_revocation

if TYPE_CHECKING:
    from manifest.signing.timestamps import Timestamp

__all__ = [
    "MAX_ROOTS_BYTES",
    "Root",
    "SignerCertificate",
    "load_roots",
    "parse_identity",
    "verify_chain",
]

MAX_ROOTS_BYTES = 4 * 1024 * 1024
"""The largest file of root certificates read; the whole web's roots take 300 kB."""
_IDENTITY_KINDS = {"email", "uri", "dns", "ip", "subject"}
_PEM_BEGIN = b"-----BEGIN "
_REMEDY = "check the roots given with --root, or ask the signer for a new signature"
_CODE_SIGNING = {ExtendedKeyUsageOID.CODE_SIGNING, chains.ANY_PURPOSE}


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """A certificate trusted by the verifier's own choice, read with `load_roots`.

    Attributes:
        subject: The subject's distinguished name (RFC 4514).
        fingerprint: Hex SHA-256 of the DER certificate.
    """

    subject: str
    fingerprint: str
    _certificate: x509.Certificate = dataclasses.field(repr=False, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class SignerCertificate:
    """The certificate of a signer, validated up to a root.

    Attributes:
        subject: The subject's distinguished name (RFC 4514).
        issuer: The issuer's distinguished name.
        alternative_names: Names from the subject alternative name extension, such as
            ``email:me@example.org`` or ``uri:https://example.org``.
        serial_number: In hex.
        not_before: Beginning of the validity.
        not_after: End of the validity.
        fingerprint: Hex SHA-256 of the DER certificate.
        fingerprints: Those by which it, or one above it, can be revoked: of every certificate of
            the chain, and of the other form that its ECDSA signature has.
        public_key: The signer's key.
        root: The trusted certificate at the chain's other end.
        unused: How many certificates the bundle held that have no part in the chain.
    """

    subject: str
    issuer: str
    alternative_names: tuple[str, ...]
    serial_number: str
    not_before: dt.datetime
    not_after: dt.datetime
    fingerprint: str
    fingerprints: frozenset[str]
    public_key: PublicKey
    root: Root
    unused: int


def load_roots(pem: bytes, *, what: str = "the root certificate") -> tuple[Root, ...]:
    """Read trusted certificates from a PEM file; several in one file are several roots.

    Args:
        pem: The file's bytes.
        what: The file's name for messages.

    Raises:
        UsageError: Not PEM certificates.
    """
    if len(pem) > MAX_ROOTS_BYTES:
        raise UsageError(
            f"{what} has {len(pem):,} bytes; at most {MAX_ROOTS_BYTES:,} are accepted",
            remedy="check that this is the intended file",
        )
    if pem.count(_PEM_BEGIN) != pem.count(_PEM_BEGIN + b"CERTIFICATE-----"):
        raise UsageError(
            f"{what} holds something else beside certificates",
            remedy="give a PEM file that holds the root certificate alone",
        )
    try:
        with quiet():
            certificates = x509.load_pem_x509_certificates(pem)
        return tuple(_root(certificate) for certificate in certificates)
    except UNREADABLE:
        raise UsageError(
            f"{what} is not a PEM file of certificates",
            remedy="give a file that begins with -----BEGIN CERTIFICATE-----",
        ) from None


def parse_identity(text: str) -> str:
    """A name that a signer's certificate must hold, in the form `SignerCertificate` gives it.

    Args:
        text: ``email:``, ``uri:``, ``dns:`` or ``ip:`` and a name of the subject alternative
            names, or ``subject:`` and the subject (RFC 4514). It is compared as it stands.

    Raises:
        UsageError: It begins otherwise.
    """
    kind, _, name = text.partition(":")
    if kind not in _IDENTITY_KINDS or not name:
        raise UsageError(
            f"{printable(text)} does not say which kind of name it is",
            remedy="write it as email:me@example.org, uri:https://example.org or subject:CN=me",
        )
    return text


def verify_chain(
    certificates: Sequence[bytes],
    roots: Sequence[Root],
    *,
    at: dt.datetime,
    what: str,
    revocation_lists: Sequence[RevocationList] = (),
    identities: Sequence[str] = (),
    stamp: Timestamp | None = None,
) -> SignerCertificate:
    """Validate a signer's certificate up to one of the roots.

    The first certificate is the signer's. The others help to find the way, in any order; those
    that don't, a root among them, are ignored and counted (sigstore_bundle.proto,
    VerificationMaterial). A certificate that is itself given as a root is trusted as it is.

    Args:
        certificates: DER, as a bundle carries them; at least one.
        roots: What is trusted.
        at: The time of verification, with a time zone: all must be valid then, when no timestamp
            says that the signature is older.
        what: The signature's name for messages.
        revocation_lists: Where any are given, they must speak on every certificate below the
            root.
        identities: Where any are given, the signer's certificate must hold one of them; see
            `parse_identity`.
        stamp: By when the signature was there; all must have been valid at that time.

    Raises:
        NotTrustedError: The chain is not valid at that time, or ends elsewhere, or the first
            certificate may not sign, is revoked, or is another signer's.
    """
    chain = [
        chains.load(der, f"{what}: certificate {n}", remedy=_REMEDY)
        for n, der in enumerate(certificates, 1)
    ]
    leaf, others = chain[0], chain[1:]
    public_key = _signing_key(leaf, what)
    # Validity has no gaps: what holds at both ends of a timestamp's time holds between them.
    for moment in (at,) if stamp is None else (stamp.time, stamp.latest):
        path = _validated(leaf, others, roots, moment, what)
    if revocation_lists:
        latest = None if stamp is None else stamp.latest
        check_revocation(path, revocation_lists, at=at, what=what, signed_by=latest)
    names = _alternative_names(leaf)
    held = {*names, f"subject:{_name(leaf.subject)}"}
    if identities and held.isdisjoint(identities):
        shown = ", ".join(printable(name) for name in sorted(held)[:4])
        raise NotTrustedError(
            f"{what}: the signer's certificate names {shown}, "
            f"and not {printable(' or '.join(identities[:4]))}",
            remedy="check who signs for the publisher",
        )
    return SignerCertificate(
        subject=_name(leaf.subject),
        issuer=_name(leaf.issuer),
        alternative_names=names,
        serial_number=f"{leaf.serial_number:x}",
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        fingerprints=fingerprints_of(path),
        public_key=public_key,
        root=_root(path[-1]),
        unused=len({_der(c) for c in others} - {_der(c) for c in path}),
    )


def _validated(
    leaf: x509.Certificate,
    others: list[x509.Certificate],
    roots: Sequence[Root],
    at: dt.datetime,
    what: str,
) -> list[x509.Certificate]:
    """The chain from the signer's certificate to a root, valid at that time."""
    policy = (
        x509_verification.PolicyBuilder()
        .time(at.astimezone(dt.UTC).replace(tzinfo=None))
        .max_chain_depth(MAX_CHAIN_DEPTH)
        .store(x509_verification.Store([root._certificate for root in roots]))  # noqa: SLF001 - ours
        .extension_policies(
            ca_policy=ca_policy(_CODE_SIGNING, "codeSigning"),
            ee_policy=ExtensionPolicy.permit_all(),
        )
    )
    try:
        path = policy.build_client_verifier().verify(leaf, others).chain
    except x509_verification.VerificationError as exc:
        cause = _cause(leaf, others, roots, at) or f"is not valid: {printable(str(exc)[:300])}"
        raise _refused(f"{what}: {cause}") from None
    except UNREADABLE:  # pragma: no cover - `load` read every name before; in doubt, no
        raise _refused(f"{what}: the certificate has a name that cannot be read") from None
    if (fault := name_fault(path)) is not None:
        raise _refused(f"{what}: {fault}")
    return path


def _signing_key(leaf: x509.Certificate, what: str) -> PublicKey:
    """The signer's key, once the certificate is found to be one that may sign."""
    name = f"{what}: the signer's certificate ({printable(_name(leaf.subject))})"
    usage, purposes = _usage(leaf)
    if usage is None and purposes is None:
        raise _refused(f"{name} does not say that its key may sign: it has no key usage")
    if usage is not None and not usage.digital_signature:
        raise _refused(f"{name} may not sign: its key usage does not include digitalSignature")
    if purposes is not None and _CODE_SIGNING.isdisjoint(purposes):
        raise _refused(
            f"{name} is for another purpose: its extended key usage does not include codeSigning"
        )
    try:
        key = keys.wrap_public(leaf.public_key(), "it")
    except (UsageError, *UNREADABLE):
        key = None
    if key is None or key.kind is KeyKind.ED25519:
        raise _refused(f"{name} has a key that is not on P-256, P-384 or P-521")
    return key


def _cause(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[Root],
    at: dt.datetime,
) -> str | None:
    """The likeliest reason for a refusal, in words. It explains; it decides nothing."""
    anchors = [root._certificate for root in roots]  # noqa: SLF001 - ours
    current, below = leaf, 0
    for _ in range(MAX_CHAIN_DEPTH + 2):
        name = f"the certificate of {printable(_name(current.subject))}"
        if at < current.not_valid_before_utc:
            return f"{name} is not valid before {current.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        if at > current.not_valid_after_utc:
            return f"{name} expired on {current.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        if current is not leaf and (fault := _ca_fault(current, below)) is not None:
            return f"{name} {fault}"
        if current in anchors:
            return None
        issuer = next((c for c in (*anchors, *others) if _issued(current, c)), None)
        if issuer is None or issuer == current:
            return (
                f"no root given vouches for {name}, which was issued by "
                f"{printable(_name(current.issuer))}"
            )
        below += current is not leaf and current.subject != current.issuer
        current = issuer
    return f"the chain is longer than {MAX_CHAIN_DEPTH} certificates"


def _ca_fault(certificate: x509.Certificate, below: int) -> str | None:
    """What forbids a certificate to issue the one below it; `below` counts the CAs between."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return "issued another, and is not a CA certificate"
    usage, purposes = _usage(certificate)
    if not basic.ca:
        return "issued another, and is not a CA certificate"
    if usage is not None and not usage.key_cert_sign:
        return "issued another, and its key usage does not include keyCertSign"
    if purposes is not None and _CODE_SIGNING.isdisjoint(purposes):
        return "is for another purpose: its extended key usage does not include codeSigning"
    if basic.path_length is not None and below > basic.path_length:
        return f"allows {basic.path_length} CA certificates below it, and there are {below}"
    return None


def _usage(
    certificate: x509.Certificate,
) -> tuple[x509.KeyUsage | None, x509.ExtendedKeyUsage | None]:
    usage = purposes = None
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.KeyUsage):
            usage = extension.value
        elif isinstance(extension.value, x509.ExtendedKeyUsage):
            purposes = extension.value
    return usage, purposes


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, *UNREADABLE):
        return False
    return True


def _alternative_names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    shown = []
    for name in names:
        if isinstance(name, x509.RFC822Name):
            shown.append(f"email:{name.value}")
        elif isinstance(name, x509.UniformResourceIdentifier):
            shown.append(f"uri:{name.value}")
        elif isinstance(name, x509.DNSName):
            shown.append(f"dns:{name.value}")
        elif isinstance(name, x509.IPAddress):
            shown.append(f"ip:{name.value}")
    return tuple(shown)


def _root(certificate: x509.Certificate) -> Root:
    return Root(
        _name(certificate.subject), certificate.fingerprint(hashes.SHA256()).hex(), certificate
    )


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _refused(message: str) -> NotTrustedError:
    return NotTrustedError(message, remedy=_REMEDY)
