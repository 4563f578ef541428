"""The files of one root against what they must be: names and sizes first, then digests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from manifest.inventory import (
    Difference,
    Expected,
    Hashed,
    Item,
    Plan,
    Progress,
    conclude,
    hash_files,
    plan,
)
from manifest.inventory.recall import recall_files
from manifest.records import record
from manifest.verify.part import Part
from manifest.verify.report import FileProblem, ProblemKind, Undecided
from manifest.verify.survey import Survey

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from manifest.inventory.cache import DigestCache

__all__ = ["Comparison", "Engine", "compare_root"]

_QUESTIONS_OF_THE_WHOLE = frozenset(
    {ProblemKind.ADDED, ProblemKind.HIDDEN, ProblemKind.LINK, ProblemKind.SPECIAL}
)


@record(frozen=True, slots=True)
class Engine:
    """Where to hash, and whom to tell; ``on_total`` hears of bytes and files before hashing.

    What ``cache`` remembers is not read: only for a consumer who asked for that.
    """

    executor: Executor | None = None
    progress: Progress | None = None
    on_total: Callable[[int, int], None] | None = None
    cache: DigestCache | None = None


@record(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        early: How many files names and sizes alone showed to differ, before any was hashed.
        expected: How many files were to be there.
        same: How many are exactly what was signed.
        size: Their bytes.
        problems: Files that differ.
        undecided: Files about which there is no answer.
        contradicted: Files that one list knows as they are and another of the lists does not.
    """

    early: int
    expected: int
    same: int
    size: int
    problems: tuple[FileProblem, ...]
    undecided: tuple[Undecided, ...]
    contradicted: tuple[str, ...] = ()


def compare_root(
    lists: Sequence[Mapping[str, Expected]],
    found: Survey,
    *,
    part: Part,
    components: Callable[[str], tuple[str, ...]],
    engine: Engine,
    root: str = "",
) -> Comparison:
    """Compare one root.

    Args:
        lists: What every file must be, by path: the list that decides, and further ones that say
            the same by other digests, where they name a file.
        found: What is there.
        part: Which paths to compare.
        components: The components of a path, ``root:path`` in a named root.
        engine: Where to hash.
        root: The root's name; empty for the release directory.
    """
    expected, *others = lists
    planned = plan(expected.values(), found.tree, within=part)
    further = _further(others, found, planned)
    if engine.on_total is not None:
        sizes = {f.path: f.size for f in found.tree.files}
        paths = [p for each in (planned, *further) for p in each.to_hash]
        engine.on_total(sum(sizes[p] for p in paths), len(paths))
    # Digests of whole files are computed in one reading; byte ranges need one of their own.
    together = tuple(
        dict.fromkeys(next(iter(each.values())).algorithm for each in others if each)
        if planned.shard_size is None
        else ()
    )
    if planned.shard_size is None:
        hashed = recall_files(
            found.tree,
            planned.to_hash,
            cache=engine.cache,
            algorithms=(planned.algorithm, *together),
            executor=engine.executor,
            progress=engine.progress,
        )
    else:
        hashed = hash_files(
            found.tree,
            planned.to_hash,
            algorithms=(planned.algorithm,),
            shard_size=planned.shard_size,
            executor=engine.executor,
            progress=engine.progress,
        )
    difference = conclude(planned, hashed)
    contradicted, unread = _contradicted(others, planned, difference, hashed, further, engine)
    prefix = f"{root}:" if root else ""

    def belongs(path: str) -> tuple[str, ...]:
        return components(f"{prefix}{path}")

    problems = _problems(difference, found, belongs, is_part=part is not None)
    undecided = _undecided(difference, found, belongs, is_part=part is not None)
    return Comparison(
        early=len(planned.missing) + len(planned.size_mismatched),
        expected=sum(1 for p in expected if part is None or part(p)),
        same=difference.same,
        size=_same_size(planned, difference),
        problems=tuple(_prefixed(p, prefix) for p in problems),
        undecided=tuple(
            dataclasses.replace(u, path=prefix + u.path)
            for u in (
                *undecided,
                *(dataclasses.replace(u, components=belongs(u.path)) for u in unread),
            )
        ),
        contradicted=tuple(prefix + path for path in contradicted),
    )


