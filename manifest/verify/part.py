"""Which part of a release is to be checked (spec/verification.md, "Parts")."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from manifest.display import printable
from manifest.document.assignment import split_root
from manifest.document.components import resolve_kind
from manifest.document.inventories import BoundInventory
from manifest.document.manifest_file import FILE_NAME, Manifest
from manifest.errors import UndecidedError, UsageError
from manifest.inventory import compile_glob, glob_problem
from manifest.verify.report import VerifyReport

__all__ = ["OwnedPart", "Part", "refuse_nothing", "select_part", "within_root"]

_WILD = re.compile(r"[*?\[]")

Part: TypeAlias = Callable[[str], bool] | None
"""Says of a path whether it belongs to the part; None stands for the whole."""


class OwnedPart:
    """The part among files that inventories list, which nobody knows before they are read.

    Attributes:
        inventories: The inventories that may hold files of the part.
        unmatched: Patterns that no listed file has matched so far.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        ids: Collection[str],
        inventories: Sequence[BoundInventory],
    ) -> None:
        self._matchers = [compile_glob(pattern) for pattern in patterns]
        self._prefixes = tuple(b.spec.full_directory for b in inventories)
        self._ids = frozenset(ids)
        self.unmatched: set[str] = set()
        self.inventories = tuple(
            b
            for b in inventories
            if b.component in ids or any(_may_match(p, b.spec.full_directory) for p in patterns)
        )

    def is_whole(self, inventory: BoundInventory) -> bool:
        """Whether all that an inventory owns belongs to the part, what was added included."""
        return inventory.component in self._ids

    def holds(self, path: str) -> bool:
        """Whether a path in a directory that is owned belongs to the part."""
        if not self._prefixes or not path.startswith(self._prefixes):
            return False
        return any(m.matches(path) for m in self._matchers)

    def is_listed(self, path: str) -> None:
        """Take note of a path that an inventory lists.

        `holds` is asked about what was added as well, and a pattern that only such files match has
        no signed file.
        """
        if self.unmatched:
            self.unmatched.difference_update(m.pattern for m in self._matchers if m.matches(path))

    def refuse_unmatched(self) -> None:
        """Refuse patterns that matched nothing at all.

        Raises:
            UsageError: There are some.
        """
        for pattern in sorted(self.unmatched):
            raise _no_match(pattern)


def _may_match(pattern: str, directory: str) -> bool:
    """Whether a pattern can match a file below a directory, by what stands before its wildcard."""
    fixed = _WILD.split(pattern, maxsplit=1)[0]
    return directory.startswith(fixed) or f"{fixed}/".startswith(directory)


def _no_match(pattern: str) -> UsageError:
    return UsageError(
        f"--only {printable(pattern)} matches no signed file",
        remedy="* stays within a directory, ** goes through all of them",
    )


def select_part(
    patterns: Sequence[str],
    components: Sequence[str],
    checkpoints: Sequence[str] = (),
    *,
    signed: Collection[str],
    manifest: Manifest | None,
    roots: Collection[str] = (),
) -> tuple[Part, OwnedPart | None]:
    """The part that patterns and components name together.

    Args:
        patterns: Patterns of paths.
        components: Components by id, kind or short name.
        checkpoints: Checkpoints by name.
        signed: Every path there is to check; ``root:path`` in a named root.
        manifest: The manifest, for its components; None without one that can be trusted.
        roots: Named roots that the consumer has; those of a checkpoint must be among them.

    Returns:
        The part, and what it comes to among files that inventories list; None stands for the whole.

    Raises:
        UsageError: A pattern, a component or a checkpoint that no signed file answers to.
        UndecidedError: A checkpoint lies in a root that the consumer did not give.
    """
    if not patterns and not components and not checkpoints:
        return None, None
    for pattern in patterns:
        if problem := glob_problem(pattern):
            raise UsageError(f"--only: the pattern {problem}")
    ids = {id_ for component in components for id_ in _component_ids(component, manifest)}
    owned = OwnedPart(patterns, ids, manifest.inventories if manifest else ())
    wanted: set[str] = set()
    for pattern in patterns:
        matches = compile_glob(pattern).matches
        matching = {path for path in signed if matches(path)}
        if not matching:
            if not any(_may_match(pattern, b.spec.full_directory) for b in owned.inventories):
                raise _no_match(pattern)
            owned.unmatched.add(pattern)
        wanted |= matching
    for component in components:
        wanted |= _component_files(component, manifest)
    if checkpoints:
        wanted |= _checkpoint_files(checkpoints, manifest, roots)
    if not owned.inventories:
        return wanted.__contains__, owned
    return lambda path: path in wanted or owned.holds(path), owned


