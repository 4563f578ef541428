"""The state of the optimizer: without it training cannot be gone on with from a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.findings import Finding, Severity
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement

_STATE = re.compile(
    r"(^|/)(optim|optimizer|optimizer_state)[^/]*(\.(safetensors|pt|pth|bin|npz|msgpack|distcp)|/)"
    r"|optim(izer)?_states?[^/]*\.(pt|safetensors)$|(^|/)\.metadata$|\.distcp$|(^|/)train\.pt$",
    re.IGNORECASE,
)
"""Names that trainers give to it: transformers, OLMo, DeepSpeed, distributed checkpoints."""

_KINDS = ("model-parameters-intermediate", "model-metadata")
_STEPS = "components:\n  model-parameters-intermediate:\n    files: [checkpoints]\n"
_WEIGHTS = {
    "checkpoints/step10/model.safetensors": "<safetensors w=2x3 of 1>",
    "checkpoints/step20/model.safetensors": "<safetensors w=2x3 of 2>",
}


@rule(
    code="CKP014",
    name="optimizer-state-missing",
    severity=Severity.ADVICE,
    rationale="Weights on the way show how training went; with the state of the optimizer somebody "
    "can go on from there, and see whether they come to the same place.",
    remedy="Publish the optimizer's state with each checkpoint, or with some of them, under "
    "`components.model-metadata`; or say under `withheld` why it is not there.",
    bad=Example(_STEPS, _WEIGHTS),
    good=Example(
        _STEPS, _WEIGHTS | {"checkpoints/step10/optimizer.safetensors": "<safetensors m=2x3>"}
    ),
    frameworks=(
        FrameworkElement(Framework.MOF, "I: Model metadata, optimizer states"),
        FrameworkElement(Framework.OSAID, "parameters: optimizer state"),
    ),
    of_files=True,
)
def optimizer_state(rule: Rule, release: Release) -> Iterator[Finding]:
    """Intermediate checkpoints in a release that holds no state of an optimizer."""
    steps = [c for c in release.present(_KINDS[0]) if c.inspection.accepted]
    there = list(release.present(*_KINDS))
    if not steps or any(c.kind == _KINDS[1] and c.by_reference for c in there):
        return
    if any(_STATE.search(f.path) for c in there for f in c.files.here):
        return
    yield rule.finding(
        "the checkpoints on the way come without the state of the optimizer",
        location=release.location(f"components.{steps[0].spec.id}"),
        component=steps[0].spec.id,
    )
