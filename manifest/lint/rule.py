"""What a rule is: data and prose in one place, beside a pure function (spec/rules.md).

A rule lives in one file of ``manifest/lint/rules``. `rule` declares one that looks for something
false, broken or unsafe; `gate` declares one that a verdict needs. Both feed the linter, the
command ``manifest rules``, the generated specification and the test that runs every example.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest.findings import Finding, Location, Severity
from manifest.lint.verdict import FrameworkElement, Outcome, Requirement, Verdict

if TYPE_CHECKING:
    from manifest.lint.release import Release

__all__ = ["Example", "Rule", "all_rules", "find_rule", "gate", "requirements", "rule"]

_CODE = re.compile(r"[A-Z]{3}[0-9]{3}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

Check = Callable[["Release"], Iterator[Finding]]
Needs = Callable[["Release"], Outcome]


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """A miniature release that shows a rule.

    Attributes:
        description: The part of ``release.yaml`` that matters; the head that every description
            has is set before it. None for a directory without one.
        files: Contents by path. ``<safetensors w=2x3>`` stands for a file of one tensor of that
            shape, ``<safetensors w=2x3 of 1>`` for one with that number all over, ``<license MIT>``
            for that license's text. An address with ``<gone>`` or ``<resolved>`` is what a look-up of
            references to it finds. ``<manifest>`` stands for the manifest of the other files,
            ``<manifest PATH=N>`` for one built when PATH had N bytes.
    """

    description: str | None = ""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: Family prefix and three digits; never reused for another rule.
        name: The rule in words, joined by hyphens.
        severity: What its findings weigh.
        rationale: Why it matters, for the reader of a report.
        remedy: What to do.
        bad, good: Examples that the rule finds, and does not find, something in.
        check: The function from a release to findings.
        gates: The verdict that needs it; None when no verdict does.
        title: What a gate needs, as a noun; empty for rules that are no gate.
        needs: The function from a release to the gate's outcome; None for rules that are no gate.
        frameworks: The parts of public frameworks that it maps to.
        exemptable: Whether an exception in the description may silence it. What protects the
            reader from the description's own author is not exemptable.
        of_files: Whether it looks at files, and has nothing to say of declarations alone.
    """

    code: str
    name: str
    severity: Severity
    rationale: str
    remedy: str
    bad: Example
    good: Example
    check: Check
    gates: Verdict | None = None
    title: str = ""
    needs: Needs | None = None
    frameworks: tuple[FrameworkElement, ...] = ()
    exemptable: bool = True
    of_files: bool = False

    def finding(
        self,
        message: str,
        *,
        remedy: str = "",
        location: Location | None = None,
        component: str = "",
    ) -> Finding:
        """A finding of this rule; the rule's remedy stands in where none is given."""
        return Finding(
            self.code,
            self.name,
            self.severity,
            message,
            remedy or self.remedy,
            location,
            component,
        )


_REGISTRY: dict[str, Rule] = {}


def _register(new: Rule) -> None:
    if not _CODE.fullmatch(new.code) or not _NAME.fullmatch(new.name):
        raise AssertionError(f"{new.code} {new.name}: not a rule's code and name")
    if new.code in _REGISTRY or any(r.name == new.name for r in _REGISTRY.values()):
        raise AssertionError(f"{new.code} {new.name}: a rule of this code or name exists")
    _REGISTRY[new.code] = new


def rule(
    *,
    code: str,
    name: str,
    severity: Severity,
    rationale: str,
    remedy: str,
    bad: Example,
    good: Example,
    frameworks: tuple[FrameworkElement, ...] = (),
    exemptable: bool = True,
    of_files: bool = False,
) -> Callable[[Callable[[Rule, Release], Iterator[Finding]]], Check]:
    """Declare a rule; the function below it gets the rule, to make findings with, and a release."""

    def declare(function: Callable[[Rule, Release], Iterator[Finding]]) -> Check:
        def check(release: Release) -> Iterator[Finding]:
            return function(_REGISTRY[code], release)

        functools.update_wrapper(check, function)
        _register(
            Rule(
                code,
                name,
                severity,
                rationale,
                remedy,
                bad,
                good,
                check,
                frameworks=frameworks,
                exemptable=exemptable,
                of_files=of_files,
            )
        )
        return check

    return declare


def gate(
    *,
    code: str,
    name: str,
    gates: Verdict | None,
    title: str,
    rationale: str,
    remedy: str,
    bad: Example,
    good: Example,
    frameworks: tuple[FrameworkElement, ...] = (),
) -> Callable[[Needs], Needs]:
    """Declare what a verdict needs; the function below it says whether a release has it.

    What is missing for a higher verdict is advice: an honest release passes without it.
    """

    def declare(function: Needs) -> Needs:
        def check(release: Release) -> Iterator[Finding]:
            outcome = function(release)
            if not outcome.met:
                yield _REGISTRY[code].finding(
                    outcome.reason,
                    location=release.location(outcome.pointer, outcome.path),
                    component=outcome.component,
                )

        functools.update_wrapper(check, function)
        _register(
            Rule(
                code,
                name,
                Severity.ADVICE,
                rationale,
                remedy,
                bad,
                good,
                check,
                gates=gates,
                title=title,
                needs=function,
                frameworks=frameworks,
            )
        )
        return function

    return declare


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by code; the rule files are found, not listed."""
    package = importlib.import_module("manifest.lint.rules")
    for module in pkgutil.iter_modules(package.__path__, "manifest.lint.rules."):
        importlib.import_module(module.name)
    return tuple(sorted(_REGISTRY.values(), key=lambda r: r.code))


def find_rule(name: str) -> Rule | None:
    """The rule of a code or name, in any case; None when there is none."""
    wanted = name.strip()
    return next((r for r in all_rules() if wanted.upper() == r.code or wanted == r.name), None)


def requirements(release: Release) -> tuple[Requirement, ...]:
    """What became of every requirement, in the order of verdicts and codes.

    No selection of rules and no exception enters here: they decide what is shown, never what a
    release may be called.
    """
    found = [
        Requirement(r.code, r.title, r.gates, r.frameworks, r.remedy, r.needs(release))
        for r in all_rules()
        if r.needs is not None
    ]
    return tuple(
        sorted(found, key=lambda r: (r.verdict.rank if r.verdict else len(Verdict), r.code))
    )
