"""What the modules that place files share: the shape of an answer, and how sure it is."""

from __future__ import annotations

import enum

__all__ = ["Confidence", "Found"]


class Confidence(enum.StrEnum):
    """How sure a placement is."""

    SURE = "sure"
    """The bytes, or a name that means one thing."""
    LIKELY = "likely"
    """A name or a place that nearly always means this."""
    GUESS = "guess"
    """The best guess; look at it."""


Found = tuple[str, str, Confidence]
"""A component kind's id, why, and how sure."""
