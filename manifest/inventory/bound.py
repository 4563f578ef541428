"""An inventory on disk, held against what binds it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NoReturn, Self

from manifest.display import printable
from manifest.errors import ManifestError, UndecidedError
from manifest.inventory.clashes import Clashes
from manifest.inventory.lines import Binding, InventoryEntry, InventoryReader
from manifest.inventory.opening import Opener, Problem, Root, change_of, problem_of
from manifest.inventory.paths import collisions
from manifest.inventory.tree import FileStat

__all__ = ["OpenedInventory", "refuse_unsound"]

_BLOCK = 1 << 20
_AGAIN = "run `manifest build` and `manifest sign` again, or ask the publisher to"


class OpenedInventory:
    """An inventory, open: every reading is of the same file.

    Args:
        root: The root that holds it.
        file: The file as it was walked.
        what: What to call it in messages.
    """

    def __init__(self, root: Root, file: FileStat, what: str) -> None:
        self.what = what
        self._file = file
        with Opener(root) as opener:
            try:
                self._descriptor = opener.open(file)
            except OSError as error:
                self._fail(problem_of(error))

    def _fail(self, problem: Problem) -> NoReturn:
        raise UndecidedError(
            f"the inventory {self.what} cannot be read: {printable(problem.detail)}",
            remedy=problem.remedy,
        ) from None

    def __enter__(self) -> Self:
        self.refuse_change()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def refuse_change(self) -> None:
        """Refuse a file that is not the one that was walked, or not any more.

        Raises:
            UndecidedError: It is not.
        """
        problem = change_of(self._file, os.fstat(self._descriptor))
        if problem is not None:
            self._fail(problem)

    def from_start(self) -> Callable[[int], bytes]:
        """A function that reads on from the beginning."""
        position = 0

        def read(length: int) -> bytes:
            nonlocal position
            try:
                data = os.pread(self._descriptor, length, position)
            except OSError as error:
                self._fail(problem_of(error))
            position += len(data)
            return data

        return read

    def sha256(self) -> str:
        """The digest of its bytes, in hex.

        Raises:
            UndecidedError: It cannot be read.
        """
        digest = hashlib.sha256()
        read = self.from_start()
        while data := read(_BLOCK):
            digest.update(data)
        return digest.hexdigest()


def refuse_unsound(
    opened: OpenedInventory,
    binding: Binding,
    *,
    digests: Sequence[str],
    error: type[ManifestError],
    visit: Callable[[list[InventoryEntry]], object] | None = None,
) -> None:
    """Read an inventory whose bytes are those that were bound, and refuse one that is not sound.

    Args:
        opened: The inventory.
        binding: What it was bound by.
        digests: The digests that each entry must hold, and no others.
        error: The kind of error to raise.
        visit: Told of the entries, some thousands at a time.

    Raises:
        ManifestError: Of that kind. A line is malformed or out of order; the count, the sizes or
            the Merkle root are not those that were bound; the digests are others; names differ
            only in letter case or Unicode form.
        UndecidedError: It cannot be read.
    """
    what, clashes = opened.what, Clashes()
    reader = InventoryReader(opened.from_start(), what=what, error=error)
    for batch in reader.batches():
        clashes.add(entry.path for entry in batch)
        if visit is not None:
            visit(batch)
    found = reader.binding()
    for field in dataclasses.fields(binding):
        said, is_ = getattr(binding, field.name), getattr(found, field.name)
        if said != is_:
            raise error(
                f"{what}: its {field.name} is {is_}, and the manifest binds {said}", remedy=_AGAIN
            )
    if reader.has_blake3 is not ("blake3" in digests):
        raise error(f"{what} holds other digests than {' and '.join(digests)}", remedy=_AGAIN)
    suspects = clashes.suspects()
    if suspects:
        again = InventoryReader(opened.from_start(), what=what, merkle=False, error=error)
        groups = collisions(clashes.of(suspects, (entry.path for entry in again)))
        for group in groups:
            names = " and ".join(map(printable, group[:2]))
            raise error(
                f"{what}: {names} differ only in letter case or Unicode form", remedy=_AGAIN
            )
