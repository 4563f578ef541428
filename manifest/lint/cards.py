"""The model cards and READMEs of a release: shared by rules about what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.release import Release
from manifest.readers.card import Card, read_card

__all__ = ["cards_and_readmes", "model_cards"]

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
