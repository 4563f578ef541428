"""Other signed statements about a release (spec/statements.md).

Whoever has something to say of a release signs an in-toto statement and puts it beside the
signatures: how it was built, that it was verified, how it was evaluated. It is shown with who says
it and what it is about. Kinds that are not known here are shown as such: passing over one in
silence would let a reader believe that nothing was said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from manifest import strict_json
from manifest.display import plural, printable
from manifest.errors import DocumentError, NotTrustedError
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.statement import STATEMENT_TYPE
from manifest.verify.report import CarriedStatement, SignerInfo

__all__ = ["RECEIPT_TYPE", "read_statement"]

RECEIPT_TYPE = "https://slsa.dev/verification_summary/v1"
_MAX_DEPTH = 32
_MAX_SUBJECTS = 100_000
_MAX_SHOWN = 120


def read_statement(
    payload: bytes,
    path: str,
    *,
    signer: SignerInfo | None,
    manifest_digest: str,
    files: Collection[str],
) -> CarriedStatement:
    """Say what a signed payload states, and whether it is about this release.

    Args:
        payload: The bytes that were signed.
        path: The file that holds them.
        signer: Who signed them, in so far as the consumer trusts that; None otherwise.
        manifest_digest: SHA-256 of the manifest that was signed; empty where none was.
        files: SHA-256 of every file of the release.

    Raises:
        NotTrustedError: It is no in-toto statement; the message says why.
    """
    what = printable(path)
    try:
        plain = strict_json.loads(
            payload, what=what, max_bytes=MAX_BUNDLE_BYTES, max_depth=_MAX_DEPTH
        )
    except DocumentError as error:
        raise NotTrustedError(error.message) from None
    if not isinstance(plain, dict) or plain.get("_type") != STATEMENT_TYPE:
        raise NotTrustedError(f"{what} is no in-toto statement of version 1")
    kind, subjects = plain.get("predicateType"), plain.get("subject")
    if not isinstance(kind, str) or not kind:
        raise NotTrustedError(f"{what} does not say what kind of statement it is")
    if not isinstance(subjects, list) or not 0 < len(subjects) <= _MAX_SUBJECTS:
        raise NotTrustedError(f"{what} does not say what it is about")
    title, say = _KINDS.get(kind, ("", _nothing))
    predicate = plain.get("predicate")
    detail = say(predicate) if isinstance(predicate, dict) else ""
    return CarriedStatement(
        path, kind, title, signer, _subject(subjects, what, manifest_digest, files), detail
    )


def _subject(subjects: list[Any], what: str, manifest_digest: str, files: Collection[str]) -> str:
    digests: list[str] = []
    for subject in subjects:
        digest = subject.get("digest") if isinstance(subject, dict) else None
        if not isinstance(digest, dict):
            raise NotTrustedError(f"{what} is about something without a digest")
        value = digest.get("sha256")
        digests.append(value if isinstance(value, str) else "")
    if manifest_digest and manifest_digest in digests:
        return "this release"
    count = len(set(digests).intersection(files))
    if not count:
        return ""
    more = len(set(digests)) - count
    beside = f", and of {plural(more, 'thing')} that {'is' if more == 1 else 'are'} not in it"
    return f"{plural(count, 'file')} of this release{beside if more else ''}"


def _text(plain: Mapping[str, Any], *names: str) -> str:
    """A text within objects; empty where there is none."""
    value: Any = plain
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value[:_MAX_SHOWN] if isinstance(value, str) else ""


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _nothing(_: Mapping[str, Any]) -> str:
    return ""


def _provenance(plain: Mapping[str, Any]) -> str:
    builder = _text(plain, "runDetails", "builder", "id") or _text(plain, "builder", "id")
    return _joined("built by", builder) if builder else ""


def _summary(plain: Mapping[str, Any]) -> str:
    result, verifier = _text(plain, "verificationResult"), _text(plain, "verifier", "id")
    time = _text(plain, "timeVerified")
    return _joined(result, f"by {verifier}" if verifier else "", f"at {time}" if time else "")


def _tests(plain: Mapping[str, Any]) -> str:
    return _text(plain, "result")


_KINDS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "https://slsa.dev/provenance/v0.2": ("SLSA provenance 0.2", _provenance),
    "https://slsa.dev/provenance/v1": ("SLSA provenance", _provenance),
    RECEIPT_TYPE: ("verification summary", _summary),
    "https://in-toto.io/attestation/test-result/v0.1": ("test result", _tests),
    "https://in-toto.io/attestation/vulns/v0.1": ("vulnerability scan", _nothing),
    "https://in-toto.io/attestation/scai/attribute-report/v0.2": ("SCAI report", _nothing),
    "https://spdx.dev/Document": ("SPDX document", _nothing),
    "https://cyclonedx.org/bom": ("CycloneDX document", _nothing),
}
"""By predicate type: what a kind is called, and what of it is shown."""
