"""How a verification hashes: where, who is told, and what is not read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from everything import HERE, MORE, THERE, Everything, make_everything
from everything_damaged import damaged, nothing
from everything_signed import in_ranges

from manifest.errors import UsageError
from manifest.inventory.cache import GRAIN_NS, DigestCache

if TYPE_CHECKING:
    from releases import Release


@pytest.fixture
def everything(tmp_path: Path) -> Everything:
    return make_everything(tmp_path)


OWNED = {name: data for name, data in HERE.items() if name.startswith("data/train/")}
FILES = len(HERE) + len(THERE) + len(MORE)
BYTES = sum(len(data) for each in (HERE, THERE, MORE) for data in each.values())


class Counting(ThreadPoolExecutor):
    """Counts what is handed to it."""

    def __init__(self) -> None:
        super().__init__(2)
        self.handed = 0

    def submit(self, *arguments: Any, **options: Any) -> Any:
        self.handed += 1
        return super().submit(*arguments, **options)


def size_of(one: Everything, *names: str) -> int:
    return sum((one.path / name).stat().st_size for name in names)


@pytest.mark.parametrize("prepare", [nothing, in_ranges])
def test_everything_is_hashed_where_the_caller_says(
    everything: Everything, prepare: Callable[[Everything], None]
) -> None:
    prepare(everything)
    with contextlib.closing(Threads()) as threads, Counting() as executor:
        assert everything.check(executor=executor, digest="both").ok
        damaged(everything)
        everything.check(executor=executor, digest="both")
        assert threads.started == 0
    assert executor.handed >= 9


class Threads:
    """Counts the pools of threads that this package starts itself."""

    def __init__(self) -> None:
        self.started = 0
        self._patch = pytest.MonkeyPatch()
        really = ThreadPoolExecutor.__init__

        def started(pool: ThreadPoolExecutor, *arguments: Any, **options: Any) -> None:
            self.started += not isinstance(pool, Counting)
            really(pool, *arguments, **options)

        self._patch.setattr(ThreadPoolExecutor, "__init__", started)

    def close(self) -> None:
        self._patch.undo()


def test_totals_are_told_before_and_progress_meanwhile(everything: Everything) -> None:
    totals: list[tuple[int, int]] = []
    told: list[tuple[int, int]] = []
    report = everything.check(
        progress=lambda size, files: told.append((size, files)),
        on_total=lambda size, files: totals.append((size, files)),
    )
    lists = size_of(everything, "manifest.json", "data/train.jsonl")
    lists += (everything.store / "test.jsonl").stat().st_size
    assert report.ok
    # The release directory, each root, of which one has no files of its own, and each inventory.
    assert [files for _, files in totals] == [
        len(HERE) - len(OWNED) + 2,
        len(THERE) + 1,
        0,
        len(OWNED),
        len(MORE),
    ]
    assert sum(size for size, _ in totals) == BYTES + lists == report.bytes_checked
    assert sum(size for size, _ in told) == BYTES + lists
    assert sum(files for _, files in told) == FILES + 3


def test_a_sample_announces_what_is_hashed(everything: Everything) -> None:
    totals: list[tuple[int, int]] = []
    everything.check(sample=2, on_total=lambda size, files: totals.append((size, files)))
    owned = sum(map(len, OWNED.values()))
    tested = sum(map(len, MORE.values()))
    assert totals[3:] == [(owned * 2 // len(OWNED), 2), (tested * 2 // len(MORE), 2)]


LARGE = 1 << 20
"""Bytes of a file that is worth remembering."""


def with_a_large_file(one: Everything) -> None:
    one.put("large.bin", b"x" * LARGE)
    one.sign_again()


def remembering(path: Path) -> DigestCache:
    """A cache of a run that begins long after the files were written."""
    return DigestCache(path / "cache", began_ns=time.time_ns() + 10 * GRAIN_NS)


def test_what_a_cache_knows_is_not_read_and_told(everything: Everything, tmp_path: Path) -> None:
    with_a_large_file(everything)
    with remembering(tmp_path) as cache:
        first = everything.check(cache=cache)
    assert (first.ok, first.files_remembered, first.bytes_remembered) == (True, 0, 0)
    with remembering(tmp_path) as cache:
        second = everything.check(cache=cache)
    assert (second.ok, second.files_remembered, second.bytes_remembered) == (True, 1, LARGE)
    assert second.warnings == first.warnings == ()


def test_a_cache_that_cannot_be_used_is_told(everything: Everything, tmp_path: Path) -> None:
    with_a_large_file(everything)
    (tmp_path / "cache").mkdir()
    with remembering(tmp_path) as cache:
        report = everything.check(cache=cache)
    assert (report.ok, report.files_remembered) == (True, 0)
    assert cache.problem
    assert report.warnings == (cache.problem,)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sample": 1}, "--trust-cache does not go with --sample, which says what was read"),
        ({"tensors": ["a"]}, "--trust-cache does not go with --tensor, which says what was read"),
    ],
)
def test_a_cache_is_not_for_what_says_what_was_read(
    everything: Everything, tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    with DigestCache(tmp_path / "cache") as cache, pytest.raises(UsageError) as caught:
        everything.check(cache=cache, **options)
    assert (caught.value.message, caught.value.remedy) == (text, "leave out one of them")


def test_a_sample_needs_an_inventory(release: Release) -> None:
    with pytest.raises(UsageError, match="nothing that is checked has an inventory"):
        release.verify(sample=1)
