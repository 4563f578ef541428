"""Processes that hash beside this one.

The cost of a small file is in system calls and in the interpreter, which threads of one process
can only take in turn. A helper is this interpreter started once more, without site packages, and
imports what hashing needs; it is worth the start for some thousands of files. It is given batches
through a pipe and answers through another, so it lives no longer than this process, and whatever
happens to it, its batch is hashed here.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import struct
import sys
from collections.abc import Sequence
from dataclasses import astuple
from types import TracebackType
from typing import Any, Self

from manifest.inventory.digests import Algorithm, Hashed, Job, hash_part
from manifest.inventory.opening import Problem, ProblemKind, Root
from manifest.inventory.tree import FileStat

__all__ = ["Child", "Helper", "HelperLostError", "framed", "serve"]

_LENGTH = struct.Struct("<Q")
_PIECE = 1 << 20
# What the packages import for everyone else takes longer than all that a helper needs of them.
_PROGRAM = """
import sys, types
inventory, *others = sys.argv[1:]
sys.path += others
for name, place in (("manifest", inventory + "/.."), ("manifest.inventory", inventory)):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [place]
from manifest.inventory.crew import serve
serve()
"""


class HelperLostError(Exception):
    """A helper ended, or answered something else than was asked; never leaves this package."""


class Child:
    """This interpreter started once more, and the pipes to it; for one thread.

    Args:
        first: What it is to do, the first of its messages; see `serve`.

    Raises:
        HelperLostError: It cannot be started.
    """

    def __init__(self, first: Any) -> None:
        if not sys.executable or not hasattr(os, "posix_spawn"):
            raise HelperLostError
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM, *_places()],
                dict(os.environ),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs_in, 0),
                    (os.POSIX_SPAWN_DUP2, theirs_out, 1),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
            )
        except OSError:
            os.close(self._in)
            os.close(self._out)
            raise HelperLostError from None
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        # Whoever waits to write while the other does would wait for ever: this side never does.
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self._unsent = bytearray(framed(first))
        self._unread = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=error is not None)

    def close(self, *, at_once: bool = False) -> None:
        """End the process and wait for its end; without waiting for its batch when ``at_once``."""
        os.close(self._out)
        os.close(self._in)
        if at_once:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def begin(self) -> None:
        """Send what the pipe takes of the first message, so that it need not wait for `receive`.

        Raises:
            HelperLostError: It is gone.
        """
        self._write()

    def send(self, value: Any) -> None:
        """Send a message, as far as the pipe takes it now; the rest goes while waiting.

        Raises:
            HelperLostError: It is gone.
        """
        self._unsent += framed(value)
        self._write()

    def receive(self) -> Any:
        """Its next message.

        Raises:
            HelperLostError: It is gone.
        """
        try:
            return marshal.loads(self._frame())  # noqa: S302 - from our own child
        except (ValueError, EOFError, TypeError):
            raise HelperLostError from None

    def _write(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(self._out, self._unsent)]
        except BlockingIOError:
            return
        except OSError:
            raise HelperLostError from None

    def _frame(self) -> bytes:
        """The next answer; what was not yet sent is sent meanwhile."""
        size = _LENGTH.size
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        while True:
            if len(self._unread) >= size:
                (length,) = _LENGTH.unpack_from(self._unread)
                if len(self._unread) >= size + length:
                    frame = bytes(self._unread[size : size + length])
                    del self._unread[: size + length]
                    return frame
            if self._unsent:
                poll.register(self._out, select.POLLOUT)
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._out in ready:
                poll.unregister(self._out)
                self._write()
            if self._in in ready:
                try:
                    more = os.read(self._in, _PIECE)
                except OSError:
                    raise HelperLostError from None
                if not more:
                    raise HelperLostError
                self._unread += more


class Helper(Child):
    """A process that hashes batches of files.

    Raises:
        HelperLostError: It cannot be started.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        super().__init__(("files", tuple(astuple(job.root)), [a.value for a in job.algorithms]))

    def ask(self, files: Sequence[FileStat]) -> None:
        """Give it files to hash.

        Raises:
            HelperLostError: It is gone.
        """
        self.send([tuple(file) for file in files])

    def answer(self, files: Sequence[FileStat]) -> list[Hashed]:
        """Its results for the files that it was given first of those not yet answered.

        Raises:
            HelperLostError: It is gone, or its answer is not one.
        """
        found = self.receive()
        if type(found) is not list or len(found) != len(files):
            raise HelperLostError
        algorithms = self._job.algorithms
        make = tuple.__new__
        return [
            make(
                Hashed,
                (
                    file[0],
                    file[1],
                    algorithms,
                    digests,
                    None if problem is None else Problem(ProblemKind(problem[0]), problem[1]),
                ),
            )
            for file, (digests, problem) in zip(files, found, strict=True)
        ]


def _places() -> list[str]:
    """Where the helper finds this package, and blake3, which is not in the standard library."""
    import blake3

    directory = os.path.dirname
    theirs = blake3.__file__
    return [directory(__file__), *([directory(directory(theirs))] if theirs else [])]


def framed(value: Any) -> bytes:
    """A message: its length in eight bytes, and what `marshal` makes of it."""
    data = marshal.dumps(value)
    return _LENGTH.pack(len(data)) + data


def serve() -> None:
    """Hash what standard input asks for until it ends; the life of a helper."""
    import gc

    # An interruption is the business of the process that asks: its end ends the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # tuples without cycles, by the thousand
    with open(0, "rb") as questions, open(1, "wb") as answers:

        def receive() -> Any:
            head = questions.read(_LENGTH.size)
            # From the process that started this one.
            return marshal.loads(questions.read(*_LENGTH.unpack(head))) if head else None  # noqa: S302

        def send(value: Any) -> None:
            answers.write(framed(value))
            answers.flush()

        what, root, *rest = receive()
        if what == "walk":
            from manifest.inventory.again import fingerprint
            from manifest.inventory.walk import walk

            send(fingerprint(walk(root, leave_out=frozenset(*rest))))
            return
        if what == "mapped":
            from manifest.inventory.mapped import serve_mapped

            file, threads = rest
            serve_mapped(Root(*root), file, threads, send)
            return
        job = Job(Root(*root), tuple(map(Algorithm, *rest)), None)
        while (files := receive()) is not None:
            results = hash_part(job, [FileStat(*fields) for fields in files])
            send([_plain(hashed) for hashed in results])


def _plain(hashed: Hashed) -> tuple[tuple[tuple[str, ...], ...], tuple[str, str] | None]:
    problem = hashed.problem
    return hashed.digests, None if problem is None else (problem.kind.value, problem.detail)
