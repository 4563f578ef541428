"""What a server may do wrong: nothing waits without end, and every failure says what and why."""

from __future__ import annotations

import email.utils
import gc
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_releases import QUICK, Open
from hub_server import Fault, HubServer, drip

from manifest.errors import UndecidedError
from manifest.sources.http import HttpClient, Limits
from manifest.sources.hub_environment import hub_environment, refuse_offline


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(limits=QUICK)
    yield client
    client.close()


# Tries and pauses


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_failure_that_passes_is_tried_again(hub: HubServer, open_: Open, status: int) -> None:
    hub.fail("/revision/", status, times=2)
    assert len(open_().files) == 5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failure_that_stays_is_told(hub: HubServer, open_: Open, status: int) -> None:
    hub.fail("/revision/", status)
    with pytest.raises(UndecidedError, match=f"answered {status}; tried 3 times") as caught:
        open_()
    assert "/api/models/acme/tiny/revision/main" in caught.value.message
    assert caught.value.remedy
    assert len(hub.asked) == 3


@pytest.mark.parametrize("status", [400, 404, 410, 418, 501])
def test_answer_that_stands_is_not_asked_for_again(
    hub: HubServer, open_: Open, status: int
) -> None:
    hub.fail("/revision/", status)
    with pytest.raises(UndecidedError, match=f"answered {status}"):
        open_()
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        pytest.param({"Retry-After": "7"}, 7, 7, id="seconds"),
        pytest.param({"RateLimit": '"api";r=0;t=12'}, 13, 13, id="rate-limit-draft"),
        pytest.param({"RateLimit": '"api";r=3;t=12'}, 0.01, 0.01, id="limit-not-reached"),
        pytest.param({"Retry-After": "DATE"}, 17, 20, id="date"),
        pytest.param({"Retry-After": "Mon, 01 Jan 1990 00:00:00 GMT"}, 0.01, 0.01, id="past"),
        pytest.param({"Retry-After": "-5"}, 0.01, 0.01, id="negative"),
        pytest.param({"Retry-After": "soon"}, 0.01, 0.01, id="words"),
        pytest.param({"Retry-After": "٣"}, 0.01, 0.01, id="digits-of-another-script"),
    ],
)
def test_server_is_given_the_time_that_it_asks_for(
    hub: HubServer, headers: dict[str, str], least: float, most: float
) -> None:
    until = email.utils.formatdate(time.time() + 19, usegmt=True)
    sent = {k: until if v == "DATE" else v.encode().decode("latin-1") for k, v in headers.items()}
    hub.fail("/x", 429, times=1, headers=sent)
    hub.fail("/x", 200, body=b"fine")
    pauses: list[float] = []
    client = HttpClient(limits=Limits(backoff=0.01), sleep=pauses.append)
    assert client.get(f"{hub.endpoint}/x", max_bytes=10).body == b"fine"
    client.close()
    assert len(pauses) == 1
    assert least <= pauses[0] <= most


@pytest.mark.parametrize("after", ["3600", "9" * 18, "9" * 400])
def test_server_that_asks_for_too_much_time(hub: HubServer, after: str) -> None:
    hub.fail("/x", 429, headers={"Retry-After": after})
    pauses: list[float] = []
    client = HttpClient(limits=Limits(backoff=0.01), sleep=pauses.append)
    with pytest.raises(UndecidedError, match=r"longer than this command waits|tried 4 times"):
        client.get(f"{hub.endpoint}/x", max_bytes=10)
    client.close()
    assert sum(pauses) < 1


def test_all_pauses_together_are_bounded(hub: HubServer) -> None:
    hub.fail("/x", 503, headers={"Retry-After": "20"})
    pauses: list[float] = []
    client = HttpClient(sleep=pauses.append)
    for _ in range(3):
        with pytest.raises(UndecidedError):
            client.get(f"{hub.endpoint}/x", max_bytes=10)
    client.close()
    assert sum(pauses) <= 60


