"""``manifest sign``: one signature over files and claims."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import (
    ask_passphrase,
    echo_json,
    format_option,
    is_terminal,
    note,
    paint,
    passphrase_options,
    quiet_option,
    read_key_file,
    read_passphrase,
    release_argument,
    root_dir_option,
    say,
    shell_word,
    undone,
    warn,
)
from manifest.cli._progress import progress_bar
from manifest.cli._trust import load_authorities, tsa_root_option
from manifest.display import human_size, plural, printable
from manifest.errors import UsageError

if TYPE_CHECKING:
    from manifest.sign import SignResult
    from manifest.signing.keys import PrivateKey
    from manifest.signing.signer import Signer


@click.command("sign")
@release_argument(or_file=True)
@click.option("--key", "key_path", metavar="FILE", help="Your private key (PEM).")
@passphrase_options("the key's passphrase")
@click.option(
    "--sigstore",
    is_flag=True,
    help="Sign without a key: by an identity, in Sigstore's public log. Needs the network.",
)
@click.option(
    "--identity-token-env",
    "token_env",
    metavar="NAME",
    help="The environment variable that holds the identity token for --sigstore.",
)
@click.option("--staging", is_flag=True, help="Use Sigstore's staging instance, for tests.")
@click.option(
    "--timestamp",
    "timestamps",
    multiple=True,
    metavar="URL",
    help="Ask this authority for a timestamp (RFC 3161) of the signature; repeatable.",
)
@tsa_root_option("The root certificate with which timestamps must verify; repeatable.")
@click.option(
    "--signature",
    "signature_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write here instead of model.sig: into signatures/, or outside the release.",
)
@click.option(
    "--manifest",
    "manifest_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take the manifest from here.",
)
@root_dir_option()
@click.option("--force", is_flag=True, help="Replace a signature made with another key.")
@format_option("text", "json")
@quiet_option()
def command(
    directory: Path,
    *,
    key_path: str | None,
    passphrase_fd: int | None,
    passphrase_env: str | None,
    sigstore: bool,
    token_env: str | None,
    staging: bool,
    timestamps: tuple[str, ...],
    tsa_roots: tuple[str, ...],
    signature_path: Path | None,
    manifest_path: Path | None,
    roots: dict[str, Path],
    force: bool,
    output_format: str,
    quiet: bool,
) -> None:
    """Sign a release and its manifest: writes model.sig.

    Checks that manifest.json says what release.yaml says and that every file in DIR (the current
    directory when left out) is the one it lists, and signs both in the OpenSSF Model Signing 1.0
    format. Where anything differs, nothing is signed. The passphrase of an encrypted key is asked
    for, unless a file descriptor or an environment variable gives it.

    A model that is one FILE is signed as it is, without manifest and claims, into FILE.sig.
    """
    from manifest.sign import sign

    if (key_path is None) == (not sigstore):
        raise click.UsageError("give either --key FILE or --sigstore")
    if not sigstore and (token_env is not None or staging):
        raise click.UsageError("--identity-token-env and --staging belong to --sigstore")
    key: PrivateKey | Signer
    if key_path is None:
        key = _sigstore_signer(token_env, staging=staging, quiet=quiet)
    else:
        key = _load_key(key_path, directory, passphrase_fd, passphrase_env)
    if timestamps or tsa_roots:
        key = _timestamped(key, timestamps, tsa_roots, sigstore=sigstore)
    if directory.is_file():
        if manifest_path is not None or roots:
            raise click.UsageError("--manifest and --root-dir are for directories")
        _sign_file(directory, key, signature_path, force=force, output=output_format, quiet=quiet)
        return
    with (
        undone("nothing was signed"),
        progress_bar("Checking", quiet=quiet or output_format != "text") as bar,
    ):
        result = sign(
            directory,
            key,
            signature_path=signature_path,
            manifest_path=manifest_path,
            roots=roots,
            force=force,
            progress=bar.advance,
            expect=bar.expect,
        )
    if output_format == "json":
        echo_json(_report(result))
        return
    for text in result.notes:
        note(text)
    if not quiet:
        _print_summary(result)


def _sign_file(
    path: Path,
    key: PrivateKey | Signer,
    signature: Path | None,
    *,
    force: bool,
    output: str,
    quiet: bool,
) -> None:
    from manifest.sign import sign_file

    with (
        undone("nothing was signed"),
        progress_bar("Hashing", quiet=quiet or output != "text") as bar,
    ):
        result = sign_file(
            path,
            key,
            signature_path=signature,
            force=force,
            progress=bar.advance,
            expect=bar.expect,
        )
    if output == "json":
        echo_json(
            {
                "signature": str(result.path),
                "name": result.name,
                "size": result.size,
                "sha256": result.sha256,
                "key": {"type": str(result.kind), "fingerprint": result.fingerprint},
                "replaced": result.replaced,
                "notes": list(result.notes),
            }
        )
        return
    for text in result.notes:
        note(text)
    if not quiet:
        say(
            f"{paint('signed', 'good')}       {paint(printable(result.name), 'bold')}: "
            f"{human_size(result.size)}"
        )
        say(f"sha256       {result.sha256}")
        say(f"key          {result.fingerprint} ({result.kind})")
        verb = "replaced" if result.replaced else "written to"
        say(f"{verb.ljust(12)} {printable(str(result.path))}")


def _sigstore_signer(token_env: str | None, *, staging: bool, quiet: bool) -> Signer:
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


def _timestamped(
    key: PrivateKey | Signer, urls: tuple[str, ...], roots: tuple[str, ...], *, sigstore: bool
) -> Signer:
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


def _load_key(path: str, directory: Path, fd: int | None, env: str | None) -> PrivateKey:
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


def _print_summary(result: SignResult) -> None:
    manifest = result.manifest
    name = printable(f"{manifest.name} {manifest.version}")
    total = f"{plural(result.file_count, 'file')}, {human_size(manifest.total_size)}"
    say(f"{paint('signed', 'good')}       {paint(name, 'bold')}: {total}")
    say(f"root digest  {manifest.root_digest}")
    say(f"key          {result.fingerprint} ({result.kind})")
    verb = "replaced" if result.replaced else "written to"
    say(f"{verb.ljust(12)} {printable(str(result.path))}")


def _report(result: SignResult) -> dict[str, Any]:
    return {
        "signature": str(result.path),
        "name": result.manifest.name,
        "version": result.manifest.version,
        "root_digest": result.manifest.root_digest,
        "file_count": result.file_count,
        "total_size": result.manifest.total_size,
        "key": {"type": str(result.kind), "fingerprint": result.fingerprint},
        "replaced": result.replaced,
        "notes": list(result.notes),
    }
