from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.errors import UndecidedError, UsageError
from manifest.inventory import (
    NotCovered,
    Oddity,
    OddityKind,
    Tree,
    read_file,
    walk,
)


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def paths(tree: Tree) -> list[str]:
    return [file.path for file in tree.files]


def test_files_with_their_facts_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    for path in ("a/b", "a-b", "a.b", "B", "é", "\U0001f600", "\uffee", "a/é/x", ".hidden"):
        write(tmp_path / path, path.encode())
    (tmp_path / "empty" / "below").mkdir(parents=True)
    tree = walk(tmp_path)
    assert paths(tree) == sorted(paths(tree), key=str.encode)
    assert len(tree.files) == 9
    assert tree.size == sum(len(path.encode()) for path in paths(tree))
    for file in tree.files:
        status = (tmp_path / file.path).stat()
        assert file[1:] == (
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_dev,
            "",
        )
    assert (tree.oddities, tree.not_covered, tree.left_out) == ((), (), ())
    assert not tree.is_snapshot


def fifo(root: Path) -> None:
    os.mkfifo(root / "odd")


def bound_socket(root: Path) -> None:
    here = Path.cwd()
    os.chdir(root)  # the name of a socket is limited to 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("odd")
    finally:
        os.chdir(here)


def link_to(target: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root.parent / "outside").mkdir()
        write(root.parent / "outside" / "secret")
        write(root / "inside" / "file")
        (root / "odd").symlink_to(target)

    return make


def named(name: bytes) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(b"x")

    return make


def deep(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(101):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)


def long_path(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 220, dir_fd=descriptor)
        below = os.open("d" * 220, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)


@pytest.mark.parametrize(
    ("make", "kind", "shown"),
    [
        pytest.param(fifo, OddityKind.SPECIAL, "odd is a FIFO", id="fifo"),
        pytest.param(bound_socket, OddityKind.SPECIAL, "odd is a socket", id="socket"),
        pytest.param(
            link_to("../outside/secret"),
            OddityKind.LINK,
            "odd is a symbolic link to ../outside/secret",
            id="link-out",
        ),
        pytest.param(
            link_to("../outside"), OddityKind.LINK, "link to ../outside", id="link-to-directory-out"
        ),
        pytest.param(
            link_to("inside/file"), OddityKind.LINK, "link to inside/file", id="link-to-file-inside"
        ),
        pytest.param(
            link_to("inside"), OddityKind.LINK, "link to inside", id="link-to-directory-inside"
        ),
        pytest.param(link_to("."), OddityKind.LINK, "link to .", id="link-loop"),
        pytest.param(link_to("nowhere"), OddityKind.LINK, "link to nowhere", id="dangling-link"),
        pytest.param(
            link_to("/etc/passwd\n\x1b[2J"),
            OddityKind.LINK,
            "link to /etc/passwd\\n\\x1b[2J",
            id="link-with-escape-sequence",
        ),
        pytest.param(
            named(b"odd\xff"), OddityKind.NOT_UTF8, "odd\\xff has a name that is not", id="not-utf8"
        ),
        pytest.param(
            named(b"odd\n"), OddityKind.BAD_NAME, "odd\\n has a name that contains", id="newline"
        ),
        pytest.param(
            named(b"o\xc2\x9bdd"), OddityKind.BAD_NAME, "a control character", id="c1-control"
        ),
        pytest.param(named(b"a\\b"), OddityKind.BAD_NAME, "a backslash", id="backslash"),
        pytest.param(named(b"C:odd"), OddityKind.BAD_NAME, "drive letter", id="drive"),
        pytest.param(deep, OddityKind.TOO_DEEP, "lies more than 100 directories", id="too-deep"),
        pytest.param(long_path, OddityKind.BAD_NAME, "longer than 4096", id="long-path"),
    ],
)
def test_what_a_manifest_cannot_list_is_named_and_never_followed(
    tmp_path: Path, make: Callable[[Path], None], kind: OddityKind, shown: str
) -> None:
    root = tmp_path / "release"
    write(root / "good")
    make(root)
    tree = walk(root)
    assert [oddity.kind for oddity in tree.oddities] == [kind]
    assert shown in tree.oddities[0].describe()
    assert tree.oddities[0].describe().isprintable()
    assert set(paths(tree)) <= {"good", "inside/file"}
    assert not any("secret" in path for path in paths(tree))


