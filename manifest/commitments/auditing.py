"""An absence tree checked as a whole (spec/commitments.md, "What a publisher can still lie about")."""

from __future__ import annotations

from pathlib import Path

from manifest.commitments.committing import VALUES
from manifest.commitments.store import FixedFile, TreeWriter
from manifest.commitments.values import Commitment
from manifest.errors import ProofError, UsageError
from manifest.inventory.merkle import HASH_SIZE, leaf_hash

__all__ = ["audit"]

_AT_ONCE = 4096


def audit(commitment: Commitment, values: Path) -> int:
    """Check that the absence tree is sorted, with no value twice, and has the committed root.

    A proof of absence is sound only in a sorted tree; its values reveal nothing of the records, so
    that a publisher can give them to anyone.

    Args:
        commitment: The commitment.
        values: The file of values, ``absence.values`` of an index.

    Returns:
        How many values were checked.

    Raises:
        UsageError: The commitment has no such tree.
        ProofError: It is not sorted, or the values are not those committed to.
        UndecidedError: The file cannot be read, or has another size.
    """
    tree = commitment.absence
    if tree is None:
        raise UsageError(
            "the commitment has no tree by which absence is proved",
            remedy="there is nothing to audit: a tree of presence has no order to break",
        )
    file = FixedFile(values, HASH_SIZE, tree.count)
    last = b""
    try:
        with TreeWriter(None, VALUES) as writer:
            for chunk in file.chunks(_AT_ONCE):
                part = [chunk[i : i + HASH_SIZE] for i in range(0, len(chunk), HASH_SIZE)]
                for place, value in enumerate(part, writer.count):
                    if value <= last:
                        raise ProofError(
                            f"the tree of absence is not sorted: value {place} is not above the "
                            "one before it",
                            remedy="hold no proof of absence under this commitment for true",
                        )
                    last = value
                writer.extend(b"".join(map(leaf_hash, part)))
            root = writer.finish()
    finally:
        file.close()
    if root != tree.root:
        raise ProofError(
            "the values are not those that the commitment is to",
            remedy="ask the publisher for the values of this commitment",
        )
    return tree.count
