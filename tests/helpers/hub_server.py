"""A server on loopback that serves the shapes of a hub's answers. It is not the hub.

What it answers follows huggingface_hub's source: ``/api/models/NAME/revision/REV``, the tree in
pages with a ``Link`` header, ``paths-info``, ``/NAME/resolve/REV/PATH``, and ``X-Error-Code``.
Large files are redirected to a second port, which stands for the content network. It keeps a list
of what it was asked and counts what it sent, so that a test can say what was never read.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Asked", "Fault", "HubServer", "ServedFile", "ServedRepository"]

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_LARGE = (".safetensors", ".gguf", ".bin", ".pt", ".onnx", ".h5", ".parquet")


@dataclasses.dataclass(frozen=True)
class ServedFile:
    """A file: its first bytes, and zeros up to its size; of an archive its directory at the end."""

    head: bytes
    size: int
    is_large: bool = False
    sha256: str = ""

    @property
    def tail(self) -> bytes:
        """The directory of an archive as torch writes it, whose members the head only begins."""
        if not self.head.startswith(b"PK\x03\x04") or self.size < len(self.head) + 300:
            return b""
        entries = b""
        for name in (b"archive/data.pkl", b"archive/data/0"):
            entries += b"PK\x01\x02" + struct.pack(
                "<HHHHHHIIIHHHHHII", 0, 0, 0, 0, 0, 0, 0, 8, 8, len(name), 0, 0, 0, 0, 0, 0
            )
            entries += name
        start = self.size - len(entries) - 22
        if start >= 0xFFFFFFFF:
            record = b"PK\x06\x06" + struct.pack(
                "<QHHIIQQQQ", 44, 45, 45, 0, 0, 2, 2, len(entries), start - 76
            )
            place = self.size - 22 - 20 - len(record)
            locator = b"PK\x06\x07" + struct.pack("<IQI", 0, place, 1)
            end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(entries), 0xFFFFFFFF, 0)
            return entries + record + locator + end
        end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(entries), start, 0)
        return entries + end

    @classmethod
    def of(cls, path: str, content: bytes, *, is_large: bool | None = None) -> ServedFile:
        """A file with all of its content; large ones are known by their suffix."""
        large = path.endswith(_LARGE) if is_large is None else is_large
        return cls(content, len(content), large, hashlib.sha256(content).hexdigest())

    @classmethod
    def from_plain(cls, path: str, fields: Mapping[str, Any]) -> ServedFile:
        """A file of a fixture; see `HubServer.from_fixture`."""
        head = fields.get("text", "").encode() or base64.b64decode(fields.get("base64", ""))
        size = fields.get("size", len(head))
        large = bool(fields.get("large", "sha256" in fields or path.endswith(_LARGE)))
        digest = hashlib.sha256(head if size == len(head) else f"{path} {size}".encode())
        return cls(head, size, large, fields.get("sha256", digest.hexdigest()))

    def bytes(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a range, in pieces: nothing of a file's size is held."""
        tail = self.tail
        behind = self.size - len(tail)
        while start < end:
            upto = min(end, start + 65_536)
            part = self.head[start:upto]
            piece = bytearray(part + bytes(upto - start - len(part)))
            if tail and upto > behind:
                first = max(start, behind)
                piece[first - start :] = tail[first - behind : upto - behind]
            yield bytes(piece)
            start = upto

    def entry(self, path: str) -> dict[str, Any]:
        """The file as the tree lists it."""
        content = (
            b"pointer to " + path.encode() if self.is_large else b"".join(self.bytes(0, self.size))
        )
        oid = hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()
        entry: dict[str, Any] = {"type": "file", "oid": oid, "size": self.size, "path": path}
        if self.is_large:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        return entry


@dataclasses.dataclass
class ServedRepository:
    """A repository at one commit; ``refs`` are the names that lead to it."""

    files: dict[str, ServedFile]
    commit: str = "c0ffee" * 6 + "c0ff"
    refs: tuple[str, ...] = ("main",)
    gated: str = ""
    private: bool = False
    renamed_to: str = ""
    extra_entries: tuple[dict[str, Any], ...] = ()


