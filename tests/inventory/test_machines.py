"""Hashing by other machines: a real scheduler with workers in processes of their own."""

from __future__ import annotations

import dataclasses
import os
import platform
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from clusters import local_cluster
from places import ChangingPath, DeadlyPath, NoLookPath

from manifest.errors import ExitCode, MissingExtraError, UndecidedError
from manifest.inventory import (
    Algorithm,
    Hashed,
    ProblemKind,
    Tree,
    errands,
    far,
    hash_files,
    scheduler,
    walk,
)
from manifest.inventory.machines import Machines
from manifest.inventory.scheduler import connect
from manifest.inventory.tensors import FileRanges, hash_ranges

BOTH = (Algorithm.SHA256, Algorithm.BLAKE3)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "shared"
    for number in range(24):
        file = root / f"shard {number % 3}/{number:02}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(1000 * number * number))
    return walk(root)


class Fake(Machines):
    """Machines that are threads of this process, and answer what a test wants."""

    def __init__(
        self, answers: Mapping[str, Any] | None = None, error: Exception | None = None
    ) -> None:
        self._threads = ThreadPoolExecutor(2)
        self._answers = answers or {"tcp://one": True}
        self._error = error

    @property
    def name(self) -> str:
        return "tcp://fake"

    @property
    def thread_count(self) -> int:
        return 2

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._error is not None:
            failed: Future[Any] = Future()
            failed.set_exception(self._error)
            return failed
        return self._threads.submit(fn, *args, **kwargs)

    def is_loss(self, future: Future[Any]) -> bool:
        return future.cancelled()

    def refuse_silence(self) -> None:
        pass

    def everywhere(self, function: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        return self._answers


def pipe_instead_of(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def read_in(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers read there instead of where they were to."""
    monkeypatch.setattr(far, "SharedPath", lambda _: place)


class TestPlaces:
    """What a worker does, without one."""

    @pytest.mark.parametrize("shard_size", [None, 1, 999, 1000, 1 << 30])
    def test_the_digests_are_those_of_this_machine(
        self, tmp_path: Path, shard_size: int | None
    ) -> None:
        for number, size in enumerate((0, 1, 1000, 2500)):
            (tmp_path / f"{number}").write_bytes(os.urandom(size))
        tree = walk(tmp_path)
        here = hash_files(tree, algorithms=BOTH, shard_size=shard_size)
        found = hash_files(tree, algorithms=BOTH, shard_size=shard_size, executor=Fake())
        assert found == here

    def test_one_reading_gives_the_digests_of_ranges_too(self, tree: Tree) -> None:
        files = [f for f in tree.files if f.size > 1000]
        wanted = [
            FileRanges(f.path, ((0, 8), (8, 8), (100, 900), (900, f.size), (f.size, f.size)))
            for f in files
        ]
        found = far.hash_far(tree, files, algorithms=BOTH, machines=Fake(), ranges=wanted)
        assert list(found.ranges.values()) == list(hash_ranges(tree, wanted, whole=True))
        assert found.files == hash_files(tree, [f.path for f in files], algorithms=BOTH)

    def test_a_mount_with_other_numbers_is_the_same_directory(self, tree: Tree) -> None:
        elsewhere = tuple(f._replace(device=7, inode=8, ctime_ns=9) for f in tree.files)
        there = dataclasses.replace(tree, files=elsewhere, device=7, inode=8)
        assert hash_files(there, executor=Fake()) == hash_files(tree)

    @pytest.mark.parametrize(
        ("change", "kind", "words"),
        [
            (lambda f: f.unlink(), ProblemKind.VANISHED, f"not there on {platform.node()}"),
            (lambda f: f.write_bytes(b"x"), ProblemKind.CHANGED, "another size or time"),
            (lambda f: os.utime(f, ns=(0, 0)), ProblemKind.CHANGED, "another size or time"),
            (lambda f: f.unlink() or f.mkdir(), ProblemKind.NOT_REGULAR, "not a regular file"),
            (lambda f: f.unlink() or f.symlink_to("x"), ProblemKind.NOT_REGULAR, "link"),
            (pipe_instead_of, ProblemKind.NOT_REGULAR, "not a regular file"),
        ],
        ids=["missing", "shorter", "touched", "directory", "link", "pipe"],
    )
    def test_what_is_not_the_file_of_the_walk_has_no_digest(
        self, tree: Tree, change: Callable[[Path], object], kind: ProblemKind, words: str
    ) -> None:
        path = tree.files[3].path
        change(Path(tree.root) / path)
        results = hash_files(tree, executor=Fake())
        (bad,) = [h for h in results if h.problem is not None]
        assert bad.path == path
        assert bad.problem is not None
        assert (bad.problem.kind, words in bad.problem.detail) == (kind, True), bad

    def test_a_file_that_changes_while_it_is_read_has_no_digest(
        self, tree: Tree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read_in(ChangingPath(tree.root), monkeypatch)
        results = hash_files(tree, executor=Fake())
        kinds = {h.size > 0: h.problem and h.problem.kind for h in results}
        assert kinds == {False: None, True: ProblemKind.CHANGED}

    @pytest.mark.parametrize("buffer", [1000, 4096, 1 << 20])
    def test_a_file_that_is_cut_short_while_it_is_read_has_no_digest(
        self, tmp_path: Path, buffer: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_bytes(bytes(100_000))
        tree = walk(tmp_path)
        longer = tree.files[0]._replace(size=200_000)
        monkeypatch.setattr(errands, "_BUFFER", buffer)
        read_in(NoLookPath(tree.root, tree.files[0]), monkeypatch)
        (result,) = far.hash_far(tree, [longer], algorithms=BOTH, machines=Fake()).files
        assert result.problem is not None
        assert result.problem.kind is ProblemKind.CHANGED
        assert "shorter" in result.problem.detail

    def test_a_directory_that_is_not_there_is_told_of_every_file(self, tree: Tree) -> None:
        gone = dataclasses.replace(tree, root=f"{tree.root}/none")
        results = hash_files(gone, executor=Fake())
        assert len(results) == len(tree.files)
        assert {h.problem.kind for h in results if h.problem} == {ProblemKind.VANISHED}

    def test_progress_adds_up_and_its_error_ends_the_run(self, tree: Tree) -> None:
        told: list[tuple[int, int]] = []
        hash_files(tree, executor=Fake(), progress=lambda *count: told.append(count))
        assert (sum(b for b, _ in told), sum(f for _, f in told)) == (tree.size, len(tree.files))

        def stop(_bytes: int, _files: int) -> None:
            raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            hash_files(tree, executor=Fake(), progress=stop)


class TestMachinesThatAreNoMachines:
    """What is asked of whatever runs the parts."""

    def test_workers_that_do_not_see_the_directory_are_named(self, tree: Tree) -> None:
        answers = {"tcp://a:1": True, "tcp://b:2": False, "tcp://c:3": OSError("no")}
        with pytest.raises(UndecidedError) as caught:
            hash_files(tree, executor=Fake(answers))
        assert "2 of 3 workers of tcp://fake do not see" in caught.value.message
        assert "tcp://b:2, tcp://c:3" in caught.value.message
        assert "under this path" in caught.value.remedy

    def test_a_part_that_cannot_be_done_is_not_taken_for_a_loss(self, tree: Tree) -> None:
        with pytest.raises(UndecidedError, match="cannot do its part: ModuleNotFoundError: no m"):
            hash_files(tree, executor=Fake(error=ModuleNotFoundError("no manifest\nthere")))

    def test_a_tree_of_no_files_asks_nobody(self, tmp_path: Path) -> None:
        assert hash_files(walk(tmp_path), executor=Fake({"tcp://b": False})) == ()


def digests(results: tuple[Hashed, ...]) -> dict[str, object]:
    return {h.path: h.digests for h in results}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with local_cluster(2) as cluster:
        yield cluster


@pytest.mark.long
class TestCluster:
    @pytest.fixture
    def machines(self, cluster: Any) -> Iterator[Machines]:
        with connect(cluster.scheduler_address) as machines:
            yield machines

    def test_the_digests_are_those_of_this_machine(self, tree: Tree, machines: Machines) -> None:
        told: list[tuple[int, int]] = []
        found = hash_files(
            tree,
            algorithms=BOTH,
            executor=machines,
            progress=lambda *count: told.append(count),
        )
        assert found == hash_files(tree, algorithms=BOTH)
        assert (sum(b for b, _ in told), sum(f for _, f in told)) == (tree.size, len(tree.files))
        assert hash_files(tree, shard_size=1 << 16, executor=machines) == hash_files(
            tree, shard_size=1 << 16
        )

    def test_a_worker_killed_in_the_middle_loses_nothing(
        self, tree: Tree, machines: Machines
    ) -> None:
        before = machines.everywhere(os.getpid)
        killed: list[int] = []

        def kill(_bytes: int, _files: int) -> None:
            if not killed:
                killed.append(next(iter(before.values())))
                os.kill(killed[0], signal.SIGKILL)

        assert hash_files(tree, executor=machines, progress=kill) == hash_files(tree)
        assert killed

    def test_a_file_that_kills_its_worker_once_is_read_by_another(
        self, tree: Tree, tmp_path: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = DeadlyPath(tree.root, tree.files[5].path, str(tmp_path / "tally"), 1)
        read_in(place, monkeypatch)
        assert hash_files(tree, executor=machines) == hash_files(tree)
        assert (tmp_path / "tally").stat().st_size == 2

    def test_a_file_that_kills_every_worker_is_told_and_the_others_are_read(
        self, tree: Tree, tmp_path: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad = tree.files[5].path
        place = DeadlyPath(tree.root, bad, str(tmp_path / "tally"), 1_000_000)
        read_in(place, monkeypatch)
        results = hash_files(tree, executor=machines)
        assert [h.path for h in results if h.problem is not None] == [bad]
        (problem,) = [h.problem for h in results if h.problem is not None]
        assert problem.kind is ProblemKind.UNREADABLE
        assert "workers that read it were lost" in problem.detail
        wanted = {p: d for p, d in digests(hash_files(tree)).items() if p != bad}
        assert {p: d for p, d in digests(results).items() if p != bad} == wanted

    def test_a_file_that_the_workers_do_not_have_is_told_with_the_machine(
        self, tree: Tree, machines: Machines
    ) -> None:
        (Path(tree.root) / tree.files[7].path).unlink()
        (problem,) = [h.problem for h in hash_files(tree, executor=machines) if h.problem]
        assert problem.kind is ProblemKind.VANISHED
        assert platform.node() in problem.detail

    def test_workers_of_another_version_are_refused(
        self, cluster: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scheduler, "__version__", "99.0")
        with (
            pytest.raises(UndecidedError, match=r"cannot run version 99\.0") as caught,
            connect(cluster.scheduler_address),
        ):
            pass
        assert caught.value.exit_code is ExitCode.UNDECIDED

    def test_a_scheduler_that_goes_away_is_told_at_once(self, tree: Tree) -> None:
        with (
            local_cluster(1) as cluster,
            pytest.raises(UndecidedError, match="is not there any more"),
            connect(cluster.scheduler_address) as machines,
        ):
            hash_files(tree, executor=machines, progress=lambda *_: cluster.close())

    def test_a_scheduler_without_workers_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scheduler, "_WORKER_SECONDS", 0.2)
        with (
            local_cluster(0) as cluster,
            pytest.raises(UndecidedError, match="has no workers"),
            connect(cluster.scheduler_address),
        ):
            pass


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:{port}", "nonsense", "x://y:1", "tcp://\x1b:1"]
)
def test_no_scheduler_at_the_address_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(scheduler, "_CONNECT_SECONDS", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        pytest.raises(UndecidedError, match="there is no scheduler at") as caught,
        connect(address.format(port=port)),
    ):
        pass
    assert caught.value.exit_code is ExitCode.UNDECIDED
    assert "\x1b" not in caught.value.message
    assert caught.value.remedy


def test_without_the_extra_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError) as caught, connect("tcp://127.0.0.1:1"):
        pass
    assert caught.value.remedy == "pip install 'model-release-manifest[dask]'"
