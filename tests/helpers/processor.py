"""Bounds on time that a busy machine does not break, nor a measurement of coverage."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["assert_takes_less", "calls_of", "seconds_of", "untraced"]

ATTEMPTS = 3


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Nothing traces the block, nor the threads that it starts.

    Coverage calls a trace function for every line, which multiplies the time of Python code. Where
    it uses ``sys.monitoring`` instead, each line costs once, and nothing needs to be turned off.
    """
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(threads)
        sys.settrace(here)


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds of processor time that ``work`` takes in this process, all threads together.

    Time during which another process has the processor does not count.
    """
    with untraced():
        start = time.process_time()
        work()
        return time.process_time() - start


def calls_of(work: Callable[[], object]) -> int:
    """How many functions ``work`` calls in this thread, Python's own among them.

    A measure of its cost that is the same on every machine, at every load.
    """
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    with untraced():
        sys.setprofile(count)
        try:
            work()
        finally:
            sys.setprofile(before)
    return calls


def assert_takes_less(seconds: float, work: Callable[[], object]) -> None:
    """The fastest of up to three runs of ``work`` takes less processor time than ``seconds``.

    What shares caches and cores slows one run down; an algorithm that is too slow, every run. Each
    run begins without what the package remembers of the one before; ``work`` itself must keep
    nothing.
    """
    times: list[float] = []
    while len(times) < ATTEMPTS:
        if times:
            _forget()
        times.append(seconds_of(work))
        if times[-1] < seconds:
            return
    raise AssertionError(f"at best {min(times):.2f} s of processor time; allowed are {seconds} s")


def _forget() -> None:
    for found in gc.get_objects():
        if isinstance(found, functools._lru_cache_wrapper) and found.__module__.startswith(
            "manifest."
        ):
            found.cache_clear()
