"""``manifest lint``: what does this release really give?"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from manifest.cli._common import format_option, paint, quiet_option, release_argument, undone

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
@release_argument()
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
@click.option("--declared", is_flag=True, help="Judge by what is declared, not by evidence.")
@format_option()
@quiet_option()
def command(
    directory: Path,
    require: str | None,
    fail_on: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    accept_pinned: bool,
    declared: bool,
    output_format: str,
    quiet: bool,
) -> None:
    """Say what the release in DIR really gives, and what is wrong with it.

    The verdict rests on evidence: files that are what they are said to be. A claim beyond it, or
    something false, broken or unsafe, fails the run. What separates the release from a higher
    verdict is advice, and fails only under --require.
    """
    from manifest.findings import Severity
    from manifest.lint import LintOptions, Verdict, lint, load_release

    options = LintOptions(
        select=_codes(select),
        ignore=_codes(ignore),
        require=Verdict(require) if require else None,
        fail_on=Severity(fail_on),
        declared=declared,
    )
    with undone("the release was not judged"):
        report = lint(load_release(directory, accept_pinned=accept_pinned), options)
    if output_format == "json":
        from manifest.render.lint_json import render_lint_json

        click.echo(render_lint_json(report), nl=False)
    else:
        from manifest.render.lint_text import render_lint

        width = min(shutil.get_terminal_size((80, 24)).columns, 120)
        click.echo(render_lint(report, paint=paint, width=width, quiet=quiet), nl=False)
    click.get_current_context().exit(report.exit_code)


def _codes(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code.strip().upper() for v in values for code in v.split(",") if code.strip())
