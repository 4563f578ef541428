"""Signing a model that is one file, and what the reference implementation makes of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from manifest.cli import cli
from manifest.errors import DocumentError, UndecidedError, UsageError
from manifest.sign import sign_file
from manifest.signing.keys import generate, private_pem, public_pem

KEY, OTHER = generate(), generate()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("model.bin").write_bytes(b"weights")
    Path("key.pem").write_bytes(private_pem(KEY, None))
    Path("key.pem").chmod(0o600)
    Path("key.pub").write_bytes(public_pem(KEY.public))
    return Path("model.bin")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_signed_as_the_specification_has_it(file: Path) -> None:
    result = sign_file(file, KEY)
    assert result.path == Path("model.bin.sig")
    bundle = json.loads(result.path.read_bytes())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    digest = hashlib.sha256(b"weights").hexdigest()
    assert statement["predicate"]["resources"] == [
        {"name": "model.bin", "algorithm": "sha256", "digest": digest}
    ]
    assert statement["subject"][0]["name"] == "model.bin"
    assert (result.sha256, result.size, result.fingerprint) == (digest, 7, KEY.fingerprint)


def test_by_command_and_back(file: Path) -> None:
    result = run("sign", "model.bin", "--key", "key.pem")
    assert result.exit_code == 0, result.output
    assert "written to   model.bin.sig" in result.stdout
    assert "the reference implementation writes a dot for that" in result.stderr
    assert run("verify", "model.bin", "--key", "key.pub").exit_code == 0
    again = run("sign", "model.bin", "--key", "key.pem", "--format", "json")
    assert json.loads(again.stdout)["replaced"] is True
    assert json.loads(again.stdout)["sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_signature_of_another_is_left(file: Path) -> None:
    sign_file(file, OTHER)
    before = Path("model.bin.sig").read_bytes()
    with pytest.raises(UsageError, match="is a signature by the key"):
        sign_file(file, KEY)
    assert Path("model.bin.sig").read_bytes() == before
    assert sign_file(file, KEY, force=True).replaced


def test_file_is_not_overwritten_by_its_signature(file: Path) -> None:
    with pytest.raises(UsageError, match="is the file that is to be signed"):
        sign_file(file, KEY, signature_path="model.bin", force=True)
    Path("link").symlink_to("model.bin")
    with pytest.raises(UsageError, match="is the file that is to be signed"):
        sign_file("link", KEY, signature_path=file, force=True)


def test_what_is_no_file(file: Path) -> None:
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match="is not a regular file"):
        sign_file("pipe", KEY)
    with pytest.raises(UndecidedError, match="cannot be read"):
        sign_file("absent", KEY)


def test_name_that_no_statement_holds(file: Path) -> None:
    file.rename("a\\b")
    with pytest.raises(DocumentError, match="backslash"):
        sign_file("a\\b", KEY)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give one of --key FILE, --sigstore"),
        (["--key", "key.pem", "--sigstore"], "give one of --key FILE, --sigstore"),
        (["--key", "key.pem", "--staging"], "belong to --sigstore"),
        (["--key", "key.pem", "--identity-token-env", "T"], "belong to --sigstore"),
        (["--key", "key.pem", "--manifest", "m"], "are for directories"),
        (["--sigstore", "--identity-token-env", "NO_SUCH_TOKEN"], "NO_SUCH_TOKEN is not set"),
    ],
)
def test_options_that_do_not_go_together(file: Path, options: list[str], words: str) -> None:
    result = run("sign", "model.bin", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not Path("model.bin.sig").exists()


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
def test_reference_implementation_and_one_file(file: Path) -> None:
    """It writes a dot and reads nothing else; we read it, and write what the specification says."""
    pytest.importorskip("OpenSSL")
    verifying = pytest.importorskip("model_signing.verifying")
    signing = pytest.importorskip("model_signing.signing")
    config = verifying.Config().use_elliptic_key_verifier(public_key=Path("key.pub"))
    ours = sign_file(file, KEY).path
    with pytest.raises(ValueError, match=r"mismatch|[Ee]xtra|[Mm]issing"):
        config.verify(file, ours)
    theirs = Path("theirs.sig")
    signing.Config().use_elliptic_key_signer(private_key=Path("key.pem")).sign(file, theirs)
    result = run("verify", "model.bin", "--key", "key.pub", "--signature", "theirs.sig")
    assert result.exit_code == 0, result.output
    assert "it does not say the file's name" in result.stdout
