from __future__ import annotations

import hashlib
import os
from pathlib import Path

import blake3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.errors import DocumentError
from manifest.inventory import (
    Algorithm,
    Difference,
    Expected,
    FileEntry,
    Item,
    compare,
    compile_glob,
    conclude,
    hash_files,
    plan,
    walk,
)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry(path: str, content: bytes) -> FileEntry:
    return FileEntry(path, len(content), sha256(content))


def pointer(content: bytes, *, size: int | None = None, oid: str = "") -> bytes:
    return (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{oid or sha256(content)}\n"
        f"size {len(content) if size is None else size}\n"
    ).encode()


def check(root: Path, *expected: FileEntry | Expected, quick: bool = False) -> Difference:
    tree = walk(root)
    planned = plan(expected, tree, quick=quick)
    results = hash_files(
        tree,
        planned.to_hash,
        algorithms=(planned.algorithm,),
        shard_size=planned.shard_size,
    )
    return conclude(planned, results)


def test_equal(tmp_path: Path) -> None:
    write(tmp_path / "a", b"a")
    write(tmp_path / "b/c", b"")
    found = check(tmp_path, entry("a", b"a"), entry("b/c", b""))
    assert found == Difference(Algorithm.SHA256, same=2)
    assert found.is_equal
    assert not found.differs


def test_every_kind_of_difference_with_both_sides(tmp_path: Path) -> None:
    write(tmp_path / "same", b"same")
    write(tmp_path / "flipped", b"xbc")
    write(tmp_path / "longer", b"abcd")
    write(tmp_path / "new", b"new")
    write(tmp_path / "to", b"moved")
    found = check(
        tmp_path,
        entry("same", b"same"),
        entry("flipped", b"abc"),
        entry("longer", b"abc"),
        entry("gone", b"gone"),
        entry("from", b"moved"),
    )
    by = Algorithm.SHA256
    assert found == Difference(
        by,
        same=1,
        changed=(
            Item("flipped", by, 3, 3, (sha256(b"abc"),), (sha256(b"xbc"),)),
            Item("longer", by, 3, 4, (sha256(b"abc"),), (sha256(b"abcd"),)),
        ),
        missing=(Item("gone", by, 4, None, (sha256(b"gone"),)),),
        added=(Item("new", by, None, 3, (), (sha256(b"new"),)),),
        renamed=(Item("to", by, 5, 5, (sha256(b"moved"),), (sha256(b"moved"),), was="from"),),
    )
    assert found.differs
    assert not found.is_equal
    assert found.changed[0].expected_sha256 == sha256(b"abc")
    assert found.changed[0].found_sha256 == sha256(b"xbc")
    assert found.missing[0].found_sha256 == ""


def test_sizes_are_compared_before_anything_is_hashed(tmp_path: Path) -> None:
    write(tmp_path / "a", b"abcd")
    write(tmp_path / "b", b"abc")
    planned = plan([entry("a", b"abc"), entry("b", b"abc"), entry("c", b"")], walk(tmp_path))
    assert [
        (item.path, item.expected_size, item.found_size) for item in planned.size_mismatched
    ] == [("a", 3, 4)]
    assert [item.path for item in planned.missing] == ["c"]
    assert planned.to_hash == ("a", "b")


def test_a_quick_check_hashes_only_what_can_still_be_right(tmp_path: Path) -> None:
    write(tmp_path / "longer", b"abcd")
    write(tmp_path / "new", b"new file")
    write(tmp_path / "to", b"moved")
    write(tmp_path / "same", b"s")
    expected = [entry("longer", b"abc"), entry("from", b"moved"), entry("same", b"s")]
    assert plan(expected, walk(tmp_path), quick=True).to_hash == ("same", "to")
    found = check(tmp_path, *expected, quick=True)
    assert [(item.path, item.found_sha256) for item in found.changed] == [("longer", "")]
    assert [(item.path, item.found_sha256) for item in found.added] == [("new", "")]
    assert [(item.path, item.was) for item in found.renamed] == [("to", "from")]


def test_renames_pair_one_to_one_in_the_order_of_paths(tmp_path: Path) -> None:
    for name in ("x", "y", "z"):
        write(tmp_path / name, b"same")
    found = check(tmp_path, entry("b", b"same"), entry("a", b"same"))
    assert [(item.path, item.was) for item in found.renamed] == [("x", "a"), ("y", "b")]
    assert [item.path for item in found.added] == ["z"]
    assert found.missing == ()


def test_equal_digests_of_another_size_are_no_rename(tmp_path: Path) -> None:
    write(tmp_path / "to", b"moved")
    found = check(tmp_path, FileEntry("from", 6, sha256(b"moved")))
    assert [item.path for item in found.missing] == ["from"]
    assert [item.path for item in found.added] == ["to"]


