"""Chunk indexes: which data went into which step (spec/checkpoints.md, "Order")."""

from __future__ import annotations

import dataclasses
import re

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._index_tables import MAX_BYTES, tables_of

__all__ = ["Chunk", "parse_chunk_index"]

_HEX64 = re.compile(r"[0-9a-f]{64}")
_STEP = re.compile(r"[0-9]{1,18}")
_FIELDS = ("checkpoint", "step", "file", "sha256", "tokens")


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the training data, in the order in which it was consumed.

    Attributes:
        line: Where the index names it, from 1.
        file: Its path, as written.
        sha256: Of its bytes; empty when the index gives none.
        checkpoint: The first checkpoint that was trained on it; empty when the index names none.
        step: The step after which it was consumed whole; None when the index gives none.
        tokens: How many it holds; None when the index does not say.
    """

    line: int
    file: str
    sha256: str = ""
    checkpoint: str = ""
    step: int | None = None
    tokens: int | None = None


def parse_chunk_index(data: bytes, name: str) -> tuple[Chunk, ...]:
    """Read a chunk index: CSV or JSON Lines with named columns, or a list of SHA-256 and files.

    Columns are ``file``, and any of ``checkpoint``, ``step``, ``sha256`` and ``tokens``; others
    are passed over. A list has a file and its SHA-256 on each line, in either order.

    Args:
        data: The file's bytes.
        name: Its name, for its suffix and for messages.

    Raises:
        DocumentError: It is too large, has no files, names one twice, or a cell is not what its
            column says.
    """
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{printable(name)} is larger than {MAX_BYTES:,} bytes")
    chunks = _listed(data) or _from_table(data, name)
    seen: dict[str, int] = {}
    for chunk in chunks:
        if chunk.file in seen:
            raise _wrong(
                name,
                chunk.line,
                f"{printable(chunk.file)} was named on line {seen[chunk.file]:,} already",
            )
        seen[chunk.file] = chunk.line
    return chunks


def _listed(data: bytes) -> tuple[Chunk, ...]:
    """The lines of a list of digests; empty when one of them is something else."""
    chunks: list[Chunk] = []
    for line, raw in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not raw.strip():
            continue
        first, _, last = raw.strip().partition(" ")
        pair = (first, last.strip()) if _HEX64.fullmatch(first) else (raw.split()[-1], first)
        if not last or not _HEX64.fullmatch(pair[0]):
            return ()
        chunks.append(Chunk(line, pair[1].removeprefix("*"), pair[0]))
    return tuple(chunks)


def _from_table(data: bytes, name: str) -> tuple[Chunk, ...]:
    tables = tables_of(data, name)
    rows = tables[0].rows if tables else ()
    heading = [cell.strip().lower() for cell in rows[0].cells] if rows else []
    places = {field: heading.index(field) for field in _FIELDS if field in heading}
    if "file" not in places or len(rows) < 2:
        raise DocumentError(
            f"{printable(name)} is not a chunk index: no column is called `file`",
            remedy="give each chunk a row, as CSV: checkpoint,file,sha256",
        )
    chunks = []
    for row in rows[1:]:
        if len(row.cells) != len(heading):
            raise _wrong(name, row.line, f"has {len(row.cells)} cells, the heading {len(heading)}")
        cell = {field: row.cells[place].strip() for field, place in places.items()}
        numbers: dict[str, int | None] = {}
        for field in ("step", "tokens"):
            text = cell.get(field, "")
            if text and not _STEP.fullmatch(text):
                raise _wrong(name, row.line, f"{printable(text)} is not a number: {field}")
            numbers[field] = int(text) if text else None
        digest = cell.get("sha256", "").lower()
        if digest and not _HEX64.fullmatch(digest):
            raise _wrong(name, row.line, f"{printable(digest[:80])} is not a SHA-256")
        if not cell["file"]:
            raise _wrong(name, row.line, "names no file")
        chunks.append(
            Chunk(
                row.line,
                cell["file"],
                digest,
                cell.get("checkpoint", ""),
                numbers["step"],
                numbers["tokens"],
            )
        )
    return tuple(chunks)


def _wrong(name: str, line: int, message: str) -> DocumentError:
    return DocumentError(
        f"{printable(name)}:{line}: {message}", remedy="mend that line of the index"
    )
