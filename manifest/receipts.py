"""Receipts: that somebody verified a release, signed (spec/statements.md, "Receipts").

A receipt is a SLSA Verification Summary Attestation, version 1. It lets an organisation verify once
and rely on its own word afterwards.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from manifest._version import __version__
from manifest.document.manifest_file import FILE_NAME
from manifest.errors import ExitCode, UndecidedError, UsageError
from manifest.records import record
from manifest.signing.statement import STATEMENT_TYPE
from manifest.verify.report import VerifyReport
from manifest.verify.statements import RECEIPT_TYPE

__all__ = ["VERIFIER", "AppliedPolicy", "build_receipt", "resource_uri"]

VERIFIER = "https://model-release-manifest.github.io/verify"
"""Who verified, where nobody says: this program, run by whoever signed."""
OPTIONS = "https://model-release-manifest.github.io/verify-options/v1"
_REPORT = "https://model-release-manifest.github.io/report/v1"
_LEVEL = "MODEL_RELEASE_SIGNED"
_LEVEL_UNSIGNED = "MODEL_RELEASE_INTACT"


@record(frozen=True, slots=True)
class AppliedPolicy:
    """What the release was verified by.

    Attributes:
        uri: The policy's file, or `OPTIONS` where there was none.
        sha256: Of its bytes, or of the options as JSON.
        options: What was asked, where there was no policy.
    """

    uri: str
    sha256: str
    options: Mapping[str, Any] | None = None

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> AppliedPolicy:
        """A verification without a policy: what was trusted and asked is one."""
        text = json.dumps(options, sort_keys=True, separators=(",", ":"))
        return cls(OPTIONS, hashlib.sha256(text.encode()).hexdigest(), options)


def resource_uri(report: VerifyReport) -> str:
    """A package URL for a release: ``pkg:generic/NAME@VERSION``."""
    name = "/".join(quote(part, safe="") for part in report.name.split("/"))
    return f"pkg:generic/{name}@{quote(report.version, safe='')}"


def build_receipt(
    report: VerifyReport,
    rendered: bytes,
    *,
    policy: AppliedPolicy,
    at: dt.datetime,
    verifier: str = VERIFIER,
    resource: str = "",
) -> bytes:
    """The statement that a verification took place, to be signed.

    Args:
        report: The verification.
        rendered: The report as JSON; its digest goes into the receipt.
        policy: What it was verified by.
        at: When, with a time zone.
        verifier: A URI for who verified.
        resource: Where the release is fetched from; `resource_uri` when empty.

    Raises:
        UndecidedError: There is no answer to attest.
        UsageError: It was of a part, or read less than everything; or nothing can be named.
    """
    if report.exit_code is ExitCode.UNDECIDED:
        raise UndecidedError(
            "there is no answer, so there is nothing to attest",
            remedy="the report says what could not be told",
        )
    if report.part or report.not_checked or report.samples or report.files_remembered:
        raise UsageError(
            "a receipt is about a whole release, and not all of it was read",
            remedy="verify all of it, with every root",
        )
    if not report.manifest_digest:
        raise UsageError(
            f"there is no {FILE_NAME} that was signed, so a receipt has nothing to name",
            remedy="the report on stdout says why the release is refused",
        )
    passed = report.ok
    signed = report.signer is not None
    levels = [_LEVEL if signed else _LEVEL_UNSIGNED] if passed else ["FAILED"]
    applied: dict[str, Any] = {"uri": policy.uri, "digest": {"sha256": policy.sha256}}
    if policy.options is not None:
        applied["annotations"] = dict(policy.options)
    signers = (report.signer, *report.also_signed_by)
    plain = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": FILE_NAME, "digest": {"sha256": report.manifest_digest}}],
        "predicateType": RECEIPT_TYPE,
        "predicate": {
            "verifier": {"id": verifier, "version": {"model-release-manifest": __version__}},
            "timeVerified": f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
            "resourceUri": resource or resource_uri(report),
            "policy": applied,
            "inputAttestations": [
                {"uri": signer.signature, "digest": {"sha256": signer.signature_sha256}}
                for signer in signers
                if signer is not None
            ],
            "verificationResult": "PASSED" if passed else "FAILED",
            "verifiedLevels": levels,
            _REPORT: {
                "mediaType": "application/json",
                "digest": {"sha256": hashlib.sha256(rendered).hexdigest()},
            },
        },
    }
    return json.dumps(plain, separators=(",", ":")).encode("ascii")
