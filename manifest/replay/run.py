"""The repetition of a segment from beginning to end (spec/replay.md).

`prepare` decides what would be run and where, and touches nothing; `replay` does it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from manifest.build.segments import Segment
from manifest.display import printable
from manifest.document.manifest_file import Manifest, ManifestFile
from manifest.document.replay import ReplayRecipe, fill, replay_recipe
from manifest.errors import NotTrustedError, UndecidedError, UsageError
from manifest.inventory import Algorithm, Hashed, Progress, hash_files, walk
from manifest.readers.checkpoint_index import read_index_bytes
from manifest.readers.chunk_index import Chunk, parse_chunk_index
from manifest.records import record
from manifest.replay.comparison import (
    Comparison,
    FileResult,
    Result,
    compare_files,
    compare_tensors,
)
from manifest.replay.copying import Release, copy_verified, place_of
from manifest.replay.interpreter import Interpreter
from manifest.replay.output import make_harmless, remove_all
from manifest.replay.parts import Parts, parts_of
from manifest.replay.running import Ended, Limits, run_bare, run_sandboxed
from manifest.replay.sandbox import OUTPUT, RELEASE, ROOTS, Sandbox, fixed_variables
from manifest.sources import Source
from manifest.sources.directory import DirectorySource

__all__ = ["Outcome", "Plan", "prepare", "recipe_of", "replay"]


@record(frozen=True, slots=True)
class Plan:
    """What is to be run for one segment.

    Attributes:
        segment: The segment.
        parts: Its files.
        recipe: How it is repeated.
        command: The program and its arguments, as they are run.
        variables: Its whole environment.
        interpreter: The Python that stands for ``{python}``.
        sandbox: Where it runs; None for nowhere but this machine.
        place: The directory for copies, output and log.
        limits: What it may use.
    """

    segment: Segment
    parts: Parts
    recipe: ReplayRecipe
    command: tuple[str, ...]
    variables: Mapping[str, str]
    interpreter: Interpreter
    sandbox: Sandbox | None
    place: Path
    limits: Limits

    @property
    def output(self) -> Path:
        """The directory that the command writes to."""
        return self.place / "output"


@record(frozen=True, slots=True)
class Outcome:
    """What became of one segment.

    Attributes:
        plan: What was run.
        ended: How it ended.
        comparison: What came out against what was published; None when the command failed.
        removed: What was taken away of its output, as links.
        idle: Whether the checkpoint that the segment begins with lies within the tolerance too, so
            that the tolerance shows nothing.
    """

    plan: Plan
    ended: Ended
    comparison: Comparison | None = None
    removed: tuple[str, ...] = ()
    idle: bool = False

    @property
    def result(self) -> Result | None:
        """The result; None when there is none, because the command failed or nothing is shown."""
        return None if self.comparison is None or self.idle else self.comparison.result


def recipe_of(manifest: Manifest) -> ReplayRecipe:
    """How a release says that its segments are repeated.

    Raises:
        UsageError: It does not say.
    """
    recipe = replay_recipe(manifest.description())
    if recipe is None:
        raise UsageError(
            "the release does not say how a segment of its training is repeated",
            remedy="its publisher can: training.replay in release.yaml (spec/replay.md)",
        )
    return recipe


def prepare(
    release: Release,
    manifest: Manifest,
    segment: Segment,
    *,
    interpreter: Interpreter,
    sandbox: Sandbox | None,
    place: Path,
    limits: Limits,
) -> Plan:
    """Decide what would be run for a segment, and where. Nothing is written and nothing run.

    Raises:
        UsageError: The recipe or a checkpoint does not allow it, or the sandbox would show what it
            must hide.
        UndecidedError: The chunk index cannot be read.
        DocumentError: It is not one.
    """
    recipe = recipe_of(manifest)
    parts = parts_of(manifest, recipe, segment, _chunks(release, manifest))
    _refuse_copies(segment, parts)
    if sandbox is not None:
        sandbox.refuse_to_show([*release.places.values(), place, *_targets(release, parts)])
    inputs = place / "inputs"
    seen = (RELEASE, ROOTS) if sandbox else (str(inputs / "release"), str(inputs / "roots"))
    root, directory = parts.checkpoint_directory
    top = f"{seen[1]}/{root}" if root else seen[0]
    values = {
        "python": interpreter.path,
        "checkpoint": f"{top}/{directory}".rstrip("/"),
        "output": OUTPUT if sandbox else str(place / "output"),
        "from_step": _step(segment.start.step),
        "to_step": _step(segment.end.step),
        "from_name": segment.start.name,
        "to_name": segment.end.name,
        "data": segment.data,
        **{f"seed.{name}": str(seed) for name, seed in recipe.seeds.items()},
    }
    own = fixed_variables() if sandbox else fixed_variables(str(place / "temporary"))
    return Plan(
        segment,
        parts,
        recipe,
        tuple(fill(word, values) for word in recipe.command),
        {**own, **recipe.variables},
        interpreter,
        sandbox,
        place,
        limits,
    )


def _refuse_copies(segment: Segment, parts: Parts) -> None:
    """Refuse a segment whose result is in the hands of the command already: to copy would do."""
    given = {file.sha256 for file in segment.start.files}
    if parts.expected and all(file.sha256 in given for file in parts.expected.values()):
        start, end = (printable(name) for name in segment.names)
        raise UsageError(
            f"nothing can be learnt from {start} to {end}: every file of {end} that is compared "
            f"is one of {start} too, byte for byte",
            remedy="its publisher can name weights in training.replay.compare (spec/replay.md)",
        )


def _step(step: int | None) -> str:
    return "" if step is None else str(step)


def _targets(release: Release, parts: Parts) -> Iterator[Path]:
    """Where the expected files really lie: in a hub cache their names are links."""
    for file in parts.expected.values():
        if file.root in release.places:
            yield Path(os.path.realpath(release.places[file.root] / file.path))


def _chunks(release: Release, manifest: Manifest) -> tuple[Chunk, ...]:
    """The chunk index of a release, which must be the one that its manifest lists."""
    path = manifest.release.get("checkpoints", {}).get("chunks")
    if path is None:
        return ()
    file = next((f for f in manifest.files if f.full_path == path and not f.root), None)
    if file is None:
        raise UndecidedError(f"{printable(path)} is not in the release directory")
    tree = release.tree("")
    data = read_index_bytes(DirectorySource.of(tree), path)
    found = hash_files(tree, [path])[0]
    if found.ranges() != (file.sha256,):
        raise UndecidedError(f"{printable(path)} is not the file that the manifest lists")
    return parse_chunk_index(data, path)


def replay(
    plan: Plan,
    release: Release,
    *,
    progress: Progress | None = None,
    told: Callable[[str], None] | None = None,
) -> Outcome:
    """Copy what the segment needs, run its command, and compare what comes out.

    What fails in the command is in the outcome, not raised. The copies are removed again, and so
    is what a command left that failed or was stopped.

    Args:
        plan: What to run.
        release: Where its files lie.
        progress: Told of the bytes that were copied.
        told: Told what is being done.

    Raises:
        BytesDifferError: A file is not what the manifest lists; nothing was run.
        UndecidedError: Something cannot be read or written, or there is no sandbox here.
        UsageError: A named root is needed that was not given.
    """
    tell = told or (lambda _: None)
    inputs = plan.place / "inputs"
    try:
        for directory in (inputs / "release", plan.output, plan.place / "temporary"):
            directory.mkdir(parents=True)
        tell("copying and checking what the segment needs")
        copy_verified(release, plan.parts.given, inputs, progress=progress)
        tell(f"repeating {printable(' to '.join(plan.segment.names))}")
        ended = _run(plan, inputs)
        (plan.place / "log.txt").write_text(_readable(ended.log), encoding="utf-8")
        if ended.status != 0:
            remove_all(plan.output)
            return Outcome(plan, ended)
        removed = make_harmless(plan.output)
        tell("comparing")
        published = _Published(release, plan.place / "published")
        comparison = _compare(plan, release, published)
        idle = comparison.result is Result.WITHIN_TOLERANCE and _idle(
            plan, published, inputs, comparison
        )
        return Outcome(plan, ended, comparison, removed, idle)
    except OSError as error:
        raise UndecidedError(
            f"{printable(str(error.filename or plan.place))} cannot be written: {error.strerror}",
            remedy="make room or give permission, then run the command again",
        ) from None
    finally:
        for directory in (inputs, plan.place / "temporary", plan.place / "published"):
            shutil.rmtree(directory, ignore_errors=True)


def _run(plan: Plan, inputs: Path) -> Ended:
    if plan.sandbox is None:
        return run_bare(
            plan.command,
            directory=inputs / "release",
            output=plan.output,
            variables=plan.variables,
            limits=plan.limits,
        )
    return run_sandboxed(
        plan.sandbox,
        plan.command,
        inputs=inputs,
        output=plan.output,
        variables=plan.variables,
        limits=plan.limits,
    )


def _readable(log: bytes) -> str:
    """A log without anything that a terminal could take for an order."""
    return "".join(f"{printable(line)}\n" for line in log.splitlines())


class _Published:
    """The published checkpoint's files, copied and verified when their bytes are asked for."""

    def __init__(self, release: Release, directory: Path) -> None:
        self._release = release
        self._directory = directory

    def __call__(self, file: ManifestFile) -> tuple[Source, str]:
        if not (self._directory / place_of(file)).exists():
            copy_verified(self._release, [file], self._directory)
        return DirectorySource(self._directory), place_of(file)


