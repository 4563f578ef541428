"""A model that is one file: the name as the specification has it, ``.`` as the peer has it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from permissions import permissions_hold

from manifest.cli import cli
from manifest.signing import signer
from manifest.signing.keys import PrivateKey, public_pem
from manifest.signing.statement import build_statement
from manifest.verify.report import StepStatus
from manifest.verify.run import verify

DATA = b"weights"


@pytest.fixture
def file(tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("key.pub").write_bytes(public_pem(key.public))
    file = Path("model.bin")
    file.write_bytes(DATA)
    sign(key, {"model.bin": DATA})
    return file


def sign(key: PrivateKey, files: dict[str, bytes]) -> None:
    entries = [(name, hashlib.sha256(data).hexdigest()) for name, data in files.items()]
    Path("model.bin.sig").write_bytes(signer.sign_payload(build_statement("m", entries), key))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["verify", *arguments])


def test_file_and_the_signature_beside_it(file: Path) -> None:
    result = run("model.bin", "--key", "key.pub")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("VERIFIED  model.bin: the 1 file (7 B, sha256) is exactly")
    assert "warning" not in result.stdout


def test_changed(file: Path) -> None:
    file.write_bytes(b"Weights")
    result = run("model.bin", "--key", "key.pub")
    assert result.exit_code == 5
    assert "changed     model.bin" in result.stdout


def test_larger(file: Path) -> None:
    file.write_bytes(DATA + b"+")
    assert run("model.bin", "--key", "key.pub").exit_code == 5


def test_other_name(file: Path) -> None:
    file.rename("other.bin")
    result = run("other.bin", "--key", "key.pub", "--signature", "model.bin.sig")
    assert result.exit_code == 5
    assert "renamed     model.bin" in result.stdout
    assert "is now other.bin" in result.stdout


def test_link_that_the_user_named_is_followed(file: Path) -> None:
    file.rename("blob")
    file.symlink_to("blob")
    assert run("model.bin", "--key", "key.pub").exit_code == 0
    Path("blob").write_bytes(b"Weights")
    result = run("model.bin", "--key", "key.pub")
    assert result.exit_code == 5
    assert "changed     model.bin" in result.stdout


def test_signature_of_several_files(file: Path, key: PrivateKey) -> None:
    sign(key, {"model.bin": DATA, "other": b""})
    result = run("model.bin", "--key", "key.pub")
    assert result.exit_code == 3
    assert "the signature is of 2 files, and not of this one alone" in result.stdout


def test_no_signature(file: Path) -> None:
    Path("model.bin.sig").unlink()
    result = run("model.bin", "--key", "key.pub")
    assert result.exit_code == 3
    assert "model.bin.sig is missing" in result.stdout


def test_nobody_is_trusted(file: Path) -> None:
    assert run("model.bin").exit_code == 3
    assert run("model.bin", "--integrity-only").exit_code == 0


def test_pipe_for_a_file(file: Path) -> None:
    os.mkfifo("pipe")
    result = run("pipe", "--key", "key.pub", "--signature", "model.bin.sig")
    assert result.exit_code == 2
    assert "pipe" in result.stderr


@pytest.mark.parametrize(
    "option",
    [
        "--only=*",
        "--component=weights",
        "--manifest=m",
        "--expect-name=n",
        "--ignore=x",
        "--sample=3",
        "--strict",
    ],
)
def test_options_of_directories(file: Path, option: str) -> None:
    result = run("model.bin", "--key", "key.pub", option)
    assert result.exit_code == 2
    assert "is for directories" in result.stderr


def test_steps_of_a_file_with_another_name_and_of_one_that_cannot_be_read(
    file: Path, key: PrivateKey
) -> None:
    file.rename("other.bin")
    report = verify("other.bin", keys=[key.public], signature_path="model.bin.sig")
    assert report.files_expected == 1
    (step,) = (s for s in report.steps if s.name == "tree")
    assert (step.status, step.detail) == (StepStatus.FAILED, "the file has another name")
    Path("other.bin").rename("stored")
    Path("model.bin").symlink_to("stored")
    Path("stored").chmod(0)
    with permissions_hold():
        report = verify("model.bin", keys=[key.public])
    assert report.exit_code == 4
    assert [u.path for u in report.undecided] == ["model.bin"]


def test_signature_that_is_not_read_is_named_by_its_option(file: Path) -> None:
    Path("model.bin.sig").unlink()
    os.mkfifo("model.bin.sig")
    result = run("model.bin", "--key", "key.pub")
    assert result.exit_code == 2
    assert "--signature model.bin.sig" in result.stderr
