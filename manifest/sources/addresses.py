"""Addresses: which are asked at all, whose origin they are of, and how they are shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from manifest.display import printable
from manifest.errors import UndecidedError

__all__ = ["SHOWN", "is_loopback", "origin_of", "shown"]

SHOWN = 200
"""The most characters of a stranger's text in a message."""
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address, as browsers compare origins (RFC 6454).

    Raises:
        UndecidedError: It is no http or https address, or carries a user name.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise UndecidedError(
            f"{printable(url[:SHOWN])} is not an address that is asked: http or https, a host, "
            "and no user name",
            remedy="check the address",
        )
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def is_loopback(host: str) -> bool:
    """Whether a host of an address is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """An address for messages: without the query, which may hold a signature."""
    text = url.partition("?")[0].partition("#")[0]
    return printable(text if len(text) <= SHOWN else text[:SHOWN] + "...")
