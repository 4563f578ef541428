"""The models that a release was made from: which of them are proven, and whose terms stay with it.

A release names its parents, and these name theirs. The walk follows that chain through releases
that it is given or finds on a hub, says of every link what proves it, and carries the licenses
along (spec/lineage.md).
"""

from manifest.lineage.report import (
    Ancestor,
    Carried,
    Lineage,
    LineageProblem,
    Link,
    LinkStatus,
    Pin,
    ProblemKind,
    SharedTensors,
)
from manifest.lineage.walking import Checked, Checker, trace

__all__ = [
    "Ancestor",
    "Carried",
    "Checked",
    "Checker",
    "Lineage",
    "LineageProblem",
    "Link",
    "LinkStatus",
    "Pin",
    "ProblemKind",
    "SharedTensors",
    "trace",
]
