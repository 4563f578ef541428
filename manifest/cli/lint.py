"""``manifest lint``: what does this release really give?"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifest.cli._common import (
    format_option,
    note,
    offline_option,
    open_target,
    paint,
    parents_option,
    quiet_option,
    target_argument,
    undone,
)
from manifest.cli._trust import load_keys, replayer_option
from manifest.display import printable
from manifest.render import plain

if TYPE_CHECKING:
    from manifest.lineage import Lineage
    from manifest.lint import LintReport
    from manifest.lint.pins import Resolver
    from manifest.sources.targets import HubTarget

# The verdicts of manifest.lint.verdict, written out so that --help imports nothing; a test
# compares them.
_VERDICTS = (
    "closed",
    "weights-available",
    "open-weight",
    "open-source",
    "open-science",
    "replayable",
)


@click.command("lint", short_help="Say what a release really gives, and what is wrong with it.")
@target_argument(or_file=True)
@click.option(
    "--require",
    type=click.Choice(_VERDICTS),
    metavar="VERDICT",
    help=f"Fail below this verdict: {', '.join(_VERDICTS)}.",
)
@click.option(
    "--fail-on",
    type=click.Choice(("warning", "error")),
    default="error",
    show_default=True,
    help="The lightest finding that fails the run.",
)
@click.option("--select", metavar="CODES", multiple=True, help="Run these rules: LIC, WGT001,…")
@click.option("--ignore", metavar="CODES", multiple=True, help="Leave these rules out.")
@click.option(
    "--accept-pinned",
    is_flag=True,
    help="Count references that are pinned by content and were not looked up.",
)
@click.option(
    "--online",
    is_flag=True,
    help="Look pinned references up: resolved ones count, those gone or moved are findings.",
)
@offline_option()
@parents_option("Where a base model lies: DIR or hf:OWNER/NAME; its license counts. Repeatable.")
@click.option("--declared", is_flag=True, help="Judge by what is declared, not by evidence.")
@click.option(
    "--mot-compatible",
    is_flag=True,
    help="With --declared: the MOF class that the Model Openness Tool gives, slips included.",
)
@click.option(
    "--baseline",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A JSON report of an earlier run: what it found already does not fail this one.",
)
@click.option(
    "--framework",
    type=click.Choice(("eu",)),
    help="Show a framework's table in the place of its column: the duties of the EU AI Act.",
)
@click.option(
    "--date",
    "today",
    metavar="YYYY-MM-DD",
    callback=lambda _ctx, _param, value: _day(value),
    help="Judge as of this day: exceptions expire by it. Default: today, in UTC.",
)
@replayer_option()
@format_option("text", "json", "sarif", "github", "gitlab", "junit")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE; stdout has the headline alone.",
)
@quiet_option()
@click.option("--verbose", "-v", is_flag=True, help="Show all advice, and what to do about it.")
def command(
    target: Path | HubTarget,
    require: str | None,
    fail_on: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    accept_pinned: bool,
    online: bool,
    offline: bool,
    parents: tuple[Path | HubTarget, ...],
    declared: bool,
    mot_compatible: bool,
    baseline: Path | None,
    framework: str | None,
    today: dt.date | None,
    replayers: tuple[str, ...],
    output_format: str,
    output: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Say what a release really gives, and what is wrong with it.

    The release lies in DIR (the current directory when left out), or on a hub: hf:OWNER/NAME or
    hf:OWNER/NAME@REVISION is read by its list of files, its texts and the heads of its weights,
    and not downloaded. With --declared it may be a FILE: a description, or a declaration for the
    Model Openness Tool.

    The verdict rests on evidence: files that are what they are said to be. A claim beyond it, or
    something false, broken or unsafe, fails the run. What separates the release from a higher
    verdict is advice, and fails only under --require.

    A baseline is written with --format json --output FILE. With --format github the summary of
    the job is added to the file that GITHUB_STEP_SUMMARY names.
    """
    if framework and output_format not in ("text", "json"):
        raise click.UsageError("--framework is shown by the formats text and json")
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose exclude each other")
    if online and offline:
        raise click.UsageError("--online and --offline exclude each other")
    is_file = isinstance(target, Path) and target.is_file()
    if is_file and not declared:
        raise click.UsageError("a file holds declarations and no evidence: add --declared")
    if mot_compatible and not declared:
        raise click.UsageError("--mot-compatible is about declarations: add --declared")
    if parents and is_file:
        raise click.UsageError("--parent is for a release, and not for a file of declarations")
    from manifest.findings import Severity
    from manifest.lint import LintOptions, Verdict, lint, load_release

    options = LintOptions(
        select=_codes(select),
        ignore=_codes(ignore),
        require=Verdict(require) if require else None,
        fail_on=Severity(fail_on),
        declared=declared,
        mot_compatible=mot_compatible,
        online=online,
        offline=offline,
        today=today,
        baseline=None if baseline is None else _read_baseline(baseline),
    )
    eu = None
    with undone("the release was not judged"):
        if isinstance(target, Path) and is_file:
            from manifest.lint.declarations import load_declaration

            release = load_declaration(target, mot_compatible=mot_compatible)
        else:
            release = load_release(
                open_target(target, offline=offline, quiet=quiet),
                accept_pinned=accept_pinned,
                resolve=_resolver() if online else None,
                lineage=_lineage(target, parents, offline=offline),
            )
        report = lint(release, options)
        if replayers:
            report = _with_replays(report, target, replayers)
        if framework:
            from manifest.lint.frameworks.eu import eu_table

            eu = eu_table(release.declared() if declared else release)
    if output_format == "text":
        from manifest.render.lint_text import render_lint

        width = 100 if output else min(shutil.get_terminal_size((80, 24)).columns, 120)
        painter = plain if output else paint
        text = render_lint(report, paint=painter, width=width, quiet=quiet, verbose=verbose, eu=eu)
    elif output_format == "json":
        from manifest.render.lint_json import render_lint_json

        text = render_lint_json(report, eu)
    else:
        text = _for_service(
            report, output_format, prefix=_prefix(target) if isinstance(target, Path) else ""
        )
    _deliver(text, report, output, quiet=quiet)
    click.get_current_context().exit(report.exit_code)


