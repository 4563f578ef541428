"""The model cards and READMEs of a release: shared by rules about what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.release import Release
from manifest.readers._bounded import read_text
from manifest.readers.card import Card, read_card

__all__ = ["cards_and_readmes", "documents_text", "model_cards"]

_README = re.compile(r"readme(\.md|\.rst|\.txt)?", re.IGNORECASE)


def model_cards(release: Release) -> Iterator[Card]:
    """The model cards that are evidence; one that cannot be read is passed over."""
    paths = {p for c in release.of_kind("model-card") for p in c.inspection.accepted}
    return _read(release, paths)


def cards_and_readmes(release: Release) -> Iterator[Card]:
    """The model cards, and READMEs at the top of the release."""
    paths = {p for c in release.of_kind("model-card") for p in c.inspection.accepted}
    return _read(release, paths | {p for p in release.paths if _README.fullmatch(p)})


def _read(release: Release, paths: set[str]) -> Iterator[Card]:
    for path in sorted(paths):
        try:
            yield read_card(release.source, path)
        except (DocumentError, UndecidedError):
            continue


def documents_text(release: Release) -> str:
    """What cards, data cards, reports and papers in text form say, one after the other."""
    kinds = ("model-card", "data-card", "technical-report", "research-paper")
    paths = {p for kind in kinds for c in release.of_kind(kind) for p in c.inspection.accepted}
    parts = []
    for path in sorted(p for p in paths if p.lower().endswith((".md", ".txt", ".rst", ".tex"))):
        try:
            parts.append(read_text(release.source, path))
        except (DocumentError, UndecidedError):
            continue
    return "\n".join(parts)
