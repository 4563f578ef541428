"""The state of a policy survives kills, errors and two writers at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from manifest.errors import NotTrustedError, UndecidedError
from manifest.policy.state import MAX_BYTES, State, default_state_path, read_state, update_state
from manifest.signing.keys import generate

DIGEST = "ab" * 32

WRITER = """
import sys
from pathlib import Path
from manifest.policy.state import read_state, update_state
path = Path(sys.argv[1])
known = read_state(path).releases.get("acme/tiny")
version = int(known.version) if known else 0
print("ready", flush=True)
while True:
    version += 1
    update_state(path, name="acme/tiny", version=str(version), manifest_sha256=f"{version:064x}")
    print(version, flush=True)
"""


@pytest.mark.long
def test_killed_writer_loses_nothing_that_it_told(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    chance = random.Random(7)
    last = 0
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.random() / 20)
            process.send_signal(signal.SIGKILL)
            told = [int(line) for line in process.stdout.read().splitlines()]
        state = read_state(path)
        if told:
            accepted = state.releases["acme/tiny"]
            # What was told is kept; one more may have been written and not yet told.
            assert told[-1] <= int(accepted.version) <= told[-1] + 1
            assert int(accepted.manifest_sha256, 16) == int(accepted.version)
            assert int(accepted.version) >= last
            last = int(accepted.version)
    assert last > 0


def test_two_writers_never_lower_a_version(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    def write(version: int) -> bool:
        try:
            update_state(path, name="a/b", version=str(version), manifest_sha256=f"{version:064x}")
        except NotTrustedError:
            return False
        return True

    versions = list(range(1, 41))
    random.Random(3).shuffle(versions)
    with ThreadPoolExecutor(8) as pool:
        done = dict(zip(versions, pool.map(write, versions), strict=True))
    assert done[40]
    assert read_state(path).releases["a/b"].version == "40"


def test_full_disk_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    update_state(path, name="a/b", version="1", manifest_sha256=DIGEST)
    before = path.read_bytes()

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UndecidedError, match="cannot be written"):
        update_state(path, name="a/b", version="2", manifest_sha256=DIGEST)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state.json", "state.json.lock"]


def test_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UndecidedError, match="the lock"):
        update_state(tmp_path / "state.json", name="a/b", version="1", manifest_sha256=DIGEST)
    assert not (tmp_path / "elsewhere").exists()


def test_pin_that_was_set_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first, second = generate().public, generate().public
    update_state(path, name="a/b", version="1", manifest_sha256=DIGEST, pin=first)
    with pytest.raises(NotTrustedError, match="another key was pinned meanwhile"):
        update_state(path, name="a/b", version="1", manifest_sha256=DIGEST, pin=second)
    assert read_state(path).pins == {"a/b": first}


def test_state_is_for_its_owner_alone_and_names_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    update_state(path, name="a/\u202eb", version="1", manifest_sha256=DIGEST)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.read_bytes().isascii()
    assert read_state(path).releases["a/\u202eb"].version == "1"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"schema_version": 1, "releases": {}, "pins": {}}',
        '{"schema_version": "1.0", "releases": [], "pins": {}}',
        '{"schema_version": "1.0", "releases": {"a": 1}, "pins": {}}',
        '{"schema_version": "1.0", "releases": {"a": {"version": "1"}}, "pins": {}}',
        *(
            json.dumps(
                {
                    "schema_version": "1.0",
                    "releases": {"a": {"version": version, "manifest_sha256": digest}},
                    "pins": {},
                }
            )
            for version, digest in (
                ("1", "A" * 64),
                ("1", "a" * 63),
                ("1", 1),
                ("1", ["a"] * 64),
                (1, "a" * 64),
                ("", "a" * 64),
                (None, None),
            )
        ),
        '{"schema_version": "1.0", "releases": {}, "pins": {"a": "no key"}}',
        '{"schema_version": "1.0", "releases": {}, "pins": {"a": null}}',
    ],
)
def test_damaged_state_is_refused_with_a_remedy(text: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(NotTrustedError) as caught:
        read_state(path)
    assert "put back a copy" in caught.value.remedy
    with pytest.raises(NotTrustedError):
        update_state(path, name="a/b", version="1", manifest_sha256=DIGEST)
    assert path.read_text() == text


def test_state_lies_in_the_directory_for_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/states")
    assert default_state_path() == Path("/var/states/model-release-manifest/policy-state.json")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_state_path().parent == Path("/home/me/.local/state/model-release-manifest")


def test_missing_state_is_empty(tmp_path: Path) -> None:
    assert read_state(tmp_path / "none.json") == State()


def test_a_large_state_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES * 4)  # a hole
    tracemalloc.start()
    try:
        with pytest.raises(NotTrustedError, match="has 16,777,217 bytes; at most"):
            read_state(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MAX_BYTES * 3
