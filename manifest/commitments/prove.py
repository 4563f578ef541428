"""Proofs made from an index, the secrets and a record's digest, in milliseconds."""

from __future__ import annotations

from pathlib import Path

from manifest.commitments.committing import ABSENCE, LOOKUP, PRESENCE, VALUES
from manifest.commitments.keys import (
    LOOKUP_SIZE,
    absence_key,
    absence_value,
    leaf_key,
    lookup_key,
    lookup_of,
    presence_key,
)
from manifest.commitments.store import FixedFile, TreeReader
from manifest.commitments.values import (
    AbsenceProof,
    Commitment,
    Neighbour,
    PresenceProof,
    Proof,
    Secrets,
)
from manifest.commitments.verification import check_proof
from manifest.commitments.vrf import output
from manifest.commitments.vrf import prove as prove_output
from manifest.errors import ProofError, UndecidedError, UsageError
from manifest.inventory.merkle import HASH_SIZE

__all__ = ["Prover"]


class Prover:
    """Makes proofs under one commitment. Each is checked before it is given away.

    Args:
        commitment: The commitment.
        secrets: Its secrets.
        index: The index that was made with it.

    Raises:
        UsageError: The secrets are another commitment's.
        UndecidedError: Files of the index are missing, or have another size.
    """

    def __init__(self, commitment: Commitment, secrets: Secrets, index: Path) -> None:
        self._commitment = commitment
        self._secret = secrets.secret
        self._index = index
        absence = commitment.absence
        if absence and absence_key(self._secret).public != absence.public_key:
            raise UsageError(
                "these secrets are not those of the commitment",
                remedy="name the secrets file that was written with it",
            )

    def find(self, digest: bytes) -> int | None:
        """Where the first record with this digest stands; None when there is none."""
        wanted = lookup_of(lookup_key(self._secret), digest)
        count = self._commitment.presence.count
        lookups = FixedFile(self._index / LOOKUP, LOOKUP_SIZE + 8, count)
        try:
            place = lookups.first_at_least(wanted)
            if place == count:
                return None
            entry = lookups.read(place, 1)
        finally:
            lookups.close()
        if entry[:LOOKUP_SIZE] != wanted:
            return None
        return int.from_bytes(entry[LOOKUP_SIZE:], "big")

    def prove(self, digest: bytes) -> Proof:
        """The proof that the record with this digest is there, or that it is not.

        Raises:
            ProofError: It is not there, and the commitment has no tree to prove that by.
            UndecidedError: The index is damaged.
        """
        index = self.find(digest)
        return self.presence(digest, index) if index is not None else self.absence(digest)

    def presence(self, digest: bytes, index: int | None = None) -> PresenceProof:
        """The proof that the record with this digest is there.

        Args:
            digest: The record's digest.
            index: Where it stands; looked up when None.

        Raises:
            ProofError: It is not there.
            UndecidedError: The index is damaged.
        """
        tree = self._commitment.presence
        if index is None:
            index = self.find(digest)
        if index is None:
            raise ProofError(
                "the record is not in the committed data: its presence cannot be proved",
                remedy="check the record and its normalization",
            )
        if index >= tree.count:
            raise UsageError(f"there are {tree.count} records, and none of index {index}")
        key = leaf_key(presence_key(self._secret), index)
        reader = TreeReader(self._index, PRESENCE, tree.count)
        try:
            proof = PresenceProof(tree.root, digest, index, key, reader.path(index))
        finally:
            reader.close()
        self._check(proof)
        return proof

    def absence(self, digest: bytes) -> AbsenceProof:
        """The proof that no record has this digest.

        Raises:
            ProofError: One has, or the commitment has no tree to prove absence by.
            UndecidedError: The index is damaged.
        """
        tree = self._commitment.absence
        if tree is None:
            raise ProofError(
                "the record is not in the committed data, and the commitment has no tree by "
                "which that could be proved",
                remedy="commit with --absence to be able to prove that records are absent",
            )
        secret = absence_key(self._secret)
        pi = prove_output(secret, digest)
        value = absence_value(output(secret, digest))
        values = FixedFile(self._index / VALUES, HASH_SIZE, tree.count)
        reader = TreeReader(self._index, ABSENCE, tree.count)
        try:
            place = values.first_at_least(value)
            if place < tree.count and values.read(place, 1) == value:
                raise ProofError(
                    "the record is in the committed data: its absence cannot be proved",
                    remedy="ask for a proof of presence",
                )
            left, right = (
                Neighbour(i, values.read(i, 1), reader.path(i)) if 0 <= i < tree.count else None
                for i in (place - 1, place)
            )
        finally:
            reader.close()
            values.close()
        proof = AbsenceProof(tree.root, digest, pi, left, right)
        self._check(proof)
        return proof

    def _check(self, proof: Proof) -> None:
        try:
            check_proof(proof, self._commitment)
        except ProofError as error:
            raise UndecidedError(
                f"no proof can be made of this index and these secrets: {error.message}",
                remedy="make the index again with `manifest data commit --reuse-secrets --index`",
            ) from None
