"""Whether a chain of checkpoints agrees with itself (spec/evidence.md, "The checkpoint chain")."""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Iterator, Sequence

from manifest.display import printable
from manifest.document.manifest_checkpoints import ResolvedCheckpoint
from manifest.errors import DocumentError, UndecidedError
from manifest.inventory.globs import compile_glob
from manifest.lint.checkpoint_list import listed_checkpoints
from manifest.lint.content.copies import copies_among
from manifest.lint.content.weights import run_and_step_of
from manifest.lint.release import Basis, Release
from manifest.readers.safetensors import read_safetensors

__all__ = [
    "ChainProblem",
    "chain_problems",
    "copied_checkpoints",
    "final_checkpoint",
    "list_problems",
]

_TENSORS = 4
_COMPARED = 1024  # bytes of each: enough to tell two steps of a training apart
_RANGES = re.compile(r"[0-9]{1,18}-[0-9]{1,18}(?:,[0-9]{1,18}-[0-9]{1,18})+")
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@dataclasses.dataclass(frozen=True, slots=True)
class ChainProblem:
    """A checkpoint that contradicts another, or its own files.

    Attributes:
        index: Its place among the description's entries, from 0; -1 for one that is not listed.
        message: What is wrong.
        path: A file of it, where files are what is wrong.
    """

    index: int
    message: str
    path: str = ""


def chain_problems(release: Release) -> Iterator[ChainProblem]:
    """What does not agree: steps, tokens, parents, ranges of data, and files."""
    entries = release.description.checkpoints
    yield from list_problems(listed_checkpoints(release).checkpoints, len(entries))
    if release.basis is Basis.DECLARATIONS:
        return
    paths = [f.path for f in release.source.files]
    for index, entry in enumerate(entries):
        missing = next((g for g in entry.files if not _matching(paths, g)), None)
        if missing is not None:
            name = printable(entry.name)
            yield ChainProblem(index, f"{name}: no file matches {printable(missing)}")


def list_problems(
    checkpoints: Sequence[ResolvedCheckpoint], entries: int
) -> Iterator[ChainProblem]:
    """What does not agree in a list of checkpoints.

    Args:
        checkpoints: All of them.
        entries: How many were written one by one; those come first. The others are in the order
            of their steps, each after its parent, because nobody wrote otherwise.
    """
    yield from _steps(checkpoints[:entries])
    yield from _parents(checkpoints[:entries])
    yield from _ranges(checkpoints)
    yield from _holes(checkpoints, entries)


def _steps(entries: Sequence[ResolvedCheckpoint]) -> Iterator[ChainProblem]:
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for index, entry in enumerate(entries):
        for field, value in (("step", entry.step), ("tokens", entry.tokens)):
            if value is None:
                continue
            before, name = last.get((entry.stage, field), (-1, ""))
            if value <= before:
                word = "the same" if value == before else "a later"
                yield ChainProblem(
                    index,
                    f"{printable(entry.name)}: {field} {value:,} comes after {word} {field}, "
                    f"{before:,} of {printable(name)}",
                )
            last[entry.stage, field] = (max(value, before), entry.name)


def _parents(entries: Sequence[ResolvedCheckpoint]) -> Iterator[ChainProblem]:
    seen: set[str] = set()
    names = {e.name for e in entries}
    for index, entry in enumerate(entries):
        if entry.parent and entry.parent not in seen:
            known = "is not an earlier checkpoint" if entry.parent in names else "does not exist"
            yield ChainProblem(
                index, f"{printable(entry.name)}: its parent {printable(entry.parent)} {known}"
            )
        seen.add(entry.name)


def _ranges(entries: Sequence[ResolvedCheckpoint]) -> Iterator[ChainProblem]:
    ends: dict[str, int] = {}
    for index, entry in enumerate(entries):
        found = _RANGE.fullmatch(entry.data)
        if found is None and _RANGES.fullmatch(entry.data):
            yield ChainProblem(
                index,
                f"{printable(entry.name)}: its data is in pieces, {printable(entry.data[:60])}: "
                "what lies between them went into no step up to it, or into another",
            )
            continue
        if entry.data and (found is None or int(found[1]) > int(found[2])):
            shown = printable(entry.data[:60])
            yield ChainProblem(index, f"{printable(entry.name)}: {shown} is not a range of data")
        if found is None:
            continue
        first, end = int(found[1]), int(found[2])
        before = ends.get(entry.parent)
        if before is not None and first != before + 1:
            word = "leaves a gap after" if first > before + 1 else "overlaps"
            yield ChainProblem(
                index,
                f"{printable(entry.name)}: its data begins at {first:,}, which {word} "
                f"{printable(entry.parent)}, whose data ends at {before:,}",
            )
        ends[entry.name] = end


def _holes(checkpoints: Sequence[ResolvedCheckpoint], entries: int) -> Iterator[ChainProblem]:
    """Checkpoints whose data a chunk index names, and that of the one before them it does not.

    The first of a stage was trained on what nobody needs to name, as one of step 0 was on nothing.
    """
    by_name = {one.name: one for one in checkpoints}
    for index, one in enumerate(checkpoints[entries:], entries):
        before = by_name.get(one.parent)
        if before is not None and one.data and before.parent and not before.data:
            yield ChainProblem(
                index,
                f"{printable(one.name)}: no data is named for its parent, {printable(before.name)}",
            )


