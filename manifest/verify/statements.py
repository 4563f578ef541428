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

__all__ = ["PROVENANCE_TYPE", "RECEIPT_TYPE", "THIS_RELEASE", "read_statement"]

PROVENANCE_TYPE = "https://slsa.dev/provenance/v1"
RECEIPT_TYPE = "https://slsa.dev/verification_summary/v1"
THIS_RELEASE = "this release"
"""The subject of a statement that is about the manifest that was signed."""
_MAX_DEPTH = 32
_MAX_SUBJECTS = 100_000
_MAX_SHOWN = 120
_MAX_LEVELS = 100


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
    said = say(predicate) if isinstance(predicate, dict) else {}
    subject = _subject(subjects, what, manifest_digest, files)
    return CarriedStatement(path, kind, title, signer, subject, _detail(said), said)


def _subject(subjects: list[Any], what: str, manifest_digest: str, files: Collection[str]) -> str:
    digests: list[str] = []
    for subject in subjects:
        digest = subject.get("digest") if isinstance(subject, dict) else None
        if not isinstance(digest, dict):
            raise NotTrustedError(f"{what} is about something without a digest")
        value = digest.get("sha256")
        digests.append(value if isinstance(value, str) else "")
    if manifest_digest and manifest_digest in digests:
        return THIS_RELEASE
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


def _provenance(plain: Mapping[str, Any]) -> dict[str, str]:
    builder = _text(plain, "runDetails", "builder", "id") or _text(plain, "builder", "id")
    return {"builder": builder}


def _summary(plain: Mapping[str, Any]) -> dict[str, str]:
    return {
        "result": _text(plain, "verificationResult"),
        "verifier": _text(plain, "verifier", "id"),
        "time": _text(plain, "timeVerified"),
        "policy": _text(plain, "policy", "digest", "sha256"),
        "levels": _levels(plain.get("verifiedLevels")),
    }


def _levels(plain: object) -> str:
    """What was reached, with spaces between; empty for what is no list of such words."""
    texts = plain if isinstance(plain, list) else [plain]
    words = [text for text in texts[:_MAX_LEVELS] if isinstance(text, str)]
    return " ".join(word for word in words if len(word) <= _MAX_SHOWN and word.split() == [word])


def _tests(plain: Mapping[str, Any]) -> dict[str, str]:
    return {"result": _text(plain, "result")}


def _nothing(_: Mapping[str, Any]) -> dict[str, str]:
    return {}


_KINDS: dict[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, str]]]] = {
    "https://slsa.dev/provenance/v0.2": ("SLSA provenance 0.2", _provenance),
    PROVENANCE_TYPE: ("SLSA provenance", _provenance),
    RECEIPT_TYPE: ("verification summary", _summary),
    "https://in-toto.io/attestation/test-result/v0.1": ("test result", _tests),
    "https://in-toto.io/attestation/vulns/v0.1": ("vulnerability scan", _nothing),
    "https://in-toto.io/attestation/scai/attribute-report/v0.2": ("SCAI report", _nothing),
    "https://spdx.dev/Document": ("SPDX document", _nothing),
    "https://cyclonedx.org/bom": ("CycloneDX document", _nothing),
}
"""By predicate type: what a kind is called, and what is read of it."""

_SHOWN = {"result": "{}", "builder": "built by {}", "verifier": "by {}", "time": "at {}"}


def _detail(said: Mapping[str, str]) -> str:
    """What a statement says, as a report shows it."""
    return " ".join(words.format(said[name]) for name, words in _SHOWN.items() if said.get(name))
