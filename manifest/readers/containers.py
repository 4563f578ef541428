"""Whether files are whole, by what their formats put at both ends.

First bytes are quickly forged, and the first thing to survive a broken download. Each test reads
a bounded part: the footer of Parquet, the shape of an array against its size, the directory of an
archive, the first records of a log of events. Nothing is unpacked but a few kilobytes.
"""

from __future__ import annotations

import ast
import bz2
import lzma
import math
import re
import struct
import zlib
from collections.abc import Callable

from manifest.display import printable
from manifest.errors import BrokenFileError, DocumentError
from manifest.readers._bounded import file_size
from manifest.readers.archives import list_archive
from manifest.sources import Source

__all__ = [
    "ArrayHeader",
    "check_container",
    "container_problem",
    "is_container",
    "read_array_header",
]

_HEAD = 1024 * 1024
_INFLATED = 4096
_MAX_ARRAY_HEADER = 64 * 1024
_DTYPE = re.compile(r"[<>|=]?([biufcSUVmM?])([0-9]*)(\[\w+\])?")
_PDF_START = re.compile(rb"startxref\s+(\d{1,20})\s+%%EOF\s*")
_PDF_TABLE = re.compile(rb"\s*(xref|\d+\s+\d+\s+obj)")

ArrayHeader = tuple[str, tuple[int, ...], int]
"""The type of an array's numbers, its shape, and where its numbers begin."""


def is_container(path: str) -> bool:
    """Whether the format that a file's name announces is one that is tested here."""
    return _suffix(path) in _TESTS


def container_problem(source: Source, path: str) -> str:
    """Why a file is not what its suffix says; empty when it is, as far as its ends tell.

    Raises:
        UndecidedError: It cannot be read.
    """
    return _TESTS[_suffix(path)](source, path)


def check_container(source: Source, path: str) -> None:
    """Refuse a file that `container_problem` finds a problem in.

    Raises:
        BrokenFileError: There is one.
        UndecidedError: It cannot be read.
    """
    if problem := container_problem(source, path):
        raise BrokenFileError(f"{printable(path)} {problem}")


def _suffix(path: str) -> str:
    return "." + path.lower().rpartition("/")[2].rpartition(".")[2]


def _ends(source: Source, path: str, length: int) -> tuple[bytes, bytes, int]:
    size = file_size(source, path)
    head = source.read(path, length=min(length, size))
    start = max(size - length, 0)
    return head, source.read(path, start=start, length=size - start), size


def _parquet(source: Source, path: str) -> str:
    """Apache Parquet, "File format": PAR1, data, footer, its length, PAR1."""
    head, tail, size = _ends(source, path, 12)
    if not head.startswith(b"PAR1"):
        return "is not a Parquet file"
    if tail[-4:] not in {b"PAR1", b"PARE"}:
        return "is a Parquet file that was cut off: it has no mark at its end"
    footer = int.from_bytes(tail[-8:-4], "little")
    if not 8 <= footer <= size - 12:
        return f"is not a Parquet file: its footer of {footer:,} bytes does not fit into it"
    # The footer is a Thrift structure whose first field is the version, a 32-bit number.
    start = source.read(path, start=size - 8 - footer, length=1)
    return "" if start == b"\x15" else "is not a Parquet file: its footer is none"


def _arrow(source: Source, path: str) -> str:
    """Apache Arrow IPC: a file has its mark at both ends, a stream a message at its beginning."""
    head, tail, size = _ends(source, path, 16)
    if head.startswith(b"ARROW1"):
        footer = int.from_bytes(tail[-10:-6], "little")
        whole = tail.endswith(b"ARROW1") and 0 < footer <= size - 18
        return "" if whole else "is an Arrow file that was cut off"
    if head.startswith(b"FEA1"):
        return "" if tail.endswith(b"FEA1") and size > 12 else "is a Feather file that was cut off"
    if head.startswith(b"\xff\xff\xff\xff"):
        length = int.from_bytes(head[4:8], "little", signed=True)
        fits = 0 < length <= size - 8
        return "" if fits else "is not an Arrow stream: its first message does not fit into it"
    return "is not an Arrow file"


