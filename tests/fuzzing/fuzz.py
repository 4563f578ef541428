"""Fuzz the parsers of what strangers write, for as long as you like.

    python tests/fuzzing/fuzz.py [--minutes M] [--target NAME]… [--seed N] [--jobs J] [--out DIR]

The time is shared by the targets; each has a process of its own. A finding is written to
``DIR/TARGET/KIND-DIGEST``; moved to ``tests/fuzzing/corpus/TARGET/``, it is run by every test run
from then on. Ctrl-C ends the run with the counts so far. Exits 1 where anything was found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "helpers")]

from driving import Finding, Outcome, fuzz, summary  # noqa: E402 - found by the line above
from targets import TARGETS  # noqa: E402

__all__ = ["fuzz_all"]


def _one(job: tuple[str, float, int]) -> Outcome:
    name, seconds, seed = job
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return fuzz(TARGETS[name], seconds, seed)


def fuzz_all(names: list[str], seconds: float, seed: int, jobs: int, out: Path) -> list[Outcome]:
    """Fuzz targets, each for its share of the seconds that ``jobs`` processes have together.

    What a target came to is printed, and its findings are written, as soon as it is done.
    """
    share = max(seconds * jobs / len(names), 0.2)
    outcomes: list[Outcome] = []
    # Not a multiprocessing.Pool, which waits for ever for a process that a native library killed.
    with ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        running = {pool.submit(_one, (name, share, seed)): name for name in names}
        try:
            for done in as_completed(running):
                outcomes.append(outcome := done.result())
                print(summary([outcome]).splitlines()[0], flush=True)
                for finding in outcome.findings:
                    _write(finding, out)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("interrupted", file=sys.stderr)
        except BrokenProcessPool:
            missing = sorted(set(names) - {one.target for one in outcomes})
            raise SystemExit(
                f"a process died without a word, in one of: {', '.join(missing)}; the seed "
                f"{seed} and --target show which"
            ) from None
    return sorted(outcomes, key=lambda one: one.target)


def _write(finding: Finding, out: Path) -> None:
    place = out / finding.target
    place.mkdir(parents=True, exist_ok=True)
    (place / finding.name).write_bytes(finding.data)
    print(f"{place / finding.name}: {finding.kind} at {finding.where}: {finding.detail}")


def main() -> int:
    """Read the arguments, run, write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="for all targets together")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="repeatable")
    parser.add_argument("--seed", type=int, help="printed; the same seed makes the same cases")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    print(f"seed {seed}")
    names = given.target or sorted(TARGETS)
    outcomes = fuzz_all(names, given.minutes * 60, seed, given.jobs, given.out)
    print()
    print(summary(outcomes))
    return 1 if any(one.findings for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
