"""What is given to `manifest verify` beside the release: signatures, lists, identities.

A file that the user names is theirs; what lies there may be another's all the same.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from manifest.cli import cli

if TYPE_CHECKING:
    from releases import Release

OMS = Path(__file__).parents[1] / "data" / "oms"
PUBLISHED = Path(__file__).parents[1] / "data" / "oms-published"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def directory(path: Path) -> None:
    path.mkdir()


def terminal(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("hidden"))
    path.symlink_to("hidden")


@pytest.mark.parametrize("option", ["--signature", "--manifest"])
@pytest.mark.parametrize("place", [".git", ".."])
@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        pytest.param(pipe, 2, "is not a regular file", id="pipe"),
        pytest.param(link_to_pipe, 2, "is not a regular file", id="link-to-a-pipe"),
        pytest.param(terminal, 2, "is not a regular file", id="device"),
        pytest.param(directory, 2, "is a directory", id="directory"),
        pytest.param(bound_socket, 4, "cannot be read", id="socket"),
    ],
)
def test_nothing_is_waited_for(
    release: Release, option: str, place: str, make: Callable[[Path], None], code: int, words: str
) -> None:
    (release.path / place).mkdir(exist_ok=True)
    given = release.path / place / "given"
    make(given)
    # In a process of its own: one that waits can be ended.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "manifest", "verify", str(release.path)),
            *("--key", str(release.path.parent / "key.pub"), option, str(given)),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if option == "--signature" and place == ".git" and make is not directory:
        code, words = 3, "is not a regular file"  # found by the walk, before it is opened
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["verify", *arguments])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--crl", "x"], "--crl needs --root"),
        (["--cert-identity", "email:a@b.org"], "--cert-identity needs --root"),
        (["--root", str(OMS / "root.pem"), "--cert-identity", "a@b.org"], "which kind of name"),
        (["--root", str(OMS / "root.pem"), "--cert-identity", "email:"], "which kind of name"),
        (["--root", str(OMS / "root.pem"), "--crl", str(OMS / "root.pem")], "revocation list"),
        (["--identity", "a@b.org"], "belong together"),
        (["--identity-issuer", "https://b.org"], "belong together"),
        (["--identity", "", "--identity-issuer", ""], "belong together"),
        (["--staging"], "--staging needs --identity"),
        (["--trusted-root", "x"], "--trusted-root needs --identity"),
        (
            ["--identity", "a", "--identity-issuer", "b", "--staging", "--trusted-root", "x"],
            "exclude each other",
        ),
        (
            ["--identity", "a", "--identity-issuer", "b", "--trusted-root", str(OMS / "p256.pub")],
            "p256.pub",
        ),
        (["--integrity-only", "--identity", "a", "--identity-issuer", "b"], "exclude each other"),
    ],
)
def test_half_a_question_is_no_question(release: Release, arguments: list[str], words: str) -> None:
    result = run(str(release.path), *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_identity_is_of_no_use_for_a_key(release: Release) -> None:
    result = run(str(release.path), "--identity", "a@b.org", "--identity-issuer", "https://b.org")
    assert result.exit_code == 3
    assert "was made with a key" in result.stdout
    assert "no key is given to check it" in result.stdout


KEYLESS = [str(PUBLISHED / "v1.0.0-sigstore"), "--identity-issuer"]
ISSUER = "https://sigstore.verify.ibm.com/oauth2"


def test_keyless_signer_is_named() -> None:
    result = run(*KEYLESS, ISSUER, "--identity", "stefanb@us.ibm.com")
    assert result.exit_code == 0, result.output
    assert f"signed by   stefanb@us.ibm.com, vouched for by {ISSUER} (ecdsa-p256)" in result.stdout


def test_keyless_signature_by_someone_else() -> None:
    result = run(*KEYLESS, ISSUER, "--identity", "me@example.org")
    assert result.exit_code == 3
    assert "is by stefanb@us.ibm.com" in result.stdout


def test_keyless_signature_of_the_staging_instance_it_is_not() -> None:
    result = run(*KEYLESS, ISSUER, "--identity", "stefanb@us.ibm.com", "--staging")
    assert result.exit_code == 3
    assert "does not verify as a keyless signature" in result.stdout


class TestAuthority:
    """The certificate of ``cert.sig``, whose authority's keys are gone, and ones made here."""

    def test_identity_that_the_certificate_holds(self) -> None:
        options = ["--root", str(OMS / "root.pem"), "--signature", str(OMS / "cert.sig")]
        result = run(str(OMS / "model"), *options, "--cert-identity", "subject:CN=signer")
        assert result.exit_code == 0, result.output
        other = run(str(OMS / "model"), *options, "--cert-identity", "email:me@example.org")
        assert other.exit_code == 3
        assert "names subject:CN=signer, and not email:me@example.org" in other.stdout

    def test_list_of_another_authority(self, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stranger")])
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name)
            .last_update(now - dt.timedelta(days=1))
            .next_update(now + dt.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "lists.crl"
        path.write_bytes(made.public_bytes(serialization.Encoding.DER))
        result = run(
            str(OMS / "model"),
            "--root",
            str(OMS / "root.pem"),
            "--signature",
            str(OMS / "cert.sig"),
            "--crl",
            str(path),
        )
        assert result.exit_code == 3
        assert "is revoked is not known: no list given is by" in result.stdout
