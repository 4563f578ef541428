"""Reproducibility: what a second run needs to come out like the first."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.findings import Finding, Severity
from manifest.lint.checkpoint_list import listed_chunks
from manifest.lint.commands import command_problem
from manifest.lint.environment import lock_problem
from manifest.lint.examples import CODE
from manifest.lint.needs import MET, met_if, present
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, Rule, gate, rule
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Status, Verdict

# A program that a command starts: a relative path with the suffix of a script.
_PROGRAM = re.compile(r"(?<![\w/.$}~-])(?:\./)?((?:[\w.-]+/)*[\w.-]+\.(?:py|sh|ipynb))(?![\w/.-])")
_RECIPE = "optimizer: adamw\nlearning_rate: 0.001\nsteps: 400\n"


@gate(
    code="REP001",
    name="training-settings-missing",
    gates=Verdict.OPEN_SOURCE,
    title="the settings of the training",
    rationale="The Open Source AI Definition asks for training code with its arguments and "
    "settings: hyperparameters are half of the method.",
    remedy="Publish the training's configuration under `components.training-configuration`, or "
    "write every hyperparameter under `training.hyperparameters`.",
    bad=Example("training:\n  hardware: one processor\n"),
    good=Example(
        "components:\n  training-configuration:\n    files: [recipe.yaml]\n",
        {"recipe.yaml": _RECIPE},
    ),
    frameworks=(FrameworkElement(Framework.OSAID, "code: training settings"),),
)
def settings(release: Release) -> Outcome:
    """A recipe among the files, or hyperparameters in the description."""
    if len(release.description.training.get("hyperparameters", {})) > 1:
        return MET
    return present(release, "training-configuration")


@gate(
    code="REP002",
    name="training-command-missing",
    gates=Verdict.REPLAYABLE,
    title="the command that repeats the training",
    rationale="Code and configuration leave open how they were started.",
    remedy="Write the command, as run in the release directory, under `training.command`: one that "
    "starts a script, a module or a target of the release.",
    bad=Example('training:\n  command: "true"\n'),
    good=Example(
        "training:\n  command: torchrun -m sparrow.train --config recipe.yaml\n",
        {"sparrow/train.py": CODE["training-code"], "recipe.yaml": _RECIPE},
    ),
)
def command(release: Release) -> Outcome:
    """A command is given, and starts something that the release has."""
    given = str(release.description.training.get("command", ""))
    reason = command_problem(release, given)
    pointer = "training.command" if given else "training"
    return met_if(not reason, reason, pointer=pointer)


@gate(
    code="REP003",
    name="seeds-missing",
    gates=Verdict.REPLAYABLE,
    title="every seed",
    rationale="Training is random by design: with another seed it ends in another model.",
    remedy="Write every seed under `training.seeds`, by what it seeds.",
    bad=Example("training:\n  command: torchrun -m sparrow.train\n"),
    good=Example("training:\n  seeds: {initialization: 7, data_order: 8}\n"),
)
def seeds(release: Release) -> Outcome:
    """Seeds are given."""
    given = bool(release.description.training.get("seeds"))
    return met_if(given, "no seeds are given under training.seeds", pointer="training")


@gate(
    code="REP004",
    name="environment-not-pinned",
    gates=Verdict.REPLAYABLE,
    title="a pinned environment",
    rationale="Another version of a library is enough to end in other weights.",
    remedy="Publish a lock file and name it under `training.environment.lockfile`, or name the "
    "container image by digest under `training.environment.container`.",
    bad=Example("training:\n  environment: {description: Python 3.11 and a recent PyTorch}\n"),
    good=Example(
        "training:\n  environment: {lockfile: requirements.lock}\n",
        {"requirements.lock": "numpy==2.3.4 --hash=sha256:" + "0" * 64 + "\n"},
    ),
)
def environment(release: Release) -> Outcome:
    """A lock file among the files that is one, or an image by digest."""
    fields = release.description.training.get("environment", {})
    lockfile, container = str(fields.get("lockfile", "")), fields.get("container", {})
    if container.get("digest"):
        return MET
    pointer = "training.environment"
    if not lockfile:
        nothing = "neither a lock file nor an image by digest is given under training.environment"
        return met_if(False, nothing, pointer=pointer)
    if release.basis is Basis.DECLARATIONS:
        return MET
    named = f"training.environment.lockfile names {printable(lockfile)}, which"
    if not any(f.path == lockfile and f.size for f in release.source.files):
        return met_if(False, f"{named} is not there or empty", pointer=pointer)
    try:
        problem = lock_problem(release, lockfile)
    except UndecidedError as error:
        return Outcome(Status.UNDECIDED, f"{named} cannot be read: {error.message}", "", pointer)
    return met_if(not problem, f"{named} {problem}", pointer=pointer)


@gate(
    code="REP005",
    name="data-order-missing",
    gates=Verdict.REPLAYABLE,
    title="the order of the data",
    rationale="The order in which a model sees its data decides where training ends, and it is "
    "what links a checkpoint to the data behind it.",
    remedy="Publish which records went into which step, under `components.data-order`; or the chunks "
    "of data between checkpoints, each with its SHA-256, under `checkpoints.chunks`.",
    bad=Example("data:\n  processing: Shuffled.\n"),
    good=Example(
        "components:\n  data-order:\n    files: [order.csv]\n",
        {"order.csv": "step,record\n0,17\n1,4\n"},
    ),
)
def data_order(release: Release) -> Outcome:
    """Rows that say what was seen when, or chunks by digest that say what each checkpoint saw."""
    path = release.description.fields.get("checkpoints", {}).get("chunks", "")
    if release.holds("data-order") or not path:
        return present(release, "data-order")
    if release.basis is Basis.DECLARATIONS:
        return MET
    chunks = listed_chunks(release)
    pointer = "checkpoints.chunks"
    if not chunks:
        return met_if(
            False, f"{printable(path)} is no chunk index that can be read", pointer=pointer
        )
    vague = sum(not chunk.sha256 or not (chunk.checkpoint or chunk.step) for chunk in chunks)
    of = f"of {vague:,} of {len(chunks):,} chunks {printable(path)} does not say"
    reason = f"{of} the SHA-256 and the checkpoint or step that they led to"
    return met_if(not vague, reason, pointer=pointer)


@gate(
    code="REP006",
    name="nondeterminism-not-named",
    gates=Verdict.REPLAYABLE,
    title="the sources of nondeterminism",
    rationale="Kernels that add in another order, loaders that race: two runs with the same seeds "
    "may differ. Whoever repeats one must know whether a difference is a finding.",
    remedy="List them under `training.nondeterminism`; an empty list says that there are none.",
    bad=Example("training:\n  seeds: {initialization: 7}\n"),
    good=Example("training:\n  nondeterminism: [Attention on GPUs adds in any order.]\n"),
)
def nondeterminism(release: Release) -> Outcome:
    """Sources of nondeterminism are named, or said to be none."""
    return met_if(
        "nondeterminism" in release.description.training,
        "nothing is said under training.nondeterminism",
        pointer="training",
    )


@rule(
    code="REP007",
    name="command-starts-missing-file",
    severity=Severity.WARNING,
    rationale="A command that starts a file which is not in the release repeats nothing.",
    remedy="Publish the file, or write the command as it is run in the release directory.",
    bad=Example("training:\n  command: python train.py --steps 400\n"),
    good=Example(
        "training:\n  command: python train.py --steps 400\n",
        {"train.py": "for step in range(400):\n    print(step)\n"},
    ),
    of_files=True,
)
def command_files(rule: Rule, release: Release) -> Iterator[Finding]:
    """Programs that the training command starts and that no file of the release is."""
    command_ = str(release.description.training.get("command", ""))[:10_000]
    for name in dict.fromkeys(_PROGRAM.findall(command_)):
        there = any(p == name or p.endswith(f"/{name}") for p in release.paths)
        # Code that lies in a pinned repository is not among the files.
        elsewhere = any(c.spec.references for c in release.of_kind("training-code"))
        if not there and not elsewhere:
            yield rule.finding(
                f"training.command starts {printable(name)}, which is not in the release",
                location=release.location("training.command"),
            )
