"""Where the files that a user names stand, and what of them is read."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from manifest.errors import NotTrustedError, UsageError
from manifest.verify.request import path_inside, read_given


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a release, and links into it."""
    (tmp_path / "r/signatures").mkdir(parents=True)
    (tmp_path / "r2").mkdir()
    (tmp_path / "r/signatures/a.sig").touch()
    (tmp_path / "into").symlink_to("r/signatures", target_is_directory=True)
    (tmp_path / "a-link.sig").symlink_to("r/signatures/a.sig")
    (tmp_path / "r/out.sig").symlink_to(tmp_path / "r2/b.sig")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("r/signatures/a.sig", "signatures/a.sig"),
        ("./r/../r/signatures/a.sig", "signatures/a.sig"),
        ("r/signatures/a.sig/", "signatures/a.sig"),
        ("r/not-yet.sig", "not-yet.sig"),
        ("into/a.sig", "signatures/a.sig"),
        ("a-link.sig", "signatures/a.sig"),
        ("r/out.sig", "out.sig"),
        ("r2/b.sig", ""),
        ("r2", ""),
        ("r", ""),
        ("b.sig", ""),
    ],
)
def test_place_of_a_path(place: Path, path: str, inside: str) -> None:
    assert path_inside(path, "r") == inside
    assert path_inside(path, str(place / "r")) == inside
    assert path_inside(str(place / path), "r") == inside


def test_place_in_the_working_directory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place / "r")
    assert path_inside("model.sig", ".") == "model.sig"
    assert path_inside("signatures/a.sig", ".") == "signatures/a.sig"
    assert path_inside("model.sig", "signatures") == ""
    assert path_inside("../r2/b.sig", ".") == ""


def test_place_below_the_root_of_everything(place: Path) -> None:
    assert path_inside(str(place / "r2/b.sig"), os.sep) == f"{place}/r2/b.sig".removeprefix("/")


def test_as_many_bytes_as_are_allowed(place: Path) -> None:
    (place / "given").write_bytes(b"12345")
    assert read_given("given", "--manifest", 5) == b"12345"
    with pytest.raises(NotTrustedError, match="--manifest given has more than 4 bytes"):
        read_given("given", "--manifest", 4)
    with pytest.raises(UsageError, match="--manifest none: there is no such file"):
        read_given("none", "--manifest", 4)
    with pytest.raises(UsageError, match="--manifest r is a directory"):
        read_given("r", "--manifest", 4)
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match="--manifest pipe is not a regular file"):
        read_given("pipe", "--manifest", 4)


def test_a_large_file_is_refused_before_it_is_read_whole(place: Path) -> None:
    with (place / "large").open("wb") as file:
        file.truncate(1 << 26)  # a hole
    tracemalloc.start()
    try:
        with pytest.raises(NotTrustedError, match="has more than"):
            read_given("large", "--manifest", 1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 22


def test_a_blank_at_the_end_of_a_name_is_part_of_it(place: Path) -> None:
    assert path_inside("r/signatures/c ", "r") == "signatures/c "
