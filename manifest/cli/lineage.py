"""``manifest lineage``: what a release was made from, what proves it, and whose terms stay."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    offline_option,
    paint,
    parents_option,
    quiet_option,
    target_argument,
    undone,
)
from manifest.cli._trust import load_keys
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.cli._progress import Bar
    from manifest.lineage import Checked, Checker
    from manifest.signing.keys import PublicKey
    from manifest.sources.targets import HubTarget


@click.command("lineage", short_help="Say what a release was made from, and what proves it.")
@target_argument()
@parents_option("Where a parent, or a parent's parent, lies: DIR or hf:OWNER/NAME; repeatable.")
@click.option(
    "--online", is_flag=True, help="Read the parents that are on the hub and not given here."
)
@offline_option()
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="PUB",
    help="Verify every release in a directory: it must be signed by one of these keys; repeatable.",
)
@click.option("--strict", is_flag=True, help="Fail where a link is not proven.")
@format_option()
@quiet_option()
def command(
    target: Path | HubTarget,
    parents: tuple[Path | HubTarget, ...],
    online: bool,
    offline: bool,
    keys: tuple[str, ...],
    strict: bool,
    output_format: str,
    quiet: bool,
) -> None:
    """Say what a release was made from, what proves it, and whose terms stay with it.

    The parents are those under base_models in its release.yaml, their parents those that they
    name, and so on. A link is proven when a release at hand is the one that is named: by the
    SHA-256 of its manifest.json, or by a weights digest, for which its weights are hashed. A hub's
    word on a revision is shown as reported. A name alone proves nothing.

    Terms that are not open are carried along: a model keeps those of every model whose weights it
    holds. One that is declared open all the same fails the run, and so does a parent that is
    another than the one named (5). What is not proven is said, and fails under --strict alone.
    """
    from manifest.cli._progress import progress_bar
    from manifest.lineage import trace

    if online and offline:
        raise click.UsageError("--online and --offline exclude each other")
    if online:
        from manifest.sources.hub_environment import refuse_offline

        refuse_offline("--online", offline=False)
    trusted = load_keys(keys)
    with undone("the lineage was not walked"), progress_bar("Verifying", quiet=quiet) as bar:
        lineage = trace(
            target,
            parents=parents,
            online=online,
            offline=offline,
            strict=strict,
            check=_checker(trusted, bar) if trusted else None,
        )
    if output_format == "json":
        from manifest.render.lineage_json import lineage_plain

        echo_json(lineage_plain(lineage))
    else:
        from manifest.render.lineage_text import render_lineage

        width = min(shutil.get_terminal_size((80, 24)).columns, 120)
        text = render_lineage(lineage, width=width, paint=paint, checked=bool(trusted))
        click.echo(text, nl=False)
    click.get_current_context().exit(lineage.exit_code)


def _checker(keys: tuple[PublicKey, ...], bar: Bar) -> Checker:
    """Verification of a release by keys, in the words of a lineage."""
    from manifest.errors import ExitCode
    from manifest.lineage import Checked, LineageProblem, ProblemKind
    from manifest.verify.run import verify

    kinds = {
        ExitCode.DIFFERENT: ProblemKind.CHANGED,
        ExitCode.UNDECIDED: ProblemKind.UNREADABLE,
    }

    def check(directory: Path) -> Checked:
        report = verify(directory, keys=keys, progress=bar.advance)
        if report.ok and report.signer is not None:
            return Checked(signer=report.signer.identity)
        why = (
            report.refusal
            or (f"{printable(report.problems[0].path)} differs" if report.problems else "")
            or (
                f"{printable(u.path)}: {u.reason}"
                if (u := next(iter(report.undecided), None))
                else ""
            )
            or report.undecided_reason
            or next(iter(report.findings), "nobody is vouched for")
        )
        return Checked(
            problem=LineageProblem(
                kinds.get(report.exit_code, ProblemKind.SIGNATURE),
                f"{printable(str(directory))} does not verify: {why}",
                "run `manifest verify` on it, which says all of it",
            )
        )

    return check
