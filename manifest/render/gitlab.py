"""A lint report as GitLab's Code Quality report.

GitLab reads a list of objects with ``description``, ``check_name``, ``fingerprint``, ``severity``,
``location.path`` and ``location.lines.begin``, and compares two branches by the fingerprints
(https://docs.gitlab.com/ci/testing/code_quality/).
"""

from __future__ import annotations

import json
from typing import Any

from manifest.display import printable
from manifest.findings import Severity
from manifest.lint.baseline import fingerprints
from manifest.lint.engine import LintReport
from manifest.render.places import place_of

__all__ = ["gitlab_plain", "render_gitlab"]

_SEVERITY = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.ADVICE: "info"}


def render_gitlab(report: LintReport, *, prefix: str = "") -> str:
    """The report as JSON text that ends in a newline.

    Args:
        report: What lint found.
        prefix: The release directory's path from the root of the checkout; empty for that root.
    """
    return json.dumps(gitlab_plain(report, prefix=prefix), indent=2, ensure_ascii=False) + "\n"


def gitlab_plain(report: LintReport, *, prefix: str = "") -> list[dict[str, Any]]:
    """The report as plain JSON values; findings that a baseline has are left out."""
    result = []
    for finding, mark, number in fingerprints(report.findings):
        place = place_of(finding, report, prefix)
        result.append(
            {
                "description": f"{finding.code}: {printable(finding.message)}",
                "check_name": finding.name,
                # GitLab shows one entry of each fingerprint.
                "fingerprint": mark if number == 1 else f"{mark}-{number}",
                "severity": _SEVERITY[finding.severity],
                "location": {
                    "path": printable(place.path),
                    "lines": {"begin": place.line},
                },
            }
        )
    return result
