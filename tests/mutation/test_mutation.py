"""The ledger of the mutants that may survive: each is a change of a line that stands there."""

from __future__ import annotations

import functools
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE))

from survivors import LEDGER, Mutant, Results, judge, read_ledger, read_results  # noqa: E402


def _source_of(function: str) -> str:
    parts = function.split(".")
    paths = [REPOSITORY.joinpath(*parts[:n]).with_suffix(".py") for n in range(len(parts), 0, -1)]
    return _lines_of(next(path for path in paths if path.is_file()))


@functools.cache
def _lines_of(path: Path) -> str:
    """The lines of a module, without their indents."""
    return " ".join(line.strip() for line in path.read_text("utf-8").splitlines())


@pytest.mark.parametrize("mutant", read_ledger(LEDGER))
def test_ledger_names_lines_that_exist(mutant: str) -> None:
    function, _, change = mutant.partition(": ")
    before, _, after = change.partition(" => ")
    assert before != after
    assert before in _source_of(function)


_META = {
    "manifest.one.x_f__mutmut_1": 1,
    "manifest.one.x_f__mutmut_2": 0,
    "manifest.one.xǁCǁg__mutmut_1": 33,
    "manifest.one.xǁCǁg__mutmut_2": 37,
    "manifest.one.xǁCǁg__mutmut_3": None,
}
_GENERATED = """
def x_f__mutmut_orig(a):
    return a > 1
def x_f__mutmut_1(a):
    return a >= 1
def x_f__mutmut_2(a):
    return a > 2
class C:
    def xǁCǁg__mutmut_orig(self):
        return True
    def xǁCǁg__mutmut_1(self):
        return False
"""


@pytest.fixture
def mutants(tmp_path: Path) -> Path:
    (tmp_path / "manifest").mkdir()
    meta = tmp_path / "manifest/one.py.meta"
    meta.write_text(json.dumps({"exit_code_by_key": _META}), "utf-8")
    meta.with_suffix("").write_text(_GENERATED, "utf-8")
    return tmp_path


F1 = Mutant("manifest.one.f", "return a > 1", "return a >= 1")
F2 = Mutant("manifest.one.f", "return a > 1", "return a > 2")
G1 = Mutant("manifest.one.C.g", "return True", "return False")


def test_results_of_a_run(mutants: Path) -> None:
    results = read_results(mutants, [])
    assert results.survivors == (F2, G1)
    assert results.found == {str(F1)}
    assert results.ends == Counter(
        ("found by a test", "survived", "reached by no test", "refused by mypy", "not run")
    )
    assert read_results(mutants, ["*.x_f__*"]).survivors == (F2,)


def test_survivor_without_a_reason_and_a_reason_without_a_survivor() -> None:
    results = Results(Counter(), (F2, G1), frozenset({str(F1)}))
    judgement = judge(results, {str(F2): "bound", str(F1): "words", "of.another: a => b": "words"})
    assert judgement.unexplained == (G1,)
    assert judgement.stale == (str(F1),)
    assert judgement.reasons == {"bound": 1}
    assert not judgement.is_complete
    assert f"no reason in survivors.toml: {G1}" in judgement.text()
    assert judge(results, {str(F2): "bound", str(G1): "bound"}).is_complete


def test_run_that_did_not_end_is_not_complete() -> None:
    assert not judge(Results(Counter(["not run"]), (), frozenset()), {}).is_complete


def test_two_reasons_for_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text('[[reason]]\nwhy="a"\nmutants=["m"]\n[[reason]]\nwhy="b"\nmutants=["m"]\n')
    with pytest.raises(ValueError, match="two reasons for m"):
        read_ledger(path)
