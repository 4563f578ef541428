"""Data cards: what they tell, in prose and as Croissant metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.examples import DATA_CARD
from manifest.lint.reading import texts
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement
from manifest.readers.croissant import Croissant, may_be_croissant, read_croissant

_OSAID = FrameworkElement(Framework.OSAID, "data information")
_CARD = "components:\n  data-card:\n    files: [DATA.md]\n"
_MAX_CROISSANT = 32

# What the Open Source AI Definition asks of data information, by the words in which it is told.
_TOPICS: dict[str, re.Pattern[str]] = {
    "collection": re.compile(
        r"collect|crawl|scrap|gather|obtain|download|record(ed|ing)|written|wrote|generat|synthe|"
        r"acqui|sourced|curat",
        re.IGNORECASE,
    ),
    "selection": re.compile(r"select|sampl|chos|mixture|inclu|subset|picked|weight", re.IGNORECASE),
    "filtering": re.compile(
        r"filter|clean|remov|dedup|duplicat|exclud|discard|dropp|quality|toxic", re.IGNORECASE
    ),
    "labelling": re.compile(
        r"label|annotat|unlabel|self-supervis|unsupervis|rater|ground truth|human feedback|"
        r"transcri|review|question.{0,20}answer",
        re.IGNORECASE,
    ),
}


@rule(
    code="DAT007",
    name="data-card-incomplete",
    severity=Severity.ADVICE,
    rationale="To build a system like this one, others need to know how its data was collected, "
    "selected, filtered and labelled; a list of names does not say.",
    remedy="Give the data card a section on each; that nothing was done is an answer too.",
    bad=Example(_CARD, {"DATA.md": DATA_CARD}),
    good=Example(
        _CARD,
        {
            "DATA.md": DATA_CARD
            + "\n## Selection\n\nAll that was written is in.\n\n## Labelling\n\nNone.\n"
        },
    ),
    frameworks=(
        _OSAID,
        FrameworkElement(Framework.MOF, "III: Data card"),
        FrameworkElement(Framework.INDEX, "datasheet"),
    ),
    of_files=True,
)
def data_card_topics(rule: Rule, release: Release) -> Iterator[Finding]:
    """Topics that neither the data cards nor the description's own fields speak of."""
    written = [(p, t) for p, t in texts(release, "data-card") if not p.endswith(("json", "jsonld"))]
    if not written:
        return
    data, sources = release.description.data, release.description.sources
    told = {
        "collection": any(s.obtained for s in sources),
        "selection": any(s.selected for s in sources),
        "filtering": bool(data.get("filtering")),
        "labelling": bool(data.get("labelling")),
    }
    lacking = [
        topic
        for topic, words in _TOPICS.items()
        if not told[topic] and not any(words.search(text) for _, text in written)
    ]
    if lacking:
        yield rule.finding(
            f"{printable(written[0][0])} says nothing of {' or '.join(lacking)}",
            location=Location(written[0][0]),
        )


_CROISSANT = """{"@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0",
 "name": "notes", "description": "Notes about garden birds.", %s
 "distribution": [{"@type": "cr:FileObject", "@id": "notes.jsonl", %s
   "contentUrl": "https://birds.example/notes.jsonl", "encodingFormat": "application/jsonlines"}],
 "recordSet": [{"@type": "cr:RecordSet", "@id": "notes"}]}
"""


@rule(
    code="DAT013",
    name="croissant-incomplete",
    severity=Severity.ADVICE,
    rationale="Croissant metadata lets a program fetch a dataset and check that it is the one "
    "meant. Without license, digests and record sets it can do neither.",
    remedy="Add `license`, the `sha256` of each file object and a `recordSet`, as the format asks.",
    bad=Example("", {"croissant.json": _CROISSANT % ("", "")}),
    good=Example(
        "",
        {
            "croissant.json": _CROISSANT
            % (
                '"license": "https://creativecommons.org/publicdomain/zero/1.0/",',
                f'"sha256": "{"5" * 64}",',
            )
        },
    ),
    frameworks=(_OSAID,),
    of_files=True,
)
def croissant(rule: Rule, release: Release) -> Iterator[Finding]:
    """Croissant metadata that lacks what makes it checkable."""
    paths = sorted(p for p in release.paths if may_be_croissant(p))
    for path in paths[:_MAX_CROISSANT]:
        try:
            found = read_croissant(release.source, path)
        except (DocumentError, UndecidedError):
            continue
        if lacking := list(_lacks(found)):
            yield rule.finding(
                f"{printable(path)} gives no {' and no '.join(lacking)}", location=Location(path)
            )


def _lacks(found: Croissant) -> Iterator[str]:
    if not found.license:
        yield "license"
    loose = [f for f in found.files if not (f.sha256 or f.contained or f.is_repository)]
    if loose:
        more = f" and {plural(len(loose) - 1, 'more file')}" if len(loose) > 1 else ""
        yield f"digest of {printable(loose[0].name)}{more}"
    if not found.record_sets:
        yield "record set"
