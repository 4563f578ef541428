from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from processor import assert_takes_less

from manifest.errors import DocumentError, UsageError
from manifest.inventory import compile_glob, escape_glob, glob_problem


@pytest.mark.parametrize(
    ("pattern", "named", "others"),
    [
        pytest.param("a.bin", ["a.bin", "a.bin/x"], ["x/a.bin", "a.binx", "aXbin"], id="name"),
        pytest.param("a/b", ["a/b", "a/b/c", "a/b/c/d"], ["a", "a/bc", "x/a/b"], id="directory"),
        pytest.param("a/", ["a/b", "a/b/c"], ["a", "ab", "b/a/x"], id="directory-only"),
        pytest.param("*", ["a", ".a", "a.b"], ["a/b"], id="star-one-component"),
        pytest.param("*.bin", ["a.bin", ".bin"], ["a/b.bin", "a.bin/x", "a.bi"], id="star"),
        pytest.param("w/*.bin", ["w/a.bin"], ["w/a/b.bin", "a.bin", "w.bin"], id="star-below"),
        pytest.param("**", ["a", "a/b", "a/b/c"], [], id="everything"),
        pytest.param("**/*.bin", ["a.bin", "x/a.bin", "x/y/a.bin"], ["a.bin/x"], id="any-depth"),
        pytest.param("a/**", ["a/b", "a/b/c"], ["a", "ab/c"], id="below"),
        pytest.param("a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a/b/c"], ["a/xb", "b"], id="between"),
        pytest.param("**/t", ["t", "x/t", "x/t/y"], ["xt", "x/ty"], id="bare-name-any-depth"),
        pytest.param("a/**/", ["a/b/c"], ["a/b", "a"], id="two-stars-and-slash"),
        pytest.param("*/", ["a/b", "a/b/c"], ["a"], id="any-directory"),
        pytest.param("?.bin", ["a.bin", "é.bin"], [".bin", "ab.bin", "/.bin"], id="question"),
        pytest.param("[a-c]x", ["ax", "cx"], ["dx", "-x"], id="range"),
        pytest.param("[!a-c]x", ["dx", "-x"], ["ax", "/x"], id="negated"),
        pytest.param("[^a]x", ["bx"], ["ax"], id="negated-as-in-git"),
        pytest.param("a[.-0]b", ["a.b", "a0b"], ["a/b"], id="range-over-the-slash"),
        pytest.param("a[!x]b", ["ayb"], ["a/b", "axb"], id="negation-and-the-slash"),
        pytest.param("[]]", ["]"], ["["], id="bracket-first"),
        pytest.param("[!-a]", ["b"], ["-", "a"], id="negated-dash"),
        pytest.param("[a-]", ["a", "-"], ["b"], id="dash-last"),
        pytest.param("[*][?][[]", ["*?["], ["aaa"], id="literal-wildcards"),
        pytest.param("[a&&b]", ["a", "&"], ["c"], id="no-set-operations"),
        pytest.param("a.(b|c)+$", ["a.(b|c)+$"], ["a.b", "axb"], id="not-a-regex"),
        pytest.param("!a", ["!a"], ["a", "b"], id="no-negation"),
        pytest.param("A*", ["Ab"], ["ab"], id="case"),
        pytest.param("a**b", ["ab", "axb"], ["a/b"], id="two-stars-in-a-name"),
        pytest.param("*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a/b"], id="stars"),
        pytest.param("é*", ["é", "éa"], ["e\u0301"], id="by-code-points"),
    ],
)
def test_what_a_pattern_names(pattern: str, named: list[str], others: list[str]) -> None:
    matcher = compile_glob(pattern)
    assert [path for path in named + others if matcher.matches(path)] == named


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "is empty"),
        ("/a", "is absolute"),
        ("../a", '".."'),
        ("a/./b", '"."'),
        ("a//b", "empty component"),
        ("/", "is absolute"),
        ("a//", "empty component"),
        ("a\\*", "backslash"),
        ("a\nb", "control character"),
        ("a[bc", "without its ]"),
        ("a[]", "without its ]"),
        ("a[!]", "without its ]"),
        ("[a/b]", "without its ]"),
        ("[z-a]", "backwards"),
        ("a" * 1025, "longer than 1024"),
    ],
)
def test_refused_patterns(pattern: str, problem: str) -> None:
    assert problem in (glob_problem(pattern) or "")
    with pytest.raises(DocumentError, match="the pattern"):
        compile_glob(pattern, where="release.yaml")
    with pytest.raises(UsageError):
        compile_glob(pattern, error=UsageError)


