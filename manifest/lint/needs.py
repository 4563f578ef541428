"""Outcomes that many gates share: is a kind of component there, and what stands in its place."""

from __future__ import annotations

from manifest.document.components import KINDS
from manifest.lint.evidence import ComponentEvidence, State
from manifest.lint.release import Release
from manifest.lint.verdict import Outcome, Status

__all__ = ["MET", "met_if", "name_of", "present"]

MET = Outcome(Status.MET)
_NAMES = {
    "model-parameters-final": "final weights",
    "model-parameters-intermediate": "intermediate checkpoints",
}
_PLURAL = frozenset(
    {
        "datasets",
        "evaluation-results",
        "license-texts",
        "model-parameters-final",
        "model-parameters-intermediate",
        "sample-model-outputs",
        "supporting-libraries",
        "training-logs",
    }
)


def met_if(
    holds: bool,  # noqa: FBT001 - the condition itself is the argument
    reason: str,
    *,
    pointer: str = "",
    component: str = "",
    path: str = "",
) -> Outcome:
    """Met, or not met for a reason."""
    return MET if holds else Outcome(Status.NOT_MET, reason, component, pointer, path)


def name_of(kind: str) -> str:
    """A kind's name in a sentence, as ``training code``."""
    if kind in _NAMES:
        return _NAMES[kind]
    title = KINDS[kind].title
    return title[0].lower() + title[1:]


def present(release: Release, *kinds: str) -> Outcome:
    """Whether a component of one of ``kinds`` counts as there, and if not, what there is of it."""
    for kind in kinds:
        if release.holds(kind):
            return MET
    found = [c for kind in kinds for c in release.of_kind(kind)]
    name = name_of(kinds[0])
    if not found:
        return Outcome(Status.NOT_MET, f"no {name} {_is(kinds[0])} published", pointer="components")
    best = min(found, key=lambda c: c.state.rank)
    status = Status.UNDECIDED if best.state is State.UNKNOWN else Status.NOT_MET
    return Outcome(
        status, _reason(best, name, _is(best.kind)), best.spec.id, f"components.{best.spec.id}"
    )


def _is(kind: str) -> str:
    return "are" if kind in _PLURAL else "is"


def _reason(component: ComponentEvidence, name: str, verb: str) -> str:
    match component.state:
        case State.WITHHELD:
            return f"the {name} {verb} withheld: {component.reason}"
        case State.PINNED | State.DECLARED:
            return f"the {name} {verb} declared, not evidenced: {component.reason}"
        case State.UNKNOWN:
            return f"the {name} could not be checked: {component.reason}"
        case _:
            return f"no {name}: {component.reason}"
