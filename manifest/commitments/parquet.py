"""Parquet files cut into records (spec/commitments.md, "Records"); needs the extra ``parquet``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from manifest.commitments.records import Source, Values
from manifest.display import printable
from manifest.errors import DocumentError, MissingExtraError

__all__ = ["cut_parquet"]


def cut_parquet(source: Source, column: str, batch: int) -> Iterator[Values]:
    """The values of a column, text as its UTF-8 and binary as it is, or rows as JSON objects.

    Args:
        source: The file.
        column: The column; empty for rows, whose columns must be of JSON's types.
        batch: The most records of a batch.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DocumentError: No Parquet file, no such column, a null, or a value of another type.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError(
            "Parquet files need pyarrow, which is not installed",
            remedy="pip install 'model-release-manifest[parquet]'",
        ) from None
    shown = printable(source.path)
    first = 1
    try:
        with parquet.ParquetFile(source.path) as file:
            if column and column not in file.schema_arrow.names:
                raise DocumentError(
                    f"{shown} has no column called {printable(column)}",
                    remedy=f"one of {', '.join(map(printable, file.schema_arrow.names[:20]))}",
                )
            n_rows = file.metadata.num_rows
            columns = [column] if column else None
            for part in file.iter_batches(batch_size=batch, columns=columns):
                if not part.num_rows:
                    continue
                rows: list[Any] = part.column(0).to_pylist() if column else part.to_pylist()
                values = tuple(
                    _record(row, f"{shown}: row {first + i}") for i, row in enumerate(rows)
                )
                last = first + len(rows) > n_rows
                n_bytes = source.size * len(rows) // n_rows
                yield Values(values, source.path, first, n_bytes, int(last))
                first += len(rows)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DocumentError(
            f"{shown} cannot be read as Parquet: {printable(str(error))[:200]}",
            remedy="check that this is the intended file",
        ) from None


def _record(value: Any, where: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise DocumentError(
                f"{where} is not of JSON's types: {printable(str(error))[:200]}",
                remedy="commit to a column of text or bytes with --column",
            ) from None
    kind = "null" if value is None else type(value).__name__
    raise DocumentError(
        f"{where} is {kind}, neither text nor bytes",
        remedy="commit to another column, or to whole rows",
    )
