"""A lint report as SARIF 2.1.0 (OASIS Standard, 27 March 2020), for code scanning."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from manifest._version import __version__
from manifest.display import printable
from manifest.findings import Finding, Severity
from manifest.lint.baseline import fingerprints
from manifest.lint.engine import LintReport
from manifest.lint.rule import Rule
from manifest.render.headline import headline
from manifest.render.places import place_of, sentences
from manifest.render.rules_text import family_of

__all__ = ["render_sarif", "sarif_plain"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = "https://model-release-manifest.github.io/spec/rules.md"
"""Where the page of rules is published: SARIF asks for an absolute address (3.49.12)."""
_BASE = "SRCROOT"
_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}
# The words that GitHub sorts alerts by, where a rule is not about security.
_PROBLEM = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.ADVICE: "recommendation",
}


def render_sarif(report: LintReport, *, prefix: str = "") -> str:
    """The report as SARIF text that ends in a newline.

    Args:
        report: What lint found.
        prefix: The release directory's path from the root of the checkout; empty for that root.
    """
    return json.dumps(sarif_plain(report, prefix=prefix), indent=2, ensure_ascii=False) + "\n"


def sarif_plain(report: LintReport, *, prefix: str = "") -> dict[str, Any]:
    """The report as plain JSON values, valid under the schema of SARIF 2.1.0."""
    index = {rule.code: number for number, rule in enumerate(report.rules)}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "manifest",
                        "fullName": "manifest lint",
                        "version": __version__,
                        "semanticVersion": __version__,
                        "rules": [_rule(rule) for rule in report.rules],
                    }
                },
                "automationDetails": {"id": f"manifest-lint/{quote(prefix)}"},
                "invocations": [{"executionSuccessful": True, "exitCode": int(report.exit_code)}],
                "originalUriBaseIds": {
                    _BASE: {"description": {"text": "The root of the checkout."}}
                },
                "columnKind": "unicodeCodePoints",
                "results": _results(report, index, prefix),
                "properties": {
                    "headline": headline(report),
                    "verdict": report.verdict.value,
                    "declaredVerdict": report.declared_verdict.value,
                    "pinnedAccepted": report.pinned_accepted,
                    "date": report.date.isoformat(),
                },
            }
        ],
    }


def _results(report: LintReport, index: dict[str, int], prefix: str) -> list[dict[str, Any]]:
    known = report.baseline.known if report.baseline else ()
    results: list[dict[str, Any]] = []
    # Known ones first: as many of several alike are known as the baseline has.
    for finding, mark, number in fingerprints((*known, *report.findings)):
        result = _result(finding, index, f"{mark}:{number}", report, prefix)
        if report.baseline is not None:
            result["baselineState"] = "unchanged" if len(results) < len(known) else "new"
        results.append(result)
    return results


def _result(
    finding: Finding, index: dict[str, int], mark: str, report: LintReport, prefix: str
) -> dict[str, Any]:
    place = place_of(finding, report, prefix)
    region = {"startLine": place.line}
    if place.column is not None:
        region["startColumn"] = place.column
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.path), "uriBaseId": _BASE},
            "region": region,
        }
    }
    if finding.component:
        name = printable(finding.component)
        location["logicalLocations"] = [{"name": name, "kind": "component"}]
    return {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": _LEVEL[finding.severity],
        "message": {"text": sentences(finding)},
        "locations": [location],
        # The second is the one that GitHub compares; it is made from line text where it is missing.
        "partialFingerprints": {"manifestFinding/v1": mark, "primaryLocationLineHash": mark},
    }


def _uri(path: str) -> str:
    """A relative reference (RFC 3986, 4.2): bytes that are not UTF-8 keep their value."""
    try:
        data = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no file can be called so
        data = printable(path).encode()
    return quote(data, safe="/")


def _rule(rule: Rule) -> dict[str, Any]:
    tags = [f"framework/{f.framework.value}" for f in rule.frameworks]
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.name.replace("-", " ").capitalize() + "."},
        "fullDescription": {"text": rule.rationale},
        "help": {
            "text": f"{rule.rationale} {rule.remedy}",
            "markdown": f"{rule.rationale}\n\n**What to do.** {rule.remedy}",
        },
        "helpUri": f"{_RULES}#{rule.code.lower()}-{rule.name}",
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {
            "tags": sorted({*tags, f"family/{family_of(rule)}"}),
            "problem.severity": _PROBLEM[rule.severity],
        },
    }
