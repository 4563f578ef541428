"""What a text says a model is: claims of openness, told from talk about other things.

A claim is a sentence about the release itself. The same words about a library, about other
models, in a link's address or in a block of code are none; nor is what is denied, asked, quoted as
a hope or announced for later. Where that is in doubt, nothing is found: a rule that accuses must
be right.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence

__all__ = ["Claim", "openness_claims", "reproducibility_claims"]


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """Words that claim something, and the 1-based line of the text on which they begin."""

    line: int
    words: str


# What is no model, though it may be made, trained or run with one.
_OTHER = (
    r"(?:software|librar(?:y|ies)|code|codebase|datasets?|data|corp(?:us|ora)|tools?|toolkits?"
    r"|frameworks?|scripts?|benchmarks?|packages?|projects?|communit(?:y|ies)|tokenizers?"
    r"|platforms?|repositor(?:y|ies)|pipelines?|licen[cs]es?|engines?|servers?|apps?|zoo|hub"
    r"|formats?|ecosystem|implementations?|evaluation|harness|movement|definition|initiative)"
)
_STOP = r"(?:with|and|or|for|that|which|in|of|from|by|on|to|is|are|at|as|under)"
_CHAIN = rf"(?:(?!{_OTHER}\b)[\w+-]+ ){{0,4}}?"
# One thing: said in the plural it is about others, unless "our" or "these" stands before.
_ONE = r"(?:model|weights|LLM|VLM|SLM|release|checkpoint|AI|chatbot|assistant)"
_MANY = r"(?:models|LLMs|VLMs|SLMs|checkpoints|releases)"
_END = rf"\b(?!-)(?!(?: (?!{_STOP}\b)[\w-]+){{0,2}} {_OTHER}\b)"
_FULLY = r"(?:fully|completely|entirely|truly|totally|100 ?%)[- ]"
_OPEN = rf"(?:(?:{_FULLY})?open[- ]?sourced?|{_FULLY}open)"
_BE = r"(?:is|are|was|were|has been|have been)"
_HOW = r"(?:(?:now|also|itself|released|available|published|distributed|provided) )"
_OPENNESS = (
    # "an open-source language model", "the strongest open-sourced LLM"
    rf"\b{_OPEN}[ -]{_CHAIN}{_ONE}{_END}"
    # "our open-source models"
    rf"|\b(?:our|these) (?:[\w-]+ )?{_OPEN} {_CHAIN}{_MANY}{_END}"
    # "we open-source the weights of Sparrow"
    rf"|\bwe (?:are |have |hereby |now )?open[- ]sourc(?:e|ed|ing) (?:the |our |all |both )?"
    rf"(?:{_CHAIN}(?:{_ONE}|{_MANY}){_END}|(?:everything|NAME)\b)"
    # "the model is fully open source"
    rf"|\b(?:SUBJECT|weights|(?:the|this|our) (?:model|release)|(?:our|the|these) models) {_BE} "
    rf"{_HOW}{{0,2}}(?:as )?{_OPEN}\b(?!-)(?!(?: (?!{_STOP}\b)[\w-]+){{0,2}} {_OTHER}\b)"
    r"(?! (?:to|for|about|in|from|at|under|code)\b)"
    # French, Italian, Spanish, Portuguese, German, Chinese and Japanese
    r"|\b(?:mod[èe]le|modello|modelo) (?:[\w'-]+ ){0,4}?(?:open[- ]source\b|"
    r"(?:de )?c[óo]digo a(?:bier|ber)to\b)"
    r"|\b(?:SUBJECT) (?:est|è|es|é|ist) (?:(?!pas|kein|nicht|no|non|n[ãa]o\b)[\w'-]+ )?(?:open[- ]source\b|"
    r"(?:de )?c[óo]digo a(?:bier|ber)to\b|quelloffen\b)"
    r"|\bopen[- ]source[- ](?:[\w-]+)?modell\b|\bquelloffene[srm]? (?:[\w-]+ )?[\w-]*modell\b"
    r"|(?:是|发布|推出|成为)了?(?:(?!所有|多数|其他|其它|最[^。\uff0c]*的模型)[^。\uff0c,\uff1b]){0,24}?开源的?[\w-]{0,8}模型(?!的|中|社区)"
    r"|模型(?:已经|已|是|完全){1,2}开源|オープンソースの?[\w-]{0,10}モデルで"
)
_REPRODUCIBLE = (
    rf"\b(?:SUBJECT|(?:the|this|our) (?:model|release|training)|training(?: run)?) {_BE} "
    r"(?:fully |completely |entirely |exactly |bit[- ]for[- ]bit )?reproducible\b(?! with(?:in)?\b)"
    r"|\b(?:fully|completely|entirely|bit[- ]for[- ]bit|bitwise)[- ]reproducible "
    rf"{_CHAIN}(?:model|LLM|release|training|pretraining)\b"
)
# What takes the claim away, before it in its sentence.
_DENIED = re.compile(
    r"\b(?:not|no|never|nor|neither|without|cannot|rather than|instead of|far from|unlike|kein\w*"
    r"|nicht|pas|ning[úu]n\w*|nessun\w*|n[ãa]o|aucun\w*|call\w*|so-called|whether|will|would|should"
    r"|could|might|may|plans?|planned|intend\w*|hope\w*|aim\w*|going to|soon|once|when|if|until"
    r"|before|want\w*|wish\w*)\b|n['\u2019]t\b|n['\u2019]est|[“”\"]$|不是|并非|尚未|将|ではありません",
    re.IGNORECASE,
)
# Others' models: "based on an open-source model", "the best among open-source models".
_OTHERS = re.compile(
    r"(?:\b(?:on|upon|from|of|with|by|using|uses?|than|like|via|between|among|against|beats?|over"
    r"|outperform\w*|surpass\w*|rival\w*|match\w*|compar\w*|versus|vs\.?|to|into|for|every|any|any"
    r" other|another|other|existing|previous|popular|some|each|most|many|several|base|teacher"
    r"|original|underlying) (?:an? |the |its |any |other |another |existing |previous |popular "
    r"|leading |best |strongest |larger |smaller |similar |recent |good |small |large ){0,3})$"
    r"|(?:基于|其他|其它|使用|利用|比|优于|超越|超过|与|和|对比|多个|现有|主流|多款|各种|その他の|他の)$"
    r"|\b(?:auf|von|mit|d['\u2019]un|avec|sur|con|su|da|sobre|en) (?:(?:ein\w*|une?|un|uno|o|um) )?$",
    re.IGNORECASE,
)
_SAID_OF = re.compile(
    r"(?P<who>[^\W\d_][\w.+-]*(?: [\d.]+[\w.]*)?),? (?:is|are|was|were|remains|also)? ?"
    r"(?:an?|the|one) (?:[\w-]+ ){0,2}$"
)
_PART_OF = re.compile(
    rf"\b{_OTHER} (?:of|for|behind|around|with) (?:the|this|our)? ?$|\bof (?:the|this|our) $",
    re.IGNORECASE,
)
_OWN = frozenset(
    ("it", "this", "that", "model", "release", "we", "weights", "our", "here", "which", "llm")
)
_SENTENCE = re.compile(r"[.!?](?=\s|$)|[\u3002\uff01\uff1f;]|\s[•|]\s")
_MAX_LINE = 4_000
_MAX_SENTENCE = 1_000
_MAX_FOUND = 50


def openness_claims(text: str, names: Sequence[str]) -> Iterator[Claim]:
    """Claims that the release is open source or fully open.

    Args:
        text: Markdown, or one sentence.
        names: Words by which the release is called, as the parts of its name.
    """
    return _claims(text, _OPENNESS, names)


def reproducibility_claims(text: str, names: Sequence[str]) -> Iterator[Claim]:
    """Claims that the release, or its training, is reproducible; arguments as above."""
    return _claims(text, _REPRODUCIBLE, names)


def _claims(text: str, pattern: str, names: Sequence[str]) -> Iterator[Claim]:
    own = tuple(dict.fromkeys(n.casefold() for n in names if len(n) > 2))[:12]
    compiled = _compiled(pattern, own)
    count = 0
    for paragraph in _paragraphs(text):
        for found in compiled.finditer(paragraph.text):
            before, asked = _sentence(paragraph.text, found.start(), found.end())
            if not asked and _is_claim(before, found[0], own):
                yield Claim(paragraph.line_at(found.start()), found[0].strip())
                count += 1
                if count == _MAX_FOUND:
                    return


@functools.lru_cache(maxsize=16)
def _compiled(pattern: str, names: tuple[str, ...]) -> re.Pattern[str]:
    called = "|".join(map(re.escape, names)) or r"(?!)"
    subject = rf"(?:(?:{called})(?:[- ][\w.]+)?|(?<![^.!?] )it|(?<!\w )weights)"
    filled = pattern.replace("SUBJECT", subject).replace("NAME", rf"(?:{called})")
    return re.compile(filled, re.IGNORECASE)


def _sentence(text: str, start: int, end: int) -> tuple[str, bool]:
    """What stands before a match in its sentence, and whether the sentence is a question."""
    first = max(start - _MAX_SENTENCE, 0)
    ends = [m.end() for m in _SENTENCE.finditer(text, first, start)]
    before = text[ends[-1] if ends else first : start].lstrip()
    closing = _SENTENCE.search(text, end, end + _MAX_SENTENCE)
    return before, closing is not None and closing[0] in "?\uff1f"


def _is_claim(before: str, words: str, own: tuple[str, ...]) -> bool:
    if _DENIED.search(before[-80:]) or _OTHERS.search(before) or _PART_OF.search(before):
        return False
    said = _SAID_OF.search(before)
    if said is None or words.casefold().startswith(("our ", "these ", "we ")):
        return True
    who = said["who"].rstrip(".,").casefold()
    called = any(who.startswith(name) or name.startswith(who) for name in own)
    # A capital marks a name; a word without one is a noun of the sentence's own.
    return called or who in _OWN or not said["who"][0].isupper()


@dataclasses.dataclass(frozen=True, slots=True)
class _Paragraph:
    """Lines that belong together, as one text; ``starts`` has each line's offset and number."""

    text: str
    starts: tuple[tuple[int, int], ...]

    def line_at(self, offset: int) -> int:
        return next(number for start, number in reversed(self.starts) if start <= offset)


