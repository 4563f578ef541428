"""Proofs: made for everything that is there and for what is not, small, fast and silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from committed import RECORDS, SECRETS, Committed, commit_lines
from hypothesis import given, settings
from hypothesis import strategies as st
from processor import assert_takes_less

from manifest.commitments import (
    AbsenceProof,
    PresenceProof,
    Prover,
    Secrets,
    check_proof,
    dump_proof,
    record_digest,
)
from manifest.errors import ProofError, UndecidedError, UsageError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Committed:
    return commit_lines(tmp_path_factory.mktemp("prove") / "c")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Committed:
    records = [b"record %d" % i for i in range(3000)]
    return commit_lines(tmp_path_factory.mktemp("prove") / "c", records)


@pytest.mark.parametrize("record", RECORDS)
def test_each_record_is_proved_present(record: bytes, made: Committed) -> None:
    proof = made.prover().prove(made.digest(record))
    assert isinstance(proof, PresenceProof)
    assert proof.index == RECORDS.index(record)
    check_proof(proof, made.commitment)
    with pytest.raises(ProofError, match="is in the committed data"):
        made.prover().absence(made.digest(record))


def test_absence_is_proved_everywhere(made: Committed) -> None:
    # Among this many values some fall before the first leaf and some after the last.
    edges = set()
    for number in range(60):
        proof = made.prover().prove(made.digest(b"other %d" % number))
        assert isinstance(proof, AbsenceProof)
        check_proof(proof, made.commitment)
        edges.add((proof.left is None, proof.right is None))
        with pytest.raises(ProofError, match="is not in the committed data"):
            made.prover().presence(made.digest(b"other %d" % number))
    assert edges == {(False, False), (True, False), (False, True)}


@pytest.mark.parametrize("records", [(), (b"a",), (b"a", b"a")], ids=["none", "one", "one-twice"])
def test_small_trees(records: tuple[bytes, ...], tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c", records)
    for record in (b"a", b"b", b""):
        proof = made.prover().prove(made.digest(record))
        assert isinstance(proof, PresenceProof) == (record in records)
        check_proof(proof, made.commitment)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.binary(max_size=2).filter(lambda b: b"\n" not in b and b"\r" not in b)))
def test_a_record_is_there_or_it_is_not(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes]
) -> None:
    made = commit_lines(tmp_path_factory.mktemp("any") / "c", records)
    for record in {*records, b"abc", b""}:
        proof = made.prover().prove(made.digest(record))
        check_proof(proof, made.commitment)
        assert isinstance(proof, PresenceProof) == (record in records)


def test_without_a_tree_of_absence_nothing_is_said(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c", absence=False)
    check_proof(made.prover().prove(made.digest(b"alpha")), made.commitment)
    with pytest.raises(ProofError, match="no tree by which"):
        made.prover().prove(made.digest(b"other"))


def test_a_proof_of_absence_needs_a_commitment_with_its_tree(
    made: Committed, tmp_path: Path
) -> None:
    without = commit_lines(tmp_path / "c", absence=False)
    proof = made.prover().prove(made.digest(b"other"))
    with pytest.raises(ProofError, match="no tree by which"):
        check_proof(proof, without.commitment)


@pytest.mark.parametrize("record", [b"record 17", b"other"], ids=["present", "absent"])
def test_proofs_are_small_and_fast(record: bytes, large: Committed) -> None:
    digest = large.digest(record)
    proof = large.prover().prove(digest)
    assert len(dump_proof(proof)) < 4096
    assert_takes_less(0.05, lambda: large.prover().prove(digest))
    assert_takes_less(0.05, lambda: check_proof(proof, large.commitment))


def test_the_largest_proof_is_under_four_kilobytes() -> None:
    from manifest.commitments import Neighbour

    path = (b"\xff" * 32,) * 27  # 100 million leaves
    neighbour = Neighbour(10**8, b"\xff" * 32, path)
    proof = AbsenceProof(b"\xff" * 32, b"\xff" * 32, b"\xff" * 80, neighbour, neighbour)
    assert len(dump_proof(proof)) < 4096


def test_a_proof_shows_its_own_key_and_no_other(made: Committed) -> None:
    keys = set()
    for record in set(RECORDS):
        proof = made.prover().prove(made.digest(record))
        assert isinstance(proof, PresenceProof)
        keys.add(proof.key)
        text = dump_proof(proof).decode()
        assert SECRETS.secret.hex() not in text
        for other in RECORDS:
            if other != record:
                assert made.digest(other).hex() not in text
    assert len(keys) == len(set(RECORDS))


def test_equal_records_have_leaves_that_differ(made: Committed) -> None:
    data = (made.index / "presence.0").read_bytes()
    leaves = {data[i : i + 32] for i in range(0, len(data), 32)}
    assert len(leaves) == len(RECORDS)


def test_the_same_records_under_other_secrets_have_nothing_in_common(
    made: Committed, tmp_path: Path
) -> None:
    other = commit_lines(tmp_path / "c", secrets=Secrets(b"\1" * 32))
    for name in ("presence.0", "absence.values", "lookup"):
        one, two = ((m.index / name).read_bytes() for m in (made, other))
        width = 24 if name == "lookup" else 32
        cut = [{d[i : i + width] for i in range(0, len(d), width)} for d in (one, two)]
        assert not cut[0] & cut[1]


def test_committing_again_gives_the_same(made: Committed, tmp_path: Path) -> None:
    again = commit_lines(tmp_path / "c")
    assert again.commitment == made.commitment
    for path in made.index.iterdir():
        assert path.read_bytes() == (again.index / path.name).read_bytes()


def test_secrets_of_another_commitment_are_noticed(made: Committed, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not those of the commitment"):
        Prover(made.commitment, Secrets(b"\1" * 32), made.index)
    without = commit_lines(tmp_path / "c", absence=False)
    prover = Prover(without.commitment, Secrets(b"\1" * 32), without.index)
    with pytest.raises(UndecidedError, match="no proof can be made"):
        prover.presence(record_digest(b"alpha", without.commitment.rules), 0)


def test_an_index_out_of_range_is_refused(made: Committed) -> None:
    with pytest.raises(UsageError, match="none of index 7"):
        made.prover().presence(made.digest(b"alpha"), 7)
