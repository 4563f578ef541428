"""Certificate revocation lists, given as files (RFC 5280, sections 5 and 6.3).

Whoever gives a list asks that every certificate below the root be looked up, as
``openssl verify -crl_check_all`` does: a certificate on which no list speaks is refused.

A list speaks on a certificate when its issuer is the certificate's, that issuer's key signed it,
the issuer may sign lists, the time of verification lies between its two dates, and the
certificate is within its scope. A list that is a part (delta lists, lists of some reasons,
indirect lists) or that has a critical extension which is not understood speaks on none.

A certificate that is listed is refused, whatever the date of its revocation: that a signature is
older is the signer's word alone, unless a trusted timestamp says so. With one, the signature
outlives a revocation that came later and whose reason says that the key was never lost: another
one took its place, or its owner moved on. No reason is no such reason.

Authorities may drop a certificate from their lists once it has expired (RFC 5280, 3.3). Of one
that has expired, which only a timestamp makes acceptable, a list speaks that was made between the
signature and the expiry, however old it is now, or one that says it keeps expired certificates
(expiredCertsOnCRL, X.509).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
import re
from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from manifest.display import printable
from manifest.errors import NotTrustedError, UsageError
from manifest.signing.chains import UNREADABLE

__all__ = ["MAX_LIST_BYTES", "RevocationList", "check_revocation", "load_revocation_lists"]

MAX_LIST_BYTES = 16 * 1024 * 1024
"""The largest file of revocation lists read: some 400,000 revoked certificates."""

_PEM_BEGIN = b"-----BEGIN "
_PEM_LIST = b"-----BEGIN X509 CRL-----"
_PEM_END = b"-----END X509 CRL-----"
_SOUND_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
# What RFC 5280, 5.2 and 5.3 define and what is understood here, critical or not.
_LIST_EXTENSIONS = (
    x509.AuthorityKeyIdentifier,
    x509.CRLNumber,
    x509.IssuingDistributionPoint,
    x509.IssuerAlternativeName,
)
_ENTRY_EXTENSIONS = (x509.CRLReason, x509.InvalidityDate)
_HARMLESS = {
    x509.ReasonFlags.affiliation_changed,
    x509.ReasonFlags.superseded,
    x509.ReasonFlags.cessation_of_operation,
}
_EXPIRED_CERTS = x509.ObjectIdentifier("2.5.29.60")
_GENERALIZED_TIME = re.compile(rb"\x18\x0f(\d{14})Z")


@dataclasses.dataclass(frozen=True, slots=True)
class RevocationList:
    """A list of revoked certificates; nothing in it is verified yet.

    Attributes:
        issuer: Whose list it says it is (RFC 4514).
    """

    issuer: str
    _crl: x509.CertificateRevocationList = dataclasses.field(repr=False, compare=False)


def load_revocation_lists(
    data: bytes, *, what: str = "the revocation list"
) -> tuple[RevocationList, ...]:
    """Read revocation lists: one in DER, or one or more in PEM.

    Args:
        data: The file's bytes.
        what: The file's name for messages.

    Raises:
        UsageError: It holds something else, or cannot be read.
    """
    if len(data) > MAX_LIST_BYTES:
        raise UsageError(
            f"{what} has {len(data):,} bytes; at most {MAX_LIST_BYTES:,} are accepted",
            remedy="check that this is the intended file",
        )
    try:
        if data.count(_PEM_BEGIN) != data.count(_PEM_LIST):
            raise ValueError  # told below, as any other file that holds no list
        if _PEM_LIST in data:
            crls = [x509.load_pem_x509_crl(block) for block in _blocks(data)]
        else:
            crls = [x509.load_der_x509_crl(data)]
        return tuple(RevocationList(crl.issuer.rfc4514_string(), crl) for crl in crls)
    except UNREADABLE:
        raise UsageError(
            f"{what} is not a certificate revocation list",
            remedy="give the file that the certification authority publishes, in PEM or DER",
        ) from None


def check_revocation(
    path: Sequence[x509.Certificate],
    lists: Iterable[RevocationList],
    *,
    at: dt.datetime,
    what: str,
    signed_by: dt.datetime | None = None,
) -> None:
    """Refuse a chain of which a certificate is revoked, or about which the lists say nothing.

    Args:
        path: A validated chain, the signer's certificate first, the trusted one last.
        lists: What was given.
        at: The time of verification; with a time zone.
        what: The signature's name for messages.
        signed_by: When the signature was certainly there, by a trusted timestamp; None without.

    Raises:
        NotTrustedError: The message names the certificate, and the reason.
    """
    crls = [each._crl for each in lists]  # noqa: SLF001 - ours
    for certificate, issuer in itertools.pairwise(path):
        name = f"the certificate of {_name(certificate.subject)}"
        by = _name(certificate.issuer)
        causes = []
        heard = False
        for crl in crls:
            if crl.issuer != certificate.issuer:
                continue
            cause = _unusable(crl, certificate, issuer, at, signed_by)
            if cause is not None:
                causes.append(cause)
                continue
            heard = True
            entry = _entry(crl, certificate)
            if entry is not None and not _came_later(entry, signed_by):
                raise NotTrustedError(
                    f"{what}: {name} was revoked on {entry.revocation_date_utc:%Y-%m-%d %H:%M} "
                    f"UTC{_reason(entry)}, says the list of {by}",
                    remedy="ask the signer for a new signature, with a certificate that holds",
                )
        if not heard:
            cause = f"the list of {by} {causes[0]}" if causes else f"no list given is by {by}"
            raise NotTrustedError(
                f"{what}: whether {name} is revoked is not known: {cause}",
                remedy="give the current list of each certification authority with --crl",
            )


def _blocks(pem: bytes) -> Iterable[bytes]:
    for part in pem.split(_PEM_LIST)[1:]:
        body, end, _ = part.partition(_PEM_END)
        yield _PEM_LIST + body + end + b"\n"


def _unusable(
    crl: x509.CertificateRevocationList,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    at: dt.datetime,
    signed_by: dt.datetime | None,
) -> str | None:
    """Why a list by this issuer's name says nothing about the certificate; None where it does."""
    if not _soundly_hashed(crl):
        return "is signed with a hash that is broken or unknown"
    if not _signed(crl, issuer):
        return "is not signed by that authority's key"
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not usage.crl_sign:
        return "is by an authority that may not sign lists: its key usage does not include cRLSign"
    if at < crl.last_update_utc:
        return f"is of {crl.last_update_utc:%Y-%m-%d %H:%M} UTC, after the time of verification"
    try:
        return (
            _out_of_date(crl, certificate, at, signed_by)
            or _incomplete(crl)
            or _out_of_scope(crl, certificate)
        )
    except UNREADABLE:
        return "has an extension that cannot be read"


