"""What a publisher does: describe, build, sign."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from manifest.api._inputs import Pem, StrPath, content_of

if TYPE_CHECKING:
    from manifest.build import BuildResult
    from manifest.document.description import Description
    from manifest.document.manifest_file import Manifest
    from manifest.draft import Draft
    from manifest.sign import SignResult

__all__ = [
    "build_manifest",
    "draft_description",
    "generate_key_pair",
    "load_description",
    "load_manifest",
    "sign_release",
]


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

    pem, what = content_of(key, "the private key")
    return sign(
        directory,
        load_private(pem, passphrase=passphrase, what=what),
        signature_path=signature_path,
        manifest_path=manifest_path,
        roots=roots,
    )
