"""Tests of documents: cards, papers and license texts."""

from __future__ import annotations

import re

from manifest.licenses import recognise
from manifest.licenses.texts import MAX_BYTES as MAX_LICENSE
from manifest.lint.content.sampling import head, head_text, suffix
from manifest.readers.card import front_matter_of
from manifest.readers.containers import check_container
from manifest.readers.croissant import read_croissant
from manifest.sources import Source, SourceFile

__all__ = ["CARD_WORDS", "REPORT_WORDS", "card", "data_card", "license_text", "report"]

CARD_WORDS = 50
"""Words that a card must have; a name, a license and a link come to fewer."""
REPORT_WORDS = 300
"""Words that a report or paper in text form must have."""
_MAX_TEXT = 2 * 1024 * 1024
_PDF_PART = 1024 * 1024

_WORD = re.compile(r"\w+")
_HEADING = re.compile(
    r"^(#{1,6}[ \t]|=+ |\S.*\n[=~^-]{3,}[ \t]*$)|<h[1-6]", re.MULTILINE | re.IGNORECASE
)
_ORIGIN = re.compile(
    r"\b(source|sourced|collect\w*|crawl\w*|scrap\w*|obtain\w*|download\w*|generat\w*|synthe\w*"
    r"|written|wrote|recorded|annotat\w*|common crawl|wikipedia)\b",
    re.IGNORECASE,
)


def card(source: Source, file: SourceFile) -> str:
    """A model card: enough words, with headings or front matter.

    Raises:
        UndecidedError: It cannot be read.
    """
    text = head_text(source, file, _MAX_TEXT)
    if text is None:
        return "is not text"
    split = front_matter_of(text)
    body = split[1] if split else text
    words = len(_WORD.findall(body))
    if words < CARD_WORDS:
        return f"has {words} words: too few to be a card"
    if split is None and not _HEADING.search(text):
        return "has neither headings nor front matter"
    return ""


def data_card(source: Source, file: SourceFile) -> str:
    """A data card: a card that says where the data comes from; or Croissant metadata that does.

    Raises:
        DocumentError: It is JSON and no Croissant metadata.
        UndecidedError: It cannot be read.
    """
    if suffix(file.path) in {".json", ".jsonld"}:
        found = read_croissant(source, file.path)
        if not found.description:
            return "describes no dataset: it has no description"
        return "" if any(f.url for f in found.files) else "does not say where the data is"
    if reason := card(source, file):
        return reason
    text = head_text(source, file, _MAX_TEXT) or ""
    return "" if _ORIGIN.search(text) else "does not say where the data comes from"


def report(source: Source, file: SourceFile) -> str:
    """A technical report or paper: a PDF with pages, or enough text.

    Raises:
        BrokenFileError: It is called a PDF and is none, or was cut off.
        UndecidedError: It cannot be read.
    """
    if suffix(file.path) == ".pdf":
        return _pdf(source, file)
    text = head_text(source, file, _MAX_TEXT)
    if text is None:
        return "is neither a PDF nor text"
    words = len(_WORD.findall(text))
    return f"has {words} words: too few to be a report" if words < REPORT_WORDS else ""


def _pdf(source: Source, file: SourceFile) -> str:
    first = head(source, file, _PDF_PART)
    start = max(file.size - _PDF_PART, 0)
    last = source.read(file.path, start=start, length=file.size - start)
    check_container(source, file.path)
    # Pages stand in the open or inside compressed object streams (ISO 32000, 7.5.7).
    if not any(mark in part for mark in (b"/Page", b"/ObjStm") for part in (first, last)):
        return "is a PDF without pages"
    return ""


def license_text(source: Source, file: SourceFile) -> str:
    """The text of a license that is recognised.

    Raises:
        UndecidedError: It cannot be read.
    """
    found = recognise(head(source, file, MAX_LICENSE))
    if not found.ids:
        return "is not the text of a license that is known here"
    if found.changed:
        return f"adds words of its own to the {' and '.join(found.ids)} license"
    return ""
