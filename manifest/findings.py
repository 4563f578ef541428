"""What lint and verify say, as values: severity, location, finding.

Renderers turn these into text, JSON and other formats; nothing here prints.
"""

from __future__ import annotations

import dataclasses
import enum

__all__ = ["Finding", "Location", "Severity"]


class Severity(enum.StrEnum):
    """How much a finding weighs (spec/evidence.md, "Findings").

    ``ERROR`` and ``WARNING`` are things that are false, broken or unsafe: an error fails the run,
    a warning fails it only when asked (``--fail-on warning``). ``ADVICE`` is what separates the
    release from a higher verdict: it never fails a run by itself.
    """

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclasses.dataclass(frozen=True, slots=True)
class Location:
    """Where a finding points: a file of the release, and the line in it when one is known.

    Attributes:
        path: The file, relative to the release directory, ``/``-separated.
        line: 1-based line, or None for the file as a whole.
        column: 1-based column, or None.
        pointer: The field inside the document, as ``components.datasets.license``.
    """

    path: str
    line: int | None = None
    column: int | None = None
    pointer: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that lint found.

    Attributes:
        code: The rule's stable code, as ``LIC002``.
        name: The rule's name in words, as ``weights-license-not-open``.
        severity: How much it weighs.
        message: What is the case here, naming the file, field or component.
        remedy: What to do about it, for this release.
        location: Where, when there is a place.
        component: The component concerned, by its id in the description; empty when none.
    """

    code: str
    name: str
    severity: Severity
    message: str
    remedy: str = ""
    location: Location | None = None
    component: str = ""
