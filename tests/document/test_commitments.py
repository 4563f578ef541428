"""Commitments in descriptions: which are refused, and where they come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from manifest.build import build
from manifest.document.description import parse_description
from manifest.errors import DocumentError

ROOT = Path(__file__).resolve().parents[2]
HEAD = 'schema_version: "1.0"\nname: x/y\nversion: "1"\ndescribed_by: publisher\n'
EXAMPLE: dict[str, Any] = json.loads((ROOT / "spec/vectors/commitment.json").read_text("utf-8"))


def describe(*lines: str) -> bytes:
    body = "".join(f"    {line}\n" for line in lines)
    return f"{HEAD}components:\n  datasets:\n    withheld: {{reason: It is not ours.}}\n{body}".encode()


def inline(**changes: Any) -> str:
    return f"commitment: {json.dumps(EXAMPLE | changes)}"


def test_an_inline_commitment_and_a_file_are_accepted() -> None:
    for line in (inline(), "commitment_file: commitment.json"):
        assert parse_description(describe(line)).components[0].withheld


def test_yaml_keeps_hexadecimal_as_text() -> None:
    digits = "1" * 64
    text = describe(
        "commitment:",
        "  schema_version: 1.0",
        "  records: {format: text, normalization: [none/1]}",
        f"  presence: {{construction: rfc6962-blake2b/1, root: {digits}, count: 12}}",
    )
    fields = parse_description(text).fields["components"]["datasets"]["commitment"]
    assert fields["presence"] == {
        "construction": "rfc6962-blake2b/1",
        "root": digits,
        "count": 12,
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((inline(), "commitment_file: c.json"), "has both"),
        ((inline(presence={**EXAMPLE["presence"], "count": -1}),), "below 0"),
        ((inline(presence={**EXAMPLE["presence"], "count": 2}),), "larger than the count"),
        ((inline(records={"format": "text", "normalization": ["nfc/1", "lf/1"]}),), "in the order"),
        ((inline(more=1),), "unknown field `more`"),
        (("commitment: {}",), "is missing"),
        (("commitment_file: ''",), "empty"),
    ],
)
def test_commitments_that_are_refused(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse_description(describe(*lines))


def test_a_commitment_file_lies_in_the_release_directory() -> None:
    roots = b"roots: {far: {type: directory}}\n"
    with pytest.raises(DocumentError, match="lies in another root"):
        parse_description(describe("commitment_file: far:c.json") + roots)


def test_build_wants_the_file(tmp_path: Path) -> None:
    (tmp_path / "release.yaml").write_bytes(describe("commitment_file: commitment.json"))
    with pytest.raises(DocumentError, match=r"commitment_file.*commitment\.json"):
        build(tmp_path)
    (tmp_path / "commitment.json").write_text(json.dumps(EXAMPLE))
    (component,) = build(tmp_path).manifest.components
    assert component.fields["commitment_file"] == "commitment.json"
