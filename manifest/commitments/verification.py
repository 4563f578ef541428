"""Proofs checked against a commitment, with nothing else (spec/commitments.md, "Checking")."""

from __future__ import annotations

from manifest.commitments.keys import SECRET_SIZE, absence_value, leaf_of
from manifest.commitments.values import (
    Absence,
    AbsenceProof,
    Commitment,
    Neighbour,
    Presence,
    PresenceProof,
    Proof,
)
from manifest.commitments.vrf import is_valid_key, verify
from manifest.errors import ProofError
from manifest.inventory.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hash, verify_inclusion

__all__ = ["check_proof"]

_REMEDY = "treat the claim as unproved, and ask the publisher for a proof that holds"


def check_proof(proof: Proof, commitment: Commitment) -> None:
    """Check that a proof holds under a commitment.

    Of the proof nothing is believed: roots, counts and the public key are the commitment's.

    Raises:
        ProofError: It does not hold; the message says where it breaks.
        MissingExtraError: A proof of absence needs PyNaCl.
    """
    if isinstance(proof, PresenceProof):
        _check_presence(proof, commitment.presence)
    elif commitment.absence is None:
        raise _refused("the commitment holds no tree by which absence could be proved")
    else:
        _check_absence(proof, commitment.absence)


def _check_presence(proof: PresenceProof, tree: Presence) -> None:
    if proof.root != tree.root:
        raise _refused("the proof is for another tree")
    if len(proof.key) != SECRET_SIZE or len(proof.record) != HASH_SIZE:
        raise _refused("its key or digest has another size")
    if not 0 <= proof.index < tree.count:
        raise _refused(f"the proof is for record {proof.index} of {tree.count}")
    leaf = leaf_hash(leaf_of(proof.key, proof.index, proof.record))
    if not verify_inclusion(tree.root, tree.count, proof.index, leaf, proof.path):
        raise _refused("its path does not lead from the record to the root of the commitment")


def _check_absence(proof: AbsenceProof, tree: Absence) -> None:
    if proof.root != tree.root:
        raise _refused("the proof is for another tree")
    if not is_valid_key(tree.public_key):
        raise _refused("the commitment's public key is not a point of prime order")
    output = verify(tree.public_key, proof.record, proof.vrf_proof)
    if output is None:
        raise _refused("it does not prove the record's value under the commitment's public key")
    value = absence_value(output)
    left, right = proof.left, proof.right
    if tree.count == 0:
        if tree.root != EMPTY_ROOT or left or right:
            raise _refused("an empty tree has another root, and no neighbours")
        return
    if left is None and (right is None or right.index != 0):
        raise _refused("without a left neighbour, the right one must be the first leaf")
    if right is None and (left is None or left.index != tree.count - 1):
        raise _refused("without a right neighbour, the left one must be the last leaf")
    if left and right and right.index != left.index + 1:
        raise _refused(f"leaves {left.index} and {right.index} are not neighbours")
    for neighbour in filter(None, (left, right)):
        _check_neighbour(neighbour, tree)
    if (left and left.value >= value) or (right and right.value <= value):
        raise _refused("the record's value does not lie between the neighbours")


def _check_neighbour(neighbour: Neighbour, tree: Absence) -> None:
    if len(neighbour.value) != HASH_SIZE or not 0 <= neighbour.index < tree.count:
        raise _refused(f"the proof shows leaf {neighbour.index} of {tree.count}")
    leaf = leaf_hash(neighbour.value)
    if not verify_inclusion(tree.root, tree.count, neighbour.index, leaf, neighbour.path):
        raise _refused(f"leaf {neighbour.index} is not in the tree of the commitment")


def _refused(cause: str) -> ProofError:
    return ProofError(f"the proof does not hold: {cause}", remedy=_REMEDY)
