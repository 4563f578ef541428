"""How mutmut is run here: what it changes, and how it comes through within the hour.

mutmut starts pytest anew for each mutant, with every test that reaches it, the fastest first. Here
the tests are collected once, in the process that mutants are forked from; those that see the most
of the changed module come first; and a mutant is given up after a few seconds of tests, unless
nothing explains its survival. The functions of mutmut that are replaced are those of the version that
`make mutate` installs.
"""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

__all__ = ["run"]

_SECONDS = 5.0
"""How long the tests of one mutant may take, by what they took without a change."""
_ITEMS: dict[str, pytest.Item] = {}
"""The collected tests, in the process that mutants are forked from and in those of the mutants."""
_PLAIN: dict[str, Any] = {}
"""mutmut's own functions, by what they are called here."""


def _mutmut(module: str) -> Any:
    """A module of mutmut, which only this script needs: it is no dependency of the tests."""
    try:
        return importlib.import_module(f"mutmut.{module}")
    except ModuleNotFoundError:
        raise SystemExit("mutmut is missing: pip install 'mutmut>=3.8,<3.9'") from None


def run(only: Sequence[str], jobs: int, *, seconds: float = _SECONDS) -> None:
    """Make mutants, and run the tests that reach those that have not run, or that are named.

    Args:
        only: Names or patterns of mutants; all when empty.
        jobs: How many mutants are run at a time.
        seconds: How long the tests of one may take.
    """
    _patch(seconds)
    _mutmut("__main__")._run(tuple(only), jobs)


def _patch(seconds: float) -> None:
    mutators, main = _mutmut("mutation.mutators"), _mutmut("__main__")
    # The list itself, which the maker of mutants imported by its name.
    mutators.mutation_operators[:] = [
        (kind, _no_sentence if change is mutators.operator_string else change)
        for kind, change in mutators.mutation_operators
    ]
    main.filter_mutants_with_type_checker = _refused_by_types
    runner, harness = _mutmut("workers.isolation").ForkServerRunner, _mutmut("runners.harness")
    if not _PLAIN:
        _PLAIN["submit"], _PLAIN["serve"] = runner.submit, runner._forkserver_main
        _PLAIN["run_tests"] = harness.PytestRunner.run_tests
    submit, serve = _PLAIN["submit"], _PLAIN["serve"]

    def submit_some(self: Any, mutant: str, tests: list[str], *limits: Any) -> None:
        durations = _mutmut("state").state().duration_by_test
        submit(self, mutant, choose(mutant, tests, durations, seconds), *limits)

    def serve_in_session(self: Any, *pipes: int) -> None:
        os.chdir("mutants")
        config = _mutmut("configuration").config()
        quiet = ["-s", "-q", "--rootdir=."]
        # Kept: a file that nobody holds any more is a warning, which fails the test that meets it.
        _PLAIN["null"] = sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        selection = config.pytest_add_cli_args_test_selection
        serving = _Serving(functools.partial(serve, self, *pipes))
        pytest.main([*quiet, *config.pytest_add_cli_args, *selection], plugins=[serving])

    runner.submit, runner._forkserver_main = submit_some, serve_in_session
    # Only the file that mutmut makes its output meanwhile is left to keep, as above.
    harness.PytestRunner.warm_up = lambda _: _PLAIN.update(meanwhile=sys.stdout)
    harness.PytestRunner.run_tests = _run_collected


def _no_sentence(node: Any) -> Iterable[Any]:
    """The changes of a literal that is no text for a reader: one with a blank in it is."""
    if " " not in getattr(node, "value", ""):
        yield from _mutmut("mutation.mutators").operator_string(node)


class _Serving:
    """A plug-in of pytest that, once the tests are collected, serves mutants in their place."""

    def __init__(self, serve: Any) -> None:
        self._serve = serve

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        _ITEMS.update((item.nodeid, item) for item in session.items)
        gc.freeze()  # so that a collection in a mutant's process copies no page of this one's
        _refuse_failing()
        self._serve()
        os._exit(0)


