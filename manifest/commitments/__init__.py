"""Commitments to records, and proofs that a record is, or is not, among them.

Floor 1: knows bytes and records, not releases. The construction, its security argument and its
limits stand in spec/commitments.md.
"""

from manifest.commitments.auditing import audit
from manifest.commitments.committing import CommitOptions, Progress, commit
from manifest.commitments.forms import (
    commitment_from_plain,
    commitment_plain,
    dump_commitment,
    dump_proof,
    dump_secrets,
    parse_commitment,
    parse_proof,
    parse_secrets,
)
from manifest.commitments.prove import Prover
from manifest.commitments.records import Format
from manifest.commitments.rules import Rule, record_digest, rules_from_names
from manifest.commitments.values import (
    Absence,
    AbsenceProof,
    Commitment,
    Neighbour,
    Presence,
    PresenceProof,
    Proof,
    Secrets,
)
from manifest.commitments.verification import check_proof

__all__ = [
    "Absence",
    "AbsenceProof",
    "CommitOptions",
    "Commitment",
    "Format",
    "Neighbour",
    "Presence",
    "PresenceProof",
    "Progress",
    "Proof",
    "Prover",
    "Rule",
    "Secrets",
    "audit",
    "check_proof",
    "commit",
    "commitment_from_plain",
    "commitment_plain",
    "dump_commitment",
    "dump_proof",
    "dump_secrets",
    "parse_commitment",
    "parse_proof",
    "parse_secrets",
    "record_digest",
    "rules_from_names",
]
