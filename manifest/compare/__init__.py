"""What changed between two releases, or two checkpoints of one (spec/tensors.md, "Differences")."""

from manifest.compare.comparing import compare_sides
from manifest.compare.report import (
    Change,
    ComponentChange,
    DiffReport,
    FieldChange,
    FileChange,
    SideInfo,
    TensorChange,
    WeightsChange,
    WeightsRelation,
)
from manifest.compare.sides import Side, open_side

__all__ = [
    "Change",
    "ComponentChange",
    "DiffReport",
    "FieldChange",
    "FileChange",
    "Side",
    "SideInfo",
    "TensorChange",
    "WeightsChange",
    "WeightsRelation",
    "compare_sides",
    "open_side",
]
