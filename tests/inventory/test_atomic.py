from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from manifest.atomic import write_atomically
from manifest.errors import ExitCode, UndecidedError, UsageError


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def no_room(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def no_hard_links(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_file_is_written_with_the_umask_applied(tmp_path: Path, umask: None) -> None:
    target = tmp_path / "manifest.json"
    write_atomically(target, b"{}\n")
    assert target.read_bytes() == b"{}\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert names(tmp_path) == ["manifest.json"]


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    write_atomically(tmp_path / "key.pem", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_an_old_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old and longer")
    write_atomically(str(target), b"new")
    assert target.read_bytes() == b"new"


def test_a_name_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


def test_the_longest_name(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 127)
    write_atomically(target, b"x")
    assert target.read_bytes() == b"x"


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    target = tmp_path / "manifest.json"
    target.symlink_to(outside)
    write_atomically(target, b"new")
    assert outside.read_bytes() == b"untouched"
    assert not target.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize(
    ("failing", "how", "raised"),
    [
        pytest.param("write", no_room, UndecidedError, id="disk-full-in-the-middle"),
        pytest.param("fsync", no_room, UndecidedError, id="disk-full-at-the-end"),
        pytest.param("write", interrupted, KeyboardInterrupt, id="interrupted-in-the-middle"),
        pytest.param("fsync", interrupted, KeyboardInterrupt, id="interrupted-at-the-end"),
    ],
)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    how: Callable[..., NoReturn],
    raised: type[BaseException],
    overwrite: bool,  # noqa: FBT001 a parameter of the table
) -> None:
    target = tmp_path / "model.sig"
    if overwrite:
        target.write_bytes(b"old")
    before = names(tmp_path)
    monkeypatch.setattr(os, failing, how)
    with pytest.raises(raised) as caught:
        write_atomically(target, b"new" * 1000, overwrite=overwrite)
    monkeypatch.undo()
    assert names(tmp_path) == before
    if overwrite:
        assert target.read_bytes() == b"old"
    if isinstance(caught.value, UndecidedError):
        assert str(target) in caught.value.message
        assert "No space left on device" in caught.value.message
        assert "nothing was written" in caught.value.message
        assert caught.value.exit_code is ExitCode.UNDECIDED


def test_a_failure_after_some_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up after the first part was accepted."""
    real, calls = os.write, 0

    def partly(descriptor: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        return real(descriptor, data[:10]) if calls == 1 else no_room()

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "write", partly)
    with pytest.raises(UndecidedError):
        write_atomically(tmp_path / "a", b"n" * 100)
    monkeypatch.undo()
    assert calls == 2
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_partial_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    write_atomically(tmp_path / "a", bytes(range(256)))
    assert (tmp_path / "a").read_bytes() == bytes(range(256))


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(UndecidedError, match=r"nowhere/a cannot be written: No such file"):
        write_atomically(tmp_path / "nowhere" / "a", b"")


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("place", ["directory", "/dev/null", "link-to-device"])
def test_devices_and_directories_are_refused(
    tmp_path: Path,
    place: str,
    overwrite: bool,  # noqa: FBT001 a parameter of the table
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link-to-device").symlink_to("/dev/null")
    with pytest.raises(UsageError, match="nothing was written"):
        write_atomically(tmp_path / place, b"x", overwrite=overwrite)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert names(tmp_path) == ["directory", "link-to-device"]


@pytest.mark.parametrize("hard_links", [True, False])
def test_an_existing_file_is_kept_when_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hard_links: bool,  # noqa: FBT001 a parameter of the table
) -> None:
    if not hard_links:
        monkeypatch.setattr(os, "link", no_hard_links)
    target = tmp_path / "key.pem"
    write_atomically(target, b"first", mode=0o600, overwrite=False)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="exists already"):
        write_atomically(target, b"second", overwrite=False)
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["key.pem"]


def test_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(UsageError, match="exists already"):
        write_atomically(tmp_path / "a", b"x", overwrite=False)
    assert (tmp_path / "a").readlink() == Path("nowhere")
