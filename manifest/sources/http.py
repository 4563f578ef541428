"""Asking a server, with every bound there is: time, size, tries, redirects, and who sees the token.

Whatever a server does, a request ends: with an `Answer`, or with an `UndecidedError` that names
the address and the cause. Redirects are followed here and not by the library, so that the token
goes to its own origin and nowhere else; nothing comes from ``.netrc`` and no cookie is kept.
"""

from __future__ import annotations

import dataclasses
import email.utils
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from manifest._version import __version__
from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.sources.addresses import is_loopback, origin_of, shown
from manifest.sources.http_causes import cause_of

if TYPE_CHECKING:
    import requests

__all__ = ["Answer", "HttpClient", "Limits"]

_CHUNK = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AGAIN = frozenset({429, 500, 502, 503, 504})
_RESET = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})")
_PLAIN = frozenset({"", "identity"})


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a client's patience; times in seconds.

    Attributes:
        connect: For a connection.
        idle: Between two pieces of an answer.
        whole: For one exchange, redirects and body included: a server that sends a byte now and
            then is not waited for.
        tries: How often a request is made when the server fails or asks to wait.
        backoff: The first pause between tries; each further one is twice as long.
        patience: All pauses of a client together; a server that asks for more gets no more tries.
        redirects: How many are followed for one request.
    """

    connect: float = 10.0
    idle: float = 20.0
    whole: float = 120.0
    tries: int = 4
    backoff: float = 0.5
    patience: float = 60.0
    redirects: int = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        status: The HTTP status.
        headers: By name in lower case.
        url: The address that answered, after redirects.
        body: The bytes, up to the bound that was given.
        complete: Whether that is all; False when the rest was not read.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes = b""
    complete: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    data: bytes | None
    bound: int
    skip: int = 0
    """What a server that ignores ranges sends before the bytes that were asked for."""


class _Trouble(Exception):  # noqa: N818 - a signal inside this module, never raised to callers
    """A failure that may pass: the request is made again."""


class HttpClient:
    """Makes requests within `Limits`. One client serves one command.

    Args:
        limits: The bounds.
        token: Sent as a bearer token to ``token_origin``, and to no other origin.
        token_origin: An address of the origin that the token belongs to.
        public_only: Connect to public addresses alone, apart from ``token_origin``'s host: for
            addresses that a stranger wrote, which must not reach into the reader's network.
        sleep: Waits between tries.

    Raises:
        UndecidedError: The token would travel unencrypted to another machine.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        token: str = "",
        token_origin: str = "",
        public_only: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits or Limits()
        self._origin = origin_of(token_origin) if token_origin else None
        self._token = token if self._origin else ""
        self._public_only = public_only
        self._sleep = sleep
        self._patience = self.limits.patience
        self._session: requests.Session | None = None
        scheme, host, _ = self._origin or ("https", "", 0)
        if self._token and scheme != "https" and not is_loopback(host):
            raise UndecidedError(
                f"a token is set and {shown(token_origin)} is not https: it would be sent in "
                "the clear",
                remedy="use an https endpoint, or unset the token",
            )

    @property
    def sends_token(self) -> bool:
        """Whether requests to the token's origin carry one."""
        return bool(self._token)

    def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Get an address; a body that announces more than ``max_bytes`` bytes is not read at all.

        Raises:
            UndecidedError: No answer could be had within the limits.
        """
        return self._try(_Request("GET", url, headers or {}, None, max_bytes))

    def get_range(self, url: str, start: int, length: int) -> Answer:
        """Get ``length`` bytes from ``start`` on.

        A server that ignores ranges (200 in place of 206) sends everything: what is before is
        read and dropped, what is after is not read.

        Raises:
            UndecidedError: No answer could be had within the limits.
        """
        header = {"Range": f"bytes={start}-{start + length - 1}"}
        answer = self._try(_Request("GET", url, header, None, length, skip=start))
        if answer.status == 200:
            return dataclasses.replace(answer, body=answer.body[start : start + length])
        return answer

    def post(self, url: str, data: bytes, *, max_bytes: int, headers: Mapping[str, str]) -> Answer:
        """Post a question that changes nothing, so that it may be asked again.

        Raises:
            UndecidedError: No answer could be had within the limits.
        """
        return self._try(_Request("POST", url, headers, data, max_bytes))

    def close(self) -> None:
        """Close what connections there are."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _try(self, request: _Request) -> Answer:
        pause = self.limits.backoff
        for number in range(1, self.limits.tries + 1):
            wait = pause
            try:
                answer = self._exchange(request)
            except _Trouble as trouble:
                problem = str(trouble)
            else:
                if answer.status not in _AGAIN:
                    return answer
                problem = f"it answered {answer.status}"
                wait = _asked_to_wait(answer.headers, pause)
            if number == self.limits.tries:
                raise UndecidedError(
                    f"{shown(request.url)}: {problem}; tried {number} times",
                    remedy="check the network and the address, and run the command again later",
                )
            if wait > self._patience:
                raise UndecidedError(
                    f"{shown(request.url)}: {problem} and asks to wait {wait:.0f} s, longer than "
                    "this command waits",
                    remedy="run the command again later; with a token the hub allows more",
                )
            self._patience -= wait
            self._sleep(wait)
            pause *= 2
        raise AssertionError("a request is tried at least once")

    def _exchange(self, request: _Request) -> Answer:
        """One exchange, ended when its time is over whatever the server does.

        The library's own timeouts bound the wait for the next byte. Only a thread of its own can
        be left behind when bytes keep coming, one by one, without an end.
        """
        session = self._session = self._session or self._open()
        done: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()

        def work() -> None:
            try:
                done.put(self._talk(session, request))
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                done.put(error)

        threading.Thread(target=work, name="manifest-http", daemon=True).start()
        try:
            result = done.get(timeout=self.limits.whole)
        except queue.Empty:
            self._session = None  # the thread that was left behind still uses it
            raise _Trouble(f"no whole answer within {self.limits.whole:g} s") from None
        if isinstance(result, BaseException):
            raise result
        return result

    def _talk(self, session: requests.Session, request: _Request) -> Answer:
        import http.client

        import requests
        import urllib3

        try:
            return self._follow(session, request)
        except requests.exceptions.SSLError as error:
            raise UndecidedError(
                f"{shown(request.url)}: no secure connection: {cause_of(error)}",
                remedy="check the address and the certificates of this machine; behind a proxy "
                "that inspects traffic, set REQUESTS_CA_BUNDLE",
            ) from None
        except (
            requests.exceptions.ConnectionError,
            requests.exceptions.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise _Trouble(cause_of(error)) from None
        except (
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            ValueError,  # neither library catches all that a broken header or chunk sets off
        ) as error:
            raise UndecidedError(
                f"{shown(request.url)} cannot be asked: {cause_of(error)}",
                remedy="check the address",
            ) from None

    def _follow(self, session: requests.Session, request: _Request) -> Answer:
        import requests

        url = request.url
        for _ in range(self.limits.redirects + 1):
            scheme, _, _ = origin_of(url)
            asked = requests.Request(
                request.method, url, headers=dict(request.headers), data=request.data
            )
            prepared = session.prepare_request(asked)
            settings: Any = session.merge_environment_settings(prepared.url, {}, True, None, None)
            # Not `Session.send`: to look where a redirect leads it reads all of its body.
            response = session.get_adapter(url).send(
                prepared, timeout=(self.limits.connect, self.limits.idle), **settings
            )
            try:
                location = response.headers.get("Location", "")
                if response.status_code not in _REDIRECTS or not location:
                    return _answer(response, url, request)
                if request.method != "GET" and response.status_code not in {307, 308}:
                    return _answer(response, url, request)
            finally:
                response.close()
            url = _joined(url, location)
            if scheme == "https" and origin_of(url)[0] != "https":
                raise UndecidedError(
                    f"{shown(request.url)} leads from https to {shown(url)}, which is not",
                    remedy="check the address",
                )
        raise UndecidedError(
            f"{shown(request.url)} redirects more than {self.limits.redirects} times",
            remedy="check the address",
        )

    def _open(self) -> requests.Session:
        import requests
        from requests.auth import AuthBase

        origin, token = self._origin, self._token

        class Bearer(AuthBase):
            """The token, for its own origin. That there is one keeps ``.netrc`` out, too."""

            def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
                if token and origin_of(prepared.url or "") == origin:
                    prepared.headers["Authorization"] = f"Bearer {token}"
                return prepared

        session = requests.Session()
        session.auth = Bearer()
        session.headers.clear()
        session.headers["User-Agent"] = f"model-release-manifest/{__version__}"
        # The size of what is read is then the size that was listed, and no small answer grows.
        session.headers["Accept-Encoding"] = "identity"
        if self._public_only:
            from manifest.sources.public import PublicAdapter

            adapter = PublicAdapter(allowed=frozenset({self._origin[1]} if self._origin else ()))
            session.mount("http://", adapter)
            session.mount("https://", adapter)
        return session


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # no address, as `origin_of` will say


def _answer(response: requests.Response, url: str, request: _Request) -> Answer:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _PLAIN:
        raise UndecidedError(
            f"{shown(url)} answers in the encoding {printable(encoding[:40])}, which was not asked for",
            remedy="check the address, and whether a proxy changes what is sent",
        )
    headers = {name.lower(): value for name, value in response.headers.items()}
    asked_for_range = "Range" in request.headers
    if not asked_for_range and int(_digits(headers.get("content-length", ""))) > request.bound:
        return Answer(response.status_code, headers, url, b"", complete=False)
    skip = request.skip if response.status_code == 200 else 0
    body, complete = _body(response.iter_content(_CHUNK), skip + request.bound)
    return Answer(response.status_code, headers, url, body, complete)


def _body(chunks: Iterator[bytes], bound: int) -> tuple[bytes, bool]:
    """At most ``bound`` bytes, and whether there were no more."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > bound:
            return bytes(body[:bound]), False
    return bytes(body), True


def _digits(value: str) -> str:
    """``value`` where it is a number of at most 18 digits, else ``0``."""
    return value if value.isascii() and value.isdigit() and len(value) <= 18 else "0"


def _asked_to_wait(headers: Mapping[str, str], otherwise: float) -> float:
    """The seconds that ``Retry-After`` (RFC 9110, 10.2.3) or ``RateLimit`` ask for."""
    value = headers.get("retry-after", "").strip()
    if value and value == _digits(value):
        return max(float(value), otherwise)
    if value:
        try:
            until = email.utils.parsedate_to_datetime(value).timestamp()
        except (ValueError, OverflowError):
            return otherwise
        return max(until - time.time(), otherwise)
    reset = _RESET.search(headers.get("ratelimit", ""))
    return max(float(reset[1]) + 1, otherwise) if reset else otherwise
