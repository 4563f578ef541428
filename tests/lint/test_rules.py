"""Every rule finds what its bad example shows, and nothing in its good one."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_releases import materialise

from manifest.document.references import Reference
from manifest.findings import Finding, Severity
from manifest.lint import (
    Release,
    Rule,
    VerificationStatus,
    VerificationSummary,
    all_rules,
    find_rule,
    lint,
    load_release,
)
from manifest.lint.rule import Example
from manifest.sources.pins import Resolution, ResolutionStatus

RULES = all_rules()


def load(example: Example, root: Path) -> Release:
    refused = example.files.get("model.sig") == "<refused>"
    status = VerificationStatus.REFUSED if refused else VerificationStatus.NOT_CHECKED
    summary = VerificationSummary(status) if "model.sig" in example.files else None
    found = {address: text[1:-1] for address, text in example.files.items() if "://" in address}

    def resolve(reference: Reference) -> Resolution:
        return Resolution(ResolutionStatus(found[reference.target]), "as the example says")

    return load_release(
        materialise(example, root), verification=summary, resolve=resolve if found else None
    )


def judge(example: Example, root: Path) -> tuple[Finding, ...]:
    return lint(load(example, root)).findings


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_bad_example_is_found(rule: Rule, tmp_path: Path) -> None:
    findings = judge(rule.bad, tmp_path)
    assert rule.code in {f.code for f in findings}
    # Advice for higher verdicts is all around in so small a release; what is wrong is this alone.
    others = {f.code for f in findings if f.severity is not Severity.ADVICE} - {rule.code}
    assert others <= {"EVI001"}, findings


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_good_example_is_not(rule: Rule, tmp_path: Path) -> None:
    findings = judge(rule.good, tmp_path)
    assert rule.code not in {f.code for f in findings}
    assert not [f for f in findings if f.severity is Severity.ERROR], findings


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_findings_say_what_and_what_to_do(rule: Rule, tmp_path: Path) -> None:
    for finding in rule.check(load(rule.bad, tmp_path)):
        assert finding.message
        assert finding.remedy
        assert finding.severity is rule.severity
        assert "\n" not in finding.message


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_rule_says_why(rule: Rule) -> None:
    assert len(rule.rationale.split()) >= 8
    assert rule.rationale.endswith(".")
    assert rule.remedy.endswith(".")
    assert rule.code.lower() not in rule.name, "give it a name"
    assert not rule.title.startswith("…")
    assert bool(rule.needs) == bool(rule.title)
    assert (rule.gates is None) or rule.severity is Severity.ADVICE


@pytest.mark.parametrize("rule", [r for r in RULES if r.needs], ids=lambda r: r.code)
def test_gate_fires_exactly_when_its_need_is_unmet(rule: Rule, tmp_path: Path) -> None:
    for name, example in (("bad", rule.bad), ("good", rule.good)):
        release = load(example, tmp_path / name)
        assert rule.needs is not None
        assert rule.needs(release).met == (not list(rule.check(release)))


def test_find_rule() -> None:
    for name in ("LIC002", "lic002", "weights-license-not-open"):
        found = find_rule(name)
        assert found is not None
        assert found.code == "LIC002"
    assert find_rule("LIC999") is None
