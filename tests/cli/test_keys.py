from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from manifest.sign import write_key_pair
from manifest.signing.keys import KeyKind, generate, private_pem

Run = Callable[..., Result]


@pytest.mark.parametrize("kind", KeyKind)
def test_the_command_that_is_shown_computes_the_fingerprint(
    run: Run, tmp_path: Path, kind: KeyKind
) -> None:
    key = generate(kind)
    _, public = write_key_pair(tmp_path / "a key", key, None)
    result = run("keys", "show", public)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"{public}: {kind}"
    assert lines[1] == f"fingerprint  {key.fingerprint}"
    (check,) = (line.removeprefix("check with") for line in lines if line.startswith("check"))
    done = subprocess.run(check, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == key.fingerprint


def test_the_groups_are_the_whole_fingerprint(run: Run, tmp_path: Path) -> None:
    key = generate()
    _, public = write_key_pair(tmp_path / "k", key, None)
    lines = run("keys", "show", public).stdout.splitlines()[2:4]
    assert lines[0].startswith("read aloud   ")
    groups = [group for line in lines for group in line[13:].split(" ")]
    assert [len(group) for group in groups] == [4] * 16
    assert "".join(groups) == key.fingerprint


def test_several_keys_and_for_programs(run: Run, tmp_path: Path) -> None:
    keys = [generate(), generate(KeyKind.ED25519)]
    files = [write_key_pair(tmp_path / f"k{n}", key, None)[1] for n, key in enumerate(keys)]
    report = json.loads(run("keys", "show", *files, "--format", "json").stdout)
    assert [(r["file"], r["type"], r["fingerprint"]) for r in report] == [
        (str(f), k.kind, k.fingerprint) for f, k in zip(files, keys, strict=True)
    ]
    assert all(r["groups"].replace(" ", "") == r["fingerprint"] for r in report)
    assert run("keys", "show", *files).stdout.count("fingerprint  ") == 2


def test_what_is_no_public_key(run: Run, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_bytes(private_pem(generate(), None))
    result = run("keys", "show", private)
    assert result.exit_code == 2
    assert "holds a private key" in result.stderr
    assert result.stdout == ""
    assert run("keys", "show", tmp_path / "none").exit_code == 2
    assert run("keys", "show").exit_code == 2


def test_keygen_says_what_to_do_next(run: Run, tmp_path: Path) -> None:
    result = run("keygen", "--out", tmp_path / "my key", "--no-passphrase")
    assert f"manifest sign DIR --key '{tmp_path}/my key'" in result.stdout
    assert f"manifest verify DIR --key '{tmp_path}/my key.pub'" in result.stdout
    assert "manifest keys show 'my key.pub'" in result.stdout
