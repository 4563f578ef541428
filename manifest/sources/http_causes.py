"""Why a request failed, in words: without the inner names of the libraries that raised."""

from __future__ import annotations

from manifest.display import printable
from manifest.sources.addresses import SHOWN

__all__ = ["cause_of"]


def cause_of(error: BaseException) -> str:
    """The innermost reason of a failed request, on one line."""
    import requests

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen and len(seen) < 12:
        seen.append(found)
        inner = getattr(found, "reason", None)
        inner = inner if isinstance(inner, BaseException) else None
        inner = inner or next((a for a in found.args if isinstance(a, BaseException)), None)
        found = inner or found.__cause__ or found.__context__
    for one in reversed(seen):
        name = type(one).__name__
        if name in {"NameResolutionError", "gaierror"}:
            return "no host of this name is known"
        if name in {"IncompleteRead", "RemoteDisconnected"}:
            return "it ended its answer early"
        if name in {"BadStatusLine", "UnknownProtocol", "ValueError"}:
            return "its answer is no HTTP"
        if isinstance(one, OSError) and one.strerror and one.errno is not None:
            return printable(one.strerror.lower())
    return printable(str(seen[-1])[:SHOWN]) or type(seen[-1]).__name__
