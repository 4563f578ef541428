"""Training: the settings, the strategy, what it took, and what went wrong along the way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.findings import Finding, Severity
from manifest.lint.reading import texts
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.training_values import said_settings
from manifest.lint.verdict import Framework, FrameworkElement

_SETTINGS = FrameworkElement(Framework.OSAID, "code: training settings")
_ANNEX = "Annex XI 1(2)"

# Each topic by the last part of a setting's path, and by the section that it stands in.
_TOPICS: dict[str, re.Pattern[str]] = {
    "the learning rate": re.compile(
        r"(^|[._])(lr|learning_rate|step_size|eta)([._]|$)|(^|\.)schedule\.\w*(peak|max|start|end|value)"
    ),
    "the batch size": re.compile(r"batch"),
    "the length in steps, tokens or epochs": re.compile(
        r"(^|\.|[\]]\.)((max|num|total|train|training|n)_?(train_?)?)*"
        r"(steps|iters|iterations|epochs|tokens|duration|updates)$|stop_at$|max_duration"
    ),
    "the precision": re.compile(r"precision|dtype|(^|[._])(bf16|fp16|fp32|tf32|fp8|amp)([._]|$)"),
}
_OPTIMIZER = re.compile(r"optim|(^|[._])(adam\w*|sgd|muon|lion|adafactor|shampoo)([._]|$)")
_OPTIMIZER_SETTING = re.compile(
    r"beta|(^|[._])(adam)?eps(ilon)?$|weight_decay|(^|\.)decay$|momentum|adam_|nesterov|rho$"
)
_SCHEDULE = re.compile(r"sched|warm_?up|anneal|cosine|lr_decay|decay_steps|decay_frac|cooldown")
_COMPUTE = re.compile(r"flops|(device|gpu|tpu|accelerator)_?hours")
_ENERGY = re.compile(
    r"\benergy\b|\bkWh\b|\bMWh\b|\bGWh\b|\bCO2|CO₂|carbon|\bemissions\b", re.IGNORECASE
)

_FULL = """training:
  hyperparameters: {learning_rate: 0.001, batch_size: 32, steps: 400}
  precision: bf16
  optimizer: {name: adamw, beta1: 0.9, beta2: 0.95, weight_decay: 0.1}
  schedule: {kind: cosine, warmup_steps: 20}
  hardware: eight accelerators of one kind
  compute_flops: 8.0e+18
  energy_kwh: 12
  incidents: []
"""


def _without(line: str) -> Example:
    start = _FULL.index(f"  {line}")
    return Example(_FULL[:start] + _FULL[_FULL.index("\n", start) + 1 :])


@rule(
    code="TRN001",
    name="hyperparameters-incomplete",
    severity=Severity.ADVICE,
    rationale="Training code without its settings is half a method: whoever repeats it has to "
    "guess the other half, and ends in another model.",
    remedy="Write what is missing under `training.hyperparameters` or `training.precision`, or "
    "into the published configuration.",
    bad=_without("precision"),
    good=Example(_FULL),
    frameworks=(_SETTINGS, FrameworkElement(Framework.EU, f"{_ANNEX}(b): design of the training")),
    of_files=True,
)
def hyperparameters(rule: Rule, release: Release) -> Iterator[Finding]:
    """Settings of which some are given, and some of those that every training has are not."""
    said = said_settings(release)
    lacking = [topic for topic, words in _TOPICS.items() if not any(map(words.search, said))]
    # Where nothing at all is said, that is told once, elsewhere.
    if lacking and len(lacking) < len(_TOPICS):
        yield rule.finding(
            f"nothing says {_listed(lacking)} of the training",
            location=release.location("training"),
        )


@rule(
    code="TRN002",
    name="optimisation-strategy-missing",
    severity=Severity.ADVICE,
    rationale="Optimizer, schedule and stages are where most of the craft of training lies, and "
    "what open-weight releases keep to themselves.",
    remedy="Write the optimizer with its settings under `training.optimizer`, the schedule under "
    "`training.schedule`, and the stages under `training.stages`; or publish the configuration.",
    bad=_without("schedule"),
    good=Example(_FULL),
    frameworks=(
        _SETTINGS,
        FrameworkElement(Framework.EU, f"{_ANNEX}(b): methodologies and techniques"),
    ),
    of_files=True,
)
def strategy(rule: Rule, release: Release) -> Iterator[Finding]:
    """An optimizer without settings, or none; a learning rate without a schedule."""
    said = said_settings(release)
    lacking = []
    if not any(map(_OPTIMIZER.search, said)):
        lacking.append("the optimizer")
    elif not any(map(_OPTIMIZER_SETTING.search, said)):
        lacking.append("the optimizer's settings")
    if not any(map(_SCHEDULE.search, said)):
        lacking.append("the schedule of the learning rate")
    if lacking:
        yield rule.finding(
            f"nothing says {_listed(lacking)}", location=release.location("training")
        )


@rule(
    code="TRN006",
    name="interventions-not-recorded",
    severity=Severity.ADVICE,
    rationale="Restarts, spikes, a filter corrected halfway: what went wrong and what was done "
    "about it is the part of training that others learn most from.",
    remedy="List them under `training.incidents`; an empty list says that there were none.",
    bad=_without("incidents"),
    good=Example(_FULL),
)
def interventions(rule: Rule, release: Release) -> Iterator[Finding]:
    """A training of which nobody says whether anything went wrong."""
    if "incidents" not in release.description.training:
        yield rule.finding(
            "nothing says whether anything went wrong in training: there is no training.incidents",
            location=release.location("training"),
        )


@rule(
    code="TRN007",
    name="resources-not-said",
    severity=Severity.ADVICE,
    rationale="What a training took, in hardware, compute and energy, says who could repeat it, "
    "what it cost the world, and which duties the law attaches.",
    remedy="Write `training.hardware`, `training.compute_flops` or `device_hours`, and "
    "`training.energy_kwh`; that energy was not measured may be said in the card.",
    bad=_without("energy_kwh"),
    good=Example(_FULL),
    frameworks=(
        FrameworkElement(Framework.EU, f"{_ANNEX}(d): computational resources"),
        FrameworkElement(Framework.EU, f"{_ANNEX}(e): energy consumption"),
        FrameworkElement(Framework.INDEX, "hardware and architecture"),
    ),
    of_files=True,
)
def resources(rule: Rule, release: Release) -> Iterator[Finding]:
    """Hardware, compute or energy that neither description, configuration nor card tells of."""
    training = release.description.training
    said = said_settings(release)
    lacking = []
    if not (training.get("hardware") or any("hardware" in name for name in said)):
        lacking.append("the hardware")
    if not any(map(_COMPUTE.search, said)):
        lacking.append("the compute")
    if "energy_kwh" not in training and not _energy_told(release, said):
        lacking.append("the energy")
    if lacking:
        yield rule.finding(
            f"nothing says {_listed(lacking)} that the training took",
            location=release.location("training"),
        )


def _energy_told(release: Release, said: frozenset[str]) -> bool:
    if any("energy" in name for name in said):
        return True
    documents = texts(release, "model-card", "technical-report", "research-paper")
    return any(_ENERGY.search(text) for _, text in documents)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
