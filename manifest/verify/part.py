"""Which part of a release is to be checked (spec/verification.md, "Parts")."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from manifest.display import printable
from manifest.document.components import resolve_kind
from manifest.document.manifest_file import FILE_NAME, Manifest
from manifest.errors import UsageError
from manifest.inventory import compile_glob, glob_problem

__all__ = ["Part", "select_part", "within_root"]

Part: TypeAlias = Callable[[str], bool] | None
"""Says of a path whether it belongs to the part; None stands for the whole."""


def select_part(
    patterns: Sequence[str],
    components: Sequence[str],
    *,
    signed: Collection[str],
    manifest: Manifest | None,
) -> Part:
    """The part that patterns and components name together.

    Args:
        patterns: Patterns of paths.
        components: Components by id, kind or short name.
        signed: Every path there is to check; ``root:path`` in a named root.
        manifest: The manifest, for its components; None without one that can be trusted.

    Raises:
        UsageError: A pattern or a component that no signed file answers to.
    """
    if not patterns and not components:
        return None
    wanted: set[str] = set()
    for pattern in patterns:
        if problem := glob_problem(pattern):
            raise UsageError(f"--only: the pattern {problem}")
        matches = compile_glob(pattern).matches
        matching = {path for path in signed if matches(path)}
        if not matching:
            raise UsageError(
                f"--only {printable(pattern)} matches no signed file",
                remedy="* stays within a directory, ** goes through all of them",
            )
        wanted |= matching
    for component in components:
        wanted |= _component_files(component, manifest)
    return wanted.__contains__


def _component_files(component: str, manifest: Manifest | None) -> set[str]:
    if manifest is None:
        raise UsageError(
            f"--component {printable(component)}: without a {FILE_NAME} that agrees with the "
            "signature there are no components",
            remedy="use --only PATTERN",
        )
    kind = resolve_kind(component)
    ids = {
        c.id
        for c in manifest.components
        if c.id == component or (kind is not None and c.kind is kind)
    }
    files = {f.full_path for f in manifest.files if not ids.isdisjoint(f.components)}
    if not files:
        known = ", ".join(c.id for c in manifest.components if c.file_count)
        raise UsageError(
            f"--component {printable(component)}: no files belong to such a component",
            remedy=f"components with files: {known or 'none'}",
        )
    return files


def within_root(part: Part, root: str) -> Part:
    """The part, asked about paths of one named root."""
    if part is None:
        return None
    return lambda path: part(f"{root}:{path}")
