"""What stands in a license file beyond its text: what is known to add nothing, and all else."""

from __future__ import annotations

import pytest
from lint_releases import license_text
from processor import assert_takes_less, seconds_of

from manifest.licenses import Clause, recognise
from manifest.licenses.texts import MAX_BYTES

NAMES = ["MIT", "Apache-2.0", "BSD-3-Clause", "CC-BY-4.0"]
# No word of these stands on a list of dangerous words.
ADDED = {
    "friends": "Friends of the author may use it; others ask first.",
    "one sector": "Hospitals use the free edition, everyone else buys a key.",
    "after a year": "Twelve months after download, delete all copies.",
    "a link": "See https://acme.example/our-real-terms",
    "a heading": "RESEARCH EDITION",
    "markup": "<!-- Universities alone. -->",
    "a comment": "# Universities alone",
    "another language": "Nur für den privaten Gebrauch.",
    "another script": "\u4ec5\u9650\u7814\u7a76\u4f7f\u7528",
    "look-alike letters": "N\u043et f\u043er b\u0443siness.",
    "digits for letters": "S0le1y f0r sch001s.",
    "a tag of another license": "SPDX-License-Identifier: CC-BY-NC-4.0",
    "a tag with words": "SPDX-License-Identifier: MIT (schools)",
    "terms as a holder": "Copyright (c) 2026 Acme. Military Use Prohibited.",
    "terms behind the mark": "(c) Acme, for study alone, ask otherwise",
    "terms in a notice": "Copyright 2026 Acme, for use in schools",
    "terms behind rights": "All rights reserved. Schools are free.",
    "a number in a notice": "Copyright (c) 2026 Acme, below 700 seats",
    "a sentence in a notice": "Copyright (c) 2026 Acme; resale needs our word",
    "a long notice": "Copyright Acme " + "and Company " * 400,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", ADDED.values(), ids=ADDED)
@pytest.mark.parametrize("place", ["before", "after", "directly before"])
def test_words_that_are_not_known_make_another_license(name: str, words: str, place: str) -> None:
    text = license_text(name)
    before = {"before": f"{words}\n\n{text}", "directly before": f"{words}\n{text}"}
    found = recognise(before.get(place, f"{text}\n\n{words}\n").encode())
    assert found.expression in ("", "unknown")
    assert not found.whole
    assert found.line > 0


HARMLESS = {
    "title": "MIT License",
    "title twice": "The MIT License (MIT)",
    "years": "Copyright (c) 2019-2026 Will Bond <will@bond.example>",
    "several": "Copyright 2014, 2016 Grant Jenks, Ada Lovelace and contributors",
    "sign": "© 2026 Université de Montréal. All rights reserved.",
    "company": "Copyright (C) 2026 Acme Research, Inc. and its affiliates. All Rights Reserved.",
    "placeholder": "Copyright (c) <year> <copyright holders>",
    "lower case": "Copyright (c) 2026 numpy developers",
    "no year": "Copyright Google LLC",
    "address": "Copyright 2026 Acme (https://acme.example)",
    "reserved": "All rights reserved.",
    "tag": "SPDX-License-Identifier: {name}",
    "file tag": "SPDX-FileCopyrightText: 2026 Ada <ada@x.example>",
    "rule": "=" * 70,
    "box": "/* " + "*" * 60 + " */",
    "names below": "Copyright (c) 2026 Ada\n              Grace Hopper <g@h.example>",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", HARMLESS.values(), ids=HARMLESS)
def test_known_additions_change_nothing(name: str, words: str) -> None:
    text = license_text(name)
    for whole in (f"{words}\n\n{text}", f"{text}\n\n{words}\n"):
        assert recognise(whole.format(name=name).encode()).expression == name


WITHIN = {
    "in a blank that the matcher leaves": (
        "MIT",
        "obtaining a copy of this",
        "obtaining a copy of, at schools, this",
    ),
    "in markup": ("MIT", "permit persons", "permit <b schools alone> persons"),
    "a right left out": ("MIT", "sublicense, and/or sell", "sublicense"),
    "a holder with terms": ("MIT", "AUTHORS OR COPYRIGHT HOLDERS", "PAYING USERS ONLY"),
    "no warranty changed": ("BSD-3-Clause", "may be used to endorse", "may be used to study"),
    "a word in a long text": ("Apache-2.0", "no-charge, royalty-free", "charged, royalty-free"),
}


@pytest.mark.parametrize(("name", "old", "new"), WITHIN.values(), ids=WITHIN)
def test_words_within_the_text_are_compared_too(name: str, old: str, new: str) -> None:
    text = " ".join(license_text(name).split())
    assert old in text
    found = recognise(text.replace(old, new).encode())
    assert found.expression in ("", "unknown")


def test_where_a_text_departs_is_told() -> None:
    lines = ("A title that is none.\n\n" + license_text("MIT")).splitlines()
    at = next(i for i, line in enumerate(lines) if "of this software" in line)
    lines[at] = lines[at].replace("of this software", "of, at schools, this software")
    found = recognise("\n".join(lines).encode())
    assert found.departs
    assert 3 <= found.line <= at + 1


def test_the_first_words_that_set_terms_are_shown() -> None:
    text = license_text("MIT") + "\nBe kind.\n\nNot for commercial use.\n"
    found = recognise(text.encode())
    assert found.clauses == (Clause.NON_COMMERCIAL,)
    assert found.words == "Not for commercial use."
    assert text.splitlines()[found.line - 1] == found.words


@pytest.mark.parametrize(
    "before",
    ["Be kind.\n" * 3_000, "be kind and keep well\n" * 3_000, "be kind and keep well " * 300],
    ids=["sentences", "no full stop", "one line"],
)
def test_a_term_far_behind_several_licenses_is_found(before: str) -> None:
    text = (
        f"{license_text('MIT')}\n{license_text('BSD-3-Clause')}\n{before}not for commercial use.\n"
    )
    found = recognise(text.encode())
    assert found.clauses == (Clause.NON_COMMERCIAL,)
    assert not found.mixed
    assert "commercial use" in text.split("\n")[found.line - 1]


def test_words_that_crowd_a_license_out() -> None:
    text = license_text("MIT") + "\n" + "The fee is set by the licensor each year.\n" * 200
    found = recognise(text.encode())
    assert (found.ids, found.changed) == (("MIT",), True)


def test_licenses_of_third_parties_are_several_and_not_one() -> None:
    text = (
        license_text("MIT")
        + "\nThis software bundles a font by others:\n\n"
        + license_text("BSD-3-Clause")
    )
    found = recognise(text.encode())
    assert found.mixed
    assert not found.changed
    assert found.ids == ("MIT", "BSD-3-Clause")
    assert found.expression == "unknown"


def test_terms_between_licenses_of_third_parties_are_terms() -> None:
    text = license_text("MIT") + "\nNo military use.\n\n" + license_text("BSD-3-Clause")
    found = recognise(text.encode())
    assert (found.changed, found.clauses) == (True, (Clause.MILITARY,))


def test_what_is_not_read_may_say_anything() -> None:
    text = license_text("MIT") + "\n" * MAX_BYTES + "Not for commercial use."
    assert recognise(text.encode()).changed


@pytest.mark.parametrize(
    "words", ["Copyright Acme ", "(c) ", "Permission is hereby granted, free "]
)
def test_long_files_take_time_that_grows_with_their_size(words: str) -> None:
    def seconds(size: int) -> float:
        text = (words * (size // len(words))).encode()
        return seconds_of(lambda: recognise(text))

    seconds(1_000)
    small, large = seconds(20_000), seconds(80_000)
    assert large < 12 * small + 1.0  # a square would be sixteen times


def test_a_license_repeated_to_the_bound_is_read_in_seconds() -> None:
    text = license_text("MIT").encode()
    repeated = (text + b"\n") * (MAX_BYTES // (len(text) + 1))

    def read() -> None:
        assert not recognise(repeated).whole  # beyond so many places nothing is looked for

    assert_takes_less(20, read)  # minutes where each copy has the rest read again
