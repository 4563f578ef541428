"""One large file on all cores, and small files in helping processes: the same answers as alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import blake3
import pytest
from processes import children

from manifest.inventory import (
    Algorithm,
    FileStat,
    Hashed,
    ProblemKind,
    Tree,
    crew,
    digests,
    hash_files,
    mapped,
    parallel,
    walk,
    wide,
)
from manifest.inventory.crew import HelperLostError
from manifest.inventory.digests import Job
from manifest.inventory.opening import Root

BOTH = (Algorithm.SHA256, Algorithm.BLAKE3)
KIB = 1024


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    threads = threading.active_count()
    before = children()
    yield
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert children() == before


def content(size: int) -> bytes:
    block = hashlib.sha512(str(size).encode()).digest() * 64
    return (block * (size // len(block) + 1))[:size]


def alone(tree: Tree, algorithms: tuple[Algorithm, ...]) -> tuple[Hashed, ...]:
    """By one thread, with neither of the ways under test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "usable_cores", lambda: 1)
        return hash_files(tree, algorithms=algorithms)


class TestOneLargeFile:
    @pytest.fixture(autouse=True)
    def small_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parallel, "MIN_WIDE", 70 * KIB)
        monkeypatch.setattr(wide, "_BUFFER", 16 * KIB)

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        asked: list[str] = []
        real = wide.hash_wide

        def recording(job: object, file: FileStat, **options: object) -> Hashed | None:
            asked.append(file.path)
            return real(job, file, **options)  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr(wide, "hash_wide", recording)
        return asked

    @pytest.mark.parametrize("algorithms", [(Algorithm.BLAKE3,), BOTH, (Algorithm.BLAKE2B, *BOTH)])
    @pytest.mark.parametrize("size", [70 * KIB, 96 * KIB - 1, 96 * KIB, 96 * KIB + 1, 1024 * KIB])
    def test_its_digests(
        self, tmp_path: Path, asked: list[str], size: int, algorithms: tuple[Algorithm, ...]
    ) -> None:
        data = content(size)
        (tmp_path / "file").write_bytes(data)
        done: list[tuple[int, int]] = []
        (result,) = hash_files(
            walk(tmp_path), algorithms=algorithms, progress=lambda *n: done.append(n)
        )
        assert asked == ["file"]
        assert result.digest(Algorithm.BLAKE3) == blake3.blake3(data).hexdigest()
        if Algorithm.SHA256 in algorithms:
            assert result.digest(Algorithm.SHA256) == hashlib.sha256(data).hexdigest()
        if Algorithm.BLAKE2B in algorithms:
            assert result.digest(Algorithm.BLAKE2B) == hashlib.blake2b(data).hexdigest()
        assert [sum(column) for column in zip(*done, strict=True)] == [size, 1]

    @pytest.mark.parametrize(
        ("sizes", "algorithms", "expected"),
        [
            ([400], BOTH, 1),
            ([400], (Algorithm.SHA256,), 0),
            ([200, 200], BOTH, 0),
            ([200, 200, 200], (Algorithm.BLAKE3,), 1),
            ([400, 100, 100], (Algorithm.BLAKE3,), 1),
            ([200] * 8, (Algorithm.BLAKE3,), 0),
            ([65], (Algorithm.BLAKE3,), 0),
            ([3000] + [70] * 20, (Algorithm.BLAKE3,), 1),
        ],
        ids=[
            "one",
            "sha256-alone",
            "two",
            "three",
            "one-outweighs",
            "eight",
            "short",
            "among-many",
        ],
    )
    def test_a_file_is_divided_where_a_core_would_wait(
        self,
        tmp_path: Path,
        asked: list[str],
        sizes: list[int],
        algorithms: tuple[Algorithm, ...],
        expected: int,
    ) -> None:
        for number, size in enumerate(sizes):
            (tmp_path / f"{number:02}").write_bytes(content(size * KIB))
        tree = walk(tmp_path)
        assert hash_files(tree, algorithms=algorithms) == alone(tree, algorithms)
        assert asked == [f"{number:02}" for number in range(expected)]

    @pytest.mark.parametrize("algorithms", [(Algorithm.BLAKE3,), BOTH])
    def test_one_that_is_cut_short_meanwhile_is_no_answer_and_no_crash(
        self, tmp_path: Path, asked: list[str], algorithms: tuple[Algorithm, ...]
    ) -> None:
        """A mapped file that is cut short ends the process that reads it."""
        path = tmp_path / "file"
        path.write_bytes(content(1024 * KIB))
        (result,) = hash_files(
            walk(tmp_path), algorithms=algorithms, progress=lambda *_: os.truncate(path, 1000)
        )
        assert asked
        assert result.digests == ()
        assert result.problem is not None
        assert result.problem.kind is ProblemKind.CHANGED

    def test_one_that_was_exchanged_is_no_answer(self, tmp_path: Path, asked: list[str]) -> None:
        path = tmp_path / "file"
        path.write_bytes(content(100 * KIB))
        tree = walk(tmp_path)
        path.unlink()
        path.symlink_to("/etc/passwd")
        (result,) = hash_files(tree, algorithms=BOTH)
        assert asked
        assert result.problem is not None
        assert result.problem.kind is ProblemKind.NOT_REGULAR

    @pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(5, "input/output error")])
    def test_what_ends_the_reading_leaves_no_thread(
        self, tmp_path: Path, error: BaseException | type[BaseException]
    ) -> None:
        (tmp_path / "file").write_bytes(content(1024 * KIB))

        def progress(*_: int) -> None:
            raise error

        with pytest.raises(type(error) if isinstance(error, BaseException) else error):
            hash_files(walk(tmp_path), algorithms=BOTH, progress=progress)

    def test_an_interruption_between_two_threads_leaves_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_bytes(content(1024 * KIB))
        start = threading.Thread.start
        started: list[threading.Thread] = []

        def interrupted(thread: threading.Thread) -> None:
            start(thread)
            started.append(thread)
            raise KeyboardInterrupt

        monkeypatch.setattr(threading.Thread, "start", interrupted)
        tree = walk(tmp_path)
        with pytest.raises(KeyboardInterrupt):
            wide.hash_wide(digests.Job(Root.of(tree), BOTH, None), tree.files[0], cores=2)
        assert len(started) == 1

    def test_an_error_of_a_digest_is_raised_not_swallowed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Broken:
            def update(self, data: memoryview) -> None:
                raise MemoryError

        (tmp_path / "file").write_bytes(content(1024 * KIB))
        monkeypatch.setattr(wide, "make_digest", lambda *_, **__: Broken())
        with pytest.raises(MemoryError):
            hash_files(walk(tmp_path), algorithms=BOTH)


