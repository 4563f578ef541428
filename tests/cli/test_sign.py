from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from manifest.build import build, write_manifest
from manifest.sign import write_key_pair
from manifest.signing.keys import KeyKind, PrivateKey, generate, load_public
from manifest.signing.verification import verify_signature

Run = Callable[..., Result]

KEY = generate()
SECRET = b"correct horse"


@pytest.fixture
def built(small_release: Path) -> Path:
    write_manifest(small_release, build(small_release))
    return small_release


@pytest.fixture
def clear(tmp_path: Path) -> Path:
    return write_key_pair(tmp_path / "clear", KEY, None)[0]


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    return write_key_pair(tmp_path / "encrypted", KEY, SECRET)[0]


@pytest.fixture
def secret_fd() -> Iterator[int]:
    read, write = os.pipe()
    os.write(write, SECRET + b"\n")
    os.close(write)
    yield read
    os.close(read)


def is_signed(release: Path, key: PrivateKey = KEY) -> bool:
    data = (release / "model.sig").read_bytes()
    return verify_signature(data, keys=[key.public]).signer.kind is key.kind  # type: ignore[union-attr]


def test_the_summary_is_this(run: Run, built: Path, clear: Path) -> None:
    result = run("sign", built, "--key", clear)
    assert (result.exit_code, result.stderr) == (0, "")
    digest = json.loads((built / "manifest.json").read_text())["root_digest"]
    assert result.stdout == (
        "signed       acme/tiny 1.10: 9 files, 488 B\n"
        f"root digest  {digest}\n"
        f"key          {KEY.fingerprint} (ecdsa-p256)\n"
        f"written to   {built}/model.sig\n"
    )
    assert is_signed(built)
    assert "replaced     " in run("sign", built, "--key", clear).stdout


def test_the_report_for_programs(run: Run, built: Path, clear: Path) -> None:
    report = json.loads(run("sign", built, "--key", clear, "--format", "json").stdout)
    assert report["signature"] == f"{built}/model.sig"
    assert report["file_count"] == 9
    assert report["key"] == {"type": "ecdsa-p256", "fingerprint": KEY.fingerprint}


