"""Lint what is named: a directory, or a repository of a hub that is opened and closed again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from manifest.errors import UsageError
from manifest.findings import Severity
from manifest.lint.engine import LintOptions, LintReport, lint
from manifest.lint.loading import load_release
from manifest.lint.verdict import Verdict
from manifest.sources.hub import HubSource
from manifest.sources.hub_environment import hub_environment, refuse_offline
from manifest.sources.pins import resolver
from manifest.sources.targets import HubTarget, parse_target

__all__ = ["lint_options", "lint_target"]


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


def lint_target(
    target: str | os.PathLike[str], options: LintOptions, *, accept_pinned: bool = False
) -> LintReport:
    """Judge a release where it lies.

    Args:
        target: A directory; or text, ``hf:OWNER/NAME[@REVISION]``.
        options: What is asked; ``online`` looks pinned references up, ``offline`` refuses a hub.
        accept_pinned: Whether references that are pinned and were not resolved count.

    Raises:
        UsageError: No such directory or rule, or a name that no hub has.
        DocumentError: ``release.yaml`` or ``manifest.json`` is not valid.
        UndecidedError: Something cannot be read, or the network is not to be used.
    """
    if options.online:
        refuse_offline("online", offline=options.offline)
    resolve = resolver(hub_environment()) if options.online else None
    named = parse_target(target) if isinstance(target, str) else Path(target)
    if not isinstance(named, HubTarget):
        release = load_release(named, accept_pinned=accept_pinned, resolve=resolve)
        return lint(release, options)
    source = HubSource(named, offline=options.offline)
    try:
        release = load_release(source, accept_pinned=accept_pinned, resolve=resolve)
        return lint(release, options)
    finally:
        source.close()
