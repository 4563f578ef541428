"""A license text is recognised by its words; a name, or words added, are not that license."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_releases import license_text

from manifest.licenses import recognise

NAMES = ("MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0")


@pytest.mark.parametrize("name", NAMES)
def test_whole_texts(name: str) -> None:
    found = recognise(license_text(name).encode())
    assert (found.ids, found.changed) == ((name,), False)
    assert found.expression == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t.replace("\n", "\r\n"), id="line ends"),
        pytest.param(lambda t: "\ufeff" + t, id="byte order mark"),
        pytest.param(lambda t: t.replace("\n\n", "\n\n    "), id="indented"),
        pytest.param(lambda t: f"Copyright (c) 2026 Ada <ada@x.example>\n\n{t}", id="copyright"),
        pytest.param(lambda t: t.replace('"', "”"), id="quotation marks"),
    ],
)
def test_form_does_not_matter(name: str, change: object) -> None:
    assert callable(change)
    assert recognise(change(license_text(name)).encode()).expression == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MIT",
        "Apache-2.0\n",
        "This model is licensed under the Apache License, Version 2.0.",
        "License: apache-2.0. See https://www.apache.org/licenses/LICENSE-2.0",
        "SPDX-License-Identifier: MIT",
        license_text("MIT")[:300],
        "\0" * 1000,
    ],
    ids=["empty", "name", "id", "sentence", "link", "tag", "cut off", "zeros"],
)
def test_a_name_is_no_text(text: str) -> None:
    assert recognise(text.encode()).ids == ()


ADDITIONS = {
    "commons clause": "The grant of rights does not include the right to sell the software.",
    "field of use": "It may be used for research only.",
    "users": "Products with more than 100 million monthly active users display our name.",
    "military": "Military use is excluded.",
    "policy": "Use is subject to the acceptable use policy.",
    "termination": "We can terminate it.",
}


@pytest.mark.parametrize("name", ["MIT", "Apache-2.0", "CC-BY-4.0", "CC0-1.0"])
@pytest.mark.parametrize("sentence", ADDITIONS.values(), ids=ADDITIONS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_sentence_added_is_noticed(name: str, sentence: str, place: str) -> None:
    text = license_text(name)
    changed = f"{sentence}\n\n{text}" if place == "before" else f"{text}\n\n{sentence}\n"
    found = recognise(changed.encode())
    assert found.expression != name
    assert found.changed or not found.ids


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("MIT", "without restriction", "for non-commercial purposes only"),
        ("MIT", "to any person", "to any researcher"),
        ("Apache-2.0", "to reproduce, prepare Derivative", "for research only, to reproduce"),
        ("BSD-3-Clause", "are permitted provided", "for academic use are permitted provided"),
    ],
)
def test_words_changed_within_are_noticed(name: str, old: str, new: str) -> None:
    text = " ".join(license_text(name).split())
    assert old in text
    assert recognise(text.replace(old, new).encode()).expression != name


def test_creative_commons_preamble_hides_nothing() -> None:
    text = license_text("CC-BY-4.0")
    hidden = text.replace(
        "Considerations for licensors:", "It may not be sold.\nConsiderations for licensors:"
    )
    assert hidden != text
    assert recognise(hidden.encode()).changed


def test_two_licenses_in_one_file() -> None:
    both = license_text("MIT") + "\n\n" + license_text("Apache-2.0")
    assert recognise(both.encode()).ids == ("MIT", "Apache-2.0")
    assert recognise(both.encode()).expression == "MIT AND Apache-2.0"


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version Release Date …", "llama3.1"),
        ("META LLAMA 3 COMMUNITY LICENSE AGREEMENT\n…", "llama3"),
        ("Gemma Terms of Use\n… the Gemma Prohibited Use Policy …", "gemma"),
        ("BigScience RAIL License v1.0\n…", "bigscience-bloom-rail-1.0"),
        ("Our Own License\nUse-based restrictions … use restrictions … Attachment A", "openrail"),
        ("Mistral AI Research License\n…", "mrl"),
        (
            "Modified MIT License\n" + license_text("MIT") + "\n100 million monthly active users",
            "modified-mit",
        ),
    ],
    ids=lambda v: v if len(v) < 30 else "text",
)
def test_ai_licenses_by_title_and_phrases(text: str, id_: str) -> None:
    assert recognise(text.encode()).ids == (id_,)


@given(st.binary(max_size=400))
def test_never_raises(data: bytes) -> None:
    assert recognise(data).ids == ()
