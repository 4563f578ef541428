"""What a license may take away, and how that is known."""

from __future__ import annotations

import enum

__all__ = ["Basis", "Clause"]


class Clause(enum.StrEnum):
    """A clause that takes from somebody what an open license grants to everybody."""

    USER_THRESHOLD = "asks for another license above a number of users"
    REVENUE_THRESHOLD = "asks for another license above a revenue"
    DISPLAY_DUTY = "demands a display in the product above a number of users or a revenue"
    ACCEPTABLE_USE = "limits use by an acceptable-use policy"
    USE_RESTRICTIONS = "limits use by a list of forbidden purposes"
    PASSED_ON = "makes every recipient pass the limits on"
    REMOTE_RESTRICTION = "lets the licensor restrict use remotely or demand updates"
    NO_TRAINING_OTHERS = "forbids using outputs to improve other models"
    NAMING = "dictates names of derived models"
    TERRITORY = "excludes users by territory"
    TERMINATION = "ends on conditions beyond a breach of attribution or copyleft"
    LICENSOR_MAY_CHANGE = "lets the licensor change the terms"
    MILITARY = "forbids military use"
    NON_COMMERCIAL = "forbids commercial use"
    RESEARCH_ONLY = "allows research only"
    NO_DERIVATIVES = "forbids modified versions"
    NON_PRODUCTION = "forbids production use"
    APPLICATION = "asks for an application before commercial use"
    NO_GRANT = "grants nothing"


class Basis(enum.StrEnum):
    """How an entry of the table is known."""

    TEXT = "license text read"
    QUOTED = "clause quoted by third parties"
    NAME = "stated by the license's own name"
    UNCHECKED = "not checked"
