"""Whether the data of a segment, where it lies, are the chunks that the release names."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path

from manifest.display import printable
from manifest.errors import ExitCode
from manifest.inventory import Hashed, hash_files, path_problem, walk
from manifest.readers.chunk_index import Chunk
from manifest.records import record

__all__ = ["CheckedChunk", "ChunkState", "check_chunks"]


class ChunkState(enum.StrEnum):
    """What became of a chunk."""

    SAME = "same"
    DIFFERENT = "different"
    MISSING = "missing"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> ExitCode:
        """What it makes of the whole."""
        if self is ChunkState.SAME:
            return ExitCode.OK
        return ExitCode.UNDECIDED if self is ChunkState.UNKNOWN else ExitCode.DIFFERENT


@record(frozen=True, slots=True)
class CheckedChunk:
    """A chunk, what became of it, and why nobody can tell, where nobody can."""

    chunk: Chunk
    state: ChunkState
    reason: str = ""


def check_chunks(chunks: Iterable[Chunk], directory: Path) -> tuple[CheckedChunk, ...]:
    """Hash the files of chunks below a directory, and compare with the index.

    Links are not followed, and a path that leads out of the directory is never opened.
    """
    wanted = list(chunks)
    inside = {chunk.file for chunk in wanted if not path_problem(chunk.file)}
    above = {"/".join(f.split("/")[:n]) for f in inside for n in range(1, f.count("/") + 1)}
    tree = walk(directory, enter=above.__contains__)
    there = sorted(f.path for f in tree.files if f.path in inside)
    hashed = {h.path: h for h in hash_files(tree, there)}
    return tuple(_checked(chunk, hashed.get(chunk.file)) for chunk in wanted)


def _checked(chunk: Chunk, hashed: Hashed | None) -> CheckedChunk:
    if problem := path_problem(chunk.file):
        return CheckedChunk(chunk, ChunkState.UNKNOWN, f"its path {problem}")
    if hashed is None:
        return CheckedChunk(chunk, ChunkState.MISSING)
    if hashed.problem is not None:
        return CheckedChunk(chunk, ChunkState.UNKNOWN, printable(hashed.problem.detail))
    if not chunk.sha256:
        return CheckedChunk(chunk, ChunkState.UNKNOWN, "the index gives no SHA-256 of it")
    same = hashed.digests[0][0] == chunk.sha256
    return CheckedChunk(chunk, ChunkState.SAME if same else ChunkState.DIFFERENT)
