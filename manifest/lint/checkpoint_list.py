"""The checkpoints of a release as rules see them, however its description names them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from manifest.build.checkpoints import checkpoints_of
from manifest.display import printable
from manifest.document.manifest_checkpoints import ResolvedCheckpoint
from manifest.document.manifest_entries import ManifestFile
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.indexes import IndexProblem, ProblemKind, index_problems, problems_of
from manifest.lint.release import Release
from manifest.readers.checkpoint_index import CheckpointIndex, IndexRow, read_index_bytes
from manifest.readers.checkpoint_names import Count, facts_of
from manifest.readers.chunk_index import Chunk, parse_chunk_index
from manifest.records import record

__all__ = ["CheckpointList", "bulk_problems", "listed_checkpoints", "listed_chunks"]


@record(frozen=True, slots=True)
class CheckpointList:
    """The checkpoints of a release.

    Attributes:
        checkpoints: Entries as listed, then the others by stage and step.
        problem: What is wrong with the lists that name some, in words; empty when nothing is, and
            where the rules on indexes say it.
    """

    checkpoints: tuple[ResolvedCheckpoint, ...] = ()
    problem: str = ""


def listed_checkpoints(release: Release) -> CheckpointList:
    """The checkpoints that entries, directories, lists of branches and an index name.

    Where a list or an index cannot be read, what entries and directories name is left.
    """
    fields = release.description.fields
    files = [ManifestFile(f.path, f.size, "") for f in release.source.files]
    try:
        read = functools.partial(read_index_bytes, release.source)
        return CheckpointList(tuple(checkpoints_of(fields, files, read)))
    except DocumentError as error:
        message = error.message
    except UndecidedError:
        message = ""  # as in a root that is not here: nothing is wrong with it
    try:
        found = tuple(checkpoints_of(fields, files, None))
    except DocumentError:
        found = ()
    return CheckpointList(found, "" if _is_told(release, message) else message)


def _is_told(release: Release, message: str) -> bool:
    """Whether the rules on indexes say it."""
    path = release.description.fields.get("checkpoints", {}).get("index")
    if path is None or not message:
        return False
    try:
        data = read_index_bytes(release.source, path)
    except (DocumentError, UndecidedError):
        return True
    return any(p.line is None and p.message == message for p in problems_of(data, path))


def listed_chunks(release: Release) -> tuple[Chunk, ...]:
    """The rows of the chunk index; none where there is none or it cannot be read."""
    path = release.description.fields.get("checkpoints", {}).get("chunks")
    if path is None:
        return ()
    try:
        return parse_chunk_index(read_index_bytes(release.source, path), path)
    except (DocumentError, UndecidedError):
        return ()


def bulk_problems(bulk: Sequence[ResolvedCheckpoint]) -> tuple[IndexProblem, ...]:
    """What is wrong with checkpoints of directories and branches, as if they were an index.

    Those of an index are left out: its own rows are looked at. That a list may end early is not
    said of directories: there is nothing that could have been left out of a list.
    """
    rows = tuple(
        IndexRow(
            number,
            stage=one.stage,
            step=one.step,
            tokens=None if one.tokens is None else _tokens(one.name, one.tokens),
            label=one.name,
        )
        for number, one in enumerate(bulk, 1)
        if not one.location
    )
    found = index_problems(CheckpointIndex(rows), whole="the training") if rows else ()
    return tuple(p for p in found if p.kind is not ProblemKind.MAYBE_END)


def _tokens(name: str, tokens: int) -> Count:
    """As exactly as the name gives them: ``3896B`` is known to a billion."""
    named = facts_of(printable(name)).tokens
    return named if named is not None and named.value == tokens else Count(tokens)
