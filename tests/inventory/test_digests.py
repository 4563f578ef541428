from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import blake3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.errors import UndecidedError, UsageError
from manifest.inventory import Algorithm, Hashed, ProblemKind, Tree, hash_files, read_file, walk
from manifest.inventory.digests import SMALL_FILE

MIB = 1 << 20
EVERY = tuple(Algorithm)
ORACLES: dict[Algorithm, Callable[[bytes], str]] = {
    Algorithm.SHA256: lambda data: hashlib.sha256(data).hexdigest(),
    Algorithm.BLAKE2B: lambda data: hashlib.blake2b(data, digest_size=64).hexdigest(),
    Algorithm.BLAKE3: lambda data: blake3.blake3(data).hexdigest(),
}
SIZES = (0, 1, 2048, SMALL_FILE - 1, SMALL_FILE, SMALL_FILE + 1, 3 * MIB, 5 * MIB + 7)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every interesting size, in directories one below the other."""
    root = tmp_path_factory.mktemp("varied")
    chance = random.Random(7)
    for number, size in enumerate(SIZES):
        write(root / f"d{number % 3}" / f"{number}.bin", chance.randbytes(size))
        write(root / f"d{number % 3}" / "below" / "é" / f"{number}.bin", chance.randbytes(size))
        write(root / f"{number}.bin", chance.randbytes(size))
    for number in range(700):
        write(root / "many" / f"{number:03d}", str(number).encode())
    return root


def sharded(data: bytes, length: int, oracle: Callable[[bytes], str]) -> tuple[str, ...]:
    return tuple(oracle(data[start : start + length]) for start in range(0, len(data), length))


def one(root: Path, content: bytes) -> tuple[Path, Tree]:
    path = write(root / "sub" / "file", content)
    return path, walk(root)


def test_digests_are_those_of_the_standard_library(varied: Path) -> None:
    tree = walk(varied)
    results = hash_files(tree, algorithms=EVERY)
    assert [result.path for result in results] == [file.path for file in tree.files]
    for result in results:
        content = (varied / result.path).read_bytes()
        assert result.problem is None
        assert result.size == len(content)
        for algorithm, oracle in ORACLES.items():
            assert result.digest(algorithm) == oracle(content)


def test_digests_are_those_of_openssl(varied: Path) -> None:
    tree = walk(varied)
    large = [file.path for file in tree.files if file.size > 1000]
    for name, algorithm in (("-sha256", Algorithm.SHA256), ("-blake2b512", Algorithm.BLAKE2B)):
        done = subprocess.run(
            ["openssl", "dgst", "-r", name, *large], cwd=varied, capture_output=True, check=True
        )
        expected = [line.split()[0] for line in done.stdout.decode().splitlines()]
        results = hash_files(tree, large, algorithms=(algorithm,))
        assert [result.digest(algorithm) for result in results] == expected


@pytest.mark.parametrize("length", [1, 1000, SMALL_FILE, MIB, 10**9])
def test_shards_are_consecutive_ranges(tmp_path: Path, length: int) -> None:
    sizes = (0, 1, 999, 1000, 1001, 3000, *((MIB, 2 * MIB + 5) if length >= 1000 else ()))
    for size in sizes:
        write(tmp_path / f"{size}", random.Random(size).randbytes(size))
    for result in hash_files(walk(tmp_path), algorithms=EVERY, shard_size=length):
        content = (tmp_path / result.path).read_bytes()
        for algorithm, oracle in ORACLES.items():
            assert result.ranges(algorithm) == sharded(content, length, oracle)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 400))
def test_shards_of_any_length(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, length: int
) -> None:
    root = tmp_path_factory.mktemp("shards")
    write(root / "file", content)
    (result,) = hash_files(walk(root), shard_size=length)
    assert result.ranges() == sharded(content, length, ORACLES[Algorithm.SHA256])


def test_the_whole_digest_of_a_file_in_ranges_is_refused(tmp_path: Path) -> None:
    _, tree = one(tmp_path, b"abc")
    (result,) = hash_files(tree, shard_size=2)
    with pytest.raises(UndecidedError, match="hashed in ranges"):
        result.digest()
    with pytest.raises(UndecidedError, match="not hashed with blake3"):
        result.ranges(Algorithm.BLAKE3)


@pytest.mark.parametrize("length", [0, -1])
def test_a_shard_without_bytes_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(UsageError, match="at least one byte"):
        hash_files(walk(tmp_path), shard_size=length)


def test_no_algorithm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no digest"):
        hash_files(walk(tmp_path), algorithms=())


def test_results_come_in_the_order_asked_for(varied: Path) -> None:
    tree = walk(varied, leave_out=frozenset({"d1"}))
    asked = ["many/005", "6.bin", "d1/below/é/7.bin", "0.bin", "nowhere", "7.bin"]
    results = hash_files(tree, asked)
    assert [result.path for result in results] == asked
    assert [result.problem and result.problem.kind for result in results] == [
        *[None] * 4,
        ProblemKind.VANISHED,
        None,
    ]
    assert results[2].digest() == ORACLES[Algorithm.SHA256]((varied / asked[2]).read_bytes())
    assert hash_files(tree, []) == ()


def threads() -> Executor:
    return ThreadPoolExecutor(3)


def processes() -> Executor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


class Bar:
    """What a progress bar was told."""

    def __init__(self) -> None:
        self.bytes = self.files = self.largest = 0
        self._lock = threading.Lock()

    def __call__(self, n_bytes: int, n_files: int) -> None:
        with self._lock:
            self.bytes += n_bytes
            self.files += n_files
            self.largest = max(self.largest, n_bytes)


@pytest.mark.parametrize("make", [threads, processes])
def test_an_executor_gives_the_same_results_and_progress(
    varied: Path, make: Callable[[], Executor]
) -> None:
    tree, bar = walk(varied), Bar()
    with make() as executor:
        results = hash_files(tree, algorithms=EVERY, executor=executor, progress=bar)
    assert results == hash_files(tree, algorithms=EVERY)
    assert (bar.bytes, bar.files) == (tree.size, len(tree.files))


def test_an_executor_gets_more_parts_than_it_may_hold(
    varied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hash_files.__globals__, "_BATCH_FILES", 3)
    monkeypatch.setitem(hash_files.__globals__, "_OUTSTANDING", 2)
    tree = walk(varied)
    with threads() as executor:
        assert hash_files(tree, executor=executor) == hash_files(tree)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_any_number_of_cores_gives_the_same(
    varied: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    tree = walk(varied)
    usual = hash_files(tree)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert hash_files(tree) == usual


def test_progress_adds_up_and_comes_often(tmp_path: Path) -> None:
    write(tmp_path / "large", bytes(40 * MIB))
    write(tmp_path / "larger", bytes(50 * MIB + 3))
    for number in range(600):
        write(tmp_path / "small" / str(number), bytes(number))
    tree, bar = walk(tmp_path), Bar()
    hash_files(tree, progress=bar)
    assert (bar.bytes, bar.files) == (tree.size, len(tree.files))
    assert bar.largest <= 16 * MIB


def test_progress_adds_up_when_files_have_problems(varied: Path, tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"large{number}", bytes(20 * MIB))
        write(tmp_path / f"small{number}", bytes(20))
    tree, bar = walk(tmp_path), Bar()
    (tmp_path / "large1").unlink()
    (tmp_path / "small1").unlink()
    os.truncate(tmp_path / "large2", 100)
    results = hash_files(tree, progress=bar)
    assert [result.path for result in results if result.problem] == ["large1", "large2", "small1"]
    assert (bar.bytes, bar.files) == (tree.size, len(tree.files))


def replace_by_link(path: Path) -> None:
    """By a link to a file with the same content."""
    path.rename(path.parent.parent / "moved")
    path.symlink_to("../moved")


def replace_directory_by_link(path: Path) -> None:
    path.parent.rename(path.parent.parent / "moved")
    path.parent.symlink_to("moved")


def replace_by_copy(path: Path) -> None:
    content, status = path.read_bytes(), path.stat()
    path.rename(path.parent.parent / "moved")
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def remove_directory(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


def modify_in_place(path: Path) -> None:
    """Other bytes, same size, and the time of modification set back."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"!")


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


