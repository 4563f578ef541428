"""Checkpoints: the training as a chain that others can walk along."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.chain import chain_problems, copied_checkpoints, final_checkpoint
from manifest.lint.checkpoint_list import bulk_problems, listed_checkpoints
from manifest.lint.indexes import ProblemKind, problems_of
from manifest.lint.needs import MET, met_if, present
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, Rule, gate, rule
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict
from manifest.readers.checkpoint_index import read_index_bytes

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
    "checkpoints/step10/model.safetensors": "<safetensors w=2x3 of 1>",
    "checkpoints/step20/model.safetensors": "<safetensors w=2x3 of 2>",
    "model.safetensors": "<safetensors w=2x3 of 2>",
}
_COPIES = dict.fromkeys(_FILES, "<safetensors w=2x3 of 2>")


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
    "data since its parent, and files, or name them in bulk by `directories` or an `index` that "
    "give their steps; the last one holds the final weights.",
    bad=Example(_COMPONENTS, _FILES),
    good=Example(_COMPONENTS + _CHAIN, _FILES),
)
def checkpoint_chain(release: Release) -> Outcome:
    """At least two checkpoints, linked, without a contradiction, the last the final weights."""
    listed = listed_checkpoints(release).checkpoints
    if len(listed) < 2:
        number = plural(len(listed), "checkpoint is", "checkpoints are")
        return met_if(False, f"{number} listed; a chain has at least two", pointer="checkpoints")
    without = next((i for i, c in enumerate(listed) if c.step is None), None)
    if without is not None:
        reason = f"{printable(listed[without].name)} has no step"
        return met_if(False, reason, pointer=_pointer(release, without))
    unlinked = next((i for i, c in enumerate(listed) if i and not c.parent), None)
    if unlinked is not None:
        reason = f"{printable(listed[unlinked].name)} names no parent"
        return met_if(False, reason, pointer=_pointer(release, unlinked))
    if release.basis is Basis.DECLARATIONS:
        return MET
    for problem in chain_problems(release):
        pointer = _pointer(release, problem.index)
        return met_if(False, f"the chain contradicts itself: {problem.message}", pointer=pointer)
    for problem in copied_checkpoints(release):
        pointer = _pointer(release, max(problem.index, 0))
        return met_if(False, f"the chain is one of copies: {problem.message}", pointer=pointer)
    nowhere = next((i for i, c in enumerate(listed) if not c.files), None)
    if nowhere is not None:
        reason = f"{printable(listed[nowhere].name)} names no files of the release"
        return met_if(False, reason, pointer=_pointer(release, nowhere))
    reason = final_checkpoint(release)
    return met_if(not reason, reason, pointer=_pointer(release, len(listed) - 1))


def _pointer(release: Release, index: int) -> str:
    """The place of a checkpoint: its entry, or the section that names it with many others."""
    if index < len(release.description.checkpoints):
        return f"checkpoints.entries[{index}]"
    return "checkpoints"


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
    """Checkpoints that contradict others, or are named so that they cannot be told apart."""
    if problem := listed_checkpoints(release).problem:
        yield rule.finding(problem, location=release.location("checkpoints"))
    for found in chain_problems(release):
        location = release.location(_pointer(release, found.index))
        yield rule.finding(found.message, location=location)


@rule(
    code="CKP015",
    name="checkpoints-identical",
    severity=Severity.ERROR,
    rationale="Two checkpoints of different steps that hold the same weights are one checkpoint "
    "under two names: whoever repeats the segment between them finds nothing that was trained.",
    remedy="Publish the weights as they were at each step, or take the copies out.",
    bad=Example(_COMPONENTS + _CHAIN, _COPIES),
    good=Example(_COMPONENTS + _CHAIN, _FILES),
    of_files=True,
)
def identical(rule: Rule, release: Release) -> Iterator[Finding]:
    """Checkpoints of different steps of one stage whose weights are the same."""
    for problem in copied_checkpoints(release):
        listed = problem.index >= 0
        yield rule.finding(
            problem.message,
            location=release.location(f"checkpoints.entries[{problem.index}]")
            if listed
            else Location(problem.path),
        )


def _index(*rows: str, more: str = "") -> Example:
    """A release with an index of checkpoints, its heading left out here."""
    text = "".join(f"{row}\n" for row in ("Stage,Step,Tokens,URL", *rows))
    return Example(f"checkpoints:\n  index: checkpoints.csv\n{more}", {"checkpoints.csv": text})


def _row(step: int, *, tokens: int = 0, link: str = "", stage: int = 1) -> str:
    link = link or f"https://example.org/stage{stage}/step{step}/"
    return f"{stage},{step},{tokens or step * 64},{link}"


_STAGES = "training:\n  stages:\n    - {name: stage1, steps: 6400}\n"
_RIGHT = tuple(_row(step) for step in range(1000, 7000, 1000))


def _of_index(rule: Rule, release: Release, kind: ProblemKind) -> Iterator[Finding]:
    """The problems of one kind in the index that the description names."""
    path = release.description.fields.get("checkpoints", {}).get("index", "")
    if path not in release.paths:
        bulk = listed_checkpoints(release).checkpoints[len(release.description.checkpoints) :]
        for problem in bulk_problems(bulk):
            if problem.kind is kind:
                yield rule.finding(problem.message, location=release.location("checkpoints"))
        return
    finals = {
        str(stage["name"]): int(stage["steps"])
        for stage in release.description.training.get("stages", ())
        if "steps" in stage
    }
    try:
        data = read_index_bytes(release.source, path)
    except (DocumentError, UndecidedError) as error:
        if kind is ProblemKind.UNREADABLE:
            yield rule.finding(error.message, location=Location(path))
        return
    for problem in problems_of(data, path, finals):
        if problem.kind is kind:
            yield rule.finding(problem.message, location=Location(path, problem.line))


@rule(
    code="CKP004",
    name=ProblemKind.STEP.value,
    severity=Severity.ERROR,
    rationale="A row whose step is not the step of its link or branch hands out other weights than "
    "it says, and whoever repeats a segment of training starts at the wrong place.",
    remedy="Correct the step, or the link.",
    bad=_index(*_RIGHT[:-1], _row(6000, link="https://example.org/stage1/step5500/")),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_step(rule: Rule, release: Release) -> Iterator[Finding]:
    """Rows whose step, label and link do not name the same step."""
    return _of_index(rule, release, ProblemKind.STEP)


@rule(
    code="CKP005",
    name=ProblemKind.DUPLICATE.value,
    severity=Severity.ERROR,
    rationale="A checkpoint that is listed twice, or two that lead to the same place, leave open "
    "which is meant, and one may be missing in its place.",
    remedy="Take out the repeated row, or correct its link.",
    bad=_index(*_RIGHT, _RIGHT[-1]),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_duplicate(rule: Rule, release: Release) -> Iterator[Finding]:
    """Rows, steps and places that are listed a second time."""
    return _of_index(rule, release, ProblemKind.DUPLICATE)


@rule(
    code="CKP006",
    name=ProblemKind.ORDER.value,
    severity=Severity.ERROR,
    rationale="Among steps that rise from row to row, one that falls is a number mistyped or a row "
    "of another run.",
    remedy="Correct the step, or put the row in its place.",
    bad=_index(_RIGHT[0], _RIGHT[4], *_RIGHT[1:4], _RIGHT[5]),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_order(rule: Rule, release: Release) -> Iterator[Finding]:
    """Rows that break the order of all others."""
    return _of_index(rule, release, ProblemKind.ORDER)


@rule(
    code="CKP007",
    name=ProblemKind.TOKENS.value,
    severity=Severity.ERROR,
    rationale="Tokens seen are steps times the tokens of a batch. A row that departs from the rate "
    "of the others, or a stage that begins with the tokens its predecessor ended with, "
    "tells a false story of how much data was used.",
    remedy="Correct the tokens; they count what was seen up to that step.",
    bad=_index(*_RIGHT[:3], _row(4000, tokens=256_640), *_RIGHT[4:]),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_tokens(rule: Rule, release: Release) -> Iterator[Finding]:
    """Rows whose tokens are not what their step makes."""
    return _of_index(rule, release, ProblemKind.TOKENS)


@rule(
    code="CKP008",
    name=ProblemKind.STAGE.value,
    severity=Severity.ERROR,
    rationale="A row of one stage or ingredient that leads to another is another model at the same "
    "step.",
    remedy="Correct the stage, or the link.",
    bad=_index(*_RIGHT[:-1], _row(6000, link="https://example.org/stage2/step6000/")),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_stage(rule: Rule, release: Release) -> Iterator[Finding]:
    """Rows whose stage or ingredient is not that of their label or link."""
    return _of_index(rule, release, ProblemKind.STAGE)


@rule(
    code="CKP009",
    name=ProblemKind.UNREADABLE.value,
    severity=Severity.ERROR,
    rationale="A row that cannot be read is a checkpoint that nobody finds, and a sign that a "
    "program wrote the index wrongly.",
    remedy="Mend the row: one cell for each heading, whole numbers, a link.",
    bad=_index(*_RIGHT[:-1], "1,six,384000,https://example.org/stage1/step6000/"),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_unreadable(rule: Rule, release: Release) -> Iterator[Finding]:
    """Cells that are not numbers, rows with too few or too many cells, columns that are missing."""
    return _of_index(rule, release, ProblemKind.UNREADABLE)


@rule(
    code="CKP010",
    name=ProblemKind.GAP.value,
    severity=Severity.ADVICE,
    rationale="A step that a regular cadence asks for and that is not there may have been lost.",
    remedy="Publish the checkpoint, or say in the description why it is not there.",
    bad=_index(*_RIGHT[:4], _RIGHT[5]),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_gap(rule: Rule, release: Release) -> Iterator[Finding]:
    """Steps that are missing from a regular cadence."""
    return _of_index(rule, release, ProblemKind.GAP)


@rule(
    code="CKP011",
    name=ProblemKind.END.value,
    severity=Severity.ERROR,
    rationale="An index that ends before training did leaves out the checkpoint that the final "
    "weights are.",
    remedy="Add the final checkpoint, or correct the number of steps.",
    bad=_index(*_RIGHT, more=_STAGES),
    good=_index(*_RIGHT, _row(6400), more=_STAGES),
    of_files=True,
)
def index_end(rule: Rule, release: Release) -> Iterator[Finding]:
    """Stages that go on, as the description says, after the last row of the index."""
    return _of_index(rule, release, ProblemKind.END)


@rule(
    code="CKP012",
    name=ProblemKind.MAYBE_END.value,
    severity=Severity.ADVICE,
    rationale="Training seldom ends at a multiple of the cadence. An index that does may leave out "
    "the final checkpoint; only the number of steps can tell.",
    remedy="Give `training.stages` with the steps of each stage, and list the final checkpoint.",
    bad=_index(*(_row(step) for step in range(1000, 13000, 1000))),
    good=_index(*(_row(step) for step in range(1000, 13000, 1000)), _row(12_345)),
    of_files=True,
)
def index_maybe_end(rule: Rule, release: Release) -> Iterator[Finding]:
    """Indexes that may end before training did."""
    return _of_index(rule, release, ProblemKind.MAYBE_END)


@rule(
    code="CKP013",
    name=ProblemKind.LINK.value,
    severity=Severity.ADVICE,
    rationale="Among links to one place, one to another host or directory may lead to another "
    "model.",
    remedy="Look at the link; correct it if it is not what you mean.",
    bad=_index(*_RIGHT[:-1], _row(6000, link="http://example.net/stage1/step6000/")),
    good=_index(*_RIGHT),
    of_files=True,
)
def index_link(rule: Rule, release: Release) -> Iterator[Finding]:
    """Links that are not like those of other rows, or not sound."""
    return _of_index(rule, release, ProblemKind.LINK)
