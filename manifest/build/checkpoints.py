"""The checkpoints of a release: which there are, and which data lies between two of them.

A description names them one by one, by directories, by a list of branches or by an index;
`manifest.build.checkpoint_sources` makes values of each (spec/checkpoints.md).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from manifest.build.checkpoint_sources import (
    from_directories,
    from_entries,
    from_index,
    from_names,
    name_problem,
)
from manifest.display import printable
from manifest.document.assignment import split_root
from manifest.document.manifest_checkpoints import (
    MAX_CHECKPOINTS,
    ResolvedCheckpoint,
    weights_digests,
)
from manifest.document.manifest_file import Manifest, ManifestFile
from manifest.errors import DocumentError, UndecidedError, UsageError
from manifest.inventory import collisions, path_problem
from manifest.readers.chunk_index import Chunk, parse_chunk_index

__all__ = [
    "Read",
    "ResolvedCheckpoint",
    "checkpoints_of",
    "chunk_problems",
    "derive_checkpoints",
    "find_checkpoint",
    "resolve_checkpoints",
    "segment_chunks",
]

Read = Callable[[str], bytes]
"""``read(path)``: the bytes of a file of the release, named ``path`` or ``root:path``."""


def resolve_checkpoints(manifest: Manifest) -> tuple[ResolvedCheckpoint, ...]:
    """The checkpoints of a release.

    A manifest that was built before manifests had a section of them says less: of what only an
    index or a list of branches names, nothing.

    Raises:
        DocumentError: Two checkpoints have one name.
    """
    return manifest.checkpoints or derive_checkpoints(manifest, None)


def derive_checkpoints(manifest: Manifest, read: Read | None) -> tuple[ResolvedCheckpoint, ...]:
    """The checkpoints that a description and its files come to, for the section of a manifest.

    Args:
        manifest: The manifest; its own section is not looked at.
        read: Reads indexes and lists; None leaves out what only they name.

    Raises:
        DocumentError: As `checkpoints_of`.
    """
    digests = weights_digests(manifest.weights)
    found = checkpoints_of(manifest.release, manifest.files, read)
    return tuple(_with_weights(one, digests) for one in found)


def checkpoints_of(
    release: Mapping[str, Any], files: Sequence[ManifestFile], read: Read | None
) -> list[ResolvedCheckpoint]:
    """The checkpoints of a release: its entries, then the others by stage and step.

    Args:
        release: The fields of its description.
        files: Its files, in the order of a manifest; digests are not looked at.
        read: Reads indexes and lists; None leaves out what only they name.

    Raises:
        DocumentError: Two checkpoints have one name, or names that could be taken for one; a name
            is not one that a checkpoint may have; there are too many; an index cannot be read.
    """
    fields = release.get("checkpoints", {})
    if not fields:
        return []
    listed = list(from_entries(release, files))
    taken = {one.name for one in listed}
    bulk = list(from_directories(release, files))
    twice = Counter(one.name for one in (*listed, *bulk)).most_common(1)
    if twice and twice[0][1] > 1:
        raise DocumentError(
            f"two checkpoints are called {printable(twice[0][0])}",
            remedy="leave one out of checkpoints.directories or checkpoints.entries",
        )
    if read is not None:
        if "names" in fields:
            bulk = from_names(read(fields["names"]), fields, taken, bulk)
        if "index" in fields:
            bulk = from_index(read(fields["index"]), fields, taken, bulk)
    found = [*listed, *_chained(bulk)]
    _refuse_names(found)
    if read is not None and "chunks" in fields:
        found = _with_data(found, parse_chunk_index(read(fields["chunks"]), fields["chunks"]))
    return found


def _refuse_names(found: Sequence[ResolvedCheckpoint]) -> None:
    if len(found) > MAX_CHECKPOINTS:
        raise DocumentError(
            f"there are {len(found):,} checkpoints; a manifest holds at most {MAX_CHECKPOINTS:,}",
            remedy="describe those that are published",
        )
    for one in found:
        if problem := name_problem(one.name):
            raise DocumentError(
                f"the name of the checkpoint {printable(one.name[:200])} {problem}",
                remedy="give it another name, or leave it out",
            )
    for names in collisions(one.name for one in found):
        raise DocumentError(
            f"the checkpoints {' and '.join(map(printable, names[:2]))} could be taken for one: "
            "their names differ only in letter case or Unicode form",
            remedy="rename one of them",
        )


def _with_data(
    found: Iterable[ResolvedCheckpoint], chunks: Iterable[Chunk]
) -> list[ResolvedCheckpoint]:
    """Each with the numbers of its chunks, where a chunk index names it and nobody else does."""
    numbers: dict[str, list[int]] = {}
    for number, chunk in enumerate(chunks):
        numbers.setdefault(chunk.checkpoint, []).append(number)
    return [
        one
        if one.data or one.name not in numbers
        else dataclasses.replace(one, data=_ranges(numbers[one.name]))
        for one in found
    ]


def _ranges(numbers: Iterable[int]) -> str:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" for first, last in ranges)


def find_checkpoint(checkpoints: Iterable[ResolvedCheckpoint], name: str) -> ResolvedCheckpoint:
    """The checkpoint of that name.

    Raises:
        UsageError: There is none.
    """
    for one in checkpoints:
        if one.name == name:
            return one
    raise UsageError(
        f"no checkpoint is called {printable(name)}", remedy="`manifest checkpoints` lists them"
    )


def _between(
    stage: Sequence[ResolvedCheckpoint], first: ResolvedCheckpoint, last: ResolvedCheckpoint
) -> set[str]:
    """The names after one checkpoint up to another: by parents, and by order where none is named.

    Raises:
        UsageError: The second does not descend from the first.
    """
    by_name = {one.name: one for one in stage}
    names: set[str] = set()
    one = last
    while one.name != first.name and one.name not in names:
        names.add(one.name)
        if (parent := by_name.get(one.parent)) is None:
            break
        one = parent
    if one.name == first.name:
        return names
    if stage.index(one) <= stage.index(first):
        raise UsageError(
            f"{printable(last.name)} does not descend from {printable(first.name)}",
            remedy="give two checkpoints of one line of parents",
        )
    # Nothing says what came before it: the order does.
    return names | {each.name for each in stage[stage.index(first) + 1 : stage.index(one)]}


def segment_chunks(
    checkpoints: Sequence[ResolvedCheckpoint], chunks: Iterable[Chunk], start: str, end: str
) -> tuple[Chunk, ...]:
    """The data between two checkpoints of one stage: after ``start``, up to and with ``end``.

    Chunks say it by the checkpoint or the step that they led to. Where they say neither, they are
    counted by their tokens, in the order of the index: those that hold any of the segment's.

    Raises:
        UsageError: There is no such checkpoint, they are of two stages, or in the other order.
        UndecidedError: Nothing says which chunks went into the segment.
    """
    first, last = find_checkpoint(checkpoints, start), find_checkpoint(checkpoints, end)
    stage = [one for one in checkpoints if one.stage == first.stage]
    if last not in stage or stage.index(first) >= stage.index(last):
        raise UsageError(
            f"{printable(end)} does not come after {printable(start)} in one stage",
            remedy="give the earlier checkpoint first",
        )
    names = _between(stage, first, last)
    low, high = first.step, last.step
    listed = tuple(chunks)
    if not any(chunk.checkpoint or chunk.step is not None for chunk in listed):
        found = _by_tokens(listed, first.tokens, last.tokens)
    else:
        found = tuple(
            chunk
            for chunk in listed
            if (
                chunk.checkpoint in names
                if chunk.checkpoint
                else None not in (chunk.step, low, high) and low < chunk.step <= high  # type: ignore[operator]  # None is ruled out above
            )
        )
    if not found:
        raise UndecidedError(
            f"nothing says which chunks went into the training from {printable(start)} to "
            f"{printable(end)}",
            remedy="give each chunk its checkpoint or its step; or its tokens, where checkpoints "
            "say how many they have seen",
        )
    return found


def _by_tokens(chunks: Iterable[Chunk], low: int | None, high: int | None) -> tuple[Chunk, ...]:
    found: list[Chunk] = []
    begin = 0
    for chunk in chunks:
        if low is None or high is None or chunk.tokens is None:
            return ()
        if begin < high and begin + chunk.tokens > low:
            found.append(chunk)
        begin += chunk.tokens
    return tuple(found)


def chunk_problems(
    manifest: Manifest, checkpoints: Sequence[ResolvedCheckpoint], chunks: Iterable[Chunk]
) -> Iterator[tuple[int, str]]:
    """Lines of a chunk index that the release contradicts, and how.

    A chunk that is not among the release's files is not a problem: its data may lie elsewhere.
    """
    files = {file.full_path: file for file in manifest.files}
    names = {one.name for one in checkpoints}
    roots = manifest.release.get("roots", {})
    for chunk in chunks:
        if problem := path_problem(split_root(chunk.file, roots)[1]):
            yield chunk.line, f"the path of the chunk {printable(chunk.file)} {problem}"
        if chunk.checkpoint and chunk.checkpoint not in names:
            yield chunk.line, f"no checkpoint is called {printable(chunk.checkpoint)}"
        file = files.get(chunk.file)
        if file is not None and chunk.sha256 and chunk.sha256 != file.sha256:
            yield chunk.line, f"{printable(chunk.file)} has another SHA-256 in the manifest"


def _chained(bulk: Sequence[ResolvedCheckpoint]) -> Iterator[ResolvedCheckpoint]:
    """In order of stage and step, each with the one before it in its stage as its parent."""
    stages = {stage: n for n, stage in enumerate(dict.fromkeys(one.stage for one in bulk))}

    def key(one: ResolvedCheckpoint) -> tuple[int, bool, int]:
        position = one.ordinal if one.step is None else one.step
        return stages[one.stage], position is None, position or 0

    before: ResolvedCheckpoint | None = None
    for one in sorted(bulk, key=key):
        same = before is not None and before.stage == one.stage
        yield dataclasses.replace(one, parent=before.name) if same and before else one
        before = one


def _with_weights(one: ResolvedCheckpoint, digests: Mapping[str, str]) -> ResolvedCheckpoint:
    found = {digests[f.full_path] for f in one.files if f.full_path in digests}
    return dataclasses.replace(one, weights_digest=found.pop()) if len(found) == 1 else one
