"""What the linter says of models that people ask about, by name and without downloading them.

The hub on loopback serves stand-ins made from public facts (tests/data/hub); each sentence was
read for its truth.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hub_server import HubServer

from manifest._version import __version__
from manifest.cli import cli

DATA = Path(__file__).resolve().parents[1] / "data"
HUB = DATA / "hub"
TOKEN = "hf_accepted_the_terms"


def fixture(path: Path) -> tuple[str, dict[str, Any]]:
    """A repository's name and answers; whole license texts are kept once, beside others."""
    recorded = json.loads(path.read_text("utf-8"))
    for file_name, file in recorded["answers"]["files"].items():
        if name := file.pop("text_of", ""):
            file["text"] = (DATA / "licenses" / f"{name}.txt").read_text("utf-8")
        if file_name == "tokenizer.json" and "config.json" in recorded["answers"]["files"]:
            file["text"] = grown(file["text"], recorded["answers"]["files"]["config.json"]["text"])
    return recorded["repository"], recorded["answers"]


def grown(tokenizer: str, config: str) -> str:
    """A stand-in's tokenizer with as many tokens as the configuration says; the rest is made up."""
    fields, size = json.loads(tokenizer), json.loads(config).get("vocab_size", 0)
    vocabulary = fields.get("model", {}).get("vocab")
    if vocabulary:
        vocabulary.update({f"t{n}": n for n in range(len(vocabulary), size)})
    return json.dumps(fields)


RECORDED = {json.loads(p.read_text("utf-8"))["repository"]: p for p in sorted(HUB.glob("*.json"))}
GATED = [n for n, p in RECORDED.items() if "gated" in json.loads(p.read_text("utf-8"))["answers"]]
CLOSED = sorted(p.name for p in (DATA / "closed").iterdir())


@functools.cache
def repositories() -> dict[str, dict[str, Any]]:
    """All that the hub serves, some megabytes of it made up."""
    return dict(map(fixture, RECORDED.values()))


def headline(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, token: str = TOKEN
) -> tuple[str, int]:
    """The sentence of `manifest lint`, without the program's version, and its exit status."""
    report = tmp_path / "report.txt"
    with HubServer.from_fixture(repositories(), token=TOKEN) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", token)
        command = ["lint", target, "--date", "2026-01-31", "--output", str(report)]
        result = CliRunner().invoke(cli, command)
        assert sum(hub.sent.values()) < 16 * 1024 * 1024  # of hundreds of gigabytes
    assert report.exists(), result.output
    return result.stdout.strip().replace(
        f"(manifest {__version__})", "(manifest)"
    ), result.exit_code


SENTENCES = HUB / "headlines.txt"


def check(name: str, said: tuple[str, int]) -> None:
    """Hold what was said against the sentence that was read for its truth."""
    lines = SENTENCES.read_text("utf-8").splitlines()
    wanted = dict(line.split("\t", 1) for line in lines if not line.startswith("#"))
    found = f"{said[1]} {said[0]}"
    if os.environ.get("UPDATE_GOLDEN"):
        comments = [line for line in lines if line.startswith("#")]
        wanted[name] = found
        rows = [f"{key}\t{value}" for key, value in sorted(wanted.items())]
        SENTENCES.write_text("\n".join(comments + rows) + "\n", encoding="utf-8")
    assert wanted[name] == found


@pytest.mark.parametrize("name", RECORDED)
def test_a_true_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, headline(f"hf:{name}", tmp_path, monkeypatch))


@pytest.mark.parametrize("name", GATED)
def test_what_lies_behind_a_gate_is_not_called_closed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(f"{name} without a token", headline(f"hf:{name}", tmp_path, monkeypatch, token="hf_none"))


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_be_had_is_closed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = headline(str(DATA / "closed" / name), tmp_path, monkeypatch)
    check(name, said)
    assert " is closed " in said[0]
