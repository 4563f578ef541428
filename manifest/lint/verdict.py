"""What a release may be called, from what holds and what does not (spec/evidence.md, "Verdicts").

Everything here is a pure function of the outcomes of the requirements. The requirements themselves
are declared in the rule files, each beside the prose that explains it, so that the verdict, the
report and the specification have one source.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence

from manifest.document.components import MofClass

__all__ = [
    "Column",
    "Framework",
    "FrameworkElement",
    "Outcome",
    "Requirement",
    "Status",
    "Verdict",
    "column",
    "missing_for",
    "mof_class",
    "mof_trusted",
    "trusting",
    "verdict",
]


class Verdict(enum.StrEnum):
    """What a release may be called; each name needs all that the names before it need."""

    CLOSED = "closed"
    WEIGHTS_AVAILABLE = "weights-available"
    OPEN_WEIGHT = "open-weight"
    OPEN_SOURCE = "open-source"
    OPEN_SCIENCE = "open-science"
    REPLAYABLE = "replayable"

    @property
    def rank(self) -> int:
        """Position in the order, from 0 for closed."""
        return _ORDER.index(self)

    @property
    def next(self) -> Verdict | None:
        """The verdict above this one; None for the last."""
        return _ORDER[self.rank + 1] if self.rank + 1 < len(_ORDER) else None


_ORDER = tuple(Verdict)


class Framework(enum.StrEnum):
    """Public frameworks that rules map to, by the names that reports use."""

    MOF = "MOF"
    OSAID = "OSAID"
    EU = "EU"
    INDEX = "European index"


@dataclasses.dataclass(frozen=True, slots=True)
class FrameworkElement:
    """A part of a framework: as ``OSAID``, ``code``; ``MOF``, ``II: Training code``."""

    framework: Framework
    element: str

    def __str__(self) -> str:
        return f"{self.framework} {self.element}"


class Status(enum.StrEnum):
    """Whether a requirement or a framework's criteria are met on the evidence."""

    MET = "met"
    NOT_MET = "not-met"
    UNDECIDED = "undecided"


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """Whether one requirement holds, and why.

    Attributes:
        status: The answer; undecided when it hangs on something that cannot be read from here.
        reason: Why, naming the component, field or file.
        component: The component concerned, by its id; empty when none.
        pointer: The field of the description to look at; empty when none.
        path: The file to look at; empty when none.
    """

    status: Status
    reason: str = ""
    component: str = ""
    pointer: str = ""
    path: str = ""

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.status is Status.MET


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a verdict needs, and what became of it.

    Attributes:
        code: The rule that explains it.
        title: What is needed, as a noun, as ``training code``.
        verdict: The first verdict that needs it; None for what only a framework asks for.
        frameworks: The parts of frameworks that need it too.
        remedy: What to do about it.
        outcome: Whether it holds.
    """

    code: str
    title: str
    verdict: Verdict | None
    frameworks: tuple[FrameworkElement, ...]
    remedy: str
    outcome: Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A framework's criteria: whether they are met, and which requirements stand in the way.

    Attributes:
        status: Whether they are met.
        missing: What is not met.
        trusted: How many pinned references it rests on that nobody looked up.
    """

    status: Status
    missing: tuple[Requirement, ...] = ()
    trusted: int = 0


def verdict(requirements: Iterable[Requirement]) -> Verdict:
    """The highest verdict all of whose requirements, and those of all before it, are met."""
    lacking = [r.verdict for r in requirements if r.verdict is not None and not r.outcome.met]
    if not lacking:
        return Verdict.REPLAYABLE
    lowest = min(v.rank for v in lacking)
    return _ORDER[max(lowest - 1, 0)]


