"""Lint what is named: a directory, or a repository of a hub that is opened and closed again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manifest.errors import BytesDifferError, UndecidedError, UsageError
from manifest.findings import Severity
from manifest.lineage import Lineage, ProblemKind, trace
from manifest.lint.engine import LintOptions, LintReport, lint
from manifest.lint.loading import load_release
from manifest.lint.verdict import Verdict
from manifest.sources.hub import HubSource
from manifest.sources.hub_environment import hub_environment, refuse_offline
from manifest.sources.pins import resolver
from manifest.sources.targets import HubTarget, parse_target

__all__ = ["lineage_of", "lint_options", "lint_target"]


def lint_options(
    *,
    require: str | None,
    fail_on_warnings: bool,
    select: Sequence[str],
    ignore: Sequence[str],
    online: bool,
    offline: bool,
) -> LintOptions:
    """Options from plain values.

    Raises:
        UsageError: No such verdict, or ``online`` and ``offline`` at once.
    """
    names = [v.value for v in Verdict]
    if require is not None and require not in names:
        raise UsageError(
            f"there is no verdict {str(require)!a}", remedy=f"one of {', '.join(names)}"
        )
    if online and offline:
        raise UsageError("online and offline exclude each other")
    return LintOptions(
        select=tuple(select),
        ignore=tuple(ignore),
        require=None if require is None else Verdict(require),
        fail_on=Severity.WARNING if fail_on_warnings else Severity.ERROR,
        online=online,
        offline=offline,
    )


def lineage_of(
    target: Path | HubTarget, parents: Sequence[Path | HubTarget], *, offline: bool
) -> Lineage:
    """The models that a release was made from, to judge it by (spec/lineage.md).

    Raises:
        BytesDifferError: One of them is not the one that the release names.
        DocumentError, UndecidedError, UsageError: As `manifest.lineage.trace`; and one of them
            cannot be read, or the walk is too long.
    """
    lineage = trace(target, parents=parents, offline=offline)
    for problem in lineage.problems:
        if problem.kind is ProblemKind.MISMATCH:
            raise BytesDifferError(problem.message, remedy=problem.remedy)
        if problem.kind in (ProblemKind.UNREADABLE, ProblemKind.TOO_LONG):
            raise UndecidedError(problem.message, remedy=problem.remedy)
    return lineage


def lint_target(
    target: str | os.PathLike[str],
    options: LintOptions,
    *,
    accept_pinned: bool = False,
    parents: Sequence[str | os.PathLike[str]] = (),
) -> LintReport:
    """Judge a release where it lies.

    Args:
        target: A directory; or text, ``hf:OWNER/NAME[@REVISION]``.
        options: What is asked; ``online`` looks pinned references up, ``offline`` refuses a hub.
        accept_pinned: Whether references that are pinned and were not resolved count.
        parents: Where its base models lie, and theirs; as ``target``.

    Raises:
        BytesDifferError: One of ``parents`` is not the one that the release names.
        UsageError: No such directory or rule, or a name that no hub has.
        DocumentError: ``release.yaml`` or ``manifest.json`` is not valid.
        UndecidedError: Something cannot be read, or the network is not to be used.
    """
    if options.online:
        refuse_offline("online", offline=options.offline)
    resolve = resolver(hub_environment()) if options.online else None
    named, *above = map(_parsed, (target, *parents))
    lineage = lineage_of(named, above, offline=options.offline) if above else None
    asked: dict[str, Any] = {"accept_pinned": accept_pinned, "resolve": resolve, "lineage": lineage}
    if not isinstance(named, HubTarget):
        return lint(load_release(named, **asked), options)
    source = HubSource(named, offline=options.offline)
    try:
        return lint(load_release(source, **asked), options)
    finally:
        source.close()


def _parsed(target: str | os.PathLike[str]) -> Path | HubTarget:
    return parse_target(target) if isinstance(target, str) else Path(target)
