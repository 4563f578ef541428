"""How many files a release has, those of its inventories included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from manifest.display import human_size, plural

if TYPE_CHECKING:
    from manifest.document.manifest_file import Manifest
    from manifest.inventory.lines import Binding

__all__ = ["owned_of", "total_of", "with_owned"]


def with_owned(listed: int, size: int, bindings: Iterable[Binding]) -> str:
    """Files and bytes in words: those that a manifest lists, and those that inventories list."""
    owned = owned_of(bindings)
    text = plural(listed + owned["owned_count"], "file")
    text += f", {human_size(size + owned['owned_size'])}"
    return f"{text} ({owned['owned_count']:,} in inventories)" if owned["owned_count"] else text


def total_of(manifest: Manifest, listed: int) -> str:
    """The same of a whole release, of which so many files are listed one by one."""
    bindings = (bound.binding for bound in manifest.inventories)
    return with_owned(listed, manifest.total_size, bindings)


def owned_of(bindings: Iterable[Binding]) -> dict[str, int]:
    """The fields of a report that count what inventories list."""
    counts = [(binding.file_count, binding.total_size) for binding in bindings]
    return {"owned_count": sum(n for n, _ in counts), "owned_size": sum(s for _, s in counts)}