def read_array_header(source: Source, path: str) -> ArrayHeader:
    """The header of a NumPy array (NumPy, "The NPY format").

    Raises:
        DocumentError: It is none.
        UndecidedError: It cannot be read.
    """
    head = source.read(path, length=12)
    if not head.startswith(b"\x93NUMPY") or len(head) < 12:
        raise DocumentError("is not a NumPy array")
    wide = head[6] > 1
    start = 12 if wide else 10
    length = int.from_bytes(head[8:start], "little")
    if not 0 < length <= _MAX_ARRAY_HEADER:
        raise DocumentError("is not a NumPy array: its header is none")
    text = source.read(path, start=start, length=length)
    try:
        fields = ast.literal_eval(text.decode("utf-8").strip())
        dtype, shape = fields["descr"], fields["shape"]
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        raise DocumentError("is not a NumPy array: its header is none") from None
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise DocumentError("is not a NumPy array: its header gives no shape")
    return str(dtype), shape, start + length


def _array(source: Source, path: str) -> str:
    try:
        dtype, shape, start = read_array_header(source, path)
    except DocumentError as error:
        return error.message
    if not math.prod(shape):
        return "is an array without a number"
    found = _DTYPE.fullmatch(dtype)
    if found is None:
        return ""  # a record, or objects: their size is not in the header
    wide = {"U": 4, "?": 1}.get(found[1], 1) * int(found[2] or ("1" if found[1] == "?" else "8"))
    wanted, held = math.prod(shape) * wide, file_size(source, path) - start
    if wanted != held:
        return f"has {held:,} bytes of numbers; its shape and type come to {wanted:,}"
    return ""


def _zip(source: Source, path: str) -> str:
    try:
        members = list_archive(source, path)
    except DocumentError as error:
        return error.message
    return "" if any(m.size for m in members) else "is an archive without content"


def _arrays(source: Source, path: str) -> str:
    try:
        members = list_archive(source, path)
    except DocumentError as error:
        return error.message
    held = any(m.size and m.name.endswith(".npy") for m in members)
    return "" if held else "is an archive without an array"


def _inflated(open_: Callable[[bytes], bytes], name: str) -> Callable[[Source, str], str]:
    def test(source: Source, path: str) -> str:
        data = source.read(path, length=min(_HEAD, file_size(source, path)))
        try:
            return "" if open_(data) else f"is a {name} file without content"
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError):
            return f"is not a {name} file"

    return test


def _zst(source: Source, path: str) -> str:
    """Zstandard (RFC 8878): the magic number, and a header that reserves nothing."""
    head = source.read(path, length=min(18, file_size(source, path)))
    good = head.startswith(b"\x28\xb5\x2f\xfd") and len(head) > 8 and not head[4] & 0x08
    return "" if good else "is not a Zstandard file"


def _hdf5(source: Source, path: str) -> str:
    """HDF5, "Superblock": it says where the file ends."""
    head = source.read(path, length=min(96, file_size(source, path)))
    if not head.startswith(b"\x89HDF\r\n\x1a\n") or len(head) < 48:
        return "is not an HDF5 file"
    end_at = {0: 40, 1: 44, 2: 28, 3: 28}.get(head[8])
    wide = head[13] if head[8] < 2 else head[9]
    if end_at is None or wide != 8:
        return ""  # of a version or a width whose places are not known here
    end = struct.unpack_from("<Q", head, end_at)[0]
    size = file_size(source, path)
    return (
        "" if end <= size else f"is cut off: it says that it ends at {end:,} and has {size:,} bytes"
    )


def _pdf(source: Source, path: str) -> str:
    """ISO 32000, 7.5: a mark, objects, a table of them, and the place of the table at the end."""
    head, tail, size = _ends(source, path, 2048)
    if not head.startswith(b"%PDF-"):
        return "is not a PDF"
    if b"%%EOF" not in tail:
        return "is a PDF that was cut off"
    found = list(_PDF_START.finditer(tail))
    if not found:
        return "is a PDF without the place of its table of objects"
    start = int(found[-1][1])
    table = source.read(path, start=start, length=64) if start < size else b""
    return "" if _PDF_TABLE.match(table) else "is a PDF whose table of objects is not where it says"


def _first_of(opener: Callable[[], object]) -> Callable[[bytes], bytes]:
    def inflate(data: bytes) -> bytes:
        return bytes(opener().decompress(data, _INFLATED))  # type: ignore[attr-defined]

    return inflate


_TESTS: dict[str, Callable[[Source, str], str]] = {
    ".arrow": _arrow,
    ".bz2": _inflated(_first_of(bz2.BZ2Decompressor), "bzip2"),
    ".feather": _arrow,
    ".gz": _inflated(_first_of(lambda: zlib.decompressobj(31)), "gzip"),
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".npy": _array,
    ".npz": _arrays,
    ".parquet": _parquet,
    ".pdf": _pdf,
    ".xz": _inflated(_first_of(lambda: lzma.LZMADecompressor(memlimit=256 * 1024 * 1024)), "xz"),
    ".zip": _zip,
    ".zst": _zst,
}
