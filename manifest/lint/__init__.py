"""What a release really gives: evidence, rules, and the verdict that follows from them.

`load_release` reads a release, `lint` judges it. Rules live in ``rules``, one family a file, each
declared once with its prose, examples and the verdict it gates.
"""

from manifest.lint.engine import LintOptions, LintReport, lint
from manifest.lint.evidence import ComponentEvidence, State
from manifest.lint.loading import load_release
from manifest.lint.release import (
    Origin,
    Release,
    VerificationStatus,
    VerificationSummary,
    release_of,
)
from manifest.lint.rule import Rule, all_rules, find_rule
from manifest.lint.verdict import Status, Verdict

__all__ = [
    "ComponentEvidence",
    "LintOptions",
    "LintReport",
    "Origin",
    "Release",
    "Rule",
    "State",
    "Status",
    "Verdict",
    "VerificationStatus",
    "VerificationSummary",
    "all_rules",
    "find_rule",
    "lint",
    "load_release",
    "release_of",
]
