"""Evaluation: what was measured, and on what."""

from __future__ import annotations

from manifest.lint.examples import RECORDS
from manifest.lint.needs import present
from manifest.lint.release import Release
from manifest.lint.rule import Example, gate
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict


@gate(
    code="EVA001",
    name="evaluation-results-missing",
    gates=Verdict.OPEN_SCIENCE,
    title="evaluation results",
    rationale="Biases and made-up answers cannot be read from weights; they show in measurements.",
    remedy="Publish the results as the harness wrote them, under `components.evaluation-results`.",
    bad=Example(
        "components:\n  evaluation-results:\n    files: [results.json]\n",
        {"results.json": '{"note": "state of the art"}'},
    ),
    good=Example(
        "components:\n  evaluation-results:\n    files: [results.json]\n",
        {"results.json": '{"results": {"birds": {"accuracy": 0.41}}}'},
    ),
    frameworks=(FrameworkElement(Framework.MOF, "III: Evaluation results"),),
)
def results(release: Release) -> Outcome:
    """Results that hold numbers."""
    return present(release, "evaluation-results")


@gate(
    code="EVA002",
    name="evaluation-data-missing",
    gates=Verdict.OPEN_SCIENCE,
    title="evaluation data",
    rationale="A score means something only beside the questions that were asked.",
    remedy="Publish the evaluation data, or pin where it lies, under `components.evaluation-data`.",
    bad=Example("components: {}\n"),
    good=Example(
        "components:\n  evaluation-data:\n    files: [heldout.jsonl]\n", {"heldout.jsonl": RECORDS}
    ),
    frameworks=(FrameworkElement(Framework.MOF, "II: Evaluation data"),),
)
def evaluation_data(release: Release) -> Outcome:
    """Data that the model was evaluated on."""
    return present(release, "evaluation-data")
