"""``manifest replay``: a segment of the training repeated, and compared with what was published."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifest.cli._common import (
    echo_json,
    format_option,
    note,
    paint,
    quiet_option,
    release_argument,
    root_dir_option,
    undone,
)
from manifest.cli._receipts import attest_options, attesting_key
from manifest.cli._trust import (
    check_identities,
    load_authorities,
    load_crls,
    load_keys,
    load_sigstore,
    trust_options,
)
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.replay.report import ReplayReport
    from manifest.signing.keys import PrivateKey

_DAY = 86_400
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"([0-9]{1,15})([kMGT]?)B?", value)
    if match is None or int(match[1]) == 0:
        raise click.BadParameter(f"{value!r} is not a size, as 500MB or 16GB", ctx, param)
    return int(match[1]) * _UNITS[match[2]]


@click.command("replay", short_help="Repeat a segment of the training and compare.")
@release_argument()
@click.option("--from", "start", metavar="NAME", help="The checkpoint to begin with.")
@click.option("--to", "end", metavar="NAME", help="The checkpoint to arrive at.")
@click.option(
    "--random",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Repeat N segments drawn at random instead, each from a checkpoint to the next.",
)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="A new directory for the result: the report, the log, the checkpoint that came out.",
)
@click.option(
    "--run",
    "really",
    is_flag=True,
    help="Run the publisher's command; without this it is only shown.",
)
@click.option(
    "--key", "keys", multiple=True, metavar="PUB", help="A public key that is trusted; repeatable."
)
@trust_options()
@click.option("--integrity-only", is_flag=True, help="Accept that nobody is vouched for.")
@click.option(
    "--python",
    metavar="PROGRAM",
    help="The Python to run with, as of an environment made from the lock file; this one's by default.",
)
@click.option(
    "--show-dir",
    "shown",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further directory that the command may read, as /opt/cuda; repeatable.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="A device that it may use, as /dev/nvidia0; repeatable.",
)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=_DAY,
    show_default=True,
    metavar="SECONDS",
    help="Stop it after this time.",
)
@click.option("--memory", callback=_bytes, metavar="SIZE", help="Stop it above this memory.")
@click.option("--disk", callback=_bytes, metavar="SIZE", help="Stop it when it writes more.")
@click.option(
    "--no-sandbox",
    is_flag=True,
    help="Run it without a sandbox, with all your rights.",
)
@click.option(
    "--manifest", "manifest_path", metavar="FILE", help="The manifest, when it lies elsewhere."
)
@click.option("--signature", "signature_path", metavar="FILE", help="The signature, likewise.")
@root_dir_option()
@attest_options(
    "Write here what came of it, signed, for signatures/ (in-toto attestation).",
)
@format_option("text", "json")
@quiet_option()
def command(
    directory: Path,
    *,
    start: str | None,
    end: str | None,
    count: int | None,
    out: Path,
    really: bool,
    keys: tuple[str, ...],
    root_certificates: tuple[str, ...],
    crls: tuple[str, ...],
    cert_identities: tuple[str, ...],
    tsa_roots: tuple[str, ...],
    identity: str | None,
    identity_issuer: str | None,
    trusted_root: str | None,
    staging: bool,
    integrity_only: bool,
    python: str | None,
    shown: tuple[Path, ...],
    devices: tuple[Path, ...],
    seconds: float,
    memory: int | None,
    disk: int | None,
    no_sandbox: bool,
    manifest_path: str | None,
    signature_path: str | None,
    roots: dict[str, Path],
    attest: Path | None,
    attest_key: str | None,
    passphrase_fd: int | None,
    passphrase_env: str | None,
    output_format: str,
    quiet: bool,
) -> None:
    """Repeat the training in DIR from one checkpoint to another, and compare the result.

    The signature is checked first; then every file that the command reads is copied and held
    against the manifest. The command of release.yaml (training.replay) runs in a sandbox without
    network, which shows it neither the release nor the checkpoint that it should arrive at. What
    comes out is compared bit for bit, or within the tolerance that the publisher declared.

    Without --run nothing is run: the command is shown, with all that it would read and write.
    """
    from manifest.build.segments import segment_between
    from manifest.render.replay_json import replay_plain
    from manifest.render.replay_text import render_replay, render_replay_plan
    from manifest.render.verify_text import render_verify
    from manifest.replay.copying import Release
    from manifest.replay.session import (
        Options,
        draw_segments,
        plan_segments,
        run_segments,
        trusted_manifest,
    )
    from manifest.verify.run import verify

    if (start is None or end is None) == (count is None) or (start is None) != (end is None):
        raise click.UsageError("give --from and --to, or --random")
    if attest is not None and not really:
        raise click.UsageError("--attest needs --run: nothing is attested that was not run")
    signing = attesting_key(directory, attest, attest_key, passphrase_fd, passphrase_env)
    verified = verify(
        directory,
        keys=load_keys(keys),
        certificate_roots=load_authorities(root_certificates),
        revocation_lists=load_crls(crls, roots=root_certificates),
        certificate_identities=check_identities(cert_identities, roots=root_certificates),
        sigstore=load_sigstore(
            identity, identity_issuer, trusted_root=trusted_root, staging=staging
        ),
        timestamp_roots=load_authorities(tsa_roots),
        integrity_only=integrity_only,
        only=("release.yaml",),
        manifest_path=manifest_path,
        signature_path=signature_path,
    )
    if not verified.ok:
        click.echo(render_verify(verified, paint=paint), nl=False)
        click.get_current_context().exit(verified.exit_code)
    if os.path.lexists(out):
        raise click.UsageError(f"{printable(str(out))} exists: --out names a new directory")
    out = out.absolute()
    manifest = trusted_manifest(verified)
    options = Options(
        python=python or sys.executable,
        sandboxed=not no_sandbox,
        shown=tuple(os.fspath(path.absolute()) for path in shown),
        devices=tuple(os.fspath(path.absolute()) for path in devices),
        seconds=seconds,
        memory_bytes=memory,
        output_bytes=disk,
    )
    release = Release(directory, roots, manifest)
    drawn = None
    if count is not None:
        segments, drawn = draw_segments(verified, count)
    else:
        segments = (segment_between(manifest, start or "", end or ""),)
    report = plan_segments(verified, release, segments, out, options, drawn=drawn)
    if really:
        with undone("the segment was not repeated"):
            report = run_segments(report, release, told=None if quiet else note)
            _keep(report, out)
        if attest is not None and signing is not None:
            _attest(report, attest, signing)
    if output_format == "json":
        echo_json(replay_plain(report))
    elif really:
        click.echo(render_replay(report, paint=paint, quiet=quiet), nl=False)
    else:
        click.echo(render_replay_plan(report, paint=paint), nl=False)
    click.get_current_context().exit(report.exit_code)


def _keep(report: ReplayReport, out: Path) -> None:
    """Write the report, and a drawing of the differences where there are any."""
    from manifest.atomic import write_atomically
    from manifest.render.replay_json import replay_plain
    from manifest.render.replay_svg import render_replay_svg

    plain = json.dumps(replay_plain(report), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(out / "report.json", f"{plain}\n".encode("utf-8", "backslashreplace"))
    for outcome in report.outcomes:
        if outcome.comparison is not None and outcome.comparison.exponents:
            drawing = render_replay_svg(outcome).encode("utf-8", "backslashreplace")
            write_atomically(outcome.plan.place / "differences.svg", drawing)


def _attest(report: ReplayReport, path: Path, key: PrivateKey) -> None:
    from manifest.atomic import write_atomically
    from manifest.document.replay_statement import dump_replay_statement
    from manifest.replay.attestation import statement_of
    from manifest.signing.signer import sign_payload

    write_atomically(path, sign_payload(dump_replay_statement(statement_of(report)), key))
    note(f"the attestation is in {printable(str(path))}")