def _out_of_date(
    crl: x509.CertificateRevocationList,
    certificate: x509.Certificate,
    at: dt.datetime,
    signed_by: dt.datetime | None,
) -> str | None:
    expiry = certificate.not_valid_after_utc
    if crl.next_update_utc is None:
        return "does not say until when it holds"
    if at > expiry and not _keeps_expired(crl, certificate):
        # A list drops expired certificates: it speaks where it was in force when this one expired.
        # An older one may be from before the key was lost, and anyone can keep it.
        begun = max(filter(None, (signed_by, crl.last_update_utc)))
        if not (begun == crl.last_update_utc <= expiry <= crl.next_update_utc):
            return (
                f"of {crl.last_update_utc:%Y-%m-%d %H:%M} UTC was not the one in force after the "
                "signature and at the certificate's expiry, and need not tell of expired "
                "certificates"
            )
    elif at > crl.next_update_utc:
        return f"is out of date: the next was due on {crl.next_update_utc:%Y-%m-%d %H:%M} UTC"
    return None


def _soundly_hashed(crl: x509.CertificateRevocationList) -> bool:
    try:  # an Ed25519 signature brings its own hash, and names none
        return isinstance(crl.signature_hash_algorithm, (*_SOUND_HASHES, type(None)))
    except UnsupportedAlgorithm:
        return False


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # others raise
    except (TypeError, *UNREADABLE):  # pragma: no cover - the chain was verified with such a key
        return False


def _incomplete(crl: x509.CertificateRevocationList) -> str | None:
    """What makes a list a part of one, or one that is not understood."""
    for extension in crl.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            return "is a delta list, which tells changes only"
        if extension.critical and not isinstance(value, _LIST_EXTENSIONS):
            return f"has the critical extension {extension.oid.dotted_string}, unknown here"
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl:
                return "is an indirect list: it speaks for other authorities"
            if value.only_some_reasons:
                return "is a list of some reasons for revocation only"
            if value.relative_name is not None:
                return "names its distribution point in a way that is not supported"
    for entry in crl:
        for extension in entry.extensions:
            if extension.critical and not isinstance(extension.value, _ENTRY_EXTENSIONS):
                return f"has entries with the critical extension {extension.oid.dotted_string}"
    return None


def _out_of_scope(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> str | None:
    try:
        scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None
    if scope.only_contains_attribute_certs:
        return "is about attribute certificates only"
    is_ca = _is_ca(certificate)
    if scope.only_contains_user_certs and is_ca:
        return "is about the certificates of users only"
    if scope.only_contains_ca_certs and not is_ca:
        return "is about the certificates of authorities only"
    if scope.full_name is not None:
        named = set(scope.full_name)
        if named.isdisjoint(_distribution_points(certificate)):
            return "is that of another distribution point"
    return None


def _distribution_points(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return set()
    return {name for point in points for name in point.full_name or ()}


def _is_ca(certificate: x509.Certificate) -> bool:
    with contextlib.suppress(x509.ExtensionNotFound):
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    return False


def _entry(
    crl: x509.CertificateRevocationList, certificate: x509.Certificate
) -> x509.RevokedCertificate | None:
    return crl.get_revoked_certificate_by_serial_number(certificate.serial_number)


def _came_later(entry: x509.RevokedCertificate, signed_by: dt.datetime | None) -> bool:
    """Whether a signature of that time is older than the revocation, and unharmed by its cause."""
    if signed_by is None or entry.revocation_date_utc <= signed_by:
        return False
    harmless = False
    for extension in entry.extensions:
        value = extension.value
        if isinstance(value, x509.CRLReason):
            harmless = value.reason in _HARMLESS
        elif isinstance(value, x509.InvalidityDate) and value.invalidity_date_utc <= signed_by:
            return False
    return harmless


def _keeps_expired(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether the list says that it tells of certificates that expired when this one did."""
    for extension in crl.extensions:
        value = extension.value
        if extension.oid == _EXPIRED_CERTS and isinstance(value, x509.UnrecognizedExtension):
            found = _GENERALIZED_TIME.fullmatch(value.value)
            if found is None:
                return False
            since = dt.datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
            return since <= certificate.not_valid_after_utc
    return False


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return ""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in reason.value)
    return f" ({words})"


def _name(name: x509.Name) -> str:
    return printable(name.rfc4514_string())