def test_a_file_swapped_with_another_is_changed_twice(tmp_path: Path) -> None:
    write(tmp_path / "a", b"bb")
    write(tmp_path / "b", b"aa")
    found = check(tmp_path, entry("a", b"aa"), entry("b", b"bb"))
    assert [item.path for item in found.changed] == ["a", "b"]


def test_a_part_is_compared_on_both_sides(tmp_path: Path) -> None:
    for name in ("w/a", "w/new", "other", "new"):
        write(tmp_path / name, name.encode())
    tree = walk(tmp_path)
    expected = [entry("w/a", b"w/a"), entry("w/gone", b"gone"), entry("gone", b"gone")]
    planned = plan(expected, tree, within=compile_glob("w/*").matches)
    found = conclude(planned, hash_files(tree, planned.to_hash))
    assert found.same == 1
    assert [item.path for item in found.missing] == ["w/gone"]
    assert [item.path for item in found.added] == ["w/new"]


CONTENT = b"weights" * 1000


@pytest.mark.parametrize(
    ("lying", "is_pointer"),
    [
        pytest.param(pointer(CONTENT), True, id="pointer"),
        pytest.param(pointer(CONTENT, oid="0" * 64), False, id="other-oid"),
        pytest.param(pointer(CONTENT) + b"x", False, id="something-behind"),
        pytest.param(b"\n" + pointer(CONTENT), False, id="something-before"),
        pytest.param(pointer(CONTENT)[:-1], False, id="cut"),
        pytest.param(pointer(CONTENT).replace(b"v1", b"v2"), False, id="other-version"),
        pytest.param(pointer(CONTENT).replace(b"sha256:", b"sha1:"), False, id="other-hash"),
        pytest.param(pointer(CONTENT, oid=sha256(CONTENT).upper()), False, id="upper-case"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"\xff" * 130, False, id="binary"),
    ],
)
@pytest.mark.parametrize("size_known", [True, False])
def test_a_large_file_pointer_is_not_fetched(
    tmp_path: Path,
    lying: bytes,
    is_pointer: bool,  # noqa: FBT001 a parameter of the table
    size_known: bool,  # noqa: FBT001 a parameter of the table
) -> None:
    write(tmp_path / "model.bin", lying)
    size = len(CONTENT) if size_known else None
    found = check(tmp_path, Expected("model.bin", size, (sha256(CONTENT),)))
    items, others = (
        (found.not_fetched, found.changed) if is_pointer else (found.changed, found.not_fetched)
    )
    assert [(item.path, item.found_size) for item in items] == [("model.bin", len(lying))]
    assert others == ()
    assert not found.is_equal
    assert found.differs != is_pointer


def test_a_pointer_to_another_size_is_changed(tmp_path: Path) -> None:
    write(tmp_path / "model.bin", pointer(CONTENT, size=6999))
    found = check(tmp_path, entry("model.bin", CONTENT))
    assert [item.path for item in found.changed] == ["model.bin"]
    # A signature of the peer tool knows no sizes: there the digest alone decides.
    found = check(tmp_path, Expected("model.bin", None, (sha256(CONTENT),)))
    assert [item.path for item in found.not_fetched] == ["model.bin"]


def test_a_pointer_needs_no_hashing(tmp_path: Path) -> None:
    write(tmp_path / "model.bin", pointer(CONTENT))
    planned = plan([entry("model.bin", CONTENT)], walk(tmp_path))
    assert [item.path for item in planned.not_fetched] == ["model.bin"]
    assert planned.to_hash == ()


def test_a_pointer_that_the_release_really_holds_is_the_file(tmp_path: Path) -> None:
    write(tmp_path / "model.bin", pointer(CONTENT))
    assert check(tmp_path, entry("model.bin", pointer(CONTENT))).is_equal


