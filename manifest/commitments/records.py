"""Data cut into records, in batches that can be read and hashed by another process.

How each format is cut is part of what is committed to (spec/commitments.md, "Records").
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from manifest.commitments.rules import MAX_RECORD, Rule, normalize, record_prefix
from manifest.display import printable
from manifest.errors import DocumentError, ManifestError, UndecidedError, UsageError
from manifest.inventory import walk

__all__ = ["Batch", "Format", "Source", "Values", "cut", "digest_of_file", "list_sources"]

_BLOCK = 1 << 20  # bytes of lines in a batch
_READ = 1 << 20


class Format(enum.StrEnum):
    """How data is cut into records."""

    FILES = "files"
    """Each file is a record."""
    JSONL = "jsonl"
    """Each line is a record, and none is blank (JSON Lines)."""
    TEXT = "text"
    """Each line is a record."""
    PARQUET = "parquet"
    """Each value of a column is a record, or each row as a JSON object."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A file of the data, and what it was when it was listed."""

    path: str
    size: int
    mtime_ns: int

    def check(self, status: os.stat_result) -> None:
        """Refuse a file that is not what it was.

        Raises:
            UndecidedError: It changed.
        """
        if (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns):
            raise UndecidedError(
                f"{printable(self.path)} changed while it was read",
                remedy="run the command again when nothing else writes to the data",
            )


class Batch(Protocol):
    """Consecutive records."""

    @property
    def count(self) -> int:
        """How many records it holds."""

    @property
    def n_bytes(self) -> int:
        """How many bytes of the data it takes."""

    @property
    def files_done(self) -> int:
        """How many files end with it."""

    def digests(self, rules: Sequence[Rule]) -> list[bytes]:
        """The digest of each record, in order.

        Raises:
            DocumentError: A record is not what the rules need; the message names its place.
            UndecidedError: The data cannot be read, or changed.
        """


def list_sources(paths: Sequence[str | os.PathLike[str]]) -> list[Source]:
    """The files that were named: as they were named, those of a directory by their paths' bytes.

    Raises:
        UsageError: Something named is neither a file nor a directory, or a directory holds a link.
        UndecidedError: Something cannot be looked at.
    """
    found: list[Source] = []
    for path in map(Path, paths):
        shown = printable(str(path))
        try:
            status = path.stat()
        except OSError as error:
            raise UsageError(f"{shown} cannot be read: {error.strerror}") from None
        if stat.S_ISREG(status.st_mode):
            found.append(Source(str(path), status.st_size, status.st_mtime_ns))
        elif stat.S_ISDIR(status.st_mode):
            tree = walk(path, not_covered=frozenset())
            if tree.oddities:
                raise UsageError(
                    f"{shown} holds what is no regular file: {tree.oddities[0].describe()}",
                    remedy="name the files themselves, or remove it",
                )
            found += [Source(str(path / f.path), f.size, f.mtime_ns) for f in tree.files]
        else:
            raise UsageError(f"{shown} is neither a file nor a directory")
    return found


def digest_of_file(path: str | os.PathLike[str], rules: Sequence[Rule]) -> bytes:
    """The digest of a whole file as a record; in constant memory under ``none/1``.

    Raises:
        UsageError: It is no file.
        DocumentError, UndecidedError: As `Batch.digests`.
    """
    sources = list_sources([path])
    if len(sources) != 1 or not os.path.isfile(path):  # noqa: PTH113 - a path of any kind
        raise UsageError(f"{printable(os.fspath(path))} is not a file", remedy="name a file")
    return Whole(sources[0]).digests(rules)[0]


def cut(
    sources: Sequence[Source], format_: Format, *, column: str = "", batch: int = 1 << 15
) -> Iterator[Batch]:
    """The records of files, in order.

    Args:
        sources: The files.
        format_: How they are cut.
        column: For Parquet, the column that holds the records; empty for whole rows.
        batch: The most records of a batch.

    Raises:
        DocumentError: A file is not of its format.
        UndecidedError: A file cannot be read.
    """
    if format_ is Format.FILES:
        for source in sources:
            yield Whole(source)
        return
    for source in sources:
        if format_ is Format.PARQUET:
            from manifest.commitments.parquet import cut_parquet

            yield from cut_parquet(source, column, min(batch, 1024))
        else:
            yield from _cut_lines(source, strict=format_ is Format.JSONL, most=batch)


def _cut_lines(source: Source, *, strict: bool, most: int) -> Iterator[Lines]:
    buffer = bytearray(min(_BLOCK, max(source.size, 1)))
    offset, first = 0, 1
    with _opened(source.path) as descriptor:
        while offset < source.size:
            length, count = _whole_lines(descriptor, offset, buffer, source, most)
            done = int(offset + length == source.size)
            yield Lines(source, offset, length, first, count, strict, done)
            offset += length
            first += count
        source.check(os.fstat(descriptor))


