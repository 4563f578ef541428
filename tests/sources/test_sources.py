"""Reading a release: from a directory, a hub-cache snapshot, memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from manifest.errors import DocumentError, UndecidedError, UsageError
from manifest.sources import Source
from manifest.sources.directory import DirectorySource
from manifest.sources.memory import MemorySource


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_a_directory_lists_release_content_and_nothing_of_the_tools(tmp_path: Path) -> None:
    names = [
        "a.txt", "release.yaml", "manifest.json", "model.sig", "signatures/x.sig", ".git/config",
        ".gitattributes", ".cache/huggingface/x", "deep/manifest.json", "deep/.gitattributes",
    ]  # fmt: skip
    source = DirectorySource(tree(tmp_path / "rel", dict.fromkeys(names, b"x")))
    assert source.name == "rel"
    assert [file.path for file in source.files] == [
        "a.txt",
        "deep/.gitattributes",
        "deep/manifest.json",
        "release.yaml",
    ]
    assert {file.size for file in source.files} == {1}


def test_both_sources_sort_by_bytes_and_read_alike(tmp_path: Path) -> None:
    files = {"z": b"0123456789", "ä/b": b"", "Z": b"Z", "a/b": b"x"}
    sources: list[Source] = [DirectorySource(tree(tmp_path / "r", files)), MemorySource(files)]
    for source in sources:
        assert [file.path for file in source.files] == ["Z", "a/b", "z", "ä/b"]
        assert source.read("z", length=3) == b"012"
        assert source.read("z", start=8, length=100) == b"89"
        assert source.read("z", start=20, length=5) == b""
        assert source.read("ä/b", length=5) == b""
        with pytest.raises(UndecidedError, match="nowhere"):
            source.read("nowhere", length=1)


def test_memory_refuses_paths_that_lead_outside() -> None:
    with pytest.raises(DocumentError, match=r"\.\."):
        MemorySource({"../x": b""})


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "rel", {"a": b"x"})
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    source = DirectorySource(root)
    assert [file.path for file in source.files] == ["a"]
    with pytest.raises(UndecidedError):
        source.read("link", length=10)


def test_a_directory_exchanged_for_a_link_after_the_walk_is_not_entered(tmp_path: Path) -> None:
    root = tree(tmp_path / "rel", {"sub/a": b"inside"})
    source = DirectorySource(root)
    tree(tmp_path / "other", {"a": b"secret"})
    (root / "sub" / "a").unlink()
    (root / "sub").rmdir()
    (root / "sub").symlink_to(tmp_path / "other")
    with pytest.raises(UndecidedError, match="sub/a"):
        source.read("sub/a", length=10)


def test_a_file_that_changed_since_the_walk_is_not_read(tmp_path: Path) -> None:
    root = tree(tmp_path / "rel", {"a": b"before"})
    source = DirectorySource(root)
    (root / "a").write_bytes(b"and after")
    with pytest.raises(UndecidedError, match="a cannot be read"):
        source.read("a", length=10)


def test_a_fifo_in_the_place_of_a_file_does_not_stop_the_reader(tmp_path: Path) -> None:
    root = tree(tmp_path / "rel", {"a": b"before"})
    source = DirectorySource(root)
    (root / "a").unlink()
    os.mkfifo(root / "a")
    with pytest.raises(UndecidedError):
        source.read("a", length=10)


def test_negative_positions_are_refused(tmp_path: Path) -> None:
    source = DirectorySource(tree(tmp_path / "rel", {"a": b"x"}))
    with pytest.raises(UsageError):
        source.read("a", start=-1, length=1)


def test_a_hub_cache_snapshot_is_called_by_its_repository(tmp_path: Path) -> None:
    model = tmp_path / "models--acme--tiny-lm"
    blob, revision = "a" * 64, "0123456789abcdef0123456789abcdef01234567"
    tree(model, {f"blobs/{blob}": b"weights"})
    snapshot = model / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{blob}")
    source = DirectorySource(snapshot)
    assert (source.name, source.revision) == ("acme/tiny-lm", revision)
    assert source.read("model.safetensors", length=100) == b"weights"
