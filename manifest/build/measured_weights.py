"""The weights that lie in a directory, whatever describes them (spec/tensors.md)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from manifest.build.weights import TensorPlan, shard_groups, weights_sets
from manifest.document.manifest_weights import WeightsSet
from manifest.errors import DocumentError
from manifest.inventory import OWN_FILES, walk
from manifest.inventory.tensors import hash_ranges
from manifest.readers.tensors import SUFFIXES, read_tensor_layout
from manifest.sources.directory import DirectorySource

__all__ = ["measured_weights"]


def measured_weights(
    directory: Path, *, only: Collection[str] | None = None
) -> tuple[WeightsSet, ...]:
    """Hash the tensors of the safetensors and GGUF files of a directory.

    Args:
        directory: A directory, or a snapshot of a hub cache.
        only: Paths of the files to read; None for all of them.

    Returns:
        One set per model, in the order of their first files; files whose headers cannot be read
        are in none.

    Raises:
        DocumentError: Two shards hold a tensor of one name.
        UndecidedError: A file cannot be read, or changed meanwhile.
        UsageError: There is no such directory.
    """
    tree = walk(directory, leave_out=OWN_FILES)
    source = DirectorySource.of(tree)
    paths = [
        file.path
        for file in tree.files
        if file.path[file.path.rfind(".") :].lower() in SUFFIXES
        and (only is None or file.path in only)
    ]
    sets = []
    for group in shard_groups(source, paths):
        try:
            layouts = tuple((("", path), read_tensor_layout(source, path)) for path in group)
        except DocumentError:
            continue
        if any(layout.tensors for _, layout in layouts):
            sets.append(layouts)
    plan = TensorPlan(tuple(sets))
    hashed = {("", one.path): one for one in hash_ranges(tree, plan.requests(""))}
    return weights_sets(plan, hashed)
