"""Data committed to, and proofs about its records: the whole job, on files."""

from __future__ import annotations

import dataclasses
import os
import secrets as random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from manifest.atomic import write_atomically
from manifest.build.tree import read_regular
from manifest.commitments import (
    Commitment,
    CommitOptions,
    Format,
    PresenceProof,
    Progress,
    Proof,
    Prover,
    Secrets,
    audit,
    check_proof,
    commit,
    dump_commitment,
    dump_secrets,
    parse_commitment,
    parse_proof,
    parse_secrets,
    record_digest,
    rules_from_names,
)
from manifest.commitments.forms import MAX_BYTES
from manifest.commitments.keys import SECRET_SIZE
from manifest.commitments.records import digest_of_file
from manifest.commitments.rules import MAX_RECORD
from manifest.display import printable
from manifest.document.commitments import commitments_of
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.manifest_file import FILE_NAME as MANIFEST_NAME
from manifest.document.manifest_file import MAX_BYTES as MANIFEST_MAX_BYTES
from manifest.document.manifest_file import parse_manifest
from manifest.errors import ProofError, UsageError

__all__ = [
    "ProofReport",
    "audit_values",
    "check_data_proof",
    "commit_data",
    "prove_record",
]

StrPath: TypeAlias = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class ProofReport:
    """A proof that holds.

    Attributes:
        present: Whether it proves that the record is in the data, or that it is not.
        record: The digest of the record, in hexadecimal.
        compared: Whether a record was given, and has this digest.
        count: How many records the data has; for absence, how many different ones.
        index: Where the record stands, from zero; None for absence.
        component: The component whose data it is; empty for a commitment on its own.
    """

    present: bool
    record: str
    compared: bool
    count: int
    index: int | None = None
    component: str = ""


def commit_data(
    sources: Sequence[StrPath],
    output: StrPath,
    *,
    secrets: StrPath,
    format_: str = "jsonl",
    normalize: Sequence[str] = (),
    column: str = "",
    absence: bool = False,
    index: StrPath | None = None,
    reuse_secrets: bool = False,
    processes: int = 1,
    progress: Progress | None = None,
) -> Commitment:
    """Commit to data, and write the commitment (spec/commitments.md).

    Args:
        sources: Files, and directories whose files are taken in the order of their paths' bytes.
        output: Where the commitment goes, as ``commitment.json`` in the release.
        secrets: Where the secrets go, mode 0600; outside of the release.
        format_: ``files``, ``jsonl``, ``text`` or ``parquet``.
        normalize: Rules of normalization; none for bytes as they are.
        column: For Parquet, the column of the records.
        absence: Whether it shall be possible to prove absence; some 200 µs a record.
        index: A directory to make, from which proofs are made fast; outside of the release.
        reuse_secrets: Take the secrets that are there: for the same data once more.
        processes: How many processes hash. With more than one, a script that calls this must
            guard its own start (``if __name__ == "__main__"``).
        progress: Told what was done.

    Raises:
        UsageError: Options that do not go together; secrets, an output or an index that are there
            already; secrets or an index inside a release.
        DocumentError: A record is not what its format or a rule needs.
        UndecidedError: Something cannot be read or written, or changed meanwhile.
        MissingExtraError: A library is needed that is not installed.
    """
    formats = [f.value for f in Format]
    if format_ not in formats:
        raise UsageError(
            f"there is no format {str(format_)!a}", remedy=f"one of {', '.join(formats)}"
        )
    options = CommitOptions(
        Format(format_),
        rules_from_names(normalize),
        column,
        absence,
        None if index is None else Path(index),
        processes,
    )
    _refuse_in_release(Path(secrets), "the secrets")
    if options.index is not None:
        _refuse_in_release(options.index, "the index")
    if reuse_secrets:
        kept = _read_secrets(secrets)
        commitment = commit(sources, kept, options, progress)
        write_atomically(output, dump_commitment(commitment))
        return commitment
    for path in (Path(output), Path(secrets)):
        if os.path.lexists(path):
            raise UsageError(
                f"{printable(str(path))} exists already; nothing was written",
                remedy="name another file; to commit to the same data again, reuse its secrets",
            )
    drawn = Secrets(random.token_bytes(SECRET_SIZE))
    # First of all: what was committed to under lost secrets could never be proved.
    write_atomically(secrets, dump_secrets(drawn), mode=0o600, overwrite=False)
    try:
        commitment = commit(sources, drawn, options, progress)
        write_atomically(output, dump_commitment(commitment), overwrite=False)
    except BaseException:
        Path(secrets).unlink(missing_ok=True)
        raise
    return commitment


def prove_record(
    record: bytes | Path,
    commitment: StrPath,
    *,
    secrets: StrPath,
    index: StrPath,
    claim: str = "",
    trim: bool = False,
) -> Proof:
    """Make the proof that a record is, or is not, in the data that was committed to.

    Args:
        record: The record's bytes, or the file that holds it.
        commitment: The commitment's file.
        secrets: The secrets' file.
        index: The index that was made with the commitment.
        claim: ``present`` or ``absent`` to refuse a proof of the opposite; empty for either.
        trim: Take one line ending off the record, as editors add one, unless records are files.

    Raises:
        ProofError: What is claimed is not so, or cannot be proved under this commitment.
        UsageError: Files that are not there, or secrets of another commitment.
        DocumentError: A file, or the record, is not what it must be.
        UndecidedError: The index is damaged, or something cannot be read.
        MissingExtraError: A library is needed that is not installed.
    """
    bound = _read_commitment(commitment)
    prover = Prover(bound, _read_secrets(secrets), Path(index))
    digest = _digest(record, bound, trim=trim)
    makers = {"": prover.prove, "present": prover.presence, "absent": prover.absence}
    if claim not in makers:
        raise UsageError(f"there is no claim {str(claim)!a}", remedy="present or absent")
    return makers[claim](digest)


