"""``manifest verify``: are these the files that were signed?"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifest.cli._cache import digest_cache
from manifest.cli._common import (
    format_option,
    paint,
    quiet_option,
    release_argument,
    root_dir_option,
    scheduler_option,
    undone,
    warn,
    workers,
)
from manifest.cli._receipts import receipt_of, receipt_options
from manifest.cli._trust import (
    check_identities,
    load_authorities,
    load_crls,
    load_keys,
    load_sigstore,
    replayer_option,
    trust_options,
)
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.policy import Policy
    from manifest.signing.keys import PublicKey
    from manifest.verify.report import VerifyReport

_STATE_HELP = "What --policy accepted before, instead of the file in your state directory."


@click.command("verify", short_help="Check that these are the files that were signed.")
@release_argument(or_file=True)
@click.option(
    "--key", "keys", multiple=True, metavar="PUB", help="A public key that is trusted; repeatable."
)
@trust_options()
@click.option(
    "--policy",
    metavar="FILE",
    help="Decide by this trust policy; --key then brings keys that it names, or one to pin.",
)
@click.option("--state", metavar="FILE", type=click.Path(path_type=Path), help=_STATE_HELP)
@click.option("--no-state-update", is_flag=True, help="Do not remember what --policy accepts.")
@click.option(
    "--integrity-only",
    is_flag=True,
    help="Accept that nobody is vouched for; exits 0 if files match.",
)
@click.option("--strict", is_flag=True, help="Refuse what is there and not covered, as .git.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="NAME",
    help="Check only this checkpoint; repeatable.",
)
@click.option("--only", multiple=True, metavar="GLOB", help="Check only these files; repeatable.")
@click.option(
    "--component",
    "components",
    multiple=True,
    metavar="NAME",
    help="Check only this component, as weights; repeatable.",
)
@click.option(
    "--tensor",
    "tensors",
    multiple=True,
    metavar="NAME",
    help="Check only this tensor of the weights, reading no more than it needs; repeatable.",
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
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Hash N random files of each inventory, and say what that may have missed.",
)
@root_dir_option()
@click.option(
    "--trust-cache",
    is_flag=True,
    help="Do not read files that this machine has hashed and that were left alone since.",
)
@scheduler_option()
@replayer_option()
@receipt_options()
@format_option()
@quiet_option()
def command(
    directory: Path,
    keys: tuple[str, ...],
    root_certificates: tuple[str, ...],
    crls: tuple[str, ...],
    cert_identities: tuple[str, ...],
    tsa_roots: tuple[str, ...],
    identity: str | None,
    identity_issuer: str | None,
    trusted_root: str | None,
    staging: bool,
    policy: str | None,
    state: Path | None,
    no_state_update: bool,
    integrity_only: bool,
    strict: bool,
    only: tuple[str, ...],
    components: tuple[str, ...],
    checkpoints: tuple[str, ...],
    tensors: tuple[str, ...],
    manifest_path: str | None,
    signature_path: str | None,
    expect_name: str | None,
    expect_version: str | None,
    ignore: tuple[str, ...],
    digest: str,
    sample: int | None,
    roots: dict[str, Path],
    replayers: tuple[str, ...],
    attest: Path | None,
    attest_key: str | None,
    verifier: str | None,
    resource: str | None,
    passphrase_fd: int | None,
    passphrase_env: str | None,
    trust_cache: bool,
    scheduler: str | None,
    output_format: str,
    quiet: bool,
) -> None:
    """Check that the files in DIR are those that were signed.

    The signature is checked first, then what it says, then manifest.json, then every byte.
    Without --policy, --key, --root or --identity nobody is vouched for, and the answer is no unless
    --integrity-only accepts that. Nothing is fetched. A model that is one FILE is verified by
    the signature beside it, FILE.sig, or by the one given.
    """
    from manifest.cli._progress import progress_bar
    from manifest.verify.run import verify

    trusted = load_keys(keys)
    authorities = load_authorities(root_certificates)
    lists = load_crls(crls, roots=root_certificates)
    names = check_identities(cert_identities, roots=root_certificates)
    sigstore = load_sigstore(identity, identity_issuer, trusted_root=trusted_root, staging=staging)
    if trust_cache and scheduler is not None:
        raise click.UsageError("--trust-cache and --scheduler exclude each other")
    _warn_of_keys_inside(directory, (*keys, *replayers, *root_certificates, *tsa_roots))
    if policy is None and (state is not None or no_state_update):
        option = "--no-state-update" if state is None else "--state"
        raise click.UsageError(f"{option} needs --policy")
    if policy is not None and (authorities or sigstore or tsa_roots):
        raise click.UsageError(
            "--policy says who is trusted: leave out --root, --identity and such"
        )
    signing = (attest_key, verifier, resource, passphrase_fd, passphrase_env)
    receipt = receipt_of(directory, attest, *signing)
    rules = None
    if policy is not None:
        from manifest.policy import load_policy

        rules = load_policy(policy, keys=trusted)
    with (
        undone("the release was not verified"),
        workers(scheduler) as executor,
        digest_cache(wanted=trust_cache) as cache,
        progress_bar("Verifying", quiet=quiet) as bar,
    ):
        ask = partial(verify, keys=trusted)
        if rules is not None:
            ask = partial(_by_policy, rules, trusted, state, update=not no_state_update)
        report = ask(
            directory,
            certificate_roots=authorities,
            revocation_lists=lists,
            certificate_identities=names,
            sigstore=sigstore,
            timestamp_roots=load_authorities(tsa_roots),
            integrity_only=integrity_only,
            strict=strict,
            only=only,
            components=components,
            checkpoints=checkpoints,
            tensors=tensors,
            manifest_path=manifest_path,
            signature_path=signature_path,
            expect_name=expect_name,
            expect_version=expect_version,
            ignore=ignore,
            roots=roots,
            digest=digest,
            sample=sample,
            replayers=load_keys(replayers),
            executor=executor,
            cache=cache,
            progress=bar.advance,
            on_total=bar.expect,
        )
    if receipt is not None:
        from manifest.render.verify_json import render_verify_json

        asked = {
            "keys": [key.fingerprint for key in trusted],
            "root_certificates": [root.fingerprint for root in authorities],
            "certificate_identities": list(names),
            "identities": [[identity, identity_issuer]] if sigstore else [],
            "integrity_only": integrity_only,
            "strict": strict,
            "ignore": list(ignore),
            "digest": digest,
        }
        receipt.write(report, render_verify_json(report).encode(), rules, asked)
    if output_format == "json":
        from manifest.render.verify_json import render_verify_json

        click.echo(render_verify_json(report), nl=False)
    else:
        from manifest.render.verify_text import render_verify

        click.echo(render_verify(report, paint=paint, quiet=quiet), nl=False)
    click.get_current_context().exit(report.exit_code)


def _by_policy(
    policy: Policy,
    keys: tuple[PublicKey, ...],
    state: Path | None,
    directory: Path,
    *,
    update: bool,
    signature_path: str | None,
    **options: Any,
) -> VerifyReport:
    """The verification by a policy, with the options of `manifest.verify.run.verify`."""
    from manifest.policy import decide
    from manifest.policy.state import default_state_path

    return decide(
        policy,
        directory,
        keys=keys,
        state_path=state or default_state_path(),
        update=update,
        signature_path=signature_path,
        options=options,
    ).report


def _warn_of_keys_inside(directory: Path, paths: tuple[str, ...]) -> None:
    inside = Path(os.path.realpath(directory))
    for path in paths:
        if inside in Path(os.path.realpath(path)).parents:
            warn(
                f"the key {printable(path)} lies in the release: who changed one could change both",
                remedy="take the key from where its owner publishes it",
            )
