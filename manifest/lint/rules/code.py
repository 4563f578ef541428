"""Code: what would let somebody else do it again."""

from __future__ import annotations

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.architecture import WEIGHTS, graph_in
from manifest.lint.content.code import is_source
from manifest.lint.examples import CODE, CONFIG
from manifest.lint.needs import MET, met_if, present
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, gate
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict
from manifest.readers.config import read_config

_WHY = (
    "The Open Source AI Definition asks for the complete source code used to train and run the "
    "system; "
)


def _example(kind: str, path: str) -> Example:
    return Example(f"components:\n  {kind}:\n    files: [{path}]\n", {path: CODE[kind]})


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
    remedy="Publish the code that runs the model, or pin that of the library by commit, under "
    "`components.inference-code`.",
    bad=_empty("inference-code", "generate.py"),
    good=_example("inference-code", "generate.py"),
    frameworks=_maps("II: Inference code", "inference"),
)
def inference_code(release: Release) -> Outcome:
    """Code that runs the model."""
    outcome = present(release, "inference-code")
    library = _library(release)
    if outcome.met or outcome.component or not library:
        return outcome
    reason = f"no inference code is published: {library}, whose code is not pinned"
    return met_if(False, reason, pointer="components")


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
    if release.basis is Basis.DECLARATIONS:
        return outcome
    if not outcome.met:
        if not any(graph_in(release, c) for c in release.present(WEIGHTS)):
            return outcome
        reason = (
            "the architecture is a graph in the weights; the code that made it is not published"
        )
        return met_if(False, reason, pointer="components")
    for component in release.present("model-architecture"):
        is_code = any(is_source(path) for path in component.inspection.accepted)
        if is_code or component.by_reference:
            return MET
    return met_if(
        False,
        f"{library}; that code is not in the release, and not pinned"
        if (library := _library(release))
        else "the architecture is a configuration; the code that it configures is not in the release",
        pointer="components.model-architecture",
    )


def _library(release: Release) -> str:
    """Which library has the model's code, where its configuration says so; empty where not.

    A configuration that transformers wrote, and that brings no code of its own along, names a
    class of that library and the version that wrote it.
    """
    if release.basis is Basis.DECLARATIONS:
        return ""
    for component in release.present("model-architecture"):
        for path in component.inspection.accepted:
            if not path.endswith("config.json"):
                continue
            try:
                config = read_config(release.source, path)
            except (DocumentError, UndecidedError):
                continue
            own = config.remote_code or config.remote_repositories
            if config.architectures and config.transformers_version and not own:
                return printable(
                    f"{path} names {config.architectures[0]} of transformers "
                    f"{config.transformers_version}"
                )
    return ""
