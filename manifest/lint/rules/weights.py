"""Weights: are they there, whole, and enough to run the model."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.architecture import architecture_in, from_base, has_tokenizer
from manifest.lint.examples import CONFIG, CONFIG_LM
from manifest.lint.needs import MET, present
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, gate, rule
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict
from manifest.readers.config import read_config

WEIGHTS = "model-parameters-final"
_DESCRIBED = "components:\n  model-parameters-final:\n    files: ['*.safetensors']\n"
_LANGUAGE_TASKS = re.compile(
    r"text|question-answering|summarization|translation|fill-mask|token|sentence|conversation",
    re.IGNORECASE,
)


@gate(
    code="WGT001",
    name="final-weights-missing",
    gates=Verdict.WEIGHTS_AVAILABLE,
    title="complete final weights",
    rationale="Without the final weights, all of them, nobody can run the model that was announced.",
    remedy="Publish the final weights in the release and name their files under "
    "`components.model-parameters-final`.",
    bad=Example("summary: Weights are behind an API.\n"),
    good=Example(_DESCRIBED, {"model.safetensors": "<safetensors w=2x3>"}),
    frameworks=(
        FrameworkElement(Framework.MOF, "III: Model parameters (Final)"),
        FrameworkElement(Framework.OSAID, "parameters"),
        FrameworkElement(Framework.EU, "53(2): public weights"),
    ),
)
def final_weights(release: Release) -> Outcome:
    """Final weights that are whole."""
    return present(release, WEIGHTS)


@rule(
    code="WGT002",
    name="weights-broken",
    severity=Severity.ERROR,
    rationale="A file of weights that disagrees with its own header, or an index that names shards "
    "which are not there, cannot be loaded, or loads as something else.",
    remedy="Publish the files again, whole; `sha256sum` of the original shows which differs.",
    bad=Example(
        _DESCRIBED,
        {
            "model-00001-of-00002.safetensors": "<safetensors w=2x3>",
            "model.safetensors.index.json": '{"weight_map": {'
            '"w": "model-00001-of-00002.safetensors", "v": "model-00002-of-00002.safetensors"}}',
        },
    ),
    good=Example(_DESCRIBED, {"model.safetensors": "<safetensors w=2x3>"}),
    of_files=True,
)
def weights_broken(rule: Rule, release: Release) -> Iterator[Finding]:
    """Headers and indexes of weights that do not agree with the files."""
    for component in release.components:
        if component.kind not in (WEIGHTS, "model-parameters-intermediate"):
            continue
        for refusal in component.inspection.refused:
            yield rule.finding(
                str(refusal), location=Location(refusal.path), component=component.spec.id
            )
        if missing := component.inspection.missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            yield rule.finding(
                f"{printable(missing[0])}{more}: named by an index or a shard's name, and not there",
                location=Location(missing[0]),
                component=component.spec.id,
            )


@gate(
    code="WGT003",
    name="architecture-missing",
    gates=Verdict.OPEN_WEIGHT,
    title="the architecture",
    rationale="Weights are numbers; without the architecture nobody knows what to compute with "
    "them. Formats that hold the graph (ONNX, TFLite, SavedModel, TorchScript, Core ML) or name the "
    "architecture with its sizes (GGUF) say it themselves; an adapter's is its base model's.",
    remedy="Publish the model's configuration (`config.json`) or the code that defines it, under "
    "`components.model-architecture`. Of an adapter, pin the base model under `base_models`, by "
    "revision and with its license.",
    bad=Example(_DESCRIBED, {"model.safetensors": "<safetensors w=2x3>"}),
    good=Example(
        _DESCRIBED + "  model-architecture:\n    files: [config.json]\n",
        {"model.safetensors": "<safetensors w=2x3>", "config.json": CONFIG},
    ),
    frameworks=(
        FrameworkElement(Framework.MOF, "III: Model architecture"),
        FrameworkElement(Framework.EU, "53(2): public information on the architecture"),
    ),
)
def architecture(release: Release) -> Outcome:
    """An architecture: a component of its own, the weights' format, or an adapter's base model."""
    outcome = present(release, "model-architecture")
    if not outcome.met and any(architecture_in(release, c) for c in release.present(WEIGHTS)):
        return MET
    return from_base(release, "the architecture", outcome)


@gate(
    code="WGT004",
    name="tokenizer-missing",
    gates=Verdict.OPEN_WEIGHT,
    title="a tokenizer",
    rationale="A language model computes with tokens; without its own tokenizer its weights "
    "are of no use.",
    remedy="Publish `tokenizer.json`, or the vocabulary and merges, under `components.tokenizer`.",
    bad=Example(
        _DESCRIBED + "  model-architecture:\n    files: [config.json]\n",
        {"model.safetensors": "<safetensors w=2x3>", "config.json": CONFIG_LM},
    ),
    good=Example(
        _DESCRIBED + "  tokenizer:\n    files: [tokenizer.json]\n",
        {
            "model.safetensors": "<safetensors w=2x3>",
            "tokenizer.json": '{"model": {"vocab": {"a": 0, "b": 1}}}',
        },
    ),
    frameworks=(FrameworkElement(Framework.OSAID, "code: tokenizer"),),
)
def tokenizer(release: Release) -> Outcome:
    """A tokenizer, unless the model computes with something else than tokens of text."""
    if release.holds("tokenizer") or not needs_tokenizer(release):
        return MET
    return from_base(release, "the tokenizer", present(release, "tokenizer"))


def needs_tokenizer(release: Release) -> bool:
    """Whether the release is of a language model: by its tasks, modalities or configuration."""
    if has_tokenizer(release):
        return False
    model = release.description.model
    if any(_LANGUAGE_TASKS.search(str(task)) for task in model.get("tasks", ())):
        return True
    if "text" in {str(m).casefold() for m in model.get("modalities", ())}:
        return True
    for component in release.of_kind("model-architecture"):
        for path in component.inspection.accepted:
            if path.endswith(".json"):
                try:
                    if read_config(release.source, path).vocab_size is not None:
                        return True
                except (DocumentError, UndecidedError):
                    continue
    return False
