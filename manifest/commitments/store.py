"""Merkle trees on disk: every eighth level, so that an audit path is read and not recomputed.

A file ``NAME.LEVEL`` holds the hashes of complete subtrees of 2**LEVEL leaves, 32 bytes each, from
the left. A sibling of a path is one of them or the fold of at most 128: for ten million leaves
about 700 hashes and a few reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.inventory.merkle import EMPTY_ROOT, HASH_SIZE, node_hash, root_of, siblings_of

__all__ = ["BLOCK", "FixedFile", "TreeReader", "TreeWriter", "fold"]

STEP = 8
"""Levels between two files."""
BLOCK = 1 << STEP
"""Hashes of one level under one hash of the next file's."""


def fold(hashes: bytes) -> bytes:
    """The root of a complete subtree, given 2**k hashes of leaves or nodes, end to end."""
    sha256 = hashlib.sha256
    while len(hashes) > HASH_SIZE:
        pairs = range(0, len(hashes), 2 * HASH_SIZE)
        hashes = b"".join([sha256(b"\x01" + hashes[i : i + 2 * HASH_SIZE]).digest() for i in pairs])
    return hashes


class TreeWriter:
    """The root of a tree whose leaf hashes come in order, in memory of O(log n).

    Args:
        directory: Where files of levels go; None to keep nothing but the root.
        name: Their name before the level.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self.count = 0
        self._directory = directory
        self._name = name
        self._levels: list[bytearray] = []
        self._files: list[BinaryIO] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._place(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def extend(self, hashes: bytes, nodes: bytes = b"") -> None:
        """Append leaf hashes, end to end.

        Args:
            hashes: The leaf hashes.
            nodes: Roots of the subtrees of 256 leaves that lie wholly among them, when somebody
                has computed those already.
        """
        n_hashes = len(hashes) // HASH_SIZE
        head = min(-self.count % BLOCK, n_hashes) * HASH_SIZE
        inner = len(nodes) * BLOCK
        self.count += n_hashes
        if self._files:
            self._files[0].write(hashes)
        self._push(0, hashes[:head])
        if nodes:
            self._append(1, nodes)
        self._push(0, hashes[head + inner :])

    def _append(self, place: int, hashes: bytes) -> None:
        self._place(place)
        if self._files:
            self._files[place].write(hashes)
        self._push(place, hashes)

    def _push(self, place: int, hashes: bytes) -> None:
        level = self._levels[place]
        level += hashes
        size = BLOCK * HASH_SIZE
        whole = len(level) // size * size
        if whole:
            blocks = [fold(bytes(level[i : i + size])) for i in range(0, whole, size)]
            del level[:whole]
            self._append(place + 1, b"".join(blocks))

    def _place(self, place: int) -> None:
        """Make room for a level, and for all below it."""
        while len(self._levels) <= place:
            self._levels.append(bytearray())
            if self._directory is not None:
                path = self._directory / f"{self._name}.{(len(self._levels) - 1) * STEP}"
                self._files.append(self._stack.enter_context(path.open("xb", buffering=2**18)))

    def finish(self) -> bytes:
        """The root over everything, 32 bytes; what was written is on disk after this."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        tail = b""
        for level in self._levels:
            # The ragged right edge of one level is the last, incomplete, subtree of the next.
            hashes = bytes(level) + tail
            if hashes:
                tail = root_of(hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE))
        return tail or EMPTY_ROOT


class FixedFile:
    """A file of records of one width, read by offset.

    Args:
        path: The file.
        width: Bytes of a record.
        count: How many there must be.

    Raises:
        UndecidedError: It is not there, or has another size.
    """

    def __init__(self, path: Path, width: int, count: int) -> None:
        self._path = path
        self._width = width
        self.count = count
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from None
        size = os.fstat(self._descriptor).st_size
        if size != width * count:
            self.close()
            raise _damaged(path, f"it has {size} bytes, and {width * count} are needed")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def read(self, start: int, n_records: int) -> bytes:
        """Some records, end to end.

        Raises:
            UndecidedError: The file ends before them.
        """
        wanted = n_records * self._width
        data = os.pread(self._descriptor, wanted, start * self._width)
        if len(data) != wanted:
            raise _damaged(self._path, "it was cut off while it was read")
        return data

    def first_at_least(self, key: bytes) -> int:
        """Where the first record stands that is not below ``key``, in a sorted file."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.read(middle, 1)[: len(key)] < key:
                low = middle + 1
            else:
                high = middle
        return low

    def chunks(self, n_records: int) -> Iterator[bytes]:
        """The whole file, in order, so many records at a time."""
        for start in range(0, self.count, n_records):
            yield self.read(start, min(n_records, self.count - start))


class TreeReader:
    """A tree that a `TreeWriter` left on disk.

    Args:
        directory: Where.
        name: As it was written.
        count: How many leaves it has.

    Raises:
        UndecidedError: Files are missing or have another size.
    """

    def __init__(self, directory: Path, name: str, count: int) -> None:
        self.count = count
        self._files: list[FixedFile] = []
        level = 0
        try:
            while level == 0 or count >> level:
                path = directory / f"{name}.{level}"
                self._files.append(FixedFile(path, HASH_SIZE, count >> level))
                level += STEP
        except UndecidedError:
            self.close()
            raise

    def close(self) -> None:
        """Close its files."""
        for file in self._files:
            file.close()

    def path(self, index: int) -> tuple[bytes, ...]:
        """The audit path of a leaf, from its sibling to the root."""
        ranges = reversed(list(siblings_of(index, self.count)))
        return tuple(self._root_of(start, end) for start, end in ranges)

    def _root_of(self, start: int, end: int) -> bytes:
        size = end - start
        if size & (size - 1):
            middle = start + (1 << (size - 1).bit_length() - 1)
            return node_hash(self._root_of(start, middle), self._root_of(middle, end))
        place = (size.bit_length() - 1) // STEP
        level = place * STEP
        return fold(self._files[place].read(start >> level, size >> level))


def _damaged(path: Path, cause: str) -> UndecidedError:
    return UndecidedError(
        f"the index file {printable(str(path))} cannot be used: {cause}",
        remedy="make the index again with `manifest data commit --reuse-secrets --index`",
    )
