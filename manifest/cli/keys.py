"""``manifest keys``: what a key is, in a form that two people can compare."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    paint,
    read_key_file,
    say,
    shell_word,
)
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.signing.keys import PublicKey

_GROUP = 4
_GROUPS_A_LINE = 8


@click.group("keys", short_help="Show what a public key is, to compare it.")
def command() -> None:
    """Show what a public key is, to compare it with what its owner says.

    A key is as trustworthy as the way it came: take it from where its owner publishes it, and
    compare its fingerprint over another way, as on the telephone.
    """


@command.command("show", short_help="Kind and fingerprint of public keys.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@format_option("text", "json")
def show(files: tuple[str, ...], output_format: str) -> None:
    """Show kind and fingerprint of public keys (PEM).

    The fingerprint is the SHA-256 of the key's PEM, which is what signatures name. It is shown
    whole, in groups of four to be read aloud, and with a command that computes it without this
    program. All of it must be compared: keys that agree in a part of it can be made.
    """
    from manifest.signing.keys import MAX_PEM_BYTES, load_public

    keys = [
        (path, load_public(read_key_file(path, max_bytes=MAX_PEM_BYTES), what=printable(path)))
        for path in files
    ]
    if output_format == "json":
        echo_json([_report(path, key) for path, key in keys])
        return
    for number, (path, key) in enumerate(keys):
        if number:
            say()
        say(f"{paint(printable(path), 'bold')}: {key.kind}")
        say(f"fingerprint  {key.fingerprint}")
        for place, line in enumerate(spoken(key.fingerprint)):
            say(f"{'' if place else 'read aloud':<12} {line}")
        say(f"check with   {openssl_check(path)}")


def spoken(fingerprint: str) -> list[str]:
    """A fingerprint in groups of four, eight to a line."""
    groups = textwrap.wrap(fingerprint, _GROUP)
    return [
        " ".join(groups[start : start + _GROUPS_A_LINE])
        for start in range(0, len(groups), _GROUPS_A_LINE)
    ]


def openssl_check(path: str) -> str:
    """The command by which OpenSSL computes the fingerprint of a public key's file."""
    return f"openssl pkey -pubin -in {shell_word(path)} | openssl dgst -sha256"


def _report(path: str, key: PublicKey) -> dict[str, Any]:
    return {
        "file": path,
        "type": str(key.kind),
        "fingerprint": key.fingerprint,
        "groups": " ".join(spoken(key.fingerprint)),
    }
