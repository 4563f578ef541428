"""Signing a release: one signature over its files and its manifest (spec/signature.md).

The order: the manifest is read and must be valid; its claims must be those that ``release.yaml``
and the listed files give; names, sizes and then every byte of the tree must be those of the
manifest; the statement is made from the digests that were measured here; the bundle is verified
in memory; only then is it written, whole or not at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from manifest.atomic import write_atomically
from manifest.build.bound import bound_reader
from manifest.build.checkpoints import derive_checkpoints
from manifest.build.run import Expect, find_manifest, hashed_files, read_description
from manifest.build.tree import (
    locate_roots,
    read_regular,
    read_tree,
    refuse_oddities,
)
from manifest.build.weights import TensorHashing, differing_tensors
from manifest.display import plural, printable
from manifest.document.assignment import contradictions
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.description import Description, parse_description
from manifest.document.inventories import look_inside, owned_directories, walk_beside
from manifest.document.manifest_file import (
    FILE_NAME,
    MAX_BYTES,
    Manifest,
    ManifestFile,
    dump_manifest,
    parse_manifest,
)
from manifest.errors import (
    BytesDifferError,
    DocumentError,
    TreeError,
)
from manifest.inventory import (
    Algorithm,
    Difference,
    FileEntry,
    Progress,
    Tree,
    conclude,
    plan,
    read_file,
)
from manifest.inventory.tensors import FileRanges
from manifest.sign.differences import BUILD_REMEDY, refuse_differences
from manifest.sign.inventories import measure_owned
from manifest.sign.places import (
    IGNORE_PATHS,
    SIGNATURES_DIRECTORY,
    check_bundle,
    look_at_existing,
    signature_target,
)
from manifest.signing.keys import KeyKind, PrivateKey
from manifest.signing.signer import Signer, signer_of
from manifest.signing.statement import build_statement

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["Prepared", "SignResult", "prepare", "sign"]


@dataclasses.dataclass(frozen=True, slots=True)
class SignResult:
    """A signature that was made and written.

    Attributes:
        path: Where it was written.
        data: Its bytes, a Sigstore bundle.
        manifest: The manifest that it signs.
        kind: The key's kind.
        fingerprint: The key's fingerprint, or its certificate's.
        file_count: How many files it lists, ``manifest.json`` among them.
        replaced: Whether an older signature lay there.
        notes: What the signer should know about this signature.
    """

    path: Path
    data: bytes
    manifest: Manifest
    kind: KeyKind
    fingerprint: str
    file_count: int
    replaced: bool
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """What a signature of a release is over.

    Attributes:
        manifest: The release's manifest.
        payload: The statement.
        file_count: How many files it lists, ``manifest.json`` among them.
    """

    manifest: Manifest
    payload: bytes
    file_count: int


def sign(
    directory: str | os.PathLike[str],
    key: PrivateKey | Signer,
    *,
    signature_path: str | os.PathLike[str] | None = None,
    manifest_path: str | os.PathLike[str] | None = None,
    roots: Mapping[str, str | os.PathLike[str]] | None = None,
    force: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
    expect: Expect | None = None,
) -> SignResult:
    """Sign a release.

    Args:
        directory: The release directory.
        key: The signer's key, or whoever else can sign.
        signature_path: Where to write instead of ``model.sig``: in ``signatures/``, or outside
            the release.
        manifest_path: Where the manifest lies, if not in the release.
        roots: Where named roots lie, by name; all that the manifest lists files of.
        force: Replace what has the signature's name, whoever made it.
        executor: Where files are hashed; see `hash_files`.
        progress: Told what was hashed.
        expect: Told before that how much there is.

    Raises:
        BytesDifferError: The tree is not what the manifest lists.
        DocumentError: The manifest is not valid, or does not say what ``release.yaml`` says.
        TreeError: No manifest, no description, or something that no manifest can list.
        UsageError: The places given cannot be, or another's signature would be replaced.
        UndecidedError: Something cannot be read or written, or changed meanwhile.
    """
    path = Path(directory)
    signer = signer_of(key)
    target = signature_target(path, None if signature_path is None else Path(signature_path))
    replaced = look_at_existing(target, signer, force=force)
    ready = prepare(
        path,
        manifest_path=manifest_path,
        roots=roots,
        executor=executor,
        progress=progress,
        expect=expect,
    )
    manifest, payload = ready.manifest, ready.payload
    bundle = signer.sign(payload)
    verified = check_bundle(bundle, payload, signer)
    if target.parent == path / SIGNATURES_DIRECTORY:
        with contextlib.suppress(FileExistsError):
            target.parent.mkdir()
    write_atomically(target, bundle)
    return SignResult(
        path=target,
        data=bundle,
        manifest=manifest,
        kind=verified.kind,
        fingerprint=verified.signer.fingerprint,
        file_count=ready.file_count,
        replaced=replaced,
        notes=tuple(_notes(signer, manifest, elsewhere=manifest_path is not None)),
    )


def prepare(
    directory: str | os.PathLike[str],
    *,
    manifest_path: str | os.PathLike[str] | None = None,
    roots: Mapping[str, str | os.PathLike[str]] | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    expect: Expect | None = None,
) -> Prepared:
    """Check a release and measure all of it, up to the statement that is to be signed.

    Arguments and errors are those of `sign`.
    """
    path = Path(directory)
    top = read_tree(path, enter=lambda _: False)
    data = _read_manifest(path, top, None if manifest_path is None else Path(manifest_path))
    manifest = parse_manifest(data)
    specs = [bound.spec for bound in manifest.inventories]
    tree = read_tree(path, enter=look_inside(specs))
    refuse_oddities(tree)
    description = _check_claims(tree, manifest, data)
    trees = _trees(path, tree, manifest, description, roots or {})
    _check_checkpoints(trees, manifest)
    files = _measure(trees, manifest, executor, progress, expect)
    for bound in manifest.inventories:
        measure_owned(bound, trees, digests=manifest.digests, executor=executor, progress=progress)
    resources = [(f.path, f.sha256) for f in files if not f.root]
    resources.append((FILE_NAME, hashlib.sha256(data).hexdigest()))
    ignored = (*IGNORE_PATHS, *sorted(owned_directories(specs), key=str.encode))
    payload = build_statement(_subject(path, manifest), resources, ignored)
    return Prepared(manifest, payload, len(resources))


def _read_manifest(directory: Path, tree: Tree, path: Path | None) -> bytes:
    target = find_manifest(directory, path)
    inside = tree.find(FILE_NAME) is not None
    if target == directory / FILE_NAME:
        if not inside:
            raise TreeError(
                f"{printable(str(directory))} has no {FILE_NAME}",
                remedy="`manifest build` writes it; look at it before you sign",
            )
        return read_file(tree, FILE_NAME, max_bytes=MAX_BYTES)
    data = read_regular(target, max_bytes=MAX_BYTES)
    if inside and read_file(tree, FILE_NAME, max_bytes=MAX_BYTES) != data:
        raise TreeError(
            f"{printable(str(directory))} holds another {FILE_NAME} than the one given",
            remedy="remove the one that is wrong: a release has one manifest",
        )
    return data


def _check_claims(tree: Tree, manifest: Manifest, data: bytes) -> Description:
    """The description, when the manifest says what it says and nothing else."""
    text = read_description(tree)
    listed = next((f for f in manifest.files if f.full_path == DESCRIPTION_NAME), None)
    if listed is None or listed.sha256 != hashlib.sha256(text).hexdigest():
        raise BytesDifferError(
            f"{DESCRIPTION_NAME} is not the one that {FILE_NAME} was built from; "
            "nothing was signed",
            remedy=BUILD_REMEDY,
        )
    description = parse_description(text)
    contradicted = contradictions(description, manifest)
    if contradicted or dump_manifest(manifest) != data:
        fields = ", ".join(contradicted)
        what = (
            f"says otherwise than {DESCRIPTION_NAME} in {printable(fields)}"
            if fields
            else "is not in the form in which `manifest build` writes it"
        )
        raise DocumentError(f"{FILE_NAME} {what}; nothing was signed", remedy=BUILD_REMEDY)
    return description


def _check_checkpoints(trees: Mapping[str, Tree], manifest: Manifest) -> None:
    derived = derive_checkpoints(manifest, bound_reader(manifest, trees))
    if derived != manifest.checkpoints:
        raise DocumentError(
            f"{FILE_NAME} lists other checkpoints than the release has; nothing was signed",
            remedy=BUILD_REMEDY,
        )


def _trees(
    directory: Path,
    tree: Tree,
    manifest: Manifest,
    description: Description,
    given: Mapping[str, str | os.PathLike[str]],
) -> dict[str, Tree]:
    specs = [bound.spec for bound in manifest.inventories]
    needed = {s.directory_root: "components" for s in specs if s.directory_root}
    needed |= {f.root: "files" for f in manifest.files if f.root}
    located = locate_roots(directory, description, given, needed)
    trees = {"": tree}
    for name, where in sorted(located.items()):
        owns = any(s.directory_root == name for s in specs)
        trees[name] = walk_beside(where, specs, name)
        refuse_oddities(trees[name], name=name, empty=owns)
    return trees


def _measure(
    trees: Mapping[str, Tree],
    manifest: Manifest,
    executor: Executor | None,
    progress: Progress | None,
    expect: Expect | None,
) -> list[ManifestFile]:
    """Every file with the digest measured here, when all are those of the manifest."""
    entries: dict[str, list[FileEntry]] = {name: [] for name in trees}
    for file in manifest.files:
        entries[file.root].append(FileEntry(file.path, file.size, file.sha256))
    plans = {name: plan(entries[name], tree, quick=True) for name, tree in trees.items()}
    refuse_differences(plans)
    if expect is not None:
        bindings = [bound.binding for bound in manifest.inventories]
        expect(
            sum(t.size for t in trees.values()) + sum(b.total_size for b in bindings),
            sum(len(p.to_hash) for p in plans.values()) + sum(b.file_count for b in bindings),
        )
    files: list[ManifestFile] = []
    differences: dict[str, Difference] = {}
    second = {f.full_path: f.blake3 for f in manifest.files if f.blake3}
    algorithms = (Algorithm.SHA256, *((Algorithm.BLAKE3,) if second else ()))
    others: list[str] = []
    requests = {
        name: [
            FileRanges(f.path, f.ranges)
            for one in manifest.weights
            for f in one.files
            if f.root == name
        ]
        for name in trees
    }
    with TensorHashing(requests, trees, whole=False, executor=executor) as beside:
        for name, each in plans.items():
            hashed = beside.hash_files(name, each.to_hash, algorithms=algorithms, progress=progress)
            differences[name] = conclude(each, hashed)
            prefix = f"{name}:" if name else ""
            for one in hashed:
                wanted = second.get(prefix + one.path)
                if wanted and one.problem is None and one.digest(Algorithm.BLAKE3) != wanted:
                    others.append(prefix + one.path)
            if not differences[name].differs:
                files.extend(hashed_files(hashed, root=name))
    refuse_differences(differences)
    for place in differing_tensors(manifest.weights, trees, beside.results):
        raise BytesDifferError(
            f"{FILE_NAME} lists tensors that are not those of the files: {place}; "
            "nothing was signed",
            remedy=BUILD_REMEDY,
        )
    if others:
        more = f", and {len(others) - 1} more" if len(others) > 1 else ""
        raise BytesDifferError(
            f"{FILE_NAME} does not hold the blake3 of {printable(others[0])}{more}; "
            "nothing was signed",
            remedy=BUILD_REMEDY,
        )
    return files


def _subject(directory: Path, manifest: Manifest) -> str:
    """The directory's name, as OMS has it; the release's where that is no name to write down."""
    name = Path(os.path.realpath(directory)).name
    try:
        name.encode()
    except UnicodeEncodeError:
        name = ""
    return name or manifest.name


def _notes(signer: Signer, manifest: Manifest, *, elsewhere: bool) -> Iterable[str]:
    yield from signer.notes()
    rooted = sum(1 for f in manifest.files if f.root)
    if rooted:
        yield (
            f"{plural(rooted, 'file')} in named roots are bound through {FILE_NAME}; other OMS "
            "verifiers check the release directory only"
        )
    for bound in manifest.inventories:
        yield (
            f"{plural(bound.binding.file_count, 'file')} in {printable(bound.spec.full_directory)} "
            f"are bound through {printable(bound.spec.full_path)}; other OMS verifiers check that "
            "inventory and not the files in it"
        )
    if elsewhere:
        yield (
            f"other OMS verifiers look for {FILE_NAME} in the release directory; put it there "
            "before you publish"
        )
