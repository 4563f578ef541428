"""What a zip archive holds, by its central directory; nothing is unpacked.

The format (PKWARE, APPNOTE.TXT, 4.3): members, a directory of them, and at the end where the
directory is. What an archive says of itself is a stranger's word: the directory is bounded, and
must lie in the file.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.readers._bounded import file_size
from manifest.sources import Source, SourceFile

__all__ = ["ArchiveMember", "Member", "list_archive", "member_head"]

_MAX_MEMBERS = 100_000
_MAX_DIRECTORY = 16 * 1024 * 1024
MAX_INFLATED = 16 * 1024 * 1024
"""The most that is inflated of a member, in bytes."""
_FIRST_INFLATED = 64 * 1024
_TAIL = 65_536 + 22
_END, _ENTRY, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_STORED, _DEFLATED = 0, 8
_FULL = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its name, its bytes unpacked and packed, how, and where it begins."""

    name: str
    size: int
    packed: int
    method: int
    offset: int
    encrypted: bool


def list_archive(source: Source, path: str) -> tuple[Member, ...]:
    """The members of a zip archive, directories left out.

    Raises:
        DocumentError: It is none, it was cut off, or it holds more than is read; the message
            follows the file's name.
        UndecidedError: It cannot be read.
    """
    size = file_size(source, path)
    start = max(size - _TAIL, 0)
    tail = source.read(path, start=start, length=size - start)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise DocumentError("is not a zip archive, or was cut off: it has no directory")
    count, length, offset = struct.unpack_from("<HII", tail, at + 10)
    if _FULL in {length, offset} or count == 0xFFFF:
        count, length, offset = _zip64(source, path, tail[:at], size)
    if length > _MAX_DIRECTORY or count > _MAX_MEMBERS:
        raise DocumentError(f"lists {count:,} files: more than are read")
    if offset + length > size:
        raise DocumentError("is not a zip archive: its directory lies outside of it")
    return _members(source.read(path, start=offset, length=length), count, size)


def _zip64(source: Source, path: str, before: bytes, size: int) -> tuple[int, int, int]:
    at = before.rfind(_LOCATOR64)
    place = struct.unpack_from("<Q", before, at + 8)[0] if 0 <= at <= len(before) - 20 else size
    record = source.read(path, start=place, length=56) if place + 56 <= size else b""
    if len(record) < 56 or not record.startswith(_END64):
        raise DocumentError("is not a zip archive: the end of its directory is not where it says")
    count, length, offset = struct.unpack_from("<QQQ", record, 32)
    return count, length, offset


def _members(directory: bytes, count: int, size: int) -> tuple[Member, ...]:
    found = []
    at = 0
    for _ in range(count):
        if directory[at : at + 4] != _ENTRY or at + 46 > len(directory):
            raise DocumentError("is not a zip archive: its directory is broken")
        flags, method = struct.unpack_from("<HH", directory, at + 8)
        packed, whole = struct.unpack_from("<II", directory, at + 20)
        name_length, extra_length, comment = struct.unpack_from("<HHH", directory, at + 28)
        offset = struct.unpack_from("<I", directory, at + 42)[0]
        name = directory[at + 46 : at + 46 + name_length].decode("utf-8", "replace")
        extra = directory[at + 46 + name_length : at + 46 + name_length + extra_length]
        whole, packed, offset = _wide(extra, whole, packed, offset)
        if offset + packed > size:
            raise DocumentError(f"is cut off: {printable(name[:80])} lies outside of it")
        if not name.endswith("/"):
            found.append(Member(name, whole, packed, method, offset, bool(flags & 1)))
        at += 46 + name_length + extra_length + comment
    return tuple(found)


def _wide(extra: bytes, *narrow: int) -> tuple[int, int, int]:
    """Sizes and place, from the field of wide numbers where the narrow ones say to look there."""
    values = list(narrow)
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            place = 0
            for index, value in enumerate(values):
                if value == _FULL and place + 8 <= len(field):
                    values[index] = struct.unpack_from("<Q", field, place)[0]
                    place += 8
        at += 4 + length
    return values[0], values[1], values[2]


def member_head(source: Source, path: str, member: Member, length: int) -> bytes:
    """The first bytes of a member, inflated where it is packed; no more than ``length``.

    Raises:
        DocumentError: It is encrypted, packed in another way, or not where the directory says.
        UndecidedError: It cannot be read.
    """
    shown = printable(member.name[:80])
    local = source.read(path, start=member.offset, length=30)
    if len(local) < 30 or not local.startswith(_LOCAL):
        raise DocumentError(f"is not a zip archive: {shown} is not where its directory says")
    if member.encrypted or member.method not in {_STORED, _DEFLATED}:
        raise DocumentError(f"packs {shown} in a way that is not read")
    start = member.offset + 30 + sum(struct.unpack_from("<HH", local, 26))
    wanted = min(length, member.size)
    if member.method == _STORED:
        return source.read(path, start=start, length=min(wanted, member.packed))
    inflater = zlib.decompressobj(-15)
    out = b""
    at = 0
    try:
        while len(out) < wanted and at < member.packed:
            data = source.read(path, start=start + at, length=min(65_536, member.packed - at))
            if not data:
                break
            at += len(data)
            while data and len(out) < wanted:
                out += inflater.decompress(data, wanted - len(out))
                data = inflater.unconsumed_tail
    except zlib.error:
        raise DocumentError(f"is broken: {shown} cannot be unpacked") from None
    return out


class ArchiveMember:
    """The beginning of an archive's member, to be read like the one file of a release.

    Attributes:
        name: Of the archive.
        files: The member, with its size unpacked.
    """

    def __init__(self, source: Source, path: str, member: Member) -> None:
        self._source, self._path, self._member = source, path, member
        self._head = b""
        self.name = path
        self.files = (SourceFile(member.name, member.size),)

    def read(self, path: str, *, start: int = 0, length: int) -> bytes:
        """A part of the member's beginning.

        Raises:
            DocumentError: As `member_head`.
            UndecidedError: The part lies too far behind, or the archive cannot be read.
        """
        end = min(start + length, self._member.size)
        if end > MAX_INFLATED:
            raise UndecidedError(f"{printable(path)} is inflated up to {MAX_INFLATED:,} bytes")
        if end > len(self._head):
            wanted = min(max(end, _FIRST_INFLATED), MAX_INFLATED)
            self._head = member_head(self._source, self._path, self._member, wanted)
        return self._head[start:end]
