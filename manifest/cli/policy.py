"""``manifest policy``: draft a trust policy, and explain what follows from one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._common import (
    format_option,
    note,
    paint,
    quiet_option,
    read_key_file,
    root_dir_option,
    shell_word,
    undone,
)
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.signing.keys import PublicKey

_MAX_KEY = 1024 * 1024
_FILE: Any = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY: Any = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW: Any = click.Path(path_type=Path)


@click.group("policy", short_help="Draft a trust policy, and explain what follows from one.")
def command() -> None:
    """Say whose word counts for which release, and what a release must have.

    `manifest verify --policy FILE` decides by such a file.
    """


@command.command("init", short_help="Draft a policy.")
@click.argument("directory", metavar="[DIR]", required=False, type=_DIRECTORY)
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    metavar="PUB",
    help="A signer's public key; repeatable.",
)
@click.option(
    "--output",
    "-o",
    default="policy.yaml",
    show_default=True,
    type=_NEW,
    metavar="FILE",
    help="Where the policy goes; what is there is kept.",
)
def init(directory: Path | None, keys: tuple[str, ...], output: Path) -> None:
    """Write a policy with comments that trusts the keys given.

    With DIR, they may speak for the release there alone. Compare the fingerprints with what the
    keys' owners publish: a policy is worth no more than the way its keys came in.
    """
    from manifest.atomic import write_atomically
    from manifest.policy.drafting import draft_policy

    loaded = load_keys(keys)
    signers = {f"signer-{i}": key for i, key in enumerate(dict.fromkeys(loaded), start=1)}
    name = _name_of(directory) if directory is not None else ""
    write_atomically(output, draft_policy(signers, release=name), overwrite=False)
    for key in signers.values():
        note(f"trusts sha256:{key.fingerprint}: compare it with what its owner publishes")
    note(
        f"wrote {printable(str(output))}; `manifest policy check {shell_word(output)} DIR` tries it"
    )


def _name_of(directory: Path) -> str:
    from manifest.build.tree import read_regular
    from manifest.document.manifest_file import FILE_NAME, parse_manifest

    return parse_manifest(read_regular(directory / FILE_NAME, max_bytes=_MAX_MANIFEST)).name


_MAX_MANIFEST = 256 * 1024 * 1024


@command.command("check", short_help="Explain a decision, demand by demand.")
@click.argument("policy", metavar="POLICY", type=_FILE)
@click.argument("directory", metavar="[DIR]", default=".", type=_DIRECTORY)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="PUB",
    help="A key that the policy names by fingerprint, or one for first use; repeatable.",
)
@click.option("--state", metavar="FILE", type=_NEW, help="What was accepted before.")
@root_dir_option()
@format_option()
@quiet_option()
def check(
    policy: Path,
    directory: Path,
    keys: tuple[str, ...],
    state: Path | None,
    roots: dict[str, Path],
    output_format: str,
    quiet: bool,
) -> None:
    """Say whether POLICY admits the release in DIR, and why: what it asks for, what there is.

    Nothing is remembered: `manifest verify --policy` does that.
    """
    from manifest.cli._progress import progress_bar
    from manifest.policy import decide, load_policy
    from manifest.policy.state import default_state_path

    given = load_keys(keys)
    loaded = load_policy(policy, keys=given)
    with undone("no decision was made"), progress_bar("Verifying", quiet=quiet) as bar:
        decision = decide(
            loaded,
            directory,
            keys=given,
            state_path=state or default_state_path(),
            options={"roots": roots, "progress": bar.advance, "on_total": bar.expect},
        )
    if output_format == "json":
        from manifest.render.policy_json import render_policy_json

        click.echo(render_policy_json(decision), nl=False)
    else:
        from manifest.render.policy_text import render_policy

        click.echo(render_policy(decision, paint=paint, quiet=quiet), nl=False)
    click.get_current_context().exit(decision.exit_code)


def load_keys(paths: tuple[str, ...]) -> tuple[PublicKey, ...]:
    """The public keys of ``--key``."""
    from manifest.signing.keys import load_public

    return tuple(load_public(read_key_file(p, max_bytes=_MAX_KEY), what=p) for p in paths)
