"""Where signatures lie, and what may be replaced there."""

from __future__ import annotations

import os
from pathlib import Path

from manifest.build.tree import read_regular
from manifest.display import printable
from manifest.errors import NotTrustedError, TreeError, UsageError
from manifest.signing.bundle import MAX_BUNDLE_BYTES, parse_bundle
from manifest.signing.names import IGNORE_PATHS, SIGNATURE_NAME, SIGNATURES_DIRECTORY
from manifest.signing.signer import Signer
from manifest.signing.verification import VerifiedEnvelope

__all__ = [
    "IGNORE_PATHS",
    "SIGNATURES_DIRECTORY",
    "SIGNATURE_NAME",
    "check_bundle",
    "look_at_existing",
    "signature_target",
]


def signature_target(directory: Path, path: Path | None) -> Path:
    """Where the signature of a release is written.

    Args:
        directory: The release.
        path: What the user named; None for ``model.sig`` in it.

    Raises:
        UsageError: It would be one of the release's own files.
    """
    if path is None:
        return directory / SIGNATURE_NAME
    inside = Path(os.path.realpath(directory))
    parent = Path(os.path.realpath(path.parent))
    if parent == inside and path.name == SIGNATURE_NAME:
        return directory / SIGNATURE_NAME
    if parent == inside / SIGNATURES_DIRECTORY:
        return directory / SIGNATURES_DIRECTORY / path.name
    if parent == inside or inside in parent.parents:
        raise UsageError(
            f"{printable(str(path))} would be one of the release's own files",
            remedy=f"write {SIGNATURE_NAME}, a file in {SIGNATURES_DIRECTORY}/, "
            "or one outside the release",
        )
    return path


def look_at_existing(target: Path, signer: Signer, *, force: bool) -> bool:
    """Whether something lies where the signature goes.

    Raises:
        UsageError: It is not by this signer, and ``force`` was not given.
    """
    if not os.path.lexists(target):
        return False
    if force:
        return True
    shown = printable(str(target))
    beside = f"sign beside it with --signature {SIGNATURES_DIRECTORY}/NAME.sig, or use --force"
    try:
        bundle = parse_bundle(read_regular(target, max_bytes=MAX_BUNDLE_BYTES), what=shown)
    except NotTrustedError:
        raise UsageError(
            f"{shown} is not a signature of this format, and is left as it is", remedy=beside
        ) from None
    if not signer.owns(bundle):
        by = f"the key {bundle.key_hint[:16]}…" if bundle.key_hint else "someone else"
        raise UsageError(
            f"{shown} is a signature by {printable(by)}, and is left as it is", remedy=beside
        )
    return True


def check_bundle(bundle: bytes, payload: bytes, signer: Signer) -> VerifiedEnvelope:
    """Read a new signature as a verifier will, before anyone sees it.

    Raises:
        NotTrustedError: It does not verify, or signs something else.
        TreeError: It is larger than what verifiers read.
    """
    if len(bundle) > MAX_BUNDLE_BYTES:
        raise TreeError(
            f"a signature over so many files has {len(bundle):,} bytes, and verifiers read at "
            f"most {MAX_BUNDLE_BYTES:,}",
            remedy="pack the small files, or split the release",
        )
    verified = signer.verify(bundle, what="the new signature")
    if verified.payload != payload:
        raise NotTrustedError("the new signature does not sign what was to be signed")
    return verified
