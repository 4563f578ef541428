"""The run: do stages, logs and recipes tell of the same one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.checkpoint_list import listed_checkpoints
from manifest.lint.needs import present
from manifest.lint.reading import recipes
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.training_values import contradictions, steps_said
from manifest.lint.verdict import Framework, FrameworkElement
from manifest.readers.training_log import read_training_log

_TOLERANCE = 0.01
_COVERED = 0.95
_MAX_LOGS = 32
_SETTINGS = FrameworkElement(Framework.OSAID, "code: training settings")

_STAGES = """training:
  hyperparameters: {steps: 400}
  stages:
    - {name: stable, steps: 300, tokens: 7200, batch_tokens: 24}
    - {name: decay, steps: 100, tokens: 2400, batch_tokens: 24}
"""
_LOGS = "components:\n  training-logs:\n    files: [log.jsonl]\ntraining:\n  stages:\n"
_LOGS += "    - {name: only, steps: 400}\n"
_RECIPE = "components:\n  training-configuration:\n    files: [recipe.yaml]\ntraining:\n"


@rule(
    code="TRN003",
    name="stages-do-not-add-up",
    severity=Severity.ERROR,
    rationale="Steps times tokens per step is the number of tokens. Where the three disagree, one "
    "of them is wrong, and with it the place of every checkpoint.",
    remedy="Correct the number that is wrong; `tokens` and `batch_tokens` count tokens, not "
    "sequences.",
    bad=Example(_STAGES.replace("tokens: 2400", "tokens: 3000")),
    good=Example(_STAGES),
    frameworks=(_SETTINGS,),
)
def stages(rule: Rule, release: Release) -> Iterator[Finding]:
    """Stages whose steps times batch are not their tokens, or whose steps are not the run's."""
    training = release.description.training
    total = 0
    entries = training.get("stages", ())
    for index, stage in enumerate(entries):
        steps, batch, tokens = (stage.get(k) for k in ("steps", "batch_tokens", "tokens"))
        total += steps or 0
        if steps and batch and tokens and not _near(steps * batch, tokens):
            yield rule.finding(
                f"the stage {printable(str(stage.get('name', '')))} has {steps:,} steps of "
                f"{batch:,} tokens, which is {steps * batch:,}; it says {tokens:,}",
                location=release.location(f"training.stages[{index}].tokens"),
            )
    said = training.get("hyperparameters", {})
    whole = next((said[k] for k in ("steps", "total_steps", "max_steps") if k in said), None)
    if entries and all(s.get("steps") for s in entries):
        number = _number(whole)
        if number and not _near(total, number):
            yield rule.finding(
                f"the stages' steps sum to {total:,}; the hyperparameters say {number:,.0f}",
                location=release.location("training.stages"),
            )


def _near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_TOLERANCE)


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


@rule(
    code="TRN004",
    name="logs-cut-short",
    severity=Severity.WARNING,
    rationale="A log that ends before the training does hides how it ended; one that begins in the "
    "middle hides what came before.",
    remedy="Publish the log of the whole run, or correct the number of steps.",
    bad=Example(_LOGS, {"log.jsonl": '{"step": 1, "loss": 3.1}\n{"step": 2, "loss": 3.0}\n'}),
    good=Example(_LOGS, {"log.jsonl": '{"step": 1, "loss": 3.1}\n{"step": 400, "loss": 2.0}\n'}),
    of_files=True,
)
def logs_cover(rule: Rule, release: Release) -> Iterator[Finding]:
    """Logs that, all together, do not reach from the run's beginning to its end."""
    wanted = steps_said(release)
    paths = [p for c in release.of_kind("training-logs") for p in c.inspection.accepted]
    if not wanted or not paths or len(paths) > _MAX_LOGS:
        return
    logs = []
    for path in paths:
        try:
            logs.append(read_training_log(release.source, path))
        except (DocumentError, UndecidedError):
            if not path.endswith(".json"):
                return  # what it covers cannot be known
    if not logs:
        return
    first, last = min(x.first_step for x in logs), max(x.last_step for x in logs)
    end = min(wanted)
    path = max(logs, key=lambda x: x.last_step).path
    if last < _COVERED * end:
        yield rule.finding(
            f"the training logs end at step {last:,}; the run has {end:,} steps",
            location=Location(path),
        )
    elif first > (1 - _COVERED) * end + 1 and len(wanted) == 1:
        yield rule.finding(
            f"the training logs begin at step {first:,} of {end:,}", location=Location(path)
        )


