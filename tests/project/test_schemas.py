"""The schemas: sound in themselves, closed, and of one mind with the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from manifest.document.components import KINDS
from manifest.document.references import ReferenceType
from manifest.document.schema import SCHEMA_NAMES, schema_text

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
FILES = sorted(SCHEMAS.glob("*.json"))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def objects(schema: Any, where: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema that lists fields of an object."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield where, schema
        for key, inner in schema.items():
            yield from objects(inner, f"{where}/{key}")
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from objects(inner, f"{where}/{index}")


def test_every_schema_is_known_by_name_and_every_name_has_a_file() -> None:
    assert {p.name.removesuffix(".schema.json") for p in FILES} == set(SCHEMA_NAMES)
    for path in FILES:
        assert schema_text(path.name.removesuffix(".schema.json")) == path.read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_schema_is_valid_draft_2020_12(path: Path) -> None:
    schema = load(path)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_ids_are_unique_and_carry_the_major_version() -> None:
    ids = [load(path)["$id"] for path in FILES]
    assert len(set(ids)) == len(ids)
    assert all(id_.endswith("-1.schema.json") for id_ in ids)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_unknown_fields_are_refused(path: Path) -> None:
    # The union over reference types only dispatches; each of its branches is closed.
    open_ = [
        where
        for where, part in objects(load(path))
        if part.get("additionalProperties", True) is True
        and part.get("unevaluatedProperties", True) is True
        and where != "#/$defs/reference"
    ]
    assert open_ == []


def test_component_kinds_are_those_of_the_code() -> None:
    component = load(SCHEMAS / "description.schema.json")["$defs"]["component"]
    assert component["properties"]["kind"]["enum"] == list(KINDS)


def test_reference_types_are_those_of_the_code() -> None:
    reference = load(SCHEMAS / "description.schema.json")["$defs"]["reference"]
    assert reference["properties"]["type"]["enum"] == [str(t) for t in ReferenceType]
