"""Which file belongs to which component, by what a description says (spec/manifest.md).

``build`` writes what `assign` gives; ``sign`` and ``verify`` derive the claims again by it (see
`contradictions`), so that a manifest cannot say anything that its description does not.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from manifest.display import printable
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.description import ComponentSpec, Description
from manifest.document.inventories import is_owned, owned_directories
from manifest.document.manifest_file import component_fields, release_fields
from manifest.errors import DocumentError
from manifest.inventory import compile_glob, glob_problem, path_problem

if TYPE_CHECKING:
    from manifest.document.manifest_file import Manifest

__all__ = ["Key", "assign", "contradictions", "differing_keys", "split_root", "used_roots"]

_MAX_SHOWN = 20
_WILD = re.compile(r"[*?\[]")
_LAST = "\U0010ffff"


Key = tuple[str, str]
"""A file: its root, empty for the release directory, and its path in it."""


class _Paths:
    """The paths of one root, sorted, so that a pattern looks only where it can match."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._sorted = sorted(paths)
        self._all = frozenset(self._sorted)

    def __contains__(self, path: str) -> bool:
        return path in self._all

    def matching(self, pattern: str) -> list[str]:
        matcher = compile_glob(pattern)
        prefix = _WILD.split(pattern.removesuffix("/"), maxsplit=1)[0]
        first = bisect_left(self._sorted, prefix)
        last = bisect_left(self._sorted, prefix + _LAST, first)
        while last < len(self._sorted) and self._sorted[last].startswith(prefix):
            last += 1
        return matcher.among(self._sorted[first:last])


def split_root(name: str, roots: Iterable[str]) -> tuple[str, str]:
    """A path or pattern of a description as its root and the rest; the root is empty for none.

    ``ckpt:step1/*`` is a pattern of the root ``ckpt`` only when a root is called so; otherwise
    the colon is a character like any other.
    """
    root, colon, rest = name.partition(":")
    return (root, rest) if colon and root in roots else ("", name)


def used_roots(description: Description) -> dict[str, str]:
    """The named roots whose files a description speaks of, each with the first place that does."""
    roots = description.fields.get("roots", {})
    used: dict[str, str] = {}
    for pointer, name in (*_patterns(description), *_named_paths(description)):
        root, _ = split_root(name, roots)
        if root:
            used.setdefault(root, pointer)
    for spec in description.components:
        if spec.inventory is not None:
            for root in filter(None, (spec.inventory.root, spec.inventory.directory_root)):
                used.setdefault(root, f"components.{spec.id}.inventory")
    return used


def assign(
    description: Description, paths: Mapping[str, Sequence[str]]
) -> dict[Key, tuple[str, ...]]:
    """Say which components each file belongs to.

    A file may belong to several components, or to none.

    Args:
        description: The description whose patterns decide.
        paths: The paths of every file, by root; the release directory's root is ``""``.

    Returns:
        For every file, the ids of its components, sorted.

    Raises:
        DocumentError: A pattern matches nothing, a path that the description names is not there,
            or a path cannot be told from one in a named root; the message names every place, up
            to twenty.
    """
    roots = description.fields.get("roots", {})
    index = {root: _Paths(names) for root, names in paths.items()}
    members: dict[Key, tuple[str, ...]] = dict.fromkeys(
        chain.from_iterable(
            zip(repeat(root), names, strict=False) for root, names in paths.items()
        ),
        (),
    )
    problems = [
        f"{DESCRIPTION_NAME}: the file {printable(path)} cannot be told from the file "
        f"{printable(path.partition(':')[2])} of the root {path.partition(':')[0]}"
        for root, path in (members if roots else ())
        if not root and split_root(path, roots)[0]
    ]

    inventories = [spec.inventory for spec in description.components if spec.inventory]

    def find(pointer: str, pattern: str) -> list[Key]:
        root, rest = split_root(pattern, roots)
        if problem := glob_problem(rest):
            problems.append(f"{_where(description, pointer)}: the pattern {problem}")
            return []
        found = index[root].matching(rest) if root in index else []
        if not found:
            problems.append(
                f"{_where(description, pointer)}: `{printable(pattern)}` matches no file"
            )
        return list(zip(repeat(root), found, strict=False))

    for spec in sorted(description.components, key=lambda c: c.id.encode()):
        pointer = f"components.{spec.id}"
        matched: set[Key] = set()
        for i, pattern in enumerate(spec.files):
            matched.update(find(f"{pointer}.files[{i}]", pattern))
        excluded = _excluded(description, pointer, spec.exclude, index, problems)
        kept = matched - excluded if excluded else matched
        if matched and not kept:
            problems.append(
                f"{_where(description, f'{pointer}.exclude')}: leaves no file of those that "
                "`files` matches"
            )
        # Files of the same components share one tuple.
        longer = {before: (*before, spec.id) for before in set(map(members.__getitem__, kept))}
        if len(longer) == 1:
            members.update(dict.fromkeys(kept, *longer.values()))
        else:
            members.update((key, longer[members[key]]) for key in kept)
        _assign_inventory(description, spec, members, problems)
    owned = {root: owned_directories(inventories, root) for root in ("", *roots)}
    for pointer, pattern in _other_patterns(description):
        root, rest = split_root(pattern, roots)
        if not is_owned(rest.removesuffix("/"), owned[root]):  # its files are not listed here
            find(pointer, pattern)
    for pointer, name in _named_paths(description):
        root, path = split_root(name, roots)
        if problem := path_problem(path):
            problems.append(f"{_where(description, pointer)}: the path {problem}")
        elif root not in index or path not in index[root]:
            problems.append(
                f"{_where(description, pointer)}: {printable(name)} is not among the files"
            )
    if problems:
        raise _misfit(problems)
    return members


