"""A command run within bounds of time, memory, processes and what it writes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from manifest.display import human_size, plural, printable
from manifest.errors import UndecidedError
from manifest.records import record
from manifest.replay.sandbox import Sandbox

__all__ = ["Ended", "Limits", "run_bare", "run_sandboxed"]

MAX_DEPTH = 100
"""The most directories, one inside the other, that a command may make."""
_LOG = 1024 * 1024
_TICK = 0.1
_RESERVE = 256 * 1024 * 1024
_STATUS = 65_536
_PATIENCE = 60


@record(frozen=True, slots=True)
class Limits:
    """What a command may use: seconds, bytes that it writes, bytes of memory, processes, files."""

    seconds: float
    output_bytes: int
    memory_bytes: int
    processes: int = 4096
    files: int = 100_000


@record(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Its exit status; None when it was stopped.
        stopped: Why it was stopped, in words; empty when it ended by itself.
        seconds: How long it ran.
        log: The first of what it said, at most a mebibyte.
        log_bytes: How much it said in all.
        memory_bytes: The most memory that its processes were seen to use.
    """

    status: int | None
    stopped: str
    seconds: float
    log: bytes
    log_bytes: int
    memory_bytes: int


def run_sandboxed(
    sandbox: Sandbox,
    command: Sequence[str],
    *,
    inputs: Path,
    output: Path,
    variables: Mapping[str, str],
    limits: Limits,
) -> Ended:
    """Run a command in the sandbox. When this returns, no process of it is left.

    Raises:
        UndecidedError: The sandbox cannot be set up here.
    """
    status_read, status_write = os.pipe()
    block_read, block_write = os.pipe()
    with contextlib.ExitStack() as stack:
        for descriptor in (status_read, block_write):
            stack.callback(os.close, descriptor)
        try:
            arguments = sandbox.arguments(
                command,
                inputs=inputs,
                output=output,
                variables=variables,
                status=status_write,
                block=block_read,
            )
            process = _start(arguments, {}, None, (status_write, block_read))
        finally:
            os.close(status_write)
            os.close(block_read)
        stack.callback(_end, process)
        child = _child(status_read)
        if child is None:
            process.wait()
            said = process.stdout.read(4096) if process.stdout else b""
            raise UndecidedError(
                f"there is no sandbox here: {printable(said.strip()) or 'bwrap said nothing'}",
                remedy="this system does not let you make namespaces: ask who runs it; "
                "--no-sandbox runs without one, with all your rights",
            )
        first = os.pidfd_open(child)
        stack.callback(os.close, first)
        stack.callback(_end_all, first)
        _bound(child, limits)
        watch = _Watch(output, limits, root=process.pid, first=first)
        os.write(block_write, b".")
        return watch.until_end(process, process.kill)


def run_bare(
    command: Sequence[str],
    *,
    directory: Path,
    output: Path,
    variables: Mapping[str, str],
    limits: Limits,
) -> Ended:
    """Run a command without a sandbox, with all the rights of the user.

    Raises:
        UndecidedError: It cannot be started.
    """
    try:
        process = _start(command, variables, directory, ())
    except OSError as error:
        raise UndecidedError(
            f"{printable(command[0])} cannot be started: {error.strerror}"
        ) from None

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    with contextlib.ExitStack() as stack:
        stack.callback(_end, process)
        stack.callback(kill)
        _bound(process.pid, limits)
        return _Watch(output, limits, root=process.pid).until_end(process, kill)


