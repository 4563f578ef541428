"""``--attest`` and what belongs to it: something that a user signs of what was found."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
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

__all__ = ["Receipt", "attest_options", "attesting_key", "receipt_of", "receipt_options"]

F = TypeVar("F", bound=Callable[..., Any])


def attest_options(words: str) -> Callable[[F], F]:
    """``--attest``, ``--attest-key``, and for its passphrase."""
    options = (
        click.option(
            "--attest",
            metavar="OUT",
            type=click.Path(path_type=Path, dir_okay=False),
            help=words,
        ),
        click.option("--attest-key", metavar="FILE", help="Your private key, for --attest."),
        passphrase_options("the passphrase of --attest-key"),
    )
    return _all(options)


def receipt_options() -> Callable[[F], F]:
    """The options of `attest_options`, ``--verifier`` and ``--resource``."""
    return _all(
        (
            attest_options(
                "Write a signed receipt (SLSA verification summary), and OUT.report.json."
            ),
            click.option("--verifier", metavar="URI", help="Who verified; for --attest."),
            click.option(
                "--resource", metavar="URI", help="Where the release comes from; for --attest."
            ),
        )
    )


def _all(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def attesting_key(
    directory: Path,
    attest: Path | None,
    attest_key: str | None,
    passphrase_fd: int | None,
    passphrase_env: str | None,
) -> PrivateKey | None:
    """The key of ``--attest-key``; None where nothing is attested.

    Raises:
        click.UsageError: One of the two is missing, or the file would lie in the release.
    """
    if attest is None:
        if attest_key:
            raise click.UsageError("--attest-key needs --attest")
        return None
    if attest_key is None:
        raise click.UsageError("--attest needs --attest-key FILE, a private key that signs it")
    inside = Path(os.path.realpath(directory))
    if inside in (place := Path(os.path.realpath(attest.parent)), *place.parents):
        raise click.UsageError(
            "--attest lies in the release: write it elsewhere, and put it into signatures/ to "
            "publish it"
        )
    from manifest.cli._signers import load_key

    return load_key(attest_key, directory, passphrase_fd, passphrase_env)


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
    if attest is None and (verifier or resource):
        raise click.UsageError(f"{'--verifier' if verifier else '--resource'} needs --attest")
    key = attesting_key(directory, attest, attest_key, passphrase_fd, passphrase_env)
    return Receipt(attest, key, verifier, resource) if attest is not None and key else None
