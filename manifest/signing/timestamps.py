"""Trusted timestamps (RFC 3161): by when a signature was there, in the word of an authority.

A timestamp is over the bytes of a signature, as the Sigstore bundle format has it. What is
cryptography in it (the CMS message, its signature, the purpose of the certificate) is done by the
`rfc3161-client` package (an extra). Here stand the decisions around it:

- The authority's chain ends at a root that the verifier gave for timestamps alone, and is valid
  at the time that the timestamp names, so that timestamps outlive the authority's certificate.
- The authority's certificate is for timestamps and nothing else, and says so in a critical
  extension (RFC 3161, 2.3).
- The imprint is of the signature, by SHA-256, SHA-384 or SHA-512.
- A timestamp says "not later than": its time and the accuracy it claims for it, together.
- A time that is still to come is no time at which anything was seen.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.x509 import verification as x509_verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import ExtensionPolicy

from manifest.display import printable
from manifest.errors import MissingExtraError, NotTrustedError
from manifest.signing import chains
from manifest.signing.revocation import RevocationList, check_revocation

if TYPE_CHECKING:
    from cryptography import x509
    from rfc3161_client import TimeStampRequest, TimeStampResponse

    from manifest.signing.certificates import Root

__all__ = [
    "Timestamp",
    "check_answer",
    "make_query",
    "require_timestamps",
    "verify_timestamp",
    "verify_timestamps",
]

CLOCK_SKEW = dt.timedelta(minutes=1)
"""How far an authority's clock may be ahead of the verifier's."""
MAX_ACCURACY = dt.timedelta(hours=1)
"""The coarsest time that is one; authorities claim a second or less."""

_REMEDY = "check the authorities given with --tsa-root, or ask the signer for a new signature"
_HASHES = {
    "2.16.840.1.101.3.4.2.1": hashlib.sha256,
    "2.16.840.1.101.3.4.2.2": hashlib.sha384,
    "2.16.840.1.101.3.4.2.3": hashlib.sha512,
}
_PURPOSES = {ExtendedKeyUsageOID.TIME_STAMPING, chains.ANY_PURPOSE}
_OPENSSL_CAUSE = re.compile(r"Verify error: ([A-Za-z0-9 ,()-]{1,100})")
# What the package raises for malformed values, besides its own error.
_MALFORMED = (ValueError, KeyError, TypeError, OverflowError)


@dataclasses.dataclass(frozen=True, slots=True)
class Timestamp:
    """A timestamp that was verified.

    Attributes:
        time: The time it names, in UTC.
        accuracy: By how much that may be off, in the authority's own words; zero where it has none.
        authority: The subject of the authority's certificate (RFC 4514).
        fingerprint: Hex SHA-256 of that certificate in DER.
    """

    time: dt.datetime
    accuracy: dt.timedelta
    authority: str
    fingerprint: str

    @property
    def latest(self) -> dt.datetime:
        """The time by which the signature was certainly there."""
        return self.time + self.accuracy


def require_timestamps() -> None:
    """See that timestamps can be read.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        import rfc3161_client  # noqa: F401 - is it there?
    except ImportError:
        raise MissingExtraError(
            "timestamps need the package rfc3161-client, which is not installed",
            remedy="pip install 'model-release-manifest[timestamps]'",
        ) from None


def make_query(signature: bytes) -> TimeStampRequest:
    """A query for a timestamp over a signature: by SHA-256, with a nonce, asking for certificates.

    Raises:
        MissingExtraError: The package is not installed.
    """
    require_timestamps()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    return TimestampRequestBuilder(signature, HashAlgorithm.SHA256).build()


def check_answer(data: bytes, signature: bytes, nonce: int | None, *, what: str) -> None:
    """What can be said of an authority's answer without trusting the authority.

    Raises:
        NotTrustedError: It was not granted, answers another query, or is over something else.
    """
    response = _read(data, what)
    try:
        info = response.tst_info
        _check_imprint(info, signature, what)
        found = info.nonce
    except _MALFORMED:
        raise _refused(f"{what} cannot be read") from None
    if nonce is None or found != nonce:
        raise _refused(f"{what} answers another query: its nonce is not the one that was sent")


def verify_timestamp(
    data: bytes,
    signature: bytes,
    roots: Sequence[Root],
    *,
    at: dt.datetime,
    what: str,
    revocation_lists: Sequence[RevocationList] = (),
) -> Timestamp:
    """Verify a timestamp over a signature.

    Args:
        data: A TimeStampResp in DER, as a bundle carries it.
        signature: The bytes it should be over.
        roots: Whose authorities are trusted with the time.
        at: The time of verification; with a time zone.
        what: The timestamp's name for messages.
        revocation_lists: Where any are given, the authority must be known not to be revoked.

    Raises:
        NotTrustedError: It does not count; the message says why.
        MissingExtraError: The package is not installed.
    """
    require_timestamps()
    from rfc3161_client import VerificationError, VerifierBuilder

    response = _read(data, what)
    try:
        info = response.tst_info
        imprint = _check_imprint(info, signature, what)
        time = info.gen_time.astimezone(dt.UTC)
        accuracy = _accuracy(info.accuracy, what)
        algorithms = {oid.dotted_string for oid in response.signed_data.digest_algorithms}
        if not algorithms <= _HASHES.keys():
            raise _refused(f"{what} is signed with a hash that is broken or unknown")
        if time - accuracy > at + CLOCK_SKEW:
            raise _refused(f"{what} is from the future: it names {time:%Y-%m-%d %H:%M} UTC")
        certificates = [root._certificate for root in roots]  # noqa: SLF001 - of this package
        VerifierBuilder(roots=certificates).build().verify(response, imprint)
    except VerificationError as error:
        found = _OPENSSL_CAUSE.search(str(error))
        cause = found[1] if found else str(error)[:100]
        raise _refused(f"{what} is not by an authority that is trusted: {cause}") from None
    except _MALFORMED:
        raise _refused(f"{what} cannot be read") from None
    path = _path(response, certificates, time, what)
    if revocation_lists:
        check_revocation(path, revocation_lists, at=at, what=what)
    authority = path[0]
    return Timestamp(
        time,
        accuracy,
        authority.subject.rfc4514_string(),
        authority.fingerprint(hashes.SHA256()).hex(),
    )


