"""What a release really gives, and what changed since another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from manifest.api._inputs import StrPath

if TYPE_CHECKING:
    from manifest.compare import DiffReport
    from manifest.lineage import Lineage
    from manifest.lint import LintReport

__all__ = ["diff_releases", "lint_release", "trace_lineage"]


def diff_releases(before: StrPath, after: StrPath, *, component: str | None = None) -> DiffReport:
    """Say what changed from one release to another, by their manifests (spec/tensors.md).

    No signature is checked and no file read, but for a directory without a manifest, which is
    hashed by its ``release.yaml``.

    Args:
        before: A release directory or a ``manifest.json``; ``DIR#NAME`` for one component or
            checkpoint.
        after: The same.
        component: A component or checkpoint to compare in both.

    Raises:
        UsageError: No such file, directory, component or checkpoint.
        DocumentError: A manifest or a description is not valid.
        TreeError: A directory has neither.
        UndecidedError: Something cannot be read.
    """
    from manifest.compare import compare_sides, open_side

    return compare_sides(
        open_side(before, component=component), open_side(after, component=component)
    )


def lint_release(
    target: StrPath,
    *,
    require: str | None = None,
    fail_on_warnings: bool = False,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    accept_pinned: bool = False,
    online: bool = False,
    offline: bool = False,
    parents: Sequence[StrPath] = (),
) -> LintReport:
    """Say what a release really gives, and what is wrong with it (spec/evidence.md).

    Args:
        target: The release's directory; or text, ``hf:OWNER/NAME`` or ``hf:OWNER/NAME@REVISION``,
            for a repository of a hub, which is read by name. Without a ``release.yaml`` it is
            judged by what would be drafted.
        require: The verdict below which the report's ``exit_code`` is not 0.
        fail_on_warnings: Whether a warning weighs as much as an error there.
        select: Codes of rules, or their beginnings, to run; all when empty.
        ignore: Codes of rules, or their beginnings, to leave out.
        accept_pinned: Count references that are pinned and were not resolved.
        online: Look pinned references up: those that are resolved count.
        offline: Refuse whatever needs the network.
        parents: Where its base models lie, and theirs, as ``target``: their licenses count.

    Raises:
        BytesDifferError: One of ``parents`` is not the one that the release names.
        UsageError: No such directory, verdict or rule; or ``online`` and ``offline`` at once.
        DocumentError: ``release.yaml`` or ``manifest.json`` is not valid.
        UndecidedError: Something cannot be read, or the hub cannot be asked.
    """
    from manifest.lint.targets import lint_options, lint_target

    options = lint_options(
        require=require,
        fail_on_warnings=fail_on_warnings,
        select=select,
        ignore=ignore,
        online=online,
        offline=offline,
    )
    return lint_target(target, options, accept_pinned=accept_pinned, parents=parents)


def trace_lineage(
    target: StrPath,
    *,
    parents: Sequence[StrPath] = (),
    online: bool = False,
    offline: bool = False,
    strict: bool = False,
) -> Lineage:
    """Say what a release was made from, what proves it, and whose terms stay (spec/lineage.md).

    No signature is checked; `verify_release` does that for each release.

    Args:
        target: As in `lint_release`.
        parents: Where its parents lie, and theirs; which is whose follows from what they name.
        online: Read on the hub the parents that it names and that are not given.
        offline: Refuse whatever needs the network.
        strict: Whether a link that is not proven makes the ``exit_code`` 1.

    Raises:
        UsageError: No such directory; or ``online`` and ``offline`` at once.
        DocumentError: A ``release.yaml`` or ``manifest.json`` is not valid.
        UndecidedError: The release or one of ``parents`` cannot be read.
    """
    from pathlib import Path

    from manifest.errors import UsageError
    from manifest.lineage import trace
    from manifest.sources.targets import parse_target

    if online and offline:
        raise UsageError("online and offline exclude each other")
    first, *rest = (
        parse_target(one) if isinstance(one, str) else Path(one) for one in (target, *parents)
    )
    return trace(first, parents=rest, online=online, offline=offline, strict=strict)
