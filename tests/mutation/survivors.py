"""What a run of mutmut left behind, and the ledger of the mutants that may survive."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import fnmatch
import json
import re
import tomllib
from collections import Counter
from pathlib import Path

LEDGER = Path(__file__).resolve().parent / "survivors.toml"

# mutmut's exit codes are pytest's and some of its own (its stats.py, "status_by_exit_code").
_SURVIVED, _NO_TESTS, _TYPES, _NOT_RUN = (
    "survived",
    "reached by no test",
    "refused by mypy",
    "not run",
)
_ENDS = {
    0: _SURVIVED,
    5: _NO_TESTS,
    33: _NO_TESTS,
    37: _TYPES,
    1: "found by a test",
    3: "found by a test",
    **dict.fromkeys((-24, 24, 36, 152, 255), "ran out of time"),
    **dict.fromkeys((-9, -11), "killed its process"),
}
_NUMBER = re.compile(r"__mutmut_(\d+|orig)$")


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one function: its dotted name, the lines before and after, mutmut's name."""

    function: str
    before: str
    after: str
    name: str = dataclasses.field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.function}: {self.before} => {self.after}"


@dataclasses.dataclass(frozen=True, slots=True)
class Results:
    """How many mutants came to each end, those that no test saw, and those that one did."""

    ends: Counter[str]
    survivors: tuple[Mutant, ...]
    found: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """Survivors without a reason, and entries of the ledger whose mutant was found."""

    results: Results
    reasons: dict[str, int]
    unexplained: tuple[Mutant, ...]
    stale: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every mutant ran, and the ledger names the survivors and no others."""
        return not (self.unexplained or self.stale or self.results.ends[_NOT_RUN])

    def text(self) -> str:
        """Counts, then a line for whatever is not in order."""
        lines = [f"{n:6,} {end}" for end, n in self.results.ends.most_common()]
        lines += ["survivors by reason:"] if self.reasons else []
        lines += [f"{n:6,} {reason}" for reason, n in self.reasons.items()]
        lines += [f"no reason in {LEDGER.name}: {one}" for one in self.unexplained]
        lines += [f"found by a test, take it out of {LEDGER.name}: {one}" for one in self.stale]
        return "\n".join(lines)


def _end(code: int | None) -> str:
    """What became of a mutant. What is not known to have ended counts as not run."""
    return _NOT_RUN if code is None else _ENDS.get(code, _NOT_RUN)


def _functions(path: Path) -> dict[str, list[str]]:
    """The lines of each generated function, without those of its name."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    return {
        node.name: [line.strip() for line in lines[node.lineno : node.end_lineno]]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and _NUMBER.search(node.name)
    }


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    diff = [
        line
        for line in difflib.unified_diff(before, after, lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    minus = " ".join(line[1:] for line in diff if line[0] == "-")
    return minus, " ".join(line[1:] for line in diff if line[0] == "+")


def _plain(name: str) -> str:
    """``x_one`` and ``xǁClassǁone`` as they stand in the source."""
    module, _, function = name.rpartition(".")
    function = _NUMBER.sub("", function)
    function = function.replace("xǁ", "").replace("ǁ", ".") if "ǁ" in function else function[2:]
    return f"{module}.{function}"


def read_results(mutants: Path, only: list[str]) -> Results:
    """What the last run left in ``mutants``: of all mutants, or those that a glob names."""
    ends: Counter[str] = Counter()
    survivors: list[Mutant] = []
    found: set[str] = set()
    for meta in sorted(mutants.glob("manifest/**/*.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
        chosen = {
            name: _end(code)
            for name, code in codes.items()
            if not only or any(fnmatch.fnmatch(name, glob) for glob in only)
        }
        ends.update(chosen.values())
        functions = _functions(meta.with_suffix("")) if chosen else {}
        for name, end in chosen.items():
            if end in {_NOT_RUN, _TYPES}:
                continue
            generated = name.rpartition(".")[2]
            original = functions[_NUMBER.sub("__mutmut_orig", generated)]
            mutant = Mutant(_plain(name), *_difference(original, functions[generated]), name)
            if end in {_SURVIVED, _NO_TESTS}:
                survivors.append(mutant)
            else:
                found.add(str(mutant))
    return Results(ends, tuple(survivors), frozenset(found))


def read_ledger(path: Path) -> dict[str, str]:
    """The reason of each mutant that may survive, by its text."""
    ledger: dict[str, str] = {}
    for entry in tomllib.loads(path.read_text("utf-8"))["reason"]:
        for mutant in entry["mutants"]:
            if ledger.setdefault(mutant, entry["why"]) != entry["why"]:
                raise ValueError(f"{path.name}: two reasons for {mutant}")
    return ledger


def judge(results: Results, ledger: dict[str, str]) -> Judgement:
    """Compare the survivors of a run with those that have a reason."""
    left = {str(one) for one in results.survivors}
    reasons = Counter(ledger[str(one)] for one in results.survivors if str(one) in ledger)
    return Judgement(
        results,
        dict(reasons.most_common()),
        tuple(one for one in results.survivors if str(one) not in ledger),
        tuple(sorted(ledger.keys() & results.found - left)),
    )
