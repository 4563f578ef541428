"""What stands in a release directory that no signature lists (spec/verification.md, "Coverage").

A signature's list of ignored paths is the signer's wish. What a verifier leaves out is its own
list; a signed ignore that would hide anything else is refused by name, unless the consumer says
the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Container

from manifest.display import human_size, plural
from manifest.errors import UsageError
from manifest.inventory import NOT_COVERED, NotCovered, OddityKind, Tree
from manifest.records import record
from manifest.signing.names import SIGNATURE_NAME, SIGNATURES_DIRECTORY
from manifest.verify.report import FileProblem, ProblemKind, Undecided

__all__ = ["Survey", "below", "leave_out", "refusal_of", "refuse_ignored", "spoken_of", "survey"]


@record(frozen=True, slots=True)
class Survey:
    """A walked tree, sorted out.

    Attributes:
        tree: The tree with only those files that are to be compared.
        problems: Links, special files, names that cannot be signed, and files that a signed
            ignore would hide.
        undecided: Directories that cannot be read.
        not_covered: What exists and no signature covers, in words.
        ignored: What exists and the consumer asked to ignore.
        signatures: Paths of the files in ``signatures/``.
    """

    tree: Tree
    problems: tuple[FileProblem, ...]
    undecided: tuple[Undecided, ...]
    not_covered: tuple[str, ...]
    ignored: tuple[str, ...]
    signatures: tuple[str, ...]


def below(path: str, parents: Container[str]) -> str:
    """The outermost of ``parents`` that is ``path`` or a directory above it; empty for none.

    The time does not depend on how many parents a set of them holds: a signer may ignore
    thousands of paths, and a release hold millions of files.
    """
    position = path.find("/")
    while position >= 0:
        if path[:position] in parents:
            return path[:position]
        position = path.find("/", position + 1)
    return path if path in parents else ""


def spoken_of(names: Collection[str], paths: Collection[str]) -> set[str]:
    """Those of ``names`` that are one of ``paths``, or a directory above one."""
    if names:
        tops = tuple(name.partition("/")[0] for name in names)
        # Most paths begin with none of the names: one look tells.
        paths = [path for path in paths if path.startswith(tops)]
    return {name for name in names if any(below(path, [name]) for path in paths)}


def leave_out(
    expected: Collection[str], *, signature: str, ignore: Collection[str]
) -> frozenset[str]:
    """Which paths are not compared: the signatures', and those the consumer ignores.

    Args:
        expected: The signed paths.
        signature: The path of the signature in use inside the release; empty when it is outside.
        ignore: Paths that the consumer asked to ignore.

    Raises:
        UsageError: The consumer asked to ignore what is signed.
    """
    for path in sorted(spoken_of(ignore, expected)):
        signed = next(p for p in expected if below(p, [path]))
        raise UsageError(
            f"--ignore {path}: {signed} is signed, and is checked",
            remedy="--only checks a part of a release",
        )
    own = {SIGNATURE_NAME, SIGNATURES_DIRECTORY, signature} - {""}
    # A signer may have signed a file of such a name, having put the signature elsewhere.
    return frozenset((own - spoken_of(own, expected)) | set(ignore))


def refuse_ignored(ignore: Collection[str], owned: Collection[str]) -> None:
    """Refuse to ignore a directory that an inventory owns, or anything in or around one.

    Raises:
        UsageError: One of the paths is that.
    """
    for path in ignore:
        for directory in sorted(owned):
            if below(path, [directory]) or below(directory, [path]):
                raise UsageError(
                    f"--ignore {path}: the inventory of {directory}/ is signed, and is checked",
                    remedy="--component and --only check a part of a release",
                )


def survey(
    tree: Tree,
    expected: Collection[str],
    *,
    signed_ignores: Collection[str],
    signature: str,
    ignore: Collection[str],
    components: Callable[[str], tuple[str, ...]],
) -> Survey:
    """Sort out a tree that was walked with `leave_out`.

    Args:
        tree: The tree.
        expected: The signed paths.
        signed_ignores: What the signer ignored.
        signature: The path of the signature in use inside the release; empty when it is outside.
        ignore: What the consumer ignores.
        components: The components of a path.
    """
    allowed = {*NOT_COVERED, SIGNATURE_NAME, SIGNATURES_DIRECTORY, signature, *ignore}
    hiding = frozenset(p for p in signed_ignores if not below(p, allowed))
    problems: list[FileProblem] = []
    undecided: list[Undecided] = []
    kept = []
    for file in tree.files:
        if hiding and file.path not in expected and (by := below(file.path, hiding)):
            problems.append(
                FileProblem(
                    ProblemKind.HIDDEN,
                    file.path,
                    found_size=file.size,
                    detail=f"the signer ignores {by}; you do not: --ignore {by} would",
                )
            )
        else:
            kept.append(file)
    problems += (
        FileProblem(
            ProblemKind.ADDED,
            file.path,
            found_size=file.size,
            detail=f"{SIGNATURE_NAME} is a directory, and no signature lies there",
        )
        for file in tree.left_out
        if file.path.startswith(f"{SIGNATURE_NAME}/") and not below(file.path, ignore)
    )
    for oddity in tree.oddities:
        if below(oddity.path, ignore):
            continue
        if oddity.kind in (OddityKind.UNREADABLE, OddityKind.TOO_DEEP):
            undecided.append(Undecided(oddity.path, oddity.detail or "it lies too deep"))
            continue
        kind = {OddityKind.LINK: ProblemKind.LINK, OddityKind.SPECIAL: ProblemKind.SPECIAL}.get(
            oddity.kind, ProblemKind.ADDED
        )
        detail = {
            OddityKind.LINK: f"to {oddity.detail}; links are not followed",
            OddityKind.NOT_UTF8: "its name is not UTF-8",
            OddityKind.BAD_NAME: f"its name {oddity.detail}",
        }.get(oddity.kind, oddity.detail)
        problems.append(
            FileProblem(kind, oddity.path, components=components(oddity.path), detail=detail)
        )
    signatures = [f.path for f in tree.left_out if below(f.path, [SIGNATURES_DIRECTORY])]
    there = (*(f.path for f in tree.left_out), *(o.path for o in tree.oddities))
    ignored = sorted({below(path, ignore) for path in there} - {""})
    not_covered = [_in_words(item) for item in tree.not_covered]
    not_covered += [
        f"{f.path} (a signature that was not used)"
        for f in tree.left_out
        if f.path == SIGNATURE_NAME != signature and not below(f.path, ignore)
    ]
    return Survey(
        tree=dataclasses.replace(tree, files=tuple(kept)),
        problems=tuple(problems),
        undecided=tuple(undecided),
        not_covered=tuple(not_covered),
        ignored=tuple(ignored),
        signatures=tuple(signatures),
    )


def _in_words(item: NotCovered) -> str:
    if item.kind != "directory":
        return f"{item.path} ({item.kind if item.kind != 'file' else human_size(item.size)})"
    count = plural(item.files, "file") if item.complete else f"more than {item.files:,} files"
    return f"{item.path}/ ({count}, {human_size(item.size)})"


def refusal_of(words: str) -> FileProblem:
    """What is not covered, in words of `survey`, as a problem: ``--strict`` asks for it."""
    path, _, detail = words.rpartition(" (")
    return FileProblem(ProblemKind.NOT_COVERED, path, detail=detail.removesuffix(")"))
