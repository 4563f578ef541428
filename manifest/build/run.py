"""A description and a directory become a manifest (spec/manifest.md, "Building")."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from manifest.atomic import write_atomically
from manifest.build.assembly import assemble
from manifest.build.bound import bound_reader
from manifest.build.checkpoints import derive_checkpoints
from manifest.build.inventories import BuiltInventory, OwnedListing, write_inventory
from manifest.build.tree import locate_roots, read_regular, read_tree, refuse_oddities
from manifest.build.weights import TensorHashing, plan_tensors, weights_sets
from manifest.display import printable
from manifest.document.assignment import assign, used_roots
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.description import Description, parse_description
from manifest.document.manifest_file import (
    FILE_NAME,
    MAX_BYTES,
    Manifest,
    ManifestFile,
    dump_manifest,
    parse_manifest,
)
from manifest.document.yaml_text import MAX_BYTES as MAX_DESCRIPTION_BYTES
from manifest.errors import DocumentError, TreeError, UndecidedError, UsageError
from manifest.inventory import (
    Algorithm,
    Hashed,
    NotCovered,
    Progress,
    Tree,
    read_file,
)
from manifest.inventory.collector import collector_paused

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from manifest.inventory.cache import DigestCache

__all__ = [
    "BuildResult",
    "Expect",
    "build",
    "find_manifest",
    "hashed_files",
    "read_description",
    "read_existing",
    "write_manifest",
]

Expect: TypeAlias = Callable[[int, int], None]
"""``expect(n_bytes, n_files)``: told once, before any file is hashed, how much there is to do."""

_MAX_SHOWN = 20


@dataclasses.dataclass(frozen=True, slots=True)
class BuildResult:
    """A manifest that was built and not yet written.

    Attributes:
        manifest: The manifest.
        data: Its bytes.
        unassigned: Files that belong to no component, as ``path`` or ``root:path``;
            ``release.yaml`` is not among them.
        not_covered: What is in the directory and in no manifest, as ``.git``.
        without_tensors: Weights whose tensors have no digests, each with the reason, in words.
        inventories: The inventories of components, which are written with the manifest.
    """

    manifest: Manifest
    data: bytes
    unassigned: tuple[str, ...]
    not_covered: tuple[NotCovered, ...]
    without_tensors: tuple[str, ...] = ()
    inventories: tuple[BuiltInventory, ...] = ()


def build(
    directory: str | os.PathLike[str],
    *,
    description: Description | None = None,
    roots: Mapping[str, str | os.PathLike[str]] | None = None,
    executor: Executor | None = None,
    cache: DigestCache | None = None,
    progress: Progress | None = None,
    expect: Expect | None = None,
) -> BuildResult:
    """Resolve a release's description to the digests of its files. Writes nothing.

    The result depends on the description and on names and bytes of files alone: not on times,
    owners, the order of directories, the locale or the machine.

    Args:
        directory: The release directory.
        description: What to resolve; ``release.yaml`` in the directory when None.
        roots: Where named roots lie, by name.
        executor: Where files are hashed; see `hash_files`.
        cache: What is remembered there is not read again; not with other machines (spec/cache.md).
        progress: Told what was hashed; see `Progress`.
        expect: Told before that how much there is.

    Raises:
        TreeError: No description, no files, or files that no manifest can list.
        DocumentError: The description is not valid, or does not fit the files.
        UsageError: The directory is not one, or the roots given are not those needed.
        UndecidedError: A file cannot be read, or something changed while files were read.
    """
    with collector_paused():
        return _build(Path(directory), description, roots or {}, executor, cache, progress, expect)


def _build(
    path: Path,
    description: Description | None,
    roots: Mapping[str, str | os.PathLike[str]],
    executor: Executor | None,
    cache: DigestCache | None,
    progress: Progress | None,
    expect: Expect | None,
) -> BuildResult:
    if description is None and path.is_dir() and not os.path.lexists(path / DESCRIPTION_NAME):
        raise _no_description(path)  # before a walk through the wrong directory, perhaps a home
    digest = ""
    if description is None:
        text = read_description(read_tree(path, enter=lambda _: False))
        description, digest = parse_description(text), hashlib.sha256(text).hexdigest()
    located = {"": path, **locate_roots(path, description, roots, used_roots(description))}
    listing = OwnedListing(description, located)
    trees = {name: listing.walk(name) for name in sorted(located)}
    for name, each in trees.items():
        refuse_oddities(each, name=name, empty=listing.owns_in(name))
    # Asked before anything is hashed: a pattern that matches nothing should not cost an hour.
    components = assign(
        description,
        {n: [*(f.path for f in each.files), *listing.paths(n)] for n, each in trees.items()},
    )
    tensors = plan_tensors(description, components, trees)
    n_files, n_bytes = listing.count(trees)
    if expect is not None:
        n_files += sum(len(t.files) for t in trees.values())
        expect(n_bytes + sum(t.size for t in trees.values()), n_files)
    algorithms = tuple(map(Algorithm, description.digests))
    requests = {name: tensors.requests(name) for name in trees}
    whole = Algorithm.BLAKE3 in algorithms
    with TensorHashing(requests, trees, whole=whole, executor=executor, cache=cache) as beside:
        files = [
            file
            for name, each in trees.items()
            for part, wanted in _parts(each, beside.apart(name), algorithms)
            for file in hashed_files(
                beside.hash_files(name, part, algorithms=wanted, progress=progress), root=name
            )
        ]
    weights = weights_sets(tensors, beside.results)
    for index, file in enumerate(files):
        if (also := beside.results.get((file.root, file.path))) is not None:
            files[index] = file._replace(blake3=also.whole)
    if digest and digest not in (f.sha256 for f in files if _is_description(f)):
        raise UndecidedError(
            f"{DESCRIPTION_NAME} changed while the manifest was built", remedy=_AGAIN
        )
    inventories = listing.hash(
        trees, hashed_files, executor=executor, cache=cache, progress=progress
    )
    with contextlib.ExitStack() as walks:
        again = [walks.enter_context(listing.walk_again(*root)) for root in trees.items()]
        manifest = assemble(
            description,
            [*files, *(built.entry for built in inventories)],
            digests=description.digests,
            components=components,
            bindings={built.component: built.binding for built in inventories},
        )
        manifest = dataclasses.replace(manifest, weights=weights)
        checkpoints = derive_checkpoints(manifest, bound_reader(manifest, trees))
        manifest = dataclasses.replace(manifest, checkpoints=checkpoints)
        data = dump_manifest(manifest)
        for each, second in zip(trees.values(), again, strict=True):
            _refuse_changes(each, second.result())
    return BuildResult(
        manifest=manifest,
        data=data,
        unassigned=tuple(
            f.full_path for f in manifest.files if not f.components and not _is_description(f)
        ),
        not_covered=tuple(item for each in trees.values() for item in each.not_covered),
        without_tensors=tensors.skipped,
        inventories=inventories,
    )


def _parts(
    tree: Tree, weights: frozenset[str], algorithms: tuple[Algorithm, ...]
) -> Iterator[tuple[list[str] | None, tuple[Algorithm, ...]]]:
    """Which files to hash with which digests: BLAKE3 of weights is taken with their tensors."""
    if not weights:
        yield None, algorithms
        return
    yield sorted(weights), (Algorithm.SHA256,)
    yield [f.path for f in tree.files if f.path not in weights], algorithms


_AGAIN = "run the command again when nothing else writes to the directory"


def read_description(tree: Tree) -> bytes:
    """The bytes of the description in a walked release directory.

    Raises:
        TreeError: There is none.
        UndecidedError: It cannot be read.
    """
    if tree.find(DESCRIPTION_NAME) is None:
        odd = next((o for o in tree.oddities if o.path == DESCRIPTION_NAME), None)
        if odd is not None:
            raise TreeError(
                f"in {printable(tree.root)}, {odd.describe()}",
                remedy=f"{DESCRIPTION_NAME} must be a regular file",
            )
        raise _no_description(tree.root)
    return read_file(tree, DESCRIPTION_NAME, max_bytes=MAX_DESCRIPTION_BYTES)


def _no_description(directory: str | os.PathLike[str]) -> TreeError:
    return TreeError(
        f"{printable(os.fspath(directory))} has no {DESCRIPTION_NAME}",
        remedy="`manifest init` drafts one from the files that are there",
    )


def _is_description(file: ManifestFile) -> bool:
    return file.path == DESCRIPTION_NAME and not file.root


def hashed_files(hashed: tuple[Hashed, ...], *, root: str = "") -> list[ManifestFile]:
    """The entries of a manifest that hashed files become, without components.

    Raises:
        UndecidedError: Some could not be read, or changed meanwhile; each is named.
    """
    failed = [(h.path, h.problem) for h in hashed if h.problem is not None]
    if failed:
        prefix = f"{root}:" if root else ""
        lines = [
            f"  {prefix}{printable(path)}: {printable(problem.detail)}"
            for path, problem in failed[:_MAX_SHOWN]
        ]
        if len(failed) > _MAX_SHOWN:
            lines.append(f"  and {len(failed) - _MAX_SHOWN:,} more")
        raise UndecidedError(
            "\n".join(["these files could not be read as they were found", *lines]),
            remedy=failed[0][1].remedy,
        )
    if not hashed:
        return []
    # One loop over tuples: there may be millions, and all were hashed alike.
    algorithms = hashed[0].algorithms
    sha256 = algorithms.index(Algorithm.SHA256)
    blake3 = algorithms.index(Algorithm.BLAKE3) if Algorithm.BLAKE3 in algorithms else None
    make = tuple.__new__
    return [
        make(
            ManifestFile,
            (
                path,
                size,
                digests[sha256][0],
                "" if blake3 is None else digests[blake3][0],
                root,
                "measured",
                (),
            ),
        )
        for path, size, _, digests, _ in hashed
    ]


def _refuse_changes(before: Tree, after: Tree) -> None:
    """Compare two walks: a file that came, went or changed meanwhile is in no manifest as it is."""
    if before.files == after.files and before.oddities == after.oddities:
        return
    old, new = {f.path: f for f in before.files}, {f.path: f for f in after.files}
    changed = sorted(p for p in old.keys() | new.keys() if old.get(p) != new.get(p))
    changed += [o.path for o in after.oddities if o not in before.oddities]
    shown = ", ".join(map(printable, changed[:5])) + (", …" if len(changed) > 5 else "")
    raise UndecidedError(
        f"{printable(before.root)} changed while its files were read: {shown}", remedy=_AGAIN
    )


def find_manifest(directory: Path, path: Path | None) -> Path:
    """Where the manifest of a release lies: ``path`` when given, else in the release directory.

    Raises:
        UsageError: It would lie in the release directory under another name, where it would be
            one of the files that it lists.
    """
    if path is None:
        return directory / FILE_NAME
    inside = Path(os.path.realpath(directory))
    # The last component is not resolved: what counts is where the name stands.
    parent = Path(os.path.realpath(path.parent))
    if parent / path.name == inside / FILE_NAME:
        return directory / FILE_NAME
    if parent == inside or inside in parent.parents:
        raise UsageError(
            f"{printable(str(path))} lies in the release directory, among the files it would list",
            remedy=f"name a place outside of it, or none: then it is {FILE_NAME} there",
        )
    return path


def read_existing(path: Path) -> tuple[Manifest, bytes] | None:
    """The manifest at ``path`` and its bytes; None when nothing is there.

    Raises:
        TreeError: Something else stands there, which must not be overwritten.
        UndecidedError: It cannot be read.
    """
    if not os.path.lexists(path):
        return None
    data = read_regular(path, max_bytes=MAX_BYTES)
    try:
        return parse_manifest(data), data
    except (DocumentError, UndecidedError) as error:
        raise TreeError(
            f"{printable(str(path))} is not a manifest that this program wrote, and is left as "
            f"it is ({error.message.splitlines()[0]})",
            remedy=f"{FILE_NAME} is the manifest's name: rename or remove what has it now",
        ) from None


def write_manifest(
    directory: str | os.PathLike[str],
    result: BuildResult,
    *,
    path: str | os.PathLike[str] | None = None,
) -> Path:
    """Write a built manifest, atomically, and before it the inventories that it binds.

    Args:
        directory: The release directory.
        result: What `build` returned.
        path: Where to write it instead of the release directory.

    Returns:
        Where it was written.

    Raises:
        TreeError: Something that is not a manifest has the name, and is not overwritten: a web
            application, too, calls a file ``manifest.json``.
        UsageError: The path is in the release directory under another name.
        UndecidedError: It cannot be written; nothing was.
    """
    target = find_manifest(Path(directory), None if path is None else Path(path))
    existing = read_existing(target)
    for built in result.inventories:
        write_inventory(built)
    if existing is None or existing[1] != result.data:
        write_atomically(target, result.data)
    return target
