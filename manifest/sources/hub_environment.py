"""Which hub is asked, as whom, and whether at all: the variables that huggingface_hub reads.

Names and order are those of huggingface_hub (constants.py, utils/_auth.py): ``HF_ENDPOINT``;
``HF_TOKEN``, else the file of ``HF_TOKEN_PATH``, else ``token`` in ``HF_HOME``, which is
``~/.cache/huggingface``; ``HF_HUB_DISABLE_IMPLICIT_TOKEN``; ``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.sources.addresses import origin_of
from manifest.sources.http import HttpClient, Limits

__all__ = ["HubEnvironment", "hub_environment", "refuse_offline"]

_DEFAULT = "https://huggingface.co"
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_MAX_TOKEN = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class HubEnvironment:
    """A hub's address without a slash at its end, and the token to show there; empty for none."""

    endpoint: str = _DEFAULT
    token: str = dataclasses.field(default="", repr=False)

    def client(self, *, limits: Limits | None = None, public_only: bool = False) -> HttpClient:
        """A client that shows the token to this hub alone."""
        return HttpClient(
            limits=limits,
            token=self.token,
            token_origin=self.endpoint,
            public_only=public_only,
        )


def refuse_offline(what: str, *, offline: bool, environ: Mapping[str, str] | None = None) -> None:
    """Refuse what needs the network where it is not to be used.

    Args:
        what: What needs it, as the beginning of a sentence.
        offline: Whether the caller asked for ``--offline``.
        environ: The environment; the process's own when None.

    Raises:
        UndecidedError: It is not to be used.
    """
    environ = os.environ if environ is None else environ
    reason = "--offline" if offline else ""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if not reason and _is_true(environ.get(name)):
            reason = name
    if reason:
        raise UndecidedError(
            f"{what} needs the network, and {reason} says not to use it",
            remedy="download the release and name its directory, or leave that out",
        )


def hub_environment(environ: Mapping[str, str] | None = None) -> HubEnvironment:
    """Read the environment.

    Raises:
        UndecidedError: The endpoint is no http or https address, or the token cannot be read or
            holds what no token holds.
    """
    environ = os.environ if environ is None else environ
    endpoint = (environ.get("HF_ENDPOINT") or _DEFAULT).rstrip("/")
    try:
        origin_of(endpoint)
    except UndecidedError as error:
        raise UndecidedError(
            f"HF_ENDPOINT: {error.message}", remedy=f"set it to an address such as {_DEFAULT}"
        ) from None
    if urlsplit(endpoint).query or urlsplit(endpoint).fragment:
        raise UndecidedError(
            "HF_ENDPOINT has a query or a fragment: it is an address alone",
            remedy=f"set it to an address such as {_DEFAULT}",
        )
    if _is_true(environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN")):
        return HubEnvironment(endpoint)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := _clean(environ.get(name, ""), name):
            return HubEnvironment(endpoint, token)
    return HubEnvironment(endpoint, _from_file(environ))


def _is_true(value: str | None) -> bool:
    return (value or "").upper() in _TRUE


def _from_file(environ: Mapping[str, str]) -> str:
    cache = environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = environ.get("HF_HOME") or f"{cache}/huggingface"
    path = Path(os.path.expandvars(environ.get("HF_TOKEN_PATH") or f"{home}/token")).expanduser()
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_TOKEN + 1)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UndecidedError(
            f"the token in {printable(str(path))} cannot be read: {error.strerror}",
            remedy="mend the file, or set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to go without a token",
        ) from error
    return _clean(data.decode("latin-1"), str(path))


def _clean(text: str, where: str) -> str:
    """A token without the line ends around it; what it holds never gets into a message."""
    token = text.strip()
    if len(token) > _MAX_TOKEN or not all("!" <= char <= "~" for char in token):
        raise UndecidedError(
            f"the token in {printable(where)} holds characters that no token has",
            remedy="set it to the token alone",
        )
    return token
