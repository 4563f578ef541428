"""Build and verify a component with an inventory: time for each file, and the most memory.

    python tests/benchmarks/bench_inventory.py [--sizes 10000,100000,1000000] [--where /dev/shm]

Files are made on a memory file system where there is one: 20 bytes each, 1000 in a directory, so
that what is measured is the cost for each file and not that of the disk. Each command runs in a
process of its own, whose peak resident memory is asked for with getrusage; the helping processes
that it starts are counted on their own, as the largest of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_DESCRIPTION = """\
schema_version: "1.0"
name: bench/inventory
version: "1"
described_by: publisher
components:
  datasets:
    inventory: {path: data.jsonl, directory: data/}
"""
_RUN = """\
import json, resource, sys, time
from manifest.build import build, write_manifest
from manifest.verify.run import verify
what, directory = sys.argv[1:3]
start = time.perf_counter()
if what == "build":
    write_manifest(directory, build(directory))
else:
    sample = 1000 if what == "sample" else None
    report = verify(directory, integrity_only=True, sample=sample)
    assert report.ok, report
seconds = time.perf_counter() - start
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(each.ru_utime + each.ru_stime for each in used)
print(json.dumps([seconds, cpu, *(each.ru_maxrss / 1024 for each in used)]))
"""


def make(directory: Path, count: int) -> None:
    """A release of so many small files in an owned directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "release.yaml").write_text(_DESCRIPTION, encoding="utf-8")
    for start in range(0, count, 1000):
        part = directory / "data" / f"part-{start // 1000:05d}"
        part.mkdir(parents=True, exist_ok=True)
        for number in range(start, min(start + 1000, count)):
            (part / f"shard-{number:07d}.bin").write_bytes(b"%020d" % number)


def measure(what: str, directory: Path) -> tuple[float, float, float, float]:
    """Seconds by the clock and of processors; peak memory of the process and of a helper, in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, what, str(directory)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, cpu, own, helper = json.loads(done.stdout)
    return seconds, cpu, own, helper


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print one line for each size and command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="10000,100000,1000000")
    shared = Path("/dev/shm")
    parser.add_argument("--where", type=Path, default=shared if shared.is_dir() else None)
    arguments = parser.parse_args()
    sizes = [int(text) for text in arguments.sizes.split(",")]
    slopes: dict[str, float] = {}
    say(
        f"{'files':>9}  {'command':<8} {'seconds':>8} {'cpu':>8} {'µs cpu/file':>12} "
        f"{'MiB':>6} {'helper':>6}"
    )
    for count in sizes:
        with tempfile.TemporaryDirectory(dir=arguments.where) as place:
            directory = Path(place) / "release"
            start = time.perf_counter()
            make(directory, count)
            made = time.perf_counter() - start
            say(f"{count:>9}  {'(made)':<8} {made:>8.2f}")
            for what in ("build", "verify", "sample"):
                seconds, cpu, own, helper = measure(what, directory)
                each = cpu / count * 1e6
                slopes.setdefault(what, each)
                ratio = each / slopes[what]
                say(
                    f"{count:>9}  {what:<8} {seconds:>8.2f} {cpu:>8.2f} {each:>12.2f} "
                    f"{own:>6.0f} {helper:>6.0f}  {ratio:.2f} of the first size's for each file"
                )


if __name__ == "__main__":
    main()