def contradictions(description: Description, manifest: Manifest) -> tuple[str, ...]:
    """The fields in which a manifest says what its description does not.

    The same answer as comparing with `build.assemble`, without hashing a list of files again.

    Raises:
        DocumentError: The description does not fit the files that the manifest lists.
    """
    paths: dict[str, list[str]] = {"": []}
    for file in manifest.files:
        paths.setdefault(file.root, []).append(file.path)
    assigned = assign(description, paths)
    wrong: set[str] = set()
    for file in manifest.files:
        ids = assigned[file.root, file.path]
        if ids != file.components:
            wrong.update(set(ids) ^ set(file.components) or ids)
    fields = description.fields.get("components", {})
    said = {c.id: (c.kind, component_fields(fields[c.id])) for c in description.components}
    listed = {c.id: (c.kind, c.fields) for c in manifest.components}
    wrong.update(differing_keys(said, listed))
    release = differing_keys(release_fields(description), manifest.release)
    named = "digests" in description.fields and set(description.digests) != set(manifest.digests)
    return (
        *(f"release.{key}" for key in release),
        *(f"components.{id_}" for id_ in sorted(wrong, key=str.encode)),
        *(["digests"] if named else []),
    )


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The keys that only one mapping has, or that have different values, sorted."""
    keys = sorted(old.keys() | new.keys(), key=str.encode)
    return [k for k in keys if k not in old or k not in new or old[k] != new[k]]


def _assign_inventory(
    description: Description,
    spec: ComponentSpec,
    members: dict[Key, tuple[str, ...]],
    problems: list[str],
) -> None:
    """Count the inventory of a component among its files."""
    if spec.inventory is None:
        return
    key = spec.inventory.root, spec.inventory.path
    mine = members.get(key)
    if mine is None:
        pointer = f"components.{spec.id}.inventory.path"
        shown = printable(spec.inventory.full_path)
        problems.append(f"{_where(description, pointer)}: {shown} is not among the files")
    elif spec.id not in mine:
        members[key] = (*mine, spec.id)


def _excluded(
    description: Description,
    pointer: str,
    patterns: Sequence[str],
    index: Mapping[str, _Paths],
    problems: list[str],
) -> set[Key]:
    """What ``exclude`` names; a pattern there may match nothing, as in any ignore list."""
    roots = description.fields.get("roots", {})
    found: set[Key] = set()
    for i, pattern in enumerate(patterns):
        root, rest = split_root(pattern, roots)
        if problem := glob_problem(rest):
            where = _where(description, f"{pointer}.exclude[{i}]")
            problems.append(f"{where}: the pattern {problem}")
        elif root in index:
            found.update((root, path) for path in index[root].matching(rest))
    return found


def _patterns(description: Description) -> Iterator[tuple[str, str]]:
    for spec in description.components:
        for i, pattern in enumerate(spec.files):
            yield f"components.{spec.id}.files[{i}]", pattern
    yield from _other_patterns(description)


def _other_patterns(description: Description) -> Iterator[tuple[str, str]]:
    """Patterns of files outside the components, each with its place."""
    for i, checkpoint in enumerate(description.checkpoints):
        for j, pattern in enumerate(checkpoint.files):
            yield f"checkpoints.entries[{i}].files[{j}]", pattern
    directories = description.fields.get("checkpoints", {}).get("directories", ())
    for i, pattern in enumerate(directories):
        # Files below a directory of one: `a/*` alone would match files that lie beside them.
        yield f"checkpoints.directories[{i}]", f"{pattern.removesuffix('/')}/**"
    for i, source in enumerate(description.sources):
        for j, pattern in enumerate(source.files):
            yield f"data.sources[{i}].files[{j}]", pattern


def _named_paths(description: Description) -> Iterator[tuple[str, str]]:
    """Single files that the description names, each with its place."""
    training = description.training
    for section in ("configuration", "logs"):
        for i, path in enumerate(training.get(section, ())):
            yield f"training.{section}[{i}]", path
    single: tuple[tuple[str, Mapping[str, Any], str], ...] = (
        ("training.environment", training.get("environment", {}), "lockfile"),
        ("data", description.data, "order"),
        ("checkpoints", description.fields.get("checkpoints", {}), "index"),
        ("checkpoints", description.fields.get("checkpoints", {}), "chunks"),
        ("checkpoints", description.fields.get("checkpoints", {}), "names"),
    )
    for pointer, section_fields, field in single:
        if field in section_fields:
            yield f"{pointer}.{field}", section_fields[field]
    for i, result in enumerate(description.results):
        if result.results:
            yield f"evaluation.results[{i}].results", result.results
    for id_, fields in description.fields.get("components", {}).items():
        if "commitment_file" in fields:
            yield f"components.{id_}.commitment_file", fields["commitment_file"]


def _where(description: Description, pointer: str) -> str:
    if description.source is not None:
        return description.source.where(pointer)
    return f"{DESCRIPTION_NAME}: {pointer}"


def _misfit(problems: Sequence[str]) -> DocumentError:
    shown = [f"  {problem}" for problem in problems[:_MAX_SHOWN]]
    if len(problems) > _MAX_SHOWN:
        shown.append(f"  and {len(problems) - _MAX_SHOWN:,} more")
    return DocumentError(
        "\n".join([f"{DESCRIPTION_NAME} does not fit the files", *shown]),
        remedy=f"add the files, or mend {DESCRIPTION_NAME} where it names them",
    )
