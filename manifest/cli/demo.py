"""``manifest demo``: the project in one minute, on a release made on the spot."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifest.cli._common import paint, say, undone

if TYPE_CHECKING:
    from manifest.signing.keys import PrivateKey

_ANNOUNCED = (
    "README.md",
    "LICENSE",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "code/model.py",
    "code/exact.py",
    "code/generate.py",
)
"""What is left when a release is announced as most are: the weights, and enough to run them."""

_BOAST = "\nQuill is a fully open source language model.\n"


@click.command("demo", short_help="Make, sign, verify, lint and break a miniature release.")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def command(directory: Path | None) -> None:
    """Make a small language model that is open all the way, and show what this program says of it.

    With DIR the release and its public key stay there to be looked at; without, nothing stays.
    """
    with undone("the demo did not finish"), _workplace(directory) as place:
        _tell(place, kept=directory is not None)


@contextlib.contextmanager
def _workplace(directory: Path | None) -> Iterator[Path]:
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="manifest-demo-") as temporary:
            yield Path(temporary)
        return
    yield directory


def _tell(place: Path, *, kept: bool) -> None:
    from manifest.demo import make_release
    from manifest.demo.variants import on_another_machine, with_swapped_checkpoint
    from manifest.signing.keys import generate, public_pem

    full, announced = place / "quill-1.5k", place / "as-announced" / "quill-1.5k"
    _heading("1", "A publisher trains a model, describes it and signs it.")
    _step("train", "quill-1.5k, 1,526 parameters, in plain Python …")
    make_release(full, progress=_training_line)
    key = generate()
    (place / "publisher.pub").write_bytes(public_pem(key.public))
    _publish(full, key)

    _heading("2", "You ask: are these the files that were signed, and what do they give me?")
    _lint(full, verified_by=_verify(full, key))

    _heading("3", "The same model as most are announced: weights, a card, and a claim.")
    _announce(full, announced)
    _step("removed", "data, training and evaluation code, checkpoints, recipe, log, results")
    _step("added", f"to the card: “{_BOAST.strip()}”")
    _lint(announced)

    _heading("4", "You ask: was it really trained like that? You repeat a part of the training.")
    _step("segment", "steps 101 to 200, from the published checkpoint, data and code")
    _replay(full, key, "step100", "step200")
    machine = place / "another-machine" / "quill-1.5k"
    on_another_machine(full, machine)
    _sign_again(machine, key)
    _step("segment", "the same on a machine that adds in another order; a tolerance is declared")
    _replay(machine, key, "step100", "step200")

    _heading("5", "The publisher swaps a checkpoint for a fine-tuned one, and signs anew.")
    swapped = place / "swapped" / "quill-1.5k"
    with_swapped_checkpoint(full, swapped)
    _sign_again(swapped, key)
    _lint(swapped, verified_by=_verify(swapped, key), brief=True)
    _replay(swapped, key, "step200", "step300")

    _heading("6", "One bit of the weights is flipped on the way to you.")
    weights = bytearray((full / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (full / "model.safetensors").write_bytes(weights)
    _verify(full, key)
    if kept:
        weights[-1] ^= 1
        (full / "model.safetensors").write_bytes(weights)
        say()
        say(f"The release is in {full}, whole again; its key is {place / 'publisher.pub'}.")


def _publish(directory: Path, key: PrivateKey) -> None:
    from manifest.build import build, write_manifest
    from manifest.display import human_size, plural
    from manifest.sign import sign

    result = build(directory)
    write_manifest(directory, result)
    manifest = result.manifest
    files = plural(len(manifest.files), "file")
    _step("build", f"manifest.json: {files}, {human_size(manifest.total_size)}")
    _step("", f"root digest {manifest.root_digest[:32]}…")
    sign(directory, key)
    _step("sign", f"model.sig, by key {key.public.fingerprint[:32]}…")


def _verify(directory: Path, key: PrivateKey) -> str:
    """Print the verification; the signer's fingerprint when it is good, else empty."""
    from manifest.render.verify_text import render_verify
    from manifest.verify.run import verify

    report = verify(directory, keys=[key.public])
    _block("verify", render_verify(report, paint=paint, quiet=report.ok))
    return report.signer.fingerprint if report.ok and report.signer else ""


def _sign_again(directory: Path, key: PrivateKey) -> None:
    from manifest.build import build, write_manifest
    from manifest.sign import sign

    write_manifest(directory, build(directory))
    sign(directory, key)


def _replay(directory: Path, key: PrivateKey, start: str, end: str) -> None:
    """Repeat a segment where there is a sandbox, and say so where there is none."""
    from manifest.build.segments import segment_between
    from manifest.errors import UndecidedError
    from manifest.render.replay_text import render_replay
    from manifest.replay.copying import Release
    from manifest.replay.session import Options, plan_segments, run_segments, trusted_manifest
    from manifest.verify.run import verify

    verified = verify(directory, keys=[key.public], only=["release.yaml"])
    manifest = trusted_manifest(verified)
    release = Release(directory, {}, manifest)
    with tempfile.TemporaryDirectory(prefix="manifest-replay-") as out:
        segments = [segment_between(manifest, start, end)]
        options = Options(sys.executable)
        try:
            plan = plan_segments(verified, release, segments, Path(out), options)
            report = run_segments(plan, release)
        except UndecidedError as error:
            _step("replay", f"not shown: {error.message}")
            return
    _block("replay", render_replay(report, paint=paint, quiet=True))


def _lint(directory: Path, *, verified_by: str = "", brief: bool = False) -> None:
    from manifest.lint import VerificationStatus, VerificationSummary, load_release
    from manifest.lint.engine import lint
    from manifest.render.lint_text import render_lint_summary

    verification = None
    if verified_by:
        signer = f"by key {verified_by[:16]}…"
        verification = VerificationSummary(VerificationStatus.TRUSTED, signer=signer)
    report = lint(load_release(directory, verification=verification))
    text = render_lint_summary(report, paint=paint)
    _block("lint", text.split("\n\n", 1)[0] if brief else text)


def _announce(full: Path, announced: Path) -> None:
    for name in _ANNOUNCED:
        target = announced / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(full / name, target)
    with (announced / "README.md").open("a", encoding="utf-8") as card:
        card.write(_BOAST)


def _training_line(line: str) -> None:
    if line.startswith("train:"):
        _step("", line.removeprefix("train: "))


def _heading(number: str, text: str) -> None:
    if number != "1":
        say()
    say(paint(f"{number}  {text}", "bold"))


def _step(label: str, text: str) -> None:
    say(f"   {paint(f'{label:<8}', 'dim')}  {text}".rstrip())


def _block(label: str, text: str) -> None:
    for line in text.rstrip("\n").split("\n"):
        if line:
            _step(label, line)
        else:
            say()
        label = ""