# Connections that hang, break, or lie


def hang(handler: Any) -> None:
    time.sleep(3)


@pytest.mark.parametrize(
    ("respond", "message"),
    [
        pytest.param(hang, "no answer in time", id="silence"),
        pytest.param(drip, "no whole answer within", id="a-byte-now-and-then"),
        pytest.param(
            lambda handler: drip(handler, header=True),
            "no whole answer within",
            id="endless-header",
        ),
    ],
)
def test_server_that_lets_wait(hub: HubServer, respond: Callable[..., None], message: str) -> None:
    hub.faults.append(Fault("/x", respond))
    limits = Limits(connect=1, idle=0.3, whole=0.6, tries=2, backoff=0.01)
    client = HttpClient(limits=limits)
    started = time.monotonic()
    with pytest.raises(UndecidedError, match=message):
        client.get(f"{hub.endpoint}/x", max_bytes=10**6)
    client.close()
    assert time.monotonic() - started < 3


def test_body_that_ends_early(hub: HubServer, client: HttpClient) -> None:
    def stop(handler: Any) -> None:
        handler.answer(200, b"abc", {"Content-Length": "5000", "Connection": "close"})

    hub.faults.append(Fault("/x", stop))
    with pytest.raises(UndecidedError, match=r"ended its answer early; tried 3 times"):
        client.get(f"{hub.endpoint}/x", max_bytes=10_000)


def test_body_beyond_its_announced_length_is_not_read(hub: HubServer, client: HttpClient) -> None:
    hub.fail("/x", 200, body=b"abcdef", headers={"Content-Length": "3"})
    answer = client.get(f"{hub.endpoint}/x", max_bytes=10)
    assert (answer.body, answer.complete) == (b"abc", True)


def test_body_that_announces_too_much_is_not_read(hub: HubServer, client: HttpClient) -> None:
    hub.fail("/x", 200, body=b"abc", headers={"Content-Length": str(10**15)})
    answer = client.get(f"{hub.endpoint}/x", max_bytes=10)
    assert (answer.body, answer.complete) == (b"", False)


def test_endless_body_is_read_up_to_the_bound(hub: HubServer, client: HttpClient) -> None:
    def flood(handler: Any) -> None:
        write = handler.wfile.write
        write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(10_000):
            write(b"10000\r\n" + bytes(65_536) + b"\r\n")

    hub.faults.append(Fault("/x", flood))
    answer = client.get(f"{hub.endpoint}/x", max_bytes=1_000_000)
    assert (len(answer.body), answer.complete) == (1_000_000, False)


def test_compressed_answer_is_refused(hub: HubServer, client: HttpClient) -> None:
    hub.fail("/x", 200, body=b"x", headers={"Content-Encoding": "gzip"})
    with pytest.raises(UndecidedError, match="encoding gzip"):
        client.get(f"{hub.endpoint}/x", max_bytes=10)


