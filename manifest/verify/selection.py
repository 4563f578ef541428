"""Which digests a verification compares (spec/verification.md, "Which digest").

A manifest may hold two digests of every file. Checking the faster one answers the question, and
the other is then named as not compared. Where the signature is by other digests than the
manifest's SHA-256, both lists are compared whatever was asked: nobody may bind one content by the
signature and another by the manifest.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from manifest.document.manifest_file import FILE_NAME, Manifest, ManifestFile
from manifest.errors import UndecidedError
from manifest.inventory import Algorithm, Expected
from manifest.records import record
from manifest.signing.statement import OmsStatement, SerializationMethod
from manifest.verify.listed import expected_of

__all__ = ["DigestChoice", "Selection", "expected_files", "expected_in_root", "select_digests"]

_FASTEST_FIRST = (Algorithm.BLAKE3, Algorithm.SHA256)


class DigestChoice(enum.StrEnum):
    """Which digests of the files the consumer asks for."""

    AUTO = "auto"
    """The fastest of those that are there."""
    SHA256 = "sha256"
    BLAKE3 = "blake3"
    BOTH = "both"


@record(frozen=True, slots=True)
class Selection:
    """What is compared.

    Attributes:
        by_statement: Whether the digests of the signed statement are compared, the manifest's
            after them.
        of_manifest: Those of the manifest's digests that are compared.
        compared: Names of all that are compared, the one that decides first.
        not_compared: Names of those that are there as well.
    """

    by_statement: bool
    of_manifest: tuple[Algorithm, ...]
    compared: tuple[Algorithm, ...]
    not_compared: tuple[Algorithm, ...] = ()


def select_digests(
    choice: DigestChoice, statement: OmsStatement | None, manifest: Manifest | None
) -> Selection:
    """Choose among the digests that can be relied on.

    Args:
        choice: What the consumer asks for.
        statement: The signed statement; None when there is none.
        manifest: The manifest that agrees with it; None without one.

    Raises:
        UndecidedError: Nothing that can be relied on holds the digest asked for.
    """
    by_statement = statement is not None and not _says_the_same(statement, manifest)
    signed = (Algorithm(statement.hash_type),) if statement is not None and by_statement else ()
    held = tuple(map(Algorithm, manifest.digests)) if manifest is not None else ()
    whole = signed if statement and statement.method is SerializationMethod.FILES else ()
    wanted = _wanted(choice, {*whole, *held}, default=() if by_statement else held)
    first = [Algorithm.SHA256] if by_statement and held else []
    of_manifest = tuple(a for a in dict.fromkeys([*first, *wanted]) if a in held and a not in whole)
    compared = (*signed, *of_manifest)
    # A digest that some files carry and `digests` does not name is no more than a remark.
    stray = manifest is not None and any(f.blake3 for f in manifest.files)
    known = dict.fromkeys((*held, *((Algorithm.BLAKE3,) if stray else ())))
    return Selection(
        by_statement=by_statement,
        of_manifest=of_manifest,
        compared=compared,
        not_compared=tuple(a for a in known if a not in compared),
    )


def _says_the_same(statement: OmsStatement, manifest: Manifest | None) -> bool:
    """Whether the statement's digests are the manifest's SHA-256, which were found to agree."""
    return (
        manifest is not None
        and statement.method is SerializationMethod.FILES
        and statement.hash_type == Algorithm.SHA256
    )


def _wanted(
    choice: DigestChoice, there: set[Algorithm], *, default: Iterable[Algorithm]
) -> tuple[Algorithm, ...]:
    if choice is DigestChoice.AUTO:
        return tuple(a for a in _FASTEST_FIRST if a in default)[:1]
    both = (Algorithm.SHA256, Algorithm.BLAKE3)
    wanted = both if choice is DigestChoice.BOTH else (Algorithm(choice.value),)
    for algorithm in wanted:
        if algorithm not in there:
            raise UndecidedError(
                f"nothing that can be relied on here holds the {algorithm} of every file",
                remedy="leave --digest out: what is there is then compared, and named",
            )
    return wanted


def expected_files(
    selection: Selection,
    statement: OmsStatement | None,
    manifest: Manifest | None,
    own: Mapping[Algorithm, Expected],
) -> tuple[dict[str, Expected], ...]:
    """What every file of the release directory must be, by path: by each digest compared.

    Args:
        selection: The digests.
        statement: The signed statement.
        manifest: The manifest that agrees with it.
        own: What ``manifest.json`` must be, by digest, when it was signed.
    """
    files = [f for f in manifest.files if not f.root] if manifest is not None else []
    lists = [{f.path: _of(f, algorithm) for f in files} for algorithm in selection.of_manifest]
    if not selection.by_statement or statement is None:
        if own:
            lists[0][FILE_NAME] = own[selection.of_manifest[0]]
        return tuple(lists)
    sizes = {f.path: f.size for f in files}
    expected = expected_of(statement, sizes)
    for file in files:
        if file.path in expected:
            expected[file.path] = expected[file.path]._replace(sha256=file.sha256)
    if statement.method is SerializationMethod.SHARDS:
        # Byte ranges have none for an empty file; the manifest lists it all the same.
        algorithm, shard_size = Algorithm(statement.hash_type), statement.shard_size
        expected |= {
            path: Expected(path, 0, (), algorithm, shard_size)
            for path, size in sizes.items()
            if size == 0
        }
    if own and FILE_NAME in expected:
        size = next(iter(own.values())).size
        expected[FILE_NAME] = expected[FILE_NAME]._replace(size=size)
    return expected, *lists


def _of(file: ManifestFile, algorithm: Algorithm) -> Expected:
    digest = file.blake3 if algorithm is Algorithm.BLAKE3 else file.sha256
    return Expected(file.path, file.size, (digest,), algorithm, sha256=file.sha256)


def expected_in_root(
    files: Iterable[ManifestFile], algorithms: tuple[Algorithm, ...]
) -> tuple[dict[str, Expected], ...]:
    """The same for the files of one named root, which only the manifest lists."""
    files = tuple(files)
    return tuple({f.path: _of(f, algorithm) for f in files} for algorithm in algorithms)
