"""Claims: a name that the evidence does not bear."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from manifest.display import printable
from manifest.findings import Finding, Location, Severity
from manifest.lint.cards import cards_and_readmes, unread_cards
from manifest.lint.claim_words import Claim, openness_claims, reproducibility_claims
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
    """The description's own claim against the verdict; a third party's words are no claim."""
    if not release.description.claim or release.description.described_by != "publisher":
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
    """Cards, READMEs and the publisher's summary that say open source of a release that is not."""
    yield from _beyond(rule, release, Verdict.OPEN_SOURCE, openness_claims)


@rule(
    code="CLM003",
    name="card-says-reproducible",
    severity=Severity.WARNING,
    rationale="Reproducible means that somebody else comes to the same weights. That takes the data "
    "in its order, the code, the seeds and the environment; where one is missing nobody can.",
    remedy="Publish what is missing, or say which part can be repeated.",
    bad=Example(
        _DESCRIBED + _CARD, _FILES | {"README.md": CARD + "\nSparrow is fully reproducible.\n"}
    ),
    good=Example(
        _DESCRIBED + _CARD,
        _FILES | {"README.md": CARD + "\nThe evaluation is fully reproducible.\n"},
    ),
    exemptable=False,
)
def card_says_reproducible(rule: Rule, release: Release) -> Iterator[Finding]:
    """Cards, READMEs and the publisher's summary that say reproducible of what cannot be."""
    yield from _beyond(rule, release, Verdict.REPLAYABLE, reproducibility_claims)


@rule(
    code="CLM004",
    name="claim-by-third-party",
    severity=Severity.WARNING,
    rationale="Whoever describes somebody else's release cannot claim anything for its publisher; "
    "such a claim is read as the publisher's all the same.",
    remedy="Take `claim` out, or write `described_by: publisher` where the release is yours.",
    bad=Example("described_by: third-party\nclaim: open-weight\n" + _DESCRIBED, _FILES),
    good=Example("described_by: third-party\n" + _DESCRIBED, _FILES),
)
def claim_by_third_party(rule: Rule, release: Release) -> Iterator[Finding]:
    """A claim in a description that a third party wrote."""
    description = release.description
    if description.claim and description.described_by != "publisher":
        yield rule.finding(
            f"a third party describes the release and claims {description.claim}",
            location=release.location("claim"),
        )


@rule(
    code="CLM005",
    name="card-not-read",
    severity=Severity.WARNING,
    rationale="What a card says beyond the size that is read, or in front matter that is not sound, "
    "nobody has held against the evidence: a license, a base model, a claim.",
    remedy="Mend the front matter, or move what is long into files of its own.",
    bad=Example(
        _DESCRIBED + _CARD,
        _FILES | {"README.md": CARD.replace("license:", "license: &l mit\na: *l")},
    ),
    good=Example(_DESCRIBED + _CARD, _FILES | {"README.md": CARD}),
    exemptable=False,
    of_files=True,
)
def card_not_read(rule: Rule, release: Release) -> Iterator[Finding]:
    """Cards and READMEs of which something was not read."""
    for path, what in unread_cards(release):
        yield rule.finding(f"{printable(path)} {what}", location=Location(path))


def _beyond(
    rule: Rule,
    release: Release,
    needed: Verdict,
    claims: Callable[[str, Sequence[str]], Iterator[Claim]],
) -> Iterator[Finding]:
    """Claims on cards and in the summary, where the verdict is below what they need."""
    reached = verdict(requirements(release))
    if reached.rank >= needed.rank:
        return
    description = release.description
    bears = f"{_bears(release)} {reached}"
    if description.described_by == "publisher":
        for claim in claims(str(description.fields.get("summary", "")), _names(release)):
            yield rule.finding(
                f"the summary says “{printable(claim.words)}”; {bears}",
                location=release.location("summary"),
            )
    for card in cards_and_readmes(release):
        for claim in claims(card.body, _names(release, card.model_name, card.title)):
            yield rule.finding(
                f"says “{printable(claim.words)}”; {bears}",
                location=Location(card.path, card.body_line + claim.line - 1),
            )


def _names(release: Release, *further: str) -> list[str]:
    """Words by which the release is called: of its name, and of its card's name and title."""
    own = re.findall(r"[^\W\d_]{3,}", release.description.name.rpartition("/")[2])
    title = [w for text in further for w in re.findall(r"\b[^\W\d_a-z][^\W\d_]{2,}", text)[:2]]
    return [w for w in (*own[:8], *title) if w.casefold() not in _WORDS]


_WORDS = frozenset(
    {"model", "card", "the", "for", "and", "open", "source", "introducing", "language"}
)
