"""Inventories, and the directories that they own, held against each other (spec/inventories.md).

In this order, so that nothing a list says is used before the list is known to be the signed one:
its bytes against the digest that the manifest binds; then its lines, one by one, and their count,
sizes and Merkle root; then the directory, in step with the list read once more. Memory grows with
none of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from manifest.display import plural, printable
from manifest.document.inventories import BoundInventory
from manifest.errors import NotTrustedError, UndecidedError
from manifest.inventory import Algorithm, Expected, FileStat, Tree, hash_files
from manifest.inventory.bound import OpenedInventory, refuse_unsound
from manifest.inventory.collector import collector_paused
from manifest.inventory.in_step import Stretch, in_step
from manifest.inventory.lines import InventoryEntry, InventoryReader
from manifest.inventory.opening import Root, problem_of
from manifest.inventory.ordered import OrderedWalk
from manifest.inventory.sampling import choose, misses
from manifest.verify.comparison import Comparison, Engine, compare_root
from manifest.verify.part import Part, within_root
from manifest.verify.report import FileProblem, InventorySample, ProblemKind, Undecided
from manifest.verify.survey import survey

__all__ = ["MAX_NAMED", "InventoryCheck", "InventoryResult", "check_inventory"]

MAX_NAMED = 10_000
"""The most files of one inventory that a report names as different, and as undecided."""


@dataclasses.dataclass(frozen=True, slots=True)
class InventoryCheck:
    """What to check of an inventory.

    Attributes:
        bound: The inventory.
        digests: The digests of files that the manifest holds.
        algorithms: Those to compare, the one that decides first.
        part: Which files to compare.
        sample: How many files to hash, chosen at random; None for all.
        engine: Where to hash.
        on_listed: Told every path that the inventory lists, ``root:path`` in a named root.
    """

    bound: BoundInventory
    digests: tuple[str, ...]
    algorithms: tuple[Algorithm, ...]
    part: Part
    sample: int | None
    engine: Engine
    on_listed: Callable[[str], None] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class InventoryResult:
    """What came of it.

    Attributes:
        comparison: Files and problems, as of a root.
        sample: The sample that was hashed; None when every file was.
        omitted: How many further files differ, or could not be read, that are not named.
    """

    comparison: Comparison
    sample: InventorySample | None = None
    omitted: int = 0


def check_inventory(check: InventoryCheck, inventory: Tree, owned: Tree) -> InventoryResult | None:
    """Hold an inventory against its binding, and the directory that it owns against it.

    Args:
        check: What to check.
        inventory: The walked root that the inventory lies in.
        owned: The walked root that the directory lies in.

    Returns:
        What was found; None when the inventory is not there as it was bound, so that the files of
        its directory are unknown.

    Raises:
        NotTrustedError: The bytes are those that were bound, and are no inventory, or not of the
            count, sizes or Merkle root that were bound.
        UndecidedError: The inventory cannot be read, or changed while it was.
    """
    spec = check.bound.spec
    file = inventory.find(spec.path)
    if file is None:
        return None
    what, binding = printable(spec.full_path), check.bound.binding
    with OpenedInventory(Root.of(inventory), file, what) as opened:
        if opened.sha256() != binding.sha256:
            return None
        chosen = None
        if check.sample is not None:
            chosen = frozenset(choose(binding.file_count, check.sample))
        refuse_unsound(opened, binding, digests=check.digests, error=NotTrustedError)
        result = _Comparing(check, owned, chosen).run(opened)
        opened.refuse_change()
    return result


class _Comparing:
    """The second reading, with the directory beside it; one use."""

    def __init__(self, check: InventoryCheck, tree: Tree, chosen: frozenset[int] | None) -> None:
        self._check = check
        self._tree = tree
        self._chosen = chosen
        self._spec = check.bound.spec
        self._prefix = f"{self._spec.directory}/"
        self._engine = dataclasses.replace(check.engine, on_total=None)
        self._root = self._spec.directory_root
        self._part = within_root(check.part, self._root) if self._root else check.part
        self._added: list[FileStat] = []
        self._problems: list[FileProblem] = []
        self._undecided: list[Undecided] = []
        self._contradicted: tuple[str, ...] = ()
        self._early = self._expected = self._same = self._bytes = self._omitted = 0

    def run(self, opened: OpenedInventory) -> InventoryResult:
        """Compare everything."""
        check, spec, what = self._check, self._spec, opened.what
        count, total = check.bound.binding.file_count, check.bound.binding.total_size
        if check.engine.on_total is not None:
            size = count if self._chosen is None else len(self._chosen)
            check.engine.on_total(total * size // count, size)
        walk = OrderedWalk(Root.of(self._tree), spec.directory)
        if not self._exists(walk):
            gone = FileProblem(
                ProblemKind.MISSING,
                spec.full_directory,
                components=(check.bound.component,),
                detail=f"a directory of {plural(count, 'file')}",
            )
            self._problems.append(gone)
            self._expected = count
            return self._result()
        reader = InventoryReader(opened.from_start(), what=what, merkle=False)
        with collector_paused():
            for stretch in in_step(reader, walk, self._prefix):
                self._stretch(stretch)
        if reader.binding().sha256 != check.bound.binding.sha256:
            raise UndecidedError(f"the inventory {what} changed while it was read")
        self._pair_renamed()
        return self._result()

    def _exists(self, walk: OrderedWalk) -> bool:
        try:
            return walk.exists()
        except OSError as error:
            shown = printable(self._spec.full_directory.removesuffix("/"))
            raise UndecidedError(f"{shown} cannot be read: {problem_of(error).detail}") from None

    def _stretch(self, stretch: Stretch) -> None:
        listed = {self._prefix + entry.path: entry for _, entry in stretch.listed}
        if self._check.on_listed is not None:
            for _, entry in stretch.listed:
                self._check.on_listed(self._spec.full_directory + entry.path)
        files: Iterable[FileStat] = stretch.files
        if self._chosen is not None:
            numbers = {self._prefix + entry.path: number for number, entry in stretch.listed}
            files = list(self._not_hashed(listed, numbers, stretch.files))
        lists = tuple(
            {path: _expected(path, entry, algorithm) for path, entry in listed.items()}
            for algorithm in self._check.algorithms
        )
        there = dataclasses.replace(
            self._tree, files=tuple(files), left_out=(), oddities=tuple(stretch.oddities)
        )
        found = survey(
            dataclasses.replace(there, not_covered=()),
            lists[0],
            signed_ignores=(),
            signature="",
            ignore=(),
            components=self._components,
        )
        if stretch.above is not None:
            above = (stretch.above, *there.oddities)
            found = dataclasses.replace(found, tree=dataclasses.replace(found.tree, oddities=above))
        compared = compare_root(
            lists,
            found,
            part=self._part,
            components=self._components,
            engine=self._engine,
            root=self._root,
        )
        self._add(compared, there.files)

    def _components(self, _: str) -> tuple[str, ...]:
        return (self._check.bound.component,)

    def _not_hashed(
        self,
        listed: dict[str, InventoryEntry],
        numbers: Mapping[str, int],
        files: Iterable[FileStat],
    ) -> Iterator[FileStat]:
        """Leave out, of both sides, what is there by name and size and not in the sample."""
        chosen = self._chosen or frozenset()
        for file in files:
            entry = listed.get(file.path)
            if entry is None or entry.size != file.size or numbers[file.path] in chosen:
                yield file
            else:
                del listed[file.path]

    def _add(self, result: Comparison, files: Sequence[FileStat]) -> None:
        self._early += result.early
        self._expected += result.expected
        self._same += result.same
        self._bytes += result.size
        self._contradicted = self._contradicted or result.contradicted
        room = MAX_NAMED - len(self._problems)
        self._problems += result.problems[:room]
        added = {p.path for p in result.problems[:room] if p.kind is ProblemKind.ADDED}
        prefix = f"{self._root}:" if self._root else ""
        self._added += [f for f in files if prefix + f.path in added]
        self._omitted += max(len(result.problems) - room, 0)
        room = MAX_NAMED - len(self._undecided)
        self._undecided += result.undecided[:room]
        self._omitted += max(len(result.undecided) - room, 0)

    def _pair_renamed(self) -> None:
        """Find files that were renamed from one stretch into another, by size and digest."""
        missing: dict[tuple[str, int | None], FileProblem] = {}
        for one in self._problems:
            if one.kind is ProblemKind.MISSING:
                missing.setdefault((one.expected_digest, one.expected_size), one)
        sizes = {size for _, size in missing}
        added = [f for f in self._added if f.size in sizes]
        if not added:
            return
        tree = dataclasses.replace(self._tree, files=tuple(added))
        first = self._check.algorithms[0]
        hashed = hash_files(tree, algorithms=(first,), executor=self._engine.executor)
        renamed: dict[str, FileProblem] = {}
        gone: set[str] = set()
        for found in hashed:
            digest = found.digest(first) if found.problem is None else ""
            if (was := missing.pop((digest, found.size), None)) is not None:
                path = f"{self._root}:{found.path}" if self._root else found.path
                renamed[path] = dataclasses.replace(
                    was,
                    kind=ProblemKind.RENAMED,
                    found_size=found.size,
                    found_digest=digest,
                    renamed_to=path,
                )
                gone.add(was.path)
        self._problems = [
            renamed.get(p.path, p) if p.kind is ProblemKind.ADDED else p
            for p in self._problems
            if p.kind is not ProblemKind.MISSING or p.path not in gone
        ]

    def _result(self) -> InventoryResult:
        count, sample = self._check.bound.binding.file_count, None
        if self._chosen is not None:
            size = len(self._chosen)
            sample = InventorySample(
                self._spec.full_path, self._spec.full_directory, count, size, misses(count, size)
            )
        comparison = Comparison(
            early=self._early,
            expected=self._expected,
            same=self._same,
            size=self._bytes,
            problems=tuple(self._problems),
            undecided=tuple(self._undecided),
            contradicted=self._contradicted,
        )
        return InventoryResult(comparison, sample, self._omitted)


def _expected(path: str, entry: InventoryEntry, algorithm: Algorithm) -> Expected:
    digest = entry.blake3 if algorithm is Algorithm.BLAKE3 else entry.sha256
    return Expected(path, entry.size, (digest,), algorithm, sha256=entry.sha256)
