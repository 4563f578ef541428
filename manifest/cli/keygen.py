"""``manifest keygen``: a key pair for signing."""

from __future__ import annotations

import click

from manifest.cli._common import (
    ask_passphrase,
    is_terminal,
    note,
    paint,
    passphrase_options,
    read_passphrase,
    say,
    shell_word,
    undone,
    warn,
)
from manifest.display import printable

_KINDS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519")


@click.command("keygen")
@click.option(
    "--type",
    "kind",
    type=click.Choice(_KINDS),
    default="ecdsa-p256",
    show_default=True,
    help="The kind of key. Other OMS tools verify the ECDSA kinds.",
)
@click.option(
    "--out",
    "path",
    metavar="PATH",
    required=True,
    type=click.Path(),
    help="Where the private key goes; the public one goes to PATH.pub.",
)
@passphrase_options("the new passphrase")
@click.option(
    "--no-passphrase", is_flag=True, help="Store the private key in the clear (mode 0600)."
)
def command(
    kind: str,
    path: str,
    *,
    passphrase_fd: int | None,
    passphrase_env: str | None,
    no_passphrase: bool,
) -> None:
    """Make a key pair for signing.

    Writes the private key to PATH, encrypted with a passphrase that is asked for or taken from
    a file descriptor or an environment variable, and the public key to PATH.pub. Neither file
    is ever overwritten.
    """
    from manifest.sign import write_key_pair
    from manifest.signing.keys import KeyKind, generate

    passphrase = _passphrase(passphrase_fd, passphrase_env, none=no_passphrase)
    with undone("no key was written"):
        key = generate(KeyKind(kind))
        private, public = write_key_pair(path, key, passphrase)
    say(f"{paint('private key', 'bold')}  {printable(str(private))}")
    say("  sign with it, keep it to yourself, and keep a copy in a safe place")
    say(f"{paint('public key', 'bold')}   {printable(str(public))}")
    say("  publish it, in a place of its own: who takes it from beside the release trusts whoever")
    say("  changed the release")
    say(f"{paint('fingerprint', 'bold')}  {key.fingerprint}")
    say("  tell it to those who will verify, by another way than the key; they compare it with")
    say(f"  manifest keys show {shell_word(public.name)}")
    say(f"{paint('next', 'bold')}         manifest sign DIR --key {shell_word(private)}")
    say(f"             manifest verify DIR --key {shell_word(public)}")
    if passphrase is None:
        warn(
            "the private key is not encrypted: whoever reads the file can sign in your name",
            remedy="make another with a passphrase, or keep this one in a secret store",
        )
    if kind == "ed25519":
        note("other OMS tools cannot verify Ed25519; use an ECDSA key to be verified by all")


def _passphrase(fd: int | None, env: str | None, *, none: bool) -> bytes | None:
    given = read_passphrase(fd, env)
    if none and given is not None:
        raise click.UsageError("--no-passphrase and a passphrase exclude each other")
    if none or given is not None:
        return given
    if not is_terminal():
        raise click.UsageError(
            "a passphrase is needed and there is no terminal to ask on: give --passphrase-fd, "
            "--passphrase-env or --no-passphrase"
        )
    return ask_passphrase("Passphrase for the new key", again=True)
