"""The page of benchmarks, made of the figures that ``run.py --json`` wrote.

    python tests/benchmarks/page.py [RESULTS.json]

Writes docs/benchmarks.md and a picture for each job, and keeps the figures in
docs/benchmarks/results.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measuring import Job
from plot import draw, figure, three_digits

__all__ = ["render"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = "benchmarks/results.json"
_PAGE = "benchmarks.md"


def render(plain: Mapping[str, Any]) -> dict[str, str]:
    """Every file of the page, by its path under ``docs``."""
    jobs = [Job.from_plain(job) for job in plain["jobs"]]
    files = {f"benchmarks/{job.id}.svg": draw(job) for job in jobs}
    return {_PAGE: "\n".join(_page(plain, jobs)) + "\n", **files}


def _page(plain: Mapping[str, Any], jobs: list[Job]) -> list[str]:
    lines = [
        "# Benchmarks",
        "",
        (
            "We, the peer (`model-signing`) and programs that show what the machine can do, on the "
            "same data, taking turns, with the data in the cache and process start included. "
            f"Measured on {plain['taken']} by"
        ),
        "",
        "```console",
        (
            f"$ python tests/benchmarks/run.py{' --quick' if plain['quick'] else ''} "
            f"--json docs/{RESULTS}"
        ),
        f"$ python tests/benchmarks/page.py docs/{RESULTS}",
        "```",
        "",
    ]
    if plain["quick"]:
        lines += [
            (
                "**A quick run**, on less data than the targets are for: the start of a process weighs "
                "more in it than hashing, and a target that is missed here says little."
            ),
            "",
        ]
    lines += [
        "| data | job | reached | asked | | ours | the machine's limit |",
        "|---|---|---:|---|---|---:|---|",
    ]
    lines += [_row(job, n) for job in jobs for n in range(len(job.targets))]
    lines += [
        "",
        (
            "Ratios: for *at least*, speed beside that of what is compared; for *at most*, time, or "
            "the figure itself. In brackets, the least and the most of any round."
        ),
    ]
    for job in jobs:
        before, after = job.load
        lines += [
            "",
            f"## {job.title[0].upper()}{job.title[1:]}",
            "",
            f"![Bars of the times below](benchmarks/{job.id}.svg)",
            "",
            "| | median | least | most |",
            "|---|---:|---:|---:|",
        ]
        lines += [
            f"| {run.name} | {figure(run)} | {three_digits(min(run.values))} "
            f"| {three_digits(max(run.values))} |"
            for run in job.runs
        ]
        lines += [
            "",
            (
                f"{_rounds(job)}; load average {before:.1f} before and {after:.1f} after; "
                f"{job.seconds:.0f} s in all."
            ),
        ]
    lines += ["", "## The machine", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in plain["machine"].items()]
    return lines


def _rounds(job: Job) -> str:
    counts = sorted({len(run.values) for run in job.runs})
    most = counts[-1]
    return "One round" if most == 1 else f"{most} rounds"


def _row(job: Job, number: int) -> str:
    """A target; the first one of a job names its data."""
    target = job.targets[number]
    reached = target.reached(job)
    text = three_digits(statistics.median(reached))
    if len(reached) > 1:
        text += f" ({three_digits(min(reached))} to {three_digits(max(reached))})"
    asked = ""
    if target.wanted is not None:
        asked = f"at\N{NO-BREAK SPACE}{'most' if target.at_most else 'least'}\N{NO-BREAK SPACE}{target.wanted:g}"
    word = {True: "met", False: "**missed**", None: ""}[target.is_met(job)]
    limit = ""
    if target.limit:
        run = job.run(target.limit)
        limit = f"{figure(run)}: {run.name}"
    cells = [
        "" if number else job.title,
        target.what,
        text,
        asked,
        word,
        figure(job.run(target.ours)),
        limit,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="?", default=DOCS / RESULTS)
    data = parser.parse_args().results.read_text(encoding="utf-8")
    files = render(json.loads(data))
    pictures = DOCS / "benchmarks"
    pictures.mkdir(exist_ok=True)
    for old in pictures.glob("*.svg"):
        old.unlink()
    for name, text in {**files, RESULTS: data}.items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
