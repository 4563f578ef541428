"""Commitments and proofs as documents: bounds, one form each, and schemas of the same mind."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from committed import commit_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.commitments import (
    commitment_from_plain,
    commitment_plain,
    dump_commitment,
    dump_proof,
    dump_secrets,
    parse_commitment,
    parse_proof,
    parse_secrets,
)
from manifest.document.schema import violations
from manifest.errors import DocumentError, UndecidedError

ROOT = Path(__file__).resolve().parents[2]
CASES: list[dict[str, Any]] = json.loads(
    (ROOT / "spec" / "vectors" / "commitments.json").read_text("utf-8")
)["cases"]
COMMITMENT: dict[str, Any] = CASES[2]["commitment"]
PROOFS = {
    "presence": json.loads(CASES[2]["proofs"][1]["proof"]),
    "absence": json.loads(CASES[2]["proofs"][3]["proof"]),
}


def read_proof(plain: Any) -> bool:
    try:
        parse_proof(json.dumps(plain).encode())
    except (DocumentError, UndecidedError):
        return False
    return True


def read_commitment(plain: Any) -> bool:
    try:
        commitment_from_plain(plain)
    except (DocumentError, UndecidedError):
        return False
    return True


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c")
    assert parse_commitment(dump_commitment(made.commitment)) == made.commitment
    assert parse_secrets(dump_secrets(made.secrets)) == made.secrets
    for record in (b"alpha", b"nothing"):
        proof = made.prover().prove(made.digest(record))
        assert parse_proof(dump_proof(proof)) == proof
        assert violations(json.loads(dump_proof(proof)), "data-proof") == ()
    assert violations(commitment_plain(made.commitment), "commitment") == ()


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c")
    assert made.secrets.secret.hex() not in repr(made.secrets)
    assert repr(made.secrets.secret) not in repr(made.secrets)
    with pytest.raises(DocumentError) as caught:
        parse_secrets(b'{"schema_version": "1.0", "secret": "5ec7e7"}')
    assert "5ec7e7" not in caught.value.message


Change = Callable[[dict[str, Any]], object]

# What schema and parser both refuse.
BAD_COMMITMENTS: dict[str, Change] = {
    "no version": lambda c: c.pop("schema_version"),
    "version of another kind": lambda c: c.update(schema_version=1.0),
    "another major version": lambda c: c.update(schema_version="2.0"),
    "unknown field": lambda c: c.update(more=1),
    "unknown format": lambda c: c["records"].update(format="csv"),
    "unknown rule": lambda c: c["records"].update(normalization=["none/2"]),
    "a rule twice": lambda c: c["records"].update(normalization=["lf/1", "lf/1"]),
    "no rule": lambda c: c["records"].update(normalization=[]),
    "no presence": lambda c: c.pop("presence"),
    "another construction": lambda c: c["presence"].update(construction="sha1"),
    "count below zero": lambda c: c["presence"].update(count=-1),
    "count of a fraction": lambda c: c["presence"].update(count=1.5),
    "count beyond any tree": lambda c: c["presence"].update(count=2**48 + 1),
    "count as text": lambda c: c["presence"].update(count="7"),
    "count that is true": lambda c: c["presence"].update(count=True),
    "root in upper case": lambda c: c["presence"].update(root="AB" * 32),
    "root too short": lambda c: c["presence"].update(root="ab" * 31),
    "root with a line break": lambda c: c["presence"].update(root="ab" * 32 + "\n"),
    "key too long": lambda c: c["absence"].update(public_key="ab" * 33),
    "no key": lambda c: c["absence"].pop("public_key"),
    "absence of another kind": lambda c: c.update(absence=None),
    "empty column": lambda c: c["records"].update(format="parquet", column=""),
}

# What a schema cannot say.
ODD_COMMITMENTS: dict[str, Change] = {
    "rules out of order": lambda c: c["records"].update(normalization=["nfc/1", "lf/1"]),
    "a rule beside one that stands alone": lambda c: c["records"].update(
        normalization=["none/1", "lf/1"]
    ),
    "a column of text": lambda c: c["records"].update(column="x"),
    "more different records than records": lambda c: c["absence"].update(count=8),
}


@pytest.mark.parametrize("name", BAD_COMMITMENTS)
def test_bad_commitments_are_refused_by_parser_and_schema(name: str) -> None:
    plain = copy.deepcopy(COMMITMENT)
    assert read_commitment(plain)
    assert not violations(plain, "commitment")
    BAD_COMMITMENTS[name](plain)
    assert not read_commitment(plain)
    assert violations(plain, "commitment")


@pytest.mark.parametrize("name", ODD_COMMITMENTS)
def test_odd_commitments_are_refused_by_the_parser(name: str) -> None:
    plain = copy.deepcopy(COMMITMENT)
    ODD_COMMITMENTS[name](plain)
    assert not read_commitment(plain)


BAD_PROOFS: dict[str, tuple[str, Change]] = {
    "no kind": ("presence", lambda p: p.pop("kind")),
    "unknown kind": ("presence", lambda p: p.update(kind="maybe")),
    "fields of the other kind": ("presence", lambda p: p.update(vrf_proof="00" * 80)),
    "no path": ("presence", lambda p: p.pop("path")),
    "path of another kind": ("presence", lambda p: p.update(path="x")),
    "path without end": ("presence", lambda p: p.update(path=p["path"][:1] * 49)),
    "hash in hexadecimal": ("presence", lambda p: p.update(path=["ab" * 32])),
    "hash too short": ("presence", lambda p: p.update(path=["AAAA"])),
    "hash with bits to spare": ("presence", lambda p: p.update(path=["A" * 42 + "B="])),
    "hash in the other alphabet": ("presence", lambda p: p.update(path=["-" * 42 + "A="])),
    "hash with a line break": ("presence", lambda p: p.update(path=["A" * 43 + "=\n"])),
    "index below zero": ("presence", lambda p: p.update(index=-1)),
    "index beyond any tree": ("presence", lambda p: p.update(index=2**48 + 1)),
    "key too short": ("presence", lambda p: p.update(key="00")),
    "no proof of the function": ("absence", lambda p: p.pop("vrf_proof")),
    "a longer proof": ("absence", lambda p: p.update(vrf_proof="00" * 81)),
    "neighbour of another kind": ("absence", lambda p: p.update(left=[])),
    "neighbour that is null": ("absence", lambda p: p.update(left=None)),
    "neighbour without value": ("absence", lambda p: p["left"].pop("value")),
    "unknown field of a neighbour": ("absence", lambda p: p["left"].update(key="x")),
}


@pytest.mark.parametrize("name", BAD_PROOFS)
def test_bad_proofs_are_refused_by_parser_and_schema(name: str) -> None:
    kind, change = BAD_PROOFS[name]
    plain = copy.deepcopy(PROOFS[kind])
    assert read_proof(plain)
    assert not violations(plain, "data-proof")
    change(plain)
    assert not read_proof(plain)
    assert violations(plain, "data-proof")


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b"{",
        b'{"schema_version": "1.0", "schema_version": "1.0"}',
        b'{"schema_version": "1.0", "kind": "presence", "index": 1e999}',
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b'{"index": ' + b"9" * 5000 + b"}",
        b'{"path": [' + b"1," * 6000 + b"1]}",
        b" " * 70_000,
    ],
    ids=["list", "null", "cut-off", "duplicate", "infinite", "deep", "huge", "many", "large"],
)
def test_hostile_documents_are_refused(data: bytes) -> None:
    for parse in (parse_proof, parse_commitment, parse_secrets):
        with pytest.raises(DocumentError) as caught:
            parse(data)
        assert len(caught.value.message) < 300


@pytest.mark.parametrize("parse", [parse_proof, parse_commitment, parse_secrets])
def test_another_major_version_is_undecided(parse: Callable[[bytes], object]) -> None:
    with pytest.raises(UndecidedError, match=r"version 2\.0"):
        parse(b'{"schema_version": "2.0"}')


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["00" * 32]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_schema_and_parser_agree(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(PROOFS)))
    plain = copy.deepcopy(PROOFS[kind])
    place: dict[str, Any] = plain
    if kind == "absence" and data.draw(st.booleans()):
        place = plain["left"]
    field = data.draw(st.sampled_from(sorted(place)))
    place[field] = data.draw(values)
    if place[field] == "1.0" or field == "schema_version":
        return
    assert read_proof(plain) == (not violations(plain, "data-proof"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(c["about"]).replace(" ", "-"))
def test_vectors_of_the_specification(case: dict[str, Any]) -> None:
    from manifest.commitments import check_proof
    from manifest.errors import ProofError

    commitment = commitment_from_plain(case["commitment"])
    for vector in case["proofs"]:
        try:
            check_proof(parse_proof(vector["proof"].encode()), commitment)
            accepted = True
        except (DocumentError, ProofError):
            accepted = False
        assert accepted == vector["accepted"], vector["about"]


def test_an_absence_tree_without_records_proves_nothing() -> None:
    """Every record would be absent from it, also one that is present."""
    plain = copy.deepcopy(COMMITMENT)
    plain["absence"]["count"] = 0
    with pytest.raises(DocumentError, match="is zero, and there are records"):
        commitment_from_plain(plain)
