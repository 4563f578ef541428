from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifest.inventory import FileStat, Oddity, OddityKind, Tree, walk
from manifest.inventory import ordered as ordered_module
from manifest.inventory.in_step import in_step
from manifest.inventory.lines import InventoryEntry
from manifest.inventory.opening import Root
from manifest.inventory.ordered import OrderedWalk

NAMES = st.sampled_from(["a", "a-", "a.b", "a0", "b", "é", "\uffee", "\U0001f600", "Z", " "])


def make(root: Path, paths: list[str]) -> None:
    for path in paths:
        file = root / "own" / path
        if any(p.is_file() for p in file.parents) or file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def ordered(tree: Tree, directory: str = "own") -> list[FileStat | Oddity]:
    return list(OrderedWalk(Root.of(tree), directory))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(paths=st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=25))
def test_the_walk_is_sorted_and_complete(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (root / "own").mkdir()
    make(root, paths)
    tree = walk(root)
    found = ordered(tree)
    assert found == list(tree.files)  # an independent oracle: the walk that sorts at the end
    assert [f.path.encode() for f in found] == sorted(f.path.encode() for f in found)


def test_many_names_in_one_directory_come_in_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered_module, "_RUN", 7)
    (tmp_path / "own").mkdir()
    make(tmp_path, [f"{n * 7919 % 100:03d}" for n in range(100)] + [f"d{n}/x" for n in range(20)])
    tree = walk(tmp_path)
    assert ordered(tree) == list(tree.files)
    assert len(tree.files) == 120


def test_what_is_no_file_is_an_oddity_as_for_the_other_walk(tmp_path: Path) -> None:
    own = tmp_path / "own"
    make(tmp_path, ["b/x", "z"])
    (own / "link").symlink_to("z")
    (own / "b" / "directory-link").symlink_to("/")
    os.mkfifo(own / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(own / "s"))
    server.close()
    (own / "a:b\\c").write_text("")
    Path(os.fsdecode(os.fsencode(own) + b"/\xff")).write_text("")
    Path(os.fsdecode(os.fsencode(own) + b"/d\xff")).mkdir()
    tree = walk(tmp_path)
    found = ordered(tree)
    odd = [o for o in found if isinstance(o, Oddity)]
    assert sorted(odd, key=lambda o: o.path) == sorted(tree.oddities, key=lambda o: o.path)
    assert {o.kind for o in odd} == {
        OddityKind.LINK,
        OddityKind.SPECIAL,
        OddityKind.BAD_NAME,
        OddityKind.NOT_UTF8,
    }
    assert [f for f in found if isinstance(f, FileStat)] == list(tree.files)


def test_a_snapshot_of_the_hub_cache_is_read_through_its_links(tmp_path: Path) -> None:
    blobs = tmp_path / "model" / "blobs"
    snapshot = tmp_path / "model" / "snapshots" / "rev"
    (snapshot / "own" / "d").mkdir(parents=True)
    blobs.mkdir()
    name = "e" * 64
    (blobs / name).write_text("content")
    (snapshot / "own" / "d" / "x").symlink_to(f"../../../../blobs/{name}")
    (snapshot / "own" / "y").symlink_to(f"../../../../blobs/{name}")  # one step too far up
    tree = walk(snapshot)
    found = ordered(tree)
    assert found == [*tree.files, *tree.oddities]
    assert [f.path for f in found] == ["own/d/x", "own/y"]
    assert isinstance(found[0], FileStat)
    assert found[0].blob == name


@pytest.mark.parametrize("what", ["missing", "link", "file", "link-on-the-way"])
def test_a_directory_that_is_none_is_not_there(tmp_path: Path, what: str) -> None:
    (tmp_path / "other" / "own").mkdir(parents=True)
    directory = "own"
    if what == "link":
        (tmp_path / "own").symlink_to("other")
    elif what == "file":
        (tmp_path / "own").write_text("")
    elif what == "link-on-the-way":
        (tmp_path / "up").symlink_to("other")
        directory = "up/own"
    found = OrderedWalk(Root.of(walk(tmp_path)), directory)
    assert not found.exists()
    assert [o.kind for o in found if isinstance(o, Oddity)] == [OddityKind.UNREADABLE]


def test_a_root_that_was_replaced_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "r" / "own").mkdir(parents=True)
    tree = walk(tmp_path / "r")
    (tmp_path / "r").rename(tmp_path / "old")
    (tmp_path / "r" / "own").mkdir(parents=True)
    (tmp_path / "r" / "own" / "planted").write_text("")
    found = list(OrderedWalk(Root.of(tree), "own"))
    assert [type(o) for o in found] == [Oddity]


def test_a_walk_does_not_enter_what_it_is_told_not_to(tmp_path: Path) -> None:
    make(tmp_path, ["x", "sub/y"])
    (tmp_path / "z").write_text("")
    tree = walk(tmp_path, enter=lambda path: path != "own/sub")
    assert [f.path for f in tree.files] == ["own/x", "z"]
    assert [f.path for f in walk(tmp_path, enter=lambda _: False).files] == ["z"]


@given(
    st.sets(st.sampled_from("abcdefghij"), max_size=10),
    st.sets(st.sampled_from("abcdefghij"), max_size=10),
    st.integers(1, 5),
)
def test_a_list_and_a_walk_meet_in_one_stretch(
    listed: set[str], there: set[str], batch: int
) -> None:
    entries = [InventoryEntry(name, 0, "0" * 64) for name in sorted(listed)]
    files = [FileStat(f"own/{name}", 0, 0, 0, 0, 0) for name in sorted(there)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("manifest.inventory.in_step.BATCH", batch)
        stretches = list(in_step(entries, files, "own/"))
    assert [e for s in stretches for _, e in s.listed] == entries
    assert [n for s in stretches for n, _ in s.listed] == list(range(len(entries)))
    assert [f for s in stretches for f in s.files] == files
    for stretch in stretches:
        wanted = {f"own/{entry.path}" for _, entry in stretch.listed}
        have = {file.path for file in stretch.files}
        assert wanted & {f.path for f in files} <= have
        assert have & {f"own/{e.path}" for e in entries} <= wanted
        assert len(wanted | have) <= 2 * batch
