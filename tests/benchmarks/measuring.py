"""What a benchmark is made of: contenders that take turns, what they took, and what is asked of it.

A contender is a call that does a job once and returns what it took; whole commands are measured,
process start included. Every contender of a group runs once to warm the cache; then they take
turns, so that a busy moment of the machine hits all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Self, TypeAlias

__all__ = [
    "B3SUM_NAME",
    "CORES",
    "HERE",
    "MANIFEST",
    "PEER",
    "Bench",
    "Contender",
    "HelpersMemory",
    "Job",
    "Role",
    "Run",
    "Target",
    "b3sum",
    "command",
    "compiled",
    "from_inside",
    "in_parallel",
    "machine",
    "peak_memory",
    "takes_turns",
]

CORES = len(os.sched_getaffinity(0))
SCRIPTS = Path(sysconfig.get_path("scripts"))
MANIFEST = str(SCRIPTS / "manifest")
PEER = SCRIPTS / "model_signing"
HERE = Path(__file__).parent

Contender: TypeAlias = Callable[[], float]
"""Does a job once; returns the seconds that it took."""


class Role(enum.StrEnum):
    """Whose figures these are."""

    OURS = "ours"
    LIMIT = "limit"
    """What the machine can do: another program that does only what cannot be left out."""
    PEER = "peer"


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One contender's figures.

    Attributes:
        name: What ran.
        role: Whose it is.
        values: One for each round.
        unit: Of the values: ``s``, ``MB`` or ``µs``.
    """

    name: str
    role: Role
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What is asked of a job: a ratio of two runs, or one run's own figure.

    Attributes:
        what: The job, in words.
        ours: The run that is judged.
        wanted: The bound; None where a ratio is only told.
        at_most: Whether the bound is an upper one. A lower bound is on speed (the other's time
            over ours), an upper one on time (ours over the other's) or on the figure itself.
        other: The run that it is compared with; empty for the figure itself.
        share: How much of the other's time is the limit, as a half where two cores could do at
            once what it does on one.
        limit: The run that shows what the machine can do; empty where there is none.
    """

    what: str
    ours: str
    wanted: float | None
    at_most: bool = False
    other: str = ""
    share: float = 1.0
    limit: str = ""

    def reached(self, job: Job) -> tuple[float, ...]:
        """The ratio, or the figure, of each round."""
        ours = job.run(self.ours).values
        if not self.other:
            return ours
        pairs = zip(ours, job.run(self.other).values, strict=True)
        if self.at_most:
            return tuple(one / (other * self.share) for one, other in pairs)
        return tuple(other * self.share / one for one, other in pairs)

    def is_met(self, job: Job) -> bool | None:
        """Whether the median is within the bound; None where there is none."""
        if self.wanted is None:
            return None
        reached = statistics.median(self.reached(job))
        return reached <= self.wanted if self.at_most else reached >= self.wanted


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job that was measured.

    Attributes:
        id: What ``--only`` calls it.
        title: What the data were.
        runs: The contenders' figures.
        targets: What is asked.
        seconds: How long all of it took, the making of data included.
        load: The load average of one minute before and after.
    """

    id: str
    title: str
    runs: tuple[Run, ...]
    targets: tuple[Target, ...]
    seconds: float = 0.0
    load: tuple[float, float] = (0.0, 0.0)

    def run(self, name: str) -> Run:
        return next(run for run in self.runs if run.name == name)

    def has(self, name: str) -> bool:
        return any(run.name == name for run in self.runs)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Job:
        """Read what `dataclasses.asdict` made."""
        runs = tuple(
            Run(r["name"], Role(r["role"]), tuple(r["values"]), r["unit"]) for r in plain["runs"]
        )
        targets = tuple(Target(**t) for t in plain["targets"])
        before, after = plain["load"]
        return cls(plain["id"], plain["title"], runs, targets, plain["seconds"], (before, after))


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """What a job is given.

    Attributes:
        scratch: A directory of its own, removed afterwards.
        quick: Whether to take less data; the ratios then show the start of processes.
        rounds: How often each contender runs.
        memory: A directory for millions of tiny files, on a memory file system where there is one.
    """

    scratch: Path
    quick: bool
    rounds: int
    memory: Path


def takes_turns(
    contenders: Mapping[str, tuple[Role, Contender]], rounds: int, *, warm: bool = True
) -> tuple[Run, ...]:
    """The contenders of one group, measured in turns."""
    os.sync()  # data just made are still written to the disk, and that would be measured too
    if warm:
        for _, run in contenders.values():
            run()
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (_, run) in contenders.items():
            values[name].append(run())
    return tuple(Run(n, role, tuple(values[n])) for n, (role, _) in contenders.items())


def command(*arguments: str, data: bytes = b"", before: Callable[[], object] = int) -> Contender:
    """One process, its start included; `before` is not timed."""

    def run() -> float:
        before()
        start = time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, input=data)
        return time.perf_counter() - start

    return run


