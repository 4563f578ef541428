"""The ways to sign that the command line offers, each as a `Signer`."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifest.cli._common import (
    ask_passphrase,
    is_terminal,
    note,
    read_key_file,
    read_passphrase,
    shell_word,
    warn,
)
from manifest.cli._trust import load_authorities
from manifest.display import printable
from manifest.errors import UsageError

if TYPE_CHECKING:
    from manifest.signing.keys import PrivateKey
    from manifest.signing.signer import Signer

__all__ = [
    "imported_signer",
    "load_key",
    "plug_in_signer",
    "sigstore_signer",
    "timestamped",
    "token_signer",
]

_MAX_PIN = 255


def token_signer(uri: str, fd: int | None, env: str | None) -> Signer:
    """``--pkcs11``: the PIN is in the URI's file, or given as a passphrase is, or asked for."""
    from manifest.signing.pkcs11_signer import open_token, require_pkcs11
    from manifest.signing.pkcs11_uri import parse_pkcs11_uri

    require_pkcs11()
    key = parse_pkcs11_uri(uri)
    pin = read_passphrase(fd, env)
    if pin is None and key.pin_source:
        pin = read_key_file(key.pin_source, max_bytes=_MAX_PIN).removesuffix(b"\n")
    if pin is None:
        if not is_terminal():
            raise UsageError(
                "the token needs a PIN, and there is no terminal to ask for it on",
                remedy="give it with --passphrase-fd, --passphrase-env or the URI's pin-source",
            )
        pin = ask_passphrase("PIN of the token")
    return open_token(key, pin)


def plug_in_signer(text: str) -> Signer:
    """``--signer``."""
    from manifest.signing.remote import load_plug_in

    return load_plug_in(text)


def imported_signer(signature: str, public: str | None) -> Signer:
    """``--import-signature`` and ``--public-key``."""
    from manifest.signing.detached import MAX_SIGNATURE_BYTES
    from manifest.signing.detached import imported_signer as imported
    from manifest.signing.keys import MAX_PEM_BYTES, load_public

    if public is None:
        raise click.UsageError("--import-signature needs --public-key, which checks it")
    key = load_public(read_key_file(public, max_bytes=MAX_PEM_BYTES), what=printable(public))
    return imported(read_key_file(signature, max_bytes=MAX_SIGNATURE_BYTES), key)


def sigstore_signer(token_env: str | None, *, staging: bool, quiet: bool) -> Signer:
    """``--sigstore``."""
    from manifest.signing.keyless import SigstoreIdentity, require_sigstore
    from manifest.signing.keyless_signer import SigstoreSigner

    require_sigstore()
    token = None
    if token_env is not None:
        token = os.environ.get(token_env, "").strip()
        if not token:
            raise click.UsageError(f"the environment variable {printable(token_env)} is not set")

    def tell(identity: SigstoreIdentity) -> None:
        if not quiet:
            note(f"signing as {printable(identity.identity)} ({printable(identity.issuer)})")

    return SigstoreSigner(
        token=token, staging=staging, interactive=token is None and is_terminal(), told=tell
    )


def timestamped(
    key: PrivateKey | Signer, urls: tuple[str, ...], roots: tuple[str, ...], *, sigstore: bool
) -> Signer:
    """``--timestamp`` and ``--tsa-root``: the signer, with timestamps over its signature."""
    if not urls:
        raise click.UsageError("--tsa-root belongs to --timestamp")
    if sigstore:
        raise click.UsageError(
            "--timestamp and --sigstore exclude each other: its log has the time"
        )
    from manifest.signing.signer import signer_of
    from manifest.signing.timestamping import TimestampedSigner
    from manifest.signing.timestamps import require_timestamps
    from manifest.sources.timestamps import timestamp_authority

    require_timestamps()
    authorities = tuple(timestamp_authority(url) for url in urls)
    return TimestampedSigner(signer_of(key), authorities, load_authorities(roots))


def load_key(path: str, directory: Path, fd: int | None, env: str | None) -> PrivateKey:
    """``--key``, with its passphrase."""
    from manifest.signing.keys import MAX_PEM_BYTES, load_private

    shown = printable(path)
    inside = Path(os.path.realpath(directory))
    if inside in Path(os.path.realpath(path)).parents:
        raise UsageError(
            f"the private key {shown} lies in the release and would be published with it",
            remedy="move it out; if it was ever published, make a new one",
        )
    pem = read_key_file(path, max_bytes=MAX_PEM_BYTES)
    passphrase = read_passphrase(fd, env)
    if passphrase is None and b"ENCRYPTED" in pem:
        if not is_terminal():
            raise UsageError(
                f"{shown} is encrypted, and there is no terminal to ask for the passphrase on",
                remedy="give it with --passphrase-fd or --passphrase-env",
            )
        passphrase = ask_passphrase(f"Passphrase for {shown}")
    key = load_private(pem, passphrase=passphrase, what=shown)
    if b"ENCRYPTED" not in pem and _others_can_read(path):
        warn(
            f"{shown} is not encrypted, and other users of this machine can read it",
            remedy=f"chmod 600 {shell_word(path)}",
        )
    return key


def _others_can_read(path: str) -> bool:
    status = Path(path).stat()
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o077)
