"""A lint report as JSON for machines (``lint-report.schema.json``)."""

from __future__ import annotations

import json
from typing import Any

from manifest._version import __version__
from manifest.display import printable
from manifest.findings import Finding
from manifest.lint.baseline import fingerprint
from manifest.lint.engine import LintReport
from manifest.lint.evidence import ComponentEvidence
from manifest.lint.frameworks.eu import EuTable
from manifest.lint.verdict import Column, Requirement
from manifest.render.eu import eu_plain
from manifest.render.headline import headline
from manifest.render.replays import signed_replay_plain

__all__ = ["lint_plain", "render_lint_json"]


def lint_plain(report: LintReport, eu: EuTable | None = None) -> dict[str, Any]:
    """The report as plain JSON values, valid under ``lint-report.schema.json``.

    Args:
        report: What lint found.
        eu: The table of the EU AI Act, where it was asked for.
    """
    compared = report.baseline
    findings = [(f, False) for f in report.findings]
    findings += [(f, True) for f in compared.known] if compared else []
    return {
        "schema_version": "1.0",
        "headline": headline(report),
        "date": report.date.isoformat(),
        "tool": {"name": "manifest", "version": __version__},
        "options": _options(report, eu),
        "name": printable(report.name),
        "version": printable(report.version),
        "revision": printable(report.revision) or None,
        "described_in": report.origin.value,
        "described_by": "third-party" if report.third_party else "publisher",
        "basis": report.basis.value,
        "verdict": report.verdict.value,
        "declared_verdict": report.declared_verdict.value,
        "claim": report.claim.value if report.claim else None,
        "mof_class": report.mof.mof_class.value if report.mof.mof_class else None,
        "mof_missing": [
            {"class": class_.value, "kind": kind} for class_, kind in report.mof.missing
        ],
        "mof_pinned_accepted": report.mof.trusted,
        "osaid": _column(report.osaid),
        "eu": _column(report.eu),
        "components": [_component(c) for c in report.components],
        "next": {
            "verdict": report.next_verdict.value,
            "missing": [_requirement(r) for r in report.missing],
        }
        if report.next_verdict
        else None,
        "findings": [_finding(f, known=known) for f, known in findings],
        "baseline": {"known": len(compared.known), "gone": compared.gone} if compared else None,
        "exceptions": [
            {
                "rule": e.rule,
                "reason": printable(e.reason),
                "expires": e.expires or None,
                "hidden": e.hidden,
            }
            for e in report.exceptions
        ],
        "pinned_accepted": report.pinned_accepted,
        "signature": {
            "status": report.verification.status.value,
            "signer": printable(report.verification.signer) or None,
            "detail": printable(report.verification.detail) or None,
        },
        "replays": [signed_replay_plain(r) for r in report.verification.replays],
        "required": report.required.value if report.required else None,
        "eu_ai_act": eu_plain(eu) if eu else None,
        "exit_code": int(report.exit_code),
    }


def render_lint_json(report: LintReport, eu: EuTable | None = None) -> str:
    """The report as JSON text that ends in a newline."""
    return json.dumps(lint_plain(report, eu), indent=2, ensure_ascii=False) + "\n"


def _column(column: Column) -> dict[str, Any]:
    return {
        "status": column.status.value,
        "missing": [r.code for r in column.missing],
        "pinned_accepted": column.trusted,
    }


def _options(report: LintReport, eu: EuTable | None) -> dict[str, Any]:
    """What was asked for: without it two reports on one release cannot be compared."""
    asked = report.options
    return {
        "declared": asked.declared,
        "accept_pinned": report.accept_pinned,
        "online": asked.online,
        "offline": asked.offline,
        "mot_compatible": asked.mot_compatible,
        "require": asked.require.value if asked.require else None,
        "fail_on": asked.fail_on.value,
        "select": list(asked.select),
        "ignore": list(asked.ignore),
        "baseline": asked.baseline is not None,
        "framework": "eu" if eu else None,
    }


def _component(component: ComponentEvidence) -> dict[str, Any]:
    return {
        "id": component.spec.id,
        "kind": component.kind,
        "state": component.state.value,
        "reason": printable(component.reason),
        "declared": component.declared,
        "file_count": component.file_count,
        "size": component.size,
        "license": printable(component.license) or None,
        "license_status": component.assessment.status.value,
        "refused": [
            {"path": printable(r.path), "reason": printable(r.reason)}
            for r in component.inspection.refused
        ],
    }


def _requirement(requirement: Requirement) -> dict[str, Any]:
    return {
        "code": requirement.code,
        "title": requirement.title,
        "verdict": requirement.verdict.value if requirement.verdict else None,
        "status": requirement.outcome.status.value,
        "reason": printable(requirement.outcome.reason),
        "remedy": requirement.remedy,
        "component": requirement.outcome.component or None,
        "frameworks": [str(f) for f in requirement.frameworks],
    }


def _finding(finding: Finding, *, known: bool) -> dict[str, Any]:
    where = finding.location
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": printable(finding.message),
        "remedy": printable(finding.remedy) or None,
        "location": {
            "path": printable(where.path),
            "line": where.line,
            "column": where.column,
            "pointer": printable(where.pointer) or None,
        }
        if where
        else None,
        "component": finding.component or None,
        "fingerprint": fingerprint(finding),
        "known": known,
    }
