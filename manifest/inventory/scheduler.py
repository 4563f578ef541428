"""A Dask scheduler and its workers as an executor (extra ``dask``).

What workers answer is believed, and unpickled: a worker is trusted as this machine is
(spec/machines.md, "Trust").
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any

from manifest._version import __version__
from manifest.display import plural, printable
from manifest.errors import MissingExtraError, UndecidedError
from manifest.inventory.machines import Machines

__all__ = ["connect"]

_CONNECT_SECONDS = 10
_WORKER_SECONDS = 30.0
"""How long to wait for a first worker, and for another when all were lost."""
_MAX_SHOWN = 3
_LOGGERS = ("distributed", "distributed.client", "tornado")
_REMEDY_VERSION = f"pip install 'model-release-manifest=={__version__}' on every worker"


@contextlib.contextmanager
def connect(address: str) -> Iterator[Machines]:
    """The workers of a scheduler as an executor, for as long as the block lasts.

    Args:
        address: Of the scheduler, as ``tcp://HOST:PORT``.

    Raises:
        MissingExtraError: Dask is not installed.
        UndecidedError: There is no scheduler at this address, it has no worker, or a worker does
            not run this version of the toolkit.
    """
    try:
        import distributed
    except ImportError:
        raise MissingExtraError(
            "--scheduler needs the package distributed, which is not installed",
            remedy="pip install 'model-release-manifest[dask]'",
        ) from None
    library: Any = distributed  # half of it has no types
    shown = printable(address)
    with _silent():
        try:
            client = _client_class(library)(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UndecidedError(
                f"there is no scheduler at {shown}: {_first_line(error)}",
                remedy="check the address that `dask scheduler` prints, as tcp://HOST:8786",
            ) from None
        try:
            machines = _Workers(client, shown)
            machines.wait_for_one()
            machines.check_versions()
            yield machines
        finally:
            with contextlib.suppress(OSError, CancelledError):
                client.close(timeout=_CONNECT_SECONDS)


def _client_class(library: Any) -> Any:
    class Client(library.Client):  # type: ignore[misc]  # it has no types
        """One that is closed by `connect` alone."""

        def __del__(self) -> None:
            """Do nothing: of one that never connected, closing waits for as long again."""

    return Client


def _first_line(answer: object) -> str:
    return printable(str(answer).partition("\n")[0])


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep the library's log off the terminal: what went wrong is said by errors."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


class _Workers(Machines):
    """The workers of a scheduler."""

    def __init__(self, client: Any, shown: str) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)
        self._shown = shown
        self._alone_since: float | None = None

    @property
    def name(self) -> str:
        return self._shown

    @property
    def thread_count(self) -> int:
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a call to the scheduler, which gives it to another worker when one is lost."""
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        return future

    def is_loss(self, future: Future[Any]) -> bool:
        from distributed.scheduler import KilledWorker

        return future.cancelled() or isinstance(future.exception(), KilledWorker)

    def refuse_silence(self) -> None:
        if self._client.status != "running":
            raise UndecidedError(
                f"the scheduler {self._shown} is not there any more",
                remedy="start it and its workers, then run the command again",
            )
        if self._client.nthreads():
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since > _WORKER_SECONDS:
            raise UndecidedError(
                f"the scheduler {self._shown} has no worker left",
                remedy="start workers with `dask worker`, then run the command again",
            )

    def everywhere(self, function: Callable[..., Any], *args: Any) -> Mapping[str, Any]:
        try:
            answers: Mapping[str, Any] = self._client.run(function, *args, on_error="return")
        except (OSError, RuntimeError, ImportError, AttributeError) as error:
            raise UndecidedError(
                f"the workers of {self._shown} cannot be asked: {_first_line(error)}",
                remedy=_REMEDY_VERSION,
            ) from None
        return answers

    def wait_for_one(self) -> None:
        """Wait for a first worker.

        Raises:
            UndecidedError: None came.
        """
        try:
            self._client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        except TimeoutError:
            raise UndecidedError(
                f"the scheduler {self._shown} has no workers",
                remedy="start some with `dask worker`, on machines that see the release",
            ) from None

    def check_versions(self) -> None:
        """See that every worker runs this version.

        Raises:
            UndecidedError: One does not.
        """
        answers = self.everywhere(_version)
        others = {worker: answer for worker, answer in answers.items() if answer != __version__}
        if others:
            shown = [
                f"{printable(worker)} has {_first_line(answer)}"
                for worker, answer in sorted(others.items())[:_MAX_SHOWN]
            ]
            raise UndecidedError(
                f"{plural(len(others), 'worker')} of {self._shown} cannot run version "
                f"{__version__} of the toolkit: {'; '.join(shown)}",
                remedy=_REMEDY_VERSION,
            )


def _version() -> str:
    return __version__