def check_data_proof(
    proof: StrPath | bytes,
    *,
    manifest: StrPath | None = None,
    commitment: StrPath | None = None,
    record: bytes | Path | None = None,
    trim: bool = False,
) -> ProofReport:
    """Check a proof against the commitment that a manifest holds, or a file.

    Nothing is said of the manifest itself: verify it first (`verify_release`).

    Args:
        proof: The proof's file, or its bytes.
        manifest: A ``manifest.json``; or
        commitment: a commitment's file.
        record: The record that the proof is said to be about, or the file that holds it; without
            it the report names a digest and no more.
        trim: As in `prove_record`.

    Raises:
        ProofError: It does not hold, or is about another record or another commitment.
        UsageError: Neither manifest nor commitment is given, or both; a file is not there.
        DocumentError: A file, or the record, is not what it must be.
        UndecidedError: Something cannot be read, or is of another major version.
        MissingExtraError: A library is needed that is not installed.
    """
    what = "the proof" if isinstance(proof, bytes) else printable(os.fspath(proof))
    data = proof if isinstance(proof, bytes) else read_regular(proof, max_bytes=MAX_BYTES)
    parsed = parse_proof(data, what=what)
    if (manifest is None) == (commitment is None):
        raise UsageError("one of a manifest and a commitment is needed")
    if commitment is not None:
        component, bound = "", _read_commitment(commitment)
    else:
        assert manifest is not None  # noqa: S101 - one of the two is given
        component, bound = _in_manifest(Path(manifest), parsed)
    check_proof(parsed, bound)
    if record is not None and _digest(record, bound, trim=trim) != parsed.record:
        raise ProofError(
            "the proof is about another record than the one that was given",
            remedy="check the record's bytes: a final line break, blanks, the encoding",
        )
    if isinstance(parsed, PresenceProof):
        index, count = parsed.index, bound.presence.count
    else:
        index, count = None, bound.absence.count if bound.absence else 0
    return ProofReport(
        isinstance(parsed, PresenceProof),
        parsed.record.hex(),
        record is not None,
        count,
        index,
        component,
    )


def audit_values(values: StrPath, commitment: StrPath) -> int:
    """Check the whole tree by which absence is proved; see `manifest.commitments.audit`.

    Raises:
        ProofError: It is not sorted, or the values are not those committed to.
        UsageError: A file is not there, or the commitment has no such tree.
        DocumentError: The commitment is not valid.
        UndecidedError: Something cannot be read, or has another size.
    """
    return audit(_read_commitment(commitment), Path(values))


def _digest(record: bytes | Path, commitment: Commitment, *, trim: bool) -> bytes:
    if commitment.format is Format.FILES:
        if isinstance(record, bytes):
            return record_digest(record, commitment.rules)
        return digest_of_file(record, commitment.rules)
    data = record if isinstance(record, bytes) else read_regular(record, max_bytes=MAX_RECORD)
    if trim and data.endswith(b"\n"):
        data = data[:-1].removesuffix(b"\r")
    return record_digest(data, commitment.rules)


def _in_manifest(path: Path, proof: Proof) -> tuple[str, Commitment]:
    """The component and the commitment that a proof is for, by the root that it names."""
    shown = printable(str(path))
    manifest = parse_manifest(read_regular(path, max_bytes=MANIFEST_MAX_BYTES), name=shown)
    found = commitments_of(
        manifest, lambda name: read_regular(path.parent / name, max_bytes=MAX_BYTES), name=shown
    )
    for id_, bound in found.items():
        tree = bound.presence if isinstance(proof, PresenceProof) else bound.absence
        if tree is not None and tree.root == proof.root:
            return id_, bound
    raise ProofError(
        f"the proof does not hold: {shown} binds no commitment with its root"
        + ("" if found else ", nor any other"),
        remedy="check that the manifest is of the release that the proof is about",
    )


def _read_commitment(path: StrPath) -> Commitment:
    data = read_regular(path, max_bytes=MAX_BYTES)
    return parse_commitment(data, what=printable(os.fspath(path)))


def _read_secrets(path: StrPath) -> Secrets:
    data = read_regular(path, max_bytes=MAX_BYTES)
    return parse_secrets(data, what=printable(os.fspath(path)))


def _refuse_in_release(path: Path, what: str) -> None:
    """Refuse to put what must stay secret where it would be published."""
    for directory in path.resolve().parents:
        if any((directory / name).exists() for name in (DESCRIPTION_NAME, MANIFEST_NAME)):
            raise UsageError(
                f"{what} would lie in the release {printable(str(directory))}: "
                "whoever has them can open the commitment",
                remedy="choose a place outside of the release",
            )
