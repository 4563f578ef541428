"""``manifest demo``: what it prints is the introduction to the project, and it is true."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from manifest.cli import cli

GOLDEN = Path(__file__).parent / "golden" / "demo.txt"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    place = tmp_path_factory.mktemp("demo") / "here"
    result = CliRunner().invoke(cli, ["demo", str(place)])
    assert result.exit_code == 0, result.output
    return place, result.output


def test_what_it_prints(kept: tuple[Path, str]) -> None:
    place, output = kept
    text = output.replace(str(place), "DIR")
    text = re.sub(r"key [0-9a-f]{64}", "key KEY", text)
    text = re.sub(r"key [0-9a-f]{16,32}…", "key KEY…", text)
    text = re.sub(r"As of [0-9-]{10}", "As of 2026-01-31", text)
    if shutil.which("bwrap") is None:
        assert text.count("not shown: there is no sandbox here") == 3
        return
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120


def test_what_it_leaves_verifies_and_is_replayable(kept: tuple[Path, str]) -> None:
    place, _ = kept
    key, release = str(place / "publisher.pub"), str(place / "quill-1.5k")
    verified = CliRunner().invoke(cli, ["verify", release, "--key", key, "--strict"])
    assert verified.exit_code == 0, verified.output
    linted = CliRunner().invoke(cli, ["lint", release, "--require", "replayable"])
    assert linted.exit_code == 0, linted.output
    announced = str(place / "as-announced/quill-1.5k")
    assert CliRunner().invoke(cli, ["lint", announced]).exit_code == 1
    again = CliRunner().invoke(cli, ["demo", str(place)])
    assert again.exit_code == 2
    assert "not an empty directory" in again.output


def test_show_fits_on_one_screen(kept: tuple[Path, str]) -> None:
    place, _ = kept
    result = CliRunner().invoke(cli, ["show", str(place / "quill-1.5k")])
    assert result.exit_code == 0
    golden = GOLDEN.with_name("show.txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(result.output, encoding="utf-8")
    assert result.output == golden.read_text(encoding="utf-8")
    assert result.output.count("\n") <= 40
    assert max(map(len, result.output.splitlines())) <= 80


def test_show_as_json(kept: tuple[Path, str]) -> None:
    import json

    place, _ = kept
    result = CliRunner().invoke(
        cli, ["show", str(place / "as-announced/quill-1.5k"), "--format", "json"]
    )
    shown = json.loads(result.stdout)
    assert (shown["verdict"], shown["mof_class"]) == ("open-weight", None)
    assert shown["next_verdict"] == "open-source"
    assert "COD001" in {m["code"] for m in shown["missing"]}


@pytest.mark.long
def test_every_segment_of_it_repeats_bit_for_bit(kept: tuple[Path, str], tmp_path: Path) -> None:
    place, _ = kept
    asked = ["replay", str(place / "quill-1.5k"), "--key", str(place / "publisher.pub"), "--run"]
    asked += ["--random", "4", "--out", str(tmp_path / "out"), "--quiet"]
    if shutil.which("bwrap") is None:
        asked.append("--no-sandbox")
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    assert done.output.count("bit for bit") == 4
