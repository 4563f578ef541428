"""What the repetition of a segment is given, and what it must not see (spec/replay.md, "Inputs")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from manifest.build.checkpoints import resolve_checkpoints
from manifest.build.segments import Segment, compared_files, directory_of
from manifest.display import printable
from manifest.document.assignment import split_root
from manifest.document.manifest_file import Manifest, ManifestFile
from manifest.document.replay import ReplayRecipe
from manifest.errors import UsageError
from manifest.inventory import compile_glob
from manifest.readers.chunk_index import Chunk
from manifest.records import record

__all__ = ["Parts", "parts_of"]

_USUAL = frozenset(
    {
        "data-order",
        "data-preprocessing-code",
        "datasets",
        "model-architecture",
        "supporting-libraries",
        "tokenizer",
        "training-code",
        "training-configuration",
    }
)
"""Kinds of components that a training reads."""
_ANSWERS = frozenset({"model-parameters-final", "model-parameters-intermediate"})
"""Kinds whose files are what a training makes."""


@record(frozen=True, slots=True)
class Parts:
    """The files of one segment.

    Attributes:
        checkpoint: Those of the checkpoint that it begins with.
        checkpoint_directory: The directory that holds them, ``root:`` before it in a named root.
        inputs: What the command reads beside them.
        kept_out: What was asked for and is not given: it holds the answer, or a part of it.
        expected: The files of the published checkpoint that are compared, by their paths in it.
        not_compared: Its other files, by their paths in it.
    """

    checkpoint: tuple[ManifestFile, ...]
    checkpoint_directory: tuple[str, str]
    inputs: tuple[ManifestFile, ...]
    kept_out: tuple[ManifestFile, ...]
    expected: Mapping[str, ManifestFile]
    not_compared: tuple[str, ...]

    @property
    def given(self) -> tuple[ManifestFile, ...]:
        """Every file that the command can read."""
        return tuple(dict.fromkeys((*self.inputs, *self.checkpoint)))


def parts_of(
    manifest: Manifest, recipe: ReplayRecipe, segment: Segment, chunks: Iterable[Chunk] = ()
) -> Parts:
    """The files that a segment needs, and those that it must not see.

    Args:
        manifest: The manifest.
        recipe: How a segment is repeated.
        segment: Which.
        chunks: The release's chunk index: of the files that it lists, only those of the segment
            are given.

    Raises:
        UsageError: A pattern of the recipe matches nothing, or a checkpoint is in two roots.
    """
    wanted = dict.fromkeys(_wanted(manifest, recipe))
    listed, consumed = _of_chunks(manifest, segment, chunks)
    wanted = dict.fromkeys([f for f in wanted if f not in listed] + list(consumed))
    hidden = _hidden(manifest, segment)
    start = segment.start
    compared, rest = compared_files(segment, recipe)
    return Parts(
        checkpoint=start.files,
        checkpoint_directory=directory_of(start),
        inputs=tuple(f for f in wanted if f not in hidden and f not in start.files),
        kept_out=tuple(f for f in wanted if f in hidden),
        expected=compared,
        not_compared=rest,
    )


def _wanted(manifest: Manifest, recipe: ReplayRecipe) -> Iterator[ManifestFile]:
    """What the recipe asks for, or what a training usually reads."""
    if not recipe.inputs:
        usual = {c.id for c in manifest.components if c.kind.id in _USUAL}
        lock = manifest.release["training"].get("environment", {}).get("lockfile", "")
        for file in manifest.files:
            if usual.intersection(file.components) or file.full_path == lock:
                yield file
        return
    roots = manifest.release.get("roots", {})
    for pattern in recipe.inputs:
        root, rest = split_root(pattern, roots)
        matcher = compile_glob(rest, where="training.replay.inputs")
        found = [f for f in manifest.files if f.root == root and matcher.matches(f.path)]
        if not found:
            raise UsageError(
                f"training.replay.inputs: {printable(pattern)} matches no file of the manifest",
                remedy="ask the publisher: the segment cannot be repeated without it",
            )
        yield from found


def _of_chunks(
    manifest: Manifest, segment: Segment, chunks: Iterable[Chunk]
) -> tuple[frozenset[ManifestFile], tuple[ManifestFile, ...]]:
    """The files that a chunk index lists, and those of them that the segment consumes."""
    files = {f.full_path: f for f in manifest.files}
    names = {one.name for one in segment.way}
    low, high = segment.start.step, segment.end.step
    listed, consumed = [], []
    for chunk in chunks:
        file = files.get(chunk.file)
        if file is None:
            continue
        listed.append(file)
        if chunk.checkpoint:
            inside = chunk.checkpoint in names
        else:
            inside = (
                chunk.step is not None
                and low is not None
                and high is not None
                and low < chunk.step <= high
            )
        if inside:
            consumed.append(file)
    return frozenset(listed), tuple(consumed)


def _hidden(manifest: Manifest, segment: Segment) -> frozenset[ManifestFile]:
    """What holds the answer: other checkpoints, published weights, and copies of the end's files.

    A file that the first checkpoint holds too, by its path or its bytes, gives nothing away.
    """
    own, own_bytes = set(segment.start.files), {f.sha256 for f in segment.start.files}
    others = {f for one in resolve_checkpoints(manifest) for f in one.files}
    answers = {c.id for c in manifest.components if c.kind.id in _ANSWERS}
    copies = {f.sha256 for f in segment.end.files} - own_bytes
    return frozenset(
        f
        for f in manifest.files
        if f not in own
        and (f in others or f.sha256 in copies or not answers.isdisjoint(f.components))
    )
