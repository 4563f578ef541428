"""Executors of other machines: what is asked of one beyond what any executor does."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

__all__ = ["Machines"]


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
