"""Sorting of records of one width by their bytes, in constant memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Sorter"]

_RUN = 400_000  # records sorted at once: some 30 MB of Python's objects
_READ = 4096  # records read at once from each run


class Sorter:
    """Takes records in any order and gives them back sorted.

    Args:
        directory: Where runs are kept while there is more than one.
        width: Bytes of a record.
        name: The name of the runs' files.
    """

    def __init__(self, directory: Path, width: int, name: str) -> None:
        self._directory = directory
        self._width = width
        self._name = name
        self._buffer: list[bytes] = []
        self._runs: list[Path] = []

    def add(self, records: bytes) -> None:
        """Take records, end to end."""
        width = self._width
        self._buffer += [records[i : i + width] for i in range(0, len(records), width)]
        if len(self._buffer) >= _RUN:
            self._spill()

    def _spill(self) -> None:
        self._buffer.sort()
        path = self._directory / f"{self._name}.run{len(self._runs)}"
        with path.open("xb") as file:
            for start in range(0, len(self._buffer), _READ):
                file.write(b"".join(self._buffer[start : start + _READ]))
        self._runs.append(path)
        self._buffer = []

    def sorted(self) -> Iterator[bytes]:
        """All records in the order of their bytes; the runs are gone afterwards."""
        self._buffer.sort()
        try:
            yield from heapq.merge(self._buffer, *(self._read(path) for path in self._runs))
        finally:
            for path in self._runs:
                path.unlink(missing_ok=True)

    def _read(self, path: Path) -> Iterator[bytes]:
        width = self._width
        with path.open("rb") as file:
            while block := file.read(_READ * width):
                yield from (block[i : i + width] for i in range(0, len(block), width))
