"""``manifest recipe``: fill the fields of a training from the files that it was run with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    note,
    paint,
    quiet_option,
    say,
    undone,
    warn,
)
from manifest.display import plural, printable
from manifest.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from manifest.draft.filling import FieldComparison, Filling
    from manifest.readers.training_settings import TrainingSettings

_ROLES = {"new": "good", "same": "dim", "different": "bad", "contradicted": "bad"}


@click.command("recipe", short_help="Fill training settings from the files of a framework.")
@click.argument(
    "directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--write", is_flag=True, help="Add what is new to release.yaml.")
@format_option()
@quiet_option()
def command(
    directory: Path, files: tuple[str, ...], write: bool, output_format: str, quiet: bool
) -> None:
    """Read hyperparameters, optimizer, schedule, precision and seeds from recipes in DIR.

    A FILE is named by its path in the release. Known are the configurations of OLMo, OLMo-core,
    GPT-NeoX, Megatron-LM, torchtitan, axolotl, LLaMA-Factory, Transformers, DeepSpeed and nanoGPT,
    and the trainer_state.json of Transformers. Nothing is run. What a file does not say without
    doubt is left out.

    --write adds what is new to release.yaml and leaves every other byte alone; each file is named
    under training.configuration, as the evidence. A value that release.yaml gives otherwise is
    told and left as it is: then the run exits 1.
    """
    from manifest.atomic import write_atomically
    from manifest.build.tree import read_regular
    from manifest.document.description import FILE_NAME, parse_description
    from manifest.document.yaml_text import MAX_BYTES
    from manifest.draft.filling import compare_fields, fill
    from manifest.readers.training_settings import read_training_settings
    from manifest.sources.directory import DirectorySource

    path = directory / FILE_NAME
    with undone(f"{FILE_NAME} was not changed"):
        data = read_regular(path, max_bytes=MAX_BYTES)
        before = parse_description(data)
        source = DirectorySource(directory)
        recipes = [read_training_settings(source, file) for file in dict.fromkeys(files)]
        comparisons = compare_fields(before, recipes)
        filling = fill(data.decode(), before, comparisons, recipes)
        written = write and filling.text != data.decode()
        if written:
            write_atomically(path, filling.text.encode())
    wrong = [c for c in comparisons if c.state in ("different", "contradicted")]
    code = ExitCode.FINDINGS if wrong or (write and filling.by_hand) else ExitCode.OK
    if output_format == "json":
        echo_json(_plain(recipes, comparisons, filling, written=written, code=code))
    else:
        if not quiet:
            _print(recipes, comparisons)
        _print_end(path, comparisons, filling, write=write, written=written, quiet=quiet)
    click.get_current_context().exit(code)


def _print(recipes: Sequence[TrainingSettings], comparisons: Sequence[FieldComparison]) -> None:
    for recipe in recipes:
        count = plural(len(recipe.fields), "field")
        say(f"{paint(printable(recipe.path), 'bold')}: {recipe.family}, {count}")
    if not comparisons:
        return
    say()
    names = max(len(c.found.field) for c in comparisons)
    values = min(max(len(printable(c.found.value)) for c in comparisons), 24)
    for one in comparisons:
        state = paint(f"{one.state.value:<12}", _ROLES[one.state.value])
        shown = printable(one.found.value).ljust(values)
        say(f"  {state}  {one.found.field.ljust(names)}  {shown}  {paint(one.found.place, 'dim')}")
        if one.state in ("different", "contradicted"):
            said = printable(one.said).ljust(values)
            say(f"  {'':12}  {'':{names}}  {said}  {paint(one.where, 'dim')}")


def _print_end(
    path: Path,
    comparisons: Sequence[FieldComparison],
    filling: Filling,
    *,
    write: bool,
    written: bool,
    quiet: bool,
) -> None:
    shown = printable(str(path))
    differing = sum(c.state == "different" for c in comparisons)
    if differing:
        says = "says" if differing == 1 else "say"
        warn(
            f"{plural(differing, 'field')} of {shown} {says} something else than the recipe",
            "correct what is wrong; nothing that stands there is changed",
        )
    if contradicted := sum(c.state == "contradicted" for c in comparisons):
        warn(
            f"{plural(contradicted, 'field')} of one recipe contradict another; none is added",
            "name the recipe that the release was trained with",
        )
    if write and filling.by_hand:
        warn(f"{shown} is written in a style to which nothing can be added", "add these lines:")
        for line in filling.by_hand:
            say(f"  {printable(line)}")
    elif written and not quiet:
        say()
        say(f"added to {shown}: {plural(len(filling.added), 'entry', 'entries')}")
    elif filling.added and not write and not quiet:
        say()
        note(f"--write adds {plural(len(filling.added), 'entry', 'entries')} to {shown}")


def _plain(
    recipes: Sequence[TrainingSettings],
    comparisons: Sequence[FieldComparison],
    filling: Filling,
    *,
    written: bool,
    code: ExitCode,
) -> dict[str, Any]:
    return {
        "exit_code": int(code),
        "recipes": [{"path": r.path, "framework": r.family} for r in recipes],
        "fields": [
            {
                "field": f"training.{c.found.field}",
                "value": c.found.value,
                "path": c.found.path,
                "line": c.found.line,
                "setting": c.found.source,
                "state": c.state.value,
                "said": c.said or None,
                "said_at": c.where or None,
            }
            for c in comparisons
        ],
        "added": list(filling.added) if written else [],
    }
