"""Begin a rule: ``python -m spec.new_rule DAT017 [VERDICT]``, or ``make rule CODE=DAT017``.

The declaration goes to the end of the family's shortest file, with everything to be written as
``…``. The rule is found and run from then on, and its own tests refuse it until it is written.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from manifest.lint.rule import all_rules
from manifest.lint.verdict import Verdict

__all__ = ["RULES", "add_rule", "main"]

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "manifest" / "lint" / "rules"
_CODE = re.compile(r"([A-Z]{3})[0-9]{3}")

_RULE = '''

@rule(
    code="{code}",
    name="{lower}-name",
    severity=Severity.WARNING,
    rationale="…",
    remedy="…",
    bad=Example(""),
    good=Example(""),
)
def {lower}(rule: Rule, release: Release) -> Iterator[Finding]:
    """…."""
    if "…" in release.paths:
        yield rule.finding("…", location=release.location("…"))
'''
_GATE = '''

@gate(
    code="{code}",
    name="{lower}-name",
    gates=Verdict.{verdict},
    title="…",
    rationale="…",
    remedy="…",
    bad=Example(""),
    good=Example(""),
)
def {lower}(release: Release) -> Outcome:
    """…."""
    return met_if("…" not in release.paths, "…", pointer="…")
'''
_NEEDED = {
    _RULE: {
        "collections.abc": ("Iterator",),
        "manifest.findings": ("Finding", "Severity"),
        "manifest.lint.release": ("Release",),
        "manifest.lint.rule": ("Example", "Rule", "rule"),
    },
    _GATE: {
        "manifest.lint.needs": ("met_if",),
        "manifest.lint.release": ("Release",),
        "manifest.lint.rule": ("Example", "gate"),
        "manifest.lint.verdict": ("Outcome", "Verdict"),
    },
}


def add_rule(code: str, verdict: Verdict | None = None, *, directory: Path = RULES) -> Path:
    """Append the declaration of a rule to the shortest file of its family, and return that file.

    Args:
        code: A code that no rule has.
        verdict: The verdict that needs what the rule asks for; None for a rule that is no gate.
        directory: The package of rules.

    Raises:
        SystemExit: The code is none, is taken, or is of no family that is known.
    """
    match = _CODE.fullmatch(code)
    if match is None:
        raise SystemExit(f"{code!a} is not a code: three letters and three digits, as DAT017")
    if any(rule.code == code for rule in all_rules()):
        raise SystemExit(f"{code} is taken: a code is never given to another rule")
    declares = re.compile(rf'^    code="{match[1]}[0-9]{{3}}",$', re.MULTILINE)
    files = {p: p.read_text("utf-8") for p in sorted(directory.glob("[!_]*.py"))}
    family = [p for p, text in files.items() if declares.search(text)]
    if not family:
        known = sorted({rule.code[:3] for rule in all_rules()})
        raise SystemExit(f"no rule of the family {match[1]} exists; there are {', '.join(known)}")
    path = min(family, key=lambda p: files[p].count("\n"))
    template = _RULE if verdict is None else _GATE
    values = {"code": code, "lower": code.lower(), "verdict": verdict.name if verdict else ""}
    path.write_text(_with_imports(files[path], template) + template.format(**values), "utf-8")
    return path


def _with_imports(text: str, template: str) -> str:
    """The module with the imports that the template needs, before its first other statement."""
    tree = ast.parse(text)
    there = {
        (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lines = text.splitlines(keepends=True)
    last = max(n.end_lineno or 0 for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    missing = [
        f"from {module} import {name}\n"
        for module, names in _NEEDED[template].items()
        for name in names
        if (module, name) not in there
    ]
    return "".join([*lines[:last], *missing, *lines[last:]])


def main() -> None:
    """Add the rule that the arguments name, tidy its file, and write the page of rules again."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python -m spec.new_rule CODE [VERDICT]")
    try:
        verdict = Verdict(sys.argv[2]) if len(sys.argv) == 3 else None
    except ValueError:
        raise SystemExit(f"no verdict {sys.argv[2]!a}: one of {', '.join(Verdict)}") from None
    code = sys.argv[1]
    path = add_rule(code, verdict)
    _run("ruff", "check", "--quiet", "--select", "I", "--fix", str(path))
    _run("ruff", "format", "--quiet", str(path))
    page = _run("manifest", "rules", "--format", "markdown")
    (ROOT / "spec" / "rules.md").write_text(page, "utf-8")
    sys.stdout.write(
        f"{code} stands at the end of {path.relative_to(ROOT)}: write what is … there, then\n"
        f"  pytest -q tests/lint/test_rules.py -k {code}\n"
        "  make spec\n"
    )


def _run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own tools
    return done.stdout


if __name__ == "__main__":
    main()
