"""What a replay found, as one value (spec/replay.md, "The result")."""

from __future__ import annotations

from manifest.errors import ExitCode
from manifest.records import record
from manifest.replay.comparison import Result
from manifest.replay.run import Outcome, Plan
from manifest.verify.report import SignerInfo

__all__ = ["Draw", "ReplayReport"]


@record(frozen=True, slots=True)
class Draw:
    """That the segments were drawn, and from what.

    Attributes:
        nonce: What the person who repeats chose at random.
        segments: How many segments the release has.
    """

    nonce: bytes
    segments: int


@record(frozen=True, slots=True)
class ReplayReport:
    """The segments of a release that were repeated, or would be.

    Attributes:
        name, version: The release's.
        manifest_digest: SHA-256 of the manifest that was verified; empty where no signature covers
            it.
        signer: Who signed the release; None when nobody is vouched for.
        plans: What was to be run, one for each segment.
        outcomes: What became of each; empty when nothing was run.
        draw: How they were chosen; None where the user named them.
    """

    name: str
    version: str
    manifest_digest: str
    signer: SignerInfo | None
    plans: tuple[Plan, ...]
    outcomes: tuple[Outcome, ...] = ()
    draw: Draw | None = None

    @property
    def result(self) -> Result | None:
        """The weakest of the segments' results; None when one has none."""
        results = [outcome.result for outcome in self.outcomes]
        order = (Result.DIFFERS, None, Result.WITHIN_TOLERANCE, Result.BIT_FOR_BIT)
        return next((one for one in order if one in results), None)

    @property
    def exit_code(self) -> ExitCode:
        """0 where every segment came out as published, 5 where one differs, else 4."""
        result = self.result
        if result is Result.DIFFERS:
            return ExitCode.DIFFERENT
        return ExitCode.UNDECIDED if result is None else ExitCode.OK
