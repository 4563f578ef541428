"""The words of a license text as they are compared: what SPDX's matching guidelines set aside.

Case, punctuation, quotation marks, bullets and numbering, and two spellings of one word make no
difference (SPDX 3.0, annex "License matching guidelines and templates"). Everything else does:
another script, digits in the place of letters, or markup between the words is another word.
"""

from __future__ import annotations

import dataclasses
import re

__all__ = ["Word", "words_of"]

_WORD = re.compile(r"[^\W_]+")
# Bullets, numbers of sections and list items; the article goes with them, on both sides.
_MARK = re.compile(r"[a-z]|[0-9]{1,2}|i{2,3}|i[vx]|vi{1,3}")
_SAME = {
    "licence": "license",
    "licences": "licenses",
    "https": "http",
    "acknowledgement": "acknowledgment",
    "acknowledgements": "acknowledgments",
    "authorisation": "authorization",
    "authorised": "authorized",
    "favour": "favor",
    "fulfil": "fulfill",
    "judgement": "judgment",
    "labelling": "labeling",
    "merchantibility": "merchantability",
    "organisation": "organization",
    "practise": "practice",
    "programme": "program",
    "recognise": "recognize",
    "utilisation": "utilization",
    "whilst": "while",
    "wilful": "willful",
    "owner": "holder",  # "copyright owner" and "copyright holder" are one to SPDX
    "owners": "holders",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A word as it is compared, and where it stands in the text, in characters."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """The words of a text that are compared, in order."""
    found = []
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        if not _MARK.fullmatch(word):
            found.append(Word(_SAME.get(word, word), match.start(), match.end()))
    return found
