"""YAML text stays text, each field has its place, and indirection is refused."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processor import assert_takes_less
from ruamel.yaml import YAML

from manifest.document.description import parse_description
from manifest.document.schema import load_schema
from manifest.document.yaml_events import Quoted, read_mapping
from manifest.document.yaml_text import parse_yaml, to_plain
from manifest.errors import DocumentError, ManifestError

HEAD = 'schema_version: "1.0"\nname: a/b\nversion: 1.10\ndescribed_by: publisher\n'


def plain(text: str) -> dict[str, object]:
    document = parse_yaml(text.encode(), name="release.yaml")
    return to_plain(document, load_schema("description"))


@pytest.mark.parametrize(
    "written",
    ["1.10", "12e4567890", "007", "0123456789", "2024-01-31", "yes", "null", "0x1F", "1_000", "~"],
)
def test_text_fields_keep_what_is_written(written: str) -> None:
    text = HEAD.replace("1.10", written)
    assert plain(text)["version"] == written
    assert parse_description(text.encode()).version == written


def test_all_digit_digest_stays_text() -> None:
    digest = "0" * 10 + "1234567890" * 5 + "1234"
    text = (
        HEAD
        + "components:\n  datasets:\n    references:\n"
        + f"      - {{type: url, url: 'https://example.org/x', sha256: {digest}}}\n"
    )
    (component,) = parse_description(text.encode()).components
    assert component.references[0].pin == digest


def test_numbers_become_numbers_where_the_schema_asks_for_them() -> None:
    text = HEAD + (
        "model: {parameters: 7000000000}\n"
        "training:\n  compute_flops: 1.5e21\n  seeds: {init: 42}\n"
        "  hyperparameters: {lr: 3e-4, betas: [0.9, 0.95], name: adamw, on: true, tag: '1.0'}\n"
    )
    description = parse_description(text.encode())
    assert description.model["parameters"] == 7_000_000_000
    assert description.training["compute_flops"] == 1.5e21
    assert description.training["seeds"] == {"init": 42}
    assert description.training["hyperparameters"] == {
        "lr": 3e-4,
        "betas": [0.9, 0.95],
        "name": "adamw",
        "on": True,
        "tag": "1.0",
    }


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", ".NaN"])
def test_numbers_that_are_not_finite_are_refused(number: str) -> None:
    text = HEAD + f"training:\n  hyperparameters:\n    lr: {number}\n"
    with pytest.raises(DocumentError, match=r"release\.yaml:7.*not a finite number"):
        parse_description(text.encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"a: &x 1\nb: *x\n", "anchors and aliases", id="alias"),
        pytest.param(b"a: &x [1, 2]\n", "anchors and aliases", id="anchor"),
        pytest.param(b"a: !!python/object:os.system x\n", "tags are not read", id="python-tag"),
        pytest.param(b"a: !!binary aGk=\n", "tags are not read", id="binary-tag"),
        pytest.param(b"a: 1\na: 2\n", "duplicate key", id="duplicate-key"),
        pytest.param(b"a: 1\n---\nb: 2\n", "second document", id="two-documents"),
        pytest.param(b"- a\n", "must be a mapping", id="not-a-mapping"),
        pytest.param(b"", "must be a mapping", id="empty"),
        pytest.param(b"a: \xff\n", "not UTF-8", id="not-utf8"),
        pytest.param(b"a: [" * 100, "nested more than 40", id="deep"),
        pytest.param(b"a: {b\n", "release.yaml:2", id="syntax"),
        pytest.param(b"a" * (2 * 1024 * 1024), "at most", id="huge"),
        pytest.param(b"a: \x00\n", "release.yaml", id="nul"),
        pytest.param(b"? - -\n  - {}\n: b", "field's name must be text", id="lists-as-a-name"),
        pytest.param(b"? - a: b\n: c", "field's name must be text", id="a-mapping-in-a-name"),
        pytest.param(b"a: b\n" + b"# c\n" * 60_000, "at most 60,000 are read", id="many-lines"),
        pytest.param(b"a: " + b"x" * 65_537, "65,537 characters; at most 65,536", id="long-value"),
        # A parser reads a mapping that is a name twice at each level: 2^30 times at thirty.
        pytest.param(b"? " * 30 + b"a", "field's name must be text", id="names-in-names"),
    ],
)
def test_hostile_yaml_is_refused(text: bytes, message: str) -> None:
    for parse in (parse_yaml, read_mapping):
        with pytest.raises(DocumentError, match=message):
            parse(text, name="release.yaml")


@pytest.mark.parametrize("parse", [parse_yaml, read_mapping])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"a: " + b"[" * 100_000, "nested more than 40", id="very-deep"),
        pytest.param(b"a:\n" + b"- x\n" * 30_000, "more than 30,000 values", id="many-values"),
    ],
)
def test_huge_yaml_is_refused_fast(text: bytes, message: str, parse: Callable[..., object]) -> None:
    def refuse() -> None:
        with pytest.raises(DocumentError, match=message):
            parse(text, name="release.yaml")

    assert_takes_less(5, refuse)


_SCALARS = st.text("ab01 ~<:#-'\"\\{}[],.é鳥🐦\n", max_size=8)
_TREES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_SCALARS, inner), max_leaves=12
)


@given(st.dictionaries(_SCALARS, _TREES))
def test_json_reads_as_the_json_it_is(fields: dict[str, object]) -> None:
    data = json.dumps(fields, ensure_ascii=False).encode()  # JSON is YAML
    assert read_mapping(data, name="x") == parse_yaml(data, name="x").root == fields


STYLES = """\
# first line
schema_version: "1.0"  # quoted
name: a/b
version: 1.10
empty:
nothing: ~
merge: {a: b, b: [c, 'd', "e\\tf"]}
components:
  datasets:
    files:
      - 'data/**'  # all of it
      -
        - nested
      - key: value
        other: |
          a block
            of lines
    notes: >-
      folded
      text
multi: plain text
  on two lines
"""


def test_values_and_places_are_those_of_the_round_trip_parser() -> None:
    oracle = YAML(typ="rt", pure=True)
    oracle.preserve_quotes = True
    tree = oracle.load(STYLES)
    document = parse_yaml(STYLES.encode(), name="x")

    def check(ours: object, theirs: object, pointer: str) -> None:
        if isinstance(theirs, dict | list):
            pairs = theirs.items() if isinstance(theirs, dict) else enumerate(theirs)
            for key, value in pairs:
                inner = f"{pointer}[{key}]" if isinstance(key, int) else f"{pointer}.{key}"
                inner = inner.removeprefix(".")
                line, column = theirs.lc.data[key][:2]  # type: ignore[union-attr]
                assert document.position(inner) == (line + 1, column + 1), inner
                check(ours[key], value, inner)  # type: ignore[index]
            assert len(ours) == len(theirs)  # type: ignore[arg-type]
        elif isinstance(theirs, str):
            assert ours == theirs
            assert isinstance(ours, Quoted) == (type(theirs) is not str), pointer
        else:  # what the oracle resolved: we keep its text
            assert ours in ("1.10", "", "~")

    check(document.root, tree, "")


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    with contextlib.suppress(ManifestError):
        parse_description(data)
