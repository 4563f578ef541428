"""Sigstore's keyless signatures: an identity that an issuer vouched for, and a public log.

A certificate of a few minutes names the signer as an OpenID Connect issuer knew them; the log's
entry shows that the signature was made in those minutes. What is cryptography in this is done by
the `sigstore` package (an extra), after section 4 of the Sigstore client specification: chain,
SCT, inclusion proof and promise, timestamps, the envelope's signature, and that the entry is of
this envelope. Here stand the decisions around it:

- Nothing is fetched. What is trusted is the root that the package carries, or one that is given.
- An identity counts with its issuer alone: anyone can run an issuer that vouches for any name.
- A certificate has one name and one issuer. Where it could be read in two ways, it is refused.
- The payload is the one that our own, stricter reading of the bundle found, or there is none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from manifest import strict_json
from manifest.display import printable
from manifest.errors import MissingExtraError, NotTrustedError, UndecidedError, UsageError
from manifest.signing import keys
from manifest.signing.bundle import Bundle
from manifest.signing.keys import KeyKind

if TYPE_CHECKING:
    from sigstore.models import TrustedRoot

__all__ = [
    "MAX_TRUSTED_ROOT_BYTES",
    "KeylessSigner",
    "SigstoreIdentity",
    "SigstoreTrust",
    "load_trusted_root",
    "require_sigstore",
    "verify_keyless",
]

MAX_TRUSTED_ROOT_BYTES: Final = 4 * 1024 * 1024
_PRODUCTION = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
_STAGING = "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev"
_MAX_DEPTH = 16

# https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_UTF8_STRING = 0x0C

# What the package and those below it raise for bytes that are not as they should be; its own
# errors come on top.
_MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    OSError,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    InvalidSignature,
    UnsupportedAlgorithm,
)


@dataclasses.dataclass(frozen=True, slots=True)
class SigstoreIdentity:
    """Who signs without a key of their own.

    Attributes:
        identity: An e-mail address, or a URI such as that of a workflow; compared as it stands.
        issuer: The OpenID Connect issuer that vouches for it, a URL.
    """

    identity: str
    issuer: str


@dataclasses.dataclass(frozen=True, slots=True)
class SigstoreTrust:
    """What a verifier of keyless signatures trusts.

    Attributes:
        identities: Any of them may have signed.
        trusted_root: A file of `load_trusted_root`; the one that the package carries when None.
        staging: With no file, the root of Sigstore's staging instance, which is for tests.
    """

    identities: tuple[SigstoreIdentity, ...]
    trusted_root: bytes | None = None
    staging: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class KeylessSigner:
    """A signer known by an identity.

    Attributes:
        identity: The name in the certificate.
        issuer: Who vouched for it.
        kind: The kind of the key, which lived as long as the certificate.
        fingerprint: Hex SHA-256 of the DER certificate.
        issued_at: The beginning of the certificate's validity, which is minutes before its end.
    """

    identity: str
    issuer: str
    kind: KeyKind
    fingerprint: str
    issued_at: dt.datetime


def require_sigstore() -> None:
    """Refuse early where the package is missing.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import sigstore.models
    except ImportError:
        raise MissingExtraError(
            "keyless signatures need the package sigstore, which is not installed",
            remedy="pip install 'model-release-manifest[sigstore]'",
        ) from None
    # Its remarks about keys it does not know are no answer to anything that was asked.
    logging.getLogger(sigstore.__name__).addHandler(logging.NullHandler())


def load_trusted_root(data: bytes, *, what: str = "the trusted root") -> bytes:
    """Check a file of Sigstore's roots, and return it as `SigstoreTrust` takes it.

    Args:
        data: A trusted root, or a client's trust configuration, which holds one.
        what: The file's name for messages.

    Raises:
        UsageError: It is neither.
        MissingExtraError: The package sigstore is not installed.
    """
    value = strict_json.loads(
        data, what=what, max_bytes=MAX_TRUSTED_ROOT_BYTES, max_depth=_MAX_DEPTH, error=UsageError
    )
    if isinstance(value, dict) and isinstance(value.get("trustedRoot"), dict):
        data = json.dumps(value["trustedRoot"]).encode()
    _parse_root(data, what)
    return data


def verify_keyless(
    data: bytes, bundle: Bundle, trust: SigstoreTrust, *, what: str
) -> KeylessSigner:
    """Verify a bundle of the Sigstore method.

    Args:
        data: The bundle's bytes.
        bundle: The same, parsed by `manifest.signing.bundle`.
        trust: What is trusted.
        what: The signature's name for messages.

    Raises:
        NotTrustedError: It does not verify, or is by someone else.
        MissingExtraError: The package sigstore is not installed.
        UndecidedError: The package carries no root.
    """
    root = _parse_root(
        _carried_root(staging=trust.staging) if trust.trusted_root is None else trust.trusted_root,
        "the trusted root",
    )
    from sigstore.errors import Error
    from sigstore.models import Bundle as TheirBundle
    from sigstore.verify import Verifier

    policy = _Policy(trust.identities, what)
    try:
        found = Verifier(trusted_root=root).verify_dsse(TheirBundle.from_json(data), policy)
    except Error as error:
        raise _refused(what, _words(error)) from None
    except _MALFORMED as error:
        raise _refused(what, f"it is malformed ({_words(error)})") from None
    envelope = bundle.envelope
    if found != (envelope.payload_type, envelope.payload) or policy.signer is None:
        raise _refused(what, "it can be read in two ways")
    return policy.signer


