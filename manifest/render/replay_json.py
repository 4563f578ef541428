"""A replay as JSON for machines (``replay-report.schema.json``)."""

from __future__ import annotations

import math
from typing import Any

from manifest.display import printable
from manifest.replay.comparison import Comparison, FileComparison, TensorComparison, above
from manifest.replay.report import ReplayReport
from manifest.replay.run import Outcome, Plan

__all__ = ["replay_plain"]


def replay_plain(report: ReplayReport) -> dict[str, Any]:
    """The report as plain JSON values, valid under ``replay-report.schema.json``."""
    signer = report.signer
    interpreter = report.plans[0].interpreter
    outcomes = report.outcomes or (None,) * len(report.plans)
    return {
        "schema_version": "1.0",
        "name": report.name,
        "version": report.version,
        "manifest_sha256": report.manifest_digest or None,
        "signer": None
        if signer is None
        else {"identity": signer.identity, "method": signer.method},
        "result": None if report.result is None else report.result.value,
        "exit_code": int(report.exit_code),
        "was_run": bool(report.outcomes),
        "python": {
            "path": interpreter.path,
            "version": interpreter.version,
            "platform": interpreter.platform,
        },
        "sandbox": "bwrap" if report.plans[0].sandbox else "none",
        "draw": None
        if report.draw is None
        else {"nonce": report.draw.nonce.hex(), "segments": report.draw.segments},
        "segments": [
            _segment(plan, outcome) for plan, outcome in zip(report.plans, outcomes, strict=True)
        ],
    }


def _segment(plan: Plan, outcome: Outcome | None) -> dict[str, Any]:
    parts, limits = plan.parts, plan.limits
    result = outcome.result if outcome else None
    return {
        "from": plan.segment.start.name,
        "to": plan.segment.end.name,
        "data": plan.segment.data or None,
        "command": list(plan.command),
        "variables": dict(plan.variables),
        "given": [f.full_path for f in parts.given],
        "kept_out": [f.full_path for f in parts.kept_out],
        "not_compared": list(parts.not_compared),
        "limits": {
            "seconds": limits.seconds,
            "output_bytes": limits.output_bytes,
            "memory_bytes": limits.memory_bytes,
            "processes": limits.processes,
            "files": limits.files,
        },
        "tolerance": {
            dtype: {"absolute": t.absolute, "relative": t.relative}
            for dtype, t in plan.recipe.tolerances.items()
        },
        "result": None if result is None else result.value,
        "run": None if outcome is None else _run(outcome),
        "comparison": None
        if outcome is None or outcome.comparison is None
        else _comparison(outcome.comparison),
    }


def _run(outcome: Outcome) -> dict[str, Any]:
    ended = outcome.ended
    return {
        "exit_status": ended.status,
        "stopped": ended.stopped or None,
        "seconds": round(ended.seconds, 3),
        "memory_bytes": ended.memory_bytes,
        "log_bytes": ended.log_bytes,
        "removed": list(outcome.removed),
        "tolerance_too_wide": outcome.idle,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "files": [_file(f) for f in comparison.files],
        "added": list(comparison.added),
        "differences": [
            {"below": above(exponent), "count": count}
            for exponent, count in comparison.exponents.items()
        ],
    }


def _file(one: FileComparison) -> dict[str, Any]:
    return {
        "path": one.path,
        "result": one.result.value,
        "expected_sha256": one.expected_sha256,
        "found_sha256": one.found_sha256 or None,
        "tensor_count": one.tensor_count,
        "unequal_tensors": [_tensor(t) for t in one.tensors],
        "detail": printable(one.detail) or None,
    }


def _tensor(one: TensorComparison) -> dict[str, Any]:
    return {
        "name": printable(one.name),
        "dtype": one.dtype,
        "elements": one.elements,
        "unequal": one.unequal,
        "beyond": one.beyond,
        "not_finite": one.not_finite,
        "largest": _finite(one.largest),
        "rms": _finite(one.rms),
        "detail": one.detail or None,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
