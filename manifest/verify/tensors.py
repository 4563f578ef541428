"""Which tensors are damaged, and the check of single tensors (spec/tensors.md, "Verifying")."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from manifest.display import printable
from manifest.document.manifest_file import Manifest
from manifest.document.manifest_weights import ManifestTensor, WeightsFile
from manifest.errors import DocumentError, NotTrustedError, UsageError
from manifest.inventory import Expected, Item, Tree, plan
from manifest.inventory.tensors import FileRanges, hash_ranges
from manifest.inventory.walk import walk_place
from manifest.readers.tensors import LaidTensor, read_tensor_layout
from manifest.sources.directory import DirectorySource
from manifest.verify.part import Part
from manifest.verify.report import FileProblem, ProblemKind, TensorDamage, Undecided, VerifyReport

__all__ = ["TensorCheck", "TensorFile", "check_tensors", "name_damage", "select_tensors"]


def name_damage(
    problems: Sequence[FileProblem], files: Iterable[WeightsFile], tree: Tree, *, root: str = ""
) -> tuple[FileProblem, ...]:
    """The problems, those of weights with the tensors that are damaged.

    Args:
        problems: What differs, with paths as the report has them.
        files: The manifest's weights.
        tree: The root that was compared.
        root: The root's name; empty for the release directory.
    """
    known = {f.full_path: f for f in files if f.root == root}
    return tuple(
        dataclasses.replace(p, damage=_damage(known[p.path], tree))
        if p.kind is ProblemKind.CHANGED and p.path in known
        else p
        for p in problems
    )


def _damage(file: WeightsFile, tree: Tree) -> TensorDamage | None:
    """What of a file differs; None when it cannot be told."""
    found = tree.find(file.path)
    if found is None:
        return None
    # What lies beyond the end of a file that was cut off is damaged without being read.
    inside = [r for r in file.ranges if r[1] <= found.size]
    (hashed,) = hash_ranges(tree, [FileRanges(file.path, tuple(inside))])
    if hashed.problem is not None:
        return None
    digests = iter(hashed.digests)
    differ = [
        r[1] > found.size or next(digests) != wanted
        for r, wanted in zip(file.ranges, file.digests, strict=True)
    ]
    names = tuple(t.name for t, bad in zip(file.tensors, differ[1:], strict=True) if bad)
    return TensorDamage(differ[0], names, len(file.tensors))


@dataclasses.dataclass(frozen=True, slots=True)
class TensorFile:
    """A file of weights, and those of its tensors that are to be checked."""

    file: WeightsFile
    format: str
    expected: Expected
    tensors: tuple[ManifestTensor, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class TensorCheck:
    """What a check of single tensors found.

    Attributes:
        same: How many tensors are exactly what the manifest says.
        size: Their bytes.
        problems: Files that differ, with what of them does.
        undecided: Files about which there is no answer.
        not_checked: Roots that were not given, in words.
    """

    same: int = 0
    size: int = 0
    problems: tuple[FileProblem, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    not_checked: tuple[str, ...] = ()


def select_tensors(
    names: Collection[str], manifest: Manifest | None, part: Part
) -> tuple[TensorFile, ...]:
    """The tensors with these names, wherever in the part they lie.

    Raises:
        UsageError: There are no digests of tensors, or no tensor has one of the names.
    """
    if manifest is None or not manifest.weights:
        raise UsageError(
            "--tensor: no manifest that agrees with the signature holds digests of tensors",
            remedy="check the file as a whole with --only PATH",
        )
    files = {f.full_path: f for f in manifest.files}
    wanted = frozenset(names)
    found: list[TensorFile] = []
    missing = set(wanted)
    for one in manifest.weights:
        for file in one.files:
            tensors = tuple(t for t in file.tensors if t.name in wanted)
            if tensors and (part is None or part(file.full_path)):
                entry = files[file.full_path]
                expected = Expected(file.path, entry.size, (entry.sha256,), sha256=entry.sha256)
                found.append(TensorFile(file, one.format, expected, tensors))
                missing -= {t.name for t in tensors}
    if missing:
        raise UsageError(
            f"--tensor {printable(min(missing))}: no tensor of the manifest has this name"
            + (" in the part that is checked" if part is not None else ""),
            remedy="`manifest.json` lists them under `weights`",
        )
    return tuple(found)


def check_tensors(
    wanted: Sequence[TensorFile],
    tree: Tree,
    roots: Mapping[str, str],
    *,
    components: Callable[[str], tuple[str, ...]],
) -> TensorCheck:
    """Check tensors by reading their bytes and the headers before them, once.

    Args:
        wanted: The tensors.
        tree: The release directory.
        roots: Where named roots lie, by name.
        components: The components of a file by its full path.

    Raises:
        NotTrustedError: A header that is the one signed says otherwise than the manifest.
        UsageError, UndecidedError: A named root cannot be walked.
    """
    found: list[TensorCheck] = []
    not_checked: list[str] = []
    for root in sorted({w.file.root for w in wanted}):
        if root and root not in roots:
            not_checked.append(f"root {root}: give it with --root-dir {root}=DIR")
        else:
            there = walk_place(roots[root]) if root else tree
            found.append(_check_root(wanted, there, root, components))
    return TensorCheck(
        sum(f.same for f in found),
        sum(f.size for f in found),
        tuple(p for f in found for p in f.problems),
        tuple(u for f in found for u in f.undecided),
        tuple(not_checked),
    )


def _check_root(
    wanted: Sequence[TensorFile],
    tree: Tree,
    root: str,
    components: Callable[[str], tuple[str, ...]],
) -> TensorCheck:
    here = {w.file.path: w for w in wanted if w.file.root == root}
    planned = plan([w.expected for w in here.values()], tree, within=here.__contains__, quick=True)

    def problem(kind: ProblemKind, item: Item) -> FileProblem:
        path = here[item.path].file.full_path
        return FileProblem(
            kind,
            path,
            expected_size=item.expected_size,
            found_size=item.found_size,
            components=components(path),
            detail=item.note,
        )

    def undecided(path: str, reason: str, *, not_fetched: bool = False) -> Undecided:
        full = here[path].file.full_path
        return Undecided(full, reason, components(full), not_fetched=not_fetched)

    problems = [problem(ProblemKind.MISSING, i) for i in planned.missing]
    changed = [problem(ProblemKind.CHANGED, i) for i in planned.size_mismatched]
    problems += name_damage(changed, [w.file for w in here.values()], tree, root=root)
    unread = [undecided(i.path, i.note or "it could not be read") for i in planned.undecided]
    unread += [
        undecided(i.path, "a large-file pointer lies in its place", not_fetched=True)
        for i in planned.not_fetched
    ]
    same = size = 0
    source = DirectorySource.of(tree)
    for path in planned.to_hash:
        one = here[path]
        ranges = ((0, one.file.data_start), *((t.start, t.end) for t in one.tensors))
        (hashed,) = hash_ranges(tree, [FileRanges(path, ranges)])
        if hashed.problem is not None:
            unread.append(undecided(path, hashed.problem.detail))
            continue
        header, *digests = hashed.digests
        is_header_bad = header != one.file.header_blake3
        bad = tuple(t.name for t, d in zip(one.tensors, digests, strict=True) if t.blake3 != d)
        if is_header_bad or bad:
            problems.append(
                FileProblem(
                    ProblemKind.CHANGED,
                    one.file.full_path,
                    algorithm="blake3",
                    components=components(one.file.full_path),
                    damage=TensorDamage(is_header_bad, bad, len(one.tensors)),
                )
            )
        if not is_header_bad:
            _check_header(one, source)
            same += len(one.tensors) - len(bad)
            size += sum(t.end - t.start for t in one.tensors if t.name not in bad)
    return TensorCheck(same, size, tuple(problems), tuple(unread))


def refuse_other_headers(
    manifest: Manifest, report: VerifyReport, trees: Mapping[str, Tree]
) -> None:
    """Hold what a manifest lists of weights against the headers of files that are as signed.

    Digests of tensors are not compared: that would be to hash every file a second time.

    Args:
        manifest: The manifest.
        report: Which files differ, and about which there is no answer.
        trees: The roots that were compared, walked.

    Raises:
        NotTrustedError: A header lists other tensors, or is not sound.
        UndecidedError: It cannot be read.
    """
    told = {p.path for p in report.problems} | {u.path for u in report.undecided}
    sources = {name: DirectorySource.of(tree) for name, tree in trees.items()}
    for one in manifest.weights:
        for file in one.files:
            tree = trees.get(file.root)
            if tree is None or file.full_path in told or tree.find(file.path) is None:
                continue
            refuse_other_header(file, one.format, sources[file.root])


def refuse_other_header(file: WeightsFile, format_name: str, source: DirectorySource) -> None:
    """As `refuse_other_headers`, of one file."""
    listed = TensorFile(file, format_name, Expected(file.path, None, ()), file.tensors)
    _check_header(listed, source)


def _check_header(one: TensorFile, source: DirectorySource) -> None:
    shown = printable(one.file.full_path)
    try:
        layout = read_tensor_layout(source, one.file.path)
    except DocumentError as error:
        raise NotTrustedError(
            f"{shown} has the header that was signed, and it is not sound: {error.message}",
            remedy="ask the publisher to build and sign again",
        ) from None
    listed = tuple(LaidTensor(*t[:5]) for t in one.file.tensors)
    if layout != (one.format, one.file.data_start, listed):
        raise NotTrustedError(
            f"the manifest lists other tensors of {shown} than its header, which was signed too",
            remedy="ask the publisher to build and sign again",
        )
