"""Data: what the model was made from."""

from __future__ import annotations

from manifest.display import plural, printable
from manifest.document.description import DataSource
from manifest.lint.examples import DATA_CARD, RECORDS
from manifest.lint.needs import MET, met_if, present
from manifest.lint.release import Release
from manifest.lint.rule import Example, gate
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict

_OSAID = FrameworkElement(Framework.OSAID, "data information")
_SOURCES = """data:
  sources:
    - name: Garden notes
      description: Two thousand questions and answers about garden birds.
      access: public
      url: https://birds.example/notes
"""


@gate(
    code="DAT001",
    name="data-sources-not-listed",
    gates=Verdict.OPEN_SOURCE,
    title="a list of the training data",
    rationale="Which data a model was trained on is the first thing that most releases leave out. "
    "The Open Source AI Definition asks for all of it to be described, also what cannot be shared.",
    remedy="List every source under `data.sources`, published or not.",
    bad=Example("summary: Trained on web data.\n"),
    good=Example(_SOURCES),
    frameworks=(_OSAID, FrameworkElement(Framework.INDEX, "data sources")),
)
def sources_listed(release: Release) -> Outcome:
    """At least one source of training data is listed."""
    training = [s for s in release.description.sources if s.used_for != "evaluation"]
    return met_if(
        bool(training), "no source of training data is listed under data.sources", pointer="data"
    )


@gate(
    code="DAT002",
    name="data-source-incomplete",
    gates=Verdict.OPEN_SOURCE,
    title="what each source of data is and where to get it",
    rationale="A source's name alone tells nobody what is in it or how to obtain it. Data may be "
    "withheld, with the reason and with how others could obtain it.",
    remedy="Give each source a `description`, and `url`, `reference` or `files`, or `withheld` "
    "with a reason.",
    bad=Example("data:\n  sources:\n    - name: Licensed books\n      access: private\n"),
    good=Example(
        "data:\n  sources:\n    - name: Licensed books\n      access: private\n"
        "      description: 4,100 novels in English, 1990 to 2020.\n"
        "      withheld:\n        reason: The publishers' contracts forbid passing them on.\n"
    ),
    frameworks=(_OSAID,),
)
def sources_complete(release: Release) -> Outcome:
    """Each source says what it is, and where it is to be had or why it is not."""
    lacking = [
        (index, source, what)
        for index, source in enumerate(release.description.sources)
        if (what := _lacks(source))
    ]
    if not lacking:
        return MET
    index, source, what = lacking[0]
    more = f" ({plural(len(lacking) - 1, 'more source')} incomplete)" if len(lacking) > 1 else ""
    return met_if(
        False,
        f"the source {printable(source.name)} says neither {what}{more}",
        pointer=f"data.sources[{index}]",
    )


def _lacks(source: DataSource) -> str:
    if not (source.description or source.obtained):
        return "what it is nor how it was obtained"
    reachable = source.url or source.reference or source.files or source.withheld
    if not reachable and source.access != "synthetic":
        return "where it can be had nor why it is withheld"
    return ""


@gate(
    code="DAT003",
    name="data-card-missing",
    gates=Verdict.OPEN_SOURCE,
    title="a data card",
    rationale="How data was collected, selected and labelled does not fit into a list of sources.",
    remedy="Write a data card that says how the data was collected, selected and filtered, and "
    "name it under `components.data-card`.",
    bad=Example("components:\n  data-card:\n    files: [DATA.md]\n", {"DATA.md": "# Data\n"}),
    good=Example("components:\n  data-card:\n    files: [DATA.md]\n", {"DATA.md": DATA_CARD}),
    frameworks=(
        _OSAID,
        FrameworkElement(Framework.MOF, "III: Data card"),
        FrameworkElement(Framework.INDEX, "datasheet"),
    ),
)
def data_card(release: Release) -> Outcome:
    """A data card that says where the data comes from."""
    return present(release, "data-card")


@gate(
    code="DAT004",
    name="data-processing-not-described",
    gates=Verdict.OPEN_SOURCE,
    title="how the data was processed and filtered",
    rationale="What was removed from the data shapes a model as much as what was kept.",
    remedy="Say it under `data.processing` and `data.filtering`; that nothing was filtered is an "
    "answer too.",
    bad=Example(_SOURCES),
    good=Example(
        _SOURCES + "  processing: Lines were joined to paragraphs.\n"
        "  filtering: Nothing was removed.\n"
    ),
    frameworks=(_OSAID,),
)
def processing(release: Release) -> Outcome:
    """Processing and filtering are described."""
    lacking = [f for f in ("processing", "filtering") if not release.description.data.get(f)]
    names = " and ".join(f"data.{f}" for f in lacking)
    return met_if(not lacking, f"nothing is said under {names}", pointer="data")


@gate(
    code="DAT005",
    name="datasets-not-published",
    gates=Verdict.OPEN_SCIENCE,
    title="the datasets themselves",
    rationale="Only with the data itself can a result be traced to what caused it. The Open Source "
    "AI Definition does not ask for it; open science does.",
    remedy="Publish the training data, or pin where it lies, under `components.datasets`.",
    bad=Example(_SOURCES),
    good=Example(
        "components:\n  datasets:\n    files: ['data/*.jsonl']\n", {"data/train.jsonl": RECORDS}
    ),
    frameworks=(FrameworkElement(Framework.MOF, "I: Datasets"),),
)
def datasets(release: Release) -> Outcome:
    """Training data in the release."""
    return present(release, "datasets")
