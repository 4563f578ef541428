"""The second walk: a helper's answer counts only when it is that nothing changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import children

from manifest.inventory import OWN_FILES, Tree, again, crew, parallel, walk
from manifest.inventory.again import SecondWalk, fingerprint


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(again, "MIN_FILES", 3)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    (tmp_path / "in").mkdir()
    for name in ("a", "b.bin", "in/naïve", "model.sig"):
        (tmp_path / name).write_text(name)
    return tmp_path


def walked_twice(
    root: Path, between: Callable[[], object], *, leave_out: frozenset[str] | None = OWN_FILES
) -> tuple[bool, Tree, int]:
    """Whether the first tree was kept, what was found, and how often it was walked here."""
    here: list[Tree] = []

    def walk_here() -> Tree:
        here.append(walk(root, leave_out=OWN_FILES))
        return here[-1]

    first = walk(root, leave_out=OWN_FILES)
    between()
    with SecondWalk(first, walk_here, leave_out=leave_out) as second:
        found = second.result()
    return found is first, found, len(here)


def test_a_helper_that_finds_the_same_saves_the_walk(root: Path) -> None:
    assert walked_twice(root, lambda: None)[::2] == (True, 0)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "late").write_text("x"), id="added"),
        pytest.param(lambda root: (root / "a").unlink(), id="removed"),
        pytest.param(lambda root: (root / "a").write_text("A"), id="rewritten"),
        pytest.param(lambda root: (root / "a").chmod(0o600), id="mode"),
        pytest.param(lambda root: (root / "a").rename(root / "c"), id="renamed"),
        pytest.param(lambda root: os.utime(root / "in/naïve", ns=(1, 1)), id="touched"),
        pytest.param(lambda root: (root / "link").symlink_to("a"), id="link"),
        pytest.param(lambda root: os.mkfifo(root / "pipe"), id="pipe"),
        pytest.param(lambda root: (root / "bad\nname").write_text("x"), id="bad name"),
    ],
)
def test_every_change_is_looked_at_here(root: Path, change: Callable[[Path], object]) -> None:
    before = walk(root, leave_out=OWN_FILES)
    kept, found, walks = walked_twice(root, lambda: None)
    assert (kept, found) == (True, before)
    first = walk(root, leave_out=OWN_FILES)
    change(root)
    with SecondWalk(first, lambda: walk(root, leave_out=OWN_FILES), leave_out=OWN_FILES) as second:
        after = second.result()
    assert (after.files, after.oddities) != (first.files, first.oddities)
    assert fingerprint(after) != fingerprint(first)
    assert walks == 0


def test_what_is_left_out_may_change(root: Path) -> None:
    assert walked_twice(root, lambda: (root / "model.sig").write_text("other"))[0]


def test_no_helper_where_it_could_not_do_the_same_or_is_not_worth_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert walked_twice(root, lambda: None, leave_out=None)[::2] == (False, 1)
    monkeypatch.setattr(again, "MIN_FILES", 1000)
    assert walked_twice(root, lambda: None)[::2] == (False, 1)
    monkeypatch.setattr(again, "MIN_FILES", 3)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 1)
    assert walked_twice(root, lambda: None)[::2] == (False, 1)


def test_a_helper_that_is_lost_or_lies_costs_the_walk_and_nothing_else(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: crew.Child) -> object:
        raise crew.HelperLostError

    for answer in (lost, lambda _: None, lambda _: "", lambda _: ["0" * 64]):
        monkeypatch.setattr(crew.Child, "receive", answer)
        assert walked_twice(root, lambda: None)[::2] == (False, 1)
    monkeypatch.setattr("sys.executable", "")
    assert walked_twice(root, lambda: None)[::2] == (False, 1)


def test_no_process_is_left_when_nobody_asks(root: Path) -> None:
    tree = walk(root)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    before = children()
    with pytest.raises(KeyboardInterrupt), SecondWalk(tree, list, leave_out=OWN_FILES):  # type: ignore[arg-type]  # never called
        raise KeyboardInterrupt
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert children() == before
