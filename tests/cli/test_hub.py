"""Commands pointed at a hub by name: a server on loopback that serves its shapes, and is not it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result
from hub_releases import FILES as WITH_MANIFEST
from hub_server import HubServer, ServedFile, ServedRepository
from lint_releases import HEAD, OPEN_DESCRIPTION, OPEN_FILES, content, write

from manifest.api import lint_release
from manifest.document.description import parse_description
from manifest.errors import UndecidedError, UsageError

Run: TypeAlias = Callable[..., Result]

COMMIT = "c0ffee" * 6 + "c0ff"
FILES: dict[str, str | bytes] = {p: c for p, c in WITH_MANIFEST.items() if p != "manifest.json"}


def served(files: Mapping[str, str | bytes]) -> ServedRepository:
    made = {p: t if isinstance(t, bytes) else content(t) for p, t in files.items()}
    return ServedRepository(
        {p: ServedFile.of(p, data) for p, data in made.items() if data is not None}
    )


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with HubServer({"acme/tiny": served(FILES)}, token="hf_good") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_lint_says_what_it_judged(run: Run) -> None:
    result = run("lint", "hf:acme/tiny")
    assert f"hf:acme/tiny resolved to commit {COMMIT}" in result.stderr
    assert f"acme/tiny at commit {COMMIT[:12]}" in result.stdout.replace("\n", " ")
    plain = json.loads(run("lint", "hf:acme/tiny@main", "--format", "json").stdout)
    assert (plain["name"], plain["revision"]) == ("acme/tiny", COMMIT)
    weights = next(c for c in plain["components"] if c["kind"] == "model-parameters-final")
    assert (weights["state"], weights["size"]) == (
        "evidenced",
        len(FILES["model.safetensors"]),
    )
    assert plain["signature"]["status"] == "not-checked"


def test_described_release_is_judged_as_the_same_files_in_a_directory(
    run: Run, hub: HubServer, tmp_path: Path
) -> None:
    files = OPEN_FILES | {"release.yaml": OPEN_DESCRIPTION}
    hub.repositories["acme/open"] = served(files)
    directory = write(tmp_path / "open", files)
    options = ("--format", "json", "--date", "2026-01-01")
    there = json.loads(run("lint", "hf:acme/open", *options).stdout)
    here = json.loads(run("lint", directory, *options).stdout)
    for report in (there, here):
        del report["headline"], report["revision"]
    assert there == here


def test_show(run: Run) -> None:
    result = run("show", "hf:acme/tiny")
    assert result.exit_code == 0
    assert "acme/tiny" in result.stdout
    assert "signatures/a.sig" in result.stdout
    assert json.loads(run("show", "hf:acme/tiny", "--format", "json").stdout)["files"] == 5


def test_init_prints_what_a_third_party_would_say(run: Run, tmp_path: Path) -> None:
    result = run("init", "hf:acme/tiny")
    description = parse_description(result.stdout.encode())
    assert (description.name, description.version) == ("acme/tiny", COMMIT)
    assert description.described_by == "third-party"
    assert "the hub: the revision" in result.stdout
    target = tmp_path / "tiny.yaml"
    assert run("init", "hf:acme/tiny", "-o", target, "--quiet").exit_code == 0
    assert target.read_text() == result.stdout
    again = run("init", "hf:acme/tiny", "-o", target)
    assert again.exit_code != 0
    assert target.read_text() == result.stdout


def test_init_keeps_what_the_repository_says_already(run: Run, hub: HubServer) -> None:
    written = HEAD + "components: {}\n# mine\n"
    hub.repositories["acme/open"] = served({"release.yaml": written, "LICENSE": "<license MIT>"})
    result = run("init", "hf:acme/open")
    assert "# mine" in result.stdout
    assert parse_description(result.stdout.encode()).described_by == "publisher"


@pytest.mark.parametrize("command", ["lint", "show", "init"])
def test_what_cannot_be_told_exits_4(
    run: Run, hub: HubServer, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    wrong = run(command, "hf:acme/tyni")
    assert (wrong.exit_code, wrong.stdout) == (4, "")
    assert "no such repository, or it is private" in wrong.stderr
    assert "remedy: " in wrong.stderr
    asked = len(hub.asked)
    offline = run(command, "hf:acme/tiny", "--offline")
    assert (offline.exit_code, "--offline says not to use it" in offline.stderr) == (4, True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = run(command, "hf:acme/tiny")
    assert (offline.exit_code, "HF_HUB_OFFLINE says" in offline.stderr) == (4, True)
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    "name",
    [
        "hf:", "hf:tiny", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a/b@", "hf:a/b@..", "hf:a/b@-x",
        "hf://acme/tiny", "hf:acme/tiny.git", "hf:acme/ti ny", "hf:acme/tiny?x=1", "hf:acme/a--b",
    ],
)  # fmt: skip
def test_name_that_is_none_is_a_usage_error(run: Run, hub: HubServer, name: str) -> None:
    result = run("lint", name)
    assert result.exit_code == 2
    assert "does not name a repository" in result.stderr
    assert hub.asked == []


def test_directory_that_is_called_like_a_repository(
    run: Run, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "hf:acme" / "tiny", FILES)
    monkeypatch.chdir(tmp_path)
    assert run("show", "./hf:acme/tiny").exit_code == 0
    assert hub.asked == []


def test_token_of_the_environment(
    run: Run, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories["acme/tiny"].private = True
    assert run("show", "hf:acme/tiny").exit_code == 4
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert run("show", "hf:acme/tiny").exit_code == 0
    assert "hf_good" not in run("lint", "hf:acme/tyni").output


def test_options_that_contradict_each_other(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "r", {"a.txt": "x"})
    for arguments in (
        ("lint", tmp_path / "r", "--online", "--offline"),
        ("init", tmp_path / "r", "--output", tmp_path / "x"),
        ("init", "hf:acme/tiny", "--output", tmp_path / "x", "--stdout"),
        ("init", "hf:acme/tiny", "--format", "json"),
    ):
        assert run(*arguments).exit_code == 2


PINNED = """components:
  training-code:
    license: Apache-2.0
    references:
      - {type: huggingface, repo: acme/tiny, revision: %s}
