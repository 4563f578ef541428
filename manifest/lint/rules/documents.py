"""Documents: cards and papers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import listed, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.licenses import same_license
from manifest.lint.cards import documents_text
from manifest.lint.examples import CARD, CONFIG_LM
from manifest.lint.license_files import declared_ids, ids_of
from manifest.lint.measurements import generates_text
from manifest.lint.needs import present
from manifest.lint.reading import cards
from manifest.lint.release import Basis, Origin, Release
from manifest.lint.rule import Example, Rule, gate, rule
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict


@gate(
    code="DOC001",
    name="model-card-missing",
    gates=Verdict.OPEN_SCIENCE,
    title="a model card",
    rationale="Who uses a model must know what it is for, where it fails and how to run it.",
    remedy="Write a model card with intended use and limits, under `components.model-card`.",
    bad=Example(
        "components:\n  model-card:\n    files: [README.md]\n", {"README.md": "# Sparrow\n"}
    ),
    good=Example("components:\n  model-card:\n    files: [README.md]\n", {"README.md": CARD}),
    frameworks=(
        FrameworkElement(Framework.MOF, "III: Model card"),
        FrameworkElement(Framework.EU, "53(2): public information on usage"),
        FrameworkElement(Framework.INDEX, "model card"),
    ),
)
def model_card(release: Release) -> Outcome:
    """A model card with more than a name."""
    return present(release, "model-card")


@gate(
    code="DOC002",
    name="research-paper-missing",
    gates=Verdict.OPEN_SCIENCE,
    title="a research paper",
    rationale="Class I of the Model Openness Framework asks for a paper that others can argue "
    "with; it stands for the technical report too.",
    remedy="Put the paper into the release, under `components.research-paper`.",
    bad=Example(
        "components:\n  research-paper:\n    references:\n      - type: doi\n"
        "        doi: 10.48550/arXiv.2312.06550\n"
    ),
    good=Example(
        "components:\n  research-paper:\n    files: [paper.md]\n",
        {"paper.md": "# Sparrow\n\n" + "We trained a small model on notes about birds. " * 40},
    ),
    frameworks=(
        FrameworkElement(Framework.MOF, "I: Research paper"),
        FrameworkElement(Framework.MOF, "III: Technical report"),
        FrameworkElement(Framework.INDEX, "paper"),
    ),
)
def research_paper(release: Release) -> Outcome:
    """A paper among the files."""
    return present(release, "research-paper")


_CARD = "components:\n  model-card:\n    files: [README.md]\n"
_USE = re.compile(
    r"\b(?:intended|direct|downstream|primary|suitable|recommended) us(?:e|es|age|ers)\b|\buse cases?\b"
    r"|\bintended (?:for|purpose)|\bmeant (?:for|to)\b|\bcan be used (?:for|to|as)\b|\bapplications?\b"
    r"|^#+ .*\b(?:uses?|usage)\b",
    re.IGNORECASE | re.MULTILINE,
)
_LIMITS = re.compile(
    r"\blimit(?:s|ation|ations|ed to)?\b|\bout[- ]of[- ]scope\b|\bbias(?:es|ed)?\b|\brisks?\b|\bcaveats?\b"
    r"|\bshould not be (?:used|relied)|\bnot (?:intended|suitable|meant)\b|\bfails?\b|\bhallucinat",
    re.IGNORECASE,
)


@rule(
    code="DOC003",
    name="card-without-use-or-limits",
    severity=Severity.ADVICE,
    rationale="A card that names no intended use and no limits leaves its reader to find out both by "
    "accident.",
    remedy="Write a section on the intended use and one on limits: where it fails, what it was not "
    "tested for.",
    bad=Example(_CARD, {"README.md": "# Sparrow\n\n" + "It answers questions about birds. " * 20}),
    good=Example(_CARD, {"README.md": CARD}),
    frameworks=(
        FrameworkElement(Framework.EU, "Annex XI: tasks and acceptable use"),
        FrameworkElement(Framework.INDEX, "model card"),
    ),
    of_files=True,
)
def card_without_use_or_limits(rule: Rule, release: Release) -> Iterator[Finding]:
    """Cards without a word on what the model is for, or on where it fails."""
    for card in cards(release):
        lacking = [] if _USE.search(card.body) else ["what the model is for"]
        lacking += [] if _LIMITS.search(card.body) else ["its limits"]
        if lacking:
            yield rule.finding(
                f"the card says nothing of {' and of '.join(lacking)}", location=Location(card.path)
            )


_ANNEX = (
    _CARD
    + """  model-architecture:
    files: [config.json]
license: apache-2.0
release_date: 2026-01-31
model: {tasks: [text-generation], architecture: sparrow, parameters: 6, modalities: [text]}
data:
  sources: [{name: Garden notes}]
training:
  hyperparameters: {steps: 100, learning_rate: 0.01}
  compute_flops: 1e9
  energy_kwh: 0.1
evaluation:
  results: [{task: birds, metric: accuracy, value: 0.41}]
