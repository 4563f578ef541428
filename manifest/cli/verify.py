"""``manifest verify``: are these the files that were signed?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifest.cli._common import (
    format_option,
    paint,
    quiet_option,
    read_key_file,
    release_argument,
    root_dir_option,
    undone,
    warn,
)
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.signing.certificates import Root

_MAX_KEY = 1024 * 1024


@click.command("verify", short_help="Check that these are the files that were signed.")
@release_argument()
@click.option(
    "--key", "keys", multiple=True, metavar="PUB", help="A public key that is trusted; repeatable."
)
@click.option(
    "--root",
    "root_certificates",
    multiple=True,
    metavar="PEM",
    help="A root certificate whose signers are trusted; repeatable.",
)
@click.option(
    "--integrity-only",
    is_flag=True,
    help="Accept that nobody is vouched for; exits 0 if files match.",
)
@click.option("--strict", is_flag=True, help="Refuse what is there and not covered, as .git.")
@click.option("--only", multiple=True, metavar="GLOB", help="Check only these files; repeatable.")
@click.option(
    "--component",
    "components",
    multiple=True,
    metavar="NAME",
    help="Check only this component, as weights; repeatable.",
)
@click.option(
    "--manifest", "manifest_path", metavar="FILE", help="The manifest, when it lies elsewhere."
)
@click.option("--signature", "signature_path", metavar="FILE", help="The signature, likewise.")
@click.option("--expect-name", metavar="NAME", help="Refuse a release of another name.")
@click.option("--expect-version", metavar="VERSION", help="Refuse a release of another version.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="PATH",
    help="Leave out this path, although it is not signed.",
)
@click.option(
    "--digest",
    type=click.Choice(["auto", "sha256", "blake3", "both"]),
    default="auto",
    show_default=True,
    help="Which digest of the files to compare; auto takes the fastest.",
)
@root_dir_option()
@format_option()
@quiet_option()
def command(
    directory: Path,
    keys: tuple[str, ...],
    root_certificates: tuple[str, ...],
    integrity_only: bool,
    strict: bool,
    only: tuple[str, ...],
    components: tuple[str, ...],
    manifest_path: str | None,
    signature_path: str | None,
    expect_name: str | None,
    expect_version: str | None,
    ignore: tuple[str, ...],
    digest: str,
    roots: dict[str, Path],
    output_format: str,
    quiet: bool,
) -> None:
    """Check that the files in DIR are those that were signed.

    The signature is checked first, then what it says, then manifest.json, then every byte.
    Without --key or --root nobody is vouched for, and the answer is no unless
    --integrity-only accepts that.
    """
    from manifest.cli._progress import progress_bar
    from manifest.signing.keys import load_public
    from manifest.verify.run import verify

    trusted = tuple(load_public(read_key_file(k, max_bytes=_MAX_KEY), what=k) for k in keys)
    authorities = _authorities(root_certificates)
    _warn_of_keys_inside(directory, (*keys, *root_certificates))
    with undone("the release was not verified"), progress_bar("Verifying", quiet=quiet) as bar:
        report = verify(
            directory,
            keys=trusted,
            certificate_roots=authorities,
            integrity_only=integrity_only,
            strict=strict,
            only=only,
            components=components,
            manifest_path=manifest_path,
            signature_path=signature_path,
            expect_name=expect_name,
            expect_version=expect_version,
            ignore=ignore,
            roots=roots,
            digest=digest,
            progress=bar.advance,
            on_total=bar.expect,
        )
    if output_format == "json":
        from manifest.render.verify_json import render_verify_json

        click.echo(render_verify_json(report), nl=False)
    else:
        from manifest.render.verify_text import render_verify

        click.echo(render_verify(report, paint=paint, quiet=quiet), nl=False)
    click.get_current_context().exit(report.exit_code)


def _warn_of_keys_inside(directory: Path, paths: tuple[str, ...]) -> None:
    inside = Path(os.path.realpath(directory))
    for path in paths:
        if inside in Path(os.path.realpath(path)).parents:
            warn(
                f"the key {printable(path)} lies in the release: who changed one could change both",
                remedy="take the key from where its owner publishes it",
            )


def _authorities(paths: tuple[str, ...]) -> tuple[Root, ...]:
    if not paths:
        return ()
    from manifest.signing.certificates import load_roots

    return tuple(
        root
        for path in paths
        for root in load_roots(read_key_file(path, max_bytes=_MAX_KEY), what=path)
    )
