"""Checkpoints: the training as a chain that others can walk along."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import plural
from manifest.findings import Finding, Severity
from manifest.lint.chain import chain_problems, final_checkpoint
from manifest.lint.needs import MET, met_if, present
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, Rule, gate, rule
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict

_COMPONENTS = """components:
  model-parameters-intermediate:
    files: [checkpoints]
  model-parameters-final:
    files: [model.safetensors]
"""
_CHAIN = """checkpoints:
  entries:
    - {name: step10, step: 10, files: [checkpoints/step10], data: 0-9}
    - {name: step20, step: 20, files: [checkpoints/step20], parent: step10, data: 10-19}
"""
_FILES = {
    "checkpoints/step10/model.safetensors": "<safetensors w=2x3>",
    "checkpoints/step20/model.safetensors": "<safetensors w=2x3>",
    "model.safetensors": "<safetensors w=2x3>",
}


@gate(
    code="CKP001",
    name="intermediate-checkpoints-missing",
    gates=Verdict.OPEN_SCIENCE,
    title="intermediate checkpoints",
    rationale="The final weights show where training ended; intermediate ones show how it went.",
    remedy="Publish checkpoints of at least two steps under "
    "`components.model-parameters-intermediate`.",
    bad=Example(
        "components:\n  model-parameters-intermediate:\n    files: [checkpoints]\n",
        {"checkpoints/step10/model.safetensors": "<safetensors w=2x3>"},
    ),
    good=Example(_COMPONENTS, _FILES),
    frameworks=(FrameworkElement(Framework.MOF, "I: Model parameters (Intermediate)"),),
)
def intermediate_checkpoints(release: Release) -> Outcome:
    """Weights of at least two steps."""
    return present(release, "model-parameters-intermediate")


@gate(
    code="CKP002",
    name="checkpoint-chain-missing",
    gates=Verdict.REPLAYABLE,
    title="a checkpoint chain that agrees with itself",
    rationale="A segment of training can be repeated when the checkpoint before it, the data "
    "between and the checkpoint after it are all there and fit together.",
    remedy="List the checkpoints under `checkpoints.entries`, each with step, parent, the range of "
    "data since its parent, and files; the last one holds the final weights.",
    bad=Example(_COMPONENTS, _FILES),
    good=Example(_COMPONENTS + _CHAIN, _FILES),
)
def checkpoint_chain(release: Release) -> Outcome:
    """At least two checkpoints, linked, without a contradiction, the last the final weights."""
    entries = release.description.checkpoints
    pointer = "checkpoints"
    if len(entries) < 2:
        listed = plural(len(entries), "checkpoint is", "checkpoints are")
        return met_if(False, f"{listed} listed; a chain has at least two", pointer=pointer)
    without = next((i for i, e in enumerate(entries) if e.step is None), None)
    if without is not None:
        reason = f"{entries[without].name} has no step"
        return met_if(False, reason, pointer=f"checkpoints.entries[{without}]")
    unlinked = next((i for i, e in enumerate(entries) if i and not e.parent), None)
    if unlinked is not None:
        reason = f"{entries[unlinked].name} names no parent"
        return met_if(False, reason, pointer=f"checkpoints.entries[{unlinked}]")
    if release.basis is Basis.DECLARATIONS:
        return MET
    for problem in chain_problems(release):
        pointer = f"checkpoints.entries[{problem.index}]"
        return met_if(False, f"the chain contradicts itself: {problem.message}", pointer=pointer)
    nowhere = next((i for i, e in enumerate(entries) if not e.files), None)
    if nowhere is not None:
        reason = f"{entries[nowhere].name} names no files of the release"
        return met_if(False, reason, pointer=f"checkpoints.entries[{nowhere}]")
    reason = final_checkpoint(release)
    return met_if(not reason, reason, pointer=f"checkpoints.entries[{len(entries) - 1}]")


@rule(
    code="CKP003",
    name="checkpoint-chain-broken",
    severity=Severity.ERROR,
    rationale="A step that comes after a later one, a parent that does not exist or data that "
    "overlaps says that the list was not made from the training it describes.",
    remedy="Correct the entry, or take it out.",
    bad=Example(_COMPONENTS + _CHAIN.replace("step: 20", "step: 5"), _FILES),
    good=Example(_COMPONENTS + _CHAIN, _FILES),
)
def broken_chain(rule: Rule, release: Release) -> Iterator[Finding]:
    """Entries that contradict others."""
    for problem in chain_problems(release):
        yield rule.finding(
            problem.message, location=release.location(f"checkpoints.entries[{problem.index}]")
        )
