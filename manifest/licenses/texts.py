"""Which license a text is: by its whole wording, never by a name that occurs in it.

Licenses of the SPDX list are matched word by word. What a file holds beyond such a text must be
something that is known to add nothing: a copyright notice, a title, a tag. A license with a
sentence added is another license. AI licenses are recognised by their title and phrases, which is
enough to refuse them and could never be enough to accept one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from manifest.licenses.additions import OwnWords, own_words
from manifest.licenses.ai import AI_LICENSES, RAIL_PHRASES
from manifest.licenses.clauses import Clause
from manifest.licenses.terms import restrictions
from manifest.licenses.wordings import Part, apart, departs_at, parts_of, wordings

__all__ = ["MAX_BYTES", "RecognisedText", "beyond_licenses", "recognise"]

MAX_BYTES = 1024 * 1024
"""How much of a license file is read; the longest license of the SPDX list has some 100 KB."""

_WORD = re.compile(r"[^\W_]+")
_MAX_SHOWN = 90
_MAX_ADDRESS = 120
"""Characters: what is shorter is a license's address or name, and no text of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecognisedText:
    """What a text was recognised as.

    Attributes:
        ids: The licenses it holds, by SPDX or Hugging Face id, in order; empty when unknown.
        changed: Whether words of its own may change what the licenses grant; then it is none of
            them.
        basis: How it was recognised: ``text`` word by word, ``phrases`` by title and phrases.
        mixed: Whether it holds several licenses and words of its own that are not known to add
            nothing, as collections of third parties' licenses do: what covers what is not told.
        line: The 1-based line of the first words of its own; 0 when there are none.
        words: Those words, shortened; the first that set terms, when some are seen to.
        departs: Whether it is nearly a license, and from ``line`` on, or soon after, other words.
        clauses: What words of its own are seen to take away. They may take away more.
    """

    ids: tuple[str, ...] = ()
    changed: bool = False
    basis: str = ""
    mixed: bool = False
    line: int = 0
    words: str = ""
    departs: bool = False
    clauses: tuple[Clause, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is the text of its licenses and nothing else."""
        return bool(self.ids) and not self.changed and not self.mixed

    @property
    def expression(self) -> str:
        """The licenses as an expression, ``unknown`` when changed; empty when not recognised."""
        if not self.ids:
            return ""
        return " AND ".join(self.ids) if self.whole else "unknown"


def recognise(data: bytes) -> RecognisedText:
    """Recognise the license text in a file's bytes; never raises.

    Args:
        data: The file, or more than `MAX_BYTES` of it: what is not read may say anything.
    """
    if len(data) > MAX_BYTES:
        return dataclasses.replace(recognise(data[:MAX_BYTES]), changed=True, mixed=False)
    text = data.decode("utf-8", "replace")
    words = _words(text.replace("+", " plus "))
    for entry in AI_LICENSES:
        if entry.phrases and all(_words(phrase) in words for phrase in entry.phrases):
            return RecognisedText((entry.id,), basis="phrases")
    if all(phrase in words for phrase in RAIL_PHRASES):
        return RecognisedText(("openrail",), basis="phrases")
    return _match(text)


def beyond_licenses(text: str) -> str:
    """A text without the licenses in it; every line keeps its number."""
    from licenseclassifier import identify_license

    parts = parts_of(text, [match.id for match in identify_license(text[:MAX_BYTES], 0.0)])
    pieces, position = [], 0
    for part in parts:
        pieces += [text[position : part.start], "\n" * text.count("\n", part.start, part.end)]
        position = part.end
    return "".join([*pieces, text[position:]])


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _match(text: str) -> RecognisedText:
    from licenseclassifier import identify_license

    # Any coverage: a license that other words crowd out is still what its reader finds.
    found = [m for m in identify_license(text, 0.0) if m.end - m.start > _MAX_ADDRESS]
    parts = parts_of(text, [match.id for match in found])
    exact = [part for part in parts if part.ids]
    if not exact and not identify_license(text):
        return _of(text, (), parts)
    known = wordings().licenses
    ids: list[str] = []
    near: list[tuple[int, str]] = []
    for match in found:
        here = [p for p in parts if p.start < match.end and match.start < p.end]
        ids += [i for p in here for i in p.ids] or [match.id]
        if match.id not in known:
            # No wording here: not open anyway, and its place is what the library says.
            parts.append(Part(match.start, match.end, (match.id,)))
        elif not here:
            # Near to a license, and not its words: what it says instead is not looked into.
            near.append((match.start, match.id))
            parts.append(Part(match.start, match.end))
    result = _of(text, tuple(dict.fromkeys(ids)), apart(parts))
    if not near or result.clauses:
        return result
    # Of the first alone: each look reads the rest of the text, and there may be a thousand.
    line = text.count("\n", 0, departs_at(text, *near[0])) + 1
    several = sum(bool(part.ids) for part in parts) > 1
    return dataclasses.replace(
        result, changed=not several, mixed=several, departs=not several, line=line, words=""
    )


def _of(text: str, ids: tuple[str, ...], parts: Sequence[Part]) -> RecognisedText:
    """What a text is that holds some licenses, by the words that are its own."""
    own = list(own_words(text, parts, ids))
    if not own:
        return RecognisedText(ids, basis="text" if ids else "")
    said = list(restrictions(_in_place(own)))
    clauses = tuple(dict.fromkeys(r.clause for r in said))
    several = sum(bool(part.ids) for part in parts) > 1 and not clauses
    first = next(o for o in own if not said or o.line == said[0].line)
    return RecognisedText(
        ids,
        changed=bool(ids) and not several,
        basis="text" if ids else "",
        mixed=several,
        line=first.line,
        words=first.text
        if len(first.text) <= _MAX_SHOWN
        else f"{first.text[:_MAX_SHOWN].rstrip()}…",
        clauses=clauses,
    )


def _in_place(own: Sequence[OwnWords]) -> str:
    """Words of a text on the lines that they have in it; what stood between them ends a sentence."""
    pieces, line = [], 1
    for words in own:
        pieces += ["\n" * (words.line - line) or " ", words.text]
        line = words.line
    return "".join(pieces)
