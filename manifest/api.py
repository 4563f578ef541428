"""The public face: what the commands do, as functions that return values and print nothing.

Import these names from `manifest`; this module is where they live. Paths may be text or path
objects. Whatever fails raises a `ManifestError`, whose message names place and cause, whose
``remedy`` says what to do, and whose ``exit_code`` is that of the command line. What a
verification or a lint finds is no failure of the function: it is in the report.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from manifest.build import BuildResult
    from manifest.compare import DiffReport
    from manifest.document.description import Description
    from manifest.document.manifest_file import Manifest
    from manifest.draft import Draft
    from manifest.lint import LintReport
    from manifest.sign import SignResult
    from manifest.verify.reader import VerifiedReader
    from manifest.verify.report import VerifyReport

__all__ = [
    "build_manifest",
    "diff_releases",
    "draft_description",
    "generate_key_pair",
    "lint_release",
    "load_description",
    "load_manifest",
    "open_verified",
    "sign_release",
    "verify_release",
]

StrPath: TypeAlias = str | os.PathLike[str]
Pem: TypeAlias = StrPath | bytes
"""A PEM file's path, or its content as bytes."""


def draft_description(directory: StrPath, *, described_by: str = "publisher") -> Draft:
    """Draft a ``release.yaml`` from the files of a release, as ``manifest init`` does.

    What was guessed carries a comment that says so; what was not found is there as a commented
    question. Where the directory holds a ``release.yaml``, what is new is added to its text,
    comments and answers kept. Nothing is written.

    Args:
        directory: The release directory.
        described_by: ``publisher`` or ``third-party``: whose words a new description holds.

    Raises:
        UsageError: There is no such directory, or nobody of that name describes releases.
        DocumentError: The ``release.yaml`` that is there is not valid.
        UndecidedError: Something cannot be read, or is of another major version.
    """
    from manifest.build.tree import read_regular
    from manifest.document.description import FILE_NAME
    from manifest.document.yaml_text import MAX_BYTES
    from manifest.draft import draft
    from manifest.errors import UsageError
    from manifest.sources.directory import DirectorySource

    if described_by not in ("publisher", "third-party"):
        raise UsageError(
            f"nobody is called {described_by!a}", remedy="say publisher or third-party"
        )
    source = DirectorySource(directory)
    existing = None
    if any(file.path == FILE_NAME for file in source.files):
        existing = read_regular(Path(directory) / FILE_NAME, max_bytes=MAX_BYTES)
    return draft(source, existing=existing, described_by=described_by)


def load_description(directory: StrPath) -> Description:
    """Read the ``release.yaml`` of a release (spec/description.md).

    Raises:
        UsageError: There is none.
        DocumentError: It is not valid; the message names every place.
        UndecidedError: It cannot be read, or is of another major version.
    """
    from manifest.build.tree import read_regular
    from manifest.document.description import FILE_NAME, parse_description
    from manifest.document.yaml_text import MAX_BYTES

    return parse_description(read_regular(Path(directory) / FILE_NAME, max_bytes=MAX_BYTES))


def load_manifest(directory: StrPath) -> Manifest:
    """Read the ``manifest.json`` of a release (spec/manifest.md). Nothing in it is verified.

    Raises:
        UsageError: There is none.
        DocumentError: It is not valid, or at odds with itself.
        UndecidedError: It cannot be read, or is of another major version.
    """
    from manifest.build.tree import read_regular
    from manifest.document.manifest_file import FILE_NAME, MAX_BYTES, parse_manifest

    return parse_manifest(read_regular(Path(directory) / FILE_NAME, max_bytes=MAX_BYTES))


def build_manifest(
    directory: StrPath, *, roots: Mapping[str, StrPath] | None = None, write: bool = True
) -> BuildResult:
    """Resolve a release's description to its files, and write ``manifest.json``.

    Args:
        directory: The release directory.
        roots: Where named roots lie, by name.
        write: False to build in memory alone.

    Returns:
        The manifest, its bytes, and which files belong to no component.

    Raises:
        TreeError: There is no description, or something that no manifest can list.
        DocumentError: The description is not valid, or does not fit the files.
        UsageError: The directory is not one, or the roots are not those needed.
        UndecidedError: Something cannot be read or written, or changed meanwhile.
    """
    from manifest.build import build
    from manifest.build import write_manifest as write_built

    result = build(directory, roots=roots)
    if write:
        write_built(directory, result)
    return result


