"""A sorted list and a sorted walk, gone through side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from manifest.inventory.lines import InventoryEntry
from manifest.inventory.tree import FileStat, Oddity

__all__ = ["BATCH", "Stretch", "in_step"]

BATCH = 8192
"""About how many files are in one stretch, and in memory, at a time."""


@dataclasses.dataclass(slots=True)
class Stretch:
    """A stretch of paths: what is listed there, and what stands there.

    Attributes:
        listed: Entries, each with its number in the list.
        files: Files, with paths in the tree.
        oddities: What is neither a file nor a directory.
        above: The last oddity of the stretch before, which may be a directory that cannot be read
            and so explain what is missing here; None when there was none.
    """

    listed: list[tuple[int, InventoryEntry]] = dataclasses.field(default_factory=list)
    files: list[FileStat] = dataclasses.field(default_factory=list)
    oddities: list[Oddity] = dataclasses.field(default_factory=list)
    above: Oddity | None = None


def in_step(
    entries: Iterable[InventoryEntry], found: Iterable[FileStat | Oddity], prefix: str
) -> Iterator[Stretch]:
    """Go through a list and a walk in step, in memory that does not grow with either.

    A path that is in both is in one stretch.

    Args:
        entries: The list, sorted.
        found: The walk, sorted alike.
        prefix: What stands before a path of the list in one of the walk.
    """
    numbered, walked = enumerate(entries), iter(found)
    entry, there = next(numbered, None), next(walked, None)
    stretch = Stretch()
    while entry is not None or there is not None:
        wanted = None if entry is None else prefix + entry[1].path
        path = None if there is None else there.path
        if entry is not None and (path is None or (wanted is not None and wanted <= path)):
            stretch.listed.append(entry)
            entry = next(numbered, None)
            take = wanted == path
        else:
            take = True
        if take and there is not None:
            if isinstance(there, Oddity):
                stretch.oddities.append(there)
            else:
                stretch.files.append(there)
            there = next(walked, None)
        if len(stretch.listed) >= BATCH or len(stretch.files) + len(stretch.oddities) >= BATCH:
            yield stretch
            last = stretch.oddities[-1] if stretch.oddities else stretch.above
            stretch = Stretch(above=last)
    if stretch.listed or stretch.files or stretch.oddities:
        yield stretch
