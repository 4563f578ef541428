"""``manifest schema``: the schemas that ship with the program."""

from __future__ import annotations

import click

from manifest.document.schema import SCHEMA_NAMES


@click.command("schema")
@click.argument("name", type=click.Choice(SCHEMA_NAMES))
def command(name: str) -> None:
    """Print the JSON Schema of a document.

    NAME is description (release.yaml), manifest (manifest.json), commitment and data-proof (what
    `manifest data` writes), policy (policy.yaml), or one of the reports that --format json prints.
    """
    from manifest.document.schema import schema_text

    click.echo(schema_text(name), nl=False)
