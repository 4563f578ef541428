"""Targets: what servers answer."""

from __future__ import annotations

import json
import zlib
from typing import Any, cast

from targets import JSON, as_json, every, target

from manifest.sources.git_objects import GitRepository
from manifest.sources.http import Answer, HttpClient

ENDPOINT = "http://127.0.0.1"
COMMIT = "c0ffee" * 6 + "c0ff"


class _Canned:
    """A client to which every server says the same."""

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self._body, self._headers = body, headers

    def get(self, url: str, **_: Any) -> Answer:
        return Answer(200, self._headers, url, self._body)

    def post(self, url: str, _data: bytes, **_: Any) -> Answer:
        return Answer(200, self._headers, url, self._body)


def client(body: bytes, **headers: str) -> HttpClient:
    """One that answers with these bytes; it has what parsers of answers use."""
    return cast("HttpClient", _Canned(body, {k.replace("_", "-"): v for k, v in headers.items()}))


@target(
    "hub",
    seeds=as_json(
        {"id": "acme/tiny", "sha": COMMIT, "gated": False, "private": False},
        [{"type": "file", "path": "a", "size": 1, "oid": "1" * 40},
         {"type": "file", "path": "m.bin", "size": 9, "oid": "2" * 40,
          "lfs": {"oid": "3" * 64, "size": 9, "pointerSize": 134}},
         {"type": "directory", "path": "d"}],
    ),
    tokens=(*JSON, "lfs", "oid", "path"),
)  # fmt: skip
def _(data: bytes) -> object:
    from manifest.sources.hub_api import Hub

    link = data[:200].decode("latin-1")
    hub = Hub(client(data, link=f'<{link}>; rel="next"'), ENDPOINT)
    every(
        data,
        lambda _: hub.revision("acme/tiny", "main"),
        lambda _: hub.tree("acme/tiny", COMMIT),
        lambda _: hub.holds("acme/tiny", COMMIT, "a"),
    )
    return None


def _packets() -> list[bytes]:
    def line(text: bytes) -> bytes:
        return b"%04x" % (len(text) + 4) + text

    commit = b"tree " + b"1" * 40 + b"\nauthor a <a> 0 +0000\n\nx\n"
    pack = (
        b"PACK\0\0\0\2\0\0\0\1"
        + bytes([0x90 | len(commit) & 15, len(commit) >> 4])
        + zlib.compress(commit)
    )
    advertised = line(b"# service=git-upload-pack\n") + b"0000" + line(b"version 2\n")
    advertised += line(b"fetch=shallow filter\n") + line(b"object-format=sha1\n") + b"0000"
    return [
        advertised,
        line(b"packfile\n") + line(b"\1" + pack) + b"0000",
        line(b"ERR no such thing"),
    ]


def commit_and_tree(data: bytes, algorithm: str) -> None:
    """Ask a repository for a commit, and whether that has a file."""
    repository = GitRepository(client(data), ENDPOINT, has_objects=True, algorithm=algorithm)
    every(
        data,
        lambda _: repository.commit("1" * 40),
        lambda d: repository.holds(b"tree " + b"1" * 40 + b"\n" + d, "a/b"),
    )


@target(
    "git",
    "sources.git_objects.open_repository",
    seeds=_packets,
    tokens=("0000", "0004", "packfile\n", "PACK"),
)
def _(data: bytes) -> object:
    from manifest.sources.git_objects import open_repository

    kind = "application/x-git-upload-pack-advertisement"
    every(data, lambda d: open_repository(client(d, content_type=kind), ENDPOINT))
    every(data, lambda d: commit_and_tree(d, "sha1"), lambda d: commit_and_tree(d, "sha256"))
    return None


@target(
    "addresses",
    "sources.targets.parse_target",
    "sources.addresses.origin_of",
    seeds=lambda: [
        b"hf:acme/tiny@main",
        b"https://user@host:80/path?q#f",
        json.dumps("x").encode(),
    ],
    tokens=("hf:", "@", "://", "/", ":", "[", "]", "%", "#", "?"),
)
def _(data: bytes) -> object:
    from manifest.sources.addresses import is_loopback, origin_of, shown
    from manifest.sources.targets import is_repository, is_revision, parse_target

    text = data[:2000].decode("utf-8", "surrogateescape")
    is_repository(text)
    is_revision(text)
    is_loopback(text)
    shown(text)
    every(data, lambda _: origin_of(text), lambda _: parse_target(text))
    return None
