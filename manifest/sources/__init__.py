"""Where a release can be read from: a directory, a hub, memory (spec/description.md, "Roots").

Readers and rules see a `Source`, not a directory, so that a release on a hub is read by the same
code without downloading it.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

__all__ = ["Source", "SourceFile"]


@dataclasses.dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a release: its path and its size in bytes."""

    path: str
    size: int


class Source(Protocol):
    """A release that can be listed and read in part."""

    @property
    def name(self) -> str:
        """What to call it: the directory's name, or the repository's."""
        ...

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Every regular file, sorted by the UTF-8 bytes of its path."""
        ...

    def read(self, path: str, *, start: int = 0, length: int) -> bytes:
        """At most ``length`` bytes of a file from ``start`` on.

        Raises:
            UndecidedError: It cannot be read, or is not there.
        """
        ...