def test_a_device_is_named(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "odd", 0o020600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("making a device needs privileges")
    assert walk(tmp_path).oddities == (Oddity("odd", OddityKind.SPECIAL, "character device"),)


def test_a_directory_with_a_bad_name_is_not_entered(tmp_path: Path) -> None:
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff/file")))
    write(tmp_path / "a\\b" / "file")
    tree = walk(tmp_path)
    assert [oddity.kind for oddity in tree.oddities] == [OddityKind.BAD_NAME, OddityKind.NOT_UTF8]
    assert tree.files == ()


def test_names_of_any_script_and_odd_but_sound_names_are_files(tmp_path: Path) -> None:
    wanted = {"no\u00a0break", "zero\u200bwidth", "xy:z", "模型", "...", "-rf", "e\u0301"}
    for name in wanted:
        write(tmp_path / name)
    tree = walk(tmp_path)
    assert set(paths(tree)) == wanted
    assert tree.oddities == ()


def refuse(
    monkeypatch: pytest.MonkeyPatch, call: str, refused: str, error: int = errno.EACCES
) -> None:
    """Make one system call fail for one name: root reads whatever permissions say."""
    real = getattr(os, call)

    def refusing(path: str, *arguments: object, **options: object) -> object:
        if path == refused:
            raise OSError(error, os.strerror(error), path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, call, refusing)


def test_an_unreadable_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a" / "secret" / "x")
    write(tmp_path / "a" / "y")
    refuse(monkeypatch, "open", "secret")
    tree = walk(tmp_path)
    assert tree.oddities == (Oddity("a/secret", OddityKind.UNREADABLE, "Permission denied"),)
    assert tree.oddities[0].describe() == "a/secret cannot be read: Permission denied"
    assert paths(tree) == ["a/y"]


def test_an_unreadable_link_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").symlink_to("b")
    refuse(monkeypatch, "readlink", "a", errno.EIO)
    assert walk(tmp_path).oddities == (Oddity("a", OddityKind.UNREADABLE, "Input/output error"),)


def test_a_directory_replaced_by_a_link_during_the_walk_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside = tmp_path / "release", tmp_path / "outside"
    write(root / "sub" / "x")
    write(outside / "secret")
    real = os.open

    def swapping(path: str, *arguments: object, **options: object) -> int:
        if path == "sub":
            (root / "sub").rename(tmp_path / "moved")
            (root / "sub").symlink_to(outside)
        return real(path, *arguments, **options)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(os, "open", swapping)
    tree = walk(root)
    assert tree.files == ()
    assert [(odd.path, odd.kind) for odd in tree.oddities] == [("sub", OddityKind.UNREADABLE)]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "release" / "a")
    (tmp_path / "link").symlink_to("release")
    assert paths(walk(tmp_path / "link")) == ["a"]


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_root_that_is_no_directory_is_a_mistake_of_the_call(tmp_path: Path, name: str) -> None:
    write(tmp_path / "file")
    with pytest.raises(UsageError, match=f"{name} is not a directory"):
        walk(tmp_path / name)


def test_a_root_that_cannot_be_opened_gives_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "open", str(tmp_path))
    with pytest.raises(UndecidedError, match="cannot be opened: Permission denied"):
        walk(str(tmp_path))


def test_a_locale_that_is_not_utf8_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(UndecidedError, match="iso8859-1"):
        walk(tmp_path)


def test_a_tree_with_too_many_files_gives_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(walk.__globals__, "MAX_FILES", 3)
    for number in range(3):
        write(tmp_path / str(number))
    assert len(walk(tmp_path).files) == 3
    write(tmp_path / "sub" / "x")
    with pytest.raises(UndecidedError, match="more than 3 files"):
        walk(tmp_path)


def test_what_no_manifest_covers_is_listed_apart(tmp_path: Path) -> None:
    for path in (
        ".git/HEAD",
        ".git/objects/ab/cd",
        ".gitattributes",
        ".github/workflows/x.yml",
        ".gitignore",
        ".cache/huggingface/download/a.metadata",
        ".cache/other/x",
        ".cache/huggingface-not",
        "sub/.git/HEAD",
        "sub/.gitignore",
        "sub/.cache/huggingface/x",
        ".gitmodules",
        ".GIT/x",
        "a",
    ):
        write(tmp_path / path)
    (tmp_path / ".git" / "loop").symlink_to(".")
    tree = walk(tmp_path)
    assert paths(tree) == sorted(
        [
            ".GIT/x",
            ".cache/huggingface-not",
            ".cache/other/x",
            ".gitmodules",
            "a",
            "sub/.cache/huggingface/x",
            "sub/.git/HEAD",
            "sub/.gitignore",
        ]
    )
    link = len(".")
    assert tree.not_covered == (
        NotCovered(".cache/huggingface", "directory", 1, 1),
        NotCovered(".git", "directory", 3, 2 + link),
        NotCovered(".gitattributes", "file", 1, 1),
        NotCovered(".github", "directory", 1, 1),
        NotCovered(".gitignore", "file", 1, 1),
    )
    assert tree.oddities == ()


