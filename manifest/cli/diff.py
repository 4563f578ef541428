"""``manifest diff``: what changed between two releases or checkpoints."""

from __future__ import annotations

import click

from manifest.cli._common import echo_json, format_option, paint, quiet_option, undone


@click.command("diff", short_help="Say what changed between two releases or checkpoints.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--component",
    metavar="NAME",
    help="Compare only this component or checkpoint, in both.",
)
@format_option()
@quiet_option()
def command(
    before: str, after: str, component: str | None, output_format: str, quiet: bool
) -> None:
    """Say what changed from A to B: files, tensors, components, claims and licenses.

    A and B are release directories or manifest.json files; DIR#NAME is one component or
    checkpoint of a release. What manifests list is compared, and no signature is checked; a
    directory without a manifest is hashed. Renamed files and resharded weights are recognised.
    Exits 0 when nothing differs and 1 when something does.
    """
    from manifest.cli._progress import progress_bar
    from manifest.compare import compare_sides, open_side

    with undone("nothing was compared"), progress_bar("Hashing", quiet=quiet) as bar:
        sides = [open_side(s, component=component, progress=bar.advance) for s in (before, after)]
    report = compare_sides(*sides)
    if output_format == "json":
        from manifest.render.diff_json import diff_plain

        echo_json(diff_plain(report))
    elif not (quiet and report.is_same):
        from manifest.render.diff_text import render_diff

        click.echo(render_diff(report, paint=paint), nl=False)
    click.get_current_context().exit(report.exit_code)
