"""Options that say whom a verification trusts beside keys: certificates and identities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from manifest.cli._common import read_key_file
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.signing.certificates import Root
    from manifest.signing.keyless import SigstoreTrust
    from manifest.signing.keys import PublicKey
    from manifest.signing.revocation import RevocationList

F = TypeVar("F", bound=Callable[..., Any])

_MAX_ROOTS = 1024 * 1024


def tsa_root_option(words: str) -> Callable[[F], F]:
    """``--tsa-root``: whose timestamps are trusted."""
    return click.option("--tsa-root", "tsa_roots", multiple=True, metavar="PEM", help=words)


def trust_options() -> Callable[[F], F]:
    """``--root``, ``--crl``, ``--cert-identity``, and those of keyless signatures."""
    options = (
        click.option(
            "--root",
            "root_certificates",
            multiple=True,
            metavar="PEM",
            help="A root certificate whose signers are trusted; repeatable.",
        ),
        click.option(
            "--crl",
            "crls",
            multiple=True,
            metavar="FILE",
            help="A certificate revocation list; all certificates must then be found in one.",
        ),
        click.option(
            "--cert-identity",
            "cert_identities",
            multiple=True,
            metavar="NAME",
            help="A name the signer's certificate must hold, as email:me@example.org; repeatable.",
        ),
        tsa_root_option("A timestamp authority's root certificate; repeatable."),
        click.option(
            "--identity",
            metavar="NAME",
            help="Who signs without a key (Sigstore): an e-mail address or a URI.",
        ),
        click.option("--identity-issuer", metavar="URL", help="Who vouches for --identity."),
        click.option(
            "--trusted-root",
            metavar="FILE",
            help="Sigstore's roots, instead of those of the installed package.",
        ),
        click.option(
            "--staging", is_flag=True, help="Trust Sigstore's staging instance, which is for tests."
        ),
    )

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def replayer_option() -> Callable[[F], F]:
    """``--replayer``: whose signed replays count."""
    return click.option(
        "--replayer",
        "replayers",
        multiple=True,
        metavar="PUB",
        help="A public key whose signed replays of the training count; repeatable.",
    )


def load_keys(paths: tuple[str, ...]) -> tuple[PublicKey, ...]:
    """The public keys of ``--key`` and ``--replayer``."""
    from manifest.signing.keys import load_public

    return tuple(load_public(read_key_file(k, max_bytes=_MAX_ROOTS), what=k) for k in paths)


def load_authorities(paths: tuple[str, ...]) -> tuple[Root, ...]:
    """The certificates of ``--root``."""
    if not paths:
        return ()
    from manifest.signing.certificates import load_roots

    return tuple(
        root
        for path in paths
        for root in load_roots(read_key_file(path, max_bytes=_MAX_ROOTS), what=path)
    )


def load_crls(paths: tuple[str, ...], *, roots: tuple[str, ...]) -> tuple[RevocationList, ...]:
    """The lists of ``--crl``.

    Raises:
        click.UsageError: There is no certification authority whose lists they could be.
    """
    if not paths:
        return ()
    if not roots:
        raise click.UsageError("--crl needs --root: without one, no certificate is trusted anyway")
    from manifest.signing.revocation import MAX_LIST_BYTES, load_revocation_lists

    return tuple(
        each
        for path in paths
        for each in load_revocation_lists(
            read_key_file(path, max_bytes=MAX_LIST_BYTES), what=printable(path)
        )
    )


def check_identities(names: tuple[str, ...], *, roots: tuple[str, ...]) -> tuple[str, ...]:
    """The names of ``--cert-identity``.

    Raises:
        click.UsageError: There is no ``--root``.
    """
    if not names:
        return ()
    if not roots:
        raise click.UsageError("--cert-identity needs --root, which certifies the name")
    from manifest.signing.certificates import parse_identity

    return tuple(map(parse_identity, names))


def load_sigstore(
    identity: str | None, issuer: str | None, *, trusted_root: str | None, staging: bool
) -> SigstoreTrust | None:
    """Whose keyless signatures are trusted.

    Raises:
        click.UsageError: The options belong together and do not stand together.
    """
    if identity is None and issuer is None:
        if trusted_root is not None or staging:
            option = "--staging" if trusted_root is None else "--trusted-root"
            raise click.UsageError(f"{option} needs --identity and --identity-issuer")
        return None
    if not identity or not issuer:
        raise click.UsageError(
            "--identity and --identity-issuer belong together: anyone can run an issuer that "
            "vouches for any name"
        )
    if trusted_root is not None and staging:
        raise click.UsageError("--trusted-root and --staging exclude each other")
    from manifest.signing.keyless import (
        MAX_TRUSTED_ROOT_BYTES,
        SigstoreIdentity,
        SigstoreTrust,
        load_trusted_root,
        require_sigstore,
    )

    require_sigstore()
    root = None
    if trusted_root is not None:
        data = read_key_file(trusted_root, max_bytes=MAX_TRUSTED_ROOT_BYTES)
        root = load_trusted_root(data, what=trusted_root)
    return SigstoreTrust((SigstoreIdentity(identity, issuer),), root, staging)
