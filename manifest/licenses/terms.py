"""Sentences that take away what an open license grants, wherever they stand.

This reads prose that is no license text: notices, terms, policies, cards. It finds what is said
plainly, and it leaves alone what is denied, what is asked and what grants commercial use. Nothing
is ever open because nothing was found here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from manifest.licenses.clauses import Clause

__all__ = ["Restriction", "clauses_in", "restrictions", "sentences"]

_GAP = r"[^.;:!?]"
_NC = r"non[- ]?commercial(?:ly)?"
_COMMERCIAL = r"(?<!non-)(?<!non )(?<!non)commercial(?:ly|ise|ize|isation|ization)?"
_ONLY = r"(?:only|solely|exclusively|strictly|purely|limited|restricted|limits|restricts)"
_DENY = (
    r"(?:not|no|never|cannot|can't|prohibit\w*|forbid\w*|forbidden|disallow\w*|exclud\w*|bann?ed"
    r"|denied|barred)"
)
_LICENSE = (
    r"(?:licen[cs]es?|licen[cs]ing|permission|agreement|consent|fees?|pay|paid|contact|request)"
)
_STUDY = (
    r"(?:research|academic|educational|education|scientific|teaching|evaluation|personal|testing)"
)
_STUDIES = rf"{_STUDY}(?:(?:,? (?:and|or|and/or)|,|/| ?&) ?(?:{_STUDY}|{_NC}|development))*"
_USE = r"(?:use|uses|used|usage|purposes?|research|applications?|settings|projects?)"
_NOT_WORK = r"(?! (?:grants?|groups?|code|benchmarks?|papers?|data|teams?|communit|cluster|lab))"
_TRADE = r"(?:use|usage|purposes?|exploitation|deployment|applications?|products|services|gain|activit\w+)"
_MANY = r"(?:million|billion|thousand|[0-9][0-9,.]{2,}|[0-9]+ ?[kmb]\b)"
_MORE = r"(?:more than|exceed\w*|over|above|greater than|at least|fewer than|less than|up to|below|under)"
_PLACE = (
    r"(?:european union|\beu\b|eea|european economic area|united kingdom|united states|south korea"
    r"|china|russia|iran)"
)

_PATTERNS: tuple[tuple[Clause, re.Pattern[str]], ...] = tuple(
    (clause, re.compile(pattern, re.IGNORECASE))
    for clause, pattern in (
        (
            Clause.RESEARCH_ONLY,
            (
                rf"\b{_ONLY}\b(?: to)?{_GAP}{{0,40}}?\b{_STUDIES} {_USE}\b{_NOT_WORK}"
                rf"|\b(?:for|to) {_STUDIES}(?: {_USE})? only\b|\b{_STUDIES} {_USE} only\b"
                rf"|\b{_STUDY}-only\b(?! \w+ing)|\b(?:exclusively|solely|only) for {_STUDIES}\b"
            ),
        ),
        (
            Clause.NON_COMMERCIAL,
            (
                rf"\b{_ONLY}\b{_GAP}{{0,60}}?\b{_NC}\b|\b{_NC}\b{_GAP}{{0,40}}?\b(?:only|solely)\b"
                rf"|\b(?:licen[cs]ed?|released|available|provided|free|permitted|allowed|granted|may be "
                rf"used|can be used)\b{_GAP}{{0,30}}?\b(?:for|under) (?:any )?(?:a )?{_NC}\b"
                rf"|\b{_DENY}\b{_GAP}{{0,50}}?\b(?:{_COMMERCIAL} {_TRADE}|(?<!non-)(?<!non )commerciali?[lsz]\w+)\b"
                rf"|\b{_COMMERCIAL} (?:{_TRADE}|users?)\b"
                rf"{_GAP}{{0,60}}?\b(?:{_DENY}|(?:requires?|needs?|subject to|must){_GAP}{{0,40}}?\b"
                rf"{_LICENSE})\b"
                rf"|\bfor {_COMMERCIAL} (?:use|usage|licen\w+|purposes?),? (?:please )?(?:contact|reach|write)"
                r"|\bcc[- ]by[- ](?:[a-z]{2}[- ])?nc\b"
            ),
        ),
        (
            Clause.NO_DERIVATIVES,
            (
                r"\bcc[- ]by[- ](?:nc[- ])?nd\b|\bno[- ]derivatives\b"
                r"|\bderivative works? (?:is|are|may be|must) (?:not|strictly|prohibited|forbidden)"
                r"|\b(?:may|must|shall|can) ?not (?:be )?(?:modif\w+|create derivative)"
            ),
        ),
        (
            Clause.USER_THRESHOLD,
            (
                rf"\b{_MORE}\b{_GAP}{{0,40}}?\b{_MANY}{_GAP}{{0,30}}?\b(?:monthly|active|daily) (?:active )?"
                rf"users\b|\b(?:monthly|active) (?:active )?users\b{_GAP}{{0,40}}?\b{_MORE}\b{_GAP}{{0,30}}?"
                rf"{_MANY}|\b{_MORE}\b{_GAP}{{0,20}}?{_MANY} users\b{_GAP}{{0,60}}?\b{_LICENSE}\b"
            ),
        ),
        (
            Clause.REVENUE_THRESHOLD,
            (
                rf"\brevenues?\b(?=.*\b{_LICENSE}\b){_GAP}{{0,60}}?(?:[$€£]|\b(?:usd|eur|{_MANY}|dollars)\b)"
                rf"|\b{_LICENSE}\b{_GAP}{{0,80}}?\brevenues?\b{_GAP}{{0,40}}?(?:[$€£]|\b(?:usd|{_MANY})\b)"
            ),
        ),
        (
            Clause.SIZE_THRESHOLD,
            (
                rf"\b{_MORE}\b (?:than )?[0-9,]+ employees\b(?=.*\b{_LICENSE}\b)"
                rf"|\b{_LICENSE}\b{_GAP}{{0,80}}?\b{_MORE}\b (?:than )?[0-9,]+ employees\b"
            ),
        ),
        (
            Clause.MILITARY,
            (
                rf"\b(?:military|warfare|weapons?)\b{_GAP}{{0,60}}?\b{_DENY}\b"
                rf"|\b(?:may|must|shall|can|is|are) ?(?:not|never)\b{_GAP}{{0,60}}?\b(?:military|warfare"
                rf"|weapons?)\b|\b(?:no|not for)(?: any)? (?:military|warfare|weapons?)\b"
            ),
        ),
        (
            Clause.TERRITORY,
            (
                rf"{_PLACE}(?=.*(?:\bnot (?:being )?(?:granted|permitted|available|licensed)\b|\bdoes not "
                r"apply\b|\bmay not\b|\bexclud\w+|\bprohibited\b|\boutside the territory\b))"
                rf"|(?:\bnot (?:being )?(?:granted|permitted|available|licensed)\b|\bdoes not apply\b"
                rf"|\bmay not\b|\bexclud\w+|\bprohibited\b){_GAP}{{0,120}}?{_PLACE}"
            ),
        ),
    )
)
# What gives instead of taking: denied limits, and commercial use that is named beside other use.
_GIVES = re.compile(
    r"\bno longer\b|\bnot (?:only|just|merely|limited|restricted)\b|\bunlike\b|\bpreviously\b"
    r"|\b(?:no|without(?: any)?) (?:[\w-]+ )?(?:restrictions?|limits?|limitations?)\b"
    r"|\bearlier versions?\b|\bdo(?:es)?(?: not|n['\u2019]t) (?:restrict|limit|prohibit|forbid|exclude)"
    r"|\bnot (?:prohibited|forbidden|excluded)\b|\bendorse\b|\bnot legal advice\b|\bthis alternative\b|\?$",
    re.IGNORECASE,
)
_ALSO_COMMERCIAL = re.compile(
    rf"\b(?:both|including|also|even|as well as|and|or|and/or|&) (?:for )?(?:personal and )?{_COMMERCIAL}"
    rf"(?! (?:and |or )?{_NC})|\b{_COMMERCIAL},? (?:and|or|and/or|&|as well as) (?:for )?(?:{_NC}"
    r"|research|academic|personal|educational|private)"
    rf"|\b{_COMMERCIAL} use (?:is )?(?:fully |also )?(?:allowed|permitted|ok\b|welcome|friendly)",
    re.IGNORECASE,
)
_DENIES = re.compile(
    rf"\b(?:prohibit\w*|forbid\w*|forbidden|disallow\w*|bann?ed|barred|(?:may|must|shall|can|is|are) ?not"
    rf"|cannot|never)\b(?!{_GAP}*\bcommercial use (?:is )?(?:allowed|permitted))",
    re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?;])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bv\.)\s+|\s[•|]\s")
_MAX_SENTENCE = 1_000
_OVERLAP = 250
"""Characters: no pattern is longer, but for what it looks for behind itself."""
_MAX_FOUND = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Restriction:
    """A sentence that takes something away: what, on which 1-based line, and its words."""

    clause: Clause
    line: int
    words: str


def clauses_in(sentence: str) -> Iterator[tuple[Clause, int]]:
    """What a sentence, in one line, takes away, and where in it that is said."""
    text = sentence[:_MAX_SENTENCE]
    if _GIVES.search(text) or (_ALSO_COMMERCIAL.search(text) and not _DENIES.search(text)):
        return
    for clause, pattern in _PATTERNS:
        if (found := pattern.search(text)) is not None:
            yield clause, found.start()


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences of a text in one line, each with its offset.

    Of one that is longer than `clauses_in` reads, parts that overlap: a text without a full stop
    hides nothing.
    """
    start = 0
    for end in [*(m.end() for m in _END.finditer(text)), len(text)]:
        for part in range(start, max(end - _OVERLAP, start + 1), _MAX_SENTENCE - _OVERLAP):
            if sentence := text[part : min(part + _MAX_SENTENCE, end)].strip():
                yield part, sentence
        start = end


def restrictions(text: str) -> Iterator[Restriction]:
    """What a plain text takes away, sentence by sentence; empty lines end a sentence too."""
    count = 0
    for offsets, paragraph in _paragraphs(text):
        for start, sentence in sentences(paragraph):
            for clause, at in clauses_in(sentence):
                where = start + at
                line = next(n for offset, n in reversed(offsets) if offset <= where)
                yield Restriction(clause, line, sentence)
                count += 1
                if count == _MAX_FOUND:
                    return


def _paragraphs(text: str) -> Iterator[tuple[list[tuple[int, int]], str]]:
    """Paragraphs as one line each, with the offset and number of every line in them."""
    offsets: list[tuple[int, int]] = []
    parts: list[str] = []
    length = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        bare = " ".join(line.replace("*", " ").replace("_", " ").split())
        if bare:
            offsets.append((length, number))
            parts.append(bare)
            length += len(bare) + 1
        elif parts:
            yield offsets, " ".join(parts)
            offsets, parts, length = [], [], 0
