"""Change what decides about trust, a sign at a time, and tell which changes no test sees.

    python tests/mutation/mutate.py [--jobs N] [--only GLOB]… [--judge]

mutmut makes the mutants of ``manifest/signing``, ``manifest/verify`` and ``manifest/policy`` and
runs the tests that reach each (``[tool.mutmut]`` in ``pyproject.toml``). A mutant that mypy
refuses counts as found: ``make lint`` would find it. Text with a blank in it, which only a reader
sees, is left as it is; every other literal is changed. Each survivor must stand in
``survivors.toml`` with its reason; one that does not is run again with every test that reaches it.
The exit code is 1 where one is left, where an entry of the ledger was found by a test meanwhile,
and where a mutant did not run. ``--judge`` compares the results of the last run alone.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from survivors import LEDGER, Judgement, judge, read_ledger, read_results  # noqa: E402 - see above


def _judge(only: list[str]) -> Judgement:
    return judge(read_results(Path("mutants"), only), read_ledger(LEDGER))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB")
    parser.add_argument("--judge", action="store_true", help="no run: the last results again")
    options = parser.parse_args()
    if not options.judge:
        from running import run

        run(options.only, options.jobs)
        if again := [one.name for one in _judge(options.only).unexplained]:
            run(again, options.jobs, seconds=math.inf)
    judgement = _judge(options.only)
    print(judgement.text())
    return 0 if judgement.is_complete else 1


if __name__ == "__main__":
    raise SystemExit(main())
