"""What is expected of one file, and what a comparison says of it."""

from __future__ import annotations

from typing import NamedTuple

from manifest.inventory.digests import Algorithm
from manifest.inventory.entries import FileEntry
from manifest.records import record

__all__ = ["Expected", "Item"]


class Expected(NamedTuple):
    """What a manifest or a signature says of one file. A tuple: there is one per file.

    Attributes:
        path: Relative to the root.
        size: In bytes; None when it is not recorded.
        digests: Lower-case hex: of the whole file, or of its consecutive ranges.
        algorithm: Of the digests.
        shard_size: Length of the ranges in bytes; None when the digest is of the whole file.
        sha256: SHA-256 of the whole file, by which a pointer names it, where digests are others.
    """

    path: str
    size: int | None
    digests: tuple[str, ...]
    algorithm: Algorithm = Algorithm.SHA256
    shard_size: int | None = None
    sha256: str = ""

    @classmethod
    def of(cls, entry: FileEntry) -> Expected:
        """What an entry expects, by SHA-256."""
        return cls(entry.path, entry.size, (entry.sha256,))


@record(frozen=True, slots=True)
class Item:
    """One file of a difference, with all that is known of both sides.

    Attributes:
        path: Where the file is, or should be.
        algorithm: Of the digests.
        expected_size: In bytes; None when nothing is expected here or no size is recorded.
        found_size: In bytes; None when nothing is found here.
        expected_digests: As in `Expected`; empty when nothing is expected here.
        found_digests: The same of what was found; empty when it was not hashed.
        was: For a renamed file, the path where it was expected.
        note: What more there is to say: the cause of an undecided item, what stands in the place
            of a missing file.
    """

    path: str
    algorithm: Algorithm = Algorithm.SHA256
    expected_size: int | None = None
    found_size: int | None = None
    expected_digests: tuple[str, ...] = ()
    found_digests: tuple[str, ...] = ()
    was: str = ""
    note: str = ""

    @property
    def expected_sha256(self) -> str:
        """The expected SHA-256 of the whole file in hex; empty when there is none."""
        return _whole_sha256(self.algorithm, self.expected_digests)

    @property
    def found_sha256(self) -> str:
        """The SHA-256 found, in hex; empty when the file was not hashed as a whole by it."""
        return _whole_sha256(self.algorithm, self.found_digests)


def _whole_sha256(algorithm: Algorithm, digests: tuple[str, ...]) -> str:
    return digests[0] if algorithm is Algorithm.SHA256 and len(digests) == 1 else ""