def from_inside(*arguments: str) -> Contender:
    """A process that prints how long its work took, start and preparation left out."""

    def run() -> float:
        return float(subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout)

    return run


def in_parallel(*arguments: str, files: Sequence[str]) -> Contender:
    """One process for each core, each with its share of the files."""
    parts = [part for n in range(CORES) if (part := files[n::CORES])]

    def run() -> float:
        start = time.perf_counter()
        processes = [
            subprocess.Popen([*arguments, *part], stdout=subprocess.DEVNULL) for part in parts
        ]
        exits = [process.wait() for process in processes]  # all of them, whichever fails
        if any(exits):
            raise SystemExit(f"{arguments[0]} failed")
        return time.perf_counter() - start

    return run


_STAND_IN = """
import os, sys
from blake3 import blake3
buffer = memoryview(bytearray(512 * 1024))
for path in sys.argv[1:]:
    digest, file = blake3(), os.open(path, os.O_RDONLY)
    while count := os.readv(file, [buffer]):
        digest.update(buffer[:count])
    os.close(file)
"""
B3SUM_NAME = "b3sum" if shutil.which("b3sum") else "the blake3 package"


def b3sum() -> list[str]:
    """BLAKE3 by another program on one thread; this interpreter where b3sum is not installed."""
    found = shutil.which("b3sum")
    return [found, "--num-threads", "1"] if found else [sys.executable, "-c", _STAND_IN]


def compiled(scratch: Path) -> str | None:
    """The program in C; None without a compiler or the headers of OpenSSL."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    target = str(scratch / "small-files")
    done = subprocess.run(
        [compiler, "-O2", "-o", target, str(HERE / "small_files.c"), "-lcrypto"],
        check=False,
        capture_output=True,
    )
    return target if done.returncode == 0 else None


def peak_memory(process: str = "self") -> float:
    """The most resident memory of a process in MB; 0 for one that is gone.

    Not by getrusage: what it says of a new program begins with the memory of the one it came from.
    """
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    line = next((line for line in text.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0")
    return int(line.split()[1]) * 1024 / 1e6


class HelpersMemory:
    """The most resident memory of this process's children in MB, seen a hundred times a second."""

    def __init__(self) -> None:
        self.most = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        tasks = Path("/proc/self/task")
        while not self._done.wait(0.01):
            children: list[str] = []
            for each in tasks.glob("*/children"):
                with contextlib.suppress(OSError):  # a thread that ended meanwhile
                    children += each.read_text().split()
            self.most = max(self.most, sum(map(peak_memory, children)))


def machine() -> dict[str, str]:
    """On what was measured, and with which programs."""
    found = {
        "processor": _processor(),
        "cores": str(CORES),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": _first_line("openssl", "version"),
        "b3sum": _first_line("b3sum", "--version") or "the blake3 package stands in, one thread",
    }
    for name in ("blake3", "model-signing"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    lines = Path("/proc/cpuinfo")
    if lines.exists():
        for line in lines.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _first_line(*arguments: str) -> str:
    if shutil.which(arguments[0]) is None:
        return ""
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    return done.stdout.partition("\n")[0]
