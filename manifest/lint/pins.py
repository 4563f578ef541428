"""The pinned references of a description, and what became of them where they were looked up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from manifest.document.description import Description
from manifest.document.references import Reference
from manifest.sources.pins import Resolution

__all__ = ["PinnedReference", "Resolver", "look_up", "pinned_references"]

Resolver = Callable[[Reference], Resolution]


@dataclasses.dataclass(frozen=True, slots=True)
class PinnedReference:
    """A pinned reference and its place: the field, and the component's id where it is in one."""

    reference: Reference
    pointer: str
    component: str = ""


def pinned_references(description: Description) -> Iterator[PinnedReference]:
    """Every pinned reference: of components, base models, data sources and checkpoints."""
    for spec in description.components:
        for index, reference in enumerate(spec.references):
            yield from _pinned(
                reference, f"components.{spec.id}.references[{index}]", component=spec.id
            )
    for index, base in enumerate(description.base_models):
        yield from _pinned(base.reference, f"base_models[{index}].reference")
    for index, source in enumerate(description.sources):
        yield from _pinned(source.reference, f"data.sources[{index}].reference")
    for index, checkpoint in enumerate(description.checkpoints):
        yield from _pinned(checkpoint.reference, f"checkpoints.entries[{index}].reference")


def look_up(description: Description, resolve: Resolver) -> Mapping[Reference, Resolution]:
    """What ``resolve`` says of each pinned reference, each asked for once."""
    references = dict.fromkeys(p.reference for p in pinned_references(description))
    return {reference: resolve(reference) for reference in references}


def _pinned(
    reference: Reference | None, pointer: str, *, component: str = ""
) -> Iterator[PinnedReference]:
    if reference is not None and reference.is_pinned:
        yield PinnedReference(reference, pointer, component)