BETWEEN = [
    pytest.param(replace_by_link, ProblemKind.NOT_REGULAR, id="replaced-by-link"),
    pytest.param(replace_directory_by_link, ProblemKind.NOT_REGULAR, id="directory-now-a-link"),
    pytest.param(replace_by_copy, ProblemKind.CHANGED, id="replaced-by-copy"),
    pytest.param(replace_by_fifo, ProblemKind.NOT_REGULAR, id="replaced-by-fifo"),
    pytest.param(replace_by_directory, ProblemKind.NOT_REGULAR, id="replaced-by-directory"),
    pytest.param(Path.unlink, ProblemKind.VANISHED, id="removed"),
    pytest.param(remove_directory, ProblemKind.VANISHED, id="directory-removed"),
    pytest.param(modify_in_place, ProblemKind.CHANGED, id="modified-with-time-set-back"),
    pytest.param(append, ProblemKind.CHANGED, id="grown"),
    pytest.param(truncate, ProblemKind.CHANGED, id="truncated"),
]


@pytest.mark.parametrize("size", [100, SMALL_FILE + 1], ids=["small", "large"])
@pytest.mark.parametrize(("attack", "kind"), BETWEEN)
def test_a_file_that_is_not_the_one_of_the_walk_has_no_digest(
    tmp_path: Path, attack: Callable[[Path], None], kind: ProblemKind, size: int
) -> None:
    write(tmp_path / "good", b"good")
    path, tree = one(tmp_path, bytes(size))
    time.sleep(0.02)  # file systems stamp changes with the time of the last tick
    attack(path)
    good, bad = hash_files(tree)
    assert good.problem is None
    assert bad.problem is not None
    assert bad.problem.kind is kind
    assert bad.problem.detail
    assert bad.digests == ()
    with pytest.raises(UndecidedError, match="sub/file"):
        bad.digest()


