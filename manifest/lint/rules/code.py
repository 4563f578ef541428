"""Code: what would let somebody else do it again."""

from __future__ import annotations

from manifest.lint.content.code import is_source
from manifest.lint.examples import CONFIG, TRAIN
from manifest.lint.needs import MET, met_if, present
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, gate
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict

_WHY = (
    "The Open Source AI Definition asks for the complete source code used to train and run the "
    "system; "
)


def _example(kind: str, path: str) -> Example:
    return Example(f"components:\n  {kind}:\n    files: [{path}]\n", {path: TRAIN})


def _empty(kind: str, path: str) -> Example:
    return Example(f"components:\n  {kind}:\n    files: [{path}]\n", {path: "x = 1\n"})


def _maps(mof: str, osaid: str) -> tuple[FrameworkElement, ...]:
    return (
        FrameworkElement(Framework.MOF, mof),
        FrameworkElement(Framework.OSAID, f"code: {osaid}"),
    )


@gate(
    code="COD001",
    name="training-code-missing",
    gates=Verdict.OPEN_SOURCE,
    title="training code",
    rationale=_WHY + "training code is where the methodological choices are written down that a "
    "report leaves out.",
    remedy="Publish the code that trained the model, as it was run, under "
    "`components.training-code`.",
    bad=_empty("training-code", "train.py"),
    good=_example("training-code", "train.py"),
    frameworks=_maps("II: Training code", "training"),
)
def training_code(release: Release) -> Outcome:
    """Code that trains."""
    return present(release, "training-code")


@gate(
    code="COD002",
    name="preprocessing-code-missing",
    gates=Verdict.OPEN_SOURCE,
    title="data preprocessing code",
    rationale=_WHY + "what was filtered, cleaned and deduplicated decides what a model learns.",
    remedy="Publish the code that prepared the data, under `components.data-preprocessing-code`.",
    bad=_empty("data-preprocessing-code", "prepare.py"),
    good=_example("data-preprocessing-code", "prepare.py"),
    frameworks=_maps("I: Data preprocessing code", "data processing and filtering"),
)
def preprocessing_code(release: Release) -> Outcome:
    """Code that prepares the data."""
    return present(release, "data-preprocessing-code")


@gate(
    code="COD003",
    name="evaluation-code-missing",
    gates=Verdict.OPEN_SOURCE,
    title="evaluation code",
    rationale=_WHY + "without the code that measured it, a result cannot be checked.",
    remedy="Publish the code that evaluated the model, under `components.evaluation-code`.",
    bad=_empty("evaluation-code", "evaluate.py"),
    good=_example("evaluation-code", "evaluate.py"),
    frameworks=_maps("II: Evaluation code", "validation and testing"),
)
def evaluation_code(release: Release) -> Outcome:
    """Code that evaluates."""
    return present(release, "evaluation-code")


@gate(
    code="COD004",
    name="inference-code-missing",
    gates=Verdict.OPEN_SOURCE,
    title="inference code",
    rationale=_WHY + "running a model correctly takes more than its weights.",
    remedy="Publish the code that runs the model, under `components.inference-code`.",
    bad=_empty("inference-code", "generate.py"),
    good=_example("inference-code", "generate.py"),
    frameworks=_maps("II: Inference code", "inference"),
)
def inference_code(release: Release) -> Outcome:
    """Code that runs the model."""
    return present(release, "inference-code")


@gate(
    code="COD005",
    name="architecture-code-missing",
    gates=Verdict.OPEN_SOURCE,
    title="code of the model's architecture",
    rationale=_WHY + "a configuration names an architecture, and its code lies elsewhere.",
    remedy="Publish the code that defines the model among the files of "
    "`components.model-architecture`, or pin it there by commit.",
    bad=Example(
        "components:\n  model-architecture:\n    files: [config.json]\n", {"config.json": CONFIG}
    ),
    good=_example("model-architecture", "model.py"),
    frameworks=_maps("III: Model architecture", "model architecture"),
)
def architecture_code(release: Release) -> Outcome:
    """Code that defines the model."""
    outcome = present(release, "model-architecture")
    if not outcome.met or release.basis is Basis.DECLARATIONS:
        return outcome
    for component in release.present("model-architecture"):
        is_code = any(is_source(path) for path in component.inspection.accepted)
        if is_code or component.by_reference:
            return MET
    return met_if(
        False,
        "the architecture is a configuration; the code that it configures is not in the release",
        pointer="components.model-architecture",
    )
