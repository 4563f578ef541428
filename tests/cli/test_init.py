"""``manifest init``: what it writes, says and exits with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from manifest.document.description import parse_description

Run = Callable[..., Result]

FILES = {
    "model.safetensors": (2).to_bytes(8, "little") + b"{}",
    "tokenizer.json": b"{}",
    "README.md": b"---\nlicense: mit\n---\n# Tiny\n",
    "odd.xyz": b"?",
    ".gitkeep": b"",
}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    root = tmp_path / "tiny"
    root.mkdir()
    for name, content in FILES.items():
        (root / name).write_bytes(content)
    return root


def test_init_writes_a_description_that_builds_as_it_is(plain: Path, run: Run) -> None:
    result = run("init", plain)
    assert result.exit_code == 0
    assert "tiny unversioned: 3 files in 3 components" in result.stdout
    assert "odd.xyz" in result.stdout
    assert "1 file of packaging, as .gitkeep" in result.stdout
    assert (
        f"next: answer what is commented out there, then: manifest build {plain}" in result.stdout
    )
    assert parse_description((plain / "release.yaml").read_bytes()).license == "mit"
    assert run("build", plain).exit_code == 0
    assert not list(plain.glob(".*.tmp"))


def test_the_next_command_can_be_copied_whatever_the_name(plain: Path, run: Run) -> None:
    renamed = plain.rename(plain.with_name("größer & kleiner"))
    assert run("init", renamed).stdout.endswith(f"then: manifest build '{renamed}'\n")


def test_init_again_changes_nothing_not_even_the_time(plain: Path, run: Run) -> None:
    run("init", plain)
    before = (plain / "release.yaml").stat()
    result = run("init", plain)
    assert "nothing new" in result.stdout
    assert (plain / "release.yaml").stat() == before


def test_init_adds_what_is_new_and_says_what(plain: Path, run: Run) -> None:
    run("init", plain)
    (plain / "train.py").write_text("x = 1\n")
    before = (plain / "release.yaml").read_text()
    result = run("init", plain)
    assert "1 file of training-code" in result.stdout
    after = (plain / "release.yaml").read_text()
    assert "train.py  # added by manifest init: called train" in after
    lines = iter(after.splitlines())
    assert all(line in lines for line in before.splitlines())


def test_stdout_prints_the_description_and_writes_nothing(plain: Path, run: Run) -> None:
    result = run("init", plain, "--stdout", "--third-party")
    assert parse_description(result.stdout.encode()).described_by == "third-party"
    assert not (plain / "release.yaml").exists()


def test_json_is_for_programs(plain: Path, run: Run) -> None:
    report = json.loads(run("init", plain, "--format", "json").stdout)
    assert (report["state"], report["name"]) == ("new", "tiny")
    assert report["unassigned"] == [".gitkeep", "odd.xyz"]
    assert report["packaging"] == [".gitkeep"]
    assert report["components"][0] == {
        "kind": "model-parameters-final",
        "files": ["model.safetensors"],
        "file_count": 1,
    }
    assert json.loads(run("init", plain, "--format", "json").stdout)["state"] == "unchanged"


def test_third_party_does_not_overrule_an_answer(plain: Path, run: Run) -> None:
    run("init", plain)
    result = run("init", plain, "--third-party")
    assert "that answer was kept" in result.stderr
    assert parse_description((plain / "release.yaml").read_bytes()).described_by == "publisher"


def test_an_invalid_description_is_not_overwritten(plain: Path, run: Run) -> None:
    (plain / "release.yaml").write_text("nonsense: 1\n")
    result = run("init", plain)
    assert result.exit_code == 1
    assert "schema_version" in result.stderr
    assert (plain / "release.yaml").read_text() == "nonsense: 1\n"


@pytest.mark.parametrize(
    "arguments", [["init", "nowhere"], ["init", "--stdout", "--format", "json"]]
)
def test_wrong_calls_exit_2(plain: Path, run: Run, arguments: list[str]) -> None:
    arguments = [str(plain) if a == "--stdout" else a for a in arguments] + (
        ["--stdout"] if "--stdout" in arguments else []
    )
    assert run(*arguments).exit_code == 2


def test_hostile_names_do_not_reach_the_terminal_raw(plain: Path, run: Run) -> None:
    (plain / "a\u202eb.xyz").write_bytes(b"")
    result = run("init", plain)
    assert "\u202e" not in result.stdout
    assert "a\\u202eb.xyz" in result.stdout


def test_an_empty_directory_gets_a_description_full_of_questions(tmp_path: Path, run: Run) -> None:
    result = run("init", tmp_path)
    assert result.exit_code == 0
    assert "0 files in 0 components" in result.stdout
    assert "# components:" in (tmp_path / "release.yaml").read_text()
