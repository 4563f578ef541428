"""Single objects of a git repository over smart HTTP, each proved by its own id.

Version 2 of the protocol (git: Documentation/gitprotocol-v2) gives any object that is asked for
by id, without its history. The id is the digest of the object: a commit that arrives is the
commit that was pinned, whatever server sent it, and through its tree so is every path in it.
Servers that speak version 0 alone list their branches and tags, which proves less.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import zlib
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.sources.addresses import shown
from manifest.sources.http import Answer, HttpClient

__all__ = ["GitRepository", "NoSuchObjectError", "NoSuchRepositoryError", "open_repository"]

_MAX_ADVERTISED = 16 * 1024 * 1024
_MAX_PACK = 4 * 1024 * 1024
_MAX_OBJECT = 8 * 1024 * 1024
_MAX_OBJECTS = 8
_SERVICE = "git-upload-pack"
_KINDS = {1: b"commit", 2: b"tree"}
_TREE_LINE = re.compile(rb"tree ([0-9a-f]{40}|[0-9a-f]{64})\n")
_FLUSH, _DELIMITER = b"0000", b"0001"


class NoSuchObjectError(UndecidedError):
    """The repository is there and has no such object."""


class NoSuchRepositoryError(UndecidedError):
    """There is no repository at the address; or none that everybody sees."""


@dataclasses.dataclass(frozen=True, slots=True)
class GitRepository:
    """A repository that was found.

    Attributes:
        client: Asks.
        url: Its address, after redirects.
        tips: The commits of branches and tags; empty where version 2 is spoken.
        has_objects: Whether single objects can be asked for: version 2 is spoken.
        filters: Whether the server leaves out what is not wanted.
        algorithm: ``sha1`` or ``sha256``: what its object ids are.
    """

    client: HttpClient
    url: str
    tips: frozenset[str] = frozenset()
    has_objects: bool = False
    filters: bool = False
    algorithm: str = "sha1"

    def commit(self, oid: str) -> bytes:
        """A commit's content, proved by its id.

        Raises:
            NoSuchObjectError: The repository does not have it.
            UndecidedError: The server cannot be asked, or does not send it.
        """
        return self._object(oid, b"commit")

    def holds(self, commit: bytes, path: str) -> bool:
        """Whether a commit, given by its content, holds a file or directory of a path.

        Raises:
            UndecidedError: The server does not send the trees.
        """
        line = _TREE_LINE.match(commit)
        if line is None:
            raise UndecidedError(f"{shown(self.url)}: the commit names no tree")
        oid, is_tree = line[1].decode(), True
        for name in path.strip("/").split("/"):
            if not is_tree:
                return False
            entries = _entries(self._object(oid, b"tree"), self.algorithm)
            found = next((e for e in entries if e[0] == name.encode()), None)
            if found is None:
                return False
            _, oid, is_tree = found
        return True

    def _object(self, oid: str, kind: bytes) -> bytes:
        lines = [_line(b"command=fetch")]
        if self.algorithm != "sha1":
            lines.append(_line(b"object-format=" + self.algorithm.encode()))
        lines += [_DELIMITER, _line(b"no-progress")]
        if kind == b"commit":
            lines.append(_line(b"deepen 1"))
        if self.filters:
            lines.append(_line(b"filter tree:0" if kind == b"commit" else b"filter tree:1"))
        lines += [_line(b"want " + oid.encode()), _line(b"done"), _FLUSH]
        answer = self.client.post(
            f"{self.url}/{_SERVICE}",
            b"".join(lines),
            max_bytes=_MAX_PACK,
            headers={
                "Content-Type": f"application/x-{_SERVICE}-request",
                "Accept": f"application/x-{_SERVICE}-result",
                "Git-Protocol": "version=2",
            },
        )
        if answer.status != 200:
            raise UndecidedError(f"{shown(answer.url)} answered {answer.status}")
        found = _find(_pack(answer, oid), kind, oid, self.algorithm)
        if found is None:
            raise UndecidedError(f"{shown(answer.url)} did not send the {kind.decode()} {oid}")
        return found


def open_repository(client: HttpClient, url: str) -> GitRepository:
    """Find a repository and what its server can do.

    Raises:
        NoSuchRepositoryError: The server says that there is none.
        UndecidedError: It cannot be asked, or it is no git server.
    """
    suffix = f"/info/refs?service={_SERVICE}"
    answer = client.get(
        url.rstrip("/") + suffix, max_bytes=_MAX_ADVERTISED, headers={"Git-Protocol": "version=2"}
    )
    if answer.status in {404, 410}:
        raise NoSuchRepositoryError(f"{shown(answer.url)} answered {answer.status}")
    if answer.status in {401, 403}:
        raise UndecidedError(
            f"{shown(answer.url)} answered {answer.status}: no such repository, or it is private"
        )
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if answer.status != 200 or kind != f"application/x-{_SERVICE}-advertisement":
        raise UndecidedError(
            f"{shown(answer.url)} answered {answer.status} and is no git server over HTTP"
        )
    base = answer.url.partition("?")[0].removesuffix("/info/refs")
    lines = [line for line in _lines(answer) if not line.startswith(b"# service=")]
    if lines and lines[0] == b"version 2":
        return _version_2(client, base, lines[1:])
    tips = {line[:40].decode("ascii", "replace") for line in lines}
    tips |= {line[:64].decode("ascii", "replace") for line in lines}
    return GitRepository(client, base, tips=frozenset(tips))


def _version_2(client: HttpClient, base: str, lines: list[bytes]) -> GitRepository:
    able = {name: value for name, _, value in (line.partition(b"=") for line in lines)}
    fetch = able.get(b"fetch", b"").split()
    algorithm = able.get(b"object-format", b"sha1").decode("ascii", "replace")
    return GitRepository(
        client,
        base,
        has_objects=b"fetch" in able and b"shallow" in fetch,
        filters=b"filter" in fetch,
        algorithm=algorithm if algorithm in {"sha1", "sha256"} else "",
    )


def _line(text: bytes) -> bytes:
    """A pkt-line (gitprotocol-common): four hex digits of length, and a line."""
    return b"%04x%s\n" % (len(text) + 5, text)


def _packets(answer: Answer) -> Iterator[bytes]:
    """The payload of every pkt-line; flush and delimiter packets are left out."""
    data, at = answer.body, 0
    while at + 4 <= len(data):
        try:
            length = int(data[at : at + 4], 16)
        except ValueError:
            raise UndecidedError(f"{shown(answer.url)} does not speak git's protocol") from None
        if length > 4:
            yield data[at + 4 : at + length]  # the last one may be cut off by the bound
        at += max(length, 4)


def _lines(answer: Answer) -> Iterator[bytes]:
    if not answer.complete:
        raise UndecidedError(f"{shown(answer.url)} lists more than {_MAX_ADVERTISED:,} bytes")
    for packet in _packets(answer):
        yield packet.rstrip(b"\n")


def _pack(answer: Answer, oid: str) -> bytes:
    """The beginning of the pack that an answer to ``fetch`` carries in its side band."""
    pack = bytearray()
    inside = False
    for packet in _packets(answer):
        if packet.startswith(b"ERR "):
            _complain(answer, packet[4:], oid)
        if not inside:
            inside = packet.rstrip(b"\n") == b"packfile"
        elif packet[:1] == b"\x01":
            pack += packet[1:]
        elif packet[:1] == b"\x03":
            _complain(answer, packet[1:], oid)
    return bytes(pack)


def _complain(answer: Answer, text: bytes, oid: str) -> None:
    words = printable(text[:200].strip())
    if "not our ref" in words and oid in words:
        raise NoSuchObjectError(f"{shown(answer.url)} has no object {oid}")
    raise UndecidedError(f"{shown(answer.url)}: {words}")


def _find(pack: bytes, kind: bytes, oid: str, algorithm: str) -> bytes | None:
    """The object of an id among the first of a pack (gitformat-pack); None where it is not."""
    if pack[:4] != b"PACK" or pack[4:8] != b"\0\0\0\2":
        return None
    at = 12
    for _ in range(min(int.from_bytes(pack[8:12], "big"), _MAX_OBJECTS)):
        if at >= len(pack):
            return None
        type_, more = pack[at] >> 4 & 7, pack[at] & 128
        at += 1
        while more and at < len(pack):
            more = pack[at] & 128
            at += 1
        if type_ not in {1, 2, 3, 4}:
            return None  # a difference to another object, which nobody asked for
        inflate = zlib.decompressobj()
        try:
            content = inflate.decompress(pack[at:], _MAX_OBJECT)
        except zlib.error:
            return None
        if not inflate.eof:
            return None
        if _KINDS.get(type_) == kind and _oid(kind, content, algorithm) == oid:
            return content
        at = len(pack) - len(inflate.unused_data)
    return None


def _oid(kind: bytes, content: bytes, algorithm: str) -> str:
    digest = hashlib.new(algorithm, b"%s %d\0" % (kind, len(content)), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def _entries(tree: bytes, algorithm: str) -> Iterator[tuple[bytes, str, bool]]:
    """Name, object id and whether it is a directory, for each entry of a tree."""
    length = 20 if algorithm == "sha1" else 32
    at = 0
    while at < len(tree):
        end = tree.find(b"\0", at)
        if end < 0 or end + 1 + length > len(tree):
            return
        mode, _, name = tree[at:end].partition(b" ")
        yield name, tree[end + 1 : end + 1 + length].hex(), mode in {b"40000", b"040000"}
        at = end + 1 + length
