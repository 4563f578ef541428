"""Components with an inventory, as the linter sees them: a few of their files, and their number.

A directory that an inventory owns may hold millions of files. The first ones are read like any
others; the rest is counted, name by name, and not kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from manifest.document.description import Description
from manifest.document.inventories import InventorySpec, is_owned, owned_directories
from manifest.inventory import OWN_FILES, FileStat, Tree, walk
from manifest.inventory.opening import Root
from manifest.inventory.ordered import OrderedWalk
from manifest.lint.evidence import Files
from manifest.sources import Source

__all__ = ["Census", "look_at", "specs_of", "with_owned"]

_SHOWN = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Census:
    """What stands in an owned directory: how many files, and their bytes."""

    files: int
    size: int


def specs_of(description: Description) -> tuple[InventorySpec, ...]:
    """The inventories whose directories lie in the release directory."""
    specs = (c.inventory for c in description.components if c.inventory is not None)
    return tuple(spec for spec in specs if not spec.directory_root)


def look_at(directory: Path, specs: Iterable[InventorySpec]) -> tuple[Tree, dict[str, Census]]:
    """Walk a release; of each owned directory only the first files are in the tree.

    Args:
        directory: The release directory.
        specs: The inventories whose directories lie in it.

    Returns:
        The tree, and what each owned directory holds, by its path.

    Raises:
        UsageError, UndecidedError: As `walk`.
    """
    owned = owned_directories(specs)
    enter = (lambda path: not is_owned(path, owned)) if owned else None
    tree = walk(directory, leave_out=OWN_FILES, enter=enter)
    shown: list[FileStat] = []
    counted: dict[str, Census] = {}
    for path in sorted(owned):
        files = (f for f in OrderedWalk(Root.of(tree), path) if isinstance(f, FileStat))
        first = list(islice(files, _SHOWN))
        shown += first
        number, size = len(first), sum(f.size for f in first)
        for file in files:
            number += 1
            size += file.size
        counted[path] = Census(number, size)
    if not shown:
        return tree, counted
    return dataclasses.replace(tree, files=tuple(sorted([*tree.files, *shown]))), counted


def with_owned(
    files: Files, spec: InventorySpec | None, source: Source, owned: Mapping[str, Census]
) -> Files:
    """The files of a component, with those that its inventory lists.

    The inventory itself is no evidence of what it lists, and is not among them.

    Args:
        files: The files that its patterns name.
        spec: Its inventory; None when it has none.
        source: The release.
        owned: What the owned directories hold, where the source has a few of it.
    """
    if spec is None:
        return files
    if spec.directory_root:
        return dataclasses.replace(files, elsewhere=files.elsewhere + 1)
    prefix = f"{spec.directory}/"
    known = {f.path for f in files.here} | {spec.path}
    kept = tuple(f for f in files.here if f.path != spec.path)
    inside = [f for f in source.files if f.path.startswith(prefix) and f.path not in known]
    size = sum(f.size for f in inside)
    counted = owned.get(spec.directory, Census(len(inside), size))
    return dataclasses.replace(
        files,
        here=(*kept, *inside),
        more=max(counted.files - len(inside), 0),
        more_size=max(counted.size - size, 0),
    )