def verify_timestamps(
    tokens: Sequence[bytes],
    signature: bytes,
    roots: Sequence[Root],
    *,
    at: dt.datetime,
    what: str,
    revocation_lists: Sequence[RevocationList] = (),
) -> tuple[tuple[Timestamp, ...], tuple[str, ...]]:
    """Every timestamp that counts, the earliest first, and why the others do not."""
    good, faults = [], []
    for number, token in enumerate(tokens, 1):
        name = f"timestamp {number}" if len(tokens) > 1 else "the timestamp"
        try:
            stamp = verify_timestamp(
                token, signature, roots, at=at, what=name, revocation_lists=revocation_lists
            )
        except NotTrustedError as error:
            faults.append(f"{what}: {error.message}")
        else:
            good.append(stamp)
    return tuple(sorted(good, key=lambda s: s.latest)), tuple(faults)


def _read(data: bytes, what: str) -> TimeStampResponse:
    """The answer, when it is a granted one."""
    from rfc3161_client import decode_timestamp_response

    try:
        response = decode_timestamp_response(data)
        granted = response.status == 0
        words = " ".join(response.status_string)[:200]
    except _MALFORMED:
        raise _refused(f"{what} cannot be read: it is no answer of a timestamp authority") from None
    if not granted:
        why = f": {printable(words)}" if words else ""
        raise _refused(f"{what} was not granted{why}")
    return response


def _check_imprint(info: Any, signature: bytes, what: str) -> bytes:
    name = info.message_imprint.hash_algorithm.dotted_string
    if name not in _HASHES:
        raise _refused(f"{what} is by the hash {name}, and not by SHA-256, SHA-384 or SHA-512")
    imprint = _HASHES[name](signature).digest()
    if info.message_imprint.message != imprint:
        raise _refused(f"{what} is over other bytes than this signature")
    return imprint


def _accuracy(value: Any, what: str) -> dt.timedelta:
    if value is None:
        return dt.timedelta()
    parts = (value.seconds or 0, value.millis or 0, value.micros or 0)
    if min(parts) < 0 or max(parts) > MAX_ACCURACY.total_seconds():
        raise _refused(f"{what} does not know its time within an hour")
    return dt.timedelta(seconds=parts[0], milliseconds=parts[1], microseconds=parts[2])


def _path(
    response: TimeStampResponse,
    roots: Sequence[x509.Certificate],
    time: dt.datetime,
    what: str,
) -> list[x509.Certificate]:
    """The chain of whoever signed, valid at that time.

    The package asks OpenSSL for the same; this finds the certificates on which revocation lists
    must speak, and leaves no room for two certificates that go by one name.
    """
    try:
        (signer,) = response.signed_data.signer_infos
        named = (signer.issuer, signer.serial_number)
        embedded = [
            chains.load(der, what, remedy=_REMEDY) for der in response.signed_data.certificates
        ]
    except _MALFORMED:  # pragma: no cover - the package has read it by now; in doubt, no
        raise _refused(f"{what} has not one signer, or one that cannot be read") from None
    leaves = [c for c in embedded if (c.issuer, c.serial_number) == named]
    if len(leaves) != 1:
        raise _refused(f"{what} holds {len(leaves)} certificates of its signer, and not one")
    policy = (
        x509_verification.PolicyBuilder()
        .time(time.replace(tzinfo=None))
        .max_chain_depth(chains.MAX_CHAIN_DEPTH)
        .store(x509_verification.Store(list(roots)))
        .extension_policies(
            ca_policy=chains.ca_policy(_PURPOSES, "timeStamping"),
            ee_policy=ExtensionPolicy.permit_all(),
        )
    )
    try:
        path = policy.build_client_verifier().verify(leaves[0], embedded).chain
    except x509_verification.VerificationError as error:
        cause = printable(str(error)[:200])
        raise _refused(f"{what} is not by an authority that is trusted: {cause}") from None
    except chains.UNREADABLE:  # pragma: no cover - `load` read every name before; in doubt, no
        raise _refused(f"{what}: its certificates cannot be read") from None
    return path


def _refused(message: str) -> NotTrustedError:
    return NotTrustedError(message, remedy=_REMEDY)
