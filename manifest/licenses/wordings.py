"""Whether a text is a license word for word, and what stands in it beyond that.

The wordings of open licenses come from SPDX's license texts (``python -m spec.license_wordings``):
runs of fixed words by their digest, choices between spelt-out words, and slots that a name fills.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import hashlib
import importlib.resources
import json
from collections.abc import Iterable, Sequence
from typing import Any

from manifest.licenses.notices import is_holder
from manifest.licenses.words import Word, words_of

__all__ = ["Part", "Wordings", "apart", "departs_at", "parts_of", "wordings"]

_MAX_SLOT = 16
"""Words of a name in a slot, as in "the Regents of the University of California"."""

_MAX_TRIES = 1_000
"""Places at which a wording is looked for; beyond, what is there counts as a text's own words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wordings:
    """The wordings that are known.

    Attributes:
        licenses: By SPDX id, each a sequence of runs, choices and slots.
        additions: What SPDX allows before or after a license: preambles, notices, advice.
        titles: Names of licenses, as their words.
    """

    licenses: dict[str, Sequence[Any]]
    additions: tuple[Sequence[Any], ...]
    titles: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part of a text that is a known wording: from and to which character."""

    start: int
    end: int
    ids: tuple[str, ...] = ()


@functools.cache
def wordings() -> Wordings:
    """The wordings that ship with the package."""
    file = importlib.resources.files("manifest.licenses") / "wordings.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    licenses = {id_: w["wording"] for w in data["wordings"] for id_ in w["ids"]}
    return Wordings(licenses, tuple(data["additions"]), frozenset(data["titles"]))


def parts_of(text: str, ids: Iterable[str]) -> list[Part]:
    """Where a text is one of the licenses ``ids``, or a known addition, word for word.

    The parts are in order and do not overlap; a license goes before an addition.
    """
    known = wordings()
    reader = _Reader(text)
    found: list[Part] = []
    for id_ in dict.fromkeys(ids):
        if (wording := known.licenses.get(id_)) is not None:
            found += reader.find(wording, (id_,))
    for addition in known.additions:
        found += reader.find(addition, ())
    return apart(found)


def apart(parts: Iterable[Part]) -> list[Part]:
    """Parts in order that do not overlap: licenses before additions, then the longer ones."""
    kept: list[Part] = []
    for part in sorted(parts, key=lambda p: (not p.ids, p.start - p.end)):
        at = bisect.bisect(kept, part.start, key=lambda p: p.start)
        clear = (not at or kept[at - 1].end <= part.start) and (
            at == len(kept) or part.end <= kept[at].start
        )
        if clear:
            kept.insert(at, part)
    return kept


def departs_at(text: str, start: int, id_: str) -> int:
    """From which character on, at the most, a text is not the wording of a license any more.

    Args:
        text: The text.
        start: Where the license seems to begin.
        id_: A license whose wording is known.
    """
    reader = _Reader(text[start:])
    reader.find(wordings().licenses[id_], (id_,))
    return start + reader.reached()


class _Reader:
    """A text as words, with the digests of runs that were looked at."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words: list[Word] = words_of(text)
        self._at: dict[str, list[int]] = {}
        for at, word in enumerate(self._words):
            self._at.setdefault(word.text, []).append(at)
        self._digests: dict[tuple[int, int], str] = {}
        self._farthest = 0

    def reached(self) -> int:
        """Where the farthest run begins that was looked for and not found."""
        at = min(self._farthest, len(self._words) - 1)
        return self._words[at].start if self._words else 0

    def find(self, wording: Sequence[Any], ids: tuple[str, ...]) -> list[Part]:
        """The parts of the text that are a wording, each as long as it can be."""
        found: list[Part] = []
        begun = 0
        for at in self._at.get(wording[0][2], ())[:_MAX_TRIES]:
            if at >= begun and (ends := self._ends(wording, {at})):
                begun = max(ends)
                words = self._words
                found.append(Part(words[at].start, words[begun - 1].end, ids))
        return found

    def _ends(self, pattern: Sequence[Any], begin: set[int]) -> set[int]:
        """Where a pattern may end that begins at one of some words."""
        positions = begin
        for item in pattern:
            if item is None:
                positions = {q for p in positions for q in self._slot(p)}
            elif isinstance(item, dict):
                positions = set().union(*(self._ends(c, positions) for c in item["any"]))
            else:
                length, digest = item[:2]
                positions = {p + length for p in positions if self._digest(p, length) == digest}
            if not positions:
                break
            self._farthest = max(self._farthest, *positions)
        return positions

    def _slot(self, at: int) -> Iterable[int]:
        """Where a name that begins at a word may end."""
        words = self._words
        for end in range(at + 1, min(at + _MAX_SLOT, len(words)) + 1):
            if is_holder(self._text[words[at].start : words[end - 1].end]):
                yield end

    def _digest(self, at: int, length: int) -> str:
        known = self._digests.get((at, length))
        if known is None:
            run = " ".join(w.text for w in self._words[at : at + length])
            known = hashlib.sha256(run.encode()).hexdigest()[:32]
            self._digests[at, length] = known
        return known
