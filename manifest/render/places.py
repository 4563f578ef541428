"""What services show of a finding: its place, as a file and a line, and its text."""

from __future__ import annotations

import dataclasses

from manifest.display import printable
from manifest.document.description import FILE_NAME
from manifest.findings import Finding
from manifest.lint.engine import LintReport
from manifest.lint.release import Origin

__all__ = ["Place", "place_of", "sentences"]


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A path from the root of the checkout, and a position in it, from 1; column None if unknown."""

    path: str
    line: int = 1
    column: int | None = None


def place_of(finding: Finding, report: LintReport, prefix: str = "") -> Place:
    """The finding's place; one that has none is about the description, there or still to write.

    Args:
        finding: The finding.
        report: The report that it is of.
        prefix: The release directory's path from the root of the checkout; empty for that root.
    """
    where = finding.location
    described = FILE_NAME if report.origin is Origin.DRAFTED else str(report.origin)
    path = where.path if where else described
    full = f"{prefix}/{path}" if prefix else path
    if where is None:
        return Place(full)
    return Place(full, where.line or 1, where.column)


def sentences(finding: Finding) -> str:
    """What is the case and what to do about it, in one line."""
    message = printable(finding.message)
    end = "" if message.endswith((".", "!", "?")) else "."
    return f"{message}{end} {printable(finding.remedy)}".strip()
