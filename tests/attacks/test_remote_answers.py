"""Servers that lie, stall or are somebody else: what a command says then.

A server on loopback serves the hub's shapes, and does wrong in one way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_cases import Attack, Table
from click.testing import CliRunner, Result
from hub_server import HubServer, ServedFile, ServedRepository
from lint_releases import safetensors
from timestamp_authority import serve

from manifest.build import build, write_manifest
from manifest.cli import cli
from manifest.sign import write_key_pair
from manifest.signing.keys import generate

CARD = b"---\nlicense: apache-2.0\n---\n# Tiny\n"
WEIGHTS = safetensors(w=(20, 20))


@dataclasses.dataclass
class Scene:
    """A hub with one model, and a place for files."""

    hub: HubServer
    path: Path

    @property
    def model(self) -> ServedRepository:
        return self.hub.repositories["acme/tiny"]

    def entry(self, **fields: object) -> None:
        """One more entry in the list of files."""
        entry = {"type": "file", "path": "x", "size": 1, "oid": "1" * 40} | fields
        self.model.extra_entries = (entry,)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("time.sleep", lambda _: None)  # patience between tries
    files = {"README.md": CARD, "model.safetensors": WEIGHTS}
    repository = ServedRepository({p: ServedFile.of(p, data) for p, data in files.items()})
    with HubServer({"acme/tiny": repository}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield Scene(server, tmp_path)


TABLE: Table[Scene] = Table()
TABLE.area("remote answers")


@TABLE.attack("path-out-of-the-release", 4, 'has the component ".."')
def _(s: Scene) -> None:
    s.entry(path="../../evil")


@TABLE.attack("absolute-path", 4, "is absolute")
def _(s: Scene) -> None:
    s.entry(path="/etc/passwd")


@TABLE.attack("path-with-a-terminal-escape", 4, "contains a control character")
def _(s: Scene) -> None:
    s.entry(path="a\x1b[2Jb")


@TABLE.attack("file-listed-twice", 4, "lists README.md twice")
def _(s: Scene) -> None:
    s.entry(path="README.md")


@TABLE.attack("negative-size", 4, "the size of x is none")
def _(s: Scene) -> None:
    s.entry(size=-1)


@TABLE.attack("size-as-text", 4, "the size of x is none")
def _(s: Scene) -> None:
    s.entry(size="1")


@TABLE.attack("large-file-without-a-digest", 4, "the SHA-256 of x is none")
def _(s: Scene) -> None:
    s.entry(lfs={"oid": "none", "size": 1})


@TABLE.attack("entry-that-is-no-file", 4, "neither file nor directory")
def _(s: Scene) -> None:
    s.entry(type="symlink")


@TABLE.attack("answer-that-is-no-json", 4, "127.0.0.1")
def _(s: Scene) -> None:
    s.hub.fail("/api/", 200, body=b"<html>")


@TABLE.attack("server-that-is-broken", 4, "500")
def _(s: Scene) -> None:
    s.hub.fail("/api/", 500)


@TABLE.attack("redirect-to-a-file", 4, "file:///etc/passwd is not an address that is asked")
def _(s: Scene) -> None:
    s.hub.fail("/api/", 302, headers={"Location": "file:///etc/passwd"})


@TABLE.attack("redirects-in-a-circle", 4, "127.0.0.1")
def _(s: Scene) -> None:
    s.hub.fail("/api/", 302, headers={"Location": f"{s.hub.endpoint}/api/again"})


@TABLE.attack("huge-answer", 4, "127.0.0.1")
def _(s: Scene) -> None:
    s.hub.fail("/api/", 200, body=b"[" + b" " * 70_000_000 + b"]")


@TABLE.attack("deep-json", 4, "127.0.0.1")
def _(s: Scene) -> None:
    s.hub.fail("/api/", 200, body=b"[" * 100_000)


@TABLE.attack("repository-that-hides", 4, "no such repository, or it is private")
def _(s: Scene) -> None:
    s.model.private = True


@pytest.mark.parametrize("attack", TABLE.attacks, ids=lambda attack: attack.name)
def test_attack(scene: Scene, attack: Attack[Scene]) -> None:
    attack.run(scene)
    result = CliRunner().invoke(cli, ["lint", "hf:acme/tiny"])
    said = " ".join(result.output.split())
    assert (result.exit_code, attack.message in said) == (attack.exit_code, True), said
    assert "\x1b[2J" not in result.output
    assert "remedy: " in result.output


def test_other_content_than_listed_is_not_believed(scene: Scene) -> None:
    listed = scene.model.files["README.md"].entry("README.md")
    changed = ServedFile.of("README.md", CARD.replace(b"apache-2.0", b"cc-by-nc-4"))
    object.__setattr__(changed, "entry", lambda _: listed)
    scene.model.files["README.md"] = changed
    said = " ".join(CliRunner().invoke(cli, ["lint", "hf:acme/tiny"]).output.split())
    assert "README.md was not read: is not the object that the hub lists under its name" in said
    assert "cc-by-nc" not in said


def test_the_hub_under_attack_is_good(scene: Scene) -> None:
    assert CliRunner().invoke(cli, ["lint", "hf:acme/tiny"]).exit_code in {0, 1}


# An authority's answers, when a signature is made.


def sign_with(body: bytes, directory: Path, *, status: int = 200, kind: str = "") -> Result:
    pytest.importorskip("rfc3161_client")
    release = directory / "release"
    release.mkdir()
    (release / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\n'
    )
    write_manifest(release, build(release))
    private, _ = write_key_pair(directory / "key", generate(), None)
    content_type = kind or "application/timestamp-reply"
    with serve(lambda _: body, status=status, content_type=content_type) as url:
        arguments = ["sign", str(release), "--key", str(private), "--timestamp", url]
        result = CliRunner().invoke(cli, arguments)
    assert not (release / "model.sig").exists()
    return result


@pytest.mark.parametrize(
    ("body", "options", "code", "message"),
    [
        pytest.param(b"", {}, 3, "cannot be read", id="nothing"),
        pytest.param(b"<html>", {"kind": "text/html"}, 4, "text/html", id="web-page"),
        pytest.param(bytes.fromhex("30053003020102"), {}, 3, "was not granted", id="refusal"),
        pytest.param(b"\x30" * 5_000_000, {}, 4, "127.0.0.1", id="huge"),
        pytest.param(b"", {"status": 503}, 4, "503", id="broken-server"),
    ],
)
def test_answer_of_a_timestamp_authority(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    options: dict[str, object],
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    result = sign_with(body, tmp_path, **options)  # type: ignore[arg-type]  # by name
    assert (result.exit_code, message in result.output) == (code, True), result.output
