"""A component with an inventory: whether time grows with the number of files, and memory does not.

Each command runs in a process of its own, whose peak resident memory is told by the kernel.
That of processes which help it is added: the most that they had at once, pages that they share
counted for each. Files lie on a memory file system where there is one: what is measured is the
cost of each file and not that of the disk.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

from job_files import C_LIMIT, hashed_in_c
from making import make_owned
from measuring import HERE, Bench, Job, Role, Run, Target

__all__ = ["inventory"]

_RUN = """\
import json, sys, time
sys.path.insert(0, sys.argv[3])
from measuring import HelpersMemory, peak_memory
from manifest.build import build, write_manifest
from manifest.verify.run import verify
what, directory = sys.argv[1:3]
start = time.perf_counter()
with HelpersMemory() as helpers:
    if what == "build":
        write_manifest(directory, build(directory))
    else:
        report = verify(directory, integrity_only=True, sample=1000 if what == "sample" else None)
        assert report.ok, report
seconds = time.perf_counter() - start
print(json.dumps([seconds, peak_memory() + helpers.most]))
"""
_COMMANDS = ("build", "verify", "sample")


def inventory(bench: Bench) -> Job:
    """Build, verify and sample inventories of three sizes."""
    sizes = (2_000, 20_000, 100_000) if bench.quick else (10_000, 100_000, 1_000_000)
    last = sizes[-1]
    seconds: dict[tuple[str, int], float] = {}
    memory = dict.fromkeys(_COMMANDS, 0.0)
    runs: list[Run] = []
    for count in sizes:
        directory = bench.memory / f"owned-{count}"
        files = make_owned(directory, count)
        for what in _COMMANDS:
            # The largest takes minutes, and noise is small beside it. Of the others the best
            # counts: a busy moment only ever adds.
            taken = [_measure(what, directory) for _ in range(1 if count == last else 3)]
            seconds[what, count] = min(each[0] for each in taken)
            memory[what] = max(memory[what], *(each[1] for each in taken))
        if count == last and (in_c := hashed_in_c(bench, files)) is not None:
            runs.append(Run(C_LIMIT, Role.LIMIT, (in_c(),)))
        shutil.rmtree(directory)
    targets: list[Target] = []
    if runs:
        build = f"build, {last:,} files"
        targets.append(Target(build, build, None, other=C_LIMIT, limit=C_LIMIT))
    for what in _COMMANDS:
        runs += (
            Run(f"{what}, {count:,} files", Role.OURS, (seconds[what, count],)) for count in sizes
        )
        slopes = []
        for few, many in itertools.pairwise(sizes):
            more = (seconds[what, many] - seconds[what, few]) / (many - few)
            name = f"{what}, each file from {few:,} to {many:,}"
            slopes.append(Run(name, Role.OURS, (more * 1e6,), "µs"))
        peak = Run(f"{what}, most memory", Role.OURS, (memory[what],), "MB")
        runs += (*slopes, peak)
        targets.append(Target(f"{what}, memory in MB", peak.name, 200, True))
        if what != "sample":  # which hashes as many of a thousand as of a million
            before, after = (slope.name for slope in slopes)
            grows = f"{what}, slope of the last step to the one before"
            targets.append(Target(grows, after, 1.1, True, other=before))
    title = f"inventories of {sizes[0]:,} to {last:,} files"
    return Job("inventory", title, tuple(runs), tuple(targets))


def _measure(what: str, directory: Path) -> tuple[float, float]:
    """Seconds, and the most memory in MB."""
    arguments = [sys.executable, "-c", _RUN, what, str(directory), str(HERE)]
    done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE)
    seconds, memory = json.loads(done.stdout)
    return seconds, memory
