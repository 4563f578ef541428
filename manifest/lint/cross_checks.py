"""What the test of one file cannot see: components held against each other.

Three things: one file of code under several kinds, weights and the configuration that says how
large they must be, a tokenizer and the vocabulary that the model was built for. Each can only take
evidence away (spec/evidence.md, "Components against each other").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from manifest.display import plural, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content import Inspection, Refusal
from manifest.lint.content.code import is_source
from manifest.lint.content.sampling import told
from manifest.lint.content.sharing import SHARING_KINDS, without_part
from manifest.lint.content.sizes import misfits
from manifest.lint.content.vocabulary import vocabulary_size
from manifest.readers.config import read_config
from manifest.sources import Source, SourceFile

__all__ = ["Inspected", "cross_checked"]

_WEIGHTS = ("model-parameters-final", "model-parameters-intermediate")
_LEAST_VOCABULARY = 2
"""Of so many tokens that the configuration speaks of, a tokenizer has one at least."""


@dataclasses.dataclass(frozen=True, slots=True)
class Inspected:
    """A component's id, kind and files, and what the tests of its own content said."""

    id: str
    kind: str
    files: tuple[SourceFile, ...]
    inspection: Inspection


def cross_checked(source: Source, components: Sequence[Inspected]) -> Mapping[str, Inspection]:
    """The inspections, by component, without what other components contradict."""
    found = {c.id: c.inspection for c in components}
    for kind, reason in _shared_code(source, components).items():
        for component in components:
            if component.kind == kind:
                mine = [p for p in found[component.id].accepted if is_source(p)]
                found[component.id] = _without(found[component.id], mine, reason)
    for component in components:
        if component.kind in _WEIGHTS and component.inspection.accepted:
            found[component.id] = _sized(source, found[component.id])
        elif component.kind == "tokenizer" and component.inspection.accepted:
            found[component.id] = _vocabulary(source, components, found[component.id])
    return found


def _without(found: Inspection, paths: Sequence[str], reason: str) -> Inspection:
    """The same with some files refused, for one reason."""
    gone = set(paths)
    return dataclasses.replace(
        found,
        accepted=tuple(p for p in found.accepted if p not in gone),
        refused=(*found.refused, *(Refusal(p, reason) for p in paths)),
    )


def _shared_code(source: Source, components: Sequence[Inspected]) -> Mapping[str, str]:
    claims: dict[str, list[SourceFile]] = {}
    for component in components:
        if component.kind in SHARING_KINDS:
            accepted = set(component.inspection.accepted)
            mine = [f for f in component.files if f.path in accepted and is_source(f.path)]
            if mine:
                claims.setdefault(component.kind, []).extend(mine)
    if len(claims) < 2:
        return {}
    try:
        return without_part(source, claims)
    except UndecidedError:
        return {}  # each file was read a moment ago; the next run tells


def _sized(source: Source, found: Inspection) -> Inspection:
    """Weights without those that are too few for their configuration."""
    try:
        wrong = [m for m in misfits(source, found.accepted) if m.too_few]
    except UndecidedError as error:
        path = found.accepted[0]
        unread = (*found.unread, Refusal(path, told(path, error)))
        return dataclasses.replace(found, accepted=(), unread=unread)
    for misfit in wrong:
        gone = set(misfit.paths)
        others = len(misfit.paths) - 1
        more = f" and {plural(others, 'more file')}" if others else ""
        found = dataclasses.replace(
            found,
            accepted=tuple(p for p in found.accepted if p not in gone),
            insufficient=f"{printable(misfit.paths[0])}{more} {misfit.reason}",
        )
    return found


def _vocabulary(source: Source, components: Sequence[Inspected], found: Inspection) -> Inspection:
    """A tokenizer, unless it has far fewer tokens than the model's configuration says."""
    wanted, config = 0, ""
    for component in components:
        if component.kind == "model-architecture":
            for path in component.inspection.accepted:
                size = _vocab_size(source, path)
                if size > wanted:
                    wanted, config = size, path
    held = [vocabulary_size(source, path) for path in found.accepted]
    if not wanted or not held or None in held:
        return found
    most = max(size for size in held if size is not None)
    if not most or most * _LEAST_VOCABULARY >= wanted:
        return found
    reason = f"it knows {most:,} tokens; {printable(config)} speaks of {wanted:,}"
    return dataclasses.replace(
        found, accepted=(), insufficient=f"not the model's tokenizer: {reason}"
    )


def _vocab_size(source: Source, path: str) -> int:
    if not path.endswith("config.json"):
        return 0
    try:
        return read_config(source, path).vocab_size or 0
    except (DocumentError, UndecidedError):
        return 0
