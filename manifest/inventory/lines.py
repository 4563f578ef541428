"""The lines of an inventory: JSON Lines with one form for each file (spec/inventories.md).

A line is a JSON object whose bytes are fixed by what it says: the fields ``path``, ``size``,
``sha256`` and, in an inventory that holds it, ``blake3``, in this order, without spaces, with no
escape but that of the quotation mark, and one LF at its end. Lines are sorted by the UTF-8 bytes
of their paths. So there is one reading of an inventory and one way to write it, a line can be
compared and proved as bytes, and no parser's leniency matters: what does not match is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from manifest.display import printable
from manifest.errors import DocumentError, ManifestError
from manifest.inventory.merkle import Accumulator
from manifest.inventory.paths import path_problem
from manifest.records import record

__all__ = ["MAX_LINE_BYTES", "Binding", "InventoryEntry", "InventoryReader", "InventoryWriter"]

MAX_LINE_BYTES = 8704
"""The longest line that is read: a path of 4096 bytes, every one a quotation mark, and the rest."""

_BLOCK = 1 << 20
_MAX_SIZE = 2**63 - 1
# Neither a backslash nor a control character can stand in a path, so nothing else needs an escape.
_LINE = re.compile(
    r'\{"path":"((?:[^"\\]++|\\")++)","size":(0|[1-9][0-9]{0,18}),"sha256":"([0-9a-f]{64})"'
    r'(?:,"blake3":"([0-9a-f]{64})")?\}'
)


class _Digest(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


class InventoryEntry(NamedTuple):
    """One file of an inventory. A tuple: there may be millions.

    Attributes:
        path: Relative to the directory that the inventory owns, ``/`` between its parts.
        size: In bytes.
        sha256: Lower-case hexadecimal.
        blake3: The same; empty when the inventory holds none.
    """

    path: str
    size: int
    sha256: str
    blake3: str = ""

    def line(self) -> bytes:
        """The one line that says this, without its LF; also the data of its Merkle leaf."""
        path = self.path.replace('"', '\\"') if '"' in self.path else self.path
        second = f',"blake3":"{self.blake3}"' if self.blake3 else ""
        text = f'{{"path":"{path}","size":{self.size},"sha256":"{self.sha256}"{second}}}'
        return text.encode()


@record(frozen=True, slots=True)
class Binding:
    """What ties an inventory to the manifest.

    Attributes:
        sha256: SHA-256 of the inventory's bytes, in lower-case hexadecimal.
        file_count: How many files it lists; at least one.
        total_size: The bytes of these files together.
        merkle_root: The root of the RFC 6962 tree whose leaves are its lines, each without its
            LF; lower-case hexadecimal.
    """

    sha256: str
    file_count: int
    total_size: int
    merkle_root: str


class InventoryWriter:
    """Writes lines in order, and knows at the end what they come to.

    Args:
        write: Takes the bytes, about a mebibyte at a time.
        blake3: Whether every entry holds a BLAKE3 digest; none does when False.

    Attributes:
        file_count: How many files were added.
        total_size: Their bytes.
        size: Bytes of the inventory itself, as far as they are written.
    """

    def __init__(self, write: Callable[[bytes], object], *, blake3: bool) -> None:
        self._write = write
        self._second: _Digest | None = None
        if blake3:
            from blake3 import blake3 as make

            self._second = make()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._sha256 = hashlib.sha256()
        self._tree = Accumulator()
        self._last = ""
        self.file_count = 0
        self.total_size = 0
        self.size = 0

    @property
    def blake3(self) -> str:
        """BLAKE3 of the bytes written, in hex; empty in an inventory without such digests."""
        return self._second.hexdigest() if self._second is not None else ""

    def add(self, entry: InventoryEntry) -> None:
        """Append a file.

        Raises:
            DocumentError: The path cannot be listed, is not after the one before, or the digests
                are not those that this inventory holds.
        """
        if problem := path_problem(entry.path):
            raise DocumentError(f"the path {printable(entry.path)} {problem}")
        if entry.path <= self._last:
            raise DocumentError(f"{printable(entry.path)} is out of order")
        if bool(entry.blake3) is not (self._second is not None):
            raise DocumentError(f"{printable(entry.path)} has other digests than the inventory")
        self._last = entry.path
        line = entry.line()
        self._pending.append(line)
        self._pending_bytes += len(line) + 1
        self.file_count += 1
        self.total_size += entry.size
        if self._pending_bytes >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        self._tree.extend(self._pending)
        data = b"\n".join(self._pending) + b"\n"
        self._sha256.update(data)
        if self._second is not None:
            self._second.update(data)
        self.size += len(data)
        self._write(data)
        self._pending.clear()
        self._pending_bytes = 0

    def close(self) -> Binding:
        """Write what is left, and say what the inventory is bound by."""
        self._flush()
        return Binding(
            self._sha256.hexdigest(), self.file_count, self.total_size, self._tree.root().hex()
        )


class InventoryReader:
    """Reads an inventory once, strictly, in memory that does not grow with it.

    Iterate over it for its entries; what has been read by then is in its attributes.

    Args:
        read: Gives the next bytes, at most as many as asked for; none at the end.
        what: What to call the inventory in messages.
        merkle: Whether to compute the Merkle root, which costs as much as all the rest.
        error: The kind of error to raise.

    Attributes:
        file_count: How many entries were read.
        total_size: Their sizes together.
        has_blake3: Whether its entries hold BLAKE3 digests; None before the first.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        *,
        what: str,
        merkle: bool = True,
        error: type[ManifestError] = DocumentError,
    ) -> None:
        self._read = read
        self._what = what
        self._error = error
        self._sha256 = hashlib.sha256()
        self._tree = Accumulator() if merkle else None
        self.file_count = 0
        self.total_size = 0
        self.has_blake3: bool | None = None

    def binding(self) -> Binding:
        """What was read, as a manifest binds it; the root is empty when it was not computed."""
        root = self._tree.root().hex() if self._tree is not None else ""
        return Binding(self._sha256.hexdigest(), self.file_count, self.total_size, root)

    def __iter__(self) -> Iterator[InventoryEntry]:
        """The entries in order.

        Raises:
            ManifestError: Of the kind given: bytes that no inventory has, at the line named.
        """
        for block in self._blocks():
            yield from block

    def batches(self) -> Iterator[list[InventoryEntry]]:
        """The entries in order, some thousands at a time.

        Raises:
            ManifestError: As the iteration.
        """
        return self._blocks()

    def _blocks(self) -> Iterator[list[InventoryEntry]]:
        rest = b""
        last = ""
        while data := self._read(_BLOCK):
            self._sha256.update(data)
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            entries = self._entries(lines, last)
            if len(rest) > MAX_LINE_BYTES:
                raise self._fail(f"is longer than {MAX_LINE_BYTES} bytes")
            if entries:
                last = entries[-1].path
                yield entries
        if rest:
            raise self._fail("does not end in a line feed: the inventory was cut off")

    def _entries(self, lines: list[bytes], last: str) -> list[InventoryEntry]:
        entries: list[InventoryEntry] = []
        match, make, total = _LINE.fullmatch, tuple.__new__, 0
        before = self.file_count
        for line in lines:
            try:
                found = match(line.decode()) if len(line) <= MAX_LINE_BYTES else None
            except UnicodeDecodeError:
                raise self._fail("is not valid UTF-8") from None
            if found is None:
                raise self._fail(_line_problem(line))
            path, digits, sha256, blake3 = found.groups("")
            if "\\" in path:
                path = path.replace('\\"', '"')
            size = int(digits)
            if (problem := path_problem(path)) is not None:
                raise self._fail(f"names a path that {problem}")
            if path <= last:
                word = "is listed twice" if path == last else "is out of order"
                raise self._fail(f"{printable(path)} {word}", verb="")
            if size > _MAX_SIZE:
                raise self._fail("names a size that no file has")
            if bool(blake3) is not self.has_blake3:
                if self.has_blake3 is not None:
                    raise self._fail("has other digests than the lines before it")
                self.has_blake3 = bool(blake3)
            last = path
            total += size
            entries.append(make(InventoryEntry, (path, size, sha256, blake3)))
            self.file_count += 1
        assert self.file_count - before == len(entries)  # noqa: S101 - one entry a line
        self.total_size += total
        if self._tree is not None:
            self._tree.extend(lines)
        return entries

    def _fail(self, problem: str, *, verb: str = "the line ") -> ManifestError:
        return self._error(
            f"{self._what}: line {self.file_count + 1:,}: {verb}{problem}",
            remedy="`manifest build` writes inventories; get it again from where it was published",
        )


def _line_problem(line: bytes) -> str:
    """Why bytes are no line of an inventory, as words that follow "the line"."""
    if not line:
        return "is empty"
    if len(line) > MAX_LINE_BYTES:
        return f"is longer than {MAX_LINE_BYTES} bytes"
    if line.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte order mark"
    if line.endswith(b"\r"):
        return "ends in CR LF; inventories end lines with LF"
    shown = printable(line[:80])
    return (
        'is not of the form {"path":"…","size":0,"sha256":"…"} with nothing else and no spaces: '
        f"{shown}{'…' if len(line) > 80 else ''}"
    )
