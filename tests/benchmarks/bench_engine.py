"""How near hashing comes to the limit of the machine: large files, one large file, small files.

Run as ``python tests/benchmarks/bench_engine.py [--files 8 --size-mib 512 --one-mib 4096 --small
50000]``. Whole commands are measured, process start included, on data in the cache; the contenders
take turns. The limits are other programs on as many processes as there are cores: ``openssl dgst``
for SHA-256, ``b3sum --num-threads 1`` for BLAKE3 (this interpreter with the `blake3` package where
b3sum is not installed), and a program in C, compiled on the spot, for small files. Each job ends
in the ratio that is asked of it and the one that was reached.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench_files import command, make_large, make_small, times_of
from bench_main_job import DESCRIPTION, MANIFEST, PEER

CORES = len(os.sched_getaffinity(0))
B3SUM = """
import os, sys
from blake3 import blake3
buffer = memoryview(bytearray(512 * 1024))
for path in sys.argv[1:]:
    digest, file = blake3(), os.open(path, os.O_RDONLY)
    while count := os.readv(file, [buffer]):
        digest.update(buffer[:count])
    os.close(file)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Ratio:
    """A target: ``numerator`` over ``denominator``, at least or at most ``wanted``."""

    what: str
    numerator: str
    denominator: str
    wanted: float
    at_most: bool = False


def in_parallel(*arguments: str, files: Sequence[str]) -> Callable[[], None]:
    """One process for each core, each with its share of the files."""
    parts = [part for n in range(CORES) if (part := files[n::CORES])]

    def run() -> None:
        processes = [
            subprocess.Popen([*arguments, *part], stdout=subprocess.DEVNULL) for part in parts
        ]
        exits = [process.wait() for process in processes]  # all of them, whichever fails
        if any(exits):
            raise SystemExit(f"{arguments[0]} failed")

    return run


def b3sum(threads: int) -> list[str]:
    """BLAKE3 by another program; the stand-in has one thread for each process."""
    found = shutil.which("b3sum")
    return [found, "--num-threads", str(threads)] if found else [sys.executable, "-c", B3SUM]


def release(directory: Path, digests: str = "[sha256, blake3]") -> Path:
    (directory / "release.yaml").write_text(DESCRIPTION + f"digests: {digests}\n")
    return directory


def verify(directory: Path, digest: str) -> Callable[[], None]:
    return command(MANIFEST, "verify", str(directory), "--integrity-only", "--digest", digest, "-q")


def build(directory: Path, digests: str) -> Callable[[], None]:
    run = command(MANIFEST, "build", str(directory), "-q")

    def from_nothing() -> None:
        release(directory, digests)
        (directory / "manifest.json").unlink(missing_ok=True)
        run()

    return from_nothing


def report(
    title: str, jobs: dict[str, Callable[[], None]], ratios: Sequence[Ratio], rounds: int
) -> None:
    sys.stdout.write(f"{title}\n")
    medians = {n: statistics.median(t) for n, t in times_of(jobs, rounds).items()}
    for name, median in medians.items():
        sys.stdout.write(f"  {name:<44} {median:8.3f} s\n")
    for ratio in ratios:
        if ratio.numerator in medians and ratio.denominator in medians:
            reached = medians[ratio.numerator] / medians[ratio.denominator]
            word = "at most" if ratio.at_most else "at least"
            sys.stdout.write(f"  {ratio.what}: {reached:.2f} ({word} {ratio.wanted})\n")
    sys.stdout.flush()


