"""A verification as JSON for machines (``verify-report.schema.json``)."""

from __future__ import annotations

import json
import re
from typing import Any

from manifest.render.replays import signed_replay_plain
from manifest.verify.report import (
    FileProblem,
    ProblemKind,
    SignerInfo,
    TensorDamage,
    VerifyReport,
)

__all__ = ["render_verify_json", "verify_plain"]

_BYTE = re.compile("[\udc80-\udcff]")  # as os.fsdecode carries a byte that is not UTF-8


def verify_plain(report: VerifyReport) -> dict[str, Any]:
    """The report as plain JSON values, valid under ``verify-report.schema.json``."""
    return {
        "schema_version": "1.0",
        "target": _text(report.target),
        "result": _result(report),
        "exit_code": int(report.exit_code),
        "mode": report.mode.value,
        "name": report.name or None,
        "version": report.version or None,
        "root_digest": report.root_digest or None,
        "signer": _signer(report.signer) if report.signer else None,
        "also_signed_by": [_signer(s) for s in report.also_signed_by],
        "statements": [
            {
                "path": _text(s.path),
                "predicate_type": _text(s.predicate_type),
                "title": s.title or None,
                "signer": _signer(s.signer) if s.signer else None,
                "subject": s.subject or None,
                "detail": _text(s.detail) or None,
                "counts": s.counts,
            }
            for s in report.statements
        ],
        "replays": [signed_replay_plain(r) for r in report.replays],
        "part": _text(report.part or "; ".join(report.not_checked)) or None,
        "digests": list(report.digests),
        "digests_not_compared": list(report.digests_not_compared),
        "files_expected": report.files_expected,
        "files_checked": report.files_checked,
        "bytes_checked": report.bytes_checked,
        "tensors_checked": report.tensors_checked,
        "files_remembered": report.files_remembered,
        "bytes_remembered": report.bytes_remembered,
        "refusal": _text(report.refusal) or None,
        "undecided_reason": _text(report.undecided_reason) or None,
        "steps": [
            {"name": s.name, "status": s.status.value, "detail": _text(s.detail)}
            for s in report.steps
        ],
        "problems": [_problem(p) for p in report.problems],
        "undecided": [
            {
                "path": _text(u.path),
                "reason": _text(u.reason),
                "not_fetched": u.not_fetched,
                "components": list(u.components),
            }
            for u in report.undecided
        ],
        "findings": [_text(f) for f in report.findings],
        "not_covered": [_text(p) for p in report.not_covered],
        "ignored": [_text(p) for p in report.ignored],
        "not_checked": [_text(p) for p in report.not_checked],
        "warnings": [_text(w) for w in report.warnings],
        "samples": [
            {
                "inventory": _text(s.inventory),
                "directory": _text(s.directory),
                "files": s.files,
                "sampled": s.sampled,
                "missed": [
                    {
                        "damaged": m.damaged,
                        "share": m.share or None,
                        "probability": m.probability,
                    }
                    for m in s.misses
                ],
            }
            for s in report.samples
        ],
    }


def render_verify_json(report: VerifyReport) -> str:
    """The report as JSON text that ends in a newline."""
    return json.dumps(verify_plain(report), indent=2, ensure_ascii=False) + "\n"


def _text(text: str) -> str:
    r"""``text`` as JSON can hold it: a name that is not UTF-8 keeps its bytes as ``\xNN``."""
    if text.isascii():
        return text
    shown = _BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    return shown.encode("utf-8", "backslashreplace").decode()


def _result(report: VerifyReport) -> str:
    """The result in one word, of the same rank as the exit code."""
    if report.refusal:
        return "not-trusted"
    if report.problems:
        return "different"
    if report.undecided or report.undecided_reason:
        return "undecided"
    if report.signer is None:
        return "unvouched"
    return "findings" if report.findings else "verified"


def _signer(signer: SignerInfo) -> dict[str, Any]:
    return {
        "method": signer.method,
        "identity": _text(signer.identity),
        "kind": signer.kind,
        "fingerprint": signer.fingerprint,
        "issuer": _text(signer.issuer) or None,
        "names": [_text(n) for n in signer.names],
        "signature": _text(signer.signature),
        "signed_before": signer.signed_before or None,
    }


def _problem(problem: FileProblem) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": problem.kind.value, "path": _text(problem.path)}
    if problem.kind is ProblemKind.RENAMED:
        plain["renamed_to"] = _text(problem.renamed_to)
    plain |= {
        "components": list(problem.components),
        "digest": problem.algorithm,
        "expected": _side(problem.expected_digest, problem.expected_size),
        "found": _side(problem.found_digest, problem.found_size),
        "detail": _text(problem.detail) or None,
        "damage": _damage(problem.damage) if problem.damage else None,
    }
    return plain


def _damage(damage: TensorDamage) -> dict[str, Any]:
    return {
        "header": damage.header,
        "tensors": list(damage.tensors),
        "tensors_checked": damage.checked,
    }


def _side(digest: str, size: int | None) -> dict[str, Any] | None:
    return {"digest": digest or None, "size": size} if digest or size is not None else None
