"""The progress bar: bytes, rate and time left, on a terminal and nowhere else."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Protocol

__all__ = ["Bar", "progress_bar"]


class Bar(Protocol):
    """What a command hands down to the library."""

    def expect(self, n_bytes: int, n_files: int) -> None:
        """How much there is to do; called once, before the first `advance`."""

    def advance(self, bytes_delta: int, files_delta: int) -> None:
        """What was done since the last call; from any thread."""


class _Silent:
    """No bar: the output is piped, or was asked to be quiet."""

    def expect(self, n_bytes: int, n_files: int) -> None:
        pass

    def advance(self, bytes_delta: int, files_delta: int) -> None:
        pass


@contextlib.contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Bar]:
    """A bar on stderr while the block runs; silent when stderr is no terminal, or ``quiet``.

    Args:
        what: What is being done, as ``Hashing``.
        quiet: Show nothing.
    """
    if quiet or not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[files]}", style="dim"),
        console=Console(stderr=True),
        transient=True,
        # Ten redraws a second, rich's default, take time from the threads that hash.
        refresh_per_second=4,
    )
    task = progress.add_task(what, total=None, files="")
    lock = threading.Lock()
    done = 0
    total = 0

    class _Shown:
        def expect(self, n_bytes: int, n_files: int) -> None:
            nonlocal total
            total = n_files
            progress.update(task, total=n_bytes)

        def advance(self, bytes_delta: int, files_delta: int) -> None:
            nonlocal done
            with lock:
                done += files_delta
                count = f"{done:,} of {total:,} files"
            progress.update(task, advance=bytes_delta, files=count)

    with progress:
        yield _Shown()