@rule(
    code="TRN005",
    name="training-logs-missing",
    severity=Severity.ADVICE,
    rationale="The curve of the loss shows how a training went: spikes, restarts, a plateau. "
    "Final numbers show none of it.",
    remedy="Publish the log with the loss of every step that was logged, under "
    "`components.training-logs`.",
    bad=Example("components:\n  training-logs:\n    withheld: {reason: They were not kept.}\n"),
    good=Example(
        "components:\n  training-logs:\n    files: [log.jsonl]\n",
        {"log.jsonl": '{"step": 1, "loss": 3.1}\n{"step": 2, "loss": 3.0}\n'},
    ),
)
def logs_there(rule: Rule, release: Release) -> Iterator[Finding]:
    """A release without logs of its training."""
    outcome = present(release, "training-logs")
    if not outcome.met:
        yield rule.finding(
            outcome.reason,
            location=release.location(outcome.pointer),
            component=outcome.component,
        )


@rule(
    code="TRN008",
    name="description-contradicts-recipe",
    severity=Severity.ERROR,
    rationale="The recipe is what ran. A description with other numbers sends whoever repeats the "
    "training down another path, and makes every other number doubtful.",
    remedy="Correct the description, or publish the recipe that was used.",
    bad=Example(
        _RECIPE + "  optimizer: {name: adamw, weight_decay: 0.1}\n",
        {"recipe.yaml": "optimizer:\n  name: adamw\n  weight_decay: 0.01\nlearning_rate: 0.001\n"},
    ),
    good=Example(
        _RECIPE + "  optimizer: {name: adamw, weight_decay: 0.01}\n",
        {"recipe.yaml": "optimizer:\n  name: adamw\n  weight_decay: 0.01\nlearning_rate: 0.001\n"},
    ),
    frameworks=(_SETTINGS,),
    of_files=True,
)
def contradicted(rule: Rule, release: Release) -> Iterator[Finding]:
    """Settings and seeds of the description that no published recipe agrees with."""
    for said, other in contradictions(release):
        yield rule.finding(
            f"{said.place} says {said.field} is {said.number:g}; {other.place} says "
            f"{printable(other.field)} is {other.number:g}",
            location=release.location(said.field),
        )
    yield from _seeds(rule, release)


def _seeds(rule: Rule, release: Release) -> Iterator[Finding]:
    """Seeds of a recipe of which the description has none."""
    said = set(release.description.training.get("seeds", {}).values())
    read = [r for r in recipes(release) if r.seeds]
    if release.basis is Basis.DECLARATIONS or not said or not read:
        return
    if any(said & set(r.seeds.values()) for r in read):
        return
    recipe = read[0]
    pointer, seed = next(iter(recipe.seeds.items()))
    line = next((s.line for s in recipe.settings if s.pointer == pointer), None)
    place = f"{printable(recipe.path)}{f':{line}' if line else ''}"
    where = release.description.line("training.seeds")
    yield rule.finding(
        f"{release.origin}{f':{where}' if where else ''} gives {plural(len(said), 'seed')}, "
        f"{', '.join(str(n) for n in sorted(said)[:4])}; {place} says {printable(pointer)} is {seed}",
        location=release.location("training.seeds"),
    )


_INCIDENTS = (
    "training:\n  hyperparameters: {steps: 400}\n  incidents:\n    - {what: a spike, step: "
)


@rule(
    code="TRN009",
    name="incident-outside-the-run",
    severity=Severity.WARNING,
    rationale="An incident at a step that the training never reached, or in a stage that it does not "
    "have, is of another training: whoever looks for it in the logs looks in vain.",
    remedy="Correct the step or the stage of the incident, or the length of the run.",
    bad=Example(_INCIDENTS + "4000}\n"),
    good=Example(_INCIDENTS + "40}\n"),
    frameworks=(_SETTINGS,),
)
def incidents(rule: Rule, release: Release) -> Iterator[Finding]:
    """Incidents after the last step that anything tells of, or in stages that nothing names."""
    training = release.description.training
    named = {str(s.get("name", "")) for s in training.get("stages", ())}
    reached = max([*steps_said(release), *_checkpoint_steps(release)], default=0)
    for index, incident in enumerate(training.get("incidents", ())):
        pointer = f"training.incidents[{index}]"
        stage, step = str(incident.get("stage", "")), incident.get("step", 0)
        if stage and named and stage not in named:
            yield rule.finding(
                f"an incident is in the stage {printable(stage)}, which training.stages does not have",
                location=release.location(f"{pointer}.stage"),
            )
        if reached and step > reached:
            yield rule.finding(
                f"an incident is at step {step:,}; the run has {reached:,} steps",
                location=release.location(f"{pointer}.step"),
            )


def _checkpoint_steps(release: Release) -> Iterator[int]:
    return (c.step for c in listed_checkpoints(release).checkpoints if c.step is not None)
