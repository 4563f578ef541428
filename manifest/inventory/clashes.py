"""Names in a long sorted list that differ only in letter case or Unicode form.

`collisions` keeps every name; here eight bytes for each are kept, and the list is read a second
time only when two of these agree.
"""

from __future__ import annotations

import itertools
import unicodedata
from array import array
from collections.abc import Iterable

__all__ = ["Clashes"]

_BUCKETS = 256  # sorted one after the other, so that the sort needs little room


class Clashes:
    """Looks for names that some file systems take for one, in paths given in sorted order.

    A hash of 64 bits stands for each file and directory, keyed by the process, so that nobody can
    prepare a list in which hashes agree and names do not. `suspects` then says which hashes stand
    twice; `of` gives the names behind them when the same paths are given again, and `collisions`
    has the last word.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]
        self._above: list[str] = []

    def add(self, paths: Iterable[str]) -> None:
        """Note paths, in the order in which they sort, and the directories on their way."""
        buckets = self._buckets
        directory: str | None = "/".join(self._above) if self._above else None
        for path in paths:
            head, _, _ = path.rpartition("/")
            if head != directory:
                self._enter(head)
                directory = head
            key = hash(_folded(path))
            buckets[key & 0xFF].append(key)

    def _enter(self, head: str) -> None:
        names = head.split("/") if head else []
        common = 0
        for have, want in zip(self._above, names, strict=False):
            if have != want:
                break
            common += 1
        for end in range(common + 1, len(names) + 1):
            key = hash(_folded("/".join(names[:end])))
            self._buckets[key & 0xFF].append(key)
        self._above = names

    def suspects(self) -> frozenset[int]:
        """The hashes that stand for two names or more."""
        found: set[int] = set()
        for bucket in self._buckets:
            if len(bucket) < 2:
                continue
            keys = sorted(bucket)
            found.update(a for a, b in itertools.pairwise(keys) if a == b)
        return frozenset(found)

    @staticmethod
    def of(suspects: frozenset[int], paths: Iterable[str]) -> Iterable[str]:
        """Those of the paths that a suspect stands for, or that lie in such a directory."""
        for path in paths:
            end = path.find("/")
            while end >= 0:
                if hash(_folded(path[:end])) in suspects:
                    yield path
                    break
                end = path.find("/", end + 1)
            else:
                if hash(_folded(path)) in suspects:
                    yield path


def _folded(path: str) -> str:
    """What case-insensitive, normalising file systems compare (Unicode 3.13, D145)."""
    if path.isascii():
        return path.lower()
    folded = unicodedata.normalize("NFD", path).casefold()
    return unicodedata.normalize("NFD", folded)
