"""The EU AI Act's duties for general-purpose AI models, as far as files can say (spec/eu.md).

Nothing here says that anyone meets the Act. Each row says what the files show and what they cannot
show: whether a model is placed on the Union market, where its provider is established, or what was
handed to an authority stands in no file. What is not plain is "not decidable".
"""

from __future__ import annotations

import dataclasses

from manifest.lint.frameworks.compute import Compute, training_compute
from manifest.lint.frameworks.eu_conditions import conditions, is_exempt, on_trust, thresholds
from manifest.lint.frameworks.eu_duties import duties
from manifest.lint.frameworks.eu_rows import (
    GUIDELINES,
    GUIDELINES_DATE,
    REGULATION,
    EuRow,
    EuStatus,
)
from manifest.lint.release import Release

__all__ = [
    "GUIDELINES",
    "GUIDELINES_DATE",
    "REGULATION",
    "EuRow",
    "EuStatus",
    "EuTable",
    "eu_table",
]


@dataclasses.dataclass(frozen=True, slots=True)
class EuTable:
    """The whole table; ``compute`` is None when nothing says or suggests it."""

    compute: Compute | None
    conditions: tuple[EuRow, ...]
    thresholds: tuple[EuRow, ...]
    duties: tuple[EuRow, ...]


def eu_table(release: Release) -> EuTable:
    """What a release's files say on the Act's conditions, thresholds and duties."""
    compute = training_compute(release)
    rows = conditions(release)
    bounds = thresholds(release, compute)
    exempt = is_exempt(rows, bounds[1].status)
    return EuTable(compute, rows, bounds, duties(release, exempt, on_trust(release)))