def _checkpoint_files(
    names: Sequence[str], manifest: Manifest | None, roots: Collection[str]
) -> set[str]:
    from manifest.build.checkpoints import find_checkpoint, resolve_checkpoints

    if manifest is None:
        raise UsageError(
            f"--checkpoint {printable(names[0])}: without a {FILE_NAME} that agrees with the "
            "signature there are no checkpoints",
            remedy="use --only PATTERN",
        )
    resolved = resolve_checkpoints(manifest)
    files: set[str] = set()
    for name in names:
        found = find_checkpoint(resolved, name).files
        if not found:
            raise UsageError(
                f"the checkpoint {printable(name)} has no files in the release",
                remedy="verify it where it lies",
            )
        missing = sorted({file.root for file in found if file.root}.difference(roots))
        if missing:
            raise UndecidedError(
                f"the checkpoint {printable(name)} lies in the root {printable(missing[0])}, "
                "which was not given",
                remedy=f"--root-dir {printable(missing[0])}=DIR",
            )
        _refuse_owned(name, manifest)
        files.update(file.full_path for file in found)
    return files


def _refuse_owned(name: str, manifest: Manifest) -> None:
    """Give no answer about a checkpoint that reaches into a directory that an inventory owns."""
    roots, fields = manifest.release.get("roots", {}), manifest.release["checkpoints"]
    entries = [e for e in fields.get("entries", ()) if e["name"] == name]
    patterns = [pattern for entry in entries for pattern in entry.get("files", ())]
    for bound in manifest.inventories:
        directory = bound.spec.full_directory
        reached = any(_may_match(pattern, directory) for pattern in patterns)
        if not entries:
            root, inside = bound.spec.directory_root, directory.rpartition(":")[2].split("/")
            for pattern in fields.get("directories", ()):
                of_root, rest = split_root(pattern.removesuffix("/"), roots)
                outer = "/".join(inside[: rest.count("/") + 1])
                reached |= of_root == root and compile_glob(rest).matches(outer)
        if reached:
            raise UndecidedError(
                f"the checkpoint {printable(name)} may reach into {printable(directory)}, whose "
                f"files the inventory {printable(bound.spec.full_path)} lists, and which is "
                "checked whole",
                remedy=f"add --component {printable(bound.component)}, or verify everything",
            )


def _component_ids(component: str, manifest: Manifest | None) -> set[str]:
    if manifest is None:
        raise UsageError(
            f"--component {printable(component)}: without a {FILE_NAME} that agrees with the "
            "signature there are no components",
            remedy="use --only PATTERN",
        )
    kind = resolve_kind(component)
    return {
        c.id
        for c in manifest.components
        if c.id == component or (kind is not None and c.kind is kind)
    }


def _component_files(component: str, manifest: Manifest | None) -> set[str]:
    ids = _component_ids(component, manifest)
    assert manifest is not None  # noqa: S101 - refused above; tells the type checker
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


def refuse_nothing(report: VerifyReport, *, named: bool) -> None:
    """Refuse to say that a part holds that could not be checked whole.

    Who names a part asks about all of it; files of other parts in roots that were not given are
    no part of the question.

    Args:
        report: What was found.
        named: Whether a part was named; else it is a sample of everything, and what could not be
            sampled is only told.

    Raises:
        UndecidedError: Some of it, or all, lies in roots that were not given.
    """
    checked = report.files_checked or report.tensors_checked
    if not report.part or not report.not_checked or report.problems or report.undecided:
        return
    if named or not checked:
        how = "not all" if checked else "nothing"
        raise UndecidedError(
            f"{how} of the part was checked: {printable(report.not_checked[0])}",
            remedy="give the directory, or leave the part out",
        )
