"""Policies beside a license: what a file of acceptable or prohibited uses takes away."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from manifest.errors import DocumentError, UndecidedError
from manifest.licenses import Clause
from manifest.lint.release import Release
from manifest.readers._bounded import read_text

__all__ = ["UsePolicy", "clauses_of", "use_policies"]

_NAME = re.compile(
    r"(?:.*/)?(?:(?:acceptable|prohibited|restricted)[-_ ]?us(?:e|es|age)(?:[-_ ]?policy)?"
    r"|(?:use|usage)[-_ ]?(?:policy|restrictions)|aup)(?:\.(?:md|txt|rst))?",
    re.IGNORECASE,
)
_MAX_FILES = 8
# An order to the user; a hope, or a reminder of the law, is none.
_ORDER = re.compile(
    r"\byou (?:agree|will|shall|must)\b[^.:]{0,60}?\b(?:not|never)\b"
    r"|\bagree not to\b|\b(?:must|shall|may|will) not (?:use|be used)\b|\byou cannot use\b"
    r"|\b(?:is|are) (?:strictly )?(?:prohibited|forbidden)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:european union|eea|european economic area|united kingdom|south korea|china)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\bnot (?:being )?granted\b|\bdoes not apply\b|\bmay not\b|\bexclud\w+|\bprohibited\b"
    r"|\bnot (?:be )?(?:permitted|available|licensed)\b|\boutside the territory\b",
    re.IGNORECASE,
)
_NOT_COMMERCIAL = re.compile(
    r"\bnon-?commercial (?:use|uses|purposes?|research)(?: purposes?)? only\b"
    r"|\bonly for non-?commercial\b|\bcommercial use is (?:not|prohibited|forbidden)\b"
    r"|\bnot\b[^.]{0,40}\bfor (?:any )?commercial (?:use|purposes?)\b",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class UsePolicy:
    """A policy and the clauses in it that take something away; none when it only asks."""

    path: str
    clauses: tuple[Clause, ...]


def use_policies(release: Release) -> Iterator[UsePolicy]:
    """The policies that lie in the release; one that cannot be read is passed over."""
    for path in sorted(p for p in release.paths if _NAME.fullmatch(p))[:_MAX_FILES]:
        try:
            yield UsePolicy(path, clauses_of(read_text(release.source, path)))
        except (DocumentError, UndecidedError):
            continue


def clauses_of(text: str) -> tuple[Clause, ...]:
    """What a policy takes away from what a license grants."""
    words = " ".join(text.replace("*", " ").split())
    found = []
    if _ORDER.search(words):
        found.append(Clause.ACCEPTABLE_USE)
        if re.search(r"\bmilitary\b", words, re.IGNORECASE):
            found.append(Clause.MILITARY)
    if any(_PLACE.search(s) and _DENIED.search(s) for s in re.split(r"(?<=[.;])\s", words)):
        found.append(Clause.TERRITORY)
    if _NOT_COMMERCIAL.search(words):
        found.append(Clause.NON_COMMERCIAL)
    return tuple(found)
