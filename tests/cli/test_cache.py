"""``manifest build`` twice, ``verify --trust-cache``, and a build that was killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from weights import T, safetensors

from manifest.document.schema import violations

Run = Callable[..., Result]
SIZE = 3 * 1024 * 1024
DESCRIPTION = """\
schema_version: "1.0"
name: acme/large
version: "1"
described_by: publisher
license: apache-2.0
components:
  model-parameters-final: {files: ["*.safetensors", "*.bin"]}
  card: {kind: model-card, files: [README.md]}
"""


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release with two large files, that counts as left alone for long."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("manifest.inventory.cache.GRAIN_NS", -(10**10))
    release = tmp_path / "release"
    release.mkdir()
    (release / "release.yaml").write_text(DESCRIPTION)
    (release / "README.md").write_text("# Large\n")
    (release / "m.safetensors").write_bytes(safetensors(T("w", b"w" * SIZE)))
    (release / "other.bin").write_bytes(b"o" * SIZE)
    return release


def test_a_second_build_reads_what_is_new(run: Run, large: Path) -> None:
    first = run("build", str(large))
    assert "not read" not in first.stdout
    data = (large / "manifest.json").read_bytes()
    second = run("build", str(large))
    assert "not read     2 files (6.3 MB), left alone since the last time" in second.stdout
    assert (large / "manifest.json").read_bytes() == data
    report = json.loads(run("build", str(large), "--format", "json").stdout)
    assert report["files_remembered"] == 2

    (large / "other.bin").write_bytes(b"p" * SIZE)
    third = run("build", str(large))
    assert "not read     1 file" in third.stdout
    assert run("build", str(large), "--check", "--quiet").exit_code == 0


def test_no_cache_reads_everything_and_leaves_nothing(
    run: Run, large: Path, tmp_path: Path
) -> None:
    run("build", str(large), "--no-cache")
    assert not (tmp_path / "cache").exists()
    run("build", str(large))
    assert "not read" not in run("build", str(large), "--no-cache").stdout


def test_check_believes_no_cache(run: Run, large: Path) -> None:
    run("build", str(large))
    run("build", str(large))
    report = json.loads(run("build", str(large), "--check", "--format", "json").stdout)
    assert report["state"] == "up-to-date"
    assert "files_remembered" not in report


def test_verify_reads_everything_unless_it_is_asked(run: Run, large: Path) -> None:
    run("build", str(large))
    run("sign", str(large), "--key", key(run, large))
    args = ["verify", str(large), "--key", f"{large.parent / 'key.pem'}.pub"]
    plain = run(*args)
    assert "all 5 files" in plain.stdout
    assert "not read" not in plain.stdout
    trusting = run(*args, "--trust-cache")
    assert trusting.exit_code == 0, trusting.output
    assert "2 not read) are exactly what was signed" in trusting.stdout.splitlines()[0]
    assert "not read    2 files (6.3 MB), left alone since this machine" in trusting.stdout
    report = json.loads(run(*args, "--trust-cache", "--format", "json").stdout)
    assert violations(report, "verify-report") == ()
    assert (report["files_remembered"], report["bytes_remembered"]) == (
        2,
        sum((large / name).stat().st_size for name in ("m.safetensors", "other.bin")),
    )
    (large / "other.bin").write_bytes(b"p" * SIZE)
    changed = run(*args, "--trust-cache")
    assert changed.exit_code == 5
    assert "changed     other.bin" in changed.stdout


def key(run: Run, large: Path) -> str:
    path = large.parent / "key.pem"
    run("keygen", "--out", str(path), "--no-passphrase")
    return str(path)


@pytest.mark.parametrize(
    "options",
    [
        ["--policy", "p"],
        ["--sample", "1"],
        ["--tensor", "w"],
        ["--scheduler", "tcp://localhost:1"],
    ],
    ids=lambda options: options[0],
)
def test_trust_cache_goes_with_nothing_that_says_what_was_read(
    run: Run, large: Path, options: list[str]
) -> None:
    run("build", str(large))
    run("policy", "init", "--key", f"{key(run, large)}.pub", "-o", large.parent / "p")
    options = [str(large.parent / "p") if each == "p" else each for each in options]
    result = run("verify", str(large), "--trust-cache", *options)
    assert result.exit_code == 2, result.output
    assert "--trust-cache" in result.stderr


def test_a_place_that_cannot_be_written_is_a_note(
    run: Run, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = large.parent / "blocked"
    blocked.write_text("a file where a directory should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    result = run("build", str(large))
    assert result.exit_code == 0
    assert "digests are not remembered in" in result.stderr


def rows(place: Path) -> int:
    """How much is remembered by now."""
    path = place / "model-release-manifest" / "digests.sqlite"
    if not path.is_file():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        try:
            (count,) = database.execute("SELECT count(*) FROM digests").fetchone()
        except sqlite3.OperationalError:  # it is being made
            return 0
    return int(count)


@pytest.mark.long
def test_a_killed_build_goes_on_where_it_was(tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    text = DESCRIPTION.replace('"*.safetensors", "*.bin"', '"*.bin"')
    (release / "release.yaml").write_text(text.partition("  card:")[0])
    count = 20
    for number in range(count):
        with (release / f"{number}.bin").open("wb") as file:
            file.truncate(64 * 1024 * 1024 + number)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "manifest", "build", str(release), "--format", "json"]
    time.sleep(2.5)  # nothing that was just written is remembered
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        while process.poll() is None and not rows(tmp_path / "cache"):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (release / "manifest.json").exists()
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert 0 < json.loads(done.stdout)["files_remembered"] < count
    again = subprocess.run(
        [*command, "--no-cache"], env=environment, capture_output=True, check=True
    )
    assert json.loads(again.stdout)["root_digest"] == json.loads(done.stdout)["root_digest"]
