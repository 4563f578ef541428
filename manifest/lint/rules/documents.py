"""Documents: cards and papers."""

from __future__ import annotations

from manifest.lint.examples import CARD
from manifest.lint.needs import present
from manifest.lint.release import Release
from manifest.lint.rule import Example, gate
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
