"""Claims: a name that the evidence does not bear."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.examples import CARD
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, Rule, requirements, rule
from manifest.lint.verdict import Verdict, missing_for, verdict

_DESCRIBED = (
    "license: apache-2.0\ncomponents:\n  model-parameters-final:\n    files: [model.safetensors]\n"
    "  model-architecture:\n    files: [config.json]\n"
)
_FILES = {
    "model.safetensors": "<safetensors w=2x3>",
    "config.json": '{"architectures": ["SparrowModel"], "model_type": "sparrow"}\n',
}
_CARD = "  model-card:\n    files: [README.md]\n"
_THING = r"(?:[\w-]+[ \t]+){0,4}?(?:models?|weights|LLMs?|release|checkpoints?)\b"
# Said of the release itself: "an open-source language model", "we open-source the weights",
# "is fully open source". Not: "open-source library", "an open source dataset".
_CLAIM = (
    rf"\b(?:fully[ \t]+)?open[- ]sourced?[ \t]+{_THING}"
    rf"|\bwe[ \t]+(?:are[ \t]+)?open[- ]sourc(?:e|ed|ing)[ \t]+(?:the|our|all|both)?[ \t]*{_THING}"
    r"|\b(?:SUBJECT)[ \t]+(?:is|are)[ \t]+(?:(?:fully|completely|truly)[ \t]+)?"
    r"open[- ]sourced?\b(?![ \t]+(?:software|library|code|dataset|tool))"
)
_DENIAL = re.compile(r"\b(?:not|no|never|isn't|nor|neither|without)\b[^.]{0,30}$", re.IGNORECASE)
_MAX_NAMED = 5


@rule(
    code="CLM001",
    name="claim-exceeds-evidence",
    severity=Severity.ERROR,
    rationale="A claim that the evidence does not bear misleads everyone who relies on it.",
    remedy="Publish what is missing, or claim what the evidence bears.",
    bad=Example("claim: open-source\n" + _DESCRIBED, _FILES),
    good=Example("claim: open-weight\n" + _DESCRIBED, _FILES),
    exemptable=False,
)
def claim_exceeds_evidence(rule: Rule, release: Release) -> Iterator[Finding]:
    """The description's own claim against the verdict."""
    if not release.description.claim:
        return
    claimed = Verdict(release.description.claim)
    needed = requirements(release)
    reached = verdict(needed)
    if claimed.rank <= reached.rank:
        return
    lacking = missing_for(claimed, needed)
    named = ", ".join(r.title for r in lacking[:_MAX_NAMED])
    more = f" and {len(lacking) - _MAX_NAMED} more" if len(lacking) > _MAX_NAMED else ""
    yield rule.finding(
        f"the description claims {claimed}; {_bears(release)} {reached}. Missing: {named}{more}",
        location=release.location("claim"),
    )


def _bears(release: Release) -> str:
    by_words = release.basis is Basis.DECLARATIONS
    return "what is declared bears" if by_words else "the evidence bears"


@rule(
    code="CLM002",
    name="card-says-open-source",
    severity=Severity.ERROR,
    rationale="Most people read the card and nothing else. Open source is a name with a "
    "definition; weights alone do not meet it.",
    remedy="Call the release open-weight, or what the evidence bears; or publish what is missing.",
    bad=Example(
        _DESCRIBED + _CARD, _FILES | {"README.md": CARD + "\nSparrow is an open-source model.\n"}
    ),
    good=Example(
        _DESCRIBED + _CARD, _FILES | {"README.md": CARD + "\nSparrow is an open-weight model.\n"}
    ),
    exemptable=False,
)
def card_says_open_source(rule: Rule, release: Release) -> Iterator[Finding]:
    """Cards and READMEs that say open source of a release that is not."""
    reached = verdict(requirements(release))
    if reached.rank >= Verdict.OPEN_SOURCE.rank:
        return
    paths = {p for c in release.of_kind("model-card") for p in c.inspection.accepted}
    paths |= {
        p for p in release.paths if re.fullmatch(r"readme(\.md|\.rst|\.txt)?", p, re.IGNORECASE)
    }
    for path in sorted(paths):
        for line, words in _claims(release, path):
            yield rule.finding(
                f"says “{printable(words)}”; {_bears(release)} {reached}",
                location=Location(path, line),
            )


def _claims(release: Release, path: str) -> Iterator[tuple[int, str]]:
    from manifest.readers.card import read_card

    try:
        card = read_card(release.source, path)
    except (DocumentError, UndecidedError):
        return
    claim = re.compile(_CLAIM.replace("SUBJECT", _subject(release)), re.IGNORECASE)
    for offset, line in enumerate(card.body.splitlines()):
        found = claim.search(line)
        if found and not _DENIAL.search(line[: found.start()]):
            yield card.body_line + offset, found[0]


def _subject(release: Release) -> str:
    """What a sentence about the release is about: the model, or a word of its name."""
    words = re.findall(r"[^\W\d_]{3,}", release.description.name.rpartition("/")[2])
    return "|".join(map(re.escape, ("model", "weights", "release", "it", *words[:8])))