@pytest.mark.parametrize(
    "attack", [modify_in_place, append, truncate, lambda path: os.truncate(path, 0)]
)
def test_a_file_that_changes_while_it_is_read_has_no_digest(
    tmp_path: Path, attack: Callable[[Path], None]
) -> None:
    path, tree = one(tmp_path, bytes(24 * MIB))
    time.sleep(0.02)
    told: list[int] = []

    def progress(n_bytes: int, _: int) -> None:
        if not told:
            attack(path)
        told.append(n_bytes)

    (result,) = hash_files(tree, progress=progress)
    assert told[0] < 24 * MIB, "the attack came in the middle of the reading"
    assert result.problem is not None
    assert result.problem.kind is ProblemKind.CHANGED
    assert result.digests == ()
    assert sum(told) == 24 * MIB


def test_a_root_replaced_after_the_walk_gives_no_digest(tmp_path: Path) -> None:
    root = tmp_path / "release"
    _, tree = one(root, b"x")
    root.rename(tmp_path / "moved")
    write(root / "sub" / "file", b"x")
    (result,) = hash_files(tree)
    assert result.problem is not None
    assert result.problem.kind is ProblemKind.CHANGED
    assert "directory was replaced" in result.problem.detail


@pytest.mark.parametrize("size", [100, SMALL_FILE + 1], ids=["small", "large"])
@pytest.mark.parametrize("call", ["open", "read"])
def test_what_the_system_refuses_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, size: int
) -> None:
    """Tests may run as root, whom no permission stops, so the system call is made to fail."""
    _, tree = one(tmp_path, bytes(size))
    error = errno.EACCES if call == "open" else errno.EIO
    real = os.open

    def opening(path: str, *arguments: object, **options: object) -> int:
        if path == "file" and call == "open":
            raise PermissionError(error, os.strerror(error))
        return real(path, *arguments, **options)  # type: ignore[arg-type]  # passed through

    def reading(*_: object) -> bytes:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "open", opening)
    if call == "read":
        monkeypatch.setattr(os, "read", reading)
        monkeypatch.setattr(os, "readv", reading)
    (result,) = hash_files(tree)
    assert result.problem == (ProblemKind.UNREADABLE, os.strerror(error))
    with pytest.raises(UndecidedError) as caught:
        read_file(tree, tree.files[0].path, max_bytes=size)
    assert "may read it" in caught.value.remedy  # nobody else's writing is the cause


