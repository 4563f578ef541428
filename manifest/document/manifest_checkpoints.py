"""The checkpoints of a manifest: resolved, one line each (spec/checkpoints.md, "In the manifest")."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from manifest.display import printable
from manifest.document.manifest_entries import ManifestFile, files_digest
from manifest.document.manifest_weights import WeightsSet
from manifest.errors import DocumentError
from manifest.records import record

__all__ = [
    "MAX_CHECKPOINTS",
    "ResolvedCheckpoint",
    "check_checkpoints",
    "checkpoint_lines",
    "checkpoints_from_plain",
    "weights_digests",
    "without_files",
]

MAX_CHECKPOINTS = 10_000
"""The most checkpoints of one release; the longest index that is published has 1,500."""

_OPTIMIZER = ("optimizer", "optim_states", "optim.")
_RANDOM = ("rng_state", "random_state", "rng.")


@record(frozen=True, slots=True)
class ResolvedCheckpoint:
    """One checkpoint.

    Attributes:
        name: Unique in its release.
        stage: The stage of the recipe; empty when nothing says.
        step: Optimizer steps taken; None when nothing says.
        ordinal: What its name counts instead, as ``ckpt_358`` does; None when it counts nothing.
        tokens: Tokens seen; None when nothing says.
        data: The range of the data that it consumed since its parent, as ``3-4``; empty when
            nothing says.
        parent: The checkpoint before it in its stage, or the one that the description names.
        location: Where an index says it lies; empty when none does.
        reference: Where it lies, as the fields of a reference; empty when nothing says.
        listed_sha256: Of its weights, as an index lists it; never measured.
        files: Its files, in the manifest's order.
        weights_digest: Of its weights, where it holds one set; else empty.
    """

    name: str
    stage: str = ""
    step: int | None = None
    ordinal: int | None = None
    tokens: int | None = None
    data: str = ""
    parent: str = ""
    location: str = ""
    reference: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    listed_sha256: str = ""
    files: tuple[ManifestFile, ...] = ()
    weights_digest: str = ""

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)

    @property
    def root_digest(self) -> str:
        """Over its files, as a manifest's is over all; empty without any."""
        return files_digest(self.files) if self.files else ""

    @property
    def has_optimizer(self) -> bool:
        """Whether a file is named as the state of an optimizer is."""
        return _any_named(self.files, _OPTIMIZER)

    @property
    def has_random_state(self) -> bool:
        """Whether a file is named as the state of a random number generator is."""
        return _any_named(self.files, _RANDOM)


def _any_named(files: Iterable[ManifestFile], words: Sequence[str]) -> bool:
    return any(w in f.path.rpartition("/")[2].lower() for f in files for w in words)


def weights_digests(sets: Iterable[WeightsSet]) -> dict[str, str]:
    """The weights digest of each set, by the full path of each of its files."""
    return {file.full_path: one.weights_digest for one in sets for file in one.files}


def checkpoint_lines(checkpoints: Sequence[ResolvedCheckpoint]) -> Iterator[str]:
    """The lines of the field ``checkpoints`` in ``manifest.json``, from its name to its bracket."""
    yield '  "checkpoints": ['
    last = len(checkpoints) - 1
    for index, one in enumerate(checkpoints):
        line = json.dumps(_plain(one), ensure_ascii=False)
        yield f"    {line}{',' if index < last else ''}"
    yield "  ]"


def _plain(one: ResolvedCheckpoint) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": one.name}
    fields = ("stage", "step", "ordinal", "tokens", "data", "parent", "location")
    plain |= {f: getattr(one, f) for f in fields if getattr(one, f) not in (None, "")}
    if one.reference:
        plain["reference"] = {k: one.reference[k] for k in sorted(one.reference, key=str.encode)}
    if one.listed_sha256:
        plain["listed_sha256"] = one.listed_sha256
    if one.files:
        plain["files"] = [f.full_path for f in one.files]
        plain["root_digest"] = one.root_digest
    if one.weights_digest:
        plain["weights_digest"] = one.weights_digest
    plain |= {
        field: True
        for field, is_there in (
            ("optimizer_state", one.has_optimizer),
            ("random_state", one.has_random_state),
        )
        if is_there
    }
    return plain


def without_files(plain: Any) -> Any:
    """The section less the paths in it, which are not the schema's to check: there are so many.

    `checkpoints_from_plain` takes only those that the manifest lists.
    """
    if not isinstance(plain, list):
        return plain
    if len(plain) > MAX_CHECKPOINTS:
        raise DocumentError(f"checkpoints: lists more than {MAX_CHECKPOINTS:,}")
    return [
        {**one, "files": ["x"]}
        if isinstance(one, dict) and isinstance(one.get("files"), list) and one["files"]
        else one
        for one in plain
    ]


def checkpoints_from_plain(
    plain: Sequence[Mapping[str, Any]], files: Sequence[ManifestFile], name: str
) -> tuple[ResolvedCheckpoint, ...]:
    """The checkpoints that plain values, which the schema accepts, stand for.

    Raises:
        DocumentError: One has a file that the manifest does not list.
    """
    known = {file.full_path: file for file in files}
    found = []
    for index, fields in enumerate(plain):
        paths = fields.get("files", ())
        odd = next((p for p in paths if not isinstance(p, str) or p not in known), None)
        if odd is not None:
            raise DocumentError(
                f"{name}: checkpoints[{index}]: {printable(str(odd))} is not among the files of "
                "the manifest"
            )
        found.append(
            ResolvedCheckpoint(
                name=fields["name"],
                reference=fields.get("reference", {}),
                files=tuple(known[p] for p in paths),
                weights_digest=fields.get("weights_digest", ""),
                stage=fields.get("stage", ""),
                step=fields.get("step"),
                ordinal=fields.get("ordinal"),
                tokens=fields.get("tokens"),
                data=fields.get("data", ""),
                parent=fields.get("parent", ""),
                location=fields.get("location", ""),
                listed_sha256=fields.get("listed_sha256", ""),
            )
        )
    return tuple(found)


def check_checkpoints(
    checkpoints: Sequence[ResolvedCheckpoint],
    plain: Sequence[Mapping[str, Any]],
    weights: Sequence[WeightsSet],
    name: str,
) -> None:
    """Hold the section against the files and the weights of the manifest.

    Raises:
        DocumentError: Two checkpoints have one name; files are out of order; a digest, or what is
            said of states, is not that of its files.
    """
    digests = weights_digests(weights)
    seen: set[str] = set()
    for index, (one, fields) in enumerate(zip(checkpoints, plain, strict=True)):
        place = f"{name}: checkpoints[{index}]"
        if one.name in seen:
            raise DocumentError(f"{place}: a second checkpoint is called {printable(one.name)}")
        seen.add(one.name)
        if list(one.files) != sorted(set(one.files), key=lambda f: (f.root, f.path)):
            raise DocumentError(f"{place}.files: one is listed twice or out of order")
        mine = {digests[f.full_path] for f in one.files if f.full_path in digests}
        right = (
            one.root_digest,
            mine.pop() if len(mine) == 1 else "",
            one.has_optimizer,
            one.has_random_state,
        )
        said = ("root_digest", "weights_digest", "optimizer_state", "random_state")
        for field, value in zip(said, right, strict=True):
            if fields.get(field, type(value)()) != value:
                raise DocumentError(f"{place}.{field}: is not that of its files")
