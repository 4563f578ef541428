"""An existing description: what is new is added, and nothing else moves by a byte."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processor import untraced

from manifest.document.description import parse_description
from manifest.draft import Draft, draft
from manifest.errors import DocumentError
from manifest.sources.memory import MemorySource

HEAD = """\
# My own words.
schema_version: "1.0"
name: 'acme/tiny'   # single quotes, three spaces
version: 1.10
described_by: publisher
"""
FULL = (
    HEAD
    + """\
license: mit  # decided by legal
summary: |
  A block
  of text.

components:
  # the weights
  weights:
    kind: model-parameters-final
    files:
        - "model.safetensors"   # odd indentation stays

  tokenizer: { files: [ tokenizer.json ] }
  datasets:
    withheld: {reason: They name people.}
# the end
"""
)
BASE = {"model.safetensors": b"", "tokenizer.json": b"{}"}


def amended(text: str, files: dict[str, bytes]) -> Draft:
    return draft(MemorySource({**files, "release.yaml": text.encode()}), existing=text.encode())


def only_adds(before: str, after: str) -> list[str]:
    """The lines that were added; fails where anything else happened."""
    lines = list(difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    assert not [line for line in lines if line[0] in "-?"], "".join(lines)
    return [line[2:] for line in lines if line[0] == "+"]


def test_nothing_new_changes_nothing() -> None:
    result = amended(FULL, BASE)
    assert (result.changed, result.text, result.added, result.is_new) == (False, FULL, (), False)


def test_a_new_file_joins_its_component_with_a_comment() -> None:
    result = amended(FULL, {**BASE, "other.safetensors": b""})
    added = only_adds(FULL, result.text)
    assert added == [
        "        - other.safetensors  # added by manifest init: safetensors by its name\n"
    ]
    assert result.added == ("1 file of model-parameters-final",)


def test_a_new_kind_becomes_a_component_inside_the_mapping() -> None:
    result = amended(FULL, {**BASE, "train.py": b"x"})
    added = only_adds(FULL, result.text)
    assert added[0] == "  training-code:\n"
    assert result.text.index("training-code") < result.text.index("# the end")
    assert result.description.of_kind("training-code")[0].files == ("train.py",)


def test_files_for_a_component_in_flow_style_get_a_component_beside_it() -> None:
    result = amended(FULL, {**BASE, "vocab.txt": b""})
    only_adds(FULL, result.text)
    [first, second] = result.description.of_kind("tokenizer")
    assert (first.id, second.id, second.files) == ("tokenizer", "tokenizer-2", ("vocab.txt",))


def test_what_is_withheld_is_not_contradicted() -> None:
    result = amended(FULL, {**BASE, "data/train.jsonl": b""})
    assert not result.changed
    assert any("data/train.jsonl looks like datasets" in note for note in result.notes)
    assert result.unassigned == ("data/train.jsonl",)


def test_what_is_excluded_stays_out() -> None:
    text = (
        HEAD
        + "components:\n  weights:\n    kind: model-parameters-final\n    files: ['**']\n    exclude: ['*.json']\nlicense: mit\n"
    )
    result = amended(text, {**BASE, "config.json": b"{}"})
    assert (result.changed, result.unassigned) == (False, ())


def test_a_file_that_vanished_keeps_its_entry_and_is_noted() -> None:
    result = amended(FULL, {"tokenizer.json": b"{}"})
    assert result.text == FULL
    assert any("model.safetensors matches no file any more" in note for note in result.notes)


def test_a_field_found_later_is_added_and_an_answer_is_not_touched() -> None:
    card = b"---\nlicense: apache-2.0\nbase_model: acme/base\n---\n"
    result = amended(FULL, {**BASE, "README.md": card})
    only_adds(FULL, result.text)
    assert result.description.license == "mit"
    assert [b.name for b in result.description.base_models] == ["acme/base"]
    assert result.added == ("1 file of model-card", "base_models")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n# last\n", "\n...\n"])
def test_endings_of_lines_and_of_the_file_are_kept(newline: str, end: str) -> None:
    text = ((HEAD + "license: mit").rstrip("\n") + end).replace("\n", newline)
    result = amended(text, BASE)
    assert result.changed
    assert parse_description(result.text.encode()).components
    assert result.text.count("\n") == result.text.count(newline)
    again = amended(result.text, BASE)
    assert again.text == result.text


def test_components_are_added_where_there_were_none() -> None:
    result = amended(HEAD, BASE)
    added = only_adds(HEAD, result.text)
    assert "components:\n" in added
    assert {c.kind.id for c in result.description.components} == {
        "model-parameters-final",
        "tokenizer",
    }


@pytest.mark.parametrize(
    "text",
    [
        '{schema_version: "1.0", name: x, version: "1", described_by: publisher}\n',
        '{"schema_version": "1.0", "name": "x", "version": "1", "described_by": "publisher"}',
        HEAD + "components: {}\n",
        HEAD + "components: {weights: {kind: model-parameters-final}}\n",
    ],
    ids=["flow", "json", "empty-components", "flow-components"],
)
def test_a_style_that_takes_no_lines_is_left_alone_and_said(text: str) -> None:
    result = amended(text, BASE)
    assert result.text == text
    assert any("not added" in note for note in result.notes)
    assert result.unassigned == ("model.safetensors", "tokenizer.json")


def test_an_indented_document_is_added_to_at_its_indentation() -> None:
    text = (
        "\n".join("  " + line if line else line for line in (HEAD + "license: mit").split("\n"))
        + "\n"
    )
    result = amended(text, BASE)
    only_adds(text, result.text)
    assert result.description.components


def test_an_invalid_description_is_refused_and_not_mended() -> None:
    with pytest.raises(DocumentError, match="not a valid description"):
        amended(HEAD + "nonsense: 1\n", BASE)


def test_two_components_of_one_offset_come_out_in_order() -> None:
    result = amended(FULL, {**BASE, "train.py": b"x", "LICENSE": b"", "evaluate.py": b""})
    only_adds(FULL, result.text)
    assert [c.id for c in result.description.components] == [
        "weights", "tokenizer", "datasets", "training-code", "evaluation-code", "license-texts",
    ]  # fmt: skip


EXTRA = st.sets(
    st.sampled_from(
        [
            "README.md",
            "LICENSE",
            "train.py",
            "evaluate.py",
            "b.safetensors",
            "c.gguf",
            "vocab.txt",
            "data/x.parquet",
            "paper.pdf",
            "odd.xyz",
            "step5/m.pt",
            "step6/m.pt",
            "recipe.yaml",
            "results.json",
            "pkg/__init__.py",
            "pkg/a.py",
            "train.log",
            "config.json",
        ]
    )
)
EDITS = st.lists(
    st.sampled_from(
        [
            ("license: mit  # decided by legal\n", ""),
            ("# the end\n", "# the end"),
            ("# the end\n", ""),
            ("described_by: publisher\n", "described_by: third-party\npublisher: Ann  # me\n"),
            ("  # the weights\n", "\n\n    # the weights, here\n"),
            (
                "  tokenizer: { files: [ tokenizer.json ] }\n",
                "  tokenizer:\n    files:\n    - tokenizer.json\n",
            ),
            (
                '        - "model.safetensors"',
                "        - >-\n          model.safetensors\n         ",
            ),
            ("summary: |\n", "summary: |+\n"),
        ]
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=40)
@given(first=EXTRA, second=EXTRA, edits=EDITS)
def test_any_edited_file_keeps_every_line_and_a_third_run_changes_nothing(
    first: set[str], second: set[str], edits: list[tuple[str, str]]
) -> None:
    text = FULL
    for old, to in edits:
        text = text.replace(old, to)
    files = {**BASE, **dict.fromkeys(first, b"")}
    more = {**files, **dict.fromkeys(second, b"")}
    with untraced():
        once = amended(text, files)
        twice = amended(once.text, more)
        thrice = amended(twice.text, more)
    lines = iter(once.text.splitlines())
    assert all(line in lines for line in text.splitlines())  # a subsequence: nothing moved
    lines = iter(twice.text.splitlines())
    assert all(line in lines for line in once.text.splitlines())
    assert (thrice.text, thrice.added) == (twice.text, ())
    held = {"datasets", ""}
    assert all(p.kind in held for p in twice.placements if p.path in twice.unassigned)