@dataclasses.dataclass(frozen=True)
class Asked:
    """A request: to the hub or to the content network, and what it carried."""

    where: str
    method: str
    path: str
    range: str
    authorization: str


@dataclasses.dataclass
class Fault:
    """Something that goes wrong with requests whose path contains a text, a number of times."""

    on: str
    respond: Callable[[_Handler], None]
    times: int = 1_000_000


class HubServer:
    """The server; a context manager.

    Args:
        repositories: By name, ``OWNER/NAME`` or ``datasets/OWNER/NAME``.
        page: How many entries of the tree a page has.
        ranges: Whether ranges are honoured.
        token: Needed for private and gated repositories; empty for none.
    """

    def __init__(
        self,
        repositories: Mapping[str, ServedRepository],
        *,
        page: int = 1000,
        ranges: bool = True,
        token: str = "",
    ) -> None:
        self.repositories = dict(repositories)
        self.page = page
        self.ranges = ranges
        self.token = token
        self.asked: list[Asked] = []
        self.sent: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.lock = threading.Lock()
        self._hub = _Server(("127.0.0.1", 0), self, "hub")
        self._content = _Server(("127.0.0.1", 0), self, "content")
        self.endpoint = f"http://127.0.0.1:{self._hub.server_port}"
        self.content = f"http://127.0.0.1:{self._content.server_port}"

    @classmethod
    def from_fixture(cls, fixture: Mapping[str, Any], **options: Any) -> HubServer:
        """A server of recorded repositories.

        A repository has ``files`` and may have ``commit``, ``refs``, ``gated`` and ``private``.
        A file has ``text`` or ``base64``; where it has ``size`` too, these are its first bytes
        and the rest is zeros. ``sha256`` makes it a large file with that digest, reported and not
        computed; ``large`` says so outright.
        """
        repositories = {}
        for name, fields in fixture.items():
            files = {p: ServedFile.from_plain(p, f) for p, f in fields["files"].items()}
            rest = {k: v for k, v in fields.items() if k in {"commit", "gated", "private"}}
            refs = tuple(fields.get("refs", ("main",)))
            repositories[name] = ServedRepository(files, refs=refs, **rest)
        return cls(repositories, **options)

    def fail(
        self,
        on: str,
        status: int,
        *,
        times: int = 1_000_000,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Answer matching requests with a status."""

        def respond(handler: _Handler) -> None:
            handler.answer(status, body, headers or {})

        self.faults.append(Fault(on, respond, times))

    def __enter__(self) -> Self:
        for server in (self._hub, self._content):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._hub, self._content):
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], hub: HubServer, where: str) -> None:
        self.hub, self.where = hub, where
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that close early are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._serve()

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, value: Any, headers: Mapping[str, str] = {}) -> None:
        self.answer(
            200, json.dumps(value).encode(), {"Content-Type": "application/json", **headers}
        )

    def error(self, status: int, code: str, message: str = "") -> None:
        self.answer(status, b'{"error":"x"}', {"X-Error-Code": code, "X-Error-Message": message})

    def _serve(self) -> None:
        hub = self.server.hub
        with hub.lock:
            hub.asked.append(
                Asked(
                    self.server.where,
                    self.command,
                    self.path,
                    self.headers.get("Range", ""),
                    self.headers.get("Authorization", ""),
                )
            )
            fault = next((f for f in hub.faults if f.on in self.path and f.times > 0), None)
            if fault is not None:
                fault.times -= 1
        with contextlib.suppress(ConnectionError):
            if fault is not None:
                fault.respond(self)
            else:
                self._route(urllib.parse.urlsplit(self.path))

    def _route(self, url: urllib.parse.SplitResult) -> None:
        for name, repository in self.server.hub.repositories.items():
            kind = name.partition("/")[0]
            api = f"/api/{name}/" if kind in {"datasets", "spaces"} else f"/api/models/{name}/"
            if url.path.startswith(api):
                what, _, revision = url.path.removeprefix(api).partition("/")
                self._api(name, repository, what, urllib.parse.unquote(revision), url.query)
                return
            resolve = f"/{name}/resolve/"
            if url.path.startswith(resolve):
                revision, _, path = url.path.removeprefix(resolve).partition("/")
                self._resolve(repository, revision, urllib.parse.unquote(path))
                return
        # What the hub says to those without a token about what is not there.
        self.error(401, "RepoNotFound", "Repository not found")

    def _may_see(self, repository: ServedRepository) -> bool:
        token = self.server.hub.token
        return not repository.private or self.headers.get("Authorization") == f"Bearer {token}"

    def _api(
        self, name: str, repository: ServedRepository, what: str, revision: str, query: str
    ) -> None:
        if not self._may_see(repository):
            self.error(401, "RepoNotFound", "Repository not found")
        elif repository.renamed_to:
            target = self.path.replace(name, repository.renamed_to)
            self.answer(307, b"", {"Location": target})
        elif revision not in (*repository.refs, repository.commit):
            self.error(404, "RevisionNotFound", "Invalid rev id")
        elif what == "revision":
            gated = repository.gated or False
            known = {"id": name, "sha": repository.commit, "gated": gated}
            self.json(known | {"private": repository.private, "tags": []})
        elif what == "paths-info":
            asked = urllib.parse.parse_qs(self.body.decode())["paths"]
            self.json([f.entry(p) for p, f in repository.files.items() if p in asked])
        else:
            self._tree(repository, query)

    def _tree(self, repository: ServedRepository, query: str) -> None:
        fields = urllib.parse.parse_qs(query)
        assert fields["recursive"] == ["true"]
        start = int(fields.get("cursor", ["0"])[0])
        page = self.server.hub.page
        entries = [f.entry(p) for p, f in sorted(repository.files.items())]
        directories = {p.rpartition("/")[0] for p in repository.files} - {""}
        entries += [
            {"type": "directory", "oid": "d" * 40, "size": 0, "path": d} for d in directories
        ]
        entries += repository.extra_entries
        link = {}
        if start + page < len(entries):
            base = f"{self.server.hub.endpoint}{urllib.parse.urlsplit(self.path).path}"
            more = urllib.parse.urlencode(
                {"recursive": "true", "expand": "false", "cursor": start + page}
            )
            link = {"Link": f'<{base}?{more}>; rel="next"'}
        self.json(entries[start : start + page], link)

    def _resolve(self, repository: ServedRepository, revision: str, path: str) -> None:
        file = repository.files.get(path)
        if self.server.where == "content":
            # Its addresses are signed: who has one needs no token.
            assert file is not None
            self._content(file, path)
            return
        token = self.headers.get("Authorization") == f"Bearer {self.server.hub.token}"
        if not self._may_see(repository):
            self.error(401, "RepoNotFound", "Repository not found")
        elif repository.gated and not token and path != "README.md":
            self.error(401, "GatedRepo", "Access to this model is restricted")
        elif revision != repository.commit:
            self.error(404, "RevisionNotFound")
        elif file is None:
            self.error(404, "EntryNotFound")
        elif file.is_large:
            headers = {
                "Location": f"{self.server.hub.content}{self.path}?signature=secret",
                "X-Repo-Commit": repository.commit,
                "X-Linked-Size": str(file.size),
                "X-Linked-Etag": f'"{file.sha256}"',
            }
            self.answer(302, b"", headers)
        else:
            self._content(file, path)

    def _content(self, file: ServedFile, path: str) -> None:
        start, end = 0, file.size
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked and self.server.hub.ranges:
            start, end = int(asked[1]), min(int(asked[2]) + 1, file.size)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{file.size}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        for piece in file.bytes(start, end):
            # Counted first: who has the bytes may ask for the count before this thread goes on.
            with self.server.hub.lock:
                sent = self.server.hub.sent
                sent[path] = sent.get(path, 0) + len(piece)
            self.wfile.write(piece)


def drip(handler: _Handler, *, pause: float = 0.05, header: bool = False) -> None:
    """An answer without an end: a byte now and then, of the head or of the body."""
    start = b"HTTP/1.1 200 OK\r\n"
    if not header:
        start += b"Transfer-Encoding: chunked\r\n\r\n"
    handler.wfile.write(start)
    for _ in range(400):
        handler.wfile.write(b"X" if header else b"1\r\nx\r\n")
        handler.wfile.flush()
        time.sleep(pause)
