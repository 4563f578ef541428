"""Connections to public addresses alone (RFC 6890), for addresses that a stranger wrote.

A description may name any address as a reference. Looked up from inside a network, one that
points at a private machine would be a request that its author could not make himself. The check
is made on the connected socket, before a byte is sent, so that no answer of the name service can
come between. Behind a proxy it is the proxy that decides what may be reached.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from manifest.display import printable
from manifest.errors import UndecidedError

__all__ = ["PublicAdapter"]


class PublicAdapter(HTTPAdapter):
    """An adapter of `requests` that connects to no private address.

    Args:
        allowed: Hosts that may have one: those that the user named.
    """

    def __init__(self, *, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the connections that check where they lead."""
        super().init_poolmanager(*args, **kwargs)
        allowed = self._allowed

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _checked(super()._new_conn(), self.host, allowed)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _checked(super()._new_conn(), self.host, allowed)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _checked(connection: socket.socket, host: str, allowed: frozenset[str]) -> socket.socket:
    if host in allowed:
        return connection
    address = ipaddress.ip_address(connection.getpeername()[0].partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.is_global and not mapped.is_multicast:
        return connection
    connection.close()
    raise UndecidedError(
        f"{printable(host)} is at {address}, which is no public address: a reference is not "
        "followed there",
        remedy="look this reference up by hand, from where its address is meant to be reached",
    )