def test_a_pointer_among_other_digests_is_known_by_its_size(tmp_path: Path) -> None:
    write(tmp_path / "model.bin", pointer(CONTENT))
    expected = Expected("model.bin", len(CONTENT), ("0" * 64,), Algorithm.BLAKE3)
    assert [item.path for item in check(tmp_path, expected).not_fetched] == ["model.bin"]


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        (Algorithm.BLAKE3, blake3.blake3(b"abc").hexdigest()),
        (Algorithm.BLAKE2B, hashlib.blake2b(b"abc").hexdigest()),
    ],
)
def test_other_algorithms(tmp_path: Path, algorithm: Algorithm, digest: str) -> None:
    write(tmp_path / "a", b"abc")
    assert check(tmp_path, Expected("a", None, (digest,), algorithm)).is_equal
    found = check(tmp_path, Expected("a", 3, ("00" * (len(digest) // 2),), algorithm))
    assert found.changed[0].found_digests == (digest,)
    assert found.changed[0].found_sha256 == ""
    assert found.algorithm is algorithm


def test_digests_of_ranges(tmp_path: Path) -> None:
    write(tmp_path / "a", b"abcde")
    write(tmp_path / "empty", b"")
    ranges = tuple(sha256(part) for part in (b"ab", b"cd", b"e"))
    empty = Expected("empty", 0, (), shard_size=2)
    assert check(tmp_path, Expected("a", 5, ranges, shard_size=2), empty).is_equal
    swapped = (ranges[1], ranges[0], ranges[2])
    for wrong in (swapped, ranges[:2], (*ranges, sha256(b"")), ()):
        found = check(tmp_path, Expected("a", None, wrong, shard_size=2), empty)
        assert [item.path for item in found.changed] == ["a"]
        assert found.changed[0].found_digests == ranges


def test_lists_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    tree = walk(tmp_path)
    with pytest.raises(DocumentError, match="a is listed twice"):
        plan([entry("a", b"x"), entry("a", b"x")], tree)
    with pytest.raises(DocumentError, match="mixed"):
        plan([entry("a", b"x"), Expected("b", 1, ("0" * 64,), Algorithm.BLAKE3)], tree)


def test_files_that_could_not_be_read_are_undecided(tmp_path: Path) -> None:
    for name in ("a", "b", "new"):
        write(tmp_path / name, b"x")
    tree = walk(tmp_path)
    for name in ("a", "new"):
        (tmp_path / name).unlink()
    found = compare([entry("a", b"x"), entry("b", b"x")], tree, hash_files(tree))
    assert [(item.path, item.note) for item in found.undecided] == [
        ("a", "it is not there any more")
    ]
    assert [(item.path, item.found_digests) for item in found.added] == [("new", ())]
    assert found.same == 1
    assert not found.is_equal


def test_a_file_without_a_result_is_undecided(tmp_path: Path) -> None:
    write(tmp_path / "a", b"x")
    found = conclude(plan([entry("a", b"x")], walk(tmp_path)), [])
    assert [(item.path, item.note) for item in found.undecided] == [("a", "it was not hashed")]
    assert not found.is_equal


@pytest.mark.parametrize("refused", ["sub", "."])
def test_files_of_an_unreadable_directory_are_undecided_and_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    write(tmp_path / "sub" / "deep" / "a", b"x")

    def refusing(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    real = os.open

    def opening(path: str, *arguments: object, **options: object) -> int:
        if path == refused:
            refusing()
        return real(path, *arguments, **options)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(os, *(("scandir", refusing) if refused == "." else ("open", opening)))
    tree = walk(tmp_path)
    monkeypatch.undo()
    found = compare([entry("sub/deep/a", b"x"), entry("sub2/b", b"x")], tree, hash_files(tree))
    undecided = [item.path for item in found.undecided]
    missing = [item.path for item in found.missing]
    if refused == ".":
        assert (undecided, missing) == (["sub/deep/a", "sub2/b"], [])
    else:
        assert (undecided, missing) == (["sub/deep/a"], ["sub2/b"])
    assert found.undecided[0].note == f"{refused} cannot be read: Permission denied"


def test_what_stands_in_the_place_of_a_missing_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/etc/passwd")
    (tmp_path / "d").symlink_to("/etc")
    found = check(tmp_path, entry("a", b"x"), entry("d/passwd", b"x"))
    assert [(item.path, item.note) for item in found.missing] == [
        ("a", "a is a symbolic link to /etc/passwd"),
        ("d/passwd", "d is a symbolic link to /etc"),
    ]


def test_an_expected_file_in_a_place_not_covered_is_undecided(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", b"x")
    found = check(tmp_path, entry(".gitignore", b"x"), entry(".git/HEAD", b"x"))
    assert [item.path for item in found.undecided] == [".gitignore"]
    assert [item.path for item in found.missing] == [".git/HEAD"]


NAMES = st.sampled_from(["a", "b", "c", "d/e", "d/f"])
TREES = st.dictionaries(NAMES, st.sampled_from([b"", b"x", b"y", b"xx"]))


@settings(max_examples=60, deadline=None)
@given(TREES, TREES)
def test_a_difference_accounts_for_every_file(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for path, content in after.items():
        write(root / path, content)
    found = check(root, *(entry(path, content) for path, content in before.items()))
    both = before.keys() & after.keys()
    assert found.same == sum(before[path] == after[path] for path in both)
    assert {item.path for item in found.changed} == {
        path for path in both if before[path] != after[path]
    }
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    assert {item.path for item in found.missing} | {item.was for item in found.renamed} == gone
    assert {item.path for item in found.added} | {item.path for item in found.renamed} == new
    assert all(after[item.path] == before[item.was] for item in found.renamed)
    assert not {before[item.path] for item in found.missing} & {
        after[item.path] for item in found.added
    }
    assert found.is_equal == (before == after)