def test_short_reads_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems return a part of what was asked for."""
    content = random.Random(1).randbytes(5000)
    _, tree = one(tmp_path, content)
    write(tmp_path / "large", content * 20)
    tree = walk(tmp_path)
    usual = hash_files(tree)
    real_read, real_readv = os.read, os.readv
    monkeypatch.setattr(os, "read", lambda fd, length: real_read(fd, min(length, 999)))
    monkeypatch.setattr(os, "readv", lambda fd, parts: real_readv(fd, [parts[0][:999]]))
    assert hash_files(tree) == usual
    assert [result.problem for result in usual] == [None, None]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_and_no_thread_is_left(varied: Path) -> None:
    tree = walk(varied)
    before = descriptors(), threading.active_count()
    for _ in range(3):
        hash_files(walk(varied))
    (varied / "d0").rename(varied / "moved")
    try:
        assert any(result.problem for result in hash_files(tree))
    finally:
        (varied / "moved").rename(varied / "d0")
    assert (descriptors(), threading.active_count()) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, UndecidedError("stop")])
@pytest.mark.parametrize(
    ("where", "pool"),
    [
        pytest.param("calling thread", False, id="calling-thread"),
        pytest.param("another thread", False, id="helping-thread"),
        pytest.param("another thread", True, id="executor"),
    ],
)
def test_what_progress_raises_ends_the_run(
    tmp_path: Path,
    error: BaseException | type[BaseException],
    where: str,
    pool: bool,  # noqa: FBT001 a parameter of the table
) -> None:
    for number in range(6):
        write(tmp_path / str(number), bytes(20 * MIB))
    tree, calling = walk(tmp_path), threading.current_thread()
    before = descriptors(), threading.active_count()
    bar = Bar()

    def progress(n_bytes: int, n_files: int) -> None:
        bar(n_bytes, n_files)
        if (threading.current_thread() is calling) == (where == "calling thread"):
            raise error

    with pytest.raises(type(error) if isinstance(error, BaseException) else error):  # noqa: PT012 the pool must be closed inside
        if pool:
            with threads() as executor:
                hash_files(tree, progress=progress, executor=executor)
        else:
            hash_files(tree, progress=progress)
    assert bar.bytes < tree.size / 2
    assert (descriptors(), threading.active_count()) == before


INTERRUPTED = """
import os, sys, threading, time
from pathlib import Path
from manifest.inventory import hash_files, walk
told = []
def progress(*_):
    if not told:
        told.append(1)
        print("reading", flush=True)
    time.sleep(0.05)
try:
    hash_files(walk(sys.argv[1]), progress=progress)
except KeyboardInterrupt:
    print("threads", threading.active_count(), flush=True)
"""


def test_control_c_ends_the_run_at_once(tmp_path: Path) -> None:
    for number in range(4):
        with (tmp_path / str(number)).open("wb") as file:
            file.truncate(4 << 30)  # sparse: more than can be read in the time allowed
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process, process.stdout as output:
        assert output.readline() == b"reading\n"
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert output.readline() == b"threads 1\n"
        assert process.wait() == 0
        assert time.monotonic() - start < 5


def test_a_result_is_a_plain_value(tmp_path: Path) -> None:
    _, tree = one(tmp_path, b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert hash_files(tree) == (
        Hashed("sub/file", 3, (Algorithm.SHA256,), ((digest,),), problem=None),
    )


@pytest.mark.long
def test_memory_does_not_grow_with_the_size_of_files(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; from manifest.inventory import hash_files, walk\n"
        "hash_files(walk(sys.argv[1]))\n"
        # Not `ru_maxrss`: a child begins with what its parent had.
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(status.partition('VmHWM:')[2].split()[0])"
    )

    def peak_kib(size: int) -> int:
        with (tmp_path / "file").open("wb") as file:
            file.truncate(size)
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True
        )
        return int(done.stdout)

    assert peak_kib(512 << 20) < peak_kib(2 << 20) + 8 * 1024


def test_control_c_while_waiting_for_the_others_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a", bytes(64 * MIB))
    write(tmp_path / "b", bytes(100_000))
    tree, before = walk(tmp_path), threading.active_count()
    real, calls = threading.Thread.join, 0

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        real(thread, timeout)

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        hash_files(tree)
    monkeypatch.undo()
    assert calls == 2
    assert threading.active_count() == before