def _lineage(
    target: Path | HubTarget, parents: tuple[Path | HubTarget, ...], *, offline: bool
) -> Lineage | None:
    """The models that a release was made from, as far as they are given."""
    if not parents:
        return None
    from manifest.lint.targets import lineage_of

    lineage = lineage_of(target, parents, offline=offline)
    for place in lineage.unused:
        note(f"--parent {printable(place)} is nobody's base model here")
    return lineage


def _with_replays(
    report: LintReport, target: Path | HubTarget, replayers: tuple[str, ...]
) -> LintReport:
    """The report with the replays in the release that are signed by the keys given."""
    if not isinstance(target, Path) or not target.is_dir():
        raise click.UsageError("--replayer is for a release in a directory")
    from manifest.verify.replays import replays_in

    found = replays_in(target, load_keys(replayers))
    for text in found.notes:
        note(text)
    summary = dataclasses.replace(report.verification, replays=found.replays)
    return dataclasses.replace(report, verification=summary)


def _resolver() -> Resolver:
    from manifest.sources.hub_environment import hub_environment, refuse_offline
    from manifest.sources.pins import resolver

    refuse_offline("--online", offline=False)
    return resolver(hub_environment())


def _for_service(report: LintReport, output_format: str, *, prefix: str) -> str:
    """The report in a format of others; GitHub's summary goes to the file meant for it."""
    if output_format == "sarif":
        from manifest.render.sarif import render_sarif

        return render_sarif(report, prefix=prefix)
    if output_format == "gitlab":
        from manifest.render.gitlab import render_gitlab

        return render_gitlab(report, prefix=prefix)
    if output_format == "junit":
        from manifest.render.junit import render_junit

        return render_junit(report, prefix=prefix)
    from manifest.render.github import render_annotations, render_summary

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(render_summary(report))
    return render_annotations(report, prefix=prefix)


def _deliver(text: str, report: LintReport, output: Path | None, *, quiet: bool) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    from manifest.atomic import write_atomically
    from manifest.render.headline import headline

    write_atomically(output, text.encode("utf-8"))
    if not quiet:
        click.echo(headline(report))
        note(f"the report is in {printable(str(output))}")


def _prefix(directory: Path) -> str:
    """The release's path from the root of the checkout, by which services know files.

    GitHub and GitLab say where that root is; elsewhere it is the current directory. Empty for
    the root itself, and for a release that lies outside.
    """
    named = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or "."
    root, release = Path(named).resolve(), directory.resolve()
    release = release.parent if release.is_file() else release
    if root == release or not release.is_relative_to(root):
        return ""
    return release.relative_to(root).as_posix()


def _read_baseline(path: Path) -> Mapping[str, int]:
    from manifest.lint.baseline import MAX_BYTES, parse_baseline

    with path.open("rb") as file:
        return parse_baseline(file.read(MAX_BYTES + 1), name=printable(str(path)))


def _day(value: str | None) -> dt.date | None:
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day, as 2026-01-31") from None


def _codes(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code.strip().upper() for v in values for code in v.split(",") if code.strip())
