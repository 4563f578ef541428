"""Names of keys in tokens: PKCS#11 URIs (RFC 7512), as far as they name one key to sign with."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import unquote_to_bytes

from manifest.display import printable
from manifest.errors import UsageError

__all__ = ["TokenKey", "parse_pkcs11_uri"]

MAX_CHARACTERS = 4096
_PATH = {"token", "serial", "object", "id", "type"}
_QUERY = {"module-path", "pin-source"}
_PERCENT = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
_EXAMPLE = "pkcs11:token=NAME;object=KEY?module-path=/usr/lib/softhsm/libsofthsm2.so"


@dataclasses.dataclass(frozen=True, slots=True)
class TokenKey:
    """Which key in which token, through which library.

    Attributes:
        module: The path of the token's PKCS#11 library.
        token: The token's label; empty where the URI has none.
        serial: The token's serial number, likewise.
        label: The key's label, likewise.
        key_id: The key's id, likewise.
        pin_source: A file that holds the PIN; empty where the URI names none.
    """

    module: str
    token: str = ""
    serial: str = ""
    label: str = ""
    key_id: bytes = b""
    pin_source: str = ""


def parse_pkcs11_uri(text: str) -> TokenKey:
    """Read a PKCS#11 URI.

    An attribute that is not understood is refused: passed over, it would name more keys than it
    was meant to.

    Raises:
        UsageError: It is none, or names no key or no library, or holds a PIN.
    """
    if len(text) > MAX_CHARACTERS or not text.startswith("pkcs11:"):
        raise _refused("it does not begin with pkcs11:, or is very long")
    path, _, query = text.removeprefix("pkcs11:").partition("?")
    found = _attributes(path, ";", _PATH)
    asked = _attributes(query, "&", _QUERY)
    words = {name: _text(name, value) for name, value in (found | asked).items() if name != "id"}
    if words.get("type", "private") != "private":
        raise _refused("it names something else than a private key")
    if "object" not in found and "id" not in found:
        raise _refused("it names no key: object or id")
    module = words.get("module-path", "")
    if not module.startswith("/"):
        raise _refused("it names no library: module-path, an absolute path")
    source = words.get("pin-source", "")
    if source.startswith("file:"):
        source = source.removeprefix("file:").removeprefix("//")
    if source and not source.startswith("/"):
        raise _refused("its pin-source is no absolute path of a file")
    return TokenKey(
        module,
        words.get("token", ""),
        words.get("serial", ""),
        words.get("object", ""),
        found.get("id", b""),
        source,
    )


def _attributes(text: str, separator: str, known: set[str]) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise _refused(
                "it holds a PIN, which other users of the machine can see; use pin-source"
            )
        if name not in known or not equals:
            raise _refused(f"{printable(name[:40])!r} in it is not supported here")
        if name in values:
            raise _refused(f"{name} stands in it twice")
        if not value or not _PERCENT.fullmatch(value) or not _is_text(value):
            raise _refused(f"its {name} is empty or not sound")
        values[name] = unquote_to_bytes(value)
    return values


def _is_text(value: str) -> bool:
    """Whether it is UTF-8: a byte of the command line that is none comes as half a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _refused(f"its {name} is not UTF-8") from None
    if "\0" in text:
        raise _refused(f"its {name} holds a null")
    return text


def _refused(problem: str) -> UsageError:
    # The text itself is not repeated: it may hold a PIN.
    return UsageError(f"the PKCS#11 URI cannot be used: {problem}", remedy=f"write {_EXAMPLE}")
