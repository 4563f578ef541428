"""A process that is killed at any moment leaves the old file or the new one, whole.

Between the two steps in which a whole file takes its name it has another; a process that is killed
just there leaves it under that one. Nothing of it is half written.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from releases import make_release

from manifest.build import check
from manifest.build.run import build
from manifest.policy.state import read_state, update_state
from manifest.signing.bundle import parse_bundle
from manifest.signing.keys import generate, load_public, public_pem
from manifest.verify.run import verify

pytestmark = pytest.mark.long

KILLS = 40
KEY = generate()
STATE = """
import sys
from pathlib import Path
from manifest.policy.state import update_state
for number in range(10**6):
    update_state(Path(sys.argv[1]), name="acme/tiny", version=str(number), manifest_sha256="0" * 64)
"""


def killed(command: list[str], chance: random.Random, longest: float) -> None:
    """Start a program and kill it at a random moment, which may be after its end."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(chance.random() * longest)
        process.send_signal(signal.SIGKILL)


def seconds(command: list[str]) -> float:
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


def listing(directory: Path) -> set[str]:
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}


def take_away(directory: Path) -> list[bytes]:
    """The files that were killed between their two names: removed, as a user would."""
    found = [p for p in directory.rglob(".*.tmp") if p.is_file()]
    contents = [p.read_bytes() for p in found]
    for path in found:
        path.unlink()
    return contents


@pytest.fixture
def release(tmp_path: Path) -> Path:
    path = tmp_path / "release"
    path.mkdir()
    make_release(path, KEY)
    return path


def test_build(release: Path) -> None:
    command = [sys.executable, "-m", "manifest", "build", str(release), "--quiet"]
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    longest = seconds(command) * 1.2
    target = release / "manifest.json"
    before, there = target.read_bytes(), listing(release)
    states = {before}
    for number in range(KILLS):
        (release / "notes.txt").write_text(f"{number}")
        states.add(build(release).data)
        killed(command, chance, longest)
        assert states.issuperset(take_away(release)), f"seed {seed}"
        assert target.read_bytes() in states, f"seed {seed}"
        assert listing(release) == there, f"seed {seed}"
    subprocess.run(command, check=True)
    assert check(target, build(release)).is_same


def test_sign(release: Path, tmp_path: Path) -> None:
    private = tmp_path / "key.pem"
    pair = [sys.executable, "-m", "manifest", "keygen", "--out", str(private), "--no-passphrase"]
    subprocess.run(pair, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "manifest", "sign", str(release), "--key", str(private)]
    command += ["--force", "--quiet"]
    public = [KEY.public]
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    assert verify(release, keys=public).ok
    longest = seconds(command) * 1.2
    there = listing(release)
    loaded = (tmp_path / "key.pem.pub").read_bytes()
    public.append(load_public(loaded))
    for _ in range(KILLS):
        killed(command, chance, longest)
        for data in take_away(release):
            parse_bundle(data)  # whole, or it is refused
        assert verify(release, keys=public).ok, f"seed {seed}"
        assert listing(release) == there, f"seed {seed}"


def test_state_of_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "state" / "policy-state.json"
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    update_state(path, name="acme/tiny", version="0", manifest_sha256="0" * 64)
    highest = 0
    for _ in range(KILLS):
        killed([sys.executable, "-c", STATE, str(path)], chance, 0.4)
        version = int(read_state(path).releases["acme/tiny"].version)
        assert version >= highest, f"seed {seed}"
        highest = version
        for data in take_away(path.parent):
            assert json.loads(data), f"seed {seed}"
        left = listing(path.parent) - {"policy-state.json", "policy-state.json.lock"}
        assert not left, f"seed {seed}"


def full_disk(tmp_path: Path) -> Path:
    """A file system of a few pages; skips where none can be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("a small file system can only be mounted by root")
    return place


def fill(place: Path) -> None:
    descriptor = os.open(place / "ballast", os.O_CREAT | os.O_WRONLY)
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, b"x" * 1024)
    os.close(descriptor)


def keygen(place: Path) -> list[str]:
    return ["keygen", "--out", str(place / "key.pem"), "--no-passphrase"]


def build_there(place: Path) -> list[str]:
    return ["build", str(place / "release")]


def sign_there(place: Path) -> list[str]:
    return ["sign", str(place / "release"), "--key", str(place.parent / "key.pem")]


@pytest.mark.parametrize("command", [keygen, build_there, sign_there])
def test_full_disk(tmp_path: Path, command: Callable[[Path], list[str]]) -> None:
    if os.geteuid() != 0:
        pytest.skip("a small file system can only be mounted by root")
    place = full_disk(tmp_path)
    run = [sys.executable, "-m", "manifest"]
    try:
        release = place / "release"
        release.mkdir()
        make_release(release, KEY)
        subprocess.run([*run, *keygen(tmp_path)], check=True, stdout=subprocess.DEVNULL)
        (release / "model.sig").unlink()
        if command is build_there:
            (release / "notes.txt").write_text("x")
        fill(place)
        before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
        done = subprocess.run([*run, *command(place)], capture_output=True, text=True, check=False)
        assert done.returncode == 4, done.stderr
        assert "No space left on device" in done.stderr
        assert "nothing was" in done.stderr or "was not written" in done.stderr
        assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file()} == before
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_policy_state_on_a_full_disk(tmp_path: Path) -> None:
    place = full_disk(tmp_path)
    try:
        release = tmp_path / "release"
        release.mkdir()
        make_release(release, KEY)
        (tmp_path / "key.pub").write_bytes(public_pem(KEY.public))
        policy = tmp_path / "policy.yaml"
        run = [sys.executable, "-m", "manifest"]
        subprocess.run(
            [
                *run,
                "policy",
                "init",
                "--key",
                str(tmp_path / "key.pub"),
                "-o",
                str(policy),
                str(release),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        ask = [*run, "verify", str(release), "--policy", str(policy), "--state", str(place / "s")]
        assert subprocess.run(ask, capture_output=True, check=False).returncode == 0
        before = (place / "s").read_bytes()
        state = json.loads(before)
        assert state
        fill(place)
        done = subprocess.run(ask, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 4)  # 0 where there was nothing to write anew
        assert (place / "s").read_bytes() == before
    finally:
        subprocess.run(["umount", str(place)], check=True)
