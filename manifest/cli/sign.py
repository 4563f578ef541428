"""``manifest sign``: one signature over files and claims."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    note,
    paint,
    passphrase_options,
    quiet_option,
    release_argument,
    root_dir_option,
    say,
    shell_word,
    undone,
)
from manifest.cli._counting import owned_of, total_of
from manifest.cli._progress import progress_bar
from manifest.cli._signers import (
    imported_signer,
    load_key,
    plug_in_signer,
    sigstore_signer,
    timestamped,
    token_signer,
)
from manifest.cli._trust import tsa_root_option
from manifest.display import human_size, printable

if TYPE_CHECKING:
    from manifest.cli._progress import Bar
    from manifest.sign import SignResult
    from manifest.signing.keys import PrivateKey
    from manifest.signing.signer import Signer


@click.command("sign")
@release_argument(or_file=True)
@click.option("--key", "key_path", metavar="FILE", help="Your private key (PEM).")
@passphrase_options("the key's passphrase, or the token's PIN,")
@click.option("--pkcs11", metavar="URI", help="Sign with a key in a token (RFC 7512).")
@click.option(
    "--signer",
    "plug_in",
    metavar="NAME:ARGUMENT",
    help="Sign through a plug-in, as one for a key management service.",
)
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
    "--export-payload",
    "export_path",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign nothing; write here what a key on another machine is to sign.",
)
@click.option(
    "--import-signature",
    "import_path",
    metavar="FILE",
    help="Take the signature that was made there; everything is measured again.",
)
@click.option(
    "--public-key", "public_path", metavar="PUB", help="The key that made --import-signature."
)
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
    pkcs11: str | None,
    plug_in: str | None,
    export_path: Path | None,
    import_path: str | None,
    public_path: str | None,
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

    ways = (key_path, pkcs11, plug_in, sigstore or None, import_path, export_path)
    if sum(way is not None for way in ways) != 1:
        raise click.UsageError(
            "give one of --key FILE, --sigstore, --pkcs11 URI, --signer NAME:ARGUMENT, "
            "--export-payload FILE and --import-signature FILE"
        )
    if public_path is not None and import_path is None:
        raise click.UsageError("--public-key belongs to --import-signature")
    if not sigstore and (token_env is not None or staging):
        raise click.UsageError("--identity-token-env and --staging belong to --sigstore")
    if export_path is not None:
        if directory.is_file() or signature_path is not None or timestamps or tsa_roots:
            raise click.UsageError("--export-payload is for a directory, and nothing is signed yet")
        _export(directory, export_path, manifest_path, roots, output=output_format, quiet=quiet)
        return
    key: PrivateKey | Signer
    if key_path is not None:
        key = load_key(key_path, directory, passphrase_fd, passphrase_env)
    elif import_path is not None:
        key = imported_signer(import_path, public_path)
    elif pkcs11 is not None:
        key = token_signer(pkcs11, passphrase_fd, passphrase_env)
    elif plug_in is not None:
        key = plug_in_signer(plug_in)
    else:
        key = sigstore_signer(token_env, staging=staging, quiet=quiet)
    if timestamps or tsa_roots:
        key = timestamped(key, timestamps, tsa_roots, sigstore=sigstore)
    if directory.is_file():
        if manifest_path is not None or roots:
            raise click.UsageError("--manifest and --root-dir are for directories")
        _sign_file(directory, key, signature_path, force=force, output=output_format, quiet=quiet)
        return
    with _hashing("nothing was signed", "Checking", quiet=quiet, output=output_format) as bar:
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


@contextmanager
def _hashing(undone_words: str, label: str, *, quiet: bool, output: str) -> Iterator[Bar]:
    """A bar while files are hashed, and what to say of an interruption meanwhile."""
    with undone(undone_words), progress_bar(label, quiet=quiet or output != "text") as bar:
        yield bar


def _export(
    directory: Path,
    path: Path,
    manifest: Path | None,
    roots: dict[str, Path],
    *,
    output: str,
    quiet: bool,
) -> None:
    from manifest.sign import export_payload

    with _hashing("nothing was written", "Checking", quiet=quiet, output=output) as bar:
        result = export_payload(
            directory,
            path,
            manifest_path=manifest,
            roots=roots,
            progress=bar.advance,
            expect=bar.expect,
        )
    if output == "json":
        echo_json({"payload": str(path), "size": result.size, "digests": dict(result.digests)})
        return
    if quiet:
        return
    file = shell_word(path)
    say(f"{paint('to be signed', 'bold')}  {printable(str(path))}: {human_size(result.size)}")
    say(f"sha256        {result.digests['sha256']}")
    say("carry it to the key; by the kind of key, one of these signs it there:")
    for kind, digest in (("P-256", "sha256"), ("P-384", "sha384"), ("P-521", "sha512")):
        say(f"  {kind}    openssl dgst -{digest} -sign KEY -out SIGNATURE {file}")
    say(f"  Ed25519  openssl pkeyutl -sign -rawin -inkey KEY -out SIGNATURE -in {file}")
    say(
        f"then  manifest sign {shell_word(directory)} --import-signature SIGNATURE --public-key PUB"
    )


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

    with _hashing("nothing was signed", "Hashing", quiet=quiet, output=output) as bar:
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


def _print_summary(result: SignResult) -> None:
    manifest = result.manifest
    name = printable(f"{manifest.name} {manifest.version}")
    total = total_of(manifest, result.file_count)
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
        **owned_of([bound.binding for bound in result.manifest.inventories]),
        "key": {"type": str(result.kind), "fingerprint": result.fingerprint},
        "replaced": result.replaced,
        "notes": list(result.notes),
    }
