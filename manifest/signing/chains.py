"""What chains of certificates have in common, whatever their end may do."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy

from manifest.errors import NotTrustedError

__all__ = ["ANY_PURPOSE", "MAX_CHAIN_DEPTH", "UNREADABLE", "ca_policy", "load", "quiet"]

MAX_CHAIN_DEPTH = 8
ANY_PURPOSE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
UNREADABLE = (
    TypeError,  # of a name that holds a BIT STRING
    ValueError,
    InternalError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the parser raises on bytes that are no sound certificate."""


def ca_policy(purposes: AbstractSet[x509.ObjectIdentifier], name: str) -> ExtensionPolicy:
    """What a certificate that issues others must be allowed to do.

    Args:
        purposes: Its extended key usage, where present, holds one of these.
        name: What these are called in messages.
    """

    def may_issue(_policy: object, _cert: object, value: x509.KeyUsage | None) -> None:
        if value is not None and not value.key_cert_sign:
            raise ValueError("the key usage does not include keyCertSign")

    def for_that(_policy: object, _cert: object, value: x509.ExtendedKeyUsage | None) -> None:
        if value is not None and purposes.isdisjoint(value):
            raise ValueError(f"the extended key usage does not include {name}")

    return (
        ExtensionPolicy.permit_all()
        # That it is a CA by these, the library asks itself.
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, may_issue)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, for_that)
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the parser's warnings on standard error; path validation refuses what they are about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)  # of names that are too short or too long
        yield


def load(der: bytes, name: str, *, remedy: str) -> x509.Certificate:
    """A certificate with all its extensions parsed, so that a malformed one is found here.

    Raises:
        NotTrustedError: It cannot be read.
    """
    try:
        with quiet():
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.extensions, certificate.subject, certificate.issuer
    except UNREADABLE:
        raise NotTrustedError(f"{name} cannot be read", remedy=remedy) from None
    return certificate
