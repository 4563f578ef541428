"""``manifest checkpoints DIR``: the checkpoints of a release, and the data between two of them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import echo_json, format_option, paint, root_dir_option, say
from manifest.display import plural, printable
from manifest.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from manifest.build.checkpoints import ResolvedCheckpoint
    from manifest.build.chunk_files import CheckedChunk
    from manifest.document.manifest_file import Manifest
    from manifest.findings import Finding
    from manifest.inventory import Tree
    from manifest.readers.chunk_index import Chunk


@click.command("list", short_help="List the checkpoints of a release.")
@click.argument(
    "directory",
    metavar="[DIR]",
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@root_dir_option()
@click.option("--from", "start", metavar="NAME", help="With --to: name the data between the two.")
@click.option("--to", "end", metavar="NAME", help="The checkpoint that the data led to.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where that data lies: hash it, and compare with the chunk index.",
)
@format_option("text", "json")
def list_command(
    directory: Path,
    roots: dict[str, str | Path],
    start: str | None,
    end: str | None,
    data: Path | None,
    output_format: str,
) -> None:
    """List the checkpoints of the release in DIR, by its manifest.json, draw and check them.

    Looked for are gaps, repeated steps, tokens that no line of steps gives, ranges of data that
    overlap or leave holes, copies, and mistakes in the indexes. Advice never fails the run.

    Files are not hashed and signatures not checked: `manifest verify` does that. Only --data
    hashes, the chunks between --from and --to.
    """
    from manifest.build.bound import bound_reader, bound_roots
    from manifest.build.checkpoints import chunk_problems, derive_checkpoints, segment_chunks
    from manifest.build.chunk_files import check_chunks
    from manifest.document.manifest_file import FILE_NAME, MAX_BYTES, parse_manifest
    from manifest.findings import Severity
    from manifest.lint.checkpoint_checks import checkpoint_findings
    from manifest.readers.chunk_index import parse_chunk_index

    if (start is None) != (end is None):
        raise click.UsageError("--from and --to go together")
    if data is not None and start is None:
        raise click.UsageError("--data needs --from and --to: which data led from where to where")
    try:
        with (directory / FILE_NAME).open("rb") as stream:
            manifest = parse_manifest(stream.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise click.UsageError(f"{directory} has no {FILE_NAME}: run `manifest build`") from None
    fields = manifest.release.get("checkpoints", {})
    given = {"": directory, **{n: roots[n] for n in bound_roots(manifest) if n in roots}}
    read = bound_reader(manifest, {n: _walked(place, n, manifest) for n, place in given.items()})
    index = (read(fields["index"]), fields["index"]) if "index" in fields else None
    chunks = (
        parse_chunk_index(read(fields["chunks"]), fields["chunks"]) if "chunks" in fields else ()
    )
    checkpoints = manifest.checkpoints or derive_checkpoints(manifest, read)
    problems = tuple(chunk_problems(manifest, checkpoints, chunks))
    findings = checkpoint_findings(checkpoints, len(fields.get("entries", ())), index)
    segment: tuple[Chunk, ...] | None = None
    checked: tuple[CheckedChunk, ...] = ()
    if start is not None and end is not None:
        if "chunks" not in fields:
            raise click.UsageError("--from and --to need a chunk index: checkpoints.chunks")
        segment = segment_chunks(checkpoints, chunks, start, end)
        checked = check_chunks(segment, data) if data is not None else ()
    wrong = problems or any(f.severity is not Severity.ADVICE for f in findings)
    codes = [ExitCode.FINDINGS if wrong else ExitCode.OK, *(c.state.exit_code for c in checked)]
    code = ExitCode.worst(codes)
    if output_format == "json":
        echo_json(
            {
                "schema_version": "1.0",
                "release": printable(manifest.name),
                "checkpoints": [_plain(one) for one in checkpoints],
                "chunks": None if segment is None else _plain_chunks(segment, checked),
                "findings": [_plain_finding(f) for f in findings],
                "chunk_problems": [{"line": n, "message": m} for n, m in problems],
                "exit_code": int(code),
            }
        )
    else:
        _print(checkpoints, segment, checked)
        for finding in findings:
            line = finding.location.line if finding.location else None
            path = printable(finding.location.path) if finding.location else "checkpoints"
            place = f"{path}:{line}" if line else path
            say(f"{place}: {finding.severity.value}: {printable(finding.message)} ({finding.code})")
        for number, message in problems:
            say(f"{printable(fields['chunks'])}:{number}: {paint('error:', 'bad')} {message}")
    click.get_current_context().exit(code)


def _walked(place: str | Path, root: str, manifest: Manifest) -> Tree:
    """A root, entered only where the indexes of checkpoints lie."""
    from manifest.document.assignment import split_root
    from manifest.inventory import walk

    fields = manifest.release.get("checkpoints", {})
    named = (
        split_root(fields[k], manifest.release.get("roots", {}))
        for k in ("index", "names", "chunks")
        if k in fields
    )
    paths = [path for name, path in named if name == root]
    return walk(place, enter=lambda above: any(p.startswith(f"{above}/") for p in paths))


def _print(
    checkpoints: tuple[ResolvedCheckpoint, ...],
    segment: tuple[Chunk, ...] | None,
    checked: tuple[CheckedChunk, ...],
) -> None:
    from manifest.render.checkpoints_text import checkpoint_lines

    if segment is None:
        width = min(shutil.get_terminal_size((80, 24)).columns, 120)
        unicode = "utf" in (sys.stdout.encoding or "").lower()
        for line in checkpoint_lines(checkpoints, width=width, ascii_only=not unicode, paint=paint):
            say(line)
        if not checkpoints:
            say("no checkpoints are described")
        return
    for chunk in segment:
        say(f"{chunk.sha256 or '-':64}  {printable(chunk.file)}")
    for one in checked:
        if one.state.exit_code is not ExitCode.OK:
            reason = f": {one.reason}" if one.reason else ""
            say(f"{printable(one.chunk.file)}: {paint(one.state.value, 'bad')}{reason}")
    if checked:
        same = sum(one.state.exit_code is ExitCode.OK for one in checked)
        say(f"{same:,} of {plural(len(checked), 'chunk')} as the index lists")


def _plain(one: ResolvedCheckpoint) -> dict[str, Any]:
    from manifest.document.references import Reference

    return {
        "name": printable(one.name),
        "stage": printable(one.stage) or None,
        "step": one.step,
        "ordinal": one.ordinal,
        "tokens": one.tokens,
        "data": printable(one.data) or None,
        "parent": printable(one.parent) or None,
        "location": printable(one.location) or None,
        "reference": printable(str(Reference.from_plain(one.reference))) if one.reference else None,
        "listed_sha256": one.listed_sha256 or None,
        "file_count": len(one.files),
        "size": one.size,
        "root_digest": one.root_digest or None,
        "weights_digest": one.weights_digest or None,
        "optimizer_state": one.has_optimizer,
        "random_state": one.has_random_state,
    }


def _plain_chunks(
    segment: tuple[Chunk, ...], checked: tuple[CheckedChunk, ...]
) -> list[Mapping[str, Any]]:
    states = {one.chunk.file: one.state.value for one in checked}
    return [
        {
            "file": printable(chunk.file),
            "sha256": chunk.sha256 or None,
            "line": chunk.line,
            "tokens": chunk.tokens,
            "state": states.get(chunk.file),
        }
        for chunk in segment
    ]


def _plain_finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "line": finding.location.line if finding.location else None,
        "message": printable(finding.message),
        "remedy": printable(finding.remedy) or None,
    }
