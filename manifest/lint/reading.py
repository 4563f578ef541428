"""What rules read of a release beyond its states: headers, cards, recipes and texts, each once.

Several rules look at the same headers and the same recipes; a release of hundreds of shards is
read once for all of them. What cannot be read here is left out: other rules tell of that.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable, Iterator
from typing import cast

from manifest.errors import DocumentError, ManifestError, UndecidedError
from manifest.lint.content.sampling import head_text, suffix
from manifest.lint.content.weights import safetensors_header
from manifest.lint.release import Basis, Release
from manifest.readers.card import Card, read_card
from manifest.readers.gguf import GgufHeader, read_gguf
from manifest.readers.recipe import Recipe, read_recipe
from manifest.readers.safetensors import SafetensorsHeader
from manifest.readers.training_settings import FilledField, read_training_settings
from manifest.sources import Source, SourceFile

__all__ = [
    "MAX_CARDS",
    "card_at",
    "cards",
    "gguf_headers",
    "header_of",
    "recipe_fields",
    "recipes",
    "texts",
]

_MAX_RECIPES = 16
_RECIPES = frozenset({".yaml", ".yml", ".json", ".toml", ".py"})
MAX_CARDS = 8
"""How many cards are looked at; a release has one, or one for each of its forms."""
_MAX_GGUF = 64
_MAX_TEXT = 256 * 1024
_FINAL = "model-parameters-final"


@dataclasses.dataclass(frozen=True, slots=True)
class _Read:
    """What was read of one source, by path; None or the error for what cannot be read."""

    gguf: dict[str, GgufHeader | None] = dataclasses.field(default_factory=dict)
    recipes: dict[str, Recipe | None] = dataclasses.field(default_factory=dict)
    fields: dict[str, tuple[FilledField, ...]] = dataclasses.field(default_factory=dict)
    cards: dict[str, Card | ManifestError] = dataclasses.field(default_factory=dict)


def _read_of(source: Source) -> _Read:
    """What was read of the source at hand; of the one before it nothing is kept."""
    return _remembered(cast("Hashable", source))


@functools.lru_cache(maxsize=1)
def _remembered(source: Hashable) -> _Read:  # noqa: ARG001 - the key, by identity
    return _Read()


def header_of(source: Source, path: str) -> SafetensorsHeader | None:
    """The header of a safetensors file; None when it is broken or cannot be read."""
    try:
        return safetensors_header(source, path)
    except (DocumentError, UndecidedError):
        return None


def gguf_headers(release: Release) -> Iterator[GgufHeader]:
    """The headers of the final weights that are GGUF files."""
    if release.basis is Basis.DECLARATIONS:
        return
    known = _read_of(release.source).gguf
    paths = [p for c in release.of_kind(_FINAL) for p in c.inspection.accepted]
    for path in [p for p in paths if suffix(p) == ".gguf"][:_MAX_GGUF]:
        if path not in known:
            try:
                known[path] = read_gguf(release.source, path)
            except (DocumentError, UndecidedError):
                known[path] = None
        if (header := known[path]) is not None:
            yield header


def cards(release: Release) -> Iterator[Card]:
    """The model cards: those of the description, and the README at the top."""
    if release.basis is Basis.DECLARATIONS:
        return
    paths = [p for c in release.of_kind("model-card") for p in c.inspection.accepted]
    paths += [p for p in ("README.md",) if p in release.paths]
    for path in dict.fromkeys(p for p in paths[:MAX_CARDS] if suffix(p) in {".md", ".markdown"}):
        card = card_at(release.source, path)
        if isinstance(card, Card):
            yield card


def card_at(source: Source, path: str) -> Card | ManifestError:
    """A card, or why it cannot be read: a `DocumentError` or an `UndecidedError`."""
    known = _read_of(source).cards
    if path not in known:
        try:
            known[path] = read_card(source, path)
        except (DocumentError, UndecidedError) as error:
            known[path] = error
    return known[path]


def recipes(release: Release) -> tuple[Recipe, ...]:
    """The training configurations that can be read: YAML and JSON with a recipe's fields."""
    if release.basis is Basis.DECLARATIONS:
        return ()
    paths = [f.path for c in release.of_kind("training-configuration") for f in c.files.here]
    paths += [str(p) for p in release.description.training.get("configuration", ())]
    wanted = [p for p in dict.fromkeys(paths) if suffix(p) in {".yaml", ".yml", ".json"}]
    known = _read_of(release.source).recipes
    for path in wanted[:_MAX_RECIPES]:
        if path not in known:
            try:
                known[path] = read_recipe(release.source, path) if path in release.paths else None
            except (DocumentError, UndecidedError):
                known[path] = None
    found = [known[path] for path in wanted[:_MAX_RECIPES]]
    return tuple(r for r in found if r is not None and r.is_training)


def recipe_fields(release: Release) -> tuple[FilledField, ...]:
    """What the training configurations say whose framework is known, in a description's words."""
    if release.basis is Basis.DECLARATIONS:
        return ()
    paths = [f.path for c in release.of_kind("training-configuration") for f in c.files.here]
    paths += [str(p) for p in release.description.training.get("configuration", ())]
    known = _read_of(release.source).fields
    wanted = [p for p in dict.fromkeys(paths) if suffix(p) in _RECIPES][:_MAX_RECIPES]
    for path in wanted:
        if path not in known:
            try:
                there = path in release.paths
                known[path] = read_training_settings(release.source, path).fields if there else ()
            except (DocumentError, UndecidedError):
                known[path] = ()
    return tuple(field for path in wanted for field in known[path])


def texts(release: Release, *kinds: str) -> Iterator[tuple[str, str]]:
    """Paths and texts of the components of some kinds that passed their test; not of PDFs."""
    if release.basis is Basis.DECLARATIONS:
        return
    sizes = {f.path: f for c in release.components if c.kind in kinds for f in c.files.here}
    for component in release.components:
        if component.kind not in kinds:
            continue
        for path in component.inspection.accepted:
            text = _text(release.source, sizes[path])
            if text is not None:
                yield path, text


def _text(source: Source, file: SourceFile) -> str | None:
    try:
        return head_text(source, file, _MAX_TEXT)
    except UndecidedError:
        return None
