"""What the cards, READMEs and reports of a release say: shared by rules about documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import human_size, plural
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content.sampling import head_text, suffix, told
from manifest.lint.reading import MAX_CARDS, card_at, cards, texts
from manifest.lint.release import Basis, Release
from manifest.readers._bounded import MAX_TEXT, file_size
from manifest.readers.card import Card, front_matter_of
from manifest.sources import Source, SourceFile

__all__ = ["cards_and_readmes", "documents_text", "unread_cards"]

_README = re.compile(r"readme(\.md|\.rst|\.txt)?", re.IGNORECASE)
_MAX_BROKEN = 8


def cards_and_readmes(release: Release) -> Iterator[Card]:
    """The model cards, and further READMEs at the top of the release.

    Of one whose front matter cannot be read the text below it is read all the same: what it says
    of the release, people read too.
    """
    read = set()
    for card in cards(release):
        read.add(card.path)
        yield card
    for path in _others(release, read):
        found = card_at(release.source, path)
        if isinstance(found, Card):
            yield found
        elif isinstance(found, DocumentError) and (body := _body_of(release.source, path)):
            yield body


def unread_cards(release: Release) -> Iterator[tuple[str, str]]:
    """Cards and READMEs of which something was not read: the path, and what, after the path."""
    if release.basis is Basis.DECLARATIONS:
        return
    named = [p for c in release.of_kind("model-card") for p in c.inspection.accepted]
    if len(named) > MAX_CARDS:
        more = plural(len(named) - MAX_CARDS, "further card")
        yield named[MAX_CARDS], f"and all after it are not looked at: {more}"
    for path in _others(release, {card.path for card in cards(release)}):
        problem = card_at(release.source, path)
        if isinstance(problem, Card):
            continue
        size = file_size(release.source, path)
        if size > MAX_TEXT:
            limit = human_size(MAX_TEXT)
            yield path, f"has {human_size(size)}: what it says after {limit} was not read"
        elif isinstance(problem, DocumentError):
            what = told(path, problem)
            place = "line " if what[:1].isdecimal() else ""
            yield path, f"has front matter that was not read: {place}{what}"
        else:
            yield path, f"was not read: {told(path, problem)}"


def _others(release: Release, read: set[str]) -> list[str]:
    """Cards and READMEs that `cards` does not give."""
    by_words = release.basis is Basis.DECLARATIONS
    components = () if by_words else release.of_kind("model-card")
    named = [p for c in components for p in c.inspection.accepted]
    broken = [p for p in named[:_MAX_BROKEN] if suffix(p) in {".md", ".markdown"}]
    broken += sorted(p for p in release.paths if _README.fullmatch(p))
    return [p for p in dict.fromkeys(broken) if p not in read]


def _body_of(source: Source, path: str) -> Card | None:
    """The text of a card without its front matter, up to what is read of any text."""
    try:
        text = head_text(source, SourceFile(path, file_size(source, path)), MAX_TEXT)
    except UndecidedError:
        return None
    if text is None:
        return None
    split = front_matter_of(text)
    body = split[1] if split else text
    return Card(path, split is not None, body=body, body_line=text[: -len(body)].count("\n") + 1)


def documents_text(release: Release) -> str:
    """What cards, data cards, reports and papers in text form say, one after the other."""
    kinds = ("model-card", "data-card", "technical-report", "research-paper")
    return "\n".join(text for _, text in texts(release, *kinds))
