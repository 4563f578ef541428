"""Cards and papers: which component a document is."""

from __future__ import annotations

import re

from manifest.readers.card import read_card
from manifest.readers.names import words_of
from manifest.readers.placing import Confidence, Found
from manifest.sources import Source

__all__ = ["place_card", "place_document"]

GUESS, LIKELY, SURE = Confidence.GUESS, Confidence.LIKELY, Confidence.SURE

_TEXT = (".md", ".markdown", ".rst", ".txt", ".html")
_DATA_CARD = re.compile(
    r"(data[-_ ]?card|dataset[-_ ]?card|datasheet|data[-_ ]?sheet|data[-_ ]?statement)"
)
_MODEL_CARD = re.compile(r"(model[-_ ]?card|system[-_ ]?card)")
_ARXIV = re.compile(r"[0-9]{4}\.[0-9]{4,5}(v[0-9]+)?")
_DATA_PLACES = frozenset({"data", "dataset", "datasets", "corpus"})
_LEAST_CARD = 500
"""Fewer characters, front matter aside, are a remark and no card."""
_REPORT_SUFFIXES = (".pdf", ".ps", ".djvu")


def place_card(source: Source, path: str, weight_directories: set[str]) -> Found | None:
    """Place a card by its name, its place and its front matter.

    Args:
        source: The release.
        path: The file.
        weight_directories: The directories that hold weights.

    Raises:
        DocumentError: The front matter of a README cannot be read; by its place it may still be
            a card.
        UndecidedError: It cannot be read.
    """
    *directories, name = path.split("/")
    lower = name.lower()
    if not lower.endswith(_TEXT):
        return None
    stem = lower.rpartition(".")[0]
    if _DATA_CARD.search(stem):
        return "data-card", "by its name", LIKELY
    if _MODEL_CARD.search(stem):
        return "model-card", "by its name", LIKELY
    if stem != "readme":
        return None
    if not directories:
        # At the top a README is the card even where its front matter cannot be read.
        return "model-card", "a README at the top", LIKELY
    card = read_card(source, path)
    if not card.fields:
        beside = path.rpartition("/")[0] in weight_directories
        if beside and "model" in words_of(card.title) and len(card.body) >= _LEAST_CARD:
            return "model-card", "a README on the model, beside its weights", GUESS
        return None
    if card.describes_dataset or (directories[-1].lower() in _DATA_PLACES and not card.base_models):
        return "data-card", "front matter of a dataset", SURE
    return "model-card", "front matter of a model", SURE


def place_document(path: str) -> Found | None:
    """Place papers and reports by their name."""
    name = path.rpartition("/")[2].lower()
    stem, _, suffix = name.rpartition(".")
    words = set(words_of(path))
    if name.endswith(_REPORT_SUFFIXES):
        if "paper" in words or "arxiv" in words or _ARXIV.fullmatch(stem):
            return "research-paper", "by its name", LIKELY
        if words & {"card"}:
            kind = "data-card" if words & {"data", "dataset"} else "model-card"
            return kind, "by its name", LIKELY
        if words & {"report", "technical", "whitepaper"}:
            return "technical-report", "by its name", LIKELY
        return "technical-report", "a document of some kind", GUESS
    if suffix in {"md", "tex", "rst"}:
        if "paper" in words:
            return "research-paper", "by its name", LIKELY
        if {"technical", "report"} <= words or stem == "report":
            return "technical-report", "by its name", LIKELY
    return None
