"""Data committed to in one pass, in memory that does not grow with it.

The calling process cuts the data into batches of lines or files and puts the results together; the
hashing of a batch is a function of the batch alone and runs in as many processes as the caller
allows.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import os
import secrets as random
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from manifest.atomic import write_atomically
from manifest.commitments.forms import dump_commitment
from manifest.commitments.keys import (
    LOOKUP_SIZE,
    absence_key,
    absence_value,
    lookup_key,
    lookup_of,
    presence_key,
)
from manifest.commitments.records import Batch, Format, cut, list_sources
from manifest.commitments.rules import Rule
from manifest.commitments.sorting import Sorter
from manifest.commitments.store import BLOCK, TreeWriter, fold
from manifest.commitments.values import Absence, Commitment, Presence, Secrets
from manifest.commitments.vrf import SecretKey, output
from manifest.display import printable
from manifest.errors import UndecidedError, UsageError
from manifest.inventory.merkle import HASH_SIZE, leaf_hash

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["ABSENCE", "LOOKUP", "PRESENCE", "VALUES", "CommitOptions", "Progress", "commit"]

PRESENCE, ABSENCE = "presence", "absence"
LOOKUP, VALUES = "lookup", "absence.values"
"""Names of files in an index (spec/commitments.md, "The index")."""

_ABSENCE_BATCH = 2048  # records whose random function is evaluated in one go: some 0.4 s
_WRITE = 4096  # sorted records written in one go


class Progress(Protocol):
    """Told what there is to do, and what was done."""

    def expect(self, n_bytes: int, n_files: int) -> None:
        """How much data there is; called once, before the first `advance`."""

    def advance(self, bytes_delta: int, files_delta: int) -> None:
        """So many bytes and files of it were done since the last call."""


@dataclasses.dataclass(frozen=True, slots=True)
class CommitOptions:
    """How to commit.

    Attributes:
        format: How the data is cut into records.
        rules: How each record is normalized.
        column: For Parquet, the column of the records; empty for rows.
        absence: Whether to make the tree by which absence is proved.
        index: A directory to make, by which proofs are made without reading the data again.
        processes: How many processes may hash. More than one starts new interpreters, which
            import the caller's main module: a script must guard its own start.
    """

    format: Format
    rules: tuple[Rule, ...] = (Rule.NONE,)
    column: str = ""
    absence: bool = False
    index: Path | None = None
    processes: int = 1


class Job(NamedTuple):
    """What every batch is hashed with."""

    rules: tuple[Rule, ...]
    presence_key: bytes
    lookup_key: bytes | None
    absence_key: SecretKey | None


class Hashed(NamedTuple):
    """A batch hashed: leaf hashes, roots of whole blocks among them, entries, values."""

    hashes: bytes
    nodes: bytes
    lookups: bytes
    values: bytes


def commit(
    sources: Sequence[str | os.PathLike[str]],
    secrets: Secrets,
    options: CommitOptions,
    progress: Progress | None = None,
) -> Commitment:
    """Commit to data.

    The same data in the same order under the same secrets and options gives the same commitment.

    Args:
        sources: Files and directories; the files of a directory are taken in the order of their
            paths' bytes.
        secrets: The secrets of this commitment and of no other.
        options: How.
        progress: Told what was done.

    Raises:
        UsageError: Options that do not go together, no data, or an index that is there.
        DocumentError: A record is not what its format or a rule needs.
        UndecidedError: The data cannot be read or changed meanwhile; the index cannot be written.
        MissingExtraError: A library is needed that is not installed.
    """
    _check(options)
    files = list_sources(sources)
    if progress is not None:
        progress.expect(sum(file.size for file in files), len(files))
    job = Job(
        options.rules,
        presence_key(secrets.secret),
        lookup_key(secrets.secret) if options.index else None,
        absence_key(secrets.secret) if options.absence else None,
    )
    batches = cut(
        files,
        options.format,
        column=options.column,
        batch=_ABSENCE_BATCH if options.absence else 1 << 15,
    )
    with _work_directory(options.index) as work, contextlib.ExitStack() as stack:
        kept = work if options.index else None
        presence = stack.enter_context(TreeWriter(kept, PRESENCE))
        lookups = Sorter(work, LOOKUP_SIZE + 8, LOOKUP)
        values = Sorter(work, HASH_SIZE, VALUES)
        for batch, hashed in _hashed(batches, job, options.processes):
            presence.extend(hashed.hashes, hashed.nodes)
            lookups.add(hashed.lookups)
            values.add(hashed.values)
            if progress is not None:
                progress.advance(batch.n_bytes, batch.files_done)
        absence = None
        if job.absence_key is not None:
            absence = _absence_tree(values, job.absence_key.public, kept)
        commitment = Commitment(
            options.format,
            options.rules,
            Presence(presence.finish(), presence.count),
            absence,
            options.column,
        )
        if kept is not None:
            _write_lookups(lookups, kept / LOOKUP)
            _write_head(commitment, kept)
    return commitment


def _check(options: CommitOptions) -> None:
    parquet = options.format is Format.PARQUET
    if options.column and not parquet:
        raise UsageError("only Parquet has columns", remedy="leave out --column")
    if parquet and not options.column and options.rules != (Rule.JCS,):
        raise UsageError(
            "rows of Parquet have no bytes of their own",
            remedy="name a column with --column, or commit to rows with --normalize jcs",
        )
    if options.processes < 1:
        raise UsageError(f"at least one process is needed, not {options.processes}")


@contextlib.contextmanager
def _work_directory(index: Path | None) -> Iterator[Path]:
    """Where runs are sorted and an index grows; the index takes its name when all went well."""
    if index is None:
        with tempfile.TemporaryDirectory(prefix="manifest-data-") as name:
            yield Path(name)
        return
    shown = printable(str(index))
    if os.path.lexists(index):
        raise UsageError(
            f"{shown} exists already; nothing was written",
            remedy="name a directory that is not there, or remove that one first",
        )
    temporary = index.with_name(f".{index.name[:50]}.{random.token_hex(8)}.tmp")
    try:
        temporary.mkdir(mode=0o700)
        yield temporary
        temporary.rename(index)
    except OSError as error:
        raise UndecidedError(
            f"the index {shown} cannot be written: {error.strerror or error}",
            remedy="make room or give permission, then run the command again",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _hashed(batches: Iterable[Batch], job: Job, processes: int) -> Iterator[tuple[Batch, Hashed]]:
    """Each batch with its hashes, in order."""
    first = 0
    if processes == 1:
        for batch in batches:
            yield batch, hash_batch(batch, job, first)
            first += batch.count
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # New interpreters, not copies of this one: a copy of a process with threads may hang.
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    waiting: collections.deque[tuple[Batch, Future[Hashed]]] = collections.deque()
    try:
        for batch in batches:
            waiting.append((batch, pool.submit(hash_batch, batch, job, first)))
            first += batch.count
            if len(waiting) > 2 * processes:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    except BrokenProcessPool:
        raise UndecidedError(
            "a process that hashed was ended from outside; nothing was committed to",
            remedy="run the command again, with more memory or with --processes 1",
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def hash_batch(batch: Batch, job: Job, first: int) -> Hashed:
    """Hash a batch whose first record has the index ``first``; runs anywhere.

    Raises:
        DocumentError, UndecidedError: As `Batch.digests`.
    """
    digests = batch.digests(job.rules)
    # `keys.leaf_key`, `keys.leaf_of` and `leaf_hash` written out: calls would cost a quarter.
    blake2b, sha256, key = hashlib.blake2b, hashlib.sha256, job.presence_key
    found = []
    for index, digest in enumerate(digests, first):
        number = index.to_bytes(8, "big")
        own = blake2b(number, key=key, digest_size=32).digest()
        leaf = blake2b(number + digest, key=own, digest_size=32).digest()
        found.append(sha256(b"\x00" + leaf).digest())
    hashes = b"".join(found)
    lookups = values = b""
    if job.lookup_key is not None:
        lookup = job.lookup_key
        lookups = b"".join(
            [lookup_of(lookup, d) + i.to_bytes(8, "big") for i, d in enumerate(digests, first)]
        )
    if job.absence_key is not None:
        secret = job.absence_key
        values = b"".join([absence_value(output(secret, d)) for d in digests])
    return Hashed(hashes, _whole_blocks(hashes, first), lookups, values)


def _whole_blocks(hashes: bytes, first: int) -> bytes:
    """The roots of the aligned blocks that lie wholly among consecutive leaf hashes."""
    size = BLOCK * HASH_SIZE
    start = -first % BLOCK * HASH_SIZE
    last = len(hashes) - size
    return b"".join([fold(hashes[i : i + size]) for i in range(start, last + 1, size)])


def _absence_tree(values: Sorter, public: bytes, kept: Path | None) -> Absence:
    """The tree over different values in order."""
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(TreeWriter(kept, ABSENCE))
        file = stack.enter_context((kept / VALUES).open("xb")) if kept else None
        for part in _parts(_different(values.sorted())):
            tree.extend(b"".join(map(leaf_hash, part)))
            if file is not None:
                file.write(b"".join(part))
        return Absence(tree.finish(), tree.count, public)


def _different(ordered: Iterable[bytes]) -> Iterator[bytes]:
    last = b""
    for value in ordered:
        if value != last:
            yield value
        last = value


def _parts(values: Iterable[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    for value in values:
        part.append(value)
        if len(part) == _WRITE:
            yield part
            part = []
    if part:
        yield part


def _write_lookups(lookups: Sorter, path: Path) -> None:
    with path.open("xb") as file:
        for part in _parts(lookups.sorted()):
            file.write(b"".join(part))
        file.flush()
        os.fsync(file.fileno())


def _write_head(commitment: Commitment, directory: Path) -> None:
    """Say which commitment an index belongs to."""
    write_atomically(directory / "commitment.json", dump_commitment(commitment))