@pytest.mark.parametrize("kind", KeyKind)
def test_every_kind_of_key_signs(run: Run, built: Path, tmp_path: Path, kind: KeyKind) -> None:
    key = generate(kind)
    private, _ = write_key_pair(tmp_path / "k", key, None)
    result = run("sign", built, "--key", private, "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert ("reference implementation" in result.stderr) is (kind is KeyKind.ED25519)
    assert is_signed(built, key)


def test_the_passphrase_comes_from_a_descriptor(
    run: Run, built: Path, encrypted: Path, secret_fd: int
) -> None:
    result = run("sign", built, "--key", encrypted, "--passphrase-fd", secret_fd)
    assert result.exit_code == 0
    assert is_signed(built)


def test_the_passphrase_comes_from_the_environment(
    run: Run, built: Path, encrypted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_SECRET", SECRET.decode())
    result = run("sign", built, "--key", encrypted, "--passphrase-env", "SIGNING_SECRET")
    assert result.exit_code == 0
    assert SECRET.decode() not in result.output


def test_the_passphrase_is_asked_for_on_a_terminal(
    run: Run, built: Path, encrypted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.cli._signers.is_terminal", lambda: True)
    result = run("sign", built, "--key", encrypted, input=SECRET.decode() + "\n")
    assert result.exit_code == 0
    assert "Passphrase for" in result.stderr
    assert SECRET.decode() not in result.output


BAD_PASSPHRASES: dict[str, tuple[list[str], str]] = {
    "wrong": (["--passphrase-env", "WRONG"], "the passphrase is wrong"),
    "not-set": (["--passphrase-env", "NOT_SET_AT_ALL"], "is empty or not set"),
    "closed-descriptor": (["--passphrase-fd", "987"], "file descriptor 987: Bad file descriptor"),
    "both": (["--passphrase-env", "WRONG", "--passphrase-fd", "0"], "exclude each other"),
    "none-and-no-terminal": ([], "no terminal to ask"),
}


@pytest.mark.parametrize(("options", "words"), BAD_PASSPHRASES.values(), ids=BAD_PASSPHRASES)
def test_without_the_passphrase_nothing_is_signed(
    run: Run,
    built: Path,
    encrypted: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("WRONG", "battery staple")
    result = run("sign", built, "--key", encrypted, *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "staple" not in result.output
    assert not (built / "model.sig").exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 5000], ids=["empty", "newline", "endless"])
def test_a_descriptor_must_hold_a_passphrase(
    run: Run, built: Path, encrypted: Path, content: bytes
) -> None:
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    result = run("sign", built, "--key", encrypted, "--passphrase-fd", read)
    os.close(read)
    assert result.exit_code == 2
    assert f"file descriptor {read}: " in result.stderr


def test_a_key_may_come_through_a_pipe(built: Path, clear: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "manifest", "sign", built, "--key", "/dev/stdin"],
        input=clear.read_bytes(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert is_signed(built)


def test_a_key_in_the_release_is_refused(run: Run, small_release: Path, clear: Path) -> None:
    inside = small_release / "data" / "key.pem"
    inside.write_bytes(clear.read_bytes())
    write_manifest(small_release, build(small_release))
    result = run("sign", small_release, "--key", inside)
    assert result.exit_code == 2
    assert "would be published with it" in result.stderr
    assert not (small_release / "model.sig").exists()


BAD_KEYS = {
    "missing": (None, "cannot be read: No such file"),
    "directory": ("directory", "Is a directory"),
    "public": ("public", "holds a public key, and a private key is needed"),
    "nonsense": (b"hello", "is not a PEM file"),
    "huge": (b"x" * 100_000, "too large to be a key"),
}


@pytest.mark.parametrize(("content", "words"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_what_is_no_private_key_is_refused(
    run: Run, built: Path, clear: Path, tmp_path: Path, content: bytes | str | None, words: str
) -> None:
    path = tmp_path / "bad"
    if content == "directory":
        path.mkdir()
    elif content == "public":
        path = clear.with_name("clear.pub")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    result = run("sign", built, "--key", path)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (built / "model.sig").exists()


def test_a_key_that_others_can_read_is_warned_of(run: Run, built: Path, clear: Path) -> None:
    clear.chmod(0o644)
    result = run("sign", built, "--key", clear)
    assert result.exit_code == 0
    assert "other users of this machine can read it" in result.stderr
    assert f"chmod 600 '{clear}'" in result.stderr or f"chmod 600 {clear}" in result.stderr


def test_a_tree_that_no_longer_matches_is_exit_code_five(
    run: Run, built: Path, clear: Path
) -> None:
    (built / "tokenizer.json").write_text("[]")
    result = run("sign", built, "--key", clear)
    assert result.exit_code == 5
    assert "changed: tokenizer.json" in result.stderr
    assert "remedy: run `manifest build`" in result.stderr
    assert not (built / "model.sig").exists()


def test_another_signer_s_signature_stays_without_force(
    run: Run, built: Path, clear: Path, tmp_path: Path
) -> None:
    other = generate()
    private, _ = write_key_pair(tmp_path / "other", other, None)
    assert run("sign", built, "--key", private).exit_code == 0
    refused = run("sign", built, "--key", clear)
    assert refused.exit_code == 2
    assert is_signed(built, other)
    beside = run("sign", built, "--key", clear, "--signature", built / "signatures" / "me.sig")
    assert beside.exit_code == 0
    assert run("sign", built, "--key", clear, "--force").exit_code == 0
    assert is_signed(built)


def test_ctrl_c_leaves_no_signature(
    small_release: Path,
    clear: Path,
    interrupt: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    huge = small_release / "huge.bin"
    huge.write_bytes(b"")
    write_manifest(small_release, build(small_release))
    # Its digest is never compared, for Ctrl-C comes first: only the size must be the listed one.
    with huge.open("r+b") as file:
        file.truncate(1 << 36)
    _resize(small_release / "manifest.json", "huge.bin", 1 << 36)
    before = {p.name for p in small_release.iterdir()}
    done = interrupt(huge, "sign", small_release, "--key", clear)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted: nothing was signed\n"
    assert {p.name for p in small_release.iterdir()} == before


def _resize(path: Path, name: str, size: int) -> None:
    """Rewrite a manifest as if a file had another size."""
    from manifest.build import assemble
    from manifest.document.description import parse_description
    from manifest.document.manifest_file import dump_manifest, parse_manifest

    files = [
        f._replace(size=size) if f.path == name else f
        for f in parse_manifest(path.read_bytes()).files
    ]
    description = parse_description((path.parent / "release.yaml").read_bytes())
    path.write_bytes(dump_manifest(assemble(description, files)))


def test_the_public_key_is_the_one_that_keygen_wrote(run: Run, built: Path, tmp_path: Path) -> None:
    assert run("keygen", "--out", tmp_path / "k", "--no-passphrase").exit_code == 0
    assert run("sign", built, "--key", tmp_path / "k").exit_code == 0
    public = load_public((tmp_path / "k.pub").read_bytes())
    verified = verify_signature((built / "model.sig").read_bytes(), keys=[public])
    assert public.fingerprint in str(verified.signer)
