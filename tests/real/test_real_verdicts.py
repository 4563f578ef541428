"""What real releases may be called: the linter against a table written before it ran."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manifest.findings import Severity
from manifest.lint import Verdict, lint, load_release

pytestmark = pytest.mark.long

TABLE: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "expected" / "verdicts.toml").read_text("utf-8")
)


def differences(expected: list[str], found: set[str]) -> set[str]:
    return {f"-{c}" for c in set(expected) - found} | {f"+{c}" for c in found - set(expected)}


@pytest.mark.parametrize("name", TABLE)
def test_the_linter_agrees_with_the_table(name: str, real_release: Callable[[str], Path]) -> None:
    row = TABLE[name]
    report = lint(load_release(real_release(name)))
    told = {f.code for f in report.findings if f.severity is not Severity.ADVICE}
    found = differences(row["findings"], told)
    found |= differences(row["missing"], {r.code for r in report.missing})
    if report.verdict is not Verdict(row["verdict"]):
        found.add(str(report.verdict))
    assert found == set(row.get("known", {}))
