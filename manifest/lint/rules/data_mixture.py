"""The mixture and the order: do the numbers add up, and do digests bind what was seen."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from manifest.display import printable
from manifest.document.description import DataSource
from manifest.errors import UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.content.sampling import head, suffix
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement

_TOLERANCE = 0.01
_HEAD = 64 * 1024
_DIGEST = re.compile(rb"(?<![0-9a-fA-F])(?:[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})(?![0-9a-fA-F])")
_TEXT = frozenset({".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".json"})
_OSAID = FrameworkElement(Framework.OSAID, "data information")
_MIXTURE = """data:
  total_tokens: 1000
  sources:
    - {name: Notes, description: Notes on birds., tokens: 600, share: 0.6, url: "https://a.example"}
    - {name: Books, description: Two old books., tokens: 400, share: 0.4, url: "https://b.example"}
"""


@rule(
    code="DAT008",
    name="mixture-does-not-add-up",
    severity=Severity.ERROR,
    rationale="Shares and tokens that do not add up describe another mixture than the one that the "
    "model saw, or leave a source out.",
    remedy="Correct the numbers, or list the source that is missing.",
    bad=Example(_MIXTURE.replace("share: 0.4", "share: 0.3").replace("400", "300")),
    good=Example(_MIXTURE),
    frameworks=(_OSAID,),
)
def mixture(rule: Rule, release: Release) -> Iterator[Finding]:
    """Shares that do not sum to one, and tokens that do not sum to the total, by a hundredth.

    Sources without a number leave room for what they may hold: then only too much is wrong.
    """
    sources = [s for s in release.description.sources if s.used_for != "evaluation"]
    where = release.location("data.sources")
    if problem := _shares(sources):
        yield rule.finding(problem, location=where)
    total = release.description.data.get("total_tokens")
    given = [s.tokens for s in sources if s.tokens is not None]
    if total and given:
        found = sum(given)
        complete = len(given) == len(sources)
        if found > total * (1 + _TOLERANCE) or (complete and found < total * (1 - _TOLERANCE)):
            yield rule.finding(
                f"the sources' tokens sum to {found:,}; data.total_tokens says {total:,}",
                location=release.location("data.total_tokens"),
            )
        elif complete:
            yield from _disagreeing(rule, release, found)


def _shares(sources: Sequence[DataSource]) -> str:
    """What is wrong with the shares: of all sources together, and of each stage's on their own."""
    groups = [list(sources), *([s for s in sources if s.used_for == u] for u in _uses(sources))]
    sums = [math.fsum(s.share for s in g if s.share is not None) for g in groups]
    complete = [all(s.share is not None for s in g) for g in groups]
    if not any(s.share is not None for s in sources):
        return ""
    fits = [
        total <= 1 + _TOLERANCE and (total >= 1 - _TOLERANCE or not whole)
        for total, whole in zip(sums, complete, strict=True)
    ]
    # Shares are of the whole mixture or of each stage's: either reading may hold.
    if fits[0] or all(fits[1:]):
        return ""
    return f"the sources' shares sum to {sums[0]:.4g}, not to 1"


def _uses(sources: Sequence[DataSource]) -> list[str]:
    return sorted({s.used_for for s in sources if s.share is not None})


def _disagreeing(rule: Rule, release: Release, total: int) -> Iterator[Finding]:
    """Shares that are not what the tokens come to, of all sources or of one stage's."""
    of_stage: dict[str, int] = {}
    for source in release.description.sources:
        of_stage[source.used_for] = of_stage.get(source.used_for, 0) + (source.tokens or 0)
    for index, source in enumerate(release.description.sources):
        if source.share is None or source.tokens is None or source.used_for == "evaluation":
            continue
        fractions = [source.tokens / n for n in (total, of_stage[source.used_for]) if n]
        if fractions and all(abs(f - source.share) > _TOLERANCE for f in fractions):
            yield rule.finding(
                f"the share of {printable(source.name)} is {source.share:.4g}; its tokens come to "
                f"{fractions[0]:.4g} of the whole",
                location=release.location(f"data.sources[{index}]"),
            )


@rule(
    code="DAT009",
    name="order-without-digests",
    severity=Severity.ADVICE,
    rationale="Numbers of records say what was seen only to those who hold the same records. Where "
    "the data is not in the release, digests are what ties the order to it.",
    remedy="Write the SHA-256 of what each step or chunk saw into the order, or publish the data.",
    bad=Example(
        "components:\n  data-order:\n    files: [order.csv]\n",
        {"order.csv": "step,record\n0,17\n1,4\n"},
    ),
    good=Example(
        "components:\n  data-order:\n    files: [order.csv]\n",
        {"order.csv": "step,sha256\n" + f"0,{'7' * 64}\n1,{'a' * 64}\n"},
    ),
    of_files=True,
)
def order_digests(rule: Rule, release: Release) -> Iterator[Finding]:
    """An order without digests, of data that is not in the release."""
    if release.holds("datasets"):
        return
    for component in release.present("data-order"):
        for path in component.inspection.accepted[:1]:
            if suffix(path) not in _TEXT:
                continue
            file = next(f for f in component.files.here if f.path == path)
            try:
                digests = _DIGEST.search(head(release.source, file, _HEAD))
            except UndecidedError:
                continue
            if not digests:
                yield rule.finding(
                    f"{printable(path)} holds no digests, and the data is not in the release",
                    location=Location(path),
                    component=component.spec.id,
                )
