"""The kinds of component that a release is made of (spec/description.md, "Components").

The first seventeen are the components of the Model Openness Framework 1.0 under the
framework's own names; the rest are parts of a release for which the framework has no name.
"""

from __future__ import annotations

import enum

from manifest.records import record

__all__ = ["KINDS", "MOF_KINDS", "ComponentKind", "ContentType", "MofClass", "resolve_kind"]


class ContentType(enum.StrEnum):
    """What a component consists of; a license is open for some of these and not for others."""

    CODE = "code"
    DATA = "data"
    DOCUMENT = "document"


class MofClass(enum.StrEnum):
    """Classes of the Model Openness Framework, from the least to the most complete."""

    III = "III"
    II = "II"
    I = "I"  # noqa: E741 - the framework's own numeral


@record(frozen=True, slots=True)
class ComponentKind:
    """One kind of component.

    Attributes:
        id: The kind's id in descriptions and manifests, as ``model-parameters-final``.
        title: Its name; the framework's own where the framework has one.
        content_type: What it consists of.
        mof_class: The class that first lists it; None for kinds outside the framework.
        required: Whether that class requires it (the others are optional there).
        aliases: Short names that the command line takes, as ``weights``.
    """

    id: str
    title: str
    content_type: ContentType
    mof_class: MofClass | None = None
    required: bool = False
    aliases: tuple[str, ...] = ()


_CODE, _DATA, _DOCUMENT = ContentType.CODE, ContentType.DATA, ContentType.DOCUMENT

_ALL = (
    ComponentKind(
        "model-architecture", "Model architecture", _CODE, MofClass.III, True, ("architecture",)
    ),
    ComponentKind(
        "model-parameters-final",
        "Model parameters (Final)",
        _DATA,
        MofClass.III,
        True,
        ("weights", "parameters"),
    ),
    ComponentKind(
        "evaluation-results", "Evaluation results", _DOCUMENT, MofClass.III, True, ("results",)
    ),
    ComponentKind("model-card", "Model card", _DOCUMENT, MofClass.III, True, ("card",)),
    ComponentKind("data-card", "Data card", _DOCUMENT, MofClass.III, True),
    ComponentKind(
        "technical-report", "Technical report", _DOCUMENT, MofClass.III, True, ("report",)
    ),
    ComponentKind(
        "sample-model-outputs", "Sample model outputs", _DATA, MofClass.III, aliases=("samples",)
    ),
    ComponentKind("training-code", "Training code", _CODE, MofClass.II, True),
    ComponentKind("inference-code", "Inference code", _CODE, MofClass.II, True),
    ComponentKind("evaluation-code", "Evaluation code", _CODE, MofClass.II, True),
    ComponentKind("evaluation-data", "Evaluation data", _DATA, MofClass.II, True),
    ComponentKind("supporting-libraries", "Supporting libraries and tools", _CODE, MofClass.II),
    ComponentKind("datasets", "Datasets", _DATA, MofClass.I, True, ("data",)),
    ComponentKind(
        "model-parameters-intermediate",
        "Model parameters (Intermediate)",
        _DATA,
        MofClass.I,
        True,
        ("checkpoints",),
    ),
    ComponentKind("data-preprocessing-code", "Data preprocessing code", _CODE, MofClass.I, True),
    ComponentKind("research-paper", "Research paper", _DOCUMENT, MofClass.I, True, ("paper",)),
    ComponentKind("model-metadata", "Model metadata", _DATA, MofClass.I),
    ComponentKind("tokenizer", "Tokenizer", _DATA),
    ComponentKind("training-configuration", "Training configuration", _DATA, aliases=("recipe",)),
    ComponentKind("training-logs", "Training logs", _DATA),
    ComponentKind("data-order", "Data order", _DATA),
    ComponentKind("license-texts", "License texts", _DOCUMENT, aliases=("licenses",)),
)

KINDS: dict[str, ComponentKind] = {kind.id: kind for kind in _ALL}
"""Every kind by its id, in the order in which reports show them."""

MOF_KINDS: tuple[ComponentKind, ...] = tuple(kind for kind in _ALL if kind.mof_class is not None)
"""The seventeen components of the Model Openness Framework."""


def resolve_kind(name: str) -> ComponentKind | None:
    """The kind called ``name``: by id, alias, or the framework's title; None for no kind."""
    wanted = name.strip().casefold()
    for kind in _ALL:
        if wanted in (kind.id, kind.title.casefold(), *kind.aliases):
            return kind
    return None
