"""Ctrl-C pressed on a real process, at a moment that is known."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

Interrupt: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def interrupt() -> Interrupt:
    """Run a command, and send it Ctrl-C as soon as it has a certain file open."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("looks into /proc")

    def run(opened: Path, *command: object) -> subprocess.CompletedProcess[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "manifest", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        inode = opened.stat().st_ino
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and inode not in _open_inodes(process.pid):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    return run


def _open_inodes(pid: int) -> set[int]:
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(link.stat().st_ino)
        except OSError:
            continue  # closed since it was listed
    return inodes
