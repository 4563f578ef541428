"""What is remembered of files, and everything that must not be."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from manifest.inventory import Algorithm, hash_files, walk
from manifest.inventory.cache import GRAIN_NS, MIN_SIZE, DigestCache, default_cache_path
from manifest.inventory.recall import recall_files, recall_ranges
from manifest.inventory.tensors import FileRanges, hash_ranges

BOTH = (Algorithm.SHA256, Algorithm.BLAKE3)
SIZE = MIN_SIZE + 5


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with two large files and a small one."""
    for name, byte in (("a.bin", b"a"), ("b.bin", b"b")):
        (tmp_path / "tree").mkdir(exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(byte * SIZE)
    (tmp_path / "tree" / "small").write_bytes(b"s")
    return tmp_path


def cache(place: Path, *, later: int = 10 * GRAIN_NS) -> DigestCache:
    """The cache, for a run that begins when the files were left alone for a while."""
    return DigestCache(place / "home" / "digests.sqlite", began_ns=time.time_ns() + later)


def read(place: Path, *, later: int = 10 * GRAIN_NS) -> int:
    """Hash the tree; the answer is right whatever was remembered. Returns how many were not read."""
    tree = walk(place / "tree")
    with cache(place, later=later) as opened:
        assert recall_files(tree, cache=opened, algorithms=BOTH) == hash_files(
            tree, algorithms=BOTH
        )
    return opened.not_read[0]


def test_what_was_left_alone_is_not_read_again(place: Path) -> None:
    assert read(place) == 0
    assert read(place) == 2
    tree = walk(place / "tree")
    told: list[tuple[int, int]] = []
    with cache(place) as opened:
        hashed = recall_files(
            tree,
            ["small", "b.bin", "gone"],
            cache=opened,
            algorithms=BOTH,
            progress=lambda *delta: told.append(delta),
        )
    assert [h.path for h in hashed] == ["small", "b.bin", "gone"]
    assert hashed[2].problem is not None
    assert opened.not_read == (1, SIZE)
    assert sum(size for size, _ in told) == SIZE + 1


def test_one_digest_remembered_is_not_two(place: Path) -> None:
    tree = walk(place / "tree")
    with cache(place) as opened:
        recall_files(tree, cache=opened, algorithms=(Algorithm.SHA256,))
    assert read(place) == 0


def rewrite(file: Path) -> None:
    status = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"other")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def exchange(file: Path) -> None:
    status = file.stat()
    new = file.with_name("new")
    new.write_bytes(b"z" * SIZE)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.replace(file)


def touch(file: Path) -> None:
    os.utime(file)


@pytest.mark.parametrize("change", [rewrite, exchange, touch])
def test_what_was_not_left_alone_is_read(place: Path, change: Callable[[Path], None]) -> None:
    read(place)
    change(place / "tree" / "a.bin")
    assert read(place) == 1


def test_a_renamed_file_is_read_for_its_time_changed(place: Path) -> None:
    read(place)
    (place / "tree" / "a.bin").rename(place / "tree" / "c.bin")
    assert read(place) == 1


