"""Directories that inventories own, hashed again before they are signed (spec/inventories.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from manifest.display import printable
from manifest.document.inventories import BoundInventory
from manifest.document.manifest_file import FILE_NAME
from manifest.errors import BytesDifferError, DocumentError, TreeError
from manifest.inventory import (
    Algorithm,
    Expected,
    Hashed,
    Progress,
    Tree,
    conclude,
    hash_files,
    plan,
)
from manifest.inventory.bound import OpenedInventory, refuse_unsound
from manifest.inventory.in_step import Stretch, in_step
from manifest.inventory.lines import InventoryReader
from manifest.inventory.opening import Root
from manifest.inventory.ordered import OrderedWalk
from manifest.sign.differences import BUILD_REMEDY, refuse_differences

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["measure_owned"]


def measure_owned(
    bound: BoundInventory,
    trees: Mapping[str, Tree],
    *,
    digests: Sequence[str],
    executor: Executor | None,
    progress: Progress | None,
) -> None:
    """Refuse a directory that is not what its inventory lists, by every digest that it holds.

    Args:
        bound: The inventory.
        trees: The walked roots by name.
        digests: The digests that the manifest holds.
        executor: Where files are hashed.
        progress: Told what was hashed.

    Raises:
        BytesDifferError: Files differ.
        DocumentError: The inventory is not sound.
        TreeError: The directory holds what no inventory can list.
        UndecidedError: Something cannot be read, or changed meanwhile.
    """
    spec, tree = bound.spec, trees[bound.spec.directory_root]
    file = trees[spec.root].find(spec.path)
    what = printable(spec.full_path)
    if file is None:
        raise BytesDifferError(f"{what} is missing; nothing was signed", remedy=BUILD_REMEDY)
    algorithms = tuple(map(Algorithm, digests))
    with OpenedInventory(Root.of(trees[spec.root]), file, what) as opened:
        if opened.sha256() != bound.binding.sha256:
            raise BytesDifferError(
                f"{what} is not the inventory that {FILE_NAME} binds; nothing was signed",
                remedy=BUILD_REMEDY,
            )
        refuse_unsound(opened, bound.binding, digests=digests, error=DocumentError)
        reader = InventoryReader(opened.from_start(), what=what, merkle=False)
        walk = OrderedWalk(Root.of(tree), spec.directory)
        for stretch in in_step(reader, walk, f"{spec.directory}/"):
            _measure(bound, tree, stretch, algorithms, executor, progress)
        opened.refuse_change()


def _measure(
    bound: BoundInventory,
    tree: Tree,
    stretch: Stretch,
    algorithms: tuple[Algorithm, ...],
    executor: Executor | None,
    progress: Progress | None,
) -> None:
    if stretch.oddities:
        raise TreeError(
            f"{stretch.oddities[0].describe()}; nothing was signed",
            remedy="remove it: an inventory lists files only",
        )
    prefix, root = f"{bound.spec.directory}/", bound.spec.directory_root
    listed = {prefix + entry.path: entry for _, entry in stretch.listed}
    part: Tree = _only(tree, stretch)
    planned = plan(
        [Expected(path, entry.size, (entry.sha256,)) for path, entry in listed.items()],
        part,
        quick=True,
    )
    refuse_differences({root: planned})
    hashed = hash_files(
        part, planned.to_hash, algorithms=algorithms, executor=executor, progress=progress
    )
    refuse_differences({root: conclude(planned, hashed)})
    if Algorithm.BLAKE3 in algorithms:
        for one in hashed:
            _refuse_other(one, listed[one.path].blake3)


def _refuse_other(one: Hashed, wanted: str) -> None:
    if one.digest(Algorithm.BLAKE3) != wanted:
        raise BytesDifferError(
            f"the inventory does not hold the blake3 of {printable(one.path)}; nothing was signed",
            remedy=BUILD_REMEDY,
        )


def _only(tree: Tree, stretch: Stretch) -> Tree:
    """The tree as if it held the files of a stretch alone."""
    return Tree(
        tree.root, tuple(stretch.files), (), (), (), tree.device, tree.inode, tree.is_snapshot
    )