def large_files(scratch: Path, count: int, size_mib: int, rounds: int) -> None:
    directory = scratch / "large"
    directory.mkdir()
    make_large(directory, count, size_mib)
    files = sorted(map(str, directory.glob("*.bin")))
    build(directory, "[sha256, blake3]")()
    jobs = {
        "b3sum": in_parallel(*b3sum(1), files=files),
        "openssl": in_parallel("openssl", "dgst", "-sha256", files=files),
        "verify --digest blake3": verify(directory, "blake3"),
        "verify --digest sha256": verify(directory, "sha256"),
    }
    ratios = [
        Ratio("BLAKE3, of b3sum", "b3sum", "verify --digest blake3", 0.85),
        Ratio("SHA-256, of openssl", "openssl", "verify --digest sha256", 0.85),
    ]
    if PEER.exists():
        jobs |= peer(directory, scratch)
        ratios.append(Ratio("of the peer", "model_signing verify", "verify --digest blake3", 2.5))
    title = f"{count} files of {size_mib} MiB"
    report(f"{title}, verified", jobs, ratios, rounds)
    jobs = {
        "build, SHA-256": build(directory, "[sha256]"),
        "build, both": build(directory, "[sha256, blake3]"),
    }
    both = Ratio("both, of SHA-256 alone", "build, both", "build, SHA-256", 1.35, at_most=True)
    report(f"{title}, built", jobs, [both], rounds)
    shutil.rmtree(directory)


def peer(directory: Path, scratch: Path) -> dict[str, Callable[[], None]]:
    key, signature = str(scratch / "key"), str(scratch / "peer.sig")
    place = [str(directory), "--signature", signature]
    sign = command(str(PEER), "sign", "key", *place, "--private_key", key)
    sign()
    return {
        "model_signing sign": sign,
        "model_signing verify": command(
            str(PEER),
            "verify",
            "key",
            *place,
            "--public_key",
            f"{key}.pub",
            "--ignore_unsigned_files",
        ),
    }


def one_file(scratch: Path, size_mib: int, rounds: int) -> None:
    directory = scratch / "one"
    directory.mkdir()
    make_large(directory, 1, size_mib)
    (file,) = directory.glob("*.bin")
    build(directory, "[sha256, blake3]")()
    jobs = {
        "one b3sum, one thread": in_parallel(*b3sum(1), files=[str(file)]),
        "verify --digest blake3": verify(directory, "blake3"),
        "verify --digest both": verify(directory, "both"),
        "verify --digest sha256": verify(directory, "sha256"),
    }
    ratio = Ratio(
        f"cores used, of {CORES}", "one b3sum, one thread", "verify --digest blake3", 0.8 * CORES
    )
    report(f"one file of {size_mib} MiB", jobs, [ratio], rounds)
    shutil.rmtree(directory)


def small_files(scratch: Path, count: int, rounds: int) -> None:
    directory = scratch / "small"
    directory.mkdir()
    make_small(directory, count)
    jobs = {"build": build(directory, "[sha256, blake3]")}
    ratios = []
    if (program := compiled(scratch)) is not None:
        paths = "\n".join(sorted(map(str, directory.rglob("*.bin")))).encode()

        def in_c() -> None:
            subprocess.run([program, str(CORES)], input=paths, check=True)

        jobs["C"] = in_c
        ratios.append(Ratio("of the limit", "C", "build", 0.25))
    if PEER.exists():
        jobs |= {k: v for k, v in peer(directory, scratch).items() if k.endswith("sign")}
        ratios.append(Ratio("of the peer", "model_signing sign", "build", 8.0))
    report(f"{count} files of 2 KB, from nothing to a manifest", jobs, ratios, rounds)
    shutil.rmtree(directory)


def compiled(scratch: Path) -> str | None:
    """The C program; None without a compiler or the headers of OpenSSL."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    target = str(scratch / "small-files")
    source = str(Path(__file__).with_name("small_files.c"))
    done = subprocess.run(
        [compiler, "-O2", "-o", target, source, "-lcrypto"], check=False, capture_output=True
    )
    return target if done.returncode == 0 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=8, help="number of large files")
    parser.add_argument("--size-mib", type=int, default=512, help="size of each")
    parser.add_argument("--one-mib", type=int, default=4096, help="size of the one large file")
    parser.add_argument("--small", type=int, default=50_000, help="number of files of 2 KB")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each contender")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="bench-engine-"))
    try:
        command(MANIFEST, "keygen", "--out", str(scratch / "key"), "--no-passphrase")()
        if options.small:
            small_files(scratch, options.small, options.rounds)
        if options.one_mib:
            one_file(scratch, options.one_mib, options.rounds)
        if options.files:
            large_files(scratch, options.files, options.size_mib, options.rounds)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