@pytest.mark.parametrize("later", [0, GRAIN_NS // 2, -10 * GRAIN_NS])
def test_what_was_just_written_is_not_remembered(place: Path, later: int) -> None:
    read(place, later=later)
    assert read(place) == 0


def test_times_of_whole_seconds_are_not_relied_on(place: Path) -> None:
    tree = walk(place / "tree")
    whole = tree.files[0]._replace(ctime_ns=tree.files[0].ctime_ns // 10**9 * 10**9)
    with cache(place) as opened:
        opened.keep(whole, b"sha256", b"x" * 32)
    with cache(place) as opened:
        assert opened.find(whole, [b"sha256"]) is None


def test_no_database_for_small_files(place: Path) -> None:
    for name in ("a.bin", "b.bin"):
        (place / "tree" / name).unlink()
    assert read(place) == 0
    assert not (place / "home").exists()


def test_a_problem_is_not_remembered(place: Path) -> None:
    tree = walk(place / "tree")
    (place / "tree" / "a.bin").write_bytes(b"c" * SIZE)
    with cache(place) as opened:
        hashed = recall_files(tree, cache=opened, algorithms=BOTH)
    assert hashed[0].problem is not None
    assert read(place) == 1


def test_ranges(place: Path) -> None:
    tree = walk(place / "tree")
    asked = [
        FileRanges("a.bin", ((0, 8), (8, 8), (8, SIZE))),
        FileRanges("gone", ()),
        FileRanges("b.bin", ((0, SIZE),)),
    ]
    expected = hash_ranges(tree, asked, whole=True)
    for remembered in (0, 2):
        with cache(place) as opened:
            assert recall_ranges(tree, asked, cache=opened, whole=True) == expected
        assert opened.not_read[0] == remembered
    others = [FileRanges("a.bin", ((0, 9), (9, SIZE)))]
    with cache(place) as opened:
        found = recall_ranges(tree, others, cache=opened)
    assert found == hash_ranges(tree, others)
    assert opened.not_read[0] == 0


def database(place: Path) -> Path:
    return place / "home" / "digests.sqlite"


def alter_a_value(place: Path) -> None:
    with sqlite3.connect(database(place)) as opened:
        opened.execute("UPDATE digests SET value = zeroblob(32)")
    opened.close()


def move_rows(place: Path) -> None:
    with sqlite3.connect(database(place)) as opened:
        (first, second) = opened.execute("SELECT value, seal FROM digests LIMIT 2").fetchall()
        opened.execute("UPDATE digests SET value = ?, seal = ?", second)
        opened.execute("UPDATE digests SET value = ? WHERE seal = ?", (first[0], second[1]))
    opened.close()


def overwrite(place: Path) -> None:
    database(place).write_bytes(b"no database at all, and more of it" * 200)


def cut_off(place: Path) -> None:
    with database(place).open("r+b") as file:
        file.truncate(5000)


def flip(place: Path) -> None:
    data = bytearray(database(place).read_bytes())
    for at in range(4096, len(data), 7):
        data[at] ^= 0xFF
    database(place).write_bytes(data)


def of_another_version(place: Path) -> None:
    with sqlite3.connect(database(place)) as opened:
        opened.execute("PRAGMA user_version = 99")
    opened.close()


def of_another_program(place: Path) -> None:
    database(place).unlink()
    with sqlite3.connect(database(place)) as opened:
        opened.execute("CREATE TABLE digests (key TEXT)")
    opened.close()


_DAMAGE = [
    alter_a_value,
    move_rows,
    overwrite,
    cut_off,
    flip,
    of_another_version,
    of_another_program,
]


@pytest.mark.parametrize("damage", _DAMAGE)
def test_damage_is_seen_and_mended(place: Path, damage: Callable[[Path], None]) -> None:
    read(place)
    damage(place)
    assert read(place) == 0
    read(place)
    assert read(place) == 2


def others_may_write(place: Path) -> None:
    (place / "home").chmod(0o777)


def link_to_elsewhere(place: Path) -> None:
    database(place).rename(place / "elsewhere")
    database(place).symlink_to(place / "elsewhere")


def directory_in_its_place(place: Path) -> None:
    database(place).unlink()
    database(place).mkdir()


def pipe_in_its_place(place: Path) -> None:
    database(place).unlink()
    os.mkfifo(database(place))


@pytest.mark.parametrize(
    "spoil", [others_may_write, link_to_elsewhere, directory_in_its_place, pipe_in_its_place]
)
def test_where_it_cannot_be_used_everything_is_read(
    place: Path, spoil: Callable[[Path], None]
) -> None:
    read(place)
    spoil(place)
    tree = walk(place / "tree")
    with cache(place) as opened:
        recall_files(tree, cache=opened, algorithms=BOTH)
    assert opened.not_read[0] == 0
    assert "digests are not remembered" in opened.problem


def test_of_another_user_is_not_used(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(place)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert read(place) == 0


def test_many_at_once(place: Path) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(read(place))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert read(place) == 2


def test_what_was_of_no_use_for_longest_is_forgotten(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.inventory.cache._MAX_ROWS", 10)
    tree = walk(place / "tree")
    file = tree.files[0]
    with cache(place) as opened:
        for number in range(30):
            opened.keep(file, str(number).encode(), b"v")
    with sqlite3.connect(database(place)) as rows:
        assert rows.execute("SELECT count(*) FROM digests").fetchone() == (9,)
    rows.close()


def test_private(place: Path) -> None:
    read(place)
    assert (place / "home").stat().st_mode & 0o777 == 0o700
    assert database(place).stat().st_mode & 0o777 == 0o600


def test_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/somewhere")
    expected = Path("/somewhere/.cache/model-release-manifest/digests.sqlite")
    assert default_cache_path() == expected
