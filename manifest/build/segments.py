"""Segments of a training: from one published checkpoint to the next (spec/replay.md, "Segments").

What leads where follows from the manifest alone.
"""

from __future__ import annotations

from manifest.build.checkpoints import ResolvedCheckpoint, find_checkpoint, resolve_checkpoints
from manifest.display import printable
from manifest.document.manifest_file import Manifest
from manifest.errors import UsageError
from manifest.records import record

__all__ = ["Segment", "segment_between"]


@record(frozen=True, slots=True)
class Segment:
    """A part of the training.

    Attributes:
        start: The checkpoint that it begins with.
        end: The checkpoint that it leads to.
        way: Every checkpoint after the first up to the last, each the parent of the next.
    """

    start: ResolvedCheckpoint
    end: ResolvedCheckpoint
    way: tuple[ResolvedCheckpoint, ...]

    @property
    def names(self) -> tuple[str, str]:
        """The names of its two checkpoints."""
        return self.start.name, self.end.name

    @property
    def data(self) -> str:
        """The ranges of data that it consumes, as its checkpoints say them, commas between."""
        return ",".join(one.data for one in self.way if one.data)


def segment_between(manifest: Manifest, start: str, end: str) -> Segment:
    """The part of the training from ``start`` to ``end``, however many checkpoints lie between.

    Raises:
        UsageError: There is no such checkpoint, it has no files here, or ``end`` does not descend
            from ``start``.
        DocumentError: Two checkpoints have one name.
    """
    found = resolve_checkpoints(manifest)
    first, last = find_checkpoint(found, start), find_checkpoint(found, end)
    for one in (first, last):
        if not one.files:
            raise UsageError(
                f"the checkpoint {printable(one.name)} has no files in the manifest",
                remedy="choose one that the release holds: `manifest checkpoints` lists them",
            )
    by_name = {one.name: one for one in found}
    way: list[ResolvedCheckpoint] = []
    here: ResolvedCheckpoint | None = last
    while here is not None and here is not first and here not in way:
        way.append(here)
        here = by_name.get(here.parent)
    if here is not first or not way:
        raise UsageError(
            f"{printable(end)} does not descend from {printable(start)}",
            remedy="the parents of checkpoints in release.yaml say what leads where",
        )
    return Segment(first, last, tuple(reversed(way)))
