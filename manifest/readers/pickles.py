"""What pickles would import when they are loaded, by picklescan (the ``scan`` extra).

Nothing is loaded: the opcodes are disassembled. Of an archive its pickles are looked at, of a
pickle at most `MAX_BYTES`; tensors, which lie behind them, are left alone.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import zipfile

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.readers._bounded import file_size
from manifest.sources import Source

__all__ = ["MALFORMED", "MAX_BYTES", "BoundedFile", "PickleImports", "can_scan", "scan_pickle"]

MAX_BYTES = 4 * 1024 * 1024
"""The most that is read of a pickle, in bytes, and the most that an archive's packed entries hold.

A disassembly takes a hundred times the memory of its pickle; that of a model of a thousand
tensors is some 100 kB.
"""
MALFORMED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)
"""What libraries raise on pickles and archives that were made to harm them."""
_MAX_ARCHIVE = 2 * MAX_BYTES
_MAX_ENTRIES = 100_000
_FIRST, _CHUNK = 1024, 256 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class PickleImports:
    """What a file imports, each as ``module.name``: the dangerous, and those not known as safe."""

    path: str
    dangerous: tuple[str, ...] = ()
    suspicious: tuple[str, ...] = ()


def can_scan() -> bool:
    """Whether picklescan is installed."""
    try:
        import picklescan.scanner  # noqa: F401
    except ImportError:
        return False
    return True


def scan_pickle(source: Source, path: str) -> PickleImports:
    """Disassemble the pickles of a file.

    Raises:
        UndecidedError: It cannot be read, holds more than is looked at, or picklescan is not
            installed or cannot make sense of it.
    """
    try:
        from picklescan import scanner
    except ImportError as error:
        raise UndecidedError(
            "picklescan is not installed",
            remedy="pip install 'model-release-manifest[scan]'",
        ) from error
    logging.getLogger("picklescan").setLevel(logging.CRITICAL + 1)
    file = BoundedFile(source, path)
    shown = printable(path)
    suffix = path[path.rfind(".") :].lower() if "." in path else ""
    try:
        if zipfile.is_zipfile(file):
            file.allow(_MAX_ARCHIVE)
            _refuse_bombs(file, shown)
        file.seek(0)
        found = scanner.scan_bytes(file, shown, suffix)
    except MALFORMED as error:
        # What a hostile pickle makes of a disassembler: none of it is an answer.
        raise UndecidedError(f"{shown} cannot be disassembled: {printable(str(error))}") from error
    if (file.exceeded or found.scan_err) and not found.issues_count:
        raise UndecidedError(f"{shown} holds more than is looked at, or is broken")
    names: dict[str, set[str]] = {}
    for entry in found.globals:
        names.setdefault(entry.safety.value, set()).add(f"{entry.module}.{entry.name}"[:200])
    return PickleImports(
        path,
        tuple(sorted(names.get("dangerous", ()))),
        tuple(sorted(names.get("suspicious", ()))),
    )


def _refuse_bombs(file: io.RawIOBase, shown: str) -> None:
    """Refuse an archive whose packed entries come to more than is looked at."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    packed = sum(e.file_size for e in entries if e.compress_type != zipfile.ZIP_STORED)
    pickles = [e.file_size for e in entries if e.filename.lower().endswith(".pkl")]
    if len(entries) > _MAX_ENTRIES or max(packed, *pickles, 0) > MAX_BYTES:
        raise UndecidedError(f"{shown} unpacks to more than is looked at")


class BoundedFile(io.RawIOBase):
    """A file of a release, of which no more than a number of bytes can be read in all.

    It reads ahead the more, the longer it is read in one go: an archive is skipped through.
    """

    def __init__(self, source: Source, path: str) -> None:
        super().__init__()
        self._source = source
        self._path = path
        self._size = file_size(source, path)
        self._at = 0
        self._left = MAX_BYTES
        self._chunk = (0, b"")
        self._ahead = _FIRST
        self.exceeded = False

    def allow(self, more: int) -> None:
        """Let so many bytes more be read."""
        self._left += more

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position, in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file; before the beginning is the beginning."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; raises UndecidedError where more are asked for than are looked at."""
        wanted = self._size - self._at if size < 0 else size
        wanted = max(min(wanted, self._size - self._at), 0)
        start, held = self._chunk
        if not start <= self._at <= self._at + wanted <= start + len(held):
            in_one_go = self._at <= start + len(held) <= self._at + wanted
            self._ahead = min(2 * self._ahead, _CHUNK) if in_one_go else _FIRST
            length = min(max(wanted, self._ahead), self._size - self._at)
            if wanted > self._left:
                self.exceeded = True
                raise UndecidedError(f"{printable(self._path)} holds more than is looked at")
            start, held = self._at, self._source.read(self._path, start=self._at, length=length)
            self._left -= len(held)
            self._chunk = (start, held)
        data = held[self._at - start : self._at - start + wanted]
        self._at += len(data)
        return data

    def readline(self, size: int | None = -1) -> bytes:
        """The bytes up to the end of a line, with it."""
        line = bytearray()
        while (size is None or size < 0 or len(line) < size) and (byte := self.read(1)):
            line += byte
            if byte == b"\n":
                break
        return bytes(line)