def _refuse_contradiction(
    found: Hashed, file: ManifestFile | None, algorithms: Iterable[Algorithm]
) -> None:
    """Refuse a manifest whose digests of a file do not agree on what came out."""
    if file is None or found.problem is not None:
        return
    agree = {each: found.digest(each) == getattr(file, each.value) for each in algorithms}
    if len(set(agree.values())) > 1:
        raise NotTrustedError(
            f"what was signed binds different bytes of {printable(file.full_path)} by "
            f"{' and by '.join(each.value for each in agree)}",
            remedy="ask the publisher to build and sign again",
        )


def _compare(plan: Plan, release: Release, published: _Published) -> Comparison:
    tree = walk(plan.output, not_covered=frozenset())
    if tree.oddities:
        raise UndecidedError(f"the output cannot be read: {tree.oddities[0].describe()}")
    hashed = hash_files(tree, algorithms=release.algorithms)
    for one in hashed:
        _refuse_contradiction(one, plan.parts.expected.get(one.path), release.algorithms)
    digests = {one.path: one.digest(Algorithm.SHA256) for one in hashed}
    source = DirectorySource.of(tree)
    return compare_files(source, digests, plan.parts.expected, published, plan.recipe.tolerances)


def _idle(plan: Plan, published: _Published, inputs: Path, comparison: Comparison) -> bool:
    """Whether all that came out within the tolerance, of a file, lay within it before the segment.

    Such a tolerance is wider than what the training did: to do nothing would pass. It is asked of
    the tensors and not of their file: a counter of steps beside the weights differs always.
    """
    root, directory = plan.parts.checkpoint_directory
    place = inputs / (f"roots/{root}" if root else "release") / directory
    before = DirectorySource(place)
    for one in comparison.files:
        if one.result is not FileResult.WITHIN_TOLERANCE:
            continue
        if not any(f.path == one.path for f in before.files):
            continue
        theirs = published(plan.parts.expected[one.path])
        found = compare_tensors(before, one.path, *theirs, plan.recipe.tolerances, {})
        if found.result is FileResult.DIFFERS and not found.tensors:
            continue  # no file of tensors, or one that is broken
        beyond = {tensor.name for tensor in found.tensors if not tensor.within}
        near = {tensor.name for tensor in one.tensors if tensor.within}
        if near and near.isdisjoint(beyond):
            return True
    return False
