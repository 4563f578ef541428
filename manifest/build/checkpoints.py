"""Checkpoints of a release, resolved from its manifest (spec/checkpoints.md).

A description lists checkpoints one by one (``entries``), by the directories they lie in
(``directories``) or by an index. Here each becomes a value with its files; what a name says of
step and tokens fills in what nobody wrote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from manifest.display import printable
from manifest.document.assignment import split_root
from manifest.document.description import Checkpoint
from manifest.document.manifest_file import Manifest, ManifestFile
from manifest.errors import DocumentError, UsageError
from manifest.inventory.globs import compile_glob
from manifest.readers.checkpoint_index import parse_checkpoint_index
from manifest.readers.checkpoint_names import facts_of, link_parts
from manifest.readers.chunk_index import Chunk

__all__ = [
    "ResolvedCheckpoint",
    "chunk_problems",
    "find_checkpoint",
    "resolve_checkpoints",
    "segment_chunks",
]

_OPTIMIZER = ("optimizer", "optim_states", "optim.")
_RANDOM = ("rng_state", "random_state", "rng.")


@dataclasses.dataclass(frozen=True, slots=True)
class ResolvedCheckpoint:
    """One checkpoint.

    Attributes:
        name: Unique in its release.
        stage: The stage of the recipe; empty when nothing says.
        step: Optimizer steps taken; None when nothing says.
        ordinal: What its name counts instead, as ``ckpt_358`` does; None when it counts nothing.
        tokens: Tokens seen; None when nothing says.
        data: The range of the data that it consumed since its parent, as written.
        parent: The checkpoint before it in its stage, or the one that the description names.
        files: Its files, in the manifest's order.
        location: Where an index or a reference says it lies; empty when it is in the release.
        weights_digest: Of its weights, where it holds one set; else empty.
    """

    name: str
    stage: str = ""
    step: int | None = None
    ordinal: int | None = None
    tokens: int | None = None
    data: str = ""
    parent: str = ""
    files: tuple[ManifestFile, ...] = ()
    location: str = ""
    weights_digest: str = ""

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)

    @property
    def has_optimizer(self) -> bool:
        """Whether a file is named as the state of an optimizer is."""
        return _any_named(self.files, _OPTIMIZER)

    @property
    def has_random_state(self) -> bool:
        """Whether a file is named as the state of a random number generator is."""
        return _any_named(self.files, _RANDOM)


def resolve_checkpoints(
    manifest: Manifest, index: bytes | None = None
) -> tuple[ResolvedCheckpoint, ...]:
    """The checkpoints of a release: entries as listed, then the others by stage and step.

    Args:
        manifest: The manifest; its description says where checkpoints are.
        index: The bytes of ``checkpoints.index``; None leaves out what only the index names.

    Raises:
        DocumentError: Two checkpoints have one name, or the index cannot be read.
    """
    description = manifest.description()
    fields = description.fields.get("checkpoints", {})
    roots = manifest.release.get("roots", {})
    listed = [_from_entry(entry, manifest, roots) for entry in description.checkpoints]
    bulk = list(_from_directories(fields.get("directories", ()), manifest, roots))
    names = {one.name for one in listed}
    for one in bulk:
        if one.name in names:
            raise DocumentError(
                f"two checkpoints are called {printable(one.name)}",
                remedy="leave one out of checkpoints.directories or checkpoints.entries",
            )
        names.add(one.name)
    if index is not None and "index" in fields:
        bulk = _with_index(index, str(fields["index"]), listed, bulk)
    digests = _weights_digests(manifest)
    return tuple(_with_weights(one, digests) for one in (*listed, *_chained(bulk)))


def find_checkpoint(checkpoints: Iterable[ResolvedCheckpoint], name: str) -> ResolvedCheckpoint:
    """The checkpoint of that name.

    Raises:
        UsageError: There is none.
    """
    for one in checkpoints:
        if one.name == name:
            return one
    raise UsageError(
        f"no checkpoint is called {printable(name)}", remedy="`manifest checkpoints` lists them"
    )


def segment_chunks(
    checkpoints: Sequence[ResolvedCheckpoint], chunks: Iterable[Chunk], start: str, end: str
) -> tuple[Chunk, ...]:
    """The data between two checkpoints of one stage: after ``start``, up to and with ``end``.

    Raises:
        UsageError: There is no such checkpoint, they are of two stages, or in the other order.
    """
    first, last = find_checkpoint(checkpoints, start), find_checkpoint(checkpoints, end)
    stage = [one for one in checkpoints if one.stage == first.stage]
    if last not in stage or stage.index(first) >= stage.index(last):
        raise UsageError(
            f"{printable(end)} does not come after {printable(start)} in one stage",
            remedy="give the earlier checkpoint first",
        )
    names = {one.name for one in stage[stage.index(first) + 1 : stage.index(last) + 1]}
    low, high = first.step, last.step
    return tuple(
        chunk
        for chunk in chunks
        if (
            chunk.checkpoint in names
            if chunk.checkpoint
            else None not in (chunk.step, low, high) and low < chunk.step <= high  # type: ignore[operator]  # None is ruled out above
        )
    )


def chunk_problems(
    manifest: Manifest, checkpoints: Sequence[ResolvedCheckpoint], chunks: Iterable[Chunk]
) -> Iterator[tuple[int, str]]:
    """Lines of a chunk index that the release contradicts, and how.

    A chunk that is not among the release's files is not a problem: its data may lie elsewhere.
    """
    files = {file.full_path: file for file in manifest.files}
    names = {one.name for one in checkpoints}
    for chunk in chunks:
        if chunk.checkpoint and chunk.checkpoint not in names:
            yield chunk.line, f"no checkpoint is called {printable(chunk.checkpoint)}"
        file = files.get(chunk.file)
        if file is not None and chunk.sha256 and chunk.sha256 != file.sha256:
            yield chunk.line, f"{printable(chunk.file)} has another SHA-256 in the manifest"


def _from_entry(
    entry: Checkpoint, manifest: Manifest, roots: Mapping[str, object]
) -> ResolvedCheckpoint:
    files: dict[str, ManifestFile] = {}
    for pattern in entry.files:
        root, rest = split_root(pattern, roots)
        matcher = compile_glob(rest, where="checkpoints.entries")
        files.update(
            (f.full_path, f) for f in manifest.files if f.root == root and matcher.matches(f.path)
        )
    return ResolvedCheckpoint(
        entry.name,
        entry.stage,
        entry.step,
        None,
        entry.tokens,
        entry.data,
        entry.parent,
        tuple(files.values()),
    )


def _from_directories(
    patterns: Sequence[str], manifest: Manifest, roots: Mapping[str, object]
) -> Iterator[ResolvedCheckpoint]:
    found: dict[tuple[str, str], list[ManifestFile]] = {}
    for pattern in patterns:
        root, rest = split_root(pattern, roots)
        rest = rest.removesuffix("/")
        matcher = compile_glob(rest, where="checkpoints.directories")
        depth = rest.count("/") + 1
        for file in manifest.files:
            parts = file.path.split("/")
            directory = "/".join(parts[:depth])
            if file.root == root and len(parts) > depth and matcher.matches(directory):
                found.setdefault((root, directory), []).append(file)
    for (_, directory), files in found.items():
        facts = facts_of(directory)
        yield ResolvedCheckpoint(
            directory.rpartition("/")[2],
            f"stage{facts.stages[0]}" if len(facts.stages) == 1 else "",
            facts.step,
            facts.ordinals[0][1] if facts.ordinals and facts.step is None else None,
            facts.tokens.value if facts.tokens else None,
            files=tuple(dict.fromkeys(files)),
        )


def _with_index(
    data: bytes,
    name: str,
    listed: Sequence[ResolvedCheckpoint],
    bulk: Sequence[ResolvedCheckpoint],
) -> list[ResolvedCheckpoint]:
    """The checkpoints of an index, with the files of those that lie in the release."""
    taken = {one.name for one in listed}
    here = {one.name: one for one in bulk}
    names: set[str] = set()
    found: list[ResolvedCheckpoint] = []
    for row in parse_checkpoint_index(data, name).rows:
        parts = link_parts(row.target)[2].split("/")
        known = next((n for n in (row.label, parts[-1]) if n in here), "")
        options = (known, row.label, parts[-1], "/".join(parts[-2:]), row.target)
        shown = next((n for n in options if n and n not in names), "")
        if not shown or shown in taken:
            continue  # CKP005 tells of rows that come twice
        names.add(shown)
        facts = facts_of(row.target or row.label)
        stage = row.stage or (f"stage{facts.stages[0]}" if len(facts.stages) == 1 else "")
        series = row.ingredient or "+".join(map(str, facts.ingredients))
        tokens = row.tokens or facts.tokens
        base = here.pop(known, ResolvedCheckpoint(shown)) if known else ResolvedCheckpoint(shown)
        found.append(
            dataclasses.replace(
                base,
                stage=f"{stage} ingredient {series}".strip() if series else stage,
                step=facts.step if row.step is None else row.step,
                tokens=tokens.value if tokens else base.tokens,
                location=row.target,
            )
        )
    return [*found, *here.values()]


def _chained(bulk: Sequence[ResolvedCheckpoint]) -> Iterator[ResolvedCheckpoint]:
    """In order of stage and step, each with the one before it in its stage as its parent."""
    stages = {stage: n for n, stage in enumerate(dict.fromkeys(one.stage for one in bulk))}

    def key(one: ResolvedCheckpoint) -> tuple[int, bool, int]:
        position = one.ordinal if one.step is None else one.step
        return stages[one.stage], position is None, position or 0

    before: ResolvedCheckpoint | None = None
    for one in sorted(bulk, key=key):
        same = before is not None and before.stage == one.stage
        yield dataclasses.replace(one, parent=before.name) if same and before else one
        before = one


def _weights_digests(manifest: Manifest) -> dict[str, str]:
    """The weights digest of each set, by each of its files."""
    return {
        file.full_path: weights.weights_digest
        for weights in manifest.weights
        for file in weights.files
    }


def _with_weights(one: ResolvedCheckpoint, digests: Mapping[str, str]) -> ResolvedCheckpoint:
    found = {digests[f.full_path] for f in one.files if f.full_path in digests}
    return dataclasses.replace(one, weights_digest=found.pop()) if len(found) == 1 else one


def _any_named(files: Iterable[ManifestFile], words: Sequence[str]) -> bool:
    return any(w in f.path.rpartition("/")[2].lower() for f in files for w in words)
