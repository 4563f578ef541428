"""Which license a text is: by its whole wording, never by a name that occurs in it.

Licenses of the SPDX list are matched word by word. What a file adds to such a text is looked at:
a license with a sentence added is another license. AI licenses are recognised by their title and
phrases, which is enough to refuse them and could never be enough to accept one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re

from manifest.licenses.ai import AI_LICENSES, RAIL_PHRASES

__all__ = ["MAX_BYTES", "RecognisedText", "recognise"]

MAX_BYTES = 1024 * 1024
"""How much of a license file is read; the longest license of the SPDX list has some 100 KB."""

_WORD = re.compile(r"[^\W_]+")
_COPYRIGHT = re.compile(
    r"^[^\w\n]*(copyright|\(c\)|©|all rights reserved|portions? copyright).*$",
    re.IGNORECASE | re.MULTILINE,
)
# In a line that begins as a copyright notice: fewer, for holders are called Research or Limited.
_TERMS = re.compile(
    r"\b(not|only|must|shall|prohibit\w*|forbid\w*|restrict\w*|non-?commercial\w*|commercially"
    r"|paid|pay|fees?|revenues?|agreement|employees|royalt\w*)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://\S+")
# Words by which a sentence takes away or adds duties; a file that adds one is no stock license.
_LIMITS = re.compile(
    r"\b(not|no|non|only|except|unless|must|shall|may|restrict\w*|prohibit\w*|commercial\w*"
    r"|forbid\w*|limit\w*|require\w*|terminat\w*|users?|military|research|policy|fees?|pay\w*|paid"
    r"|revenues?|royalt\w*|personal|purposes?|consent|agreement|employees|compan(?:y|ies)|ends?"
    r"|expires?|revok\w*|allowed|permission|approval|entit(?:y|ies)|firms?|individuals?)\b",
    re.IGNORECASE,
)
# What is no plain Latin word can say anything: another script, or digits in the place of letters.
_STRANGE = re.compile(r"[^\W\d_a-zA-Z\u00c0-\u024f]|[a-z][0-9][a-z]", re.IGNORECASE)
# Creative Commons sets the same explanation before each of its 4.0 licenses, after the title:
# where it begins, and the SHA-256 of its words to the end.
_PREAMBLE = re.compile("creative commons corporation", re.IGNORECASE)
_PREAMBLES = frozenset({"70cc6564454cd161364b920237c7a5f418b91a44a318a19b092ac78198940d58"})
# The Apache license's own advice on how to apply it, in the two wordings that are about.
_APPENDIX = (
    "appendix how to apply the apache license to your work to apply the apache license to your "
    "work attach the following boilerplate notice with the fields enclosed by brackets replaced "
    "with your own identifying information {} include the brackets the text should be enclosed in "
    "the appropriate comment syntax for the file format we also recommend that a file or class "
    "name and description of purpose be included on the same printed page as the copyright notice "
    "for easier identification within third party archives"
)
_ADVICE = (_APPENDIX.format("don t"), _APPENDIX.format("do not"))
_MAX_ADDED_WORDS = 60


@dataclasses.dataclass(frozen=True, slots=True)
class RecognisedText:
    """What a text was recognised as.

    Attributes:
        ids: The licenses it holds, by SPDX or Hugging Face id, in order; empty when unknown.
        changed: Whether words of its own change what the licenses grant; then it is none of them.
        basis: How it was recognised: ``text`` word by word, ``phrases`` by title and phrases.
    """

    ids: tuple[str, ...] = ()
    changed: bool = False
    basis: str = ""

    @property
    def expression(self) -> str:
        """The licenses as an expression, ``unknown`` when changed; empty when not recognised."""
        if not self.ids:
            return ""
        return "unknown" if self.changed else " AND ".join(self.ids)


def recognise(data: bytes) -> RecognisedText:
    """Recognise the license text in a file's bytes; never raises."""
    text = data[:MAX_BYTES].decode("utf-8", "replace")
    words = _words(text.replace("+", " plus "))
    for entry in AI_LICENSES:
        if entry.phrases and all(_words(phrase) in words for phrase in entry.phrases):
            return RecognisedText((entry.id,), basis="phrases")
    if all(phrase in words for phrase in RAIL_PHRASES):
        return RecognisedText(("openrail",), basis="phrases")
    return _match(text)


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _match(text: str) -> RecognisedText:
    from licenseclassifier import identify_license

    found = identify_license(text)
    if not found:
        return RecognisedText()
    added: list[str] = []
    position = 0
    for match in found:
        added.append(text[position : match.start])
        position = match.end
    added.append(text[position:])
    ids = tuple(dict.fromkeys(match.id for match in found))
    return RecognisedText(ids, any(_changes(piece) for piece in added), "text")


def _without_notice(line: re.Match[str]) -> str:
    """Nothing in the place of a copyright notice; a line that also sets terms stays as it is."""
    return line[0] if _TERMS.search(line[0]) else " "


def _changes(piece: str) -> bool:
    """Whether words outside a license's text may change what it grants."""
    if (preamble := _PREAMBLE.search(piece)) is not None:
        words = _words(piece[preamble.start() :])
        if hashlib.sha256(words.encode()).hexdigest() in _PREAMBLES:
            piece = piece[: preamble.start()]
    if any(_words(piece) in advice for advice in _ADVICE):
        return False
    rest = _ADDRESS.sub(" ", _COPYRIGHT.sub(_without_notice, piece))
    if len(_WORD.findall(rest)) > _MAX_ADDED_WORDS:
        return True
    return bool(_LIMITS.search(rest) or _STRANGE.search(rest))
