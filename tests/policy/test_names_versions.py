"""Patterns and versions, each against an independent oracle where there is one."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.licenses.expressions import is_allowed
from manifest.policy.names import matches, pattern_problem
from manifest.policy.versions import compare_versions

_PART = st.text("ab.-_Z0", min_size=1, max_size=4)
_NAME = st.lists(_PART, min_size=1, max_size=3).map("/".join)
_PATTERN = st.lists(st.text("ab.*Z", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join)


@given(_PATTERN.filter(lambda p: "**" not in p), _NAME)
def test_star_agrees_with_fnmatch_part_by_part(pattern: str, name: str) -> None:
    ours, theirs = pattern.split("/"), name.split("/")
    oracle = len(ours) == len(theirs) and all(
        fnmatch.fnmatchcase(t, o) for o, t in zip(ours, theirs, strict=True)
    )
    assert matches(pattern, name) == oracle


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("acme/tiny", "acme/tiny", True),
        ("acme/tiny", "acme/tiny\n", False),
        ("acme/tiny", "xacme/tiny", False),
        ("acme.tiny", "acmeXtiny", False),
        ("acme/**", "acme/a/b", True),
        ("acme/**", "acme/", False),
        ("acme/**", "acme", False),
        ("acme/**", "acme//b", False),
        ("**", "a/b", True),
        ("**", "a b", False),
        ("\u0430cme/*", "\u0430cme/x", True),
        ("acme/*", "acme/\uff41", False),
    ],
)
def test_pattern_matches_the_whole_name(pattern: str, name: str, *, expected: bool) -> None:
    assert matches(pattern, name) is expected


@pytest.mark.parametrize("pattern", ["a**", "**/b", "a/**/b", "a?", "[ab]", "{a,b}", "***"])
def test_pattern_with_another_meaning_elsewhere_is_refused(pattern: str) -> None:
    assert pattern_problem(pattern)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("1.10", "1.9", 1),
        ("1.10", "1.10.0", 0),
        ("2.0rc1", "2.0", -1),
        ("1!0.1", "9", 1),
        ("spring", "spring", 0),
        ("spring", "1.0", None),
        ("1.0", "\u0661.0", None),
        ("1" * 300, "2", None),
        ("1.0.po\u017ft1", "1.0", None),  # a letter that is an s in lower case, to some
    ],
)
def test_order_of_versions(first: str, second: str, expected: int | None) -> None:
    assert compare_versions(first, second) == expected
    reverse = compare_versions(second, first)
    assert reverse == (None if expected is None else -expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("mit", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT OR", False),
        ("", False),
        ("LicenseRef-MIT", False),
        ("other", False),
    ],
)
def test_license_is_among_those_allowed(expression: str, *, expected: bool) -> None:
    assert is_allowed(expression, ["MIT", "apache-2.0"]) is expected


def test_license_with_an_exception_is_allowed_as_a_whole() -> None:
    whole = "GPL-2.0-only WITH Classpath-exception-2.0"
    assert is_allowed(whole, [whole])
    assert not is_allowed("GPL-2.0-only", [whole])