def matches_slowly(pattern: str, path: str) -> bool:
    """The oracle: tries every way to spread the wildcards."""

    def name(wild: str, text: str) -> bool:
        if not wild:
            return not text
        if wild[0] == "*":
            return any(name(wild[1:], text[start:]) for start in range(len(text) + 1))
        if wild[0] == "[":
            end = wild.index("]", 2 if wild[1] not in "!^" else 3)
            members, negated = wild[1:end], wild[1] in "!^"
            inside = text[:1] in tuple(members[negated:])
            return text != "" and inside != negated and name(wild[end + 1 :], text[1:])
        return text != "" and wild[0] in ("?", text[0]) and name(wild[1:], text[1:])

    def components(wild: list[str], parts: list[str]) -> bool:
        if not wild:
            return not parts
        if wild[0] == "**":
            if len(wild) == 1:
                return bool(parts)
            return any(components(wild[1:], parts[start:]) for start in range(len(parts) + 1))
        return bool(parts) and name(wild[0], parts[0]) and components(wild[1:], parts[1:])

    parts = path.split("/")
    wild = pattern.removesuffix("/").split("/")
    directories = [parts[:length] for length in range(1, len(parts))]
    if pattern.endswith("/"):
        return any(components(wild, above) for above in directories)
    if any(char in wild[-1] for char in "*?["):
        return components(wild, parts)
    return any(components(wild, above) for above in [*directories, parts])


PARTS = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "-"]), min_size=1, max_size=5)
PATTERNS = st.tuples(
    st.lists(PARTS.map("".join) | st.just("**"), min_size=1, max_size=4).map("/".join),
    st.sampled_from(["", "", "/"]),
).map("".join)
PATHS = st.lists(st.text("ab-", min_size=1, max_size=5), min_size=1, max_size=5).map("/".join)


@settings(max_examples=600)
@given(PATTERNS, PATHS)
@example("**/a/**/a/b", "a/a/a/a/b")
@example("*a*ab", "aaab")
@example("**/*a/**/", "ba/a/b")
@example("a/**/**/b", "a/b")
def test_matching_agrees_with_trying_every_way(pattern: str, path: str) -> None:
    assert compile_glob(pattern).matches(path) == matches_slowly(pattern, path)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1)
)
def test_an_escaped_name_names_itself_alone(name: str) -> None:
    assume(name not in {".", ".."})
    matcher = compile_glob(escape_glob(name))
    assert matcher.matches(name)
    assert not matcher.matches(name + "x")
    assert not matcher.matches("x" + name)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        pytest.param("*a" * 500, "a" * 4000 + "b", id="stars-in-a-name"),
        pytest.param("*?" * 500 + "b", "a" * 4000, id="stars-and-questions"),
        pytest.param("**/a/" * 200 + "b", "/".join("a" * 2000), id="stars-across"),
        pytest.param("**/*a*/" * 140 + "b", "/".join(["aaa"] * 1000), id="both"),
        pytest.param("*" * 1024, "a" * 4000 + "/", id="only-stars"),
    ],
)
def test_hostile_patterns_take_bounded_time(pattern: str, path: str) -> None:
    matcher = compile_glob(pattern)

    def match() -> None:
        assert not matcher.matches(path)

    assert_takes_less(1, match)