"""
)
_ANNEX_FILES = {"README.md": CARD + "\nAcceptable use: any.\n", "config.json": CONFIG_LM}


@rule(
    code="DOC004",
    name="annex-xi-incomplete",
    severity=Severity.ADVICE,
    rationale="Annex XI of the EU AI Act lists what the documentation of a general-purpose model says. "
    "Open-source models are exempt from handing it in, and their users need it all the same.",
    remedy="Give what is named, under `model`, `data`, `training` and `evaluation` or on the card.",
    bad=Example(_ANNEX.replace("  energy_kwh: 0.1\n", ""), _ANNEX_FILES),
    good=Example(_ANNEX, _ANNEX_FILES),
    frameworks=(FrameworkElement(Framework.EU, "Annex XI, section 1"),),
)
def annex_xi_incomplete(rule: Rule, release: Release) -> Iterator[Finding]:
    """A described model that answers in words, without something that Annex XI asks for."""
    if not generates_text(release):
        return
    text = "" if release.basis is Basis.DECLARATIONS else documents_text(release)
    lacking = [
        what
        for what, (given, words) in _annex(release).items()
        if not given and not re.search(words, text, re.IGNORECASE)
    ]
    if lacking:
        yield rule.finding(
            f"nothing is said of {listed(lacking)}", location=release.location("model")
        )


def _annex(release: Release) -> dict[str, tuple[bool, str]]:
    """What Annex XI, section 1 asks for: whether the description gives it, or words that do."""
    description = release.description
    model, training = description.model, description.training
    settings = ("hyperparameters", "configuration", "optimizer", "stages")
    compute = ("compute_flops", "device_hours", "hardware")
    return {
        "tasks": (bool(model.get("tasks")), r"\btasks?\b|^pipeline_tag:"),
        "acceptable use": (
            any("policy" in p.casefold() for p in release.paths),
            r"\b(?:acceptable|prohibited|responsible) use\b|\buse policy\b",
        ),
        "the release date": (
            bool(description.fields.get("release_date")),
            r"\breleased? (?:date|on)?\W{0,6}(?:\w+ ){0,3}\d{1,4}\b",
        ),
        "the architecture": (
            bool(model.get("architecture")) or release.holds("model-architecture"),
            r"\barchitecture\b",
        ),
        "the number of parameters": (
            model.get("parameters") is not None,
            r"\bparameters?\b",
        ),
        "the modality": (bool(model.get("modalities")), r"\bmodalit|\b(?:text|image|audio)\b"),
        "the license": (bool(description.license or description.licenses), r"\blicen[cs]e"),
        "the training process": (
            any(training.get(key) for key in settings) or release.holds("training-configuration"),
            r"\b(?:hyper-?parameters|learning rate|batch size|training (?:procedure|details))\b",
        ),
        "the data": (bool(description.sources), r"\btraining data\b|\btrained on\b|\bdatasets?\b"),
        "the compute": (
            any(training.get(key) for key in compute),
            r"\bFLOPs?\b|\b(?:GPU|TPU|device)[- ]?(?:hours|days)\b|\bcompute\b",
        ),
        "the energy": (training.get("energy_kwh") is not None, r"\benergy\b|\bkWh\b|\bCO2"),
        "evaluation results": (
            bool(description.results) or release.holds("evaluation-results"),
            r"\bevaluat|\bbenchmark",
        ),
    }


_CITATION = "cff-version: 1.2.0\nmessage: Cite it.\ntitle: Sparrow\nversion: {}\nlicense: {}\n"


@rule(
    code="DOC005",
    name="citation-disagrees",
    severity=Severity.WARNING,
    rationale="Who cites by the citation file cites another version, or under another license, than "
    "the one that is here.",
    remedy="Bring `CITATION.cff` up to date with the description.",
    bad=Example("license: apache-2.0\n", {"CITATION.cff": _CITATION.format("0.9", "Apache-2.0")}),
    good=Example("license: apache-2.0\n", {"CITATION.cff": _CITATION.format("1.0", "Apache-2.0")}),
    of_files=True,
)
def citation_disagrees(rule: Rule, release: Release) -> Iterator[Finding]:
    """A citation file with another version or license than the description."""
    from manifest.readers.citation import read_citation

    path = next((p for p in sorted(release.paths) if p.casefold() == "citation.cff"), "")
    if not path or release.origin is Origin.DRAFTED:
        return
    try:
        citation = read_citation(release.source, path)
    except (DocumentError, UndecidedError):
        return
    version = release.description.version
    if citation.version and citation.version.removeprefix("v") != version.removeprefix("v"):
        yield rule.finding(
            f"it cites version {printable(citation.version)}, and the description is of "
            f"{printable(version)}",
            location=Location(path),
        )
    declared = declared_ids(release)
    cited = ids_of(citation.license)
    if cited and declared and not any(same_license(a, b) for a in cited for b in declared):
        yield rule.finding(
            f"it says {printable(citation.license)}, and the description says "
            f"{printable(' or '.join(sorted(declared)))}",
            location=Location(path),
        )