@pytest.mark.parametrize("name", [".git", ".gitignore", ".cache/huggingface"])
@pytest.mark.parametrize("kind", ["link", "file", "special"])
def test_what_is_not_covered_is_known_by_its_name(tmp_path: Path, name: str, kind: str) -> None:
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    if kind == "link":
        place.symlink_to("/etc")
    elif kind == "file":
        write(place, b"gitdir: elsewhere")
    else:
        os.mkfifo(place)
    tree = walk(tmp_path)
    assert [(item.path, item.kind) for item in tree.not_covered] == [(name, kind)]
    assert tree.files == ()
    assert tree.oddities == ()


def test_a_link_in_the_place_of_the_cache_directory_is_odd(tmp_path: Path) -> None:
    (tmp_path / ".cache").symlink_to("/etc")
    assert walk(tmp_path).oddities == (Oddity(".cache", OddityKind.LINK, "/etc"),)


def test_counting_what_is_not_covered_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(walk.__globals__, "_COUNT_LIMIT", 5)
    for number in range(9):
        write(tmp_path / ".git" / str(number))
    (found,) = walk(tmp_path).not_covered
    assert found.files == 5
    assert not found.complete


def test_a_caller_that_covers_more_gets_more(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore")
    write(tmp_path / ".git" / "HEAD")
    tree = walk(tmp_path, not_covered=frozenset({".git"}))
    assert paths(tree) == [".gitignore"]
    assert [item.path for item in tree.not_covered] == [".git"]


def test_what_the_caller_leaves_out_is_listed_apart(tmp_path: Path) -> None:
    for path in (
        "model.sig",
        "signatures/a.sig",
        "signatures/b/c",
        "sub/model.sig",
        "a",
        "manifest.json",
    ):
        write(tmp_path / path)
    (tmp_path / "signatures" / "link").symlink_to("a.sig")
    tree = walk(tmp_path, leave_out=frozenset({"model.sig", "signatures", "manifest.json", "no"}))
    assert paths(tree) == ["a", "sub/model.sig"]
    assert [file.path for file in tree.left_out] == [
        "manifest.json",
        "model.sig",
        "signatures/a.sig",
        "signatures/b/c",
    ]
    assert tree.oddities == (Oddity("signatures/link", OddityKind.LINK, "a.sig"),)


def test_one_file_is_read_without_following_links(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "release.yaml", b"name: x\n")
    tree = walk(tmp_path)
    assert read_file(tree, "sub/release.yaml", max_bytes=8) == b"name: x\n"
    with pytest.raises(UndecidedError, match="has 8 bytes; at most 7"):
        read_file(tree, "sub/release.yaml", max_bytes=7)
    with pytest.raises(UndecidedError, match="no such file"):
        read_file(tree, "release.yaml", max_bytes=8)
    write(tmp_path / "other", b"name: y\n")
    (tmp_path / "sub" / "release.yaml").unlink()
    (tmp_path / "sub" / "release.yaml").symlink_to("../other")
    with pytest.raises(UndecidedError, match=r"sub/release.yaml cannot be read: a link"):
        read_file(tree, "sub/release.yaml", max_bytes=8)


NAMES = st.text(st.sampled_from("ab.-é"), min_size=1, max_size=3).filter(
    lambda name: name not in {".", ".."}
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.binary(max_size=20)))
def test_the_walk_agrees_with_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[tuple[str, ...], bytes]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for parts, content in contents.items():
        try:
            write(root.joinpath(*parts), content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # a file stands where this path has a directory, or the other way round
    expected = sorted(
        (path.relative_to(root).as_posix(), path.stat().st_size)
        for path in root.rglob("*")
        if path.is_file()
    )
    assert [(file.path, file.size) for file in walk(root).files] == expected


class Entry:
    """A directory entry whose file is gone, or can't be looked at, when it is asked."""

    def __init__(self, name: str, error: OSError) -> None:
        self.name = name
        self.error = error

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        assert not follow_symlinks
        raise self.error


def test_a_file_that_goes_or_fails_between_listing_and_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [Entry("gone", FileNotFoundError(2, "gone")), Entry("bad", OSError(5, "I/O error"))]
    monkeypatch.setattr(os, "scandir", lambda _: contextlib.nullcontext(entries))
    tree = walk(tmp_path)
    monkeypatch.undo()
    assert tree.files == ()
    assert tree.oddities == (Oddity("bad", OddityKind.UNREADABLE, "I/O error"),)


@pytest.mark.parametrize("call", ["open", "stat"])
def test_what_is_not_covered_and_unreadable_is_still_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    write(tmp_path / ".git" / "HEAD")
    refuse(monkeypatch, call, ".git")
    (found,) = walk(tmp_path).not_covered
    monkeypatch.undo()
    assert found.path == ".git"
    assert not found.complete
