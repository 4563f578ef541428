"""``manifest checkpoints check``: text, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from manifest.cli import cli
from manifest.document.schema import schema_text

DATA = Path(__file__).resolve().parents[1] / "data" / "checkpoints"


def check(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["checkpoints", "check", *map(str, args)])


def valid(report: object) -> None:
    schema = json.loads(schema_text("checkpoints-report"))
    jsonschema.Draft202012Validator(schema).validate(report)


def test_a_mistake_is_named_with_its_line() -> None:
    path = DATA / "OLMo-2-1124-13B-stage2.csv"
    result = check(path)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith(f"{path}:37: error: the row names step 11,931")
    assert result.stdout.endswith(f"{path}: 1 mistake\n")


def test_json() -> None:
    result = check(DATA / "OLMo-3-1025-7B-tail.csv", "--format", "json")
    report = json.loads(result.stdout)
    valid(report)
    assert result.exit_code == report["exit_code"] == 1
    assert [(f["code"], f["line"], f["severity"]) for f in report["findings"]] == [
        ("CKP007", 22, "error"),
        ("CKP007", 70, "error"),
    ]


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda p: p.name)
def test_json_of_every_index_is_valid(path: Path) -> None:
    result = check(path, "--format", "json")
    report = json.loads(result.stdout)
    valid(report)
    assert result.exit_code == report["exit_code"]


def test_a_sound_index_and_advice_pass() -> None:
    assert check(DATA / "OLMo-2-1124-7B-stage2.csv").exit_code == 0
    result = check(DATA / "OLMo-2-1124-7B-head.csv")
    assert result.exit_code == 0
    assert "advice" in result.stdout
    assert check(DATA / "OLMo-2-1124-7B-head.csv", "--quiet").stdout == ""


def test_the_final_step_can_be_given() -> None:
    path = DATA / "OLMo-2-1124-7B-head.csv"
    result = check(path, "--final-step", "928646")
    assert result.exit_code == 1
    assert "training at step 928,646" in result.stdout
    assert check(path, "--final-step", "22000").stdout == f"{path}: no mistake\n"
    assert check(path, "--final-step", "soon").exit_code == 2


def test_a_directory_of_checkpoints(tmp_path: Path) -> None:
    for step in (0, 100, 200, 300, 301):
        (tmp_path / f"step{step}").mkdir()
    assert check(tmp_path).exit_code == 0
    (tmp_path / "step100-unsharded").mkdir()
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "step 100" in result.stdout


def test_what_is_no_index_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "birds\x1b[31m.csv"
    file.write_text("Name,Colour\nrobin,red\n")
    result = check(file)
    assert result.exit_code == 1
    assert "not an index" in result.stdout
    assert "\x1b" not in result.stdout
    assert check(tmp_path / "absent.csv").exit_code == 2
