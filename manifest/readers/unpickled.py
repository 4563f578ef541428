"""Whether Python would unpickle a file, found out without unpickling it (spec/policy.md).

A pickle is a program: each byte is an operation on a stack. This module walks over the operations
by the table of the standard library, keeps count of the stack, and runs none of them. Bytes that
are no sound program end the walk; what runs on for thousands of operations is taken for one.
"""

from __future__ import annotations

import bz2
import lzma
import pickletools
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

from manifest.errors import UndecidedError
from manifest.readers._bounded import file_size
from manifest.readers.pickles import MALFORMED, BoundedFile
from manifest.sources import Source

__all__ = ["archived_names", "has_pickle_name", "holds_pickle", "is_pickle"]

MAX_OPERATIONS = 20_000
_MAX_LINE = 1 << 20
_MAX_DIRECTORY = 16 << 20
"""Bytes of an archive's directory; those of a million names, and more than any model has."""
_MAX_UNPACKED = 1 << 20
_BLOCK = 1 << 16
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_NAME = re.compile(
    r"\.(?:pkl|pickle|joblib|dill|cloudpickle)(?:\.(?:gz|xz|bz2|z|lzma|lz4|zst))?$", re.IGNORECASE
)
_DOTTED = re.compile(r"[\w.\-]+")
_OPERATIONS = {one.code: one for one in pickletools.opcodes}
_IMPORTS = {"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}
_CALLS = {"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"}
_LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_NUMBERS: dict[str, Callable[[str], object]] = {
    "decimalnl_short": int,
    "decimalnl_long": lambda text: int(text.removesuffix("L")),
    "floatnl": float,
}

Read = Callable[[int, int], bytes]
"""Reads from a position at most so many bytes; fewer at the end alone."""


class _NoneError(Exception):
    """These bytes are no pickle."""


def has_pickle_name(path: str) -> bool:
    """Whether a file's name says that it is unpickled, compressed or not."""
    return _NAME.search(path) is not None


def holds_pickle(source: Source, path: str) -> bool:
    """Whether a file of a release is a pickle, or a compressed one, as ``joblib`` writes.

    Args:
        source: The release.
        path: The file.

    Raises:
        UndecidedError: It cannot be read.
    """

    def read(start: int, length: int) -> bytes:
        return source.read(path, start=start, length=length)

    head = read(0, 8)
    if is_pickle(read, file_size(source, path)):
        return True
    unpack = _unpacker(head)
    if unpack is None:
        return False
    try:
        data = unpack(read(0, _MAX_UNPACKED))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
        return False
    return is_pickle(lambda start, length: data[start : start + length], len(data), is_whole=False)


def is_pickle(read: Read, size: int, *, is_whole: bool = True) -> bool:
    """Whether bytes are a program that unpickling would run.

    They are when they reach its end, or a call of what they imported before, after which the rest
    is of no account.

    Args:
        read: Reads them.
        size: How many there are.
        is_whole: Whether these are all; of a part, one that is sound up to its end is a pickle.
    """
    walk = _Walk(read, size)
    try:
        return walk.is_program()
    except _NoneError:
        return False
    except EOFError:
        return not is_whole and walk.operations > 1


class _Walk:
    """One pass over the operations; one use."""

    def __init__(self, read: Read, size: int) -> None:
        self._read, self._size = read, size
        self._at = self._start = 0
        self._block = b""
        self._marks: list[bool] = []
        self.operations = 0

    def is_program(self) -> bool:
        has_imported = has_protocol = False
        while self.operations < MAX_OPERATIONS:
            known = _OPERATIONS.get(self._take(1).decode("latin-1"))
            if known is None:
                raise _NoneError
            self._argument(known)
            self.operations += 1
            if known.name == "STOP":
                # Without an import it says something only when nothing lies behind it: a text can
                # begin with a G, eight letters and a full stop.
                is_all = has_imported or has_protocol or self._at == self._size
                return is_all and bool(self._marks) and not self._marks[-1]
            self._apply(known)
            has_imported |= known.name in _IMPORTS
            has_protocol |= known.name == "PROTO"
            if has_imported and known.name in _CALLS:
                return True
        return True  # sound for so long: no text is

    def _apply(self, known: pickletools.OpcodeInfo) -> None:
        """What an operation does to the stack, of which only its marks are kept."""
        stack, before = self._marks, list(known.stack_before)
        if pickletools.markobject in before or (known.name == "POP" and stack and stack[-1]):
            while stack and not stack[-1]:
                stack.pop()
            if not stack:
                raise _NoneError
            stack.pop()
            before = before[: before.index(pickletools.markobject)] if known.name != "POP" else []
        if len(stack) < len(before) or (before and any(stack[-len(before) :])):
            raise _NoneError
        del stack[len(stack) - len(before) :]
        stack += [one is pickletools.markobject for one in known.stack_after]

    def _argument(self, known: pickletools.OpcodeInfo) -> None:
        if known.arg is None:
            return
        count = known.arg.n
        if count == pickletools.UP_TO_NEWLINE:
            self._lines(known.arg.name)
        elif count in _LENGTHS:
            self._skip(int.from_bytes(self._take(_LENGTHS[count]), "little"))
        else:
            self._skip(count)

    def _lines(self, kind: str) -> None:
        text = self._line()
        if kind == "stringnl_noescape_pair":
            if not (_DOTTED.fullmatch(text) and _DOTTED.fullmatch(self._line())):
                raise _NoneError
        elif kind == "stringnl":
            if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
                raise _NoneError
        elif kind in _NUMBERS:
            try:
                _NUMBERS[kind](text)
            except ValueError:
                raise _NoneError from None

    def _line(self) -> str:
        parts: list[bytes] = []
        for _ in range(_MAX_LINE // _BLOCK):
            try:
                self._fill()
            except EOFError:  # the library's own takes what there is, without its last byte
                return b"".join(parts)[:-1].decode("utf-8", "replace")
            offset = self._at - self._start
            end = self._block.find(b"\n", offset)
            if end >= 0:
                parts.append(self._block[offset:end])
                self._at = self._start + end + 1
                return b"".join(parts).decode("utf-8", "replace")
            parts.append(self._block[offset:])
            self._at = self._start + len(self._block)
        raise _NoneError

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            self._fill()
            offset = self._at - self._start
            piece = self._block[offset : offset + count - len(data)]
            self._at += len(piece)
            data += piece
        return data

    def _skip(self, count: int) -> None:
        if self._at + count > self._size:
            raise EOFError
        self._at += count

    def _fill(self) -> None:
        """Have the byte at the position in the block; at the end there is none."""
        if not self._start <= self._at < self._start + len(self._block):
            self._start, self._block = self._at, self._read(self._at, _BLOCK)
            if not self._block:
                raise EOFError


def _unpacker(head: bytes) -> Callable[[bytes], bytes] | None:
    if head[:2] in {b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b"}:
        return lambda data: zlib.decompressobj(wbits=47).decompress(data, _MAX_UNPACKED)
    if head.startswith(b"BZh"):
        return lambda data: bz2.BZ2Decompressor().decompress(data, _MAX_UNPACKED)
    if head.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        return lambda data: lzma.LZMADecompressor(memlimit=1 << 28).decompress(data, _MAX_UNPACKED)
    return None


def archived_names(source: Source, path: str) -> tuple[str, ...] | None:
    """The names in a zip archive, in lower case; of a file that is none, no names.

    Returns:
        The names; None where it begins as an archive and its directory cannot be read.

    Raises:
        UndecidedError: The file cannot be read.
    """
    if not source.read(path, length=4).startswith(_ZIPS):
        return ()
    file = BoundedFile(source, path)
    file.allow(_MAX_DIRECTORY)
    try:
        with zipfile.ZipFile(file) as opened:
            return tuple(name.lower() for name in opened.namelist())
    except UndecidedError:
        if file.exceeded:
            return None
        raise
    except (*MALFORMED, struct.error):
        return None
