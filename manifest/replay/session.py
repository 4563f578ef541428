"""The segments that were asked for, planned and run one after the other."""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from manifest.build.segments import NONCE_BYTES, Segment, draw, segments_of
from manifest.document.manifest_file import Manifest
from manifest.errors import UndecidedError
from manifest.inventory import Progress
from manifest.records import record
from manifest.replay.copying import Release
from manifest.replay.interpreter import inspect_interpreter
from manifest.replay.report import Draw, ReplayReport
from manifest.replay.run import prepare, replay
from manifest.replay.running import Limits
from manifest.replay.sandbox import Sandbox, find_bwrap
from manifest.verify.report import VerifyReport

__all__ = ["Options", "draw_segments", "plan_segments", "run_segments", "trusted_manifest"]

_MEMORY_SHARE = 0.8
_OUTPUT_TIMES, _OUTPUT_MORE = 4, 1_000_000_000


@record(frozen=True, slots=True)
class Options:
    """The user's choices.

    Attributes:
        python: The Python to run with, a program or its name.
        sandboxed: Whether to run in a sandbox.
        shown: Directories that the sandbox shows beside those of the interpreter.
        devices: Devices that it lets the command use.
        seconds: The most time for one segment.
        memory_bytes: The most memory; None for four fifths of this machine's.
        output_bytes: The most that it may write; None for what suits the checkpoint.
    """

    python: str
    sandboxed: bool = True
    shown: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    seconds: float = 86_400.0
    memory_bytes: int | None = None
    output_bytes: int | None = None


def trusted_manifest(verified: VerifyReport) -> Manifest:
    """The manifest of a release that was verified.

    Raises:
        UndecidedError: It has none.
    """
    if verified.manifest is None:
        raise UndecidedError(
            "the release has no manifest.json: nothing says what its files must be",
            remedy="ask its publisher for one; `manifest build` makes it",
        )
    return verified.manifest


def draw_segments(verified: VerifyReport, count: int) -> tuple[tuple[Segment, ...], Draw]:
    """Draw segments of a release by a fresh random nonce.

    Raises:
        UndecidedError: The release has no manifest, or no signature covers it: what the draw is
            of would not be fixed.
        UsageError: It has fewer segments than that.
    """
    segments = segments_of(trusted_manifest(verified))
    if not verified.manifest_digest:
        raise UndecidedError(
            "segments are drawn of a manifest that was signed, and this one was not",
            remedy="name the segment with --from and --to",
        )
    nonce = secrets.token_bytes(NONCE_BYTES)
    drawn = draw(verified.manifest_digest, nonce, count, len(segments))
    return tuple(segments[index] for index in drawn), Draw(nonce, len(segments))


def plan_segments(
    verified: VerifyReport,
    release: Release,
    segments: Sequence[Segment],
    place: Path,
    options: Options,
    *,
    drawn: Draw | None = None,
) -> ReplayReport:
    """Decide what would be run; nothing is written and nothing run.

    Args:
        verified: What the verification said of the release's signature and manifest.
        release: Where its files lie.
        segments: Which segments to repeat.
        place: The directory for what comes out: ``segment-1`` and so on are made in it.
        options: The user's choices.
        drawn: How the segments were chosen, where the user did not name them.

    Raises:
        UsageError, UndecidedError, DocumentError: As `manifest.replay.run.prepare`, and as
            `find_bwrap` and `inspect_interpreter`.
    """
    manifest = trusted_manifest(verified)
    interpreter = inspect_interpreter(options.python)
    sandbox = None
    if options.sandboxed:
        shown = (*interpreter.directories, *options.shown)
        sandbox = Sandbox(find_bwrap(), shown, options.devices)
    plans = tuple(
        prepare(
            release,
            manifest,
            segment,
            interpreter=interpreter,
            sandbox=sandbox,
            place=place / f"segment-{number}",
            limits=_limits(options, segment),
        )
        for number, segment in enumerate(segments, start=1)
    )
    return ReplayReport(
        verified.name,
        verified.version,
        verified.manifest_digest,
        verified.signer,
        plans,
        draw=drawn,
    )


def _limits(options: Options, segment: Segment) -> Limits:
    memory = options.memory_bytes or int(
        _MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    )
    output = options.output_bytes or _OUTPUT_TIMES * segment.end.size + _OUTPUT_MORE
    return Limits(options.seconds, output, memory)


def run_segments(
    report: ReplayReport,
    release: Release,
    *,
    progress: Progress | None = None,
    told: Callable[[str], None] | None = None,
) -> ReplayReport:
    """Run what was planned, segment by segment.

    Raises:
        BytesDifferError, UndecidedError, UsageError: As `manifest.replay.run.replay`.
    """
    outcomes = tuple(replay(plan, release, progress=progress, told=told) for plan in report.plans)
    return dataclasses.replace(report, outcomes=outcomes)
