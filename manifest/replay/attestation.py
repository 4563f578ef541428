"""The outcome of a replay as a statement to be signed (spec/replay.md, "The attestation")."""

from __future__ import annotations

from manifest.document.replay_statement import RepeatedSegment, ReplayStatement
from manifest.errors import UndecidedError
from manifest.replay.report import ReplayReport
from manifest.replay.run import Outcome

__all__ = ["statement_of"]


def statement_of(report: ReplayReport) -> ReplayStatement:
    """What the person who repeated can sign.

    Raises:
        UndecidedError: A segment has no result, or no signature covers the manifest: there is
            nothing to be said of it.
    """
    if not report.manifest_digest:
        raise UndecidedError(
            "only segments of a manifest that was signed can be attested",
            remedy="give the publisher's key in place of --integrity-only",
        )
    interpreter = report.plans[0].interpreter
    return ReplayStatement(
        report.name,
        report.manifest_digest,
        tuple(_segment(outcome) for outcome in report.outcomes),
        report.draw.nonce.hex() if report.draw else "",
        interpreter.version,
        interpreter.platform,
        "bwrap" if report.plans[0].sandbox else "none",
    )


def _segment(outcome: Outcome) -> RepeatedSegment:
    start, end = outcome.plan.segment.names
    if outcome.result is None or outcome.comparison is None:
        raise UndecidedError(
            "a segment has no result, so that there is nothing to attest",
            remedy="the report says why it has none",
        )
    return RepeatedSegment(
        start,
        end,
        outcome.result.value,
        dict(outcome.plan.recipe.tolerances),
        {one.path: one.found_sha256 for one in outcome.comparison.files},
    )
