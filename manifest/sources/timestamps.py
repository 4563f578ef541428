"""Asking a timestamp authority over HTTP (RFC 3161, 3.4)."""

from __future__ import annotations

from collections.abc import Callable

from manifest.display import printable
from manifest.errors import UndecidedError, UsageError
from manifest.sources.addresses import origin_of, shown
from manifest.sources.http import HttpClient, Limits

__all__ = ["MAX_ANSWER_BYTES", "timestamp_authority"]

MAX_ANSWER_BYTES = 64 * 1024
"""The largest answer read; those with a chain of certificates have some 6,000 bytes."""

_QUERY = "application/timestamp-query"
_REPLY = "application/timestamp-reply"


def timestamp_authority(url: str, *, limits: Limits | None = None) -> Callable[[bytes], bytes]:
    """Whoever answers at this address.

    A query holds a digest and a random number; that it may travel unencrypted is as RFC 3161 has
    it, for the answer is signed.

    Args:
        url: An address of the scheme http or https.
        limits: Bounds on patience.

    Returns:
        Takes a TimeStampReq in DER and returns the answer's bytes, which nobody has checked.

    Raises:
        UsageError: It is no such address.
    """
    try:
        origin_of(url)
    except UndecidedError as error:
        raise UsageError(error.message, remedy=error.remedy) from None

    def ask(query: bytes) -> bytes:
        client = HttpClient(limits=limits)
        try:
            answer = client.post(
                url,
                query,
                max_bytes=MAX_ANSWER_BYTES,
                headers={"Content-Type": _QUERY, "Accept": _REPLY},
            )
        finally:
            client.close()
        if answer.status != 200:
            raise UndecidedError(
                f"{shown(url)} gave no timestamp: it answered {answer.status}",
                remedy="check the address, or ask another authority",
            )
        if not answer.complete:
            raise UndecidedError(
                f"{shown(url)} gave no timestamp: its answer has more than "
                f"{MAX_ANSWER_BYTES:,} bytes",
                remedy="ask another authority",
            )
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _REPLY:
            raise UndecidedError(
                f"{shown(url)} gave no timestamp: it answered with {printable(kind[:60]) or 'nothing'}",
                remedy="check the address: timestamp authorities answer with " + _REPLY,
            )
        return answer.body

    return ask
