"""Further signatures in ``signatures/`` (spec/signature.md, "Further signatures").

They are carried beside ``model.sig`` so that signers do not disturb each other. A signature by a
key that the consumer gave counts as a further signer when it is of the same files; every other
one is named and never counted. Statements of other kinds are read by `statements`. What is not a
signature bundle has no business there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from manifest.display import printable
from manifest.errors import ManifestError, NotTrustedError
from manifest.inventory import Algorithm, Tree, read_file
from manifest.records import record
from manifest.signing.bundle import MAX_BUNDLE_BYTES, parse_bundle
from manifest.signing.names import SIGNATURES_DIRECTORY
from manifest.signing.statement import parse_statement
from manifest.verify.machine import Verification
from manifest.verify.report import CarriedStatement, FileProblem, ProblemKind, SignerInfo
from manifest.verify.request import Request
from manifest.verify.statements import read_statement
from manifest.verify.trust import Trust, signer_info

if TYPE_CHECKING:
    from manifest.document.replay_statement import SignedReplay
    from manifest.verify.replays import FoundReplays

__all__ = ["MAX_SIGNATURES", "FurtherSignatures", "further_signatures"]

MAX_SIGNATURES = 64
"""The most files that ``signatures/`` may hold."""
MAX_TOTAL_BYTES = 2 * MAX_BUNDLE_BYTES
"""The most bytes they may have together: all of them are read."""


@record(frozen=True, slots=True)
class FurtherSignatures:
    """What ``signatures/`` holds: signers, replays and other statements, strays, and notes."""

    signers: tuple[SignerInfo, ...] = ()
    strays: tuple[FileProblem, ...] = ()
    notes: tuple[str, ...] = ()
    statements: tuple[CarriedStatement, ...] = ()
    replays: tuple[SignedReplay, ...] = ()


def further_signatures(
    tree: Tree, paths: Sequence[str], request: Request, machine: Verification
) -> FurtherSignatures:
    """Read the files in ``signatures/``.

    Args:
        tree: The walked release.
        paths: Its files in ``signatures/``, except the signature in use.
        request: What the consumer trusts, and whose replays count.
        machine: What the signature in use says: a further signer must say the same, and other
            statements must be about it.
    """
    if len(paths) > MAX_SIGNATURES:
        stray = _stray(paths[MAX_SIGNATURES], f"more than {MAX_SIGNATURES} files lie there")
        return FurtherSignatures(strays=(stray,))
    sizes = {f.path: f.size for f in tree.left_out}
    total = sum(sizes.get(path, 0) for path in paths)
    if total > MAX_TOTAL_BYTES:
        largest = max(paths, key=lambda path: sizes.get(path, 0))
        stray = _stray(largest, f"{SIGNATURES_DIRECTORY}/ has more than {MAX_TOTAL_BYTES:,} bytes")
        return FurtherSignatures(strays=(stray,))
    replays = _replays(tree, paths, request, machine)
    signers: list[SignerInfo] = []
    known = {machine.signer.fingerprint} if machine.signer else set()
    strays: list[FileProblem] = []
    notes = list(replays.notes) if replays else []
    statements: list[CarriedStatement] = []
    for path in paths:
        if replays and path in replays.paths:
            continue
        if path.count("/") != 1:
            strays.append(_stray(path, f"{SIGNATURES_DIRECTORY}/ holds no directories"))
            continue
        try:
            data = read_file(tree, path, max_bytes=MAX_BUNDLE_BYTES)
            payload = parse_bundle(data, what=path).envelope.payload
        except ManifestError as error:
            strays.append(_stray(path, f"not a signature bundle: {error.message}"))
            continue
        answer = _read(data, payload, path, request.trust, machine)
        if isinstance(answer, str):
            notes.append(answer)
        elif isinstance(answer, SignerInfo):
            if answer.fingerprint in known:
                notes.append(
                    f"{printable(path)} is by a signer who signed already; it adds nothing"
                )
                continue
            known.add(answer.fingerprint)
            signers.append(answer)
        else:
            statements.append(answer)
    counted = replays.replays if replays else ()
    return FurtherSignatures(
        tuple(signers), tuple(strays), tuple(notes), tuple(statements), counted
    )


def _replays(
    tree: Tree, paths: Sequence[str], request: Request, machine: Verification
) -> FoundReplays | None:
    if not paths:
        return None
    from manifest.verify.replays import read_replays  # for few releases

    return read_replays(
        [path for path in paths if path.count("/") == 1],
        lambda path: read_file(tree, path, max_bytes=MAX_BUNDLE_BYTES),
        check=lambda data, path: request.trust.check_replay(
            data, what=path, replayers=request.replayers
        ),
        manifest=machine.trusted_manifest,
        manifest_digest=machine.manifest_digest,
        publishers=[machine.signer.fingerprint] if machine.signer else [],
    )


def _read(
    data: bytes, payload: bytes, path: str, trust: Trust, machine: Verification
) -> SignerInfo | CarriedStatement | str:
    """The signer of the same files, or what else is stated, or why nothing counts."""
    shown, statement = printable(path), machine.statement
    try:
        signer = signer_info(trust.check(data, what=path), path, data)
    except NotTrustedError:
        signer = None
    try:
        said = parse_statement(payload, what=path)
    except NotTrustedError:
        resources = statement.resources if statement is not None else ()
        try:
            return read_statement(
                payload,
                path,
                signer=signer,
                manifest_digest=machine.manifest_digest,
                files={r.digest for r in resources if r.algorithm == Algorithm.SHA256},
            )
        except NotTrustedError as error:
            return f"{error.message}; it does not count"
    if signer is None:
        return f"{shown} is by a signer you did not name; it does not count"
    if statement is None or set(said.resources) != set(statement.resources):
        return f"{shown} is a signature of other files; it does not count"
    return signer


def _stray(path: str, why: str) -> FileProblem:
    return FileProblem(ProblemKind.STRAY, path, detail=why)
