"""How a directory differs from what is expected of it.

In two steps, so that what can be told without reading is told at once: `plan` compares names and
sizes, then the caller hashes `Plan.to_hash`, then `conclude` compares digests.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.inventory.digests import Algorithm, Hashed
from manifest.inventory.entries import FileEntry
from manifest.inventory.items import Expected, Item
from manifest.inventory.opening import Opener, Root
from manifest.inventory.pointers import is_pointer_to
from manifest.inventory.tree import FileStat, OddityKind, Tree
from manifest.records import record

__all__ = ["Difference", "Expected", "Item", "Plan", "compare", "conclude", "plan"]

_EXPLAINED = 1 << 30  # bytes, to say what else is there: a sparse file is larger than any disk


@record(frozen=True, slots=True)
class Plan:
    """What names and sizes tell, and what must be hashed to know the rest.

    Attributes:
        tree: The tree that was compared.
        algorithm: What to hash with.
        shard_size: In which ranges; None for whole files.
        to_hash: The paths to hash, sorted as in the tree.
        size_mismatched: Files whose size alone shows that they differ.
        not_fetched: Files in whose place a large-file pointer lies that agrees with what is
            expected.
        missing: What is expected and not there.
        added: What is there and not expected.
        undecided: What can't be told, because a directory can't be read.
        matched: What is expected and there, with the same size as far as it is known.
    """

    tree: Tree
    algorithm: Algorithm
    shard_size: int | None
    to_hash: tuple[str, ...]
    size_mismatched: tuple[Item, ...]
    not_fetched: tuple[Item, ...]
    missing: tuple[Item, ...]
    added: tuple[FileStat, ...]
    undecided: tuple[Item, ...]
    matched: tuple[Expected, ...]


@record(frozen=True, slots=True)
class Difference:
    """How a tree differs from what was expected; every tuple is sorted by path.

    Attributes:
        algorithm: The digest that decided.
        same: How many files are exactly as expected.
        changed: Files with other bytes.
        missing: Files that are not there.
        added: Files that nobody expected.
        renamed: Files whose bytes are those of a missing one; `Item.was` is its path.
        not_fetched: Files in whose place a large-file pointer lies (`git lfs pull` fetches them).
        undecided: Files that could not be read, or that changed while they were.
    """

    algorithm: Algorithm
    same: int
    changed: tuple[Item, ...] = ()
    missing: tuple[Item, ...] = ()
    added: tuple[Item, ...] = ()
    renamed: tuple[Item, ...] = ()
    not_fetched: tuple[Item, ...] = ()
    undecided: tuple[Item, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether bytes or names are known to differ."""
        return bool(self.changed or self.missing or self.added or self.renamed)

    @property
    def is_equal(self) -> bool:
        """Whether every file was compared and nothing differs; False when that can't be told."""
        return not (self.differs or self.not_fetched or self.undecided)


def plan(
    expected: Iterable[FileEntry | Expected],
    tree: Tree,
    *,
    within: Callable[[str], bool] | None = None,
    quick: bool = False,
) -> Plan:
    """Compare names and sizes, and say what to hash.

    Args:
        expected: What should be there; one algorithm and one shard size for all.
        tree: What is there. `Tree.left_out` and `Tree.not_covered` are not compared.
        within: Compare only these paths, of both sides (a check of a part).
        quick: Don't hash what is known to differ: files of another size, and added files that
            can't be a renamed one; always so with digests of ranges, and beyond `_EXPLAINED`.

    Raises:
        DocumentError: A path is expected twice, or digests of different kinds are mixed.
    """
    wanted, algorithm, shard_size = _wanted(expected, within)
    quick = quick or shard_size is not None  # the shards of an unknown file may be countless
    matched: list[Expected] = []
    mismatched: list[Item] = []
    not_fetched: list[Item] = []
    added: list[FileStat] = []
    to_hash: list[str] = []
    with Opener(Root.of(tree)) as opener:
        for file in tree.files:
            want = wanted.pop(file.path, None)
            if want is None:
                if within is None or within(file.path):
                    added.append(file)
            elif want.size is None or want.size == file.size:
                matched.append(want)
                to_hash.append(file.path)
            elif is_pointer_to(want, file, opener):
                not_fetched.append(_item(want, file.size))
            else:
                mismatched.append(_item(want, file.size))
    missing, undecided = _absent(wanted.values(), tree)
    # As many as are missing may have been renamed; more of their size are what anyone can add.
    sizes = Counter(item.expected_size for item in missing)
    unlike = []
    for file in added:
        if sizes[file.size] > 0:
            sizes[file.size] -= 1
            to_hash.append(file.path)
        else:
            unlike.append((file.path, file.size))
    unlike += [(item.path, item.found_size or 0) for item in mismatched]
    to_hash += () if quick else _explained(unlike)
    return Plan(
        tree=tree,
        algorithm=algorithm,
        shard_size=shard_size,
        to_hash=tuple(sorted(to_hash)),
        size_mismatched=tuple(mismatched),
        not_fetched=tuple(not_fetched),
        missing=missing,
        added=tuple(added),
        undecided=undecided,
        matched=tuple(matched),
    )


def _explained(files: list[tuple[str, int]]) -> Iterator[str]:
    """The files, of those known to differ, that are hashed to say what they are."""
    left = _EXPLAINED
    for path, size in files:
        if size <= left:
            left -= size
            yield path


