"""``manifest show``: a release at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    offline_option,
    open_target,
    paint,
    target_argument,
)

if TYPE_CHECKING:
    from manifest.sources.hub import HubSource
    from manifest.sources.targets import HubTarget


@click.command("show", short_help="Show a release at a glance, on one screen.")
@target_argument()
@offline_option()
@format_option()
def command(target: Path | HubTarget, offline: bool, output_format: str) -> None:
    """Show who made a release, what it is, under which terms, and what is missing.

    The release lies in DIR (the current directory when left out) or on a hub, as hf:OWNER/NAME.
    Weights are not hashed and signatures not checked: `manifest verify` does that.
    """
    import shutil

    from manifest.lint.engine import lint
    from manifest.lint.loading import load_release

    opened = open_target(target, offline=offline)
    release = load_release(opened)
    report = lint(release)
    names = _signature_names(opened)
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


_MAX_SIGNATURES = 8


def _signature_names(opened: Path | HubSource) -> tuple[str, ...]:
    if not isinstance(opened, Path):
        names = [path for path in opened.beside if path.startswith(("model.sig", "signatures/"))]
        return tuple(names[: 1 + _MAX_SIGNATURES])
    names = ["model.sig"] if (opened / "model.sig").is_file() else []
    further = opened / "signatures"
    if further.is_dir() and not further.is_symlink():
        names += sorted(f"signatures/{p.name}" for p in further.iterdir())[:_MAX_SIGNATURES]
    return tuple(names)
