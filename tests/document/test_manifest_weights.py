"""The tensors of a manifest: one reading, one form, and no byte in doubt."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from weights import T, release, safetensors

from manifest.document.manifest_file import Manifest, dump_manifest, parse_manifest
from manifest.document.manifest_weights import parse_weights
from manifest.document.schema import load_schema
from manifest.errors import DocumentError
from manifest.inventory import path_problem

SHARDS = {
    "m-00001-of-00002.safetensors": safetensors(
        T("a", b"1234", "F32", (1,)), T("e", b"", "F32", (0,)), metadata={"format": "pt"}
    ),
    "m-00002-of-00002.safetensors": safetensors(T("b", b"56"), T("name “x”", b"7")),
    "other.safetensors": safetensors(T("a", b"89")),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return release(tmp_path_factory.mktemp("release"), SHARDS)


def test_what_is_built_is_read_back(manifest: Manifest) -> None:
    data = dump_manifest(manifest)
    assert parse_manifest(data) == manifest
    assert dump_manifest(parse_manifest(data)) == data
    first, second = manifest.weights
    assert [f.path for f in first.files] == [
        "m-00001-of-00002.safetensors",
        "m-00002-of-00002.safetensors",
    ]
    assert (first.tensor_count, first.size, second.tensor_count) == (4, 7, 1)


def test_one_tensor_is_one_line(manifest: Manifest) -> None:
    lines = dump_manifest(manifest).decode().splitlines()
    assert sum(1 for line in lines if line.startswith("            [")) == 5


def test_each_byte_of_safetensors_is_under_one_digest(manifest: Manifest) -> None:
    sizes = {f.path: f.size for f in manifest.files}
    for one in manifest.weights:
        for file in one.files:
            ends = [0]
            for start, end in file.ranges:
                assert start == ends[-1]
                ends.append(end)
            assert ends[-1] == sizes[file.path]


def change(plain: Any, path: str, value: Any) -> None:
    *steps, last = [int(s) if s.isdigit() else s for s in path.split("/")]
    for step in steps:
        plain = plain[step]
    plain[last] = value


FILE = "0/files/0"
ROW = f"{FILE}/tensors/0"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        pytest.param("0/weights_digest", "0" * 64, "weights_digest: is not that", id="digest"),
        pytest.param("0/tensor_count", 5, "tensor_count: is not that", id="count"),
        pytest.param("0/size", 8, "size: is not that", id="size"),
        pytest.param(f"{ROW}/0", "A", "is not that of the tensors", id="tensor-renamed"),
        pytest.param(f"{ROW}/1", "I32", "is not that of the tensors", id="dtype-changed"),
        pytest.param(f"{ROW}/2", [4], "is not that of the tensors", id="shape-changed"),
        pytest.param(f"{ROW}/5", "0" * 64, "is not that of the tensors", id="digest-of-tensor"),
        pytest.param(f"{ROW}/0", "b", "both hold the tensor b", id="name-in-two-shards"),
        pytest.param(f"{ROW}/3", 0, "overlaps another or leaves a hole", id="into-the-header"),
        pytest.param(f"{FILE}/data_start", 3, "overlaps another or leaves a hole", id="hole"),
        pytest.param(f"{ROW}/4", 2**62, "leaves a hole", id="beyond-the-file"),
        pytest.param("1/files/0/path", "zzz", "not among the files", id="file-not-listed"),
        pytest.param(f"{FILE}/path", "n.safetensors", "order", id="files-out-of-order"),
        pytest.param(f"{FILE}/path", "m-00002-of-00002.safetensors", "twice", id="file-twice"),
        pytest.param("1/files/0/path", "m-00002-of-00002.safetensors", "twice", id="in-two-sets"),
        pytest.param("0/format", "gguf", "is not that of the tensors", id="another-format"),
        pytest.param("0/format", "pickle", "is not one of", id="unknown-format"),
        pytest.param("0/files", [], "at least one", id="no-files"),
        pytest.param("0/x-more", 1, "unknown field", id="unknown-field"),
        pytest.param(f"{FILE}/root", "../x", "root: is not a name", id="root-of-no-name"),
        pytest.param(f"{FILE}/path", "../m", "path", id="path-out-of-the-release"),
        pytest.param(f"{ROW}/0", "a\nb", "is not .name", id="control-characters"),
        pytest.param(f"{ROW}/3", -1, "is not .name", id="negative-range"),
        pytest.param(f"{ROW}/3", True, "is not .name", id="bool-for-a-number"),
        pytest.param(f"{ROW}/2", [1] * 65, "is not .name", id="too-many-dimensions"),
    ],
)
def test_a_section_at_odds_with_itself_is_refused(
    manifest: Manifest, path: str, value: Any, words: str
) -> None:
    plain = json.loads(dump_manifest(manifest))
    change(plain["weights"], path, value)
    with pytest.raises(DocumentError, match=words):
        parse_manifest(json.dumps(plain).encode())


def test_two_tensors_may_not_be_exchanged(manifest: Manifest) -> None:
    plain = json.loads(dump_manifest(manifest))
    rows = plain["weights"][0]["files"][1]["tensors"]
    rows[0], rows[1] = rows[1], rows[0]
    with pytest.raises(DocumentError, match="overlaps another or leaves a hole"):
        parse_manifest(json.dumps(plain).encode())


def by_schema(weights: Any) -> bool:
    import jsonschema
    import referencing

    schemas = {load_schema(n)["$id"]: load_schema(n) for n in ("description", "manifest")}
    registry: Any = referencing.Registry().with_resources(
        (id_, referencing.Resource.from_contents(s)) for id_, s in schemas.items()
    )
    ref = {"$ref": f"{load_schema('manifest')['$id']}#/properties/weights"}
    return bool(jsonschema.Draft202012Validator(ref, registry=registry).is_valid(weights))


ODD = st.sampled_from(
    [None, True, 0, -1, 1, 2**63, 2**63 - 1, "", "a", "a\x7f", "A_8", "f32", "0" * 64, "G" * 64,
     "x" * 1024, "x" * 1025, "../a", "a/b", [], [0], [2**63], [-1], [0] * 64, [0] * 65, {}, {"a": 1}]
)  # fmt: skip
PLACES = st.sampled_from(
    ["", "0", "0/format", "0/weights_digest", "0/tensor_count", "0/size", "0/files", FILE,
     f"{FILE}/root", f"{FILE}/path", f"{FILE}/data_start", f"{FILE}/header_blake3",
     f"{FILE}/tensors", ROW, f"{FILE}/more", *(f"{ROW}/{i}" for i in range(6)), f"{ROW}/2/0"]
)  # fmt: skip


@given(place=PLACES, value=ODD)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_parser_judges_as_the_schema_does(manifest: Manifest, place: str, value: Any) -> None:
    # Paths have rules that no schema can say; a test of their own holds them (tests/inventory).
    assume(not (place == f"{FILE}/path" and isinstance(value, str) and path_problem(value)))
    weights = copy.deepcopy(json.loads(dump_manifest(manifest))["weights"])
    if place:
        change(weights, place, value)
    else:
        weights = value
    try:
        parse_weights(weights, "manifest.json")
    except DocumentError:
        accepted = False
    else:
        accepted = True
    assert accepted == by_schema(weights)
