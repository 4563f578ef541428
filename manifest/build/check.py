"""Whether a manifest is up to date, and if not, what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manifest.build.inventories import is_up_to_date
from manifest.build.run import BuildResult, read_existing
from manifest.document.assignment import differing_keys
from manifest.document.manifest_file import Manifest, ManifestComponent
from manifest.errors import ExitCode

__all__ = ["CheckResult", "check", "differing_claims"]


@dataclasses.dataclass(frozen=True, slots=True)
class CheckResult:
    """How the manifest that stands there compares with the one that would be built.

    Attributes:
        is_missing: There is none.
        added: Files that it does not list, as ``path`` or ``root:path``, sorted.
        missing: Files that it lists and that are gone.
        changed: Files whose size or digest differs.
        claims: Fields that differ, as ``release.license`` or ``components.datasets``.
        is_same: It has the very bytes that would be built.
    """

    is_missing: bool = False
    added: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    is_same: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 when it is up to date, else 5."""
        return ExitCode.OK if self.is_same else ExitCode.DIFFERENT


def check(path: Path, result: BuildResult) -> CheckResult:
    """Compare the manifest at ``path`` with one built just now. Changes nothing.

    Raises:
        TreeError: What stands there is not a manifest.
        UndecidedError: It cannot be read.
    """
    existing = read_existing(path)
    if existing is None:
        return CheckResult(is_missing=True)
    old, data = existing
    stale = {b.entry.full_path: is_up_to_date(b) for b in result.inventories}
    if data == result.data and all(stale.values()):
        return CheckResult(is_same=True)
    # A digest that only one of them holds is said once, as `digests`, and not of every file.
    fields = [d for d in old.digests if d in result.manifest.digests]
    before, now = (
        {f.full_path: (f.size, *(getattr(f, d) for d in fields)) for f in manifest.files}
        for manifest in (old, result.manifest)
    )
    return CheckResult(
        added=_sorted(now.keys() - before.keys()),
        missing=_sorted(
            {*(before.keys() - now.keys()), *(p for p, is_ in stale.items() if is_ is None)}
        ),
        changed=_sorted(
            p for p in now.keys() & before.keys() if now[p] != before[p] or stale.get(p) is False
        ),
        claims=tuple(differing_claims(old, result.manifest)),
    )


def _sorted(paths: Any) -> tuple[str, ...]:
    return tuple(sorted(paths, key=str.encode))


def differing_claims(old: Manifest, new: Manifest) -> Iterator[str]:
    """The fields in which two manifests say different things, apart from their files' digests.

    A component counts as different when its fields or the set of its files are.
    """
    yield from (f"release.{key}" for key in differing_keys(old.release, new.release))
    before, now = ({c.id: _claims(m, c) for c in m.components} for m in (old, new))
    yield from (f"components.{id_}" for id_ in differing_keys(before, now))
    if old.digests != new.digests:
        yield "digests"
    if old.weights != new.weights:
        yield "weights"
    if old.checkpoints != new.checkpoints:
        yield "checkpoints"
    if old.schema_version != new.schema_version:
        yield "schema_version"


def _claims(manifest: Manifest, component: ManifestComponent) -> tuple[Any, ...]:
    files = frozenset(f.full_path for f in manifest.files_of(component.id))
    return component.kind, component.fields, files