def _further(others: Sequence[Mapping[str, Expected]], found: Survey, planned: Plan) -> list[Plan]:
    """What a second reading is to hash, where the first one hashes byte ranges."""
    if planned.shard_size is None:
        return []
    matched = {want.path for want in planned.matched}
    return [
        plan(
            [want for path, want in each.items() if path in matched],
            found.tree,
            within=lambda p, each=each: p in matched and p in each,  # type: ignore[misc]  # bound now
            quick=True,  # what differs in size was told before
        )
        for each in others
    ]


def _contradicted(
    others: Sequence[Mapping[str, Expected]],
    planned: Plan,
    difference: Difference,
    hashed: Iterable[Hashed],
    further: Sequence[Plan],
    engine: Engine,
) -> tuple[list[str], list[Undecided]]:
    """Files that are as the deciding list says and not as another says; and those not read again."""
    same = _same(planned, difference)
    if not further:
        return [
            one.path
            for one in hashed
            if one.path in same
            and any(
                (want := each.get(one.path)) and one.ranges(want.algorithm) != want.digests
                for each in others
            )
        ], []
    paths: list[str] = []
    unread: dict[str, Undecided] = {}
    for each in further:
        again = conclude(
            each,
            hash_files(
                each.tree,
                each.to_hash,
                algorithms=(each.algorithm,),
                executor=engine.executor,
                progress=engine.progress,
            ),
        )
        paths += (i.path for i in again.changed if i.path in same)
        unread |= {
            i.path: Undecided(i.path, i.note or "it could not be read again")
            for i in again.undecided
            if i.path in same
        }
    return paths, [*unread.values()]


def _same(planned: Plan, difference: Difference) -> set[str]:
    other = {i.path for i in (*difference.changed, *difference.not_fetched, *difference.undecided)}
    return {want.path for want in planned.matched} - other


def _prefixed(problem: FileProblem, prefix: str) -> FileProblem:
    if not prefix:
        return problem
    new = prefix + problem.renamed_to if problem.renamed_to else ""
    return dataclasses.replace(problem, path=prefix + problem.path, renamed_to=new)


def _same_size(planned: Plan, difference: Difference) -> int:
    same = _same(planned, difference)
    return sum(f.size for f in planned.tree.files if f.path in same)


def _problems(
    difference: Difference,
    found: Survey,
    components: Callable[[str], tuple[str, ...]],
    *,
    is_part: bool,
) -> list[FileProblem]:
    odd = {p.path for p in found.problems}

    def problem(kind: ProblemKind, item: Item) -> FileProblem:
        whole = len(item.expected_digests) <= 1 and len(item.found_digests) <= 1
        signed = item.was or item.path
        return FileProblem(
            kind,
            signed,
            expected_size=item.expected_size,
            found_size=item.found_size,
            expected_digest="".join(item.expected_digests) if whole else "",
            found_digest="".join(item.found_digests) if whole else "",
            algorithm=item.algorithm.value,
            renamed_to=item.path if item.was else "",
            components=components(signed),
            detail=item.note if whole else _ranges(item),
        )

    problems = [
        *(problem(ProblemKind.CHANGED, i) for i in difference.changed),
        # What lies in the place of a missing file, as a link, is named as that.
        *(problem(ProblemKind.MISSING, i) for i in difference.missing if i.path not in odd),
        *(problem(ProblemKind.RENAMED, i) for i in difference.renamed),
        *(problem(ProblemKind.ADDED, i) for i in difference.added),
        *found.problems,
    ]
    if not is_part:
        return problems
    in_place = {i.path for i in difference.missing}
    return [p for p in problems if p.kind not in _QUESTIONS_OF_THE_WHOLE or p.path in in_place]


def _undecided(
    difference: Difference,
    found: Survey,
    components: Callable[[str], tuple[str, ...]],
    *,
    is_part: bool,
) -> list[Undecided]:
    unread = [
        Undecided(i.path, i.note or "it could not be read", components(i.path))
        for i in difference.undecided
    ]
    pointers = [
        Undecided(
            i.path, "a large-file pointer lies in its place", components(i.path), not_fetched=True
        )
        for i in difference.not_fetched
    ]
    return [*unread, *pointers, *(() if is_part else found.undecided)]


def _ranges(item: Item) -> str:
    pairs = zip(item.expected_digests, item.found_digests, strict=False)
    bad = [str(i) for i, (a, b) in enumerate(pairs, 1) if a != b]
    return f"byte ranges that differ: {', '.join(bad[:10]) or 'their number'}"
