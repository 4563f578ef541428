"""What is compared: a release by its manifest, or one component or checkpoint of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from manifest.build import build
from manifest.build.checkpoints import resolve_checkpoints
from manifest.build.tree import read_regular
from manifest.compare.report import SideInfo
from manifest.display import printable
from manifest.document.components import resolve_kind
from manifest.document.manifest_entries import ManifestFile
from manifest.document.manifest_file import FILE_NAME, MAX_BYTES, Manifest, parse_manifest
from manifest.document.manifest_weights import WeightsSet
from manifest.errors import UsageError
from manifest.inventory import Progress

__all__ = ["Side", "open_side"]

_MAX_SHOWN = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        info: What it is.
        manifest: The manifest of the release that it is, or is a part of.
        files: Its files by the name under which they are compared: the path, or what follows the
            directory that holds the whole selection.
        weights: The weights that lie in these files.
        component: The component's id, where one was selected.
        cut: How many characters of a path its name leaves out.
    """

    info: SideInfo
    manifest: Manifest
    files: Mapping[str, ManifestFile]
    weights: tuple[WeightsSet, ...]
    component: str = ""
    cut: int = 0

    def names_of(self, weights: WeightsSet) -> tuple[str, ...]:
        """The names under which the files of a model are compared."""
        return tuple(f.full_path[self.cut :] for f in weights.files)


def open_side(
    target: str | os.PathLike[str],
    *,
    component: str | None = None,
    progress: Progress | None = None,
) -> Side:
    """Open one side.

    Args:
        target: A release directory or a ``manifest.json``; ``#NAME`` behind it selects a
            component by id, kind or short name, or a checkpoint by its name. A directory
            without a manifest is hashed by its ``release.yaml``.
        component: The same selection, where ``target`` has none.
        progress: Told what was hashed.

    Raises:
        UsageError: No such file, directory, component or checkpoint.
        DocumentError: The manifest or the description is not valid.
        TreeError: The directory has no description either, or holds what none can list.
        UndecidedError: It cannot be read.
    """
    text = os.fspath(target)
    path, selection = text, component or ""
    if not os.path.lexists(text):
        before, mark, after = text.rpartition("#")
        if mark and after:
            path, selection = before, after
    if not os.path.lexists(path):
        raise UsageError(f"{printable(path)}: there is no such file or directory")
    manifest, built = _manifest(Path(path), progress)
    selected, id_ = _select(manifest, selection, path)
    info = SideInfo(
        target=text,
        name=manifest.name,
        version=manifest.version,
        root_digest=manifest.root_digest,
        selection=selection,
        built=built,
    )
    cut = _prefix([f.full_path for f in selected]) if selection else 0
    there = {f.full_path for f in selected}
    return Side(
        info=info,
        manifest=manifest,
        files={f.full_path[cut:]: f for f in selected},
        weights=tuple(
            one for one in manifest.weights if all(f.full_path in there for f in one.files)
        ),
        component=id_,
        cut=cut,
    )


def _manifest(path: Path, progress: Progress | None) -> tuple[Manifest, bool]:
    file = path / FILE_NAME if path.is_dir() else path
    if file is not path and not os.path.lexists(file):
        return build(path, progress=progress).manifest, True
    data = read_regular(file, max_bytes=MAX_BYTES)
    return parse_manifest(data, name=printable(str(file))), False


def _select(manifest: Manifest, selection: str, target: str) -> tuple[Sequence[ManifestFile], str]:
    """The files of a component or a checkpoint, and the component's id."""
    if not selection:
        return manifest.files, ""
    ids = [c.id for c in manifest.components if c.id == selection]
    if not ids and (kind := resolve_kind(selection)) is not None:
        ids = [c.id for c in manifest.components if c.kind is kind]
    checkpoints = {c.name: c for c in resolve_checkpoints(manifest) if c.files}
    files: Sequence[ManifestFile] = [
        f for f in manifest.files if not set(ids).isdisjoint(f.components)
    ]
    if not ids and selection in checkpoints:
        files = checkpoints[selection].files
    if not files:
        known = [c.id for c in manifest.components if c.file_count]
        known += list(checkpoints)[:_MAX_SHOWN]
        raise UsageError(
            f"{printable(target)} has no component or checkpoint with files that is called "
            f"{printable(selection)}",
            remedy=f"it has: {printable(', '.join(known)) or 'none'}",
        )
    return files, ids[0] if len(ids) == 1 else ""


def _prefix(paths: Sequence[str]) -> int:
    """The length of the directory that all paths have in common, with its slash."""
    first, last = min(paths), max(paths)
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first.rfind("/", 0, shared) + 1