def test_server_that_speaks_something_else(client: HttpClient) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(UndecidedError, match=r"connection refused; tried 3 times") as caught:
        client.get(f"http://127.0.0.1:{port}/x?secret=1", max_bytes=10)
    assert caught.value.message.startswith(f"http://127.0.0.1:{port}/x: ")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"SSH-2.0-x\r\n", id="another-protocol"),
        pytest.param(bytes(100), id="zeros"),
        pytest.param(b"HTTP/1.1 999999 OK\r\n\r\n", id="status-of-six-digits"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, id="many-headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, id="long-header"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
            id="two-lengths",
            # urllib3 leaves the socket to the garbage collector when it refuses this header.
            marks=pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunk-of-no-size"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nx\r\n0\r\n\r\n",
            id="chunk-of-negative-size",
        ),
        pytest.param(b"HTTP/1.1 302 F\r\nLocation: http://a..b/\r\n\r\n", id="empty-label"),
        pytest.param(
            b"HTTP/1.1 302 F\r\nLocation: http://" + b"a" * 300 + b"/\r\n\r\n", id="long-label"
        ),
        pytest.param(b"HTTP/1.1 302 F\r\nLocation: http://%00/\r\n\r\n", id="nul-in-host"),
        pytest.param(b"HTTP/1.1 302 F\r\nLocation: \xff\xfe//\x01\r\n\r\n", id="not-text"),
    ],
)
def test_answer_that_is_no_http(hub: HubServer, client: HttpClient, answer: bytes) -> None:
    def respond(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(answer)

    hub.faults.append(Fault("/", respond))
    with pytest.raises(UndecidedError) as caught:
        client.get(f"{hub.endpoint}/x", max_bytes=1000)
    assert hub.endpoint in caught.value.message
    assert caught.value.remedy
    assert caught.value.message.isprintable()
    gc.collect()


def test_host_that_nobody_knows(client: HttpClient) -> None:
    with pytest.raises(UndecidedError, match="no host of this name"):
        client.get("http://nobody.invalid/x", max_bytes=10)


def test_tls_that_is_none(hub: HubServer, client: HttpClient) -> None:
    with pytest.raises(UndecidedError, match=r"no secure connection|tried 3 times"):
        client.get(hub.endpoint.replace("http:", "https:"), max_bytes=10)


# Redirects


@pytest.mark.parametrize(
    ("location", "message"),
    [
        pytest.param("/x", "redirects more than 5 times", id="circle"),
        pytest.param("file:///etc/passwd", "not an address that is asked", id="file"),
        pytest.param("ftp://127.0.0.1/x", "not an address that is asked", id="ftp"),
        pytest.param("http://user:pass@127.0.0.1/", "no user name", id="user-name"),
        pytest.param("http://[::1", "not an address that is asked", id="broken"),
        pytest.param("http://127.0.0.1:99999/", "not an address that is asked", id="port"),
    ],
)
def test_redirect_that_is_not_followed(
    hub: HubServer, client: HttpClient, location: str, message: str
) -> None:
    hub.fail("/x", 302, headers={"Location": location})
    with pytest.raises(UndecidedError, match=message):
        client.get(f"{hub.endpoint}/x", max_bytes=10)


def test_body_of_a_redirect_is_not_read(hub: HubServer, client: HttpClient) -> None:
    def flood(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /end\r\n")
        handler.wfile.write(b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(2000):
            handler.wfile.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
        written.append(2000)

    written: list[int] = []
    hub.faults.append(Fault("/x", flood))
    hub.fail("/end", 200, body=b"ok")
    assert client.get(f"{hub.endpoint}/x", max_bytes=10).body == b"ok"
    assert written == []


def test_token_does_not_come_back_from_elsewhere(hub: HubServer) -> None:
    client = HttpClient(limits=QUICK, token="hf_x", token_origin=hub.endpoint)
    hub.fail("/start", 302, headers={"Location": f"{hub.content}/middle"})
    hub.fail("/middle", 302, headers={"Location": f"{hub.endpoint}/end"})
    hub.fail("/end", 200, body=b"ok")
    assert client.get(f"{hub.endpoint}/start", max_bytes=10).url == f"{hub.endpoint}/end"
    client.close()
    assert [(a.where, bool(a.authorization)) for a in hub.asked] == [
        ("hub", True),
        ("content", False),
        ("hub", True),
    ]


def test_netrc_and_cookies_are_left_alone(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str] = []

    def set_cookie(handler: Any) -> None:
        seen.append(handler.headers.get("Cookie", ""))
        handler.answer(200, b"ok", {"Set-Cookie": "a=b"})

    hub.faults.append(Fault("/x", set_cookie))
    client = HttpClient(limits=QUICK)
    for _ in range(2):
        client.get(f"{hub.endpoint}/x", max_bytes=10)
    client.close()
    assert [asked.authorization for asked in hub.asked] == ["", ""]
    assert seen == ["", ""]


def test_private_addresses_are_not_reached_by_a_strangers_word(hub: HubServer) -> None:
    client = HttpClient(limits=QUICK, public_only=True)
    for address in (hub.endpoint, hub.endpoint.replace("127.0.0.1", "localhost")):
        with pytest.raises(UndecidedError, match="no public address"):
            client.get(address, max_bytes=10)
    client.close()
    assert hub.asked == []
    client = HttpClient(limits=QUICK, public_only=True, token_origin=hub.endpoint)
    assert client.get(f"{hub.endpoint}/x", max_bytes=20).status == 401
    client.close()


# The environment


def test_endpoint_and_token_of_the_environment(tmp_path: Path) -> None:
    home = {"HF_HOME": str(tmp_path)}
    assert hub_environment(home).endpoint == "https://huggingface.co"
    assert hub_environment(home | {"HF_ENDPOINT": "https://hub.corp/x/"}).endpoint.endswith("/x")
    assert hub_environment(home).token == ""
    (tmp_path / "token").write_text("hf_file\n")
    assert hub_environment(home).token == "hf_file"
    assert hub_environment(home | {"HF_TOKEN": " hf_env\n"}).token == "hf_env"
    assert hub_environment(home | {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}).token == ""
    other = tmp_path / "other"
    other.write_text("hf_other")
    assert hub_environment(home | {"HF_TOKEN_PATH": str(other)}).token == "hf_other"
    cache = tmp_path / "cache" / "huggingface"
    cache.mkdir(parents=True)
    (cache / "token").write_text("hf_cache")
    assert hub_environment({"XDG_CACHE_HOME": str(tmp_path / "cache")}).token == "hf_cache"
    assert "hf_cache" not in repr(hub_environment({"XDG_CACHE_HOME": str(tmp_path / "cache")}))


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({"HF_ENDPOINT": "ftp://x"}, "HF_ENDPOINT", id="scheme"),
        pytest.param({"HF_ENDPOINT": "huggingface.co"}, "HF_ENDPOINT", id="no-scheme"),
        pytest.param({"HF_ENDPOINT": "https://me:pw@hub"}, "HF_ENDPOINT", id="user-name"),
        pytest.param({"HF_ENDPOINT": "https://hub/?x=1"}, "HF_ENDPOINT", id="query"),
        pytest.param({"HF_TOKEN": "a\r\nX: y"}, "no token has", id="header-injection"),
        pytest.param({"HF_TOKEN": "hf_ä"}, "no token has", id="not-ascii"),
        pytest.param({"HF_TOKEN": "x" * 5000}, "no token has", id="long"),
    ],
)
def test_environment_that_makes_no_sense(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(UndecidedError, match=message) as caught:
        hub_environment({"HF_HOME": str(tmp_path)} | variables)
    for secret in ("pw@", "X: y", "hf_ä"):
        assert secret not in caught.value.message or message == "HF_ENDPOINT"


def test_token_is_not_sent_in_the_clear(hub: HubServer) -> None:
    with pytest.raises(UndecidedError, match="in the clear"):
        HttpClient(token="hf_x", token_origin="http://hub.example.org")
    for loopback in ("http://127.0.0.1:8", "http://localhost:8", "http://[::1]:8"):
        assert HttpClient(token="hf_x", token_origin=loopback).sends_token
    assert not HttpClient(token_origin="http://hub.example.org").sends_token


def test_offline_refuses() -> None:
    refuse_offline("x", offline=False, environ={})
    refuse_offline("x", offline=False, environ={"HF_HUB_OFFLINE": "0"})
    for offline, environ in ((True, {}), (False, {"HF_HUB_OFFLINE": "1"})):
        with pytest.raises(UndecidedError, match="needs the network") as caught:
            refuse_offline("x", offline=offline, environ=environ)
        assert caught.value.exit_code == 4
