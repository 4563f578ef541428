"""Change what decides about trust, a sign at a time, and tell which changes no test sees.

    python tests/mutation/mutate.py [--jobs N] [--only GLOB]… [--judge]

mutmut makes the mutants of ``manifest/signing``, ``manifest/verify`` and ``manifest/policy`` and
runs the tests that reach each (``[tool.mutmut]`` in ``pyproject.toml``). A mutant that mypy
refuses counts as found: ``make lint`` would find it. Text with a blank in it, which only a reader
sees, is left as it is; every other literal is changed. Each survivor must stand in
``survivors.toml`` with its reason; the exit code is 1 where one does not, and where an entry of
it was found by a test meanwhile. ``--judge`` compares the results of the last run alone.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from survivors import LEDGER, judge, read_ledger, read_results  # noqa: E402 - found by the line above


def _mutmut(module: str) -> Any:
    """A module of mutmut, which only this script needs: it is no dependency of the tests."""
    try:
        return importlib.import_module(f"mutmut.{module}")
    except ModuleNotFoundError:
        raise SystemExit("mutmut is missing: pip install 'mutmut>=3.8,<3.9'") from None


def _leave_sentences() -> None:
    """Take literals with a blank in them out of what mutmut changes."""
    mutators = _mutmut("mutation.mutators")

    def no_sentence(node: Any) -> Iterable[Any]:
        if " " not in getattr(node, "value", ""):
            yield from mutators.operator_string(node)

    # The list itself, which the maker of mutants imported by its name.
    mutators.mutation_operators[:] = [
        (kind, no_sentence if change is mutators.operator_string else change)
        for kind, change in mutators.mutation_operators
    ]


def _fast_tests_first() -> None:
    """Let a mutant be found by the fastest test that can; mutmut sorts in its other mode alone."""
    runner, state = _mutmut("workers.isolation").ForkServerRunner, _mutmut("state").state
    submit = runner.submit

    def sorted_submit(self: Any, mutant: str, tests: list[str], *limits: Any) -> None:
        submit(self, mutant, sorted(tests, key=lambda t: state().duration_by_test[t]), *limits)

    runner.submit = sorted_submit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB")
    parser.add_argument("--judge", action="store_true", help="no run: the last results again")
    options = parser.parse_args()
    if not options.judge:
        _leave_sentences()
        _fast_tests_first()
        _mutmut("__main__")._run(tuple(options.only), options.jobs)
    judgement = judge(read_results(Path("mutants"), options.only), read_ledger(LEDGER))
    print(judgement.text())
    return 0 if judgement.is_complete else 1


if __name__ == "__main__":
    raise SystemExit(main())