class _Policy:
    """What the package asks about a certificate that its root vouches for."""

    def __init__(self, identities: Sequence[SigstoreIdentity], what: str) -> None:
        self._identities = identities
        self._what = what
        self.signer: KeylessSigner | None = None

    def verify(self, cert: x509.Certificate) -> None:
        """Keep who signed, or refuse.

        Raises:
            NotTrustedError: It is none of those who are trusted.
        """
        signer = SigstoreIdentity(_subject(cert, self._what), _issuer(cert, self._what))
        if signer not in self._identities:
            named = any(i.identity == signer.identity for i in self._identities)
            raise NotTrustedError(
                f"{self._what} is by {printable(signer.identity)}, for whom "
                f"{printable(signer.issuer)} vouches, and not by "
                + (
                    "the identity given with the issuer given"
                    if named
                    else printable(" or ".join(i.identity for i in self._identities[:4]))
                ),
                remedy="check under which identity and issuer the publisher signs",
            )
        self.signer = KeylessSigner(
            identity=signer.identity,
            issuer=signer.issuer,
            kind=_kind(cert, self._what),
            fingerprint=cert.fingerprint(hashes.SHA256()).hex(),
            issued_at=cert.not_valid_before_utc,
        )


def _subject(cert: x509.Certificate, what: str) -> str:
    names = list(cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    if len(names) != 1:
        raise _refused(what, f"its certificate has {len(names)} names, and one is needed")
    name = names[0]
    if isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier) and name.value:
        return name.value
    raise _refused(what, "its certificate names neither an e-mail address nor a URI")


def _issuer(cert: x509.Certificate, what: str) -> str:
    """The issuer: older certificates have it as bare text, newer ones as DER, most have both."""
    found: set[str] = set()
    for oid in (_ISSUER, _ISSUER_V2):
        with contextlib.suppress(x509.ExtensionNotFound):
            value: Any = cert.extensions.get_extension_for_oid(oid).value
            text = value.value.decode() if oid == _ISSUER else _utf8_string(value.value)
            found.add(text)
    if len(found) != 1:
        problem = "two issuers that differ" if found else "no issuer"
        raise _refused(what, f"its certificate names {problem}")
    return found.pop()


def _utf8_string(der: bytes) -> str:
    """A DER UTF8String of up to 255 bytes: short form, or one byte of length."""
    header = 3 if len(der) > 2 and der[1] == 0x81 else 2
    body = der[header:]
    if len(der) < header or der[0] != _UTF8_STRING or der[header - 1] != len(body):
        raise ValueError("the issuer is not a UTF8String")
    return body.decode()


def _kind(cert: x509.Certificate, what: str) -> KeyKind:
    try:
        return keys.wrap_public(cert.public_key(), "the key").kind
    except UsageError as error:
        raise _refused(what, f"its certificate is unusable: {error.message}") from None


def _parse_root(data: bytes, what: str) -> TrustedRoot:
    require_sigstore()
    from sigstore.errors import Error
    from sigstore.models import TrustedRoot

    try:
        # The package's public way in is a path.
        with tempfile.TemporaryDirectory(prefix="manifest-") as directory:
            path = Path(directory) / "trusted_root.json"
            path.write_bytes(data)
            try:
                root = TrustedRoot.from_file(str(path))
                root.get_fulcio_certs()
            except (Error, *_MALFORMED):
                raise UsageError(
                    f"{printable(what)} is not a trusted root of Sigstore",
                    remedy="give the trusted_root.json that the instance publishes",
                ) from None
    except OSError as error:
        raise UndecidedError(
            f"no temporary file can be written for {printable(what)}: {error.strerror}"
        ) from None
    return root


def _carried_root(*, staging: bool) -> bytes:
    """The root that the package was released with."""
    require_sigstore()
    from importlib.resources import files

    place = files("sigstore") / "_store" / (_STAGING if staging else _PRODUCTION)
    try:
        return (place / "trusted_root.json").read_bytes()
    except OSError:
        raise UndecidedError(
            "the installed package sigstore carries no trusted root",
            remedy="give one with --trusted-root FILE",
        ) from None


def _words(error: Exception) -> str:
    """What an error of the package says, on one line."""
    text = " ".join(str(error).partition("For further information")[0].split())
    return printable(text[:200]) or type(error).__name__


def _refused(what: str, cause: str) -> NotTrustedError:
    return NotTrustedError(
        f"{what} does not verify as a keyless signature: {cause}",
        remedy="fetch the signature again, or ask the signer for a new one",
    )
