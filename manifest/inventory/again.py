"""The second walk over a tree: whether what was hashed is what is there.

It takes as long as the first, and what it finds is nearly always the same. So where a tree is
large a helper takes it and answers by a fingerprint, while the caller goes on with what it hashed.
Wherever that answer is not the one hoped for, or there is none, the walk is taken here.
"""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from manifest.inventory.tree import Tree

if TYPE_CHECKING:
    from manifest.inventory.crew import Child

__all__ = ["MIN_FILES", "SecondWalk", "fingerprint"]

MIN_FILES = 8192
"""Fewer files are walked before a helper has started."""


class SecondWalk:
    """A walk that begins now and is asked for later; ended by its context.

    Args:
        tree: What the first walk found.
        walk: Walks here, in the same way as the first.
        leave_out: What the first was told to leave out; None when that is not all it was told, and
            no helper can do the same.
    """

    def __init__(
        self, tree: Tree, walk: Callable[[], Tree], *, leave_out: frozenset[str] | None
    ) -> None:
        self._tree = tree
        self._walk = walk
        self._child: Child | None = None
        if leave_out is None or len(tree.files) < MIN_FILES:
            return
        from manifest.inventory.crew import Child, HelperLostError
        from manifest.inventory.parallel import usable_cores

        if usable_cores() < 2:
            return

        try:
            self._child = Child(("walk", tree.root, sorted(leave_out)))
            self._child.begin()
        except HelperLostError:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def result(self) -> Tree:
        """What is there now; the first walk's own tree when nothing that counts has changed.

        Raises:
            UsageError, UndecidedError: As `walk`.
        """
        return self._tree if self._is_same() else self._walk()

    def _is_same(self) -> bool:
        if self._child is None:
            return False
        from manifest.inventory.crew import HelperLostError

        expected = fingerprint(self._tree)
        try:
            return bool(self._child.receive() == expected)
        except HelperLostError:
            return False
        finally:
            self._end()

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close(at_once=True)


def fingerprint(tree: Tree) -> str:
    """The same for two walks that found the same files, links and the like in the same state."""
    plain = (
        tree.device,
        tree.inode,
        list(map(tuple, tree.files)),
        [(odd.path, odd.kind.value, odd.detail) for odd in tree.oddities],
    )
    # Later versions of the format tell apart objects that are equal.
    return hashlib.sha256(marshal.dumps(plain, 2)).hexdigest()
