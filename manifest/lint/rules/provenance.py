"""Provenance: who vouches for the files."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import printable
from manifest.findings import Finding, Location, Severity
from manifest.lint.pins import pinned_references
from manifest.lint.release import Release, VerificationStatus
from manifest.lint.rule import Example, Rule, rule
from manifest.sources.pins import ResolutionStatus

_TRAINING_CODE = """components:
  training-code:
    license: Apache-2.0
    references:
      - type: git
        url: https://code.example/sparrow.git
        commit: 3f786850e387550fdab836ed7e6dc881de23001b
"""


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


@rule(
    code="PRV003",
    name="pin-leads-nowhere",
    severity=Severity.ERROR,
    rationale="What a release rests on and does not hold has to be where the description says: a "
    "commit that is gone or bytes that were exchanged cannot be checked by anybody. Looked up "
    "with --online.",
    remedy="Publish what was pinned at its address again, or pin what takes its place and say "
    "what changed.",
    bad=Example(_TRAINING_CODE, {"https://code.example/sparrow.git": "<gone>"}),
    good=Example(_TRAINING_CODE, {"https://code.example/sparrow.git": "<resolved>"}),
)
def pin_leads_nowhere(rule: Rule, release: Release) -> Iterator[Finding]:
    """A pinned reference that was looked up, and is gone or leads to something else."""
    words = {ResolutionStatus.GONE: "is gone", ResolutionStatus.MOVED: "leads to something else"}
    for pin in pinned_references(release.description):
        resolution = release.resolutions.get(pin.reference)
        if resolution is not None and resolution.status in words:
            yield rule.finding(
                f"{printable(str(pin.reference))} {words[resolution.status]}: {resolution.detail}",
                location=release.location(pin.pointer),
                component=pin.component,
            )