def _start(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    directory: Path | None,
    descriptors: tuple[int, ...],
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - what the user asked for, after having been shown it
        arguments,
        cwd=directory,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=descriptors,
        start_new_session=True,
        bufsize=0,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _end_all(first: int) -> None:
    """End the first process of the sandbox, and so all others in it, and wait until they are gone.

    Raises:
        UndecidedError: They do not go.
    """
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(first, signal.SIGKILL)
    with selectors.DefaultSelector() as selector:
        selector.register(first, selectors.EVENT_READ)
        if not selector.select(_PATIENCE):
            raise UndecidedError("a process of the sandbox does not end: it waits for a device")


def _child(descriptor: int) -> int | None:
    """The first process in the sandbox, by its number here; None when bwrap made none."""
    said = b""
    while b"\n" not in said and len(said) < _STATUS:
        part = os.read(descriptor, _STATUS)
        if not part:
            return None
        said += part
    number = json.loads(said.split(b"\n", 1)[0])["child-pid"]
    return int(number)


def _bound(pid: int, limits: Limits) -> None:
    """Bound one file, forbid core dumps, and offer the process first when memory is short."""
    with contextlib.suppress(OSError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")


class _Watch:
    """Looks at a running command ten times a second and stops it where it goes too far."""

    def __init__(self, output: Path, limits: Limits, *, root: int, first: int = -1) -> None:
        self._output = output
        self._limits = limits
        self._root = root
        self._first = first
        self._memory = 0
        self._begun = time.monotonic()
        self._log = bytearray()
        self._said = 0

    def until_end(self, process: subprocess.Popen[bytes], kill: Callable[[], None]) -> Ended:
        """Wait for the end, by the command's own will or by ours."""
        stream = process.stdout
        if stream is None:
            raise UndecidedError("the command has no output to read")
        os.set_blocking(stream.fileno(), False)
        stopped, pause = "", _TICK
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            looked = 0.0
            while process.poll() is None:
                if selector.get_map() and selector.select(min(pause, _TICK)):
                    if not self._read(stream):
                        selector.unregister(stream)
                elif not selector.get_map():
                    time.sleep(min(pause, _TICK))
                now = time.monotonic()
                if now - looked >= pause:
                    stopped = self._too_much()
                    looked = time.monotonic()
                    pause = max(_TICK, 4 * (looked - now))
                if stopped:
                    kill()
                    process.wait()
        if self._first >= 0:  # bwrap ends when the command does, and not with all it has started
            _end_all(self._first)
        seconds = time.monotonic() - self._begun
        while self._read(stream):
            pass
        stopped = stopped or self._too_much_written()
        status = None if stopped else process.returncode
        log = bytes(self._log)
        return Ended(status, stopped, seconds, log, self._said, self._memory)

    def _read(self, stream: IO[bytes]) -> bool:
        """Take some of what it says; False when there is no more for now, or at all."""
        try:
            part = os.read(stream.fileno(), 65_536)
        except BlockingIOError:
            return False
        self._said += len(part)
        self._log += part[: _LOG - len(self._log)]
        return bool(part)

    def _too_much(self) -> str:
        limits = self._limits
        if time.monotonic() - self._begun > limits.seconds:
            return f"it ran for more than {limits.seconds:,.0f} seconds"
        processes, memory = _processes(self._root, limits.processes)
        self._memory = max(self._memory, memory)
        if processes > limits.processes:
            return f"it started more than {plural(limits.processes, 'process', 'processes')}"
        if memory > limits.memory_bytes:
            return f"it used more than {human_size(limits.memory_bytes)} of memory"
        return self._too_much_written()

    def _too_much_written(self) -> str:
        limits = self._limits
        files = size = 0
        for depth, bytes_ in _written(self._output):
            files, size = files + 1, size + bytes_
            if files > limits.files:
                return f"it wrote more than {plural(limits.files, 'file')}"
            if size > limits.output_bytes:
                return f"it wrote more than {human_size(limits.output_bytes)}"
            if depth > MAX_DEPTH:
                return (
                    f"it made directories more than {MAX_DEPTH} deep, names too long, or what "
                    "cannot be looked into"
                )
        # What was unlinked and is still open has no name; the disk tells of it all the same.
        if shutil.disk_usage(self._output).free < _RESERVE:
            return f"fewer than {human_size(_RESERVE)} of the disk are free"
        return ""


def _written(top: Path) -> Iterator[tuple[int, int]]:
    """Depth and size of everything below a directory; links are not followed.

    What vanishes meanwhile is passed over; what cannot be looked into could hold anything, and is
    as deep as nothing may be.
    """
    waiting = [(0, str(top))]
    while waiting:
        depth, directory = waiting.pop()
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        yield depth, max(status.st_size, status.st_blocks * 512)
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append((depth + 1, entry.path))
        except OSError as error:
            # A path too long for the system, or a mode that forbids to look, would hide a disk full.
            if error.errno != errno.ENOENT:
                yield MAX_DEPTH + 1, 0


def _processes(root: int, most: int) -> tuple[int, int]:
    """How many processes descend from one, and how many bytes of memory they hold together.

    Memory that several share is counted for each of them.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    waiting, count, memory = [root], 0, 0
    while waiting and count <= most:
        pid = waiting.pop()
        count += 1
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
            memory += int(fields[1]) * page
        with contextlib.suppress(OSError, ValueError):
            for thread in os.scandir(f"/proc/{pid}/task"):
                children = Path(thread.path, "children").read_text(encoding="ascii")
                waiting += map(int, children.split())
    return count, memory
