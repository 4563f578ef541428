from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processor import assert_takes_less

from manifest.errors import DocumentError, NotTrustedError
from manifest.inventory import check_path, collisions, path_problem, sort_key

NAMES = st.text(st.sampled_from("aAbéÉßs\u0301e"), min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "model-00001-of-00002.safetensors",
        "a/b/c.txt",
        ".gitattributes",
        "...",
        "..a/b..",
        "a b",
        "datasets/模型/é",
        "e\u0301",
        "xy:z",
        "a/c:/b",
        "a" * 255,
        "~/x",
        "-rf",
    ],
)
def test_sound_paths(path: str) -> None:
    assert path_problem(path) is None
    assert check_path(path) == path


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("/etc/passwd", "is absolute", id="absolute"),
        pytest.param("//host/share", "is absolute", id="network-share"),
        pytest.param("C:/x", "drive letter", id="drive"),
        pytest.param("c:x", "drive letter", id="drive-relative"),
        pytest.param("a\\b", "backslash", id="backslash"),
        pytest.param("..\\..\\x", "backslash", id="backslash-climb"),
        pytest.param("..", '".."', id="parent"),
        pytest.param("../x", '".."', id="climb"),
        pytest.param("a/../../x", '".."', id="climb-inside"),
        pytest.param("a/..", '".."', id="climb-at-end"),
        pytest.param(".", '"."', id="here"),
        pytest.param("./a", '"."', id="here-first"),
        pytest.param("a/./b", '"."', id="here-inside"),
        pytest.param("a//b", "empty component", id="double-slash"),
        pytest.param("a/", "ends in a slash", id="trailing-slash"),
        pytest.param("a\0b", "control character", id="nul"),
        pytest.param("a\nb", "control character", id="newline"),
        pytest.param("a\x1b[0m", "control character", id="escape"),
        pytest.param("a\x7f", "control character", id="delete"),
        pytest.param("a\x85b", "control character", id="c1"),
        pytest.param("a\udcffb", "not UTF-8", id="undecodable-byte"),
        pytest.param("a\ud800b", "not UTF-8", id="lone-surrogate"),
        pytest.param("a" * 256, "component longer", id="long-component"),
        pytest.param("é" * 128, "component longer", id="long-component-in-bytes"),
        pytest.param("/".join(["a" * 200] * 21), "longer than 4096", id="long-path"),
        pytest.param("/".join(["é" * 100] * 21), "longer than 4096", id="long-path-in-bytes"),
        pytest.param("a" * 10**7, "longer than 4096", id="huge"),
    ],
)
def test_refused_paths(path: str, problem: str) -> None:
    found = path_problem(path)
    assert found is not None
    assert problem in found
    with pytest.raises(DocumentError) as caught:
        check_path(path, where="manifest.json: files[3].path")
    assert caught.value.message.startswith("manifest.json: files[3].path: the path")
    assert len(caught.value.message) < 1000
    assert caught.value.message.isprintable()


def test_the_caller_chooses_the_error() -> None:
    with pytest.raises(NotTrustedError):
        check_path("../x", error=NotTrustedError)


@given(st.text() | st.text(st.sampled_from("a./\\:\0\n"), max_size=12))
def test_a_path_is_sound_exactly_when_it_is_a_list_of_plain_names(path: str) -> None:
    """The oracle: what a sound path is, said by its parts and not by its faults."""
    names = path.split("/")
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        assert path_problem(path) is not None
        return
    plain = all(
        name
        and name not in {".", ".."}
        and len(name.encode()) <= 255
        and "\\" not in name
        and all(unicodedata.category(char) != "Cc" for char in name)
        for name in names
    )
    drive = path[1:2] == ":" and path[0].isascii() and path[0].isalpha()
    assert (path_problem(path) is None) == (plain and not drive and length <= 4096)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_the_order_is_that_of_utf8_bytes_and_of_code_points(paths: list[str]) -> None:
    assert sorted(paths, key=sort_key) == sorted(paths, key=lambda path: path.encode())
    assert sorted(paths, key=sort_key) == sorted(paths)


@pytest.mark.parametrize(
    ("paths", "groups"),
    [
        pytest.param(["a", "b"], (), id="none"),
        pytest.param(["a", "a"], (), id="same-twice"),
        pytest.param(["README.md", "readme.md"], (("README.md", "readme.md"),), id="case"),
        pytest.param(["\u00e9", "e\u0301"], (("e\u0301", "\u00e9"),), id="nfc-nfd"),
        pytest.param(["\u00c9", "e\u0301"], (("e\u0301", "\u00c9"),), id="case-and-form"),
        pytest.param(["stra\u00dfe", "STRASSE"], (("STRASSE", "straße"),), id="full-folding"),
        pytest.param(["A/x", "a/y"], (("A", "a"),), id="directories"),
        pytest.param(["A/x", "a/x"], (("A", "a"),), id="outermost-only"),
        pytest.param(["A", "a/x"], (("A", "a"),), id="file-and-directory"),
        pytest.param(["d/A/x", "d/a/y", "d/B"], (("d/A", "d/a"),), id="deeper"),
        pytest.param(["d/x", "e/X"], (), id="other-directories"),
        pytest.param(["a", "A", "\u00e9", "E\u0301"], (("A", "a"), ("E\u0301", "é")), id="two"),
        pytest.param(["ab", "aB", "AB"], (("AB", "aB", "ab"),), id="three"),
    ],
)
def test_collisions(paths: list[str], groups: tuple[tuple[str, ...], ...]) -> None:
    assert collisions(paths) == groups
    assert collisions(reversed(paths)) == groups


def fold(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@given(st.lists(PATHS, max_size=8))
def test_collisions_are_the_outermost_pairs_that_fold_alike(paths: list[str]) -> None:
    """The oracle compares every prefix of every path with every other."""
    prefixes = {
        "/".join(parts[:length])
        for parts in (path.split("/") for path in paths)
        for length in range(1, len(parts) + 1)
    }
    alike = {
        prefix: frozenset(other for other in prefixes if fold(other) == fold(prefix))
        for prefix in prefixes
    }
    expected = {
        group
        for prefix, group in alike.items()
        if len(group) > 1
        and all(
            len(alike["/".join(prefix.split("/")[:length])]) == 1
            for length in range(1, prefix.count("/") + 1)
        )
    }
    assert {frozenset(group) for group in collisions(paths)} == expected
    assert all(list(group) == sorted(group, key=sort_key) for group in collisions(paths))


@pytest.mark.long
def test_a_hostile_list_of_deep_paths_takes_bounded_time() -> None:
    paths = [f"{number:04d}/" + "/".join("a" * 2000) for number in range(40)]

    def compare() -> None:
        assert collisions(itertools.chain(paths, [path.upper() for path in paths])) != ()

    assert_takes_less(5, compare)
