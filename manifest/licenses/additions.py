"""What may stand beside a license text and add nothing to it: titles, notices, tags, rules.

Everything that is not known to be one of those is a text's own word, and a text with words of its
own is not the license that it looks like. There is no list of dangerous words to be complete.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Sequence

from manifest.licenses.notices import is_name, is_notice, names_only
from manifest.licenses.wordings import Part, wordings
from manifest.licenses.words import words_of

__all__ = ["OwnWords", "own_words"]

_TAG = re.compile(r"\W*SPDX-(License-Identifier|FileCopyrightText):\s*(.*)", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_MAX_LINE = 2_000
"""Characters of a notice or a title; what is longer is none."""
_HEADING = re.compile(r"#{1,6} [\w.+-]{1,40}")
_STATEMENT = re.compile(
    r"\W*([\w][\w .'\"()-]{0,60}?) (?:is|are) (?:licensed|released|distributed|available)"
    r" under (?:the terms of )?(?:the )?([\w .-]{2,60}?)(?: licen[cs]e)?"
    r"(?:,? (?:as )?reproduced below|,? as follows|,? see below)?[.:]?",
    re.IGNORECASE,
)
_TITLE_FILLERS = frozenset(
    {"the", "license", "licenses", "version", "text", "full", "of", "file", "software", "terms"}
)
_PHRASES = frozenset(
    {
        "end of terms and conditions",
        "terms and conditions",
        "all rights reserved",
        "some rights reserved",
        "http www apache org licenses",
        "http www apache org licenses license",
        "http opensource org licenses mit",
        "http opensource org license mit",
        "january 2004",
        "apache january 2004",
        "bsd style",
        "modified bsd",
        "expat",
        "mit expat",
        "copyright",
        "copyright notice",
        "licensing",
        "with",
        "and",
        "or",
        "",
    }
)


@dataclasses.dataclass(frozen=True, slots=True)
class OwnWords:
    """A line of a text, or what is left of it, that is not known to add nothing."""

    line: int
    text: str


def own_words(text: str, parts: Sequence[Part], ids: Iterable[str]) -> Iterator[OwnWords]:
    """The lines outside of known wordings that are no notice, title, tag or ruling.

    Args:
        text: The whole text.
        parts: Its known wordings, in order.
        ids: The licenses that it holds, which a tag may name.
    """
    named = frozenset(i.casefold() for i in ids)
    position, number = 0, 1
    for start, end in [*((p.start, p.end) for p in parts), (len(text), len(text))]:
        notice = False
        piece = text[position:start]
        for offset, line in enumerate(piece.split("\n")):
            if len(line) > _MAX_LINE:
                yield OwnWords(number + offset, " ".join(line.split()))
                continue
            if not words_of(line):
                notice = notice and bool(line.strip())
                continue
            if is_notice(line):
                notice = True
            elif not (notice and names_only(line)):
                notice = False
                if not (_is_title(line) or _is_tag(line, named)):
                    yield OwnWords(number + offset, " ".join(line.split()))
        number += text.count("\n", position, end)
        position = end


@functools.cache
def _titles() -> frozenset[str]:
    return frozenset(_bare(title) for title in wordings().titles) | _PHRASES


def _bare(words: str) -> str:
    return " ".join(dict.fromkeys(w for w in words.split() if w not in _TITLE_FILLERS))


def _is_title(line: str) -> bool:
    words = " ".join(word.text for word in words_of(line))
    if words in _PHRASES or _bare(words) in _titles():
        return True
    # One word as a heading names a part, and says nothing of it.
    return _HEADING.fullmatch(line.strip()) is not None or _is_statement(line)


def _is_statement(line: str) -> bool:
    """Whether a line says that something is under a license, and nothing else."""
    found = _STATEMENT.fullmatch(line.strip())
    if found is None or not is_name(found[1]):
        return False
    return _bare(" ".join(word.text for word in words_of(found[2]))) in _titles()


def _is_tag(line: str, named: frozenset[str]) -> bool:
    found = _TAG.fullmatch(line.strip().rstrip("*/-> "))
    if found is None:
        return False
    if found[1].casefold() == "filecopyrighttext":
        return is_notice(f"Copyright {found[2]}")
    ids = [i for i in _ID.findall(found[2]) if i.casefold() not in ("and", "or", "with")]
    return bool(ids) and all(i.casefold() in named for i in ids)
