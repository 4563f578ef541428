"""Two sides compared: claims, licenses, components, files and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from manifest.compare.report import (
    Change,
    ComponentChange,
    DiffReport,
    FieldChange,
    FileChange,
)
from manifest.compare.sides import Side
from manifest.compare.weights import compare_weights
from manifest.document.manifest_entries import ManifestFile
from manifest.document.manifest_file import Manifest, ManifestComponent

__all__ = ["compare_sides"]

_LICENSE_FIELDS = frozenset({"license", "license_name", "license_link", "licenses"})


def compare_sides(before: Side, after: Side) -> DiffReport:
    """Everything in which two sides differ.

    Where a component or a checkpoint was selected, only its files, its weights and the
    component's own fields are compared.
    """
    files = _files(before.files, after.files)
    weights, weights_same = compare_weights(before, after)
    if before.info.selection or after.info.selection:
        components: list[ComponentChange] = []
        fields = list(_selected_fields(before, after))
    else:
        components = list(_components(before.manifest, after.manifest))
        fields = list(_fields("release", before.manifest.release, after.manifest.release))
        fields += [f for c in components for f in c.fields if _is_license(f)]
    return DiffReport(
        before.info,
        after.info,
        licenses=tuple(f for f in fields if _is_license(f)),
        claims=tuple(f for f in fields if not _is_license(f)),
        components=tuple(components),
        files=tuple(files),
        weights=weights,
        files_same=len(after.files) - sum(1 for f in files if f.kind is not Change.REMOVED),
        weights_same=weights_same,
    )


def _is_license(change: FieldChange) -> bool:
    return not _LICENSE_FIELDS.isdisjoint(change.field.split("."))


def _selected_fields(before: Side, after: Side) -> Iterator[FieldChange]:
    one, other = (_component_of(side) for side in (before, after))
    if one is not None and other is not None:
        yield from _fields(f"components.{other.id}", one.fields, other.fields)


def _component_of(side: Side) -> ManifestComponent | None:
    return next((c for c in side.manifest.components if c.id == side.component), None)


_ABSENT: Any = object()


def _fields(place: str, before: Any, after: Any) -> Iterator[FieldChange]:
    """Every field that differs; objects are gone into, lists are compared as one."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys(), key=str.encode):
            inner = f"{place}.{key}"
            yield from _fields(inner, before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif before != after or type(before) is not type(after):
        yield FieldChange(
            place,
            None if before is _ABSENT else before,
            None if after is _ABSENT else after,
        )


def _components(before: Manifest, after: Manifest) -> Iterator[ComponentChange]:
    old, new = ({c.id: c for c in m.components} for m in (before, after))
    for id_ in sorted(old.keys() | new.keys(), key=str.encode):
        was, now = old.get(id_), new.get(id_)
        if was is None or now is None:
            yield ComponentChange(
                Change.ADDED if was is None else Change.REMOVED,
                id_,
                None if was is None else was.file_count,
                None if now is None else now.file_count,
            )
            continue
        fields = list(_fields(f"components.{id_}", was.fields, now.fields))
        if was.kind is not now.kind:
            fields.append(FieldChange(f"components.{id_}.kind", was.kind.id, now.kind.id))
        differ = was.root_digest != now.root_digest
        if fields or differ:
            yield ComponentChange(
                Change.CHANGED, id_, was.file_count, now.file_count, differ, tuple(fields)
            )


def _files(
    before: Mapping[str, ManifestFile], after: Mapping[str, ManifestFile]
) -> list[FileChange]:
    """The files that differ, in the order of their former or, where there is none, new names."""
    gone = [name for name in before if name not in after]
    came = [name for name in after if name not in before]
    renamed = _renamed(before, after, gone, came)
    changes = [
        FileChange(Change.RENAMED, old, new, *_both(before[old], after[new]))
        for old, new in renamed.items()
    ]
    taken = set(renamed.values())
    changes += (
        FileChange(Change.CHANGED, name, "", *_both(was, after[name]))
        for name, was in before.items()
        if name in after and _content(was) != _content(after[name])
    )
    changes += (
        FileChange(
            Change.REMOVED, name, size_before=before[name].size, sha256_before=before[name].sha256
        )
        for name in gone
        if name not in renamed
    )
    changes += (
        FileChange(Change.ADDED, name, size_after=after[name].size, sha256_after=after[name].sha256)
        for name in came
        if name not in taken
    )
    return sorted(changes, key=lambda c: (c.path, c.kind))


def _content(file: ManifestFile) -> tuple[int, str]:
    return file.size, file.sha256


def _both(was: ManifestFile, now: ManifestFile) -> tuple[int, int, str, str]:
    return was.size, now.size, was.sha256, now.sha256


def _renamed(
    before: Mapping[str, ManifestFile],
    after: Mapping[str, ManifestFile],
    gone: Sequence[str],
    came: Sequence[str],
) -> dict[str, str]:
    """Former names to new ones: files that went, paired with equal ones that came.

    Empty files are all equal, and are not paired.
    """
    places: dict[tuple[int, str], list[str]] = {}
    for name in reversed(came):
        places.setdefault(_content(after[name]), []).append(name)
    found = {}
    for name in gone:
        there = places.get(_content(before[name]), [])
        if there and before[name].size:
            found[name] = there.pop()
    return found
