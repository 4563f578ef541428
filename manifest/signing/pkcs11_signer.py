"""Signing with a key in a token, through its PKCS#11 library.

The token signs a digest with CKM_ECDSA, which every token with such keys has; the digest is made
here. The public key is read from the token, and every signature is checked with it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from manifest.display import printable
from manifest.errors import MissingExtraError, UndecidedError, UsageError
from manifest.signing.detached import HASHES
from manifest.signing.keys import wrap_public
from manifest.signing.remote import RemoteSigner

if TYPE_CHECKING:
    from manifest.signing.pkcs11_uri import TokenKey

__all__ = ["open_token", "require_pkcs11"]


def require_pkcs11() -> None:
    """See that tokens can be used.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        import pkcs11  # noqa: F401 - is it there?
    except ImportError:
        raise MissingExtraError(
            "tokens need the package python-pkcs11, which is not installed",
            remedy="pip install 'model-release-manifest[pkcs11]'",
        ) from None


def open_token(key: TokenKey, pin: bytes) -> RemoteSigner:
    """Find a key in a token.

    The token is logged in to twice, now and to sign, and never in between: hashing a large model
    takes hours.

    Args:
        key: Which.
        pin: The user's PIN.

    Raises:
        UsageError: No such library, token or key, or more than one, or one that is of no use; or
            the PIN is wrong.
        UndecidedError: The token does not do what it should.
        MissingExtraError: The package is not installed.
    """
    require_pkcs11()
    from pkcs11.util.ec import encode_ec_public_key

    try:
        text = pin.decode()
    except UnicodeDecodeError:
        raise UsageError("the PIN is not UTF-8", remedy="give it as it was set") from None
    with _pair(key, text) as (_, half):
        try:
            der = encode_ec_public_key(half)
            public = wrap_public(serialization.load_der_public_key(der), "the key in the token")
        except (ValueError, UnsupportedAlgorithm):
            raise UsageError(
                "the key in the token is on a curve that is not known here",
                remedy="make one on P-256 there",
            ) from None

    def make(data: bytes) -> bytes:
        from pkcs11 import Mechanism

        digest = hashlib.new(HASHES[public.kind], data).digest()
        with _pair(key, text) as (private, _):
            raw = private.sign(digest, mechanism=Mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    return RemoteSigner(public, make)


@contextlib.contextmanager
def _pair(key: TokenKey, pin: str) -> Iterator[tuple[Any, Any]]:
    """The private key and the public one, while logged in."""
    import pkcs11

    try:
        library = pkcs11.lib(key.module)
        token = library.get_token(**_named(token_label=key.token, token_serial=key.serial.encode()))
        with token.open(user_pin=pin) as session:
            wanted = _named(label=key.label, id=key.key_id)
            private: Any = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, **wanted)
            if private.id:
                wanted = {"id": private.id}
            half: Any = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, **wanted)
            if {private.key_type, half.key_type} != {pkcs11.KeyType.EC}:
                raise UsageError(
                    "the key in the token is not an ECDSA key", remedy="make one on P-256 there"
                )
            yield private, half
    except (pkcs11.NoSuchToken, pkcs11.MultipleTokensReturned):
        raise UsageError(
            "the PKCS#11 URI does not name one token that is there",
            remedy="check token and serial; `pkcs11-tool --list-token-slots` lists what is there",
        ) from None
    except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned):
        raise UsageError(
            "the PKCS#11 URI does not name one private key with its public key in the token",
            remedy="check object and id; `pkcs11-tool --list-objects` lists what is there",
        ) from None
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid):
        raise UsageError(
            "the token refuses the PIN", remedy="check it: a few wrong ones lock the token"
        ) from None
    except RuntimeError as error:  # the package's own errors among them
        raise _failed(key.module, error) from None


def _named(**values: str | bytes) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _failed(module: str, error: RuntimeError) -> UndecidedError:
    words = f"{type(error).__name__} {error}".strip()
    return UndecidedError(
        f"{printable(module)}: the token or its library failed: {printable(words[:200])}",
        remedy="check the library's path, that the token is plugged in, and what it may do",
    )
