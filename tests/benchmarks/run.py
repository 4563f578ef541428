"""We and other programs on the same data, beside what the machine can do.

    python tests/benchmarks/run.py [--quick] [--only JOB] [--json OUT]

Prints every job with what was asked of it, and fails when a target was missed, unless ``--quick``:
that takes less data than the targets are for. Needs a quiet machine, 5 GB of disk and, for a
million files, 4 GB in ``/dev/shm`` (or of disk, when the rest was removed). ``page.py`` makes
docs/benchmarks.md of the file that ``--json`` writes.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from job_commitments import commitments
from job_files import large, one, small, tensors
from job_inventory import inventory
from job_lint import linting
from job_program import start, validation
from measuring import Bench, Job, Run, Target, machine

JOBS: Mapping[str, Callable[[Bench], Job]] = {
    "large": large,
    "one": one,
    "tensors": tensors,
    "small": small,
    "inventory": inventory,
    "validation": validation,
    "start": start,
}
OTHERS: Mapping[str, Callable[[Bench], Job]] = {"lint": linting, "commitments": commitments}
"""Jobs that are run when they are named: without a target, or with much data (10 GB)."""

_SHARED = Path("/dev/shm")
_BUSY = 0.5  # processes that want to run beside ours, from which figures are doubted


def measure(name: str, *, quick: bool, rounds: int, place: Path | None) -> Job:
    """Run one job on data of its own, which are removed."""
    before, begun = os.getloadavg()[0], time.perf_counter()
    shared = _SHARED if place is None and _SHARED.is_dir() else place
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=place) as scratch,
        tempfile.TemporaryDirectory(prefix="bench-", dir=shared) as memory,
    ):
        job = {**JOBS, **OTHERS}[name](Bench(Path(scratch), quick, rounds, Path(memory)))
    seconds = time.perf_counter() - begun
    return dataclasses.replace(job, seconds=seconds, load=(before, os.getloadavg()[0]))


def say(line: str = "") -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(job: Job) -> None:
    """Print a job: its runs with their medians and spread, then its targets."""
    load = " to ".join(f"{one:.1f}" for one in job.load)
    say(f"\n{job.id}: {job.title} ({job.seconds:.0f} s in all, load {load})")
    for run in job.runs:
        say(f"  {run.role.value:<6}  {run.name:<48} {figure(run)}")
    for target in job.targets:
        say(f"  {outcome(job, target):<6}  {target.what:<48} {asked(job, target)}")


def figure(run: Run) -> str:
    """The median and the spread."""
    text = f"{run.median:9.3f} {run.unit}"
    return (
        text if len(run.values) == 1 else f"{text}  ({min(run.values):.3f}-{max(run.values):.3f})"
    )


def outcome(job: Job, target: Target) -> str:
    """A word for it."""
    return {True: "met", False: "MISSED", None: "-"}[target.is_met(job)]


def asked(job: Job, target: Target) -> str:
    """What was reached, what was asked, and how that is to what the machine can do."""
    text = f"{statistics.median(target.reached(job)):9.2f}"
    if target.wanted is not None:
        text += f"  (at {'most' if target.at_most else 'least'} {target.wanted:g})"
    if target.limit and target.limit != target.other:
        share = job.run(target.limit).median / job.run(target.ours).median
        text += f"  {share:.2f} of {target.limit}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less data, in about a minute")
    parser.add_argument("--only", action="append", choices=[*JOBS, *OTHERS], help="a job; repeat")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--rounds", type=int, help="measurements of each contender")
    parser.add_argument("--dir", type=Path, help="where the data go for the time being")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 5)
    found = machine()
    say("\n".join(f"{name}: {value}" for name, value in found.items()))
    if os.getloadavg()[0] > _BUSY:
        say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): expect worse figures")
    jobs = []
    with tempfile.TemporaryDirectory(prefix="bench-") as compiled:
        # An installed program is compiled once: no run is to pay for a setting that forbids it.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = compiled
        for name in options.only or JOBS:
            jobs.append(measure(name, quick=options.quick, rounds=rounds, place=options.dir))
            tell(jobs[-1])
    missed = [f"{j.id}: {t.what}" for j in jobs for t in j.targets if t.is_met(j) is False]
    say(f"\n{len(missed)} targets missed" + "".join(f"\n  {one}" for one in missed))
    if options.json:
        plain = {
            "taken": dt.datetime.now(dt.UTC).date().isoformat(),
            "quick": options.quick,
            "machine": found,
            "jobs": [dataclasses.asdict(job) for job in jobs],
        }
        text = json.dumps(plain, indent=1, ensure_ascii=False)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(f"{text}\n", encoding="utf-8")
    if missed and not options.quick:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
