"""The table of the EU AI Act, as text and as plain JSON values."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from manifest.lint.frameworks.eu import (
    GUIDELINES,
    GUIDELINES_DATE,
    REGULATION,
    EuRow,
    EuStatus,
    EuTable,
)
from manifest.render import Paint, plain

__all__ = ["eu_lines", "eu_plain"]

_ROLE = {
    EuStatus.MET: "good",
    EuStatus.WAIVED: "good",
    EuStatus.DUE: "good",
    EuStatus.NOT_MET: "bad",
    EuStatus.MISSING: "bad",
    EuStatus.ABOVE: "warn",
    EuStatus.UNDECIDED: "warn",
    EuStatus.BELOW: "dim",
    EuStatus.NOT_APPLICABLE: "dim",
}
_WORDS = {
    EuStatus.NOT_MET: "not met",
    EuStatus.DUE: "due, with evidence",
    EuStatus.MISSING: "due, missing",
    EuStatus.NOT_APPLICABLE: "does not apply",
    EuStatus.UNDECIDED: "not decidable",
}
_STATUS = max(len(_WORDS.get(s, s.value)) for s in EuStatus) + 2


def eu_lines(table: EuTable, width: int, paint: Paint = plain) -> Iterator[str]:
    """The table for people, each line at most ``width`` columns where words allow it."""
    yield f"EU AI Act, {REGULATION}: what these files show. It is no legal advice."
    yield from textwrap.wrap(f"Read with: {GUIDELINES}, of {GUIDELINES_DATE}.", width)
    for heading, rows in (
        ("Conditions of the open-source exemption", table.conditions),
        ("Training compute", table.thresholds),
        ("Duties, where this is a general-purpose model placed on the Union market", table.duties),
    ):
        yield ""
        yield from textwrap.wrap(heading, width)
        yield from _rows(rows, width, paint)


def _rows(rows: Sequence[EuRow], width: int, paint: Paint) -> Iterator[str]:
    for row in rows:
        word = _WORDS.get(row.status, row.status.value)
        indent = "  " + " " * _STATUS
        text = f"{row.subject} ({row.basis}): {row.detail}"
        lines = textwrap.wrap(text, max(width - len(indent), 30), break_on_hyphens=False)
        yield f"  {paint(f'{word:<{_STATUS}}', _ROLE[row.status])}{lines[0]}"
        yield from (indent + line for line in lines[1:])


def eu_plain(table: EuTable) -> dict[str, Any]:
    """The table as plain JSON values: ``eu_ai_act`` of ``lint-report.schema.json``."""
    compute = table.compute
    return {
        "regulation": REGULATION,
        "guidelines": {"title": GUIDELINES, "date": GUIDELINES_DATE},
        "compute": {"flop": compute.flop, "basis": compute.basis.value, "detail": compute.detail}
        if compute
        else None,
        "conditions": [_row(r) for r in table.conditions],
        "thresholds": [_row(r) for r in table.thresholds],
        "duties": [_row(r) for r in table.duties],
    }


def _row(row: EuRow) -> dict[str, str]:
    return {
        "subject": row.subject,
        "basis": row.basis,
        "status": row.status.value,
        "detail": row.detail,
    }