def generate_key_pair(
    path: StrPath, *, passphrase: bytes | None, kind: str = "ecdsa-p256"
) -> tuple[Path, Path]:
    """Make a key pair: the private key at ``path``, the public one at ``path.pub``.

    Args:
        path: The private key's file; outside of any release.
        passphrase: Encrypts the private key; None stores it in the clear (mode 0600).
        kind: ``ecdsa-p256``, ``ecdsa-p384``, ``ecdsa-p521`` or ``ed25519``.

    Returns:
        Both paths.

    Raises:
        UsageError: No such kind, an empty passphrase, or a file that exists.
        UndecidedError: They cannot be written.
    """
    from manifest.errors import UsageError
    from manifest.sign import write_key_pair
    from manifest.signing.keys import KeyKind, generate

    kinds = [k.value for k in KeyKind]
    if kind not in kinds:
        raise UsageError(f"there is no kind of key {kind!a}", remedy=f"one of {', '.join(kinds)}")
    return write_key_pair(path, generate(KeyKind(kind)), passphrase)


def sign_release(
    directory: StrPath,
    key: Pem,
    *,
    passphrase: bytes | None = None,
    signature_path: StrPath | None = None,
    manifest_path: StrPath | None = None,
    roots: Mapping[str, StrPath] | None = None,
) -> SignResult:
    """Sign a release and its manifest, and write ``model.sig`` (spec/signature.md).

    Every file is hashed first; where one differs from the manifest, nothing is signed.

    Args:
        directory: The release directory, with its ``manifest.json``.
        key: The private key.
        passphrase: Decrypts the key, where it is encrypted.
        signature_path: Where to write instead, as ``signatures/NAME.sig`` for a second signer.
        manifest_path: Where the manifest lies, when not in the release directory.
        roots: Where named roots lie, by name.

    Raises:
        BytesDifferError: The files are not those of the manifest.
        DocumentError: The manifest does not say what ``release.yaml`` says.
        TreeError: No manifest, or something that no manifest can list.
        UsageError: The key cannot be used, or another's signature would be replaced.
        UndecidedError: Something cannot be read or written, or changed meanwhile.
    """
    from manifest.sign import sign
    from manifest.signing.keys import load_private

    pem, what = _pem(key, "the private key")
    return sign(
        directory,
        load_private(pem, passphrase=passphrase, what=what),
        signature_path=signature_path,
        manifest_path=manifest_path,
        roots=roots,
    )


def verify_release(
    directory: StrPath,
    *,
    keys: Sequence[Pem] = (),
    root_certificates: Sequence[Pem] = (),
    integrity_only: bool = False,
    strict: bool = False,
    only: Sequence[str] = (),
    components: Sequence[str] = (),
    tensors: Sequence[str] = (),
    manifest_path: StrPath | None = None,
    signature_path: StrPath | None = None,
    expect_name: str | None = None,
    expect_version: str | None = None,
    ignore: Sequence[str] = (),
    roots: Mapping[str, StrPath] | None = None,
) -> VerifyReport:
    """Verify a release as it lies in a directory (spec/verification.md).

    Look at ``ok`` of the report: it is True only when what was asked holds.

    Args:
        directory: A plain directory, a clone, a hub download, or a snapshot in a hub cache.
        keys: Public keys that are trusted; any of them may have signed.
        root_certificates: Certification authorities whose signers are trusted.
        integrity_only: Accept that nobody is vouched for; only without keys and certificates.
        strict: Refuse what is there and not covered, as ``.git``.
        only: Globs; check only these files.
        components: Check only these components, by id, kind or short name (``weights``).
        tensors: Check only the tensors with these names, reading no more than that needs.
        manifest_path: Where ``manifest.json`` lies, when not in the directory.
        signature_path: Where the signature lies, when it is not ``model.sig`` in the directory.
        expect_name: Refuse a release of another name.
        expect_version: Refuse a release of another version.
        ignore: Exact paths to leave out although they are not signed.
        roots: Where named roots lie, by name.

    Raises:
        UsageError: The arguments contradict each other, or name what does not exist.
    """
    from manifest.signing.certificates import load_roots
    from manifest.signing.keys import load_public
    from manifest.verify.run import verify

    public = [_pem(key, "the public key") for key in keys]
    authorities = [_pem(root, "the root certificate") for root in root_certificates]
    return verify(
        directory,
        keys=[load_public(pem, what=what) for pem, what in public],
        certificate_roots=[r for pem, what in authorities for r in load_roots(pem, what=what)],
        integrity_only=integrity_only,
        strict=strict,
        only=only,
        components=components,
        tensors=tensors,
        manifest_path=manifest_path,
        signature_path=signature_path,
        expect_name=expect_name,
        expect_version=expect_version,
        ignore=ignore,
        roots=roots,
    )


