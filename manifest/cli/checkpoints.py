"""``manifest checkpoints``: what an index of checkpoints says, and whether it can be true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._checkpoints_list import list_command
from manifest.cli._common import echo_json, format_option, paint, quiet_option, say
from manifest.display import plural, printable
from manifest.errors import ExitCode

if TYPE_CHECKING:
    from manifest.findings import Finding

_ROLES = {"error": "bad", "warning": "warn", "advice": "dim"}


class _Group(click.Group):
    """A group whose first argument may be a release: then it is the one that ``list`` is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(
    "checkpoints",
    cls=_Group,
    short_help="List a release's checkpoints; look for mistakes in an index.",
)
def command() -> None:
    """List the checkpoints of a release, or look for mistakes in an index.

    `manifest checkpoints DIR` is short for `manifest checkpoints list DIR`.
    """


command.add_command(list_command)


def _finals(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, int]:
    finals: dict[str, int] = {}
    for text in value:
        stage, _, step = text.rpartition("=")
        if not step.isascii() or not step.isdecimal() or len(step) > 18:
            raise click.BadParameter(f"{text!r} is not STEP or STAGE=STEP", ctx, param)
        finals[stage] = int(step)
    return finals


@command.command("check", short_help="Look for mistakes in an index on its own.")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--final-step",
    "finals",
    multiple=True,
    callback=_finals,
    metavar="[STAGE=]STEP",
    help="The last step of training, or of a stage: an index that ends before is wrong. Repeatable.",
)
@format_option("text", "json")
@quiet_option()
def check(file: Path, finals: dict[str, int], output_format: str, quiet: bool) -> None:
    """Look for mistakes in the index FILE.

    FILE is CSV, a Markdown table or list, JSON, or names of branches one a line; or a directory,
    whose entries are taken for checkpoints. Each mistake is named with its line.

    Advice never fails the run: a gap, a link unlike the others, an index that may end early.
    """
    from manifest.findings import Severity
    from manifest.lint.indexes import index_findings

    findings = index_findings(_read(file), file.name, finals)
    failed = any(f.severity is not Severity.ADVICE for f in findings)
    code = ExitCode.FINDINGS if failed else ExitCode.OK
    if output_format == "json":
        echo_json(
            {
                "schema_version": "1.0",
                "index": printable(str(file)),
                "findings": [_plain(f) for f in findings],
                "exit_code": int(code),
            }
        )
    else:
        _print(file, findings, quiet=quiet)
    click.get_current_context().exit(code)


def _read(file: Path) -> bytes:
    """The index's bytes, or the names in a directory, one a line."""
    from manifest.lint.indexes import MAX_BYTES

    if file.is_dir():
        names = sorted(entry.name for entry in file.iterdir() if entry.is_dir())
        return "".join(f"{printable(name)}\n" for name in names).encode()
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "line": finding.location.line if finding.location else None,
        "message": printable(finding.message),
        "remedy": printable(finding.remedy) or None,
    }


def _print(file: Path, findings: tuple[Finding, ...], *, quiet: bool) -> None:
    shown = printable(str(file))
    for finding in findings:
        severity = finding.severity.value
        if quiet and severity == "advice":
            continue
        line = finding.location.line if finding.location else None
        place = f"{shown}:{line}" if line else shown
        word = paint(f"{severity}:", _ROLES[severity])
        say(f"{place}: {word} {printable(finding.message)} {paint(f'({finding.code})', 'dim')}")
    if quiet:
        return
    wrong = sum(f.severity.value != "advice" for f in findings)
    advice = len(findings) - wrong
    also = f", {advice} of advice" if advice else ""
    mistakes = plural(wrong, "mistake") if wrong else "no mistake"
    say(paint(f"{shown}: {mistakes}{also}", "bad" if wrong else "good"))
