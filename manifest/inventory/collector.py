"""The collector of cycles, paused while very many plain values are made.

Python looks for cycles each time that so many values were made, and walks through those that are
there already. A list of a million files holds none, and takes a third longer with the walks.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["collector_paused"]


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """No collection of cycles within the block; memory is freed by reference counts as always."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