def missing_for(target: Verdict, requirements: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """What stands between a release and ``target``, in the order of what gains most.

    The lower verdict's requirements come first; among those of one verdict, those that more of the
    frameworks with a column of their own ask for too, then the order of the rules.
    """
    lacking = [
        r
        for r in requirements
        if not r.outcome.met and r.verdict is not None and r.verdict.rank <= target.rank
    ]
    return tuple(sorted(lacking, key=lambda r: (r.verdict.rank if r.verdict else 0, -_gain(r))))


def _gain(requirement: Requirement) -> int:
    return len({e.framework for e in requirement.frameworks} - {Framework.INDEX})


def column(
    framework: Framework,
    requirements: Sequence[Requirement],
    untrusting: Sequence[Requirement] = (),
) -> Column:
    """Whether every requirement that maps to ``framework`` is met.

    Undecided when what is missing could not be read from here, and nothing else is missing.

    Args:
        framework: The framework.
        requirements: What became of every requirement.
        untrusting: The same, where pinned references were taken on trust, without that.
    """
    trusted = len(trusting(requirements, untrusting, framework))
    missing = tuple(
        r
        for r in requirements
        if not r.outcome.met and any(e.framework is framework for e in r.frameworks)
    )
    if not missing:
        return Column(Status.MET, trusted=trusted)
    if all(r.outcome.status is Status.UNDECIDED for r in missing):
        return Column(Status.UNDECIDED, missing, trusted)
    return Column(Status.NOT_MET, missing, trusted)


def trusting(
    requirements: Sequence[Requirement],
    untrusting: Sequence[Requirement],
    framework: Framework,
) -> frozenset[str]:
    """What a framework's requirements are met by on trust alone: ids of components, or fields."""
    maps = {r.code for r in requirements if any(e.framework is framework for e in r.frameworks)}
    met = {r.code for r in requirements if r.outcome.met}
    return frozenset(
        r.outcome.component or r.outcome.pointer or r.code
        for r in untrusting
        if not r.outcome.met and r.code in maps & met
    )


_MOF_NEEDS: tuple[tuple[MofClass, tuple[tuple[str, ...], ...]], ...] = (
    (
        MofClass.III,
        (
            ("model-architecture",),
            ("model-parameters-final",),
            ("evaluation-results",),
            ("model-card",),
            ("data-card",),
            ("technical-report", "research-paper"),
        ),
    ),
    (
        MofClass.II,
        (("training-code",), ("inference-code",), ("evaluation-code",), ("evaluation-data",)),
    ),
    (
        MofClass.I,
        (
            ("datasets",),
            ("model-parameters-intermediate",),
            ("data-preprocessing-code",),
            ("research-paper",),
        ),
    ),
)
"""Required components by class; one of each group is enough (MOF 1.0, section 6)."""


def mof_class(
    open_kinds: Mapping[str, bool],
) -> tuple[MofClass | None, tuple[tuple[MofClass, str], ...]]:
    """The class of the Model Openness Framework, and what the classes above it lack.

    Args:
        open_kinds: For each kind of component whether it is there under an open license.

    Returns:
        The highest class reached, or None; and each missing component with the class that first
        needs it, by the kind's id.
    """
    reached: MofClass | None = None
    missing: list[tuple[MofClass, str]] = []
    for class_, groups in _MOF_NEEDS:
        missing += [
            (class_, group[0]) for group in groups if not any(open_kinds.get(k) for k in group)
        ]
        if not missing:
            reached = class_
    return reached, tuple(missing)


def mof_trusted(
    reached: MofClass | None, open_kinds: Mapping[str, bool], untrusting: Mapping[str, bool]
) -> int:
    """How many components the class reached, and what the one above lacks, rest on by trust alone.

    Args:
        reached: The class.
        open_kinds: For each kind whether it counts as there under an open license.
        untrusting: The same where what is pinned and was not looked up does not count.
    """
    classes = [class_ for class_, _ in _MOF_NEEDS]
    looked_at = classes[: classes.index(reached) + 2] if reached else classes[:1]
    return sum(
        any(open_kinds.get(k) for k in group) and not any(untrusting.get(k) for k in group)
        for class_, groups in _MOF_NEEDS
        if class_ in looked_at
        for group in groups
    )
