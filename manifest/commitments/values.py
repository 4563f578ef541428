"""Commitments, secrets and proofs as frozen values."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

from manifest.commitments.records import Format
from manifest.commitments.rules import Rule

__all__ = [
    "Absence",
    "AbsenceProof",
    "Commitment",
    "Neighbour",
    "Presence",
    "PresenceProof",
    "Proof",
    "Secrets",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Presence:
    """The tree over all records in their order: its root (32 bytes) and how many there are."""

    root: bytes
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Absence:
    """The sorted tree over different records: root, how many there are, and the public key."""

    root: bytes
    count: int
    public_key: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Commitment:
    """What a publisher commits to.

    Attributes:
        format: How the data was cut into records.
        rules: How each record was normalized, in the order of application.
        presence: The tree by which presence is proved.
        absence: The tree by which absence is proved; None when there is none.
        column: The column that holds the records, for Parquet; empty for whole rows.
    """

    format: Format
    rules: tuple[Rule, ...]
    presence: Presence
    absence: Absence | None = None
    column: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Secrets:
    """What the publisher keeps: 32 random bytes, for one commitment alone."""

    secret: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class PresenceProof:
    """That a record stands at an index.

    Attributes:
        root: The root of the presence tree, by which the commitment is found.
        record: The record's digest.
        index: Where it stands, from zero.
        key: The key of this leaf.
        path: The audit path of the leaf, from its sibling to the root.
    """

    root: bytes
    record: bytes
    index: int
    key: bytes
    path: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Neighbour:
    """A leaf of the absence tree: its index, its value and its audit path."""

    index: int
    value: bytes
    path: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class AbsenceProof:
    """That a record's value would stand between two neighbours, and stands nowhere.

    Attributes:
        root: The root of the absence tree, by which the commitment is found.
        record: The record's digest.
        vrf_proof: The proof of the random function's output for the record, 80 bytes.
        left: The last leaf below the record's value; None when there is none.
        right: The first leaf above it; None when there is none.
    """

    root: bytes
    record: bytes
    vrf_proof: bytes
    left: Neighbour | None
    right: Neighbour | None


Proof: TypeAlias = PresenceProof | AbsenceProof
