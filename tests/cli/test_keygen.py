from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from manifest.cli.keygen import command
from manifest.signing.keys import KeyKind, load_private, load_public

Run = Callable[..., Result]

SECRET = "correct hörse"


def test_every_kind_of_key_can_be_made() -> None:
    option = next(p for p in command.params if p.name == "kind")
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == [kind.value for kind in KeyKind]
    assert option.default == KeyKind.ECDSA_P256


@pytest.mark.parametrize("kind", KeyKind)
def test_the_pair_fits_and_the_fingerprint_is_shown(
    run: Run, tmp_path: Path, kind: KeyKind
) -> None:
    result = run("keygen", "--type", kind, "--out", tmp_path / "k", "--no-passphrase")
    assert result.exit_code == 0
    private = load_private((tmp_path / "k").read_bytes())
    public = load_public((tmp_path / "k.pub").read_bytes())
    assert private.kind is public.kind is kind
    assert private.fingerprint == public.fingerprint
    assert f"fingerprint  {public.fingerprint}" in result.stdout
    assert "not encrypted" in result.stderr
    assert ("other OMS tools cannot verify" in result.stderr) is (kind is KeyKind.ED25519)


def test_the_private_key_is_for_its_owner_alone(run: Run, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        run("keygen", "--out", tmp_path / "k", "--no-passphrase")
    finally:
        os.umask(old)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600


def test_openssl_reads_what_is_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_SECRET", SECRET)
    result = run("keygen", "--out", tmp_path / "k", "--passphrase-env", "NEW_SECRET")
    assert result.exit_code == 0
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (tmp_path / "k").read_bytes()
    done = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "k", "-passin", "env:NEW_SECRET", "-pubout"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == (tmp_path / "k.pub").read_bytes()


def test_a_passphrase_too_long_for_the_key_format_is_refused(run: Run, tmp_path: Path) -> None:
    arguments = ("keygen", "--out", tmp_path / "k", "--passphrase-env", "LONG")
    result = run(*arguments, env={"LONG": "x" * 1024})
    assert (result.exit_code, "more than 1023 bytes" in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "k").exists()
    assert run(*arguments, env={"LONG": "x" * 1023}).exit_code == 0


def test_the_passphrase_is_asked_for_twice(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.cli.keygen.is_terminal", lambda: True)
    answers = f"mistake\n{SECRET}\n{SECRET}\n{SECRET}\n"
    result = run("keygen", "--out", tmp_path / "k", input=answers)
    assert result.exit_code == 0
    assert SECRET not in result.output
    pem = (tmp_path / "k").read_bytes()
    assert load_private(pem, passphrase=SECRET.encode()).kind is KeyKind.ECDSA_P256


def test_the_passphrase_comes_from_a_descriptor(run: Run, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, SECRET.encode() + b"\r\n")
    os.close(write)
    result = run("keygen", "--out", tmp_path / "k", "--passphrase-fd", read)
    os.close(read)
    assert (result.exit_code, result.stderr) == (0, "")
    key = load_private((tmp_path / "k").read_bytes(), passphrase=SECRET.encode())
    assert key.fingerprint in result.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no terminal to ask on"),
        (["--no-passphrase", "--passphrase-env", "HOME"], "exclude each other"),
        (["--passphrase-env", "NOT_SET_AT_ALL"], "empty or not set"),
        (["--type", "rsa", "--no-passphrase"], "'rsa' is not one of"),
    ],
    ids=["no-terminal", "with-and-without", "empty", "another-kind"],
)
def test_a_wrong_call_writes_nothing(
    run: Run, tmp_path: Path, options: list[str], words: str
) -> None:
    result = run("keygen", "--out", tmp_path / "k", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", ["k", "k.pub"])
def test_nothing_is_ever_overwritten(run: Run, tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    result = run("keygen", "--out", tmp_path / "k", "--no-passphrase")
    assert result.exit_code == 2
    assert "never overwritten" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_no_key_is_made_in_a_release(run: Run, small_release: Path) -> None:
    result = run("keygen", "--out", small_release / "k", "--no-passphrase")
    assert result.exit_code == 2
    assert "would be published" in result.stderr
    assert not (small_release / "k").exists()
