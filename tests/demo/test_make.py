"""Making the demo release: where it may lie, and what is left when it fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import manifest.demo
from manifest.errors import ManifestError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def with_program(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    files = {"README.md": b"# Quill\n", "data/x": b"x", "reproduce.py": source.encode()}
    monkeypatch.setattr(manifest.demo, "static_files", lambda: files)


def test_progress_hears_each_stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_program(monkeypatch, "print('one')\nprint('two')\n")
    heard: list[str] = []
    manifest.demo.make_release(tmp_path / "new", progress=heard.append)
    assert heard == ["one", "two"]
    assert (tmp_path / "new" / "data" / "x").read_bytes() == b"x"


def test_an_empty_directory_may_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_program(monkeypatch, "open('made', 'w').close()\n")
    manifest.demo.make_release(tmp_path)
    assert (tmp_path / "made").exists()


def in_the_way(kind: str) -> Callable[[Path], None]:
    def lay(path: Path) -> None:
        if kind == "file":
            path.write_text("mine")
        elif kind == "link":
            path.symlink_to("nowhere")
        else:
            path.mkdir()
            (path / ".hidden").write_text("mine")

    return lay


@pytest.mark.parametrize(
    "lay",
    [in_the_way("file"), in_the_way("link"), in_the_way("directory")],
    ids=["file", "dangling-link", "non-empty-directory"],
)
def test_what_lies_there_is_left_alone(lay: Callable[[Path], None], tmp_path: Path) -> None:
    target = tmp_path / "taken"
    lay(target)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=r"'.*taken' is not an empty directory"):
        manifest.demo.make_release(target)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_failure_of_the_code_is_told_and_cleared_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_program(monkeypatch, "open('half', 'w').close()\nraise SystemExit('no\\x1bwax')\n")
    with pytest.raises(ManifestError, match=r"status 1: no\\x1bwax$"):
        manifest.demo.make_release(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_interrupt_leaves_an_empty_directory_empty(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_program(
        monkeypatch, "import time\nprint('begun', flush=True)\nopen('half', 'w')\ntime.sleep(60)\n"
    )

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        manifest.demo.make_release(tmp_path, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ManifestError, match=r"cannot be written to '.*new': Not a directory"):
        manifest.demo.make_release(tmp_path / "file" / "new")


def test_settings_of_the_environment_do_not_reach_the_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("QUILL_SEED", "7")
    with_program(
        monkeypatch,
        "import os, sys\nprint('QUILL_SEED' in os.environ or 'PYTHONPATH' in os.environ)\n"
        f"print({str(tmp_path)!r} in sys.path, 'site' in sys.modules)\n",
    )
    heard: list[str] = []
    manifest.demo.make_release(tmp_path / "new", progress=heard.append)
    assert heard == ["False", "False False"]


def test_the_repository_holds_no_weights_and_no_caches() -> None:
    names = manifest.demo.static_files()
    assert not [name for name in names if name.endswith((".safetensors", ".pyc"))]
    assert not [name for name in names if "__pycache__" in name or "/." in f"/{name}"]
    assert {"reproduce.py", "LICENSE", "LICENSE-DATA", "code/model.py"} <= names.keys()
