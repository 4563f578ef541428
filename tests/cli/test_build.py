from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]

PYTHON = [sys.executable, "-m", "manifest"]

SUMMARY = """\
acme/tiny 1.10: 8 files, 488 B
  data                    3 files, 9 B
  model-parameters-final  1 file, 7 B
  research-paper          elsewhere (1 reference)
  tokenizer               1 file, 2 B
  training-logs           withheld

2 files in no component:
  README.md
  data/scratch.tmp
  They are listed and signed all the same; name them under `components:` in
  release.yaml, or let `manifest init` do it.

weights without digests of tensors:
  model one.safetensors is too short to be a safetensors file

root digest  {digest}
written to   {release}/manifest.json
next: manifest sign {command} --key KEY
"""


def test_the_summary_is_this(run: Run, small_release: Path) -> None:
    result = run("build", small_release)
    assert (result.exit_code, result.stderr) == (0, "")
    plain = json.loads((small_release / "manifest.json").read_text())
    assert result.stdout == SUMMARY.format(
        digest=plain["root_digest"], release=small_release, command=f"'{small_release}'"
    )


def test_the_report_for_programs_is_json_and_nothing_else(run: Run, small_release: Path) -> None:
    (small_release / ".git").mkdir()
    result = run("build", small_release, "--format", "json")
    report = json.loads(result.stdout)
    assert report["file_count"] == 8
    assert report["unassigned"] == ["README.md", "data/scratch.tmp"]
    assert report["not_covered"] == [".git"]
    assert report["components"][0] == {
        "id": "data",
        "kind": "datasets",
        "file_count": 3,
        "size": 9,
        "owned_count": 0,
        "owned_size": 0,
    }


def test_quiet_says_nothing(run: Run, small_release: Path) -> None:
    assert run("build", small_release, "--quiet").output == ""
    assert (small_release / "manifest.json").is_file()


def test_the_current_directory_is_the_release(
    run: Run, small_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_release)
    result = run("build")
    assert result.exit_code == 0
    assert "next: manifest sign --key KEY" in result.stdout


def test_what_is_not_covered_is_named(run: Run, small_release: Path) -> None:
    (small_release / ".git").mkdir()
    (small_release / ".git/config").write_text("x")
    assert ".git (1 file) is left out" in run("build", small_release).stderr


def test_check_says_what_differs_and_changes_nothing(run: Run, small_release: Path) -> None:
    missing = run("build", small_release, "--check")
    assert missing.exit_code == 5
    assert "missing: there is no" in missing.stdout
    assert not (small_release / "manifest.json").exists()
    run("build", small_release)
    same = run("build", small_release, "--check")
    assert (same.exit_code, same.stdout) == (0, f"{small_release}/manifest.json is up to date\n")
    before = (small_release / "manifest.json").read_bytes()
    (small_release / "tokenizer.json").write_text("[]")
    (small_release / "new").write_text("")
    (small_release / "README.md").unlink()
    text = (small_release / "release.yaml").read_text()
    (small_release / "release.yaml").write_text(text.replace("apache-2.0", "mit"))
    differs = run("build", small_release, "--check")
    assert differs.exit_code == 5
    assert differs.stdout == (
        f"{small_release}/manifest.json is out of date\n"
        "  added: new\n"
        "  gone: README.md\n"
        "  changed: release.yaml\n"
        "  changed: tokenizer.json\n"
        "  says otherwise: release.license\n"
        "run `manifest build` to bring it up to date\n"
    )
    report = json.loads(run("build", small_release, "--check", "--format", "json").stdout)
    assert report["state"] == "out-of-date"
    assert report["claims"] == ["release.license"]
    assert (small_release / "manifest.json").read_bytes() == before


def test_check_sees_a_manifest_that_was_only_reformatted(run: Run, small_release: Path) -> None:
    run("build", small_release)
    path = small_release / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    result = run("build", small_release, "--check")
    assert result.exit_code == 5
    assert "says the same in another form" in result.stdout


def test_a_manifest_elsewhere(run: Run, small_release: Path, tmp_path: Path) -> None:
    result = run("build", small_release, "--manifest", tmp_path / "m.json")
    assert result.exit_code == 0
    assert not (small_release / "manifest.json").exists()
    assert run("build", small_release, "--manifest", tmp_path / "m.json", "--check").exit_code == 0


def test_a_foreign_manifest_is_refused_before_anything_is_hashed(
    run: Run, small_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import manifest.inventory.recall

    monkeypatch.setattr(manifest.inventory.recall, "hash_files", None)  # calling it would fail
    (small_release / "manifest.json").write_text('{"start_url": "/"}')
    result = run("build", small_release)
    assert result.exit_code == 1
    assert "is not a manifest that this program wrote" in result.stderr
    assert "remedy: manifest.json is the manifest's name" in result.stderr


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("ckpt", "is not of the form NAME=DIR"),
        ("=.", "is not of the form NAME=DIR"),
        ("ckpt=nowhere", "does not exist"),
        ("ckpt=.", "declares no root 'ckpt'"),
    ],
    ids=["no-directory", "no-name", "missing-directory", "not-declared"],
)
def test_a_root_that_cannot_be_is_a_usage_error(
    run: Run, small_release: Path, option: str, words: str
) -> None:
    result = run("build", small_release, "--root-dir", option)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_root_given_twice_is_a_usage_error(run: Run, small_release: Path) -> None:
    result = run("build", small_release, "--root-dir", "a=.", "--root-dir", "a=..")
    assert result.exit_code == 2
    assert "given twice" in result.stderr


@pytest.mark.parametrize("name", ["nowhere", "README.md"])
def test_what_is_no_directory_is_a_usage_error(run: Run, small_release: Path, name: str) -> None:
    assert run("build", small_release / name).exit_code == 2


def test_a_terminal_without_the_letters_still_gets_an_answer(small_release: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "iso-8859-1:strict"}
    (small_release / "日本").write_text("x")
    done = subprocess.run(
        [*PYTHON, "build", small_release], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u65e5\\u672c" in done.stdout


def test_ctrl_c_leaves_nothing_and_says_so(
    small_release: Path, interrupt: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for name in ("huge.bin", "huge2.bin"):
        with (small_release / name).open("wb") as file:
            file.truncate(1 << 36)  # 64 GiB of nothing
    before = {p.name for p in small_release.iterdir()}
    done = interrupt(small_release / "huge.bin", "build", small_release)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"error: interrupted: {small_release}/manifest.json was not written\n"
    assert {p.name for p in small_release.iterdir()} == before
