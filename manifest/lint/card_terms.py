"""Terms in a card's prose: what it says below its front matter of what may be done with the model.

A card's front matter names one license, and its text may set other terms: "non-commercial use
only". What it says of data, of other models or of its own code is not about the weights, and is
left alone; so are quotations and blocks of code.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from manifest.licenses import AI_LICENSES, Clause
from manifest.licenses.terms import clauses_in, sentences

__all__ = ["StatedTerms", "stated_terms"]


@dataclasses.dataclass(frozen=True, slots=True)
class StatedTerms:
    """A sentence that sets terms: the 1-based line it begins on, its words, what it takes away."""

    line: int
    words: str
    clauses: tuple[Clause, ...]


_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*)")
_BREAK = re.compile(r"\s*(?:[-*+]\s|\d+[.)]\s|\||</?(?:div|p|h\d|table|tr|td|li|ul|br)\b)")
_CLEAN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"!\[([^\[\]]*)\]\([^)]*\)"), " "),
    (re.compile(r"\[([^\[\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"<[^>]{0,500}>"), " "),
    (re.compile(r"https?://\S+"), " "),
    (re.compile(r"[*_`|]+"), " "),
)
_MAX_LINE = 4_000
_MAX_FOUND = 8
_MAX_SHOWN = 90

# What has terms of its own: said of it, they are not the weights'.
_THING = (
    r"(?:data ?sets?|data|corpus|corpora|images?|photos?|videos?|recordings|audio|code|scripts?|benchmarks?"
    r"|teachers?|base|original|upstream|tokenizers?|papers?|figures?|logos?|trademarks?|demos?|api|apis"
    r"|splits?|websites?|libraries|library|software|packages?|toolkit|annotations?|other models"
    r"|third[- ]part(?:y|ies)|services?|platforms?|dependencies|questions|texts|books|articles)"
)
_OTHER = re.compile(rf"\b{_THING}\b", re.IGNORECASE)
_MADE_FROM = re.compile(
    r"\b(?:trained|tuned|evaluated|tested|built|based|derived|distilled) (?:on|upon|from|with)\b",
    re.IGNORECASE,
)
_WEIGHTS = re.compile(
    r"\b(?:model|models|weights|checkpoints?|parameters|release|this work|llm|adapter|everything"
    r"|all (?:files|materials|assets|artifacts))\b",
    re.IGNORECASE,
)
_OTHERS_MODEL = re.compile(
    r"\b(?:base|original|teacher|upstream|other|another|previous|parent)\s+$", re.IGNORECASE
)
_ELSEWHERE = re.compile(
    r"\b(?:data|datasets?|corpus|code|citation|cite|acknowledg\w*|references?|related|comparison"
    r"|benchmarks?|evaluation|results?|credits|third[- ]party)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"^(?:the )?([A-Z][\w.+-]*(?: [A-Z\d][\w.+-]*){0,3})(?: \w+)? (?:is|are|was|were|has|comes?|can|may|must|requires?)\b"
)
_COMMON = frozenset(
    """
    all any anyone commercial everything for free if in it its license licensed model models
    non-commercial noncommercial note only our please released that the these this those
    use usage users we weights you your access redistribution research
    """.split()  # noqa: SIM905 - a list of words reads better than forty quoted ones
)
_UNDER = re.compile(
    r"^\W*licen[cs]e\b|\b(?:licen[cs]ed|released|distributed|available|governed|subject|provided|bound)\b"
    r"[^.;]{0,60}\b(?:under|by|to)\b|\b(?:use|usage)\b[^.;]{0,40}\b(?:governed|subject)\b",
    re.IGNORECASE,
)
_TITLES = tuple(
    (re.compile(rf"\b{re.escape(entry.title)}\b", re.IGNORECASE), entry)
    for entry in AI_LICENSES
    if entry.clauses and len(entry.title) > len("OpenRAIL")
)


def stated_terms(text: str, names: Sequence[str]) -> Iterator[StatedTerms]:
    """The sentences of a Markdown text that set terms for the model itself.

    Args:
        text: The text; its first line is line 1.
        names: Words by which the model is called, as the parts of its name.
    """
    own = tuple(n.casefold() for n in names if len(n) > 2)
    count = 0
    for offsets, paragraph, heading in _paragraphs(text):
        for start, sentence in sentences(paragraph):
            found = dict(clauses_in(sentence)) | _licensed(sentence)
            if not found or not _is_own(sentence, min(found.values()), heading, own):
                continue
            line = next(number for offset, number in reversed(offsets) if offset <= start)
            shown = sentence if len(sentence) <= _MAX_SHOWN else f"{sentence[:_MAX_SHOWN]}…"
            yield StatedTerms(line, shown, tuple(found))
            count += 1
            if count == _MAX_FOUND:
                return


def _licensed(sentence: str) -> dict[Clause, int]:
    """The first clause of an AI license that a sentence puts something under."""
    if _UNDER.search(sentence) is None:
        return {}
    for pattern, entry in _TITLES:
        if (found := pattern.search(sentence)) is not None:
            return {entry.clauses[0]: found.start()}
    return {}


def _is_own(sentence: str, at: int, heading: str, own: Sequence[str]) -> bool:
    """Whether a sentence is about the model of the card; in doubt it is not."""
    before = sentence[:at]
    lowered = sentence.casefold()
    called = any(name in lowered for name in own)
    weights = [
        m for m in _WEIGHTS.finditer(sentence) if not _OTHERS_MODEL.search(sentence[: m.start()])
    ]
    if called or weights:
        subject = _NAMED.match(sentence)
        return called or subject is None or _is_common(subject[1])
    if _MADE_FROM.search(before) or _OTHER.search(before) or _OTHER.search(sentence[at:]):
        return False
    if _ELSEWHERE.search(heading):
        return False
    subject = _NAMED.match(sentence)
    return subject is None or _is_common(subject[1])


def _is_common(subject: str) -> bool:
    return subject.split(maxsplit=1)[0].casefold() in _COMMON


def _paragraphs(text: str) -> Iterator[tuple[list[tuple[int, int]], str, str]]:
    """Paragraphs as one line, with the offset and number of each line, and their heading."""
    fence, heading = "", ""
    offsets: list[tuple[int, int]] = []
    parts: list[str] = []
    length = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        opening = _FENCE.match(line)
        if fence:
            fence = "" if opening and opening[1].startswith(fence) else fence
            continue
        title = _HEADING.match(line)
        quoted = line.lstrip().startswith(">")
        ends = opening or title or quoted or not line.strip() or _BREAK.match(line)
        if ends and parts:
            yield offsets, " ".join(parts), heading
            offsets, parts, length = [], [], 0
        if opening:
            fence = opening[1]
        elif title:
            heading = _cleaned(title[1])
            yield [(0, number)], heading, heading
        elif line.strip() and not quoted and (bare := _cleaned(line).lstrip("-+ ")):
            offsets.append((length, number))
            parts.append(bare)
            length += len(bare) + 1


def _cleaned(line: str) -> str:
    line = line[:_MAX_LINE]
    for pattern, by in _CLEAN:
        line = pattern.sub(by, line)
    return " ".join(line.split())
