"""``manifest init``: a first description of a release, or what is new since the last."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    note,
    offline_option,
    open_target,
    paint,
    quiet_option,
    say,
    shell_word,
    target_argument,
    undone,
)
from manifest.display import plural, printable

if TYPE_CHECKING:
    from manifest.draft import Draft
    from manifest.sources.targets import HubTarget

_MAX_LISTED = 10
_STATES = {(True, True): "new", (False, True): "added to", (False, False): "unchanged"}


@click.command("init")
@target_argument()
@click.option(
    "--third-party",
    is_flag=True,
    help="Describe somebody else's release: described_by: third-party.",
)
@click.option("--stdout", is_flag=True, help="Print release.yaml and write nothing.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the description of a release on a hub goes, in the place of stdout.",
)
@offline_option()
@format_option("text", "json")
@quiet_option()
def command(
    target: Path | HubTarget,
    third_party: bool,
    stdout: bool,
    output: Path | None,
    offline: bool,
    output_format: str,
    quiet: bool,
) -> None:
    """Draft release.yaml from the files that are there.

    Reads cards, configurations, headers of weights and the names of files in DIR (the current
    directory when left out) and writes what it finds to release.yaml. Whatever was guessed
    carries a comment that says from where; what was not found is there as a commented question.

    Where there is a release.yaml already, what is new is added to it; every comment, every answer
    and the order of everything stay as they are.

    A release on a hub, hf:OWNER/NAME or hf:OWNER/NAME@REVISION, is described as a third party
    would, and printed.
    """
    from manifest.atomic import write_atomically
    from manifest.document.description import FILE_NAME

    on_hub = not isinstance(target, Path)
    if output is not None and (stdout or not on_hub):
        raise click.UsageError("--output is for releases on a hub, and excludes --stdout")
    stdout = stdout or (on_hub and output is None)
    if stdout and output_format == "json":
        raise click.UsageError("release.yaml is printed: give --output FILE, or no --format json")
    path = output or (target / FILE_NAME if isinstance(target, Path) else Path(FILE_NAME))
    with undone(f"{printable(str(path))} was not written"):
        drafted = _draft(target, third_party=third_party, offline=offline, quiet=quiet)
        if (drafted.changed or on_hub) and not stdout:
            # The draft looked at the directory a moment ago: a file put there since is kept.
            write_atomically(
                path, drafted.text.encode(), overwrite=not drafted.is_new and not on_hub
            )
    if third_party and drafted.description.described_by != "third-party":
        note(f"{FILE_NAME} says described_by: publisher; that answer was kept")
    if stdout:
        click.echo(drafted.text, nl=False)
    elif output_format == "json":
        echo_json(_report(path, drafted))
    elif not quiet:
        _print_summary(target, path, drafted)


def _draft(target: Path | HubTarget, *, third_party: bool, offline: bool, quiet: bool) -> Draft:
    from manifest.document.description import FILE_NAME
    from manifest.document.yaml_text import MAX_BYTES
    from manifest.draft import draft, draft_directory

    source = open_target(target, offline=offline, quiet=quiet)
    if isinstance(source, Path):
        return draft_directory(source, described_by="third-party" if third_party else "publisher")
    there = any(file.path == FILE_NAME for file in source.files)
    existing = source.read(FILE_NAME, length=MAX_BYTES + 1) if there else None
    return draft(source, existing=existing, described_by="third-party")


def _report(path: Path, drafted: Draft) -> dict[str, Any]:
    return {
        "description": str(path),
        "state": _STATES[drafted.is_new, drafted.changed],
        "name": drafted.description.name,
        "version": drafted.description.version,
        "components": [
            {"kind": c.kind, "files": [p for p, _ in c.patterns], "file_count": c.file_count}
            for c in drafted.components
        ],
        "added": list(drafted.added),
        "unassigned": list(drafted.unassigned),
        "packaging": list(drafted.packaging),
        "questions": list(drafted.questions),
        "notes": list(drafted.notes),
    }


def _print_summary(target: Path | HubTarget, path: Path, drafted: Draft) -> None:
    shown = printable(str(path))
    description = drafted.description
    title = paint(printable(f"{description.name} {description.version}"), "bold")
    if drafted.is_new:
        n = sum(component.file_count for component in drafted.components)
        say(f"{title}: {plural(n, 'file')} in {plural(len(drafted.components), 'component')}")
        width = max((len(component.kind) for component in drafted.components), default=0)
        for component in drafted.components:
            guess = paint("  a guess: look at it", "dim") if component.is_guess else ""
            kind = paint(component.kind.ljust(width), "name")
            say(f"  {kind}  {plural(component.file_count, 'file')}{guess}")
    elif drafted.changed:
        say(f"{title}: {shown} had these added to it, each with a comment:")
        for added in drafted.added:
            say(f"  {added}")
    else:
        say(f"{title}: nothing new; {shown} stays as it is")
    _print_unassigned(drafted)
    if drafted.questions:
        say()
        say("left for you to answer:")
        say(
            textwrap.fill(
                "; ".join(drafted.questions), 79, initial_indent="  ", subsequent_indent="  "
            )
        )
    for text in drafted.notes:
        note(printable(text))
    say()
    if drafted.changed or not isinstance(target, Path):
        say(f"written to {shown}")
    if not isinstance(target, Path):
        return
    step = "answer what is commented out there, then: " if drafted.is_new else ""
    say(paint(f"next: {step}manifest build {shell_word(target)}", "dim"))


def _print_unassigned(drafted: Draft) -> None:
    if not drafted.unassigned:
        return
    packaging = set(drafted.packaging)
    rest = [path for path in drafted.unassigned if path not in packaging]
    say()
    say(paint(f"{plural(len(drafted.unassigned), 'file')} in no component:", "warn"))
    for path in rest[:_MAX_LISTED]:
        say(f"  {printable(path)}")
    if len(rest) > _MAX_LISTED:
        say(f"  and {len(rest) - _MAX_LISTED:,} more")
    if packaging:
        also = "and " if rest else ""
        example = printable(drafted.packaging[0])
        say(f"  {also}{plural(len(packaging), 'file')} of packaging, as {example}")