_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_BREAK = re.compile(r"\s*(?:#{1,6}\s|[-*+]\s|\d+[.)]\s|\||>|<\/?(?:div|p|h\d|table|tr|td|li|ul)\b)")
_CLEAN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<!--(?:[^<]|<(?!!--))*?-->"), " "),
    (re.compile(r"!\[[^\[\]]*\]\([^)]*\)"), " "),  # images, badges among them
    (re.compile(r"\[([^\[\]]*)\]\([^)]*\)"), r"\1"),  # links: their text stays
    (re.compile(r"\[([^\[\]]*)\]\[[^\[\]]*\]"), r"\1"),
    (re.compile(r"`[^`]*`"), " "),
    (re.compile(r"<[^>]{0,500}>"), " "),
    (re.compile(r"https?://\S+"), " "),
    (re.compile(r"[*_#~|>]+"), " "),
)


def _paragraphs(text: str) -> Iterator[_Paragraph]:
    """The prose of a Markdown text: no code, no addresses, no markup."""
    fence = ""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        opening = _FENCE.match(line)
        if fence:
            fence = "" if opening and opening[1].startswith(fence) else fence
            continue
        if opening or not line.strip() or _BREAK.match(line):
            yield from _joined(lines)
            lines = []
        if opening:
            fence = opening[1]
        elif line.strip():
            lines += ((number, _clean(piece)) for piece in _pieces(line))
            if line.lstrip().startswith("#"):  # a heading is a paragraph of its own
                yield from _joined(lines)
                lines = []
    yield from _joined(lines)


def _pieces(line: str) -> Iterator[str]:
    """A line in pieces that are quickly cleaned, parted between words where there are any."""
    start = 0
    while len(line) - start > _MAX_LINE:
        end = line.rfind(" ", start + 1, start + _MAX_LINE) + 1 or start + _MAX_LINE
        yield line[start:end]
        start = end
    yield line[start:]


def _clean(line: str) -> str:
    for pattern, by in _CLEAN:
        line = pattern.sub(by, line)
    return " ".join(line.split())


def _joined(lines: list[tuple[int, str]]) -> Iterator[_Paragraph]:
    if not lines:
        return
    starts, parts, offset = [], [], 0
    for number, line in lines:
        starts.append((offset, number))
        parts.append(line)
        offset += len(line) + 1
    yield _Paragraph(" ".join(parts), tuple(starts))
