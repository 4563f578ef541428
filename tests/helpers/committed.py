"""A small commitment with its secrets and index, and the construction written a second time."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from manifest.commitments import (
    Commitment,
    CommitOptions,
    Format,
    Prover,
    Rule,
    Secrets,
    commit,
    record_digest,
)

SECRETS = Secrets(bytes(range(32)))
RECORDS = (b"alpha", b"beta", b"gamma", b"delta", b"beta", b"epsilon", b"zeta")
NONE = (Rule.NONE,)


@dataclasses.dataclass(frozen=True)
class Committed:
    """What a publisher has after committing."""

    commitment: Commitment
    index: Path
    secrets: Secrets = SECRETS

    def prover(self) -> Prover:
        return Prover(self.commitment, self.secrets, self.index)

    def digest(self, record: bytes) -> bytes:
        return record_digest(record, self.commitment.rules)


def commit_lines(
    directory: Path,
    records: Sequence[bytes] = RECORDS,
    *,
    secrets: Secrets = SECRETS,
    absence: bool = True,
    rules: tuple[Rule, ...] = NONE,
) -> Committed:
    """Commit to lines of text."""
    directory.mkdir(exist_ok=True)
    data = directory / "data.txt"
    data.write_bytes(b"".join(record + b"\n" for record in records))
    options = CommitOptions(Format.TEXT, rules, absence=absence, index=directory / "index")
    return Committed(commit([data], secrets, options), directory / "index", secrets)


# From here on: spec/commitments.md, with nothing of the package.


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def keyed(key: bytes, message: bytes, size: int = 32) -> bytes:
    return hashlib.blake2b(message, key=key, digest_size=size).digest()


def digest_by_hand(record: bytes, rules: str = "none/1") -> bytes:
    return sha256(b"model-release-manifest/record/1\0", rules.encode(), b"\0", record)


def leaf_by_hand(secret: bytes, index: int, digest: bytes) -> bytes:
    number = index.to_bytes(8, "big")
    key = keyed(keyed(secret, b"model-release-manifest/presence/1"), number)
    return keyed(key, number + digest)


def tree_by_hand(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return sha256(b"\0", leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1", tree_by_hand(leaves[:split]), tree_by_hand(leaves[split:]))
