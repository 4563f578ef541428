"""Commitments and proofs: what is committed to, and which changes of a proof are refused."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from manifest.commitments import (
    CommitOptions,
    Format,
    Prover,
    Secrets,
    check_proof,
    commit,
    commitment_plain,
    dump_commitment,
    dump_proof,
    parse_proof,
    record_digest,
    rules_from_names,
)
from manifest.errors import ManifestError

Change = Callable[[dict[str, Any]], object]

SECRET = bytes(range(32))
ORDER = 2**252 + 27742317777372353535851937790883648493

# What the case is about, the rules, the records as text.
DATA: list[tuple[str, list[str], list[str]]] = [
    ("no record", ["none/1"], []),
    ("one record", ["none/1"], ["a"]),
    ("seven records, one of them twice", ["none/1"], ["a", "b", "c", "", "b", "d", "e"]),
    ("records in normal form", ["lf/1", "strip/1", "nfc/1"], [" e\u0301 ", "\u00e9", "x\r\ny"]),
    ("JSON values", ["jcs/1"], ['{"b": 1.0, "a": "\\u00e9"}', "[1e2]"]),
]

# Records that are asked about under each of the above.
ASKED = ["a", "b", "", "zz", "\u00e9", "[100]"]

# Changes of a sound proof: of presence of `b` in seven records, and of absence of `zz`.
PRESENCE: list[tuple[str, Change]] = [
    ("another index", lambda p: p.update(index=2)),
    ("an index beyond the count", lambda p: p.update(index=7)),
    ("another key", lambda p: p.update(key="00" * 32)),
    ("another record", lambda p: p.update(record="00" * 32)),
    ("another root", lambda p: p.update(root="00" * 32)),
    ("a shorter path", lambda p: p["path"].pop()),
    ("a longer path", lambda p: p["path"].append(p["path"][0])),
    ("a path in another order", lambda p: p["path"].reverse()),
    ("a hash in another text of base64", lambda p: p["path"].append("A" * 42 + "B=")),
    ("an unknown field", lambda p: p.update(extra=1)),
    ("a field of one's own", lambda p: p.update({"x-extra": 1})),
    ("an index that is no whole number", lambda p: p.update(index=1.0)),
    ("an index that is negative", lambda p: p.update(index=-1)),
    ("a path too long for any tree", lambda p: p.update(path=p["path"][:1] * 49)),
]


def malleable(proof: dict[str, Any]) -> None:
    """Add the group's order to the scalar of a proof."""
    pi = bytes.fromhex(proof["vrf_proof"])
    scalar = int.from_bytes(pi[48:], "little") + ORDER
    proof["vrf_proof"] = (pi[:48] + scalar.to_bytes(32, "little")).hex()


def swapped(proof: dict[str, Any]) -> None:
    """Exchange the neighbours."""
    proof["left"], proof["right"] = proof["right"], proof["left"]


ABSENCE: list[tuple[str, Change]] = [
    ("a scalar that is not reduced", malleable),
    ("a Gamma of small order", lambda p: p.update(vrf_proof="00" * 32 + p["vrf_proof"][64:])),
    ("another record", lambda p: p.update(record="00" * 32)),
    ("neighbours exchanged", swapped),
    ("no left neighbour", lambda p: p.pop("left")),
    ("no right neighbour", lambda p: p.pop("right")),
    ("another value", lambda p: p["left"].update(value="00" * 32)),
]


def answer(text: str, commitment: Any) -> bool:
    """Whether a proof holds."""
    try:
        check_proof(parse_proof(text.encode()), commitment)
    except ManifestError:
        return False
    return True


def cases() -> tuple[list[dict[str, Any]], bytes]:
    """The cases, and the commitment that stands in the page as an example."""
    found: list[dict[str, Any]] = []
    example = b""
    for about, names, texts in DATA:
        rules = rules_from_names(names)
        with tempfile.TemporaryDirectory() as name:
            files = Path(name) / "records"
            files.mkdir()
            for number, text in enumerate(texts):
                (files / f"{number}").write_bytes(text.encode())
            index = Path(name) / "index"
            options = CommitOptions(Format.FILES, rules, absence=True, index=index)
            commitment = commit([files], Secrets(SECRET), options)
            prover = Prover(commitment, Secrets(SECRET), index)
            proofs: list[dict[str, Any]] = []

            def add(what: str, text: str, *, accepted: bool) -> None:
                if answer(text, commitment) != accepted:  # noqa: B023 - called at once
                    raise AssertionError(f"{about}: {what}: accepted is not {accepted}")  # noqa: B023 - called at once
                proofs.append({"about": what, "proof": text, "accepted": accepted})  # noqa: B023 - called at once

            for asked in ASKED:
                if "jcs/1" in names and asked != "[100]":
                    continue
                proof = dump_proof(prover.prove(record_digest(asked.encode(), rules))).decode()
                add(f"about {asked!r}", proof, accepted=True)
            if len(texts) == len(DATA[2][2]):
                example = dump_commitment(commitment)
                for record, changes in (("b", PRESENCE), ("zz", ABSENCE)):
                    sound = dump_proof(prover.prove(record_digest(record.encode(), rules)))
                    for what, change in changes:
                        plain = json.loads(sound)
                        change(plain)
                        accepted = what == "a field of one's own"
                        add(f"of {record!r}: {what}", json.dumps(plain), accepted=accepted)
        found.append(
            {
                "about": about,
                "secret": SECRET.hex(),
                "records": [base64.b64encode(text.encode()).decode() for text in texts],
                "commitment": commitment_plain(commitment),
                "proofs": proofs,
            }
        )
    return found, example
