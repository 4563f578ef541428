"""Signing with a key on another machine, which has OpenSSL and nothing of ours."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from manifest.build import build, write_manifest
from manifest.sign import write_key_pair
from manifest.signing.keys import KeyKind, generate

Run = Callable[..., Result]

HASHES = {"ecdsa-p256": "sha256", "ecdsa-p384": "sha384", "ecdsa-p521": "sha512"}


@pytest.fixture
def built(small_release: Path) -> Path:
    write_manifest(small_release, build(small_release))
    return small_release


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def signed_there(kind: KeyKind, private: Path, payload: Path) -> Path:
    signature = payload.with_name("signature")
    if kind is KeyKind.ED25519:
        openssl(
            *("pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", payload, "-out", signature)
        )
    else:
        openssl("dgst", f"-{HASHES[kind]}", "-sign", private, "-out", signature, payload)
    return signature


@pytest.mark.parametrize("kind", KeyKind)
def test_every_kind_of_key(run: Run, built: Path, tmp_path: Path, kind: KeyKind) -> None:
    private, public = write_key_pair(tmp_path / "k", generate(kind), None)
    payload = tmp_path / "payload"
    exported = run("sign", built, "--export-payload", payload)
    assert exported.exit_code == 0
    assert hashlib.sha256(payload.read_bytes()).hexdigest() in exported.stdout
    assert not (built / "model.sig").exists()
    signature = signed_there(kind, private, payload)
    result = run("sign", built, "--import-signature", signature, "--public-key", public)
    assert result.exit_code == 0
    assert run("verify", built, "--key", public).exit_code == 0


def test_only_the_digest_is_carried(run: Run, built: Path, tmp_path: Path) -> None:
    private, public = write_key_pair(tmp_path / "k", generate(), None)
    payload, digest, signature = (tmp_path / n for n in ("payload", "digest", "signature"))
    exported = run("sign", built, "--export-payload", payload, "--format", "json")
    report = json.loads(exported.stdout)
    assert report["size"] == payload.stat().st_size
    digest.write_bytes(bytes.fromhex(report["digests"]["sha256"]))
    openssl("pkeyutl", "-sign", "-inkey", private, "-in", digest, "-out", signature)
    result = run("sign", built, "--import-signature", signature, "--public-key", public, "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert run("verify", built, "--key", public).exit_code == 0


def changed_file(release: Path) -> Path:
    (release / "config.json").write_bytes(b'{"other": 1}')
    return release


def built_again(release: Path) -> Path:
    changed_file(release)
    write_manifest(release, build(release))
    return release


def renamed(release: Path) -> Path:
    return release.rename(release.with_name("renamed"))


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        pytest.param(changed_file, 5, "config.json", id="a-file-changed"),
        pytest.param(built_again, 3, "over this release as it is now", id="built-again"),
        pytest.param(renamed, 3, "over this release as it is now", id="directory-renamed"),
    ],
)
def test_what_changed_meanwhile_is_not_signed(
    run: Run, built: Path, tmp_path: Path, change: Callable[[Path], Path], code: int, words: str
) -> None:
    private, public = write_key_pair(tmp_path / "k", generate(), None)
    payload = tmp_path / "payload"
    run("sign", built, "--export-payload", payload)
    signature = signed_there(KeyKind.ECDSA_P256, private, payload)
    release = change(built)
    result = run("sign", release, "--import-signature", signature, "--public-key", public)
    assert result.exit_code == code
    assert words in result.stderr
    assert not (release / "model.sig").exists()


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(lambda s: s[:-1], id="cut-short"),
        pytest.param(lambda s: s + b"\n", id="followed-by-a-line-end"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda s: s.hex().encode(), id="in-hex"),
    ],
)
def test_signature_of_another_form(
    run: Run, built: Path, tmp_path: Path, signature: Callable[[bytes], bytes]
) -> None:
    private, public = write_key_pair(tmp_path / "k", generate(), None)
    payload = tmp_path / "payload"
    run("sign", built, "--export-payload", payload)
    file = signed_there(KeyKind.ECDSA_P256, private, payload)
    file.write_bytes(signature(file.read_bytes()))
    result = run("sign", built, "--import-signature", file, "--public-key", public)
    assert result.exit_code == 3


def test_signature_by_another_key(run: Run, built: Path, tmp_path: Path) -> None:
    private, _ = write_key_pair(tmp_path / "k", generate(), None)
    _, other = write_key_pair(tmp_path / "other", generate(), None)
    payload = tmp_path / "payload"
    run("sign", built, "--export-payload", payload)
    signature = signed_there(KeyKind.ECDSA_P256, private, payload)
    result = run("sign", built, "--import-signature", signature, "--public-key", other)
    assert result.exit_code == 3


def test_nothing_is_exported_into_the_release(run: Run, built: Path) -> None:
    result = run("sign", built, "--export-payload", built / "payload")
    assert result.exit_code == 2
    assert "the release's own files" in result.stderr
    assert not (built / "payload").exists()


def test_nothing_is_exported_of_a_release_that_differs(
    run: Run, built: Path, tmp_path: Path
) -> None:
    assert run("sign", changed_file(built), "--export-payload", tmp_path / "p").exit_code == 5
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param([], "give one of", id="none"),
        pytest.param(["--import-signature", "s"], "needs --public-key", id="no-public-key"),
        pytest.param(["--sigstore", "--public-key", "p"], "belongs to", id="key-without-signature"),
        pytest.param(["--sigstore", "--export-payload", "p"], "give one of", id="both"),
        pytest.param(
            ["--export-payload", "p", "--timestamp", "http://x"], "nothing is signed", id="stamped"
        ),
    ],
)
def test_options_that_do_not_stand_together(
    run: Run, built: Path, options: list[str], words: str
) -> None:
    result = run("sign", built, *options)
    assert result.exit_code == 2
    assert words in result.stderr