"""


def test_pins_are_looked_up_online(
    run: Run, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = write(tmp_path / "a", {"release.yaml": HEAD + PINNED % COMMIT})
    gone = write(tmp_path / "b", {"release.yaml": HEAD + PINNED % ("0" * 40)})
    assert "pinned     Training code" in run("lint", there).stdout
    assert hub.asked == []
    found = json.loads(run("lint", there, "--online", "--format", "json").stdout)
    assert found["components"][0]["state"] == "evidenced"
    result = run("lint", gone, "--online")
    assert (result.exit_code, "PRV003" in result.stdout) == (1, True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run("lint", there, "--online").exit_code == 4
    assert run("lint", there, "--offline").exit_code in {0, 1}


def test_help_and_directories_import_nothing_that_asks(tmp_path: Path) -> None:
    import subprocess

    write(tmp_path, FILES)
    code = (
        "import sys\nfrom manifest.cli import cli\n"
        f"try: cli.main({['show', str(tmp_path)]!r})\n"
        "except SystemExit: pass\n"
        "sys.exit('requests' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "files" in done.stdout


def test_the_public_face_reads_by_name_as_the_command_does(
    run: Run, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads(run("lint", "hf:acme/tiny", "--format", "json").stdout)
    report = lint_release("hf:acme/tiny@main")
    assert (report.name, report.revision) == (told["name"], told["revision"])
    assert report.verdict == told["verdict"]
    asked = len(hub.asked)
    with pytest.raises(UndecidedError, match=r"--offline|network"):
        lint_release("hf:acme/tiny", offline=True)
    with pytest.raises(UsageError, match="exclude each other"):
        lint_release("hf:acme/tiny", offline=True, online=True)
    assert len(hub.asked) == asked
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UndecidedError):
        lint_release("hf:acme/tiny")
    with pytest.raises(UsageError):
        lint_release("hf:acme")
