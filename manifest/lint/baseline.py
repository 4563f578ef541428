"""Findings of an earlier run, so that a run fails by what is new (spec/evidence.md, "Baselines").

A finding is recognised by what it is about and what it says, not by its line: its rule, its
component, its file, and its message without the numbers that move when a file is edited. Where it
is not plain that two findings are the same one, they are two: the doubtful one counts as new.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding
from manifest.strict_json import loads

__all__ = ["MAX_BYTES", "Comparison", "compare", "fingerprint", "fingerprints", "parse_baseline"]

MAX_BYTES = 32 * 1024 * 1024
_MAX_FINDINGS = 100_000
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
# The line of a file, and how many more things like it there are.
_LINE = re.compile(r"(\.\w{1,12}:|\blines? )[0-9]+\b")
_MORE = re.compile(r"\band [0-9][0-9,]* more\b")


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Findings beside those of a baseline.

    Attributes:
        new: Those that the baseline does not have.
        known: Those that it has.
        gone: How many of the baseline's are not found any more.
    """

    new: tuple[Finding, ...]
    known: tuple[Finding, ...] = ()
    gone: int = 0


def fingerprint(finding: Finding) -> str:
    """What stays the same of a finding while the files around it are edited: 32 hex digits."""
    message = _MORE.sub("and # more", _LINE.sub(r"\1#", finding.message))
    path = finding.location.path if finding.location else ""
    parts = (finding.code, finding.component, path, " ".join(message.split()))
    # Lengths in front: no text of one part can pass for the end of another.
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def fingerprints(findings: Iterable[Finding]) -> tuple[tuple[Finding, str, int], ...]:
    """Each finding with its fingerprint, and its number among those of the same fingerprint.

    The numbers begin at 1, in the order in which the findings are given.
    """
    seen: Counter[str] = Counter()
    result = []
    for finding in findings:
        mark = fingerprint(finding)
        seen[mark] += 1
        result.append((finding, mark, seen[mark]))
    return tuple(result)


def compare(findings: Iterable[Finding], baseline: Mapping[str, int]) -> Comparison:
    """Which findings a baseline has; of several alike as many as it has, in the order given."""
    new, known = [], []
    left = Counter(baseline)
    for finding, mark, number in fingerprints(findings):
        if number <= baseline.get(mark, 0):
            known.append(finding)
            left[mark] -= 1
        else:
            new.append(finding)
    return Comparison(tuple(new), tuple(known), left.total())


def parse_baseline(data: bytes, *, name: str) -> Mapping[str, int]:
    """The fingerprints in a report that ``manifest lint --format json`` wrote, and how often each.

    Args:
        data: The report.
        name: What to call it in messages.

    Raises:
        DocumentError: It is no such report.
        UndecidedError: It is a report of another major version.
    """
    report = loads(data, what=name, max_bytes=MAX_BYTES, max_depth=12)
    findings = report.get("findings") if isinstance(report, dict) else None
    version = report.get("schema_version") if isinstance(report, dict) else None
    if not isinstance(findings, list) or not isinstance(version, str):
        raise _no_report(name, "it has no schema_version and findings")
    if version.partition(".")[0] != "1":
        raise UndecidedError(
            f"{name} is a report of version {version[:20]!a}; this program reads version 1",
            remedy="write the baseline again with this version of the program",
        )
    if len(findings) > _MAX_FINDINGS:
        raise _no_report(name, f"it has more than {_MAX_FINDINGS:,} findings")
    return Counter(_mark(f, f"{name}: findings[{i}]") for i, f in enumerate(findings))


def _mark(finding: Any, where: str) -> str:
    mark = finding.get("fingerprint") if isinstance(finding, dict) else None
    if not isinstance(mark, str) or not _FINGERPRINT.fullmatch(mark):
        raise _no_report(where, "`fingerprint` is missing or not 32 hex digits")
    return mark


def _no_report(where: str, problem: str) -> DocumentError:
    return DocumentError(
        f"{where}: this is no report of `manifest lint`: {problem}",
        remedy="write one with `manifest lint --format json --output FILE`",
    )
