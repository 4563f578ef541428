"""``--attest`` and what belongs to it: a signed receipt of a verification."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from manifest.cli._common import note, passphrase_options
from manifest.display import printable

if TYPE_CHECKING:
    from manifest.policy import Policy
    from manifest.signing.keys import PrivateKey
    from manifest.verify.report import VerifyReport

__all__ = ["Receipt", "receipt_of", "receipt_options"]

F = TypeVar("F", bound=Callable[..., Any])


def receipt_options() -> Callable[[F], F]:
    """``--attest``, ``--attest-key``, ``--verifier``, ``--resource``, and for the passphrase."""
    options = (
        click.option(
            "--attest",
            metavar="OUT",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write a signed receipt (SLSA verification summary), and OUT.report.json.",
        ),
        click.option("--attest-key", metavar="FILE", help="Your private key, for --attest."),
        click.option("--verifier", metavar="URI", help="Who verified; for --attest."),
        click.option(
            "--resource", metavar="URI", help="Where the release comes from; for --attest."
        ),
        passphrase_options("the passphrase of --attest-key"),
    )

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Receipt:
    """A receipt that is to be written when the answer is known."""

    def __init__(
        self, out: Path, key: PrivateKey, verifier: str | None, resource: str | None
    ) -> None:
        self._out, self._key = out, key
        self._verifier, self._resource = verifier, resource

    def write(
        self,
        report: VerifyReport,
        rendered: bytes,
        policy: Policy | None,
        options: Mapping[str, Any],
    ) -> None:
        """Sign and write it, and the report beside it; the report first.

        Args:
            report: The verification.
            rendered: The report as JSON.
            policy: What it was verified by.
            options: What was asked, where there is no policy.
        """
        from manifest.atomic import write_atomically
        from manifest.receipts import VERIFIER, AppliedPolicy, build_receipt
        from manifest.signing.signer import sign_payload

        applied = AppliedPolicy.of_options(options)
        if policy is not None:
            applied = AppliedPolicy(quote(Path(policy.name).name), policy.digest)

        payload = build_receipt(
            report,
            rendered,
            policy=applied,
            at=dt.datetime.now(dt.UTC),
            verifier=self._verifier or VERIFIER,
            resource=self._resource or "",
        )
        write_atomically(self._out.with_name(f"{self._out.name}.report.json"), rendered)
        write_atomically(self._out, sign_payload(payload, self._key))
        note(f"the receipt is in {printable(str(self._out))}")


def receipt_of(
    directory: Path,
    attest: Path | None,
    attest_key: str | None,
    verifier: str | None,
    resource: str | None,
    passphrase_fd: int | None,
    passphrase_env: str | None,
) -> Receipt | None:
    """The receipt that was asked for; its key is read before anything is verified.

    Raises:
        click.UsageError: Options are missing, or the receipt would lie in the release.
    """
    if attest is None:
        if attest_key or verifier or resource:
            option = "--attest-key" if attest_key else "--verifier" if verifier else "--resource"
            raise click.UsageError(f"{option} needs --attest")
        return None
    if attest_key is None:
        raise click.UsageError("--attest needs --attest-key FILE, a private key that signs it")
    inside = Path(os.path.realpath(directory))
    if inside in (place := Path(os.path.realpath(attest.parent)), *place.parents):
        raise click.UsageError(
            "--attest lies in the release, where the report beside it would be a file that nobody "
            "signed; write it elsewhere, and put the receipt into signatures/ to publish it"
        )
    from manifest.cli._signers import load_key

    key = load_key(attest_key, directory, passphrase_fd, passphrase_env)
    return Receipt(attest, key, verifier, resource)
