"""A verification from beginning to end: the question, put to its steps."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from manifest.display import printable
from manifest.document.manifest_file import FILE_NAME
from manifest.errors import UsageError
from manifest.inventory import Progress
from manifest.signing.keys import PublicKey
from manifest.verify.comparison import Engine
from manifest.verify.report import VerifyReport
from manifest.verify.request import Request, path_inside
from manifest.verify.selection import DigestChoice
from manifest.verify.steps import Run
from manifest.verify.trust import Trust

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from manifest.inventory.cache import DigestCache
    from manifest.signing.certificates import Root
    from manifest.signing.keyless import SigstoreTrust
    from manifest.signing.revocation import RevocationList

__all__ = ["verify"]


def verify(
    directory: str | os.PathLike[str],
    *,
    keys: Sequence[PublicKey] = (),
    certificate_roots: Sequence[Root] = (),
    revocation_lists: Sequence[RevocationList] = (),
    certificate_identities: Sequence[str] = (),
    sigstore: SigstoreTrust | None = None,
    timestamp_roots: Sequence[Root] = (),
    at: dt.datetime | None = None,
    integrity_only: bool = False,
    strict: bool = False,
    only: Sequence[str] = (),
    components: Sequence[str] = (),
    checkpoints: Sequence[str] = (),
    tensors: Sequence[str] = (),
    manifest_path: str | os.PathLike[str] | None = None,
    signature_path: str | os.PathLike[str] | None = None,
    expect_name: str | None = None,
    expect_version: str | None = None,
    ignore: Sequence[str] = (),
    roots: Mapping[str, str | os.PathLike[str]] | None = None,
    digest: DigestChoice | str = DigestChoice.AUTO,
    sample: int | None = None,
    trust: Trust | None = None,
    replayers: Sequence[PublicKey] = (),
    executor: Executor | None = None,
    cache: DigestCache | None = None,
    progress: Progress | None = None,
    on_total: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Verify a release as it lies in a directory (spec/verification.md).

    What fails is in the report, not raised: `VerifyReport.ok` says whether what was asked holds,
    `VerifyReport.exit_code` in which way it does not.

    Args:
        directory: The release: a plain directory, a clone, a hub download or a snapshot of the
            hub's cache. Or a model that is one file.
        keys: Public keys that are trusted; any of them may have signed.
        certificate_roots: Certification authorities whose signers are trusted.
        revocation_lists: Where any are given, certificates must be known not to be revoked.
        certificate_identities: Where any are given, a signer's certificate must hold one of these
            names; see `manifest.signing.certificates.parse_identity`.
        sigstore: Whose keyless signatures are trusted.
        timestamp_roots: Whose timestamps are trusted: with one, a signature outlives its
            certificate.
        at: The time at which certificates must be valid, with a time zone; now when None.
        integrity_only: Accept that nobody is vouched for; only without keys and roots.
        strict: Refuse what exists and is not covered.
        only: Check only files that match one of these patterns.
        components: Check only the files of these components, by id, kind or short name.
        checkpoints: Check only the files of these checkpoints, by name.
        tensors: Check only the tensors with these names, by reading their bytes and the headers.
        manifest_path: Where ``manifest.json`` is, when not in the directory.
        signature_path: Where the signature is, when not ``model.sig`` in the directory.
        expect_name: Refuse a release of another name.
        expect_version: Refuse a release of another version.
        ignore: Exact paths in the directory to leave out, as ``logs``.
        roots: Where named roots lie, by name; those not given are not checked, and named.
        digest: Which digests of the files to compare; the fastest of those there when ``auto``.
        sample: Hash this many files of each inventory, chosen at random, and not all of them; names
            and sizes are compared of all.
        trust: What is trusted, in place of what the arguments above would say, as by a policy.
        replayers: Keys of those whose signed replays of the training count; who signed the release
            is none of them.
        executor: Where to hash; threads of this process when None.
        cache: Trust what is remembered there, and do not read those files; None to read every byte.
        progress: Told of bytes and files done, from any thread.
        on_total: Told before hashing, once for each root, how many bytes and files there are to hash.

    Raises:
        UsageError: The arguments contradict each other, or name what does not exist.
    """
    request = Request(
        directory=os.fspath(directory),
        trust=trust
        or Trust(
            tuple(keys),
            tuple(certificate_roots),
            at,
            revocation_lists=tuple(revocation_lists),
            certificate_identities=tuple(certificate_identities),
            sigstore=sigstore,
            timestamp_roots=tuple(timestamp_roots),
        ),
        integrity_only=integrity_only,
        strict=strict,
        only=tuple(only),
        components=tuple(components),
        checkpoints=tuple(checkpoints),
        replayers=tuple(replayers),
        tensors=tuple(tensors),
        manifest_path=_elsewhere(manifest_path, directory),
        signature_path=None if signature_path is None else os.fspath(signature_path),
        expect_name=expect_name,
        expect_version=expect_version,
        ignore=tuple(p.rstrip("/") for p in ignore),
        roots={name: os.fspath(path) for name, path in (roots or {}).items()},
        engine=Engine(executor, progress, on_total, cache),
        digest=_choice(digest),
        sample=sample,
    )
    if sample is not None and sample < 1:
        raise UsageError("--sample: a sample has at least one file", remedy="give a larger number")
    if sample is not None and (only or tensors):
        raise UsageError(
            "--sample goes with neither --only nor --tensor: it is of whole inventories",
            remedy="--component checks one component, and --sample works with it",
        )
    if tensors and (strict or request.digest is not DigestChoice.AUTO):
        option = "--strict" if strict else "--digest"
        raise UsageError(
            f"{option} does not go with --tensor: tensors have one digest, and nothing else is read",
            remedy="leave out one of them",
        )
    if cache is not None and (sample is not None or tensors):
        option = "--tensor" if tensors else "--sample"
        raise UsageError(
            f"--trust-cache does not go with {option}, which says what was read",
            remedy="leave out one of them",
        )
    if integrity_only and not request.trust.is_empty:
        raise UsageError(
            "--integrity-only and a key exclude each other",
            remedy="leave out --integrity-only: the signature covers every byte",
        )
    if os.path.isfile(request.directory):  # noqa: PTH113 - a text already
        from manifest.verify.single import FileRun

        report = FileRun(request).report()
    else:
        report = Run(request).report()
    if cache is None:
        return report
    count, size = cache.not_read
    notes = (cache.problem,) if cache.problem else ()
    return dataclasses.replace(
        report,
        files_remembered=count,
        bytes_remembered=size,
        warnings=(*report.warnings, *notes),
    )


def _choice(digest: DigestChoice | str) -> DigestChoice:
    try:
        return DigestChoice(digest)
    except ValueError:
        known = ", ".join(DigestChoice)
        raise UsageError(
            f"there is no digest {printable(digest)} to compare", remedy=f"use one of {known}"
        ) from None


def _elsewhere(
    manifest: str | os.PathLike[str] | None, directory: str | os.PathLike[str]
) -> str | None:
    """The manifest that was given, unless it is the release's own."""
    if manifest is None or path_inside(os.fspath(manifest), os.fspath(directory)) == FILE_NAME:
        return None
    return os.fspath(manifest)
