"""Merkle trees of RFC 6962, section 2.1: one hash over a list, and short proofs of its parts.

The hash of a leaf is SHA-256 of 0x00 and its data, of a node SHA-256 of 0x01 and its two children;
the different first bytes keep a node from being shown as a leaf. A list of n > 1 leaves is split
after the largest power of two below n. An `Accumulator` sees each leaf once and keeps one hash for
each complete subtree that waits for its sibling: 32 bytes for each binary digit of the count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from manifest.errors import UsageError

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "Accumulator",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_of",
    "root_of_inclusion",
    "siblings_of",
    "verify_inclusion",
]

HASH_SIZE = 32
"""The bytes of a hash."""
EMPTY_ROOT = hashlib.sha256().digest()
"""The root of a tree without leaves."""

_LEAF = b"\x00"
_NODE = b"\x01"
_BLOCK = 1 << 12  # hashes folded in one go: few enough for the processor's cache


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf, of 32 bytes, from the leaf's data."""
    return hashlib.sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node, of 32 bytes, from those of its children."""
    return hashlib.sha256(_NODE + left + right).digest()


class Accumulator:
    """The root of a list that is seen once, leaf by leaf, in memory of O(log n).

    The root can be asked for at any time, and appending goes on from there.
    """

    __slots__ = ("_waiting", "size")

    def __init__(self) -> None:
        self.size = 0
        """How many leaves were appended."""
        # One place for each binary digit of the size, lowest first: the root of a complete
        # subtree of 2**place leaves where the digit is one, and None where it is zero.
        self._waiting: list[bytes | None] = []

    def append(self, data: bytes) -> None:
        """Append a leaf, given its data."""
        self.extend_hashes((leaf_hash(data),))

    def append_hash(self, digest: bytes) -> None:
        """Append a leaf, given its `leaf_hash`."""
        self.extend_hashes((digest,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaves, given their data; much faster than one at a time."""
        sha256, leaf = hashlib.sha256, _LEAF
        self.extend_hashes(sha256(leaf + data).digest() for data in leaves)

    def extend_hashes(self, hashes: Iterable[bytes]) -> None:
        """Append leaves, given their leaf hashes; much faster than one at a time."""
        stream = iter(hashes)
        while block := list(islice(stream, _BLOCK)):
            self.size += len(block)
            self._fold(block)

    def _fold(self, level: list[bytes]) -> None:
        """Add hashes of leaves, level by level: at each, one that finds no sibling waits."""
        sha256, node, waiting = hashlib.sha256, _NODE, self._waiting
        height = 0
        while level:
            if height == len(waiting):
                waiting.append(None)
            left = waiting[height]
            if left is not None:
                level.insert(0, left)
            waiting[height] = level.pop() if len(level) % 2 else None
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [sha256(node + left + right).digest() for left, right in pairs]
            height += 1

    def root(self) -> bytes:
        """The root over all leaves so far, 32 bytes; `EMPTY_ROOT` when there are none."""
        root: bytes | None = None
        for digest in self._waiting:
            if digest is not None:
                root = digest if root is None else node_hash(digest, root)
        return EMPTY_ROOT if root is None else root


def root_of(hashes: Iterable[bytes]) -> bytes:
    """The root of a tree, given the hashes of all its leaves in order."""
    tree = Accumulator()
    tree.extend_hashes(hashes)
    return tree.root()


def inclusion_proof(hashes: Iterable[bytes], index: int, size: int) -> tuple[bytes, ...]:
    """The audit path of one leaf (RFC 6962, section 2.1.1), from the leaf's sibling to the root.

    Args:
        hashes: The hashes of all leaves in order, read once: a stream will do.
        index: Which leaf, from zero.
        size: How many leaves the tree has.

    Raises:
        UsageError: There is no such leaf, or fewer hashes than `size`.
    """
    if not 0 <= index < size:
        raise UsageError(f"a tree of {size} leaves has no leaf {index}")
    siblings = list(siblings_of(index, size))
    stream = iter(hashes)
    roots: dict[tuple[int, int], bytes] = {}
    position = 0
    for start, end in sorted([*siblings, (index, index + 1)]):
        tree = Accumulator()
        tree.extend_hashes(islice(stream, end - start))
        position += tree.size
        if position != end:
            raise UsageError(f"a tree of {size} leaves was given {position} hashes")
        roots[start, end] = tree.root()
    return tuple(roots[sibling] for sibling in reversed(siblings))


def siblings_of(index: int, size: int) -> Iterator[tuple[int, int]]:
    """The subtrees beside the way from the root to a leaf, as ranges of leaves, root first.

    An audit path is their roots in the opposite order.
    """
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            yield middle, end
            end = middle
        else:
            yield start, middle
            start = middle


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that an audit path leads to; None when no tree of that size has such a path.

    Args:
        index: Which leaf, from zero.
        size: How many leaves the tree has.
        leaf: The `leaf_hash` of the leaf.
        proof: The audit path, from the leaf's sibling to the root.
    """
    if not 0 <= index < size or len(leaf) != HASH_SIZE:
        return None
    siblings = list(siblings_of(index, size))
    if len(siblings) != len(proof) or any(len(digest) != HASH_SIZE for digest in proof):
        return None
    root = leaf
    for (start, _), digest in zip(reversed(siblings), proof, strict=True):
        root = node_hash(root, digest) if start > index else node_hash(digest, root)
    return root


def verify_inclusion(
    root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a leaf stands at an index of the tree with this root and size (RFC 9162, 2.1.3.2).

    Args:
        root: The root, known from a source that is trusted.
        size: How many leaves the tree has, from the same source: a proof is sound for one size.
        index: Which leaf, from zero.
        leaf: The `leaf_hash` of the leaf.
        proof: The audit path, from the leaf's sibling to the root; of any origin.
    """
    return root_of_inclusion(index, size, leaf, proof) == root
