"""Provenance: who vouches for the files."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import printable
from manifest.findings import Finding, Location, Severity
from manifest.lint.release import Release, VerificationStatus
from manifest.lint.rule import Example, Rule, rule


@rule(
    code="PRV001",
    name="not-signed",
    severity=Severity.ADVICE,
    rationale="Without a signature nobody can tell these files from others of the same names.",
    remedy="`manifest build` and `manifest sign` take a minute.",
    bad=Example(""),
    good=Example("", {"manifest.json": "<manifest>", "model.sig": "<signature>"}),
)
def not_signed(rule: Rule, release: Release) -> Iterator[Finding]:
    """A release without manifest or signature."""
    lacking = []
    if not release.has_manifest:
        lacking.append("manifest.json, which names every file by its digest")
    if release.verification.status is VerificationStatus.NONE:
        lacking.append("a signature")
    if lacking:
        yield rule.finding(f"the release has no {' and no '.join(lacking)}")


@rule(
    code="PRV002",
    name="signature-refused",
    severity=Severity.ERROR,
    rationale="A signature that does not fit says that something was changed, or that somebody "
    "else signed.",
    remedy="`manifest verify` names what differs. Do not use the files before that is clear.",
    bad=Example("", {"model.sig": "<refused>"}),
    good=Example("", {"model.sig": "<signature>"}),
    exemptable=False,
)
def signature_refused(rule: Rule, release: Release) -> Iterator[Finding]:
    """A signature that verification refused."""
    if release.verification.status is VerificationStatus.REFUSED:
        detail = printable(release.verification.detail) or "verification did not accept it"
        yield rule.finding(f"the signature is refused: {detail}", location=Location("model.sig"))
