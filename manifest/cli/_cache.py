"""The digests remembered for the user, as commands use them (spec/cache.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from manifest.inventory.cache import DigestCache

__all__ = ["digest_cache"]


@contextlib.contextmanager
def digest_cache(*, wanted: bool) -> Iterator[DigestCache | None]:
    """The user's digests while the block runs; None where they are not wanted, or have no place."""
    if not wanted:
        yield None
        return
    from manifest.inventory.cache import DigestCache, default_cache_path

    path = default_cache_path()
    if path is None:
        yield None
        return
    with DigestCache(path) as cache:
        yield cache
