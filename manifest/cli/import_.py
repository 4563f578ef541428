"""``manifest import``: a description of what other tools were told."""

from __future__ import annotations

from pathlib import Path

import click

from manifest.cli._common import note, paint, quiet_option, say, shell_word, undone
from manifest.display import plural, printable


@click.group("import", short_help="Make a description of what other tools declared.")
def command() -> None:
    """Make a description of what was declared for other tools."""


@command.command("mot", short_help="Import a declaration for the Model Openness Tool.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    default="release.yaml",
    show_default=True,
    help="Where to write the description; - for stdout.",
)
@click.option("--publisher", is_flag=True, help="You are the publisher: described_by: publisher.")
@click.option("--force", is_flag=True, help="Overwrite the output when it is there.")
@quiet_option()
def mot(file: Path, output: str, publisher: bool, force: bool, quiet: bool) -> None:
    """Make release.yaml of FILE, a declaration for the Model Openness Tool (lfai).

    Every value carries a comment that says which field it comes from, and what has no place in a
    description is kept under x-mot. The description is a third party's unless --publisher says
    otherwise.
    """
    from manifest.atomic import write_atomically
    from manifest.document.description import parse_description
    from manifest.document.yaml_text import MAX_BYTES
    from manifest.draft.mot import mot_text
    from manifest.errors import UsageError
    from manifest.readers.mot import parse_mot

    with undone(f"{printable(output)} was not written"):
        with file.open("rb") as stream:
            declared = parse_mot(stream.read(MAX_BYTES + 1), name=printable(file.name))
        text = mot_text(
            declared,
            source_name=file.name,
            described_by="publisher" if publisher else "third-party",
        )
        description = parse_description(text.encode())
        if output == "-":
            click.echo(text, nl=False)
            return
        target = Path(output)
        if not force and (target.exists() or target.is_symlink()):
            raise UsageError(
                f"{printable(output)} exists already; nothing was written",
                remedy="choose another name, or --force to overwrite it",
            )
        write_atomically(target, text.encode(), overwrite=force)
    if quiet:
        return
    n = plural(len(description.components), "component")
    title = paint(printable(f"{description.name} {description.version}"), "bold")
    say(f"{title}: {n}; written to {printable(output)}")
    unknown = [printable(c.name) for c in declared.components if c.kind is None]
    if unknown:
        note(f"no component of the framework, kept under x-mot: {', '.join(unknown[:10])}")
    say(paint(f"next: manifest lint {shell_word(target)} --declared", "dim"))
