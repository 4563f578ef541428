"""Weights against the architecture that their configuration describes."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.errors import UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.content.sizes import misfits
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement

_WEIGHTS = ("model-parameters-final", "model-parameters-intermediate")
_DESCRIBED = (
    "components:\n  model-parameters-final:\n    files: [model.safetensors]\n"
    "  model-architecture:\n    files: [config.json]\n"
)
_CONFIG = (
    '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 16, '
    '"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}\n'
)
_MAX_TOLD = 8


@rule(
    code="WGT012",
    name="weights-of-another-size",
    severity=Severity.ERROR,
    rationale="A configuration says how large the matrices are. Weights that are too few for it are "
    "not the model that it describes: part of them is missing, or they are another's.",
    remedy="Publish the weights that belong to the configuration, or the configuration that belongs "
    "to the weights.",
    bad=Example(_DESCRIBED, {"model.safetensors": "<safetensors w=2x3>", "config.json": _CONFIG}),
    good=Example(
        _DESCRIBED,
        {
            "model.safetensors": "<safetensors embed=16x8 attention=24x8 o=8x8 mlp=48x8>",
            "config.json": _CONFIG,
        },
    ),
    frameworks=(FrameworkElement(Framework.MOF, "III: Model parameters (Final)"),),
    of_files=True,
)
def another_size(rule: Rule, release: Release) -> Iterator[Finding]:
    """Weights that hold fewer numbers than the configuration of a known family implies, or far more.

    Fewer than the least: such weights are no evidence. More than four times as many are told, and
    count: what a publisher adds to a model, nobody knows beforehand.
    """
    for component in release.components:
        if component.kind not in _WEIGHTS:
            continue
        refused = {r.path for r in (*component.inspection.refused, *component.inspection.unread)}
        paths = [f.path for f in component.files.here if f.path not in refused]
        try:
            found = misfits(release.source, paths)
        except UndecidedError:
            continue  # the component's state tells of it
        for misfit in found[:_MAX_TOLD]:
            others = len(misfit.paths) - 1
            more = f" and {plural(others, 'more file')}" if others else ""
            yield rule.finding(
                f"{printable(misfit.paths[0])}{more} {misfit.reason}",
                location=Location(misfit.paths[0]),
                component=component.spec.id,
            )