def open_verified(
    directory: StrPath,
    *,
    keys: Sequence[Pem] = (),
    root_certificates: Sequence[Pem] = (),
    integrity_only: bool = False,
    weights: str | None = None,
    manifest_path: StrPath | None = None,
    signature_path: StrPath | None = None,
    roots: Mapping[str, StrPath] | None = None,
) -> VerifiedReader:
    """Open a release for reading, so that only bytes that were signed are handed out.

    The signature and the manifest are checked at once; tensors and files when they are read, on
    the very bytes that the reader returns (spec/tensors.md, "Reading")::

        with manifest.open_verified("model/", keys=["publisher.pub"]) as release:
            weights = safetensors.numpy.load(release.load_bytes("model.safetensors"))
            head = release.tensor("lm_head.weight")

    Args:
        directory: The release, as `verify_release` takes it.
        keys: Public keys that are trusted; any of them may have signed.
        root_certificates: Certification authorities whose signers are trusted.
        integrity_only: Accept that nobody is vouched for; only without keys and certificates.
        weights: A file of the model whose tensors are read; needed where there are several.
        manifest_path: Where ``manifest.json`` lies, when not in the directory.
        signature_path: Where the signature lies, when it is not ``model.sig`` in the directory.
        roots: Where named roots lie, by name.

    Raises:
        NotTrustedError: Nobody who is trusted signed, or documents are at odds.
        BytesDifferError: The manifest is not the one that was signed.
        UndecidedError: There is no manifest, or something cannot be read.
        UsageError: The arguments contradict each other, or name what does not exist.
    """
    from manifest.signing.certificates import load_roots
    from manifest.signing.keys import load_public
    from manifest.verify.reader import open_release

    public = [_pem(key, "the public key") for key in keys]
    authorities = [_pem(root, "the root certificate") for root in root_certificates]
    return open_release(
        directory,
        keys=[load_public(pem, what=what) for pem, what in public],
        certificate_roots=[r for pem, what in authorities for r in load_roots(pem, what=what)],
        integrity_only=integrity_only,
        weights=weights,
        manifest_path=manifest_path,
        signature_path=signature_path,
        roots=roots,
    )


def diff_releases(before: StrPath, after: StrPath, *, component: str | None = None) -> DiffReport:
    """Say what changed from one release to another, by their manifests (spec/tensors.md).

    No signature is checked and no file read, but for a directory without a manifest, which is
    hashed by its ``release.yaml``.

    Args:
        before: A release directory or a ``manifest.json``; ``DIR#NAME`` for one component or
            checkpoint.
        after: The same.
        component: A component or checkpoint to compare in both.

    Raises:
        UsageError: No such file, directory, component or checkpoint.
        DocumentError: A manifest or a description is not valid.
        TreeError: A directory has neither.
        UndecidedError: Something cannot be read.
    """
    from manifest.compare import compare_sides, open_side

    return compare_sides(
        open_side(before, component=component), open_side(after, component=component)
    )


def lint_release(
    target: StrPath,
    *,
    require: str | None = None,
    fail_on_warnings: bool = False,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    accept_pinned: bool = False,
    online: bool = False,
    offline: bool = False,
) -> LintReport:
    """Say what a release really gives, and what is wrong with it (spec/evidence.md).

    Args:
        target: The release's directory; or text, ``hf:OWNER/NAME`` or ``hf:OWNER/NAME@REVISION``,
            for a repository of a hub, which is read by name. Without a ``release.yaml`` it is
            judged by what would be drafted.
        require: The verdict below which the report's ``exit_code`` is not 0.
        fail_on_warnings: Whether a warning weighs as much as an error there.
        select: Codes of rules, or their beginnings, to run; all when empty.
        ignore: Codes of rules, or their beginnings, to leave out.
        accept_pinned: Count references that are pinned and were not resolved.
        online: Look pinned references up: those that are resolved count.
        offline: Refuse whatever needs the network.

    Raises:
        UsageError: No such directory, verdict or rule; or ``online`` and ``offline`` at once.
        DocumentError: ``release.yaml`` or ``manifest.json`` is not valid.
        UndecidedError: Something cannot be read, or the hub cannot be asked.
    """
    from manifest.lint.targets import lint_options, lint_target

    options = lint_options(
        require=require,
        fail_on_warnings=fail_on_warnings,
        select=select,
        ignore=ignore,
        online=online,
        offline=offline,
    )
    return lint_target(target, options, accept_pinned=accept_pinned)


_MAX_PEM = 4 * 1024 * 1024


def _pem(source: Pem, what: str) -> tuple[bytes, str]:
    """A PEM file's content, and what to call it in messages."""
    from manifest.build.tree import read_regular
    from manifest.display import printable

    if isinstance(source, bytes):
        return source, what
    return read_regular(source, max_bytes=_MAX_PEM), printable(os.fspath(source))
