"""Timestamps on the command line, against an authority on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from timestamp_authority import Authority, make_authority, serve

from manifest.build import build, write_manifest
from manifest.sign import write_key_pair
from manifest.signing.bundle import parse_bundle
from manifest.signing.keys import generate

pytest.importorskip("rfc3161_client")

Run = Callable[..., Result]
KEY = generate()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("time") / "authority")


@pytest.fixture
def built(small_release: Path) -> Path:
    write_manifest(small_release, build(small_release))
    return small_release


@pytest.fixture
def private(tmp_path: Path) -> Path:
    return write_key_pair(tmp_path / "key", KEY, None)[0]


@pytest.fixture
def tsa_root(authority: Authority) -> Path:
    return authority.directory / "root.pem"


def test_signed_and_verified_with_a_timestamp(
    run: Run, built: Path, private: Path, authority: Authority, tsa_root: Path
) -> None:
    with serve(authority.reply) as url:
        result = run("sign", built, "--key", private, "--timestamp", url, "--tsa-root", tsa_root)
    assert (result.exit_code, result.stderr) == (0, "")
    public = private.with_name("key.pub")
    checked = run("verify", built, "--key", public, "--tsa-root", tsa_root)
    assert checked.exit_code == 0
    assert ", before 2" in checked.stdout
    told = run("verify", built, "--key", public, "--tsa-root", tsa_root, "--format", "json")
    assert json.loads(told.stdout)["signer"]["signed_before"].endswith("Z")
    silent = run("verify", built, "--key", public, "--format", "json")
    assert json.loads(silent.stdout)["signer"]["signed_before"] is None


def test_several_authorities_and_one_file(
    run: Run, tmp_path: Path, private: Path, authority: Authority
) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    with serve(authority.reply) as url:
        result = run("sign", model, "--key", private, "--timestamp", url, "--timestamp", url)
    assert result.exit_code == 0
    assert "--tsa-root checks that" in result.stderr
    bundle = parse_bundle((tmp_path / "model.bin.sig").read_bytes())
    assert len(bundle.timestamps) == 2
    assert authority.accepts(bundle.timestamps[0], bundle.envelope.signatures[0].sig)


def test_without_an_answer_nothing_is_written(
    run: Run, built: Path, private: Path, tsa_root: Path
) -> None:
    with serve(lambda _: b"\x30\x00") as url:
        result = run("sign", built, "--key", private, "--timestamp", url, "--tsa-root", tsa_root)
    assert result.exit_code == 3
    assert "no answer of a timestamp authority" in result.stderr
    assert not (built / "model.sig").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--key", "K", "--tsa-root", "R"], "belongs to --timestamp", id="root-alone"),
        pytest.param(["--key", "K", "--timestamp", "ftp://x"], "not an address", id="no-address"),
        pytest.param(["--sigstore", "--timestamp", "http://x"], "exclude each other", id="keyless"),
    ],
)
def test_options_that_do_not_stand_together(
    run: Run, built: Path, private: Path, tsa_root: Path, options: list[str], words: str
) -> None:
    given = {"K": str(private), "R": str(tsa_root)}
    result = run("sign", built, *(given.get(o, o) for o in options))
    assert result.exit_code == 2
    assert words in result.stderr
