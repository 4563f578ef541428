"""What the cards, READMEs and reports of a release say: shared by rules about documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.reading import cards, texts
from manifest.lint.release import Release
from manifest.readers.card import Card, read_card

__all__ = ["cards_and_readmes", "documents_text"]

_README = re.compile(r"readme(\.md|\.rst|\.txt)?", re.IGNORECASE)


def cards_and_readmes(release: Release) -> Iterator[Card]:
    """The model cards, and further READMEs at the top of the release."""
    told = set()
    for card in cards(release):
        told.add(card.path)
        yield card
    for path in sorted(p for p in release.paths - told if _README.fullmatch(p)):
        try:
            yield read_card(release.source, path)
        except (DocumentError, UndecidedError):
            continue


def documents_text(release: Release) -> str:
    """What cards, data cards, reports and papers in text form say, one after the other."""
    kinds = ("model-card", "data-card", "technical-report", "research-paper")
    return "\n".join(text for _, text in texts(release, *kinds))
