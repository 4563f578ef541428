"""``manifest show``: a release at a glance."""

from __future__ import annotations

from pathlib import Path

import click

from manifest.cli._common import echo_json, format_option, paint, release_argument


@click.command("show", short_help="Show a release at a glance, on one screen.")
@release_argument()
@format_option()
def command(directory: Path, output_format: str) -> None:
    """Show who made the release in DIR, what it is, under which terms, and what is missing.

    Weights are not hashed and signatures not checked: `manifest verify` does that.
    """
    import shutil

    from manifest.lint.engine import lint
    from manifest.lint.release import load_release

    release = load_release(directory)
    report = lint(release)
    names = _signature_names(directory)
    if output_format == "json":
        from manifest.render.show_json import show_plain

        echo_json(show_plain(release, report, names))
        return
    from manifest.render.show_text import render_show, signature_words

    text = render_show(
        release,
        report,
        signatures=signature_words(names),
        width=min(shutil.get_terminal_size().columns, 110),
        paint=paint,
    )
    click.echo(text, nl=False)


def _signature_names(directory: Path) -> tuple[str, ...]:
    names = ["model.sig"] if (directory / "model.sig").is_file() else []
    further = directory / "signatures"
    if further.is_dir() and not further.is_symlink():
        names += sorted(f"signatures/{p.name}" for p in further.iterdir())[:8]
    return tuple(names)