def copied_checkpoints(release: Release) -> Iterator[ChainProblem]:
    """Checkpoints of different steps of one stage that hold the same weights.

    Those of the description are compared; where it lists none, the directories of the
    intermediate weights. A stage that begins with what the one before it ended with is sound.
    """
    if release.basis is Basis.DECLARATIONS:
        return
    listed = _listed_weights(release) or _found_weights(release)
    digests = release.listing.digests if release.listing else None
    try:
        copies = copies_among(release.source, [one.paths for one in listed], digests)
    except UndecidedError:
        return  # the state of the weights tells of what cannot be read
    for copy in copies:
        later, earlier = listed[copy.later], listed[copy.earlier]
        if later.stage == earlier.stage and later.step != earlier.step:
            how = "holds" if copy.certain else "wherever they were compared, holds"
            yield ChainProblem(
                later.index,
                f"{printable(later.name)} {how} the weights of {printable(earlier.name)}: no step of "
                "training leaves every number as it was",
                later.paths[0],
            )


@dataclasses.dataclass(frozen=True, slots=True)
class _Listed:
    """A checkpoint's weights: its place in the list, its name, stage and step, and its files."""

    index: int
    name: str
    stage: str
    step: str
    paths: tuple[str, ...]


def _listed_weights(release: Release) -> list[_Listed]:
    entries = release.description.checkpoints
    sound = {
        p
        for c in release.of_kind("model-parameters-intermediate")
        + release.of_kind("model-parameters-final")
        for p in (*c.inspection.accepted, *(f.path for f in c.files.here))
        if not p.endswith((".json", ".csv"))
    }
    paths = [f.path for f in release.source.files]
    found = []
    for index, entry in enumerate(entries):
        mine = sorted({p for glob in entry.files for p in _matching(paths, glob)} & sound)
        if mine and entry.step is not None:
            found.append(_Listed(index, entry.name, entry.stage, str(entry.step), tuple(mine)))
    return found


def _found_weights(release: Release) -> list[_Listed]:
    groups: dict[tuple[str, str], list[str]] = {}
    for component in release.of_kind("model-parameters-intermediate"):
        for file in component.files.here:
            if file.path.endswith((".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz")):
                groups.setdefault(run_and_step_of(file.path), []).append(file.path)
    ordered = sorted(groups.items(), key=lambda g: (g[0][0], g[0][1].zfill(18)))
    return [
        _Listed(-1, paths[0].rpartition("/")[0] or paths[0], run, step, tuple(sorted(paths)))
        for (run, step), paths in ordered
    ]


def final_checkpoint(release: Release) -> str:
    """Why the chain does not end in the final weights; empty when it does.

    The last entry holds the final weights' own files, or files of the same tensors and size whose
    bytes agree where a few of them are read: an earlier checkpoint has the same tensors too.
    """
    last = listed_checkpoints(release).checkpoints[-1]
    final = [
        f
        for c in release.of_kind("model-parameters-final")
        for f in c.files.here
        if f.path.endswith(".safetensors")
    ]
    finals = {f.path for c in release.of_kind("model-parameters-final") for f in c.files.here}
    paths = {f.path for f in last.files if not f.root}
    if paths & finals:
        return ""
    sizes = {f.path: f.size for f in release.source.files}
    try:
        wanted = {(f.size, *_content(release, f.path)) for f in final}
        held = {
            (sizes[p], *_content(release, p))
            for p in paths
            if p.endswith(".safetensors") and sizes[p] in {size for size, *_ in wanted}
        }
    except (DocumentError, UndecidedError) as error:
        return f"the last checkpoint, {printable(last.name)}, cannot be compared: {error.message}"
    if wanted and wanted <= held:
        return ""
    return f"the last checkpoint, {printable(last.name)}, does not hold the final weights"


def _content(
    release: Release, path: str
) -> tuple[tuple[tuple[str, str, tuple[int, ...]], ...], bytes]:
    """The tensors of a file, and the first bytes of a few of them."""
    header = read_safetensors(release.source, path)
    tensors = sorted(header.tensors, key=lambda t: t.name)
    read = b"".join(
        release.source.read(
            path, start=header.header_size + t.begin, length=min(t.end - t.begin, _COMPARED)
        )
        for t in tensors[:: max(1, len(tensors) // _TENSORS)][:_TENSORS]
    )
    return tuple((t.name, t.dtype, t.shape) for t in tensors), read


def _matching(paths: Sequence[str], glob: str) -> list[str]:
    """The paths, which are sorted, that a pattern names.

    A thousand checkpoints in a hundred thousand files: only the paths that begin as the pattern
    does, up to its first wildcard, are compared with it.
    """
    matcher = compile_glob(glob, where="checkpoints.entries")
    start = re.split(r"[*?\[]", glob, maxsplit=1)[0].removesuffix("/")
    result = []
    for index in range(bisect.bisect_left(paths, start), len(paths)):
        if not paths[index].startswith(start):
            break
        if matcher.matches(paths[index]):
            result.append(paths[index])
    return result
