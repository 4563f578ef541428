"""``manifest build``: every file's digest, and the manifest that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._cache import digest_cache
from manifest.cli._common import (
    echo_json,
    format_option,
    note,
    paint,
    quiet_option,
    release_argument,
    root_dir_option,
    say,
    scheduler_option,
    shell_word,
    undone,
    workers,
)
from manifest.cli._counting import owned_of, total_of, with_owned
from manifest.cli._progress import progress_bar
from manifest.display import human_size, plural, printable

if TYPE_CHECKING:
    from manifest.build import BuildResult, CheckResult
    from manifest.inventory.cache import DigestCache

_MAX_LISTED = 10


@click.command("build")
@release_argument()
@click.option("--check", is_flag=True, help="Only say whether manifest.json is up to date.")
@root_dir_option()
@click.option(
    "--manifest",
    "manifest_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the manifest here instead of into the release.",
)
@click.option(
    "--no-cache",
    is_flag=True,
    help="Read every file, also what was left alone since the last time.",
)
@scheduler_option()
@format_option("text", "json")
@quiet_option()
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    *,
    check: bool,
    roots: dict[str, Path],
    manifest_path: Path | None,
    no_cache: bool,
    scheduler: str | None,
    output_format: str,
    quiet: bool,
) -> None:
    """Hash every file and write manifest.json.

    Reads release.yaml in DIR (the current directory when left out), hashes every file once and
    writes manifest.json: each file with its size, digests and components. The same release gives
    the same bytes, whenever and wherever it is built. Large files that were left alone since this
    machine hashed them are not read again. With --check every file is read and nothing written,
    and the exit code says whether manifest.json is up to date: 0 or 5.
    """
    from manifest.build import build, find_manifest, write_manifest
    from manifest.build import check as compare
    from manifest.build.run import read_existing

    target = find_manifest(directory, manifest_path)
    # Asked first: a foreign manifest.json should not cost an hour of hashing.
    read_existing(target)
    words = "nothing was written" if check else f"{printable(str(target))} was not written"
    with undone(words):
        remember = not (no_cache or check or scheduler)
        with (
            workers(scheduler) as executor,
            digest_cache(wanted=remember) as cache,
            progress_bar("Hashing", quiet=quiet) as bar,
        ):
            result = build(
                directory,
                roots=roots,
                executor=executor,
                cache=cache,
                progress=bar.advance,
                expect=bar.expect,
            )
        if not check:
            write_manifest(directory, result, path=manifest_path)
    if check:
        compared = compare(target, result)
        if output_format == "json":
            echo_json(_check_report(target, compared))
        elif not (quiet and compared.is_same):
            _print_check(target, compared)
        ctx.exit(compared.exit_code)
    if output_format == "json":
        echo_json(
            {**_report(target, result), "files_remembered": cache.not_read[0] if cache else 0}
        )
    elif not quiet:
        _print_summary(directory, target, result, cache)


def _print_summary(
    directory: Path, target: Path, result: BuildResult, cache: DigestCache | None
) -> None:
    manifest = result.manifest
    name = printable(f"{manifest.name} {manifest.version}")
    say(f"{paint(name, 'bold')}: {total_of(manifest, len(manifest.files))}")
    width = max((len(c.id) for c in manifest.components), default=0)
    for component in manifest.components:
        say(f"  {paint(component.id.ljust(width), 'name')}  {_component_line(component)}")
    if result.unassigned:
        n = len(result.unassigned)
        say()
        say(paint(f"{plural(n, 'file')} in no component:", "warn"))
        for path in result.unassigned[:_MAX_LISTED]:
            say(f"  {printable(path)}")
        if n > _MAX_LISTED:
            say(f"  and {n - _MAX_LISTED:,} more")
        say("  They are listed and signed all the same; name them under `components:` in")
        say("  release.yaml, or let `manifest init` do it.")
    for item in result.not_covered:
        what = f" ({plural(item.files, 'file')})" if item.kind == "directory" else ""
        note(f"{printable(item.path)}{what} is left out, as in every signed release")
    if result.without_tensors:
        say()
        say(paint("weights without digests of tensors:", "warn"))
        for reason in result.without_tensors[:_MAX_LISTED]:
            say(f"  {printable(reason)}")
    say()
    for one in manifest.weights:
        what = f"{printable(one.files[0].full_path)}, {plural(one.tensor_count, 'tensor')}"
        say(f"weights      {one.weights_digest}  ({what})")
    if cache is not None and (remembered := cache.not_read)[0]:
        what = f"{plural(remembered[0], 'file')} ({human_size(remembered[1])})"
        say(f"not read     {what}, left alone since the last time; --no-cache reads all")
    if cache is not None and cache.problem:
        note(cache.problem)
    say(f"root digest  {paint(manifest.root_digest, 'bold')}")
    say(f"written to   {printable(str(target))}")
    where = "" if str(directory) == "." else f" {shell_word(directory)}"
    say(paint(f"next: manifest sign{where} --key KEY", "dim"))


def _component_line(component: Any) -> str:
    bindings = [component.binding] if component.binding else []
    if component.file_count or bindings:
        return with_owned(component.file_count, component.size, bindings)
    if "withheld" in component.fields:
        return paint("withheld", "dim")
    references = component.fields.get("references", ())
    if references:
        return paint(f"elsewhere ({plural(len(references), 'reference')})", "dim")
    return paint("no files", "dim")


def _print_check(target: Path, compared: CheckResult) -> None:
    shown = printable(str(target))
    if compared.is_same:
        say(f"{shown} is {paint('up to date', 'good')}")
        return
    if compared.is_missing:
        say(f"{paint('missing', 'bad')}: there is no {shown}")
    else:
        say(f"{shown} is {paint('out of date', 'bad')}")
    for word, names in (
        ("added", compared.added),
        ("gone", compared.missing),
        ("changed", compared.changed),
        ("says otherwise", compared.claims),
    ):
        for name in names[:_MAX_LISTED]:
            say(f"  {word}: {printable(name)}")
        if len(names) > _MAX_LISTED:
            say(f"  {word}: and {len(names) - _MAX_LISTED:,} more")
    differs = (compared.added, compared.missing, compared.changed, compared.claims)
    if not compared.is_missing and not any(differs):
        say("  it says the same in another form than `manifest build` writes")
    say("run `manifest build` to bring it up to date")


def _report(target: Path, result: BuildResult) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "manifest": str(target),
        "name": manifest.name,
        "version": manifest.version,
        "root_digest": manifest.root_digest,
        "file_count": len(manifest.files),
        "total_size": manifest.total_size,
        **owned_of([bound.binding for bound in manifest.inventories]),
        "components": [
            {
                "id": c.id,
                "kind": c.kind.id,
                "file_count": c.file_count,
                "size": c.size,
                **owned_of([c.binding] if c.binding else []),
            }
            for c in manifest.components
        ],
        "unassigned": list(result.unassigned),
        "not_covered": [item.path for item in result.not_covered],
        "weights": [
            {
                "files": [f.full_path for f in one.files],
                "weights_digest": one.weights_digest,
                "tensor_count": one.tensor_count,
            }
            for one in manifest.weights
        ],
        "without_tensors": list(result.without_tensors),
    }


def _check_report(target: Path, compared: CheckResult) -> dict[str, Any]:
    state = "up-to-date" if compared.is_same else "out-of-date"
    return {
        "manifest": str(target),
        "state": "missing" if compared.is_missing else state,
        "added": list(compared.added),
        "missing": list(compared.missing),
        "changed": list(compared.changed),
        "claims": list(compared.claims),
    }
