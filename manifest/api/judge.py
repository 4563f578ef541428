"""What a release really gives, and what changed since another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from manifest.api._inputs import StrPath

if TYPE_CHECKING:
    from manifest.compare import DiffReport
    from manifest.lint import LintReport

__all__ = ["diff_releases", "lint_release"]


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

    Raises:
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
    return lint_target(target, options, accept_pinned=accept_pinned)
