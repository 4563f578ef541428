"""Executors of other machines: what is asked of one beyond what any executor does.

And this machine as one of them, for files that lie elsewhere: threads that wait for a network.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

__all__ = ["Machines", "ThisMachine"]

_THREADS = 8
"""How many files are read at once from an object store: one stream alone does not fill a network."""


class Machines(Executor, abc.ABC):
    """Runs parts on other machines, which may be lost at any time.

    What is handed to `submit` and what comes back are values that can be sent.
    """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What to call them in messages."""

    @property
    @abc.abstractmethod
    def thread_count(self) -> int:
        """How many parts they work on at once, by now; at least 1."""

    @abc.abstractmethod
    def is_loss(self, future: Future[Any]) -> bool:
        """Whether a part has no result because machines were lost, and not by its own error."""

    @abc.abstractmethod
    def refuse_silence(self) -> None:
        """Raise when there is nobody left to wait for; asked while nothing comes back.

        Raises:
            UndecidedError: The scheduler is not there any more, or has had no worker for a while.
        """

    @abc.abstractmethod
    def everywhere(self, function: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        """Call a function once on every machine; each one's answer, or the error it raised.

        Raises:
            UndecidedError: They cannot be asked.
        """


class ThisMachine(Machines):
    """Threads of this process, which are not lost."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS)

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return "this machine"

    @property
    def thread_count(self) -> int:
        """How many files are read at once."""
        return _THREADS

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call in a thread."""
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of `Executor`
        """End the threads, when the parts at which they are have been read."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def is_loss(self, future: Future[Any]) -> bool:
        """Whether a part was given up before it began."""
        return future.cancelled()

    def refuse_silence(self) -> None:
        """Raise nothing: the library that reads gives up by itself."""

    def everywhere(self, function: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        """Call a function here."""
        return {self.name: function(*args)}
