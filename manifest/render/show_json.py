"""A release at a glance, as JSON for programs."""

from __future__ import annotations

from typing import Any

from manifest.lint.engine import LintReport
from manifest.lint.release import Release

__all__ = ["show_plain"]


def show_plain(release: Release, report: LintReport, signatures: tuple[str, ...]) -> dict[str, Any]:
    """What `manifest show` knows, as plain JSON values."""
    description = release.description
    files = release.source.files
    return {
        "schema_version": "1.0",
        "name": report.name,
        "version": report.version,
        "publisher": description.publisher or None,
        "described_by": description.described_by,
        "description_from": report.origin.value,
        "license": description.license or None,
        "model": dict(description.model),
        "base_models": [b.name for b in description.base_models],
        "files": len(files),
        "size": sum(f.size for f in files),
        "signatures": list(signatures),
        "verdict": report.verdict.value,
        "declared_verdict": report.declared_verdict.value,
        "claim": report.claim.value if report.claim else None,
        "mof_class": report.mof.mof_class.value if report.mof.mof_class else None,
        "osaid": report.osaid.status.value,
        "eu": report.eu.status.value,
        "components": [
            {
                "id": c.spec.id,
                "kind": c.kind,
                "state": c.state.value,
                "reason": c.reason,
                "files": c.file_count,
                "size": c.size,
                "license": c.license or None,
                "license_status": c.assessment.status.value,
            }
            for c in release.components
        ],
        "next_verdict": report.next_verdict.value if report.next_verdict else None,
        "missing": [
            {"code": r.code, "title": r.title, "reason": r.outcome.reason} for r in report.missing
        ],
    }
