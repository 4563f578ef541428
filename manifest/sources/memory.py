"""A release held in memory: for examples of rules, for tests, for files that came some other way."""

from __future__ import annotations

from collections.abc import Mapping

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.inventory import check_path, sort_key
from manifest.sources import SourceFile

__all__ = ["MemorySource"]


class MemorySource:
    """Some files as a `Source`.

    Args:
        files: Path to content.
        name: What to call the release.

    Raises:
        DocumentError: A path is not sound; see `check_path`.
    """

    __slots__ = ("_content", "_files", "_name")

    def __init__(self, files: Mapping[str, bytes], *, name: str = "release") -> None:
        self._content = {check_path(path): bytes(content) for path, content in files.items()}
        self._files = tuple(
            SourceFile(path, len(self._content[path]))
            for path in sorted(self._content, key=sort_key)
        )
        self._name = name

    @property
    def name(self) -> str:
        """What the release is called."""
        return self._name

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Every file, sorted by the UTF-8 bytes of its path."""
        return self._files

    def read(self, path: str, *, start: int = 0, length: int) -> bytes:
        """At most ``length`` bytes of a file from ``start`` on.

        Raises:
            UndecidedError: There is no such file.
        """
        if path not in self._content:
            raise UndecidedError(f"{printable(path)}: no such file in {printable(self._name)}")
        return self._content[path][max(start, 0) : max(start, 0) + max(length, 0)]
