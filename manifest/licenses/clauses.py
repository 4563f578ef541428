"""What a license may take away, and how that is known."""

from __future__ import annotations

import enum

__all__ = ["Basis", "Clause"]


class Clause(enum.StrEnum):
    """A clause that takes from somebody what an open license grants to everybody."""

    USER_THRESHOLD = "requires a separate license above a number of users"
    REVENUE_THRESHOLD = "requires a separate license above a revenue"
    SIZE_THRESHOLD = "requires a separate license above a number of employees"
    DISPLAY_DUTY = "demands a display in the product above a number of users or a revenue"
    ACCEPTABLE_USE = "limits use by an acceptable-use policy"
    USE_RESTRICTIONS = "limits use by a list of forbidden purposes"
    PASSED_ON = "obliges whoever passes the model on to impose the same limits"
    REMOTE_RESTRICTION = "lets the licensor restrict use remotely or demand updates"
    NO_TRAINING_OTHERS = "forbids using outputs to improve other models"
    NAMING = "prescribes how derived models are named"
    TERRITORY = "excludes users by territory"
    TERMINATION = "ends for more reasons than an open license does"
    LICENSOR_MAY_CHANGE = "lets the licensor change the terms"
    MILITARY = "forbids military use"
    NON_COMMERCIAL = "forbids commercial use"
    RESEARCH_ONLY = "allows research only"
    NO_DERIVATIVES = "forbids modified versions"
    NON_PRODUCTION = "forbids production use"
    APPLICATION = "requires an application before commercial use"
    NO_GRANT = "grants nothing"


class Basis(enum.StrEnum):
    """How an entry of the table is known."""

    TEXT = "license text read"
    QUOTED = "clause quoted by third parties"
    NAME = "stated by the license's own name"
    UNCHECKED = "not checked"
