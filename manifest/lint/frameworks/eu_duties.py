"""Duties of Articles 53(1) and 54: waived, due with evidence, due and missing, or not decidable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manifest.display import printable
from manifest.document.references import Reference
from manifest.lint.content import inspect
from manifest.lint.evidence import State
from manifest.lint.frameworks.eu_rows import EuRow, EuStatus
from manifest.lint.needs import name_of
from manifest.lint.release import Basis, Release

__all__ = ["duties"]

_ANNEX_XI = ("technical-report", "research-paper", "evaluation-results")


def duties(release: Release, exempt: EuStatus, trusted: int = 0) -> tuple[EuRow, ...]:
    """One row for each duty.

    Args:
        release: The release.
        exempt: Whether the conditions of the exemption are met, not met, or not decidable.
        trusted: How many pinned references these rest on that were not looked up.
    """
    on_trust = f", {trusted} taken on trust," if trusted else ""
    met = f"on this evidence{on_trust} the conditions of the exemption are met"
    parts = [_here(release, kind) for kind in _ANNEX_XI if release.holds(kind)]
    report = any(release.holds(k) for k in ("technical-report", "research-paper"))
    return (
        _waivable(
            "technical documentation, Annex XI",
            "Art. 53(1)(a)",
            exempt,
            met,
            f"here: {', '.join(parts)}; not checked point by point" if report else "",
            "it is kept for authorities and need not be public",
        ),
        _waivable(
            "information for providers of AI systems, Annex XII",
            "Art. 53(1)(b)",
            exempt,
            met,
            f"here: {_here(release, 'model-card')}; not checked point by point"
            if release.holds("model-card")
            else "",
            "it may be handed over in another way",
        ),
        _document_row(
            release,
            "copyright policy",
            "Art. 53(1)(c)",
            "copyright_policy",
            (EuStatus.UNDECIDED, "none is named (`data.copyright_policy`); it need not be public"),
        ),
        _document_row(
            release,
            "public summary of training content",
            "Art. 53(1)(d)",
            "content_summary",
            (EuStatus.MISSING, "none is named (`data.content_summary`)"),
        ),
        _waivable(
            "authorised representative",
            "Art. 54",
            exempt,
            met,
            "",
            "due where the provider is established outside the Union",
        ),
    )


def _here(release: Release, kind: str) -> str:
    """A kind's name, and whether it counts on trust alone."""
    name = name_of(kind)
    if release.basis is Basis.DECLARATIONS or release.of_kind(kind)[0].state is State.EVIDENCED:
        return name
    return f"{name}, taken on trust"


def _waivable(
    subject: str, basis: str, exempt: EuStatus, met: str, evidence: str, otherwise: str
) -> EuRow:
    if exempt is EuStatus.MET:
        return EuRow(subject, basis, EuStatus.WAIVED, met)
    if exempt is EuStatus.UNDECIDED:
        detail = "waived where all conditions of the exemption are met, and not all can be told"
        return EuRow(subject, basis, EuStatus.UNDECIDED, detail)
    if evidence:
        return EuRow(subject, basis, EuStatus.DUE, evidence)
    return EuRow(subject, basis, EuStatus.UNDECIDED, f"not waived; {otherwise}")


def _document_row(
    release: Release, subject: str, basis: str, field: str, without: tuple[EuStatus, str]
) -> EuRow:
    """A duty that no exemption waives, with the document that the description names for it."""
    named: Mapping[str, Any] | None = release.description.data.get(field)
    if named is None:
        return EuRow(subject, basis, *without)
    if "reference" in named:
        place = Reference.from_plain(named["reference"])
        if place.is_pinned and release.accept_pinned:
            return EuRow(subject, basis, EuStatus.DUE, f"{printable(str(place))}, taken on trust")
        detail = f"{printable(str(place))} was not read"
        return EuRow(subject, basis, EuStatus.UNDECIDED, detail)
    path = str(named["file"])
    problem = "" if release.basis is Basis.DECLARATIONS else _read_as_document(release, path)
    shown = printable(path)
    if problem:
        return EuRow(subject, basis, EuStatus.MISSING, f"{shown} {printable(problem)}")
    return EuRow(subject, basis, EuStatus.DUE, f"{shown}; not checked point by point")


def _read_as_document(release: Release, path: str) -> str:
    """Why a file is not such a document; empty when it may be one."""
    file = next((f for f in release.source.files if f.path == path), None)
    if file is None:
        return "is not in the release"
    kind = "technical-report" if path.lower().endswith(".pdf") else "model-card"
    found = inspect(release.source, kind, (file,))
    return next((refusal.reason for refusal in (*found.refused, *found.unread)), "")
