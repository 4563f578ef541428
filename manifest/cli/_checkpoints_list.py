"""``manifest checkpoints DIR``: the checkpoints of a release, and the data between two of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import echo_json, format_option, paint, say
from manifest.display import plural, printable
from manifest.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from manifest.build.checkpoints import ResolvedCheckpoint
    from manifest.document.manifest_file import Manifest
    from manifest.findings import Finding
    from manifest.readers.chunk_index import Chunk


@click.command("list", short_help="List the checkpoints of a release.")
@click.argument(
    "directory",
    metavar="[DIR]",
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--from", "start", metavar="NAME", help="With --to: name the data between the two.")
@click.option("--to", "end", metavar="NAME", help="The checkpoint that the data led to.")
@format_option("text", "json")
def list_command(directory: Path, start: str | None, end: str | None, output_format: str) -> None:
    """List the checkpoints of the release in DIR, by its manifest.json, and check their indexes.

    Files are not hashed and signatures not checked: `manifest verify` does that.
    """
    from manifest.build.checkpoints import chunk_problems, resolve_checkpoints, segment_chunks
    from manifest.document.manifest_file import FILE_NAME, MAX_BYTES, parse_manifest
    from manifest.findings import Severity
    from manifest.lint.indexes import index_findings
    from manifest.readers.chunk_index import parse_chunk_index

    if (start is None) != (end is None):
        raise click.UsageError("--from and --to go together")
    try:
        with (directory / FILE_NAME).open("rb") as stream:
            manifest = parse_manifest(stream.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise click.UsageError(f"{directory} has no {FILE_NAME}: run `manifest build`") from None
    fields = manifest.release.get("checkpoints", {})
    index, chunk_index = (_bound(directory, manifest, fields.get(k)) for k in ("index", "chunks"))
    checkpoints = resolve_checkpoints(manifest)
    chunks = parse_chunk_index(chunk_index, fields["chunks"]) if chunk_index is not None else ()
    problems = tuple(chunk_problems(manifest, checkpoints, chunks))
    findings = index_findings(index, fields["index"]) if index is not None else ()
    segment: tuple[Chunk, ...] | None = None
    if start is not None and end is not None:
        if chunk_index is None:
            raise click.UsageError("--from and --to need a chunk index: checkpoints.chunks")
        segment = segment_chunks(checkpoints, chunks, start, end)
    wrong = problems or any(f.severity is not Severity.ADVICE for f in findings)
    code = ExitCode.FINDINGS if wrong else ExitCode.OK
    if output_format == "json":
        echo_json(
            {
                "schema_version": "1.0",
                "release": printable(manifest.name),
                "checkpoints": [_plain(one) for one in checkpoints],
                "chunks": None if segment is None else [_plain_chunk(c) for c in segment],
                "findings": [_plain_finding(f) for f in findings],
                "chunk_problems": [{"line": n, "message": m} for n, m in problems],
                "exit_code": int(code),
            }
        )
    else:
        _print(checkpoints, segment)
        for finding in findings:
            line = finding.location.line if finding.location else None
            place = f"{printable(fields['index'])}:{line}" if line else printable(fields["index"])
            say(f"{place}: {finding.severity.value}: {printable(finding.message)} ({finding.code})")
        for number, message in problems:
            say(f"{printable(fields['chunks'])}:{number}: {paint('error:', 'bad')} {message}")
    click.get_current_context().exit(code)


def _bound(directory: Path, manifest: Manifest, path: str | None) -> bytes | None:
    """A file of the release that the manifest binds; None for no path.

    Raises:
        UndecidedError: It is in a named root, cannot be read, or is not what the manifest lists.
        DocumentError: It is too large.
    """
    import hashlib

    from manifest.errors import UndecidedError
    from manifest.readers.checkpoint_index import read_index_bytes
    from manifest.sources.directory import DirectorySource

    if path is None:
        return None
    digest = next((f.sha256 for f in manifest.files if f.full_path == path and not f.root), "")
    if not digest:
        raise UndecidedError(
            f"{printable(path)} is not in the release directory", remedy="keep indexes there"
        )
    data = read_index_bytes(DirectorySource(directory), path)
    if hashlib.sha256(data).hexdigest() != digest:
        raise UndecidedError(
            f"{printable(path)} is not the file that the manifest lists",
            remedy="`manifest verify` says what changed",
        )
    return data


def _print(checkpoints: Sequence[ResolvedCheckpoint], segment: Iterable[Chunk] | None) -> None:
    if segment is not None:
        for chunk in segment:
            say(f"{chunk.sha256 or '-':64}  {printable(chunk.file)}")
        return
    for stage in dict.fromkeys(one.stage for one in checkpoints):
        members = [one for one in checkpoints if one.stage == stage]
        say(f"{printable(stage) or 'checkpoints'}: {plural(len(members), 'checkpoint')}")
        for one in members:
            step = "" if one.step is None else f"step {one.step:,}"
            tokens = "" if one.tokens is None else f"{one.tokens:,} tokens"
            where = plural(len(one.files), "file") if one.files else printable(one.location)
            facts = ", ".join(text for text in (step, tokens, where) if text)
            say(f"  {printable(one.name)}  {facts}")
    if not checkpoints:
        say("no checkpoints are described")


def _plain(one: ResolvedCheckpoint) -> dict[str, Any]:
    return {
        "name": printable(one.name),
        "stage": printable(one.stage) or None,
        "step": one.step,
        "ordinal": one.ordinal,
        "tokens": one.tokens,
        "data": printable(one.data) or None,
        "parent": printable(one.parent) or None,
        "location": printable(one.location) or None,
        "file_count": len(one.files),
        "size": one.size,
        "weights_digest": one.weights_digest or None,
        "optimizer_state": one.has_optimizer,
        "random_state": one.has_random_state,
    }


def _plain_chunk(chunk: Chunk) -> dict[str, Any]:
    return {
        "file": printable(chunk.file),
        "sha256": chunk.sha256 or None,
        "line": chunk.line,
        "tokens": chunk.tokens,
    }


def _plain_finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "line": finding.location.line if finding.location else None,
        "message": printable(finding.message),
        "remedy": printable(finding.remedy) or None,
    }
