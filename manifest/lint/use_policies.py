"""Terms beside a license: what notices, terms, policies and a card's prose take away."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator

from manifest.display import listed, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.licenses import Clause
from manifest.licenses.terms import restrictions
from manifest.licenses.texts import beyond_licenses
from manifest.lint.card_terms import stated_terms
from manifest.lint.cards import cards_and_readmes
from manifest.lint.release import Basis, Release
from manifest.readers._bounded import read_text

__all__ = ["BesideTerms", "clauses_of", "terms_beside"]

_POLICY = re.compile(
    r"(?:.*/)?(?:(?:acceptable|prohibited|restricted)[-_ ]?us(?:e|es|age)(?:[-_ ]?policy)?"
    r"|(?:model[-_ ]?)?(?:use|usage)[-_ ]?(?:policy|restrictions|guidelines)|aup"
    r"|(?:model[-_ ]?)?terms(?:[-_ ](?:of[-_ ](?:use|service)|and[-_ ]conditions))?|eula"
    r"|(?:additional|supplementary|special)[-_ ]terms|(?:license[-_ ])?addendum)"
    r"(?:\.(?:md|txt|rst|html?))?",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"[^/]*\b(?:notices?|legal|disclaimer|restrictions|conditions)(?:\.(?:md|txt|rst))?",
    re.IGNORECASE,
)
_MAX_FILES = 8
_MAX_SHOWN = 90
# An order to the user; a hope, or a reminder of the law, is none.
_ORDER = re.compile(
    r"\byou (?:agree|will|shall|must)\b[^.:]{0,60}?\b(?:not|never)\b"
    r"|\bagree not to\b|\b(?:must|shall|may|will) not (?:use|be used)\b|\byou cannot use\b"
    r"|\b(?:is|are) (?:strictly )?(?:prohibited|forbidden)\b",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class BesideTerms:
    """A file beside the license, and what in it takes something away; nothing when it only asks.

    Attributes:
        path: The file.
        clauses: What it takes away.
        line: The 1-based line that does so; 0 where it is the file as a whole.
        words: That line's sentence, shortened; empty where it is the file as a whole.
    """

    path: str
    clauses: tuple[Clause, ...] = ()
    line: int = 0
    words: str = ""

    def __str__(self) -> str:
        """In a sentence, as ``NOTICE forbids commercial use, at line 3: “…”``."""
        quoted = f", at line {self.line}: “{printable(self.words)}”" if self.line else ""
        return f"{printable(self.path)} {listed(self.clauses)}{quoted}"


def terms_beside(release: Release) -> Iterator[BesideTerms]:
    """What files of terms and the prose of cards take away; what cannot be read is passed over."""
    if release.basis is Basis.DECLARATIONS:
        return
    yield from (terms for terms in _of_files(release) if terms.clauses)
    name = release.description.name
    called = [*re.split(r"[/_\s]", name), *re.split(r"[-/_\s]", name)[:3]]
    for card in itertools.islice(cards_and_readmes(release), _MAX_FILES):
        for terms in stated_terms(card.body, called):
            line = terms.line + card.body_line - 1
            yield BesideTerms(card.path, terms.clauses, line, terms.words)


def _of_files(release: Release) -> Iterator[BesideTerms]:
    licenses = {text.path for text in release.license_texts}
    for pattern, orders in ((_POLICY, True), (_NOTICE, False)):
        for path in sorted(p for p in release.paths - licenses if pattern.fullmatch(p))[
            :_MAX_FILES
        ]:
            try:
                text = beyond_licenses(read_text(release.source, path))
            except (DocumentError, UndecidedError):
                continue
            said = list(restrictions(text))
            clauses = dict.fromkeys(
                [*(clauses_of(text) if orders else ()), *(r.clause for r in said)]
            )
            # An order covers the file; a single sentence is shown.
            only = said[0] if said and len(clauses) == len({r.clause for r in said}) else None
            yield BesideTerms(
                path, tuple(clauses), only.line if only else 0, _short(only.words) if only else ""
            )


def _short(words: str) -> str:
    return words if len(words) <= _MAX_SHOWN else f"{words[:_MAX_SHOWN].rstrip()}…"


def clauses_of(text: str) -> tuple[Clause, ...]:
    """What a policy takes away from what a license grants."""
    words = " ".join(text.replace("*", " ").split())
    found: list[Clause] = []
    if _ORDER.search(words):
        found.append(Clause.ACCEPTABLE_USE)
        if re.search(r"\bmilitary\b", words, re.IGNORECASE):
            found.append(Clause.MILITARY)
    found += (r.clause for r in restrictions(text))
    return tuple(dict.fromkeys(found))
