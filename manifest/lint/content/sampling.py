"""Which of many files are tested, and which cannot be: shared by all tests of content."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from manifest.display import printable
from manifest.errors import ManifestError
from manifest.sources import Source, SourceFile

__all__ = ["MAX_SAMPLE", "head", "head_text", "pointer_size", "sample", "suffix", "told"]

MAX_SAMPLE = 32
"""How many files of a component are tested; weights are tested all."""
_POINTER = b"version https://git-lfs.github.com/spec/v1"
_MAX_POINTER = 1024


def sample(
    files: Sequence[SourceFile], preferred: Callable[[str], bool] | None = None
) -> tuple[SourceFile, ...]:
    """At most `MAX_SAMPLE` files, spread over all of them, those that ``preferred`` names first."""
    if len(files) <= MAX_SAMPLE:
        return tuple(files)
    if preferred is not None and (best := [f for f in files if preferred(f.path)]):
        files = best
    step = max(len(files) / MAX_SAMPLE, 1)
    return tuple(files[int(i * step)] for i in range(min(MAX_SAMPLE, len(files))))


def pointer_size(source: Source, file: SourceFile) -> str:
    """Why a file stands for another that was not fetched; empty when it does not.

    Raises:
        UndecidedError: It cannot be read.
    """
    if file.size <= _MAX_POINTER and source.read(file.path, length=len(_POINTER)) == _POINTER:
        return "is a large-file pointer: the file itself was not fetched"
    return ""


def head(source: Source, file: SourceFile, length: int) -> bytes:
    """The first ``length`` bytes of a file, or all of a shorter one.

    Raises:
        UndecidedError: It cannot be read.
    """
    return source.read(file.path, length=min(length, file.size))


def head_text(source: Source, file: SourceFile, length: int) -> str | None:
    """The first bytes as text, up to the last whole line of a longer file; None when binary.

    Raises:
        UndecidedError: It cannot be read.
    """
    raw = head(source, file, length)
    if b"\0" in raw:
        return None
    if len(raw) < file.size and b"\n" in raw:
        raw = raw[: raw.rindex(b"\n")]
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def suffix(path: str) -> str:
    """The suffix of a path's last part, lower case, with its dot; empty when it has none."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def told(path: str, error: ManifestError) -> str:
    """What an error says of a file, in words that follow the file's path."""
    message = error.message.replace("\n", " ")
    shown = printable(path)
    if message.startswith(shown):
        return message.removeprefix(shown).lstrip(": ")
    return f"cannot be used: {message}"
