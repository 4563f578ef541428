"""``manifest data``: commitments to data, and proofs about records."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    note,
    paint,
    quiet_option,
    say,
    shell_word,
    undone,
)
from manifest.cli._progress import progress_bar
from manifest.display import plural, printable

_FILE: Any = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW: Any = click.Path(path_type=Path)


@click.group("data", short_help="Commit to data, and prove what is in it.")
def command() -> None:
    """Commit to data without publishing it, and prove that a record is in it or is not.

    The publisher commits once and keeps the secrets; the commitment stands in release.yaml. A proof
    about one record reveals nothing of the others, and anyone can check it with the manifest alone.
    """


@command.command("commit", short_help="Commit to the records of files.")
@click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(exists=True)
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(("files", "jsonl", "text", "parquet")),
    default="jsonl",
    show_default=True,
    help="How the data is cut into records.",
)
@click.option(
    "--normalize",
    multiple=True,
    type=click.Choice(("none", "lf", "strip", "nfc", "jcs")),
    help="A rule by which records are made alike; repeatable. Without one, bytes are compared.",
)
@click.option("--column", metavar="NAME", default="", help="The column of a Parquet file.")
@click.option("--absence", is_flag=True, help="Be able to prove that a record is not there.")
@click.option(
    "--secrets",
    metavar="FILE",
    required=True,
    type=_NEW,
    help="Where the secrets go; outside of the release.",
)
@click.option(
    "--reuse-secrets", is_flag=True, help="Take the secrets that are there: for the same data."
)
@click.option(
    "--index",
    metavar="DIR",
    type=_NEW,
    help="Make this directory, by which proofs are made without the data.",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    required=True,
    type=_NEW,
    help="Where the commitment goes, as commitment.json in the release.",
)
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(1, 256),
    help="How many processes hash; as many as there are cores for large data.",
)
@quiet_option()
def commit(
    sources: tuple[str, ...],
    format_: str,
    normalize: tuple[str, ...],
    column: str,
    absence: bool,
    secrets: Path,
    reuse_secrets: bool,
    index: Path | None,
    output: Path,
    processes: int | None,
    quiet: bool,
) -> None:
    """Commit to the records of SOURCE: files, and directories of files.

    Writes the commitment, to be published, and the secrets, to be kept: without them nothing can
    be proved. Matching is exact: two records are the same when their bytes are.
    """
    from manifest.data import commit_data

    with undone("nothing was committed to"), progress_bar("Committing", quiet=quiet) as bar:
        commitment = commit_data(
            sources,
            output,
            secrets=secrets,
            format_=format_,
            normalize=normalize,
            column=column,
            absence=absence,
            index=index,
            reuse_secrets=reuse_secrets,
            processes=processes or _processes(sources, absence=absence),
            progress=bar,
        )
    if quiet:
        return
    presence, tree = commitment.presence, commitment.absence
    say(f"{paint('presence', 'bold')}  {plural(presence.count, 'record')}, {presence.root.hex()}")
    if tree is not None:
        say(f"{paint('absence', 'bold')}   {tree.count:,} different, {tree.root.hex()}")
    say(f"{paint('written', 'bold')}   {printable(str(output))}")
    say("  publish it: name it as commitment_file of the component in release.yaml")
    say(f"{paint('secrets', 'bold')}   {printable(str(secrets))}")
    say("  keep them to yourself, and a copy in a safe place")
    if index is not None:
        say(f"{paint('index', 'bold')}     {printable(str(index))}")
    if tree is None:
        note("without --absence nobody can be shown that a record is not in the data")


_LARGE = 32 * 2**20  # bytes from which on it pays to start processes
_LARGE_ABSENCE = 2**20


def _processes(sources: tuple[str, ...], *, absence: bool) -> int:
    """As many as there are cores, when there is enough to do."""
    size = 0
    for source in map(Path, sources):
        size += source.stat().st_size if source.is_file() else _LARGE
    if size < (_LARGE_ABSENCE if absence else _LARGE):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@command.command("prove", short_help="Prove that a record is in the data, or is not.")
@click.argument("record", metavar="[RECORD]", required=False, type=click.Path(path_type=Path))
@click.option("--text", metavar="TEXT", help="The record itself, in place of the file RECORD.")
@click.option(
    "--commitment", metavar="FILE", required=True, type=_FILE, help="The commitment's file."
)
@click.option("--secrets", metavar="FILE", required=True, type=_FILE, help="The secrets' file.")
@click.option(
    "--index",
    metavar="DIR",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The index that was made with the commitment.",
)
@click.option(
    "--claim",
    type=click.Choice(("present", "absent")),
    default=None,
    help="Make this proof or none; without it, whichever is true.",
)
@click.option(
    "--output", "-o", metavar="FILE", default="-", show_default=True, help="Where the proof goes."
)
@quiet_option()
def prove(
    record: Path | None,
    text: str | None,
    commitment: Path,
    secrets: Path,
    index: Path,
    claim: str | None,
    output: str,
    quiet: bool,
) -> None:
    """Prove that the record in the file RECORD is in the data, or that it is not.

    RECORD is - for standard input. One line ending at its end is taken off, unless records are
    whole files. Who gets the proof learns nothing of the other records; who gets it without the
    record can test guesses of that record.
    """
    from manifest.atomic import write_atomically
    from manifest.commitments import PresenceProof, dump_proof
    from manifest.data import prove_record

    content = _record(record, text)
    if content is None:
        raise click.UsageError("name the file of a record, or give --text")
    proof = prove_record(
        content,
        commitment,
        secrets=secrets,
        index=index,
        claim=claim or "",
        trim=text is None,
    )
    data = dump_proof(proof)
    if output == "-":
        click.echo(data.decode(), nl=False)
    else:
        write_atomically(output, data)
    if not quiet:
        present = isinstance(proof, PresenceProof)
        note(f"proved: the record is {'' if present else 'not '}in the data")


@command.command("check", short_help="Check a proof about a record.")
@click.argument("proof", type=_FILE)
@click.option("--manifest", metavar="FILE", type=_FILE, help="The manifest that binds the data.")
@click.option("--commitment", metavar="FILE", type=_FILE, help="A commitment on its own.")
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The record that the proof is said to be about; - for standard input.",
)
@click.option("--text", metavar="TEXT", help="That record itself.")
@format_option("text", "json")
@quiet_option()
def check(
    proof: Path,
    manifest: Path | None,
    commitment: Path | None,
    record: Path | None,
    text: str | None,
    output_format: str,
    quiet: bool,
) -> None:
    """Check PROOF with nothing but the manifest, or the commitment alone.

    Exit code 0 means that the proof holds, whichever of the two it proves; 1 that it does not. The
    manifest is not verified by this: run `manifest verify` first.
    """
    from manifest.data import check_data_proof

    if (manifest is None) == (commitment is None):
        raise click.UsageError("give one of --manifest and --commitment")
    report = check_data_proof(
        proof,
        manifest=manifest,
        commitment=commitment,
        record=_record(record, text),
        trim=text is None,
    )
    if output_format == "json":
        echo_json(
            {
                "schema_version": "1.0",
                "present": report.present,
                "record": report.record,
                "record_compared": report.compared,
                "index": report.index,
                "count": report.count,
                "component": printable(report.component) or None,
                "exit_code": 0,
            }
        )
        return
    if quiet:
        return
    word = "in the data" if report.present else "not in the data"
    where = f" of {printable(report.component)}" if report.component else ""
    subject = "the record" if report.compared else f"the record with digest {report.record}"
    say(f"{paint('proved', 'good')}  {subject} is {word}{where}")
    if report.index is not None:
        say(f"        record {report.index:,}, counted from 0, of {report.count:,}")
    else:
        say(f"        {plural(report.count, 'different record')}, and none of them is it")
    if not report.compared:
        note("give --record to see that the proof is about the record that you mean")
    if manifest is not None:
        directory = shell_word(manifest.parent)
        note(f"the manifest itself was not verified: run `manifest verify {directory}`")


@command.command("audit", short_help="Check that a tree of absence is sorted.")
@click.argument("values", type=_FILE)
@click.option(
    "--commitment", metavar="FILE", required=True, type=_FILE, help="The commitment's file."
)
@quiet_option()
def audit(values: Path, commitment: Path, quiet: bool) -> None:
    """Check that VALUES, absence.values of an index, are sorted and those committed to.

    A proof of absence is sound only where the whole tree is sorted. The values reveal nothing of
    the records, so that a publisher can give them to anyone.
    """
    from manifest.data import audit_values

    count = audit_values(values, commitment)
    if not quiet:
        say(f"{paint('sorted', 'good')}  {plural(count, 'value')}, those of the commitment")


def _record(path: Path | None, text: str | None) -> bytes | Path | None:
    """The record that the user named; None when none was."""
    from manifest.commitments.rules import MAX_RECORD

    if path is not None and text is not None:
        raise click.UsageError("a file and --text exclude each other")
    if text is not None:
        return os.fsencode(text)
    if path is None or str(path) != "-":
        return path
    data = sys.stdin.buffer.read(MAX_RECORD + 1)
    if len(data) > MAX_RECORD:
        raise click.UsageError(f"a record has at most {MAX_RECORD:,} bytes")
    return data
