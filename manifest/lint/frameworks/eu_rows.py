"""What a row of the EU table is, and the texts that the table rests on."""

from __future__ import annotations

import dataclasses
import enum

__all__ = ["GUIDELINES", "GUIDELINES_DATE", "REGULATION", "EuRow", "EuStatus"]

REGULATION = "Regulation (EU) 2024/1689"
GUIDELINES = (
    "Commission guidelines on the scope of the obligations for providers of general-purpose AI "
    "models, C(2025) 5045"
)
GUIDELINES_DATE = "2025-07-18"


class EuStatus(enum.StrEnum):
    """What the files say of one row."""

    MET = "met"
    NOT_MET = "not-met"
    ABOVE = "above"
    BELOW = "below"
    WAIVED = "waived"
    DUE = "due-with-evidence"
    MISSING = "due-and-missing"
    NOT_APPLICABLE = "not-applicable"
    UNDECIDED = "not-decidable"


@dataclasses.dataclass(frozen=True, slots=True)
class EuRow:
    """One condition, threshold or duty: where it is written, what the files say, and why."""

    subject: str
    basis: str
    status: EuStatus
    detail: str
