"""Attacks on proofs about committed records: by whoever forges one, and by the publisher."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plain_vrf as oracle
import pytest
from committed import SECRETS, Committed, commit_lines

from manifest.commitments import (
    Absence,
    AbsenceProof,
    Commitment,
    Neighbour,
    Presence,
    PresenceProof,
    Prover,
    Rule,
    Secrets,
    audit,
    check_proof,
    dump_proof,
    parse_proof,
    record_digest,
)
from manifest.commitments.keys import absence_key, absence_value, leaf_of
from manifest.commitments.vrf import output, prove
from manifest.errors import DocumentError, ManifestError, ProofError, UndecidedError
from manifest.inventory.merkle import inclusion_proof, leaf_hash, node_hash, root_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Committed:
    records = [b"record %d" % i for i in range(20)]
    return commit_lines(tmp_path_factory.mktemp("attacks") / "c", records)


@pytest.fixture(scope="module")
def present(made: Committed) -> PresenceProof:
    return made.prover().presence(made.digest(b"record 5"))


@pytest.fixture(scope="module")
def absent(made: Committed) -> AbsenceProof:
    """A proof with both neighbours."""
    for number in range(100):
        proof = made.prover().absence(made.digest(b"other %d" % number))
        if proof.left and proof.right and 0 < proof.left.index < 17:
            return proof
    raise AssertionError("none lies in the middle")


def refused(proof: PresenceProof | AbsenceProof, commitment: Commitment, why: str) -> None:
    with pytest.raises(ProofError, match=why):
        check_proof(proof, commitment)


PresenceAttack = Callable[[PresenceProof, Committed], PresenceProof]


def at(proof: PresenceProof, index: int) -> PresenceProof:
    return dataclasses.replace(proof, index=index)


PRESENCE: dict[str, tuple[PresenceAttack, str]] = {
    "a proof for another tree": (
        lambda p, _: dataclasses.replace(p, root=hashlib.sha256().digest()),
        "another tree",
    ),
    "another record at its index": (
        lambda p, m: dataclasses.replace(p, record=m.digest(b"record 6")),
        "does not lead",
    ),
    "a record that is not there": (
        lambda p, m: dataclasses.replace(p, record=m.digest(b"other")),
        "does not lead",
    ),
    "its record at another index": (lambda p, _: at(p, 4), "does not lead"),
    "an index out of range": (lambda p, _: at(p, 20), "record 20 of 20"),
    "an index far out of range": (lambda p, _: at(p, 2**48), "of 20"),
    "a negative index": (lambda p, _: at(p, -1), "record -1 of 20"),
    "a key of another size": (
        lambda p, _: dataclasses.replace(p, key=p.key + b"\0"),
        "another size",
    ),
    "another leaf's key": (
        lambda p, m: dataclasses.replace(p, key=m.prover().presence(m.digest(b"record 6")).key),
        "does not lead",
    ),
    "an empty path": (lambda p, _: dataclasses.replace(p, path=()), "does not lead"),
    "a path with a part more": (
        lambda p, _: dataclasses.replace(p, path=(*p.path, p.path[0])),
        "does not lead",
    ),
    "a path with a part less": (
        lambda p, _: dataclasses.replace(p, path=p.path[:-1]),
        "does not lead",
    ),
    "hashes of another size": (
        lambda p, _: dataclasses.replace(p, path=(p.path[0] + p.path[1], *p.path[2:])),
        "does not lead",
    ),
}


@pytest.mark.parametrize("attack", PRESENCE)
def test_forged_presence(attack: str, made: Committed, present: PresenceProof) -> None:
    check_proof(present, made.commitment)
    forge, why = PRESENCE[attack]
    refused(forge(present, made), made.commitment, why)


def test_second_preimage_between_leaf_and_node(made: Committed) -> None:
    # The classic: show an inner node, its two children end to end, as a leaf of a smaller tree.
    hashes = [leaf_hash(bytes([i]) * 32) for i in range(4)]
    nodes = [node_hash(hashes[0], hashes[1]), node_hash(hashes[2], hashes[3])]
    root = root_of(hashes)
    assert root == root_of(nodes)
    children = hashes[0] + hashes[1]
    assert leaf_hash(children) != nodes[0]
    # Nor with the tree's own parts: the smaller tree's size is the commitment's, not the proof's.
    tree = dataclasses.replace(made.commitment, presence=Presence(root, 4))
    proof = PresenceProof(root, children[:32], 0, children[32:], (nodes[1],))
    refused(proof, tree, "does not lead")


def test_a_smaller_count_is_not_the_proofs_to_choose(made: Committed) -> None:
    # A publisher who signs a count that is not the tree's cannot prove what an honest one can.
    proof = made.prover().presence(made.digest(b"record 19"))
    for count in (19, 21, 2**40):
        other = dataclasses.replace(
            made.commitment, presence=Presence(made.commitment.presence.root, count)
        )
        with pytest.raises(ProofError):
            check_proof(proof, other)


def test_a_duplicated_record_has_a_place_of_its_own(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c", [b"a", b"b", b"a"])
    prover, digest = made.prover(), made.digest(b"a")
    first, second = prover.presence(digest, 0), prover.presence(digest, 2)
    for proof in (first, second):
        check_proof(proof, made.commitment)
    assert (first.key, first.path) != (second.key, second.path)
    refused(dataclasses.replace(first, index=2), made.commitment, "does not lead")
    # In the sorted tree it stands once: a value twice would let a proof begin between the two.
    assert made.commitment.absence is not None
    assert made.commitment.absence.count == 2


AbsenceAttack = Callable[[AbsenceProof, Committed], AbsenceProof]


def moved(
    made: Committed, proof: AbsenceProof, left: int | None, right: int | None
) -> AbsenceProof:
    """The proof with other leaves of the true tree as its neighbours, true paths and all."""
    values = (made.index / "absence.values").read_bytes()
    leaves = [values[i : i + 32] for i in range(0, len(values), 32)]
    hashes = [leaf_hash(leaf) for leaf in leaves]

    def neighbour(index: int | None) -> Neighbour | None:
        if index is None:
            return None
        return Neighbour(index, leaves[index], inclusion_proof(hashes, index, len(hashes)))

    return dataclasses.replace(proof, left=neighbour(left), right=neighbour(right))


def places(proof: AbsenceProof) -> tuple[int, int]:
    assert proof.left
    assert proof.right
    return proof.left.index, proof.right.index


def with_scalar(proof: AbsenceProof, scalar: int) -> AbsenceProof:
    return dataclasses.replace(
        proof, vrf_proof=proof.vrf_proof[:48] + scalar.to_bytes(32, "little")
    )


ABSENCE: dict[str, tuple[AbsenceAttack, str]] = {
    "a proof for another tree": (
        lambda p, _: dataclasses.replace(p, root=hashlib.sha256().digest()),
        "another tree",
    ),
    "another record's proof": (
        lambda p, m: dataclasses.replace(p, record=m.digest(b"record 5")),
        "does not prove the record's value",
    ),
    "a malleable proof, s + L": (
        lambda p, _: with_scalar(p, int.from_bytes(p.vrf_proof[48:], "little") + oracle.Q),
        "does not prove the record's value",
    ),
    "a malleable proof, s - 1": (
        lambda p, _: with_scalar(p, int.from_bytes(p.vrf_proof[48:], "little") - 1),
        "does not prove the record's value",
    ),
    "a proof of zeros": (
        lambda p, _: dataclasses.replace(p, vrf_proof=bytes(80)),
        "does not prove the record's value",
    ),
    "swapped neighbours": (
        lambda p, _: dataclasses.replace(p, left=p.right, right=p.left),
        "not neighbours",
    ),
    "a gap between neighbours": (
        lambda p, m: moved(m, p, places(p)[0] - 1, places(p)[1]),
        "not neighbours",
    ),
    "one leaf as both neighbours": (
        lambda p, m: moved(m, p, places(p)[0], places(p)[0]),
        "not neighbours",
    ),
    "neighbours from elsewhere": (
        lambda p, m: moved(m, p, places(p)[0] - 1, places(p)[0]),
        "does not lie between",
    ),
    "before the first leaf, and is not": (
        lambda p, m: moved(m, p, None, 0),
        "does not lie between",
    ),
    "after the last leaf, and is not": (lambda p, m: moved(m, p, 19, None), "does not lie between"),
    "the left neighbour left out": (
        lambda p, _: dataclasses.replace(p, left=None),
        "must be the first leaf",
    ),
    "the right neighbour left out": (
        lambda p, _: dataclasses.replace(p, right=None),
        "must be the last leaf",
    ),
    "no neighbours at all": (
        lambda p, _: dataclasses.replace(p, left=None, right=None),
        "must be the first leaf",
    ),
    "a neighbour that is not in the tree": (
        lambda p, _: dataclasses.replace(
            p, left=dataclasses.replace(p.left, value=bytes(32)) if p.left else None
        ),
        "is not in the tree",
    ),
    "neighbours renumbered": (
        lambda p, _: dataclasses.replace(
            p,
            left=p.left and dataclasses.replace(p.left, index=p.left.index + 1),
            right=p.right and dataclasses.replace(p.right, index=p.right.index + 1),
        ),
        "is not in the tree",
    ),
    "neighbours out of range": (
        lambda p, _: dataclasses.replace(
            p,
            left=p.left and dataclasses.replace(p.left, index=2**47),
            right=p.right and dataclasses.replace(p.right, index=2**47 + 1),
        ),
        "leaf 140737488355328 of 20",
    ),
}


@pytest.mark.parametrize("attack", ABSENCE)
def test_forged_absence(attack: str, made: Committed, absent: AbsenceProof) -> None:
    check_proof(absent, made.commitment)
    forge, why = ABSENCE[attack]
    refused(forge(absent, made), made.commitment, why)


def test_the_record_itself_as_a_neighbour(made: Committed) -> None:
    """An absence claimed for a record that is there, by every pair of leaves about it."""
    secret = absence_key(SECRETS.secret)
    for number in range(20):
        digest = made.digest(b"record %d" % number)
        proof = AbsenceProof(
            made.commitment.absence.root if made.commitment.absence else b"",
            digest,
            prove(secret, digest),
            None,
            None,
        )
        pairs = [(None, 0), (19, None), *((i, i + 1) for i in range(19))]
        for left, right in pairs:
            with pytest.raises(ProofError):
                check_proof(moved(made, proof, left, right), made.commitment)


def test_wrong_key(made: Committed, absent: AbsenceProof, tmp_path: Path) -> None:
    other = commit_lines(tmp_path / "c", [b"x"], secrets=Secrets(b"\1" * 32)).commitment
    assert made.commitment.absence
    assert other.absence
    changed = dataclasses.replace(made.commitment.absence, public_key=other.absence.public_key)
    refused(
        absent, dataclasses.replace(made.commitment, absence=changed), "does not prove the record"
    )


@pytest.mark.parametrize(
    "key",
    ["01" + "00" * 31, "00" * 32, "ec" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f", "02" * 32],
    ids=["identity", "order-4", "order-2", "not-canonical", "off-the-curve"],
)
def test_keys_that_are_no_keys(key: str, made: Committed, absent: AbsenceProof) -> None:
    assert made.commitment.absence
    changed = dataclasses.replace(made.commitment.absence, public_key=bytes.fromhex(key))
    commitment = dataclasses.replace(made.commitment, absence=changed)
    refused(absent, commitment, "not a point of prime order")


def test_a_key_with_a_part_of_small_order(made: Committed, absent: AbsenceProof) -> None:
    # RFC 9381 accepts such a key; nobody who makes keys as it says has one.
    assert made.commitment.absence
    public = oracle.decode(made.commitment.absence.public_key)
    torsion = oracle.decode(bytes.fromhex("ec" + "ff" * 30 + "7f"))
    assert public
    assert torsion
    mixed = oracle.encode(oracle.add(public, torsion))
    changed = dataclasses.replace(made.commitment.absence, public_key=mixed)
    commitment = dataclasses.replace(made.commitment, absence=changed)
    refused(absent, commitment, "not a point of prime order")


def test_an_unsorted_tree_fools_a_proof_and_no_audit(tmp_path: Path) -> None:
    """What the specification says that a publisher can do, and how it comes to light."""
    secret = absence_key(SECRETS.secret)
    rules = (Rule.NONE,)

    def value(record: bytes) -> bytes:
        return absence_value(output(secret, record_digest(record, rules)))

    records = [b"record %d" % i for i in range(10)]
    hidden = min(records, key=value)
    # The hidden record's leaf goes to the end, where no proof about it looks.
    leaves = [*sorted(value(r) for r in records if r != hidden), value(hidden)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    made = commit_lines(tmp_path / "c", records)
    absence = Absence(root_of(hashes), len(leaves), secret.public)
    commitment = dataclasses.replace(made.commitment, absence=absence)
    digest = record_digest(hidden, rules)
    first = Neighbour(0, leaves[0], inclusion_proof(hashes, 0, len(hashes)))
    lie = AbsenceProof(absence.root, digest, prove(secret, digest), None, first)
    check_proof(lie, commitment)  # an absence claimed for a record that is there
    check_proof(made.prover().presence(digest), commitment)  # and the proof that convicts
    values = tmp_path / "values"
    values.write_bytes(b"".join(leaves))
    with pytest.raises(ProofError, match="not sorted: value 9"):
        audit(commitment, values)
    values.write_bytes(b"".join(sorted(leaves)))
    with pytest.raises(ProofError, match="not those that the commitment is to"):
        audit(commitment, values)


@pytest.mark.parametrize("twice", [0, 4, 9])
def test_an_audit_sees_a_value_that_stands_twice(twice: int, tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c", [b"record %d" % i for i in range(10)])
    data = (made.index / "absence.values").read_bytes()
    leaves = [data[i : i + 32] for i in range(0, len(data), 32)]
    leaves.insert(twice, leaves[twice])
    hashes = [leaf_hash(leaf) for leaf in leaves]
    assert made.commitment.absence
    tree = Absence(root_of(hashes), len(leaves), made.commitment.absence.public_key)
    values = tmp_path / "values"
    values.write_bytes(b"".join(leaves))
    with pytest.raises(ProofError, match=f"value {twice + 1} is not above"):
        audit(dataclasses.replace(made.commitment, absence=tree), values)


@pytest.mark.parametrize("name", ["presence.0", "absence.0", "absence.values", "lookup"])
@pytest.mark.parametrize("how", ["shorter", "longer", "empty", "gone", "link", "other"])
def test_a_damaged_index_makes_no_proof(name: str, how: str, tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c", [b"record %d" % i for i in range(20)])
    path = made.index / name
    data = path.read_bytes()
    match how:
        case "shorter":
            path.write_bytes(data[:-1])
        case "longer":
            path.write_bytes(data + b"\0")
        case "empty":
            path.write_bytes(b"")
        case "gone":
            path.unlink()
        case "link":
            path.rename(tmp_path / "elsewhere")
            path.symlink_to(tmp_path / "elsewhere")
        case "other":
            path.write_bytes(bytes(byte ^ 0xFF for byte in data))
    outcomes = []
    for record in (b"record 5", b"other"):
        try:
            proof = made.prover().prove(made.digest(record))
        except (UndecidedError, ProofError):
            outcomes.append(False)
        else:
            check_proof(proof, made.commitment)  # whatever is given away holds
            outcomes.append(isinstance(proof, PresenceProof) == record.startswith(b"record"))
    assert not all(outcomes)


def test_an_upper_level_cut_off_makes_no_proof(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c", [b"%d" % i for i in range(600)], absence=False)
    path = made.index / "presence.8"
    path.write_bytes(path.read_bytes()[:-32])
    with pytest.raises(UndecidedError, match=r"presence\.8"):
        made.prover().prove(made.digest(b"5"))


def test_wrong_normalization(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c", ["\u00e9".encode()], rules=(Rule.NFC,))
    composed = record_digest("\u00e9".encode(), (Rule.NFC,))
    assert composed == record_digest("e\u0301".encode(), (Rule.NFC,))
    check_proof(made.prover().prove(composed), made.commitment)
    # The same bytes under other rules are another record: rules are part of the digest.
    other = record_digest("\u00e9".encode(), (Rule.NONE,))
    assert other != composed
    assert isinstance(made.prover().prove(other), AbsenceProof)


def test_a_leaf_cannot_be_opened_in_a_second_way(made: Committed, present: PresenceProof) -> None:
    # Index and record are bound by the leaf too, not by its place in the tree alone.
    leaves = {
        leaf_of(key, index, record)
        for key in (present.key, bytes(32))
        for index in (present.index, 6)
        for record in (present.record, made.digest(b"record 6"))
    }
    assert len(leaves) == 8


PLAIN: dict[str, Callable[[dict[str, Any]], object]] = {
    "a huge index": lambda p: p.update(index=10**30),
    "a huge exponent": lambda p: p.update(index=1e300),
    "a path of a thousand": lambda p: p.update(path=["A" * 43 + "="] * 1000),
    "a hash of many bytes": lambda p: p.update(path=["A" * 60_000]),
    "a nest": lambda p: p.update(path=json.loads("[" * 15 + "]" * 15)),
    "text with an escape": lambda p: p.update(kind="\x1b[31mpresence"),
}


@pytest.mark.parametrize("attack", PLAIN)
def test_hostile_texts_of_proofs(attack: str, present: PresenceProof) -> None:
    plain = json.loads(dump_proof(present))
    PLAIN[attack](plain)
    with pytest.raises(DocumentError) as caught:
        parse_proof(json.dumps(plain).encode())
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()


def test_proofs_are_read_in_one_way(present: PresenceProof) -> None:
    text = dump_proof(present).decode()
    twice = text.replace('"index": 5', '"index": 4, "index": 5')
    with pytest.raises(ManifestError):
        parse_proof(twice.encode())


def test_a_prover_of_other_data_convinces_nobody(made: Committed, tmp_path: Path) -> None:
    other = commit_lines(tmp_path / "c", [b"planted"])
    proof = other.prover().prove(other.digest(b"planted"))
    refused(proof, made.commitment, "another tree")
    assert isinstance(proof, PresenceProof)
    moved_over = dataclasses.replace(proof, root=made.commitment.presence.root)
    refused(moved_over, made.commitment, "does not lead")
    with pytest.raises(UndecidedError):
        Prover(made.commitment, SECRETS, other.index).prove(made.digest(b"record 5"))
