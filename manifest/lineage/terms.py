"""Licenses carried along a lineage (spec/lineage.md, "Terms").

A model that holds another's weights, changed or not, is under the other's terms too. One that was
only trained on another's outputs is under those of its terms that speak of such models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from manifest.display import printable
from manifest.licenses import (
    Clause,
    LicenseAssessment,
    LicenseStatus,
    assess,
    base_license,
    same_license,
)
from manifest.lineage.report import Ancestor, Carried, LineageProblem, Link, ProblemKind

__all__ = ["carried_terms", "license_problems"]

_OF_OUTPUTS = frozenset({Clause.NO_TRAINING_OTHERS, Clause.NAMING})
"""What licenses say of models that are made with the outputs of theirs."""
_PASSED_ON = frozenset({Clause.USE_RESTRICTIONS, Clause.ACCEPTABLE_USE, Clause.PASSED_ON})
"""Licenses that make others pass their limits on count a distilled model among the derived."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Terms:
    """A license that is not open, and who says that it is the parent's."""

    license: str
    assessment: LicenseAssessment
    whence: str


def carried_terms(release: Ancestor) -> Iterator[Carried]:
    """The terms of ancestors that are not open and stay with ``release``, nearest first."""
    for link in release.links:
        yield from _along(link, link.pointer, (), by_outputs=False)


def _along(
    link: Link, pointer: str, through: tuple[str, ...], *, by_outputs: bool
) -> Iterator[Carried]:
    # Whoever holds most of another's tensors has its weights, and not its outputs.
    by_outputs = by_outputs or (link.relation == "distilled" and link.tensors is None)
    terms = _terms_of(link)
    if terms is not None:
        words = _reaching(terms.assessment) if by_outputs else terms.assessment.terms
        if words or not by_outputs:
            shown = words or (terms.assessment.reason,)
            yield Carried(
                link.name, terms.license, shown, through, terms.whence, by_outputs, pointer
            )
    if link.parent is not None:
        for further in link.parent.links:
            yield from _along(further, pointer, (*through, link.name), by_outputs=by_outputs)


def _terms_of(link: Link) -> _Terms | None:
    """The terms of a parent that are not open: by its own words, its child's, or its name."""
    said = []
    if link.parent is not None:
        said.append(_Terms(link.parent.license, link.parent.assessment, "itself"))
    said.append(_Terms(link.license, assess(link.license, "data"), "the release"))
    if (family := base_license(link.name)) is not None:
        said.append(_Terms(family.id, assess(family.id, "data"), "its name"))
    return next((t for t in said if t.assessment.status is LicenseStatus.NOT_OPEN), None)


def _reaching(assessment: LicenseAssessment) -> tuple[str, ...]:
    """Those of a license's terms that reach models made with outputs."""
    reach = _OF_OUTPUTS
    if Clause.PASSED_ON in assessment.clauses:
        reach |= _PASSED_ON
    pairs = zip(assessment.clauses, assessment.terms, strict=True)
    return tuple(words for clause, words in pairs if clause in reach)


def license_problems(release: Ancestor) -> Iterator[LineageProblem]:
    """Where terms were lost or misstated: in the release, and in each of its ancestors."""
    if release.assessment.is_open:
        for carried in carried_terms(release):
            if not carried.by_outputs:
                yield LineageProblem(
                    ProblemKind.TERMS_LOST,
                    f"{printable(release.name)} is declared {printable(release.license)}, and "
                    f"{_shown(carried)}",
                    "state the base model's license for the weights: what it allows is all that "
                    "could be passed on",
                )
    for link in release.links:
        parent = link.parent
        if parent is None:
            continue
        if link.license and parent.license and not same_license(link.license, parent.license):
            yield LineageProblem(
                ProblemKind.LICENSE_MISSTATED,
                f"{printable(release.name)} says that {printable(link.name)} is under "
                f"{printable(link.license)}; that is under {printable(parent.license)} by its own "
                f"{printable(parent.origin)}",
                f"correct {link.pointer}.license",
            )
        yield from license_problems(parent)


def _shown(carried: Carried) -> str:
    """The terms in a sentence, as ``its base acme/a, through acme/b, is under c, which …``."""
    between = f", through {printable(' and '.join(carried.through))}," if carried.through else ""
    return (
        f"its base {printable(carried.name)}{between} is under {printable(carried.license)}, "
        f"which {printable(carried.terms[0])}"
    )
