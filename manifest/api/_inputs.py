"""What the public functions take: paths, and keys or certificates as paths or bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from manifest.errors import UsageError

if TYPE_CHECKING:
    from manifest.signing.certificates import Root
    from manifest.signing.keyless import SigstoreTrust
    from manifest.signing.keys import PublicKey
    from manifest.signing.revocation import RevocationList

__all__ = [
    "Pem",
    "StrPath",
    "certificate_names",
    "certificate_roots",
    "content_of",
    "public_keys",
    "revocation_lists",
    "sigstore_trust",
]

StrPath: TypeAlias = str | os.PathLike[str]
Pem: TypeAlias = StrPath | bytes
"""A PEM file's path, or its content as bytes."""

_MAX_PEM = 4 * 1024 * 1024


def content_of(source: Pem, what: str, *, max_bytes: int = _MAX_PEM) -> tuple[bytes, str]:
    """A file's content, and what to call it in messages.

    Args:
        source: Its path, or the content itself.
        what: What to call content that has no path.
        max_bytes: The most that is read.

    Raises:
        UsageError: There is no such regular file.
        UndecidedError: It cannot be read, or is larger.
    """
    from manifest.build.tree import read_regular
    from manifest.display import printable

    if isinstance(source, bytes):
        return source, what
    return read_regular(source, max_bytes=max_bytes), printable(os.fspath(source))


def public_keys(sources: Sequence[Pem]) -> tuple[PublicKey, ...]:
    """Public keys that are trusted.

    Raises:
        UsageError: One is none.
    """
    from manifest.signing.keys import load_public

    read = [content_of(source, "the public key") for source in sources]
    return tuple(load_public(pem, what=what) for pem, what in read)


def certificate_roots(
    sources: Sequence[Pem], what: str = "the root certificate"
) -> tuple[Root, ...]:
    """Certification authorities, or authorities of timestamps, that are trusted.

    Raises:
        UsageError: One is none.
    """
    from manifest.signing.certificates import load_roots

    read = [content_of(source, what) for source in sources]
    return tuple(root for pem, what in read for root in load_roots(pem, what=what))


def revocation_lists(
    sources: Sequence[Pem], *, beside: Sequence[Pem]
) -> tuple[RevocationList, ...]:
    """Certificate revocation lists, PEM or DER.

    Args:
        sources: The lists.
        beside: The authorities that they are of.

    Raises:
        UsageError: One is none, or there is no authority.
    """
    if not sources:
        return ()
    _needs_roots("a revocation list", beside)
    from manifest.signing.revocation import MAX_LIST_BYTES, load_revocation_lists

    name = "the revocation list"
    read = [content_of(source, name, max_bytes=MAX_LIST_BYTES) for source in sources]
    return tuple(each for data, what in read for each in load_revocation_lists(data, what=what))


def certificate_names(names: Sequence[str], *, beside: Sequence[Pem]) -> tuple[str, ...]:
    """Names of which a signer's certificate must hold one.

    Args:
        names: Each as ``KIND:VALUE``.
        beside: The authorities that certify them.

    Raises:
        UsageError: One is none, or there is no authority.
    """
    if not names:
        return ()
    _needs_roots("a certificate's name", beside)
    from manifest.signing.certificates import parse_identity

    return tuple(map(parse_identity, names))


def sigstore_trust(
    identities: Sequence[tuple[str, str]], trusted_root: Pem | None
) -> SigstoreTrust | None:
    """Who may sign without a key.

    Args:
        identities: Names, each with its issuer's URL.
        trusted_root: Sigstore's roots; those of the installed package when None.

    Raises:
        UsageError: A name without its issuer, or roots without a name.
        MissingExtraError: The library is not installed.
    """
    if not identities:
        if trusted_root is not None:
            raise UsageError("trusted_root is for identities", remedy="name who may sign")
        return None
    from manifest.signing.keyless import (
        MAX_TRUSTED_ROOT_BYTES,
        SigstoreIdentity,
        SigstoreTrust,
        load_trusted_root,
        require_sigstore,
    )

    require_sigstore()
    if not all(name and issuer for name, issuer in identities):
        raise UsageError(
            "an identity needs its issuer: anyone can run one that vouches for any name",
            remedy="give pairs of a name and its issuer's URL",
        )
    root = None
    if trusted_root is not None:
        data, what = content_of(trusted_root, "the trusted root", max_bytes=MAX_TRUSTED_ROOT_BYTES)
        root = load_trusted_root(data, what=what)
    return SigstoreTrust(tuple(SigstoreIdentity(*pair) for pair in identities), root)


def _needs_roots(what: str, roots: Sequence[Pem]) -> None:
    if not roots:
        raise UsageError(
            f"{what} says nothing without an authority that is trusted",
            remedy="give root_certificates",
        )
