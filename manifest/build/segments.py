"""Segments of a training: from one published checkpoint to the next (spec/replay.md, "Segments").

Which segments a release has follows from its manifest alone, and so does which of them a nonce
draws: whoever reads an attestation derives both again.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping

from manifest.build.checkpoints import ResolvedCheckpoint, find_checkpoint, resolve_checkpoints
from manifest.display import printable
from manifest.document.manifest_file import Manifest, ManifestFile
from manifest.document.replay import ReplayRecipe
from manifest.errors import UsageError
from manifest.inventory import compile_glob
from manifest.records import record

__all__ = [
    "NONCE_BYTES",
    "Segment",
    "compared_files",
    "directory_of",
    "draw",
    "segment_between",
    "segments_of",
]

NONCE_BYTES = 32
_DRAW = b"model-release-manifest/replay-draw/1\0"


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


def segments_of(manifest: Manifest) -> tuple[Segment, ...]:
    """The segments that a release's own files allow to repeat, in the order of their ends.

    Each leads to a checkpoint with files in the manifest from the nearest one before it that has
    files too: those on the way are named by an index or a list of branches alone.

    Raises:
        DocumentError: Two checkpoints have one name.
    """
    found = resolve_checkpoints(manifest)
    by_name = {one.name: one for one in found}
    return tuple(
        segment for one in found if one.files and (segment := _segment_to(one, by_name)) is not None
    )


def _segment_to(
    end: ResolvedCheckpoint, by_name: Mapping[str, ResolvedCheckpoint]
) -> Segment | None:
    way = [end]
    start = by_name.get(end.parent)
    while start is not None and not start.files:
        if start in way:
            return None
        way.append(start)
        start = by_name.get(start.parent)
    if start is None or start in way:
        return None
    return Segment(start, end, tuple(reversed(way)))


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


def directory_of(checkpoint: ResolvedCheckpoint) -> tuple[str, str]:
    """The root and the directory that hold a checkpoint's files.

    Raises:
        UsageError: They lie in several roots.
    """
    roots = {f.root for f in checkpoint.files}
    if len(roots) != 1:
        raise UsageError(
            f"the checkpoint {printable(checkpoint.name)} lies in several roots",
            remedy="only a checkpoint that one directory holds can be repeated",
        )
    directories = [posixpath.dirname(f.path) for f in checkpoint.files]
    return roots.pop(), posixpath.commonpath(directories) if all(directories) else ""


def compared_files(
    segment: Segment, recipe: ReplayRecipe
) -> tuple[dict[str, ManifestFile], tuple[str, ...]]:
    """The files of a segment's end that are compared, by their paths in it, and the other paths.

    Raises:
        UsageError: The recipe compares none of them, or they lie in several roots.
    """
    _, directory = directory_of(segment.end)
    files = {f.path[len(directory) + 1 :] if directory else f.path: f for f in segment.end.files}
    if not recipe.compare:
        return files, ()
    matchers = [compile_glob(p, where="training.replay.compare") for p in recipe.compare]
    compared = {p: f for p, f in files.items() if any(m.matches(p) for m in matchers)}
    if not compared:
        raise UsageError(
            "training.replay.compare matches no file of the checkpoint",
            remedy="ask the publisher: nothing would be compared",
        )
    return compared, tuple(p for p in files if p not in compared)


def draw(manifest_digest: str, nonce: bytes, count: int, segments: int) -> tuple[int, ...]:
    """Which segments a nonce draws, in the order in which it draws them (spec/replay.md, "Draws").

    The first ``count`` places of a Fisher-Yates shuffle of 0 to ``segments`` - 1, whose numbers
    are drawn without bias from SHA-256 in counter mode.

    Args:
        manifest_digest: SHA-256 of ``manifest.json`` in hex.
        nonce: 32 bytes that the person who repeats chose at random.
        count: How many to draw.
        segments: Of how many.

    Raises:
        UsageError: The nonce has another length, or there are fewer segments than that.
    """
    if len(nonce) != NONCE_BYTES:
        raise UsageError(f"a nonce has {NONCE_BYTES} bytes; this one has {len(nonce)}")
    if not 1 <= count <= segments:
        raise UsageError(
            f"{count:,} of {segments:,} segments cannot be drawn",
            remedy="draw at least one, and not more than there are",
        )
    seed = hashlib.sha256(
        _DRAW
        + bytes.fromhex(manifest_digest)
        + nonce
        + segments.to_bytes(8, "big")
        + count.to_bytes(8, "big")
    ).digest()
    places: dict[int, int] = {}  # what was exchanged; any other place holds its own number
    drawn: list[int] = []
    block = 0
    for index in range(count):
        width = segments - index
        limit = 2**64 - 2**64 % width
        while True:
            digest = hashlib.sha256(seed + block.to_bytes(8, "big")).digest()
            block += 1
            value = int.from_bytes(digest[:8], "big")
            if value < limit:
                break
        other = index + value % width
        drawn.append(places.get(other, other))
        places[other] = places.get(index, index)
    return tuple(drawn)