def _refuse_failing() -> None:
    """End the run where a test fails in this way of running it though nothing was changed."""
    child = os.fork()
    if not child:
        os._exit(_run_collected(None, mutant_name=None, tests=_ITEMS))
    _, status = os.waitpid(child, 0)
    if status:
        os.write(2, b"\na collected test fails without a mutant\n")
        os._exit(1)


def _run_collected(self: Any, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    """Run collected tests until one fails; the exit code is pytest's."""
    if not _ITEMS:  # a run without a mutant, in a process of its own
        code: int = _PLAIN["run_tests"](self, mutant_name=mutant_name, tests=tests)
        return code
    from _pytest.runner import runtestprotocol

    items = [_ITEMS[test] for test in tests]
    for item, following in zip(items, [*items[1:], None], strict=True):
        reports = runtestprotocol(item, log=False, nextitem=following)
        if any(report.failed for report in reports):
            return 1
    return 0


def choose(
    mutant: str, tests: Iterable[str], durations: Mapping[str, float], seconds: float
) -> list[str]:
    """The tests of a mutant in order: file by file, and the fastest of a file first.

    First come those of its package that are about its module, or that hold whole results against
    golden files; then the others of its package; then the others.

    Args:
        mutant: Its dotted name.
        tests: The tests that reach it.
        durations: What each took without a change, in seconds.
        seconds: How long they may take together; at least one is chosen.
    """
    _, package, module, *_ = mutant.split(".")
    files: dict[str, list[str]] = {}
    for test in sorted(tests, key=lambda test: (durations[test], test)):
        files.setdefault(test.partition("::")[0], []).append(test)

    def rank(file: str) -> tuple[bool, bool, float]:
        _, directory, *name = file.split("/")
        sees_much = any(word in name[-1] for word in (module, module.removesuffix("s"), "_whole_"))
        return directory != package, not sees_much, sum(durations[t] for t in files[file])

    chosen: list[str] = []
    for file in sorted(files, key=rank):
        for test in files[file]:
            # A fixture takes its time too, which mutmut does not measure.
            seconds -= durations[test] + 0.005
            if seconds < 0 and chosen:
                return chosen
            chosen.append(test)
    return chosen


@functools.cache
def _refused_by_types() -> dict[str, Any]:
    """What mypy says of each mutant that it refuses, as mutmut wants it.

    mutmut's own function takes minutes to find which function a line belongs to.
    """
    command = _mutmut("configuration").config().type_check_command
    done = subprocess.run(command, cwd="mutants", capture_output=True, text=True, check=False)
    errors: dict[str, list[dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        error = json.loads(line)
        if error["severity"] == "error":
            errors.setdefault(error["file"], []).append(error)
    refused: dict[str, Any] = {}
    name_of = _mutmut("utils.format_utils").get_mutant_name
    for file, found in errors.items():
        owner = _owners(Path("mutants", file))
        if not any("__mutmut_" in name for name in owner.values()):
            continue  # a module that is as it was
        for error in found:
            function = owner.get(error["line"], "")
            if "__mutmut_" not in function or function.endswith("_orig"):
                raise SystemExit(f"mypy refuses what is no mutant: {error}")
            words = SimpleNamespace(error_description=error["message"])
            refused[name_of(Path(file), function)] = SimpleNamespace(error=words)
    return refused


def _owners(path: Path) -> dict[int, str]:
    """The function that each line of a module belongs to, methods by their own names."""
    owners: dict[int, str] = {}
    tree = ast.parse(path.read_text("utf-8"))
    for top in tree.body:
        for node in [top, *(top.body if isinstance(top, ast.ClassDef) else [])]:
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                owners.update(dict.fromkeys(range(node.lineno, node.end_lineno + 1), node.name))
    return owners