class TestMapped:
    """BLAKE3 of a very large file, in a process that maps it and may be lost."""

    @pytest.fixture(autouse=True)
    def small_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(wide, "MIN_MAPPED", 16 * KIB * KIB)
        monkeypatch.setattr(wide, "MIN_EACH", 8 * KIB * KIB)

    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> list[Hashed | None]:
        """What came of each attempt; None where the file had to be read."""
        answers: list[Hashed | None] = []
        real = mapped.hash_mapped

        def recording(job: Job, files: Sequence[FileStat], **options: Any) -> Iterator[Hashed]:
            found = list(real(job, files, **options))
            answers.extend([*found, None][: len(files)])
            return iter(found)

        monkeypatch.setattr(wide, "hash_mapped", recording)
        return answers

    @pytest.mark.parametrize("extra", [0, 1])
    def test_its_digest(self, tmp_path: Path, answers: list[Hashed | None], extra: int) -> None:
        data = content(65 * KIB * KIB + extra)
        (tmp_path / "file").write_bytes(data)
        done: list[tuple[int, int]] = []
        (result,) = hash_files(
            walk(tmp_path), algorithms=(Algorithm.BLAKE3,), progress=lambda *n: done.append(n)
        )
        assert answers == [result]
        assert result.digest(Algorithm.BLAKE3) == blake3.blake3(data).hexdigest()
        assert [sum(column) for column in zip(*done, strict=True)] == [len(data), 1]

    def test_one_that_is_cut_short_while_it_is_mapped_ends_that_process_only(
        self, tmp_path: Path, answers: list[Hashed | None]
    ) -> None:
        path = tmp_path / "file"
        with path.open("wb") as file:
            file.truncate(2 << 30)
        done: list[tuple[int, int]] = []

        def progress(*n: int) -> None:
            done.append((n[0], n[1]))
            os.truncate(path, 1000)

        (result,) = hash_files(walk(tmp_path), algorithms=(Algorithm.BLAKE3,), progress=progress)
        assert answers == [None]
        assert result.problem is not None
        assert result.problem.kind is ProblemKind.CHANGED
        assert [sum(column) for column in zip(*done, strict=True)] == [2 << 30, 1]

    def test_one_that_was_exchanged_is_no_answer(
        self, tmp_path: Path, answers: list[Hashed | None]
    ) -> None:
        path = tmp_path / "file"
        path.write_bytes(content(17 * KIB * KIB))
        tree = walk(tmp_path)
        path.rename(tmp_path / "other")
        path.symlink_to("other")
        (result,) = hash_files(tree, algorithms=(Algorithm.BLAKE3,))
        assert answers == [result]
        assert result.problem is not None
        assert result.problem.kind is ProblemKind.NOT_REGULAR

    def test_several_in_one_process(self, tmp_path: Path, answers: list[Hashed | None]) -> None:
        sizes = [9, 17, 8, 3]
        for number, size in enumerate(sizes):
            (tmp_path / f"{number}").write_bytes(content(size * KIB * KIB + number))
        tree = walk(tmp_path)
        hashed = hash_files(tree, algorithms=(Algorithm.BLAKE3,))
        assert hashed == alone(tree, (Algorithm.BLAKE3,))
        assert answers == [hashed[1], hashed[0], hashed[2]]

    def test_the_one_with_which_the_process_is_lost_is_read_and_the_next_are_mapped(
        self, tmp_path: Path, answers: list[Hashed | None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, size in (("a", 40), ("b", 30), ("c", 20)):
            (tmp_path / name).write_bytes(content(size * KIB * KIB))
        tree = walk(tmp_path)
        real = crew.Child.receive
        lost: list[bool] = []

        def receive(child: crew.Child) -> Any:
            answer = real(child)
            if any(one is not None for one in answer[1:]) and len(lost) < 2:
                lost.append(len(lost) == 1)
                if lost[-1]:  # the answer for the second file never comes
                    raise HelperLostError
            return answer

        monkeypatch.setattr(crew.Child, "receive", receive)
        done: list[tuple[int, int]] = []
        hashed = hash_files(
            tree, algorithms=(Algorithm.BLAKE3,), progress=lambda *n: done.append(n)
        )
        assert hashed == alone(tree, (Algorithm.BLAKE3,))
        assert answers == [hashed[0], None, hashed[2]]
        assert [sum(column) for column in zip(*done, strict=True)] == [90 * KIB * KIB, 3]

    @pytest.mark.parametrize("python", ["/nowhere/python", "/bin/true"])
    def test_without_the_process_it_is_read(
        self,
        tmp_path: Path,
        answers: list[Hashed | None],
        monkeypatch: pytest.MonkeyPatch,
        python: str,
    ) -> None:
        data = content(17 * KIB * KIB)
        (tmp_path / "file").write_bytes(data)
        monkeypatch.setattr(sys, "executable", python)
        (result,) = hash_files(walk(tmp_path), algorithms=(Algorithm.BLAKE3,))
        assert answers == [None]
        assert result.digest(Algorithm.BLAKE3) == blake3.blake3(data).hexdigest()

    def test_an_interruption_ends_it(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(content(65 * KIB * KIB))

        def progress(*_: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            hash_files(walk(tmp_path), algorithms=(Algorithm.BLAKE3,), progress=progress)


class TestHelpers:
    @pytest.fixture(autouse=True)
    def small_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parallel, "MIN_FILES", 100)
        monkeypatch.setattr(parallel, "_HELPER_FILES", 50)

    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """How many files each answer of a helper was about."""
        counts: list[int] = []
        real = crew.Helper.answer

        def counting(helper: crew.Helper, files: list[FileStat]) -> list[Hashed]:
            found = real(helper, files)
            counts.append(len(found))
            return found

        monkeypatch.setattr(crew.Helper, "answer", counting)
        return counts

    @pytest.fixture
    def slow_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Leave the work to the helper, which may start late on a busy machine."""
        real = digests.hash_part

        def waiting(job: object, *arguments: object, **options: object) -> list[Hashed]:
            if threading.current_thread() is threading.main_thread():
                time.sleep(0.2)
            return real(job, *arguments, **options)  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr(parallel, "hash_part", waiting)

    @pytest.fixture
    def tree(self, tmp_path: Path) -> Tree:
        return walk(make_files(tmp_path / "release", 400))

    @pytest.mark.parametrize("algorithms", [(Algorithm.SHA256,), (Algorithm.BLAKE3,), BOTH])
    @pytest.mark.usefixtures("slow_here")
    def test_the_same_answers(
        self, tree: Tree, answers: list[int], algorithms: tuple[Algorithm, ...]
    ) -> None:
        done: list[tuple[int, int]] = []
        expected = alone(tree, algorithms)
        found = hash_files(tree, algorithms=algorithms, progress=lambda *n: done.append(n))
        assert found == expected
        assert answers
        assert [sum(column) for column in zip(*done, strict=True)] == [tree.size, 400]

    @pytest.mark.usefixtures("slow_here")
    def test_among_large_files(self, tmp_path: Path, answers: list[int]) -> None:
        root = make_files(tmp_path / "release", 400)
        for number in range(3):
            (root / f"large-{number}").write_bytes(content(200 * KIB))
        tree = walk(root)
        assert hash_files(tree, algorithms=BOTH) == alone(tree, BOTH)
        assert answers

    @pytest.mark.usefixtures("slow_here")
    def test_what_they_cannot_read(self, tree: Tree, answers: list[int]) -> None:
        root = Path(tree.root)
        for number, file in enumerate(tree.files[::3]):
            path = root / file.path
            if number % 3 == 0:
                path.unlink()
            elif number % 3 == 1:
                path.write_bytes(b"changed")
            else:
                path.unlink()
                path.symlink_to("/etc/passwd")
        found = hash_files(tree, algorithms=BOTH)
        assert answers
        assert found == alone(tree, BOTH)
        assert [one.problem is None for one in found] == [n % 3 != 0 for n in range(400)]

    def test_batches_that_no_pipe_holds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two that wait for each other to read would wait for ever."""
        monkeypatch.setattr(parallel, "_HELPER_FILES", 1000)
        deep = "/".join(["d" * 200] * 5)
        tree = walk(make_files(tmp_path / "release", 4000, deep))
        assert hash_files(tree, algorithms=(*BOTH, Algorithm.BLAKE2B)) == alone(
            tree, (*BOTH, Algorithm.BLAKE2B)
        )

    @pytest.mark.usefixtures("slow_here")
    def test_one_that_is_killed_loses_nothing(
        self, tree: Tree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed: list[int] = []
        real = crew.Helper.answer

        def killing(helper: crew.Helper, files: list[FileStat]) -> list[Hashed]:
            killed.append(helper._pid)
            os.kill(helper._pid, signal.SIGKILL)
            return real(helper, files)

        monkeypatch.setattr(crew.Helper, "answer", killing)
        assert hash_files(tree, algorithms=BOTH) == alone(tree, BOTH)
        assert len(killed) == 1

    @pytest.mark.parametrize("python", ["", "/nowhere/python", "/bin/true", "/bin/cat"])
    def test_one_that_does_not_start_is_done_without(
        self, tree: Tree, monkeypatch: pytest.MonkeyPatch, python: str
    ) -> None:
        expected = alone(tree, BOTH)
        monkeypatch.setattr(sys, "executable", python)
        assert hash_files(tree, algorithms=BOTH) == expected

    def test_an_interruption_leaves_none(self, tree: Tree) -> None:
        def progress(*_: int) -> None:
            if threading.current_thread() is threading.main_thread():
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            hash_files(tree, algorithms=BOTH, progress=progress)

    def test_it_ends_with_the_process_that_asked(self, tmp_path: Path) -> None:
        """Killed, and not told: the pipe ends."""
        script = (
            "import sys, time\n"
            "from manifest.inventory import Algorithm, walk\n"
            "from manifest.inventory.crew import Helper\n"
            "from manifest.inventory.digests import Job\n"
            "from manifest.inventory.opening import Root\n"
            "helper = Helper(Job(Root.of(walk(sys.argv[1])), (Algorithm.SHA256,), None))\n"
            "print(helper._pid, flush=True)\n"
            "time.sleep(60)\n"
        )
        (tmp_path / "file").write_bytes(b"x")
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            pid = int(process.stdout.readline())
            process.kill()
        for _ in range(100):
            if not alive(pid):
                return
            time.sleep(0.05)
        pytest.fail("the helper outlived the process that started it")


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def make_files(root: Path, count: int, directory: str = "sub") -> Path:
    place = root / directory
    place.mkdir(parents=True)
    for number in range(count):
        (place / f"{number:05}").write_bytes(content(number))
    return root
