"""How fast files are read and hashed, beside `openssl` and the peer tool.

Run as ``python tests/benchmarks/bench_files.py [--size-mib 256 --files 8 --small 20000]``. The data
are made in a temporary directory and removed afterwards. Every contender reads them once to warm
the cache; then the contenders take turns, so that a busy moment of the machine hits all of them,
and the medians are compared.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SMALL_BYTES = 2048
BLOCK = 1 << 20
OURS = """
import sys
from manifest.inventory import hash_files, walk
results = hash_files(walk(sys.argv[1]))
assert results and all(one.problem is None for one in results)
"""
PEER = """
import sys
from model_signing import hashing
hashing.Config().hash(sys.argv[1])
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """Something that hashes a directory: a name and the call that does it once."""

    name: str
    run: Callable[[], None]


def make_large(directory: Path, files: int, size_mib: int) -> None:
    for number in range(files):
        with (directory / f"shard-{number:05d}.bin").open("wb") as file:
            for _ in range(size_mib):
                file.write(os.urandom(BLOCK))


def make_small(directory: Path, files: int) -> None:
    for number in range(files):
        place = directory / f"part-{number // 200:04d}"
        if number % 200 == 0:
            place.mkdir()
        (place / f"{number:06d}.bin").write_bytes(os.urandom(SMALL_BYTES))


def in_process(directory: Path) -> None:
    from manifest.inventory import hash_files, walk

    hash_files(walk(directory))


def command(*arguments: str) -> Callable[[], None]:
    """A contender that is one process, its start included."""

    def run() -> None:
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)

    return run


def openssl_pair(directory: Path) -> Callable[[], None]:
    """Two `openssl` processes, each with every second file."""
    files = sorted(str(path) for path in directory.rglob("*") if path.is_file())

    def run() -> None:
        processes = [
            subprocess.Popen(
                ["openssl", "dgst", "-sha256", *files[part::2]], stdout=subprocess.DEVNULL
            )
            for part in range(2)
        ]
        for process in processes:
            if process.wait() != 0:
                raise SystemExit("openssl failed")

    return run


def has_peer() -> bool:
    probe = [sys.executable, "-c", "import model_signing.hashing"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def contenders(directory: Path, *, peer: bool) -> list[Contender]:
    found = [
        Contender("two openssl processes", openssl_pair(directory)),
        Contender("walk and hash, in process", lambda: in_process(directory)),
        Contender(
            "walk and hash, process start included",
            command(sys.executable, "-c", OURS, str(directory)),
        ),
    ]
    if peer:
        found.append(
            Contender(
                "model-signing, process start included",
                command(sys.executable, "-c", PEER, str(directory)),
            )
        )
    return found


def times_of(jobs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each job in each round; the jobs take turns, after one run that warms the cache."""
    for run in jobs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, run in jobs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def measure(title: str, candidates: Sequence[Contender], rounds: int) -> None:
    """Print the median of each contender and its ratio to the first."""
    times = times_of({candidate.name: candidate.run for candidate in candidates}, rounds)
    base = statistics.median(times[candidates[0].name])
    sys.stdout.write(f"{title}\n")
    for name, taken in times.items():
        median = statistics.median(taken)
        sys.stdout.write(
            f"  {name:<40} {median:8.3f} s  {median / base:6.2f}x  (best {min(taken):.3f} s)\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size-mib", type=int, default=256, help="size of each large file")
    parser.add_argument("--files", type=int, default=8, help="number of large files")
    parser.add_argument("--small", type=int, default=20000, help="number of files of 2 KB")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each contender")
    parser.add_argument("--no-peer", action="store_true", help="leave the peer tool out")
    options = parser.parse_args()
    peer = not options.no_peer and has_peer()
    with tempfile.TemporaryDirectory(prefix="bench-files-") as temporary:
        if options.files:
            large = Path(temporary) / "large"
            large.mkdir()
            make_large(large, options.files, options.size_mib)
            title = f"{options.files} files of {options.size_mib} MiB"
            measure(title, contenders(large, peer=peer), options.rounds)
        if options.small:
            small = Path(temporary) / "small"
            small.mkdir()
            make_small(small, options.small)
            title = f"{options.small} files of {SMALL_BYTES} bytes"
            measure(title, contenders(small, peer=peer), options.rounds)


if __name__ == "__main__":
    main()
