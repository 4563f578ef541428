"""``manifest verify`` as people and programs see it: golden files, JSON, streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from releases import FILES, Release, make_release

from manifest.cli import cli
from manifest.document.schema import schema_text
from manifest.signing.keys import KeyKind, PrivateKey, generate, public_pem

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return generate(KeyKind.ECDSA_P256)


@pytest.fixture
def release(tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch) -> Release:
    (tmp_path / "release").mkdir()
    (tmp_path / "key.pub").write_bytes(public_pem(key.public))
    monkeypatch.chdir(tmp_path)
    return make_release(tmp_path / "release", key)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["verify", "release", *arguments])


def test_a_release_as_signed_is_verified_without_what_it_does_not_need(release: Release) -> None:
    code = (
        "import sys\nfrom manifest.cli import cli\n"
        "try: cli.main(['verify', 'release', '--key', 'key.pub', '--quiet'])\n"
        "except SystemExit as end: code = end.code\n"
        "print(*sys.modules, file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=release.path.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    unwanted = {"asyncio", "concurrent.futures", "logging", "multiprocessing", "requests", "rich"}
    unwanted |= {f"manifest.{n}" for n in ("build", "draft", "lint", "licenses", "sign", "sources")}
    unwanted |= {
        "manifest.signing.certificates",
        "manifest.inventory.crew",
        "manifest.verify.owned",
    }
    assert loaded & unwanted == set()
    assert {"blake3", "cryptography", "jsonschema", "ruamel", "manifest.verify.run"} <= loaded


def broken(release: Release) -> None:
    data = bytearray(FILES["model.safetensors"])
    data[0] ^= 1
    (release.path / "model.safetensors").write_bytes(data)
    (release.path / "notes.txt").unlink()
    (release.path / "tokenizer/vocab naïve.txt").rename(release.path / "tokenizer/v.txt")
    (release.path / "link").symlink_to("/etc")
    (release.path / ".git").mkdir()


@pytest.mark.parametrize(
    ("name", "prepare", "arguments", "code"),
    [
        ("verified", None, ("--key", "key.pub"), 0),
        ("part", None, ("--key", "key.pub", "--component", "weights"), 0),
        ("different", broken, ("--key", "key.pub"), 5),
        ("nobody", None, (), 3),
        ("integrity", None, ("--integrity-only",), 0),
        ("other-release", None, ("--key", "key.pub", "--expect-name", "acme/large"), 3),
    ],
)
def test_golden_text(
    release: Release, name: str, prepare: object, arguments: tuple[str, ...], code: int
) -> None:
    if callable(prepare):
        prepare(release)
    result = run(*arguments)
    assert result.exit_code == code
    text = result.output.replace(release.key.public.fingerprint, "KEY")
    golden = GOLDEN / f"verify-{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_json_is_valid_and_alone_on_stdout(release: Release) -> None:
    schema = json.loads(schema_text("verify-report"))
    for prepare in (lambda _: None, broken):
        prepare(release)
        for arguments in (("--key", "key.pub"), (), ("--integrity-only", "--strict")):
            result = run(*arguments, "--format", "json")
            report = json.loads(result.stdout)
            jsonschema.Draft202012Validator(schema).validate(report)
            assert report["exit_code"] == result.exit_code
            assert result.stderr == ""
    assert report["result"] == "different"
    assert {p["kind"] for p in report["problems"]} == {
        "changed",
        "missing",
        "renamed",
        "link",
        "not-covered",
    }


def test_quiet_leaves_one_line(release: Release) -> None:
    result = run("--key", "key.pub", "--quiet")
    assert result.output.startswith("VERIFIED  acme/tiny 1.10: all 6 files (")
    assert result.output.endswith(") are exactly what was signed\n")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--key", "missing.pub"), "missing.pub"),
        (("--key", "release/notes.txt"), "release/notes.txt"),
        (("--root", "key.pub"), "key.pub"),
        (("--key", "key.pub", "--integrity-only"), "exclude each other"),
        (("--key", "key.pub", "--only", "*.bin"), "matches no signed file"),
    ],
)
def test_bad_calls_exit_2_and_say_why(
    release: Release, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "remedy" in result.stderr


def test_a_key_from_the_release_is_warned_about(release: Release, tmp_path: Path) -> None:
    """Who changes a release can change a key that lies in it."""
    (release.path / "signer.pub").write_bytes((tmp_path / "key.pub").read_bytes())
    result = run("--key", "release/signer.pub", "--ignore", "signer.pub")
    assert result.exit_code == 0
    assert "warning: the key release/signer.pub lies in the release" in result.stderr
    assert run("--key", "key.pub", "--ignore", "signer.pub").stderr == ""


def test_quiet_keeps_what_the_answer_leaves_out(release: Release) -> None:
    (release.path / ".git").mkdir()
    assert "not covered .git/" in run("--key", "key.pub", "--quiet").output


def test_json_keeps_the_bytes_of_a_name_that_is_not_utf8(release: Release) -> None:
    (release.path / os.fsdecode(b"caf\xe9")).touch()
    report = json.loads(run("--key", "key.pub", "--format", "json").stdout)
    assert [p["path"] for p in report["problems"]] == ["caf\\xe9"]


def test_no_network_and_no_terminal_are_needed(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("verify opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert run("--key", "key.pub").exit_code == 0