def conclude(plan: Plan, hashed: Iterable[Hashed]) -> Difference:
    """Compare digests.

    Args:
        plan: What `plan` returned.
        hashed: Results for `Plan.to_hash`, by `Plan.algorithm` and `Plan.shard_size`; a file
            without a result is undecided.
    """
    results = {one.path: one for one in hashed}
    changed = [
        dataclasses.replace(item, found_digests=_found(plan, results.get(item.path)))
        for item in plan.size_mismatched
    ]
    not_fetched, undecided = list(plan.not_fetched), list(plan.undecided)
    same = 0
    with Opener(Root.of(plan.tree)) as opener:
        files = {file.path: file for file in plan.tree.files} if plan.matched else {}
        for want in plan.matched:
            result = results.get(want.path)
            if result is None or result.problem is not None:
                cause = "it was not hashed" if result is None else _cause(result)
                undecided.append(_item(want, files[want.path].size, note=cause))
                continue
            found = result.ranges(plan.algorithm)
            if found == want.digests:
                same += 1
                continue
            item = _item(want, result.size, found)
            pointer = is_pointer_to(want, files[want.path], opener)
            (not_fetched if pointer else changed).append(item)
    missing, added, renamed = _renames(plan, results)
    return Difference(
        algorithm=plan.algorithm,
        same=same,
        changed=_sorted(changed),
        missing=missing,
        added=added,
        renamed=renamed,
        not_fetched=_sorted(not_fetched),
        undecided=_sorted(undecided),
    )


def compare(
    expected: Iterable[FileEntry | Expected], tree: Tree, hashed: Iterable[Hashed]
) -> Difference:
    """`plan` and `conclude` in one, for a tree whose files are hashed already.

    Raises:
        DocumentError: As `plan`.
    """
    return conclude(plan(expected, tree), hashed)


def _sorted(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: item.path))


def _item(
    want: Expected, found_size: int | None, found: tuple[str, ...] = (), note: str = ""
) -> Item:
    return Item(
        path=want.path,
        algorithm=want.algorithm,
        expected_size=want.size,
        found_size=found_size,
        expected_digests=want.digests,
        found_digests=found,
        note=note,
    )


def _cause(result: Hashed) -> str:
    return result.problem.detail if result.problem else ""


def _found(plan: Plan, result: Hashed | None) -> tuple[str, ...]:
    if result is None or result.problem is not None:
        return ()
    return result.ranges(plan.algorithm)


def _wanted(
    expected: Iterable[FileEntry | Expected], within: Callable[[str], bool] | None
) -> tuple[dict[str, Expected], Algorithm, int | None]:
    wanted: dict[str, Expected] = {}
    kinds: set[tuple[Algorithm, int | None]] = set()
    for entry in expected:
        want = entry if isinstance(entry, Expected) else Expected.of(entry)
        if want.path in wanted:
            raise DocumentError(f"{printable(want.path)} is listed twice")
        wanted[want.path] = want
        kinds.add((want.algorithm, want.shard_size))
    if len(kinds) > 1:
        raise DocumentError("digests of different kinds are mixed in one list of files")
    algorithm, shard_size = kinds.pop() if kinds else (Algorithm.SHA256, None)
    if within is not None:
        wanted = {path: want for path, want in wanted.items() if within(path)}
    return wanted, algorithm, shard_size


def _absent(wants: Iterable[Expected], tree: Tree) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """What of the expected files without a counterpart is missing, and what can't be told."""
    odd = {oddity.path: oddity for oddity in tree.oddities}
    uncovered = {item.path for item in tree.not_covered}
    missing: list[Item] = []
    undecided: list[Item] = []
    for want in wants:
        note = ""
        decided = True
        for place in _places(want.path):
            if place in uncovered:
                decided, note = False, f"{place} is not covered by this check"
            elif place in odd:
                note = odd[place].describe()
                decided = odd[place].kind not in {OddityKind.UNREADABLE, OddityKind.TOO_DEEP}
            else:
                continue
            break
        (missing if decided else undecided).append(_item(want, None, note=note))
    return _sorted(missing), _sorted(undecided)


def _places(path: str) -> Iterable[str]:
    """The root, the directories on the way to a path, and the path itself."""
    yield "."
    position = path.find("/")
    while position >= 0:
        yield path[:position]
        position = path.find("/", position + 1)
    yield path


_Content: TypeAlias = tuple[tuple[str, ...], int | None]
"""Digests, and the size where it is known."""


def _renames(
    plan: Plan, results: dict[str, Hashed]
) -> tuple[tuple[Item, ...], tuple[Item, ...], tuple[Item, ...]]:
    """Pair missing and added files of equal size and digests, in the order of their paths."""
    orphans: dict[_Content, list[Item]] = {}
    for item in reversed(plan.missing):
        orphans.setdefault((item.expected_digests, item.expected_size), []).append(item)
    added: list[Item] = []
    renamed: list[Item] = []
    for file in plan.added:
        result = results.get(file.path)
        found = _found(plan, result)
        orphan = _take(orphans, found, file.size) if result and found else None
        if orphan is not None:
            renamed.append(
                dataclasses.replace(
                    orphan,
                    path=file.path,
                    was=orphan.path,
                    found_size=file.size,
                    found_digests=found,
                )
            )
            continue
        note = _cause(result) if result is not None else ""
        added.append(
            Item(file.path, plan.algorithm, found_size=file.size, found_digests=found, note=note)
        )
    rest = [item for items in orphans.values() for item in items]
    return _sorted(rest), tuple(added), tuple(renamed)


def _take(orphans: dict[_Content, list[Item]], digests: tuple[str, ...], size: int) -> Item | None:
    """The first of the missing files, in the order of paths, that may have had this content.

    Two looks, however many files of another size claim the same digest.
    """
    stacks = [found for key in (size, None) if (found := orphans.get((digests, key)))]
    return min(stacks, key=lambda stack: stack[-1].path).pop() if stacks else None
