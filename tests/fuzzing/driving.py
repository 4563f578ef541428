"""The loop: mutate, run, and say what came of it. One target, one process (`fuzz`).

A case is a finding when it raises what is no `ManifestError`, takes more than `SECONDS` of
processor time, or more memory than `HEADROOM` beyond what the process had. Now and then a case is
traced, and one that reaches lines of the package which none before did joins the samples.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from mutating import mutate

from manifest.errors import ManifestError

if TYPE_CHECKING:
    from targets import Target

__all__ = ["HEADROOM", "SECONDS", "Finding", "Outcome", "fuzz", "run_case", "summary"]

SECONDS = 5.0
"""Processor time of one case of at most 64 KiB."""
HEADROOM = 1024 * 1024 * 1024
"""Bytes of address space beyond those at the start: libraries reserve more than they use."""
_TRACED = 16  # one case of so many
_POOL = 400  # samples kept
_PACKAGE = "/manifest/"


class _SlowError(BaseException):
    """A case took too long; no handler of `Exception` stops it."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """A case that went wrong, and how: the error, and where it arose."""

    target: str
    kind: str
    where: str
    detail: str
    data: bytes

    @property
    def name(self) -> str:
        """A file name for the case."""
        return f"{self.kind}-{hashlib.sha256(self.data).hexdigest()[:12]}"


@dataclasses.dataclass
class Outcome:
    """What a run came to: how often each kind of answer came, and what went wrong."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    answers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    samples: int = 0
    peak: int = 0


def run_case(target: Target, data: bytes) -> tuple[str, Finding | None]:
    """Run one case, within its bounds; the name of the answer, and what was wrong with it."""
    try:
        with _limited_time():
            target.run(data)
    except ManifestError as error:
        return type(error).__name__, None
    except (Exception, _SlowError) as error:  # noqa: BLE001 - what else comes is looked for
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _PACKAGE in f.filename]
        last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno} in {last.name}"
        kind = type(error).__name__.strip("_")
        return kind, Finding(target.name, kind, where, str(error)[:200], data)
    return "a value", None


@contextlib.contextmanager
def _limited_time() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _SlowError(f"more than {SECONDS} s of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fuzz(target: Target, seconds: float, seed: int, *, executions: int | None = None) -> Outcome:
    """Fuzz a target for so long, or for so many executions; Ctrl-C ends it with what there is."""
    warnings.simplefilter("ignore")
    chance = random.Random(f"{seed} {target.name}")
    samples = list(target.seeds())
    outcome = Outcome(target.name)
    seen: set[tuple[str, int]] = set()
    places: set[tuple[str, str]] = set()
    _limit_memory()
    started = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        for sample in samples:
            _reaches(target, sample, seen)
        own = len(samples)
        started = time.monotonic()
        while time.monotonic() - started < seconds and outcome.executions != executions:
            data = mutate(chance.choice(samples), samples, target.tokens, chance)
            outcome.executions += 1
            if outcome.executions % _TRACED == 0 and _reaches(target, data, seen):
                if len(samples) >= _POOL:
                    samples.pop(chance.randrange(own, len(samples)))
                samples.append(data)
            answer, finding = run_case(target, data)
            outcome.answers[answer] += 1
            if finding is not None and (finding.kind, finding.where) not in places:
                places.add((finding.kind, finding.where))
                outcome.findings.append(finding)
    outcome.seconds = time.monotonic() - started
    outcome.samples = len(samples)
    outcome.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return outcome


def _reaches(target: Target, data: bytes, seen: set[tuple[str, int]]) -> bool:
    """Whether a case runs lines of the package that none before it ran."""
    before = len(seen)

    def line(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return line if _PACKAGE in frame.f_code.co_filename else None

    sys.settrace(call)
    try:
        run_case(target, data)
    finally:
        sys.settrace(None)
    return len(seen) > before


def _limit_memory() -> None:
    with Path("/proc/self/statm").open() as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + HEADROOM
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def summary(outcomes: Sequence[Outcome]) -> str:
    """A line for each target, and one for all."""
    lines = []
    for one in outcomes:
        answers = ", ".join(f"{name} {count:,}" for name, count in one.answers.most_common(5))
        rate = one.executions / one.seconds if one.seconds else 0.0
        lines.append(
            f"{one.target:<26} {one.executions:>10,} runs {rate:>8,.0f}/s  "
            f"{one.samples:>4} samples  {one.peak / 1e6:>5,.0f} MB  "
            f"{len(one.findings)} findings  ({answers})"
        )
    total = sum(one.executions for one in outcomes)
    found = sum(len(one.findings) for one in outcomes)
    peak = max((one.peak for one in outcomes), default=0) / 1e6
    lines.append(
        f"{total:,} executions of {len(outcomes)} targets, {found} findings, {peak:,.0f} MB at most"
    )
    return "\n".join(lines)