def _whole_lines(
    descriptor: int, offset: int, buffer: bytearray, source: Source, most: int
) -> tuple[int, int]:
    """The length of some whole lines, and how many they are; the file's last may lack its end."""
    length = 0
    while True:
        n_read = os.preadv(descriptor, [buffer], offset + length)
        if not n_read:  # the file got shorter
            source.check(os.fstat(descriptor))
            raise UndecidedError(f"{printable(source.path)} changed while it was read")
        if length:  # one line is longer than the buffer
            end = buffer.find(b"\n", 0, n_read) + 1
            length, complete = length + (end or n_read), end > 0
        else:
            length = buffer.rfind(b"\n", 0, n_read) + 1
            if length:
                return _at_most(buffer, length, most)
            length, complete = n_read, False
        if length > MAX_RECORD:
            raise DocumentError(
                f"{printable(source.path)}: the line at byte {offset} is longer than "
                f"{MAX_RECORD:,} bytes",
                remedy="commit to files of this size with --format files",
            )
        if complete or offset + length >= source.size:
            return length, 1


def _at_most(buffer: bytearray, length: int, most: int) -> tuple[int, int]:
    """The length of no more than so many of the lines in a buffer, and their number."""
    while (count := buffer.count(b"\n", 0, length)) > most:
        near = buffer.rfind(b"\n", 0, max(length * most // count, 1))
        length = (near if near >= 0 else buffer.find(b"\n")) + 1
    return length, count


@dataclasses.dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a file."""

    source: Source
    offset: int
    n_bytes: int
    first: int
    count: int
    strict: bool
    files_done: int

    def digests(self, rules: Sequence[Rule]) -> list[bytes]:
        """As `Batch`."""
        with _opened(self.source.path) as descriptor:
            data = os.pread(descriptor, self.n_bytes, self.offset)
            self.source.check(os.fstat(descriptor))
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if b"\r" in data:
            lines = [line.removesuffix(b"\r") for line in lines]
        if len(lines) != self.count:
            raise UndecidedError(f"{printable(self.source.path)} changed while it was read")
        if self.strict and not all(map(bytes.strip, lines)):
            blank = next(i for i, line in enumerate(lines) if not line.strip())
            raise DocumentError(
                f"{printable(self.source.path)}: line {self.first + blank} is blank",
                remedy="remove it, or commit to the lines with --format text",
            )
        return _digests(lines, rules, f"{printable(self.source.path)}: line", self.first)


@dataclasses.dataclass(frozen=True, slots=True)
class Values:
    """Records that were read already."""

    values: tuple[bytes, ...]
    where: str
    first: int
    n_bytes: int
    files_done: int

    @property
    def count(self) -> int:
        """As `Batch`."""
        return len(self.values)

    def digests(self, rules: Sequence[Rule]) -> list[bytes]:
        """As `Batch`."""
        return _digests(self.values, rules, f"{printable(self.where)}: row", self.first)


@dataclasses.dataclass(frozen=True, slots=True)
class Whole:
    """A file that is one record."""

    source: Source
    count: int = 1
    files_done: int = 1

    @property
    def n_bytes(self) -> int:
        """As `Batch`."""
        return self.source.size

    def digests(self, rules: Sequence[Rule]) -> list[bytes]:
        """As `Batch`; in constant memory under ``none/1``."""
        source = self.source
        with _opened(source.path) as descriptor:
            if rules[0] is Rule.NONE:
                digest = hashlib.sha256(record_prefix(rules))
                while block := os.read(descriptor, _READ):
                    digest.update(block)
                source.check(os.fstat(descriptor))
                return [digest.digest()]
            if source.size > MAX_RECORD:
                raise DocumentError(
                    f"{printable(source.path)} is larger than {MAX_RECORD:,} bytes",
                    remedy="commit to files of this size with the rule none",
                )
            data = b""
            while block := os.read(descriptor, _READ):
                data += block
            source.check(os.fstat(descriptor))
        return _digests([data], rules, f"{printable(source.path)}: record", 1)


def _digests(
    records: Sequence[bytes], rules: Sequence[Rule], where: str, first: int
) -> list[bytes]:
    sha256, prefix = hashlib.sha256, record_prefix(rules)
    if rules[0] is Rule.NONE:
        return [sha256(prefix + record).digest() for record in records]
    found: list[bytes] = []
    try:
        for record in records:
            found.append(sha256(prefix + normalize(record, rules)).digest())  # noqa: PERF401 - how many were done names the place
    except DocumentError as error:
        raise DocumentError(
            f"{where} {first + len(found)}: {error.message}", remedy=error.remedy
        ) from None
    return found


class _opened:  # noqa: N801 - used like a function
    """A descriptor of a file, closed at the end of the block; errors say which file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> int:
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._explained(error) from None
        return self._descriptor

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        os.close(self._descriptor)
        if isinstance(error, OSError):
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> ManifestError:
        return UndecidedError(
            f"{printable(self._path)} cannot be read: {error.strerror or error}",
            remedy="check that the file is there and can be read",
        )
