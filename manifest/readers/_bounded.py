"""Reading a bounded part of a file that a stranger wrote."""

from __future__ import annotations

import bisect
from typing import Any

from manifest import strict_json
from manifest.display import printable
from manifest.errors import BrokenFileError, DocumentError, UndecidedError
from manifest.sources import Source

__all__ = ["file_size", "read_json", "read_json_object", "read_text", "read_whole", "text_of"]

MAX_TEXT = 4 * 1024 * 1024
"""The largest text that is read whole, in bytes."""
MAX_JSON = 16 * 1024 * 1024
"""The largest JSON document that is read whole, in bytes; evaluation results reach megabytes."""
_MAX_DEPTH = 64


def file_size(source: Source, path: str) -> int:
    """The size of a file in bytes.

    Raises:
        UndecidedError: There is no such file.
    """
    files = source.files
    key = path.encode("utf-8", "surrogatepass")
    index = bisect.bisect_left(
        files, key, key=lambda file: file.path.encode("utf-8", "surrogatepass")
    )
    if index < len(files) and files[index].path == path:
        return files[index].size
    raise UndecidedError(f"{printable(path)}: no such file in {printable(source.name)}")


def read_whole(source: Source, path: str, *, max_bytes: int = MAX_TEXT) -> bytes:
    """A small file's bytes.

    Raises:
        DocumentError: It is larger than ``max_bytes``.
        UndecidedError: It cannot be read, or is not there.
    """
    size = file_size(source, path)
    if size > max_bytes:
        raise DocumentError(
            f"{printable(path)} has {size:,} bytes; at most {max_bytes:,} are read",
            remedy="check that this is the intended file",
        )
    return source.read(path, length=size)


def read_text(source: Source, path: str, *, max_bytes: int = MAX_TEXT) -> str:
    """A small text file's text; a byte order mark is dropped.

    Raises:
        DocumentError: Larger than ``max_bytes``, not UTF-8, or not text: it holds NUL.
        UndecidedError: It cannot be read, or is not there.
    """
    data = read_whole(source, path, max_bytes=max_bytes)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"{printable(path)} is not UTF-8 (byte {error.start})", remedy="save it as UTF-8"
        ) from None
    if "\0" in text:
        raise DocumentError(f"{printable(path)} is not text: it holds NUL characters")
    return text


def read_json(source: Source, path: str, *, max_bytes: int = MAX_JSON) -> Any:
    """A JSON file's value, read strictly.

    Raises:
        BrokenFileError: Not JSON as `strict_json.loads` reads it.
        DocumentError: Too large.
        UndecidedError: It cannot be read, or is not there.
    """
    data = read_whole(source, path, max_bytes=max_bytes)
    return strict_json.loads(
        data,
        what=printable(path),
        max_bytes=max_bytes,
        max_depth=_MAX_DEPTH,
        error=BrokenFileError,
    )


def read_json_object(source: Source, path: str, *, max_bytes: int = MAX_JSON) -> dict[str, Any]:
    """A JSON file's object, read strictly.

    Raises:
        BrokenFileError: Not JSON.
        DocumentError: Too large, or another value than an object.
        UndecidedError: It cannot be read, or is not there.
    """
    value = read_json(source, path, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise DocumentError(f"{printable(path)} must hold a JSON object")
    return value


def text_of(value: Any) -> str:
    """``value`` where it is text, stripped; empty where it is anything else."""
    return value.strip() if isinstance(value, str) else ""
