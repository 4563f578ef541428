"""Snapshots of the Hugging Face hub cache: the one shape of link that is followed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from manifest.inventory import OddityKind, ProblemKind, hash_files, read_file, walk

REVISION = "2439f60ef33a0d46d85da5001d52aeda5b00ce9f"
SHA1 = "d7edf6bd2a681fb0175f7735299831ee1b22b812"
SHA256 = "403450e234d65943a7dcf7e05a771ce3c92faa84dd07db4ac20f592037a1e4bd"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model in a cache, with one small file and one large file in a directory."""
    model = tmp_path / "hub" / "models--org--name"
    blobs, snapshot = model / "blobs", model / "snapshots" / REVISION
    (snapshot / "onnx").mkdir(parents=True)
    blobs.mkdir()
    (blobs / SHA1).write_bytes(b"# card\n")
    (blobs / SHA256).write_bytes(b"w" * 100_000)
    (snapshot / "README.md").symlink_to(f"../../blobs/{SHA1}")
    (snapshot / "onnx" / "model.onnx").symlink_to(f"../../../blobs/{SHA256}")
    (snapshot / "copied.json").write_bytes(b"{}")
    return model


def test_a_snapshot_is_read_at_its_blobs(model: Path) -> None:
    tree = walk(model / "snapshots" / REVISION)
    assert tree.is_snapshot
    assert tree.oddities == ()
    assert [(file.path, file.size, file.blob) for file in tree.files] == [
        ("README.md", 7, SHA1),
        ("copied.json", 2, ""),
        ("onnx/model.onnx", 100_000, SHA256),
    ]
    assert [one.digest() for one in hash_files(tree)] == [
        hashlib.sha256(content).hexdigest() for content in (b"# card\n", b"{}", b"w" * 100_000)
    ]
    assert read_file(tree, "README.md", max_bytes=100) == b"# card\n"


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_user_may_name_the_snapshot_by_a_link(model: Path, slash: str) -> None:
    (model.parent / "short").symlink_to(model / "snapshots" / REVISION)
    tree = walk(str(model.parent / "short") + slash)
    assert tree.is_snapshot
    assert len(tree.files) == 3
    assert all(one.problem is None for one in hash_files(tree))


def test_a_snapshot_of_copies(model: Path) -> None:
    snapshot = model / "snapshots" / "copies"
    snapshot.mkdir()
    (snapshot / "README.md").write_bytes(b"# card\n")
    tree = walk(snapshot)
    assert [(file.path, file.blob) for file in tree.files] == [("README.md", "")]


def test_files_left_out_are_followed_too(model: Path) -> None:
    (model / "snapshots" / REVISION / "model.sig").symlink_to(f"../../blobs/{SHA1}")
    tree = walk(model / "snapshots" / REVISION, leave_out=frozenset({"model.sig"}))
    assert [(file.path, file.blob) for file in tree.left_out] == [("model.sig", SHA1)]
    assert read_file(tree, "model.sig", max_bytes=100) == b"# card\n"


@pytest.mark.parametrize(
    ("target", "at"),
    [
        pytest.param(f"../blobs/{SHA1}", "odd", id="too-shallow"),
        pytest.param(f"../../../blobs/{SHA1}", "odd", id="too-deep"),
        pytest.param(f"../../blobs/{SHA1}", "onnx/odd", id="wrong-for-its-directory"),
        pytest.param(f"./../../blobs/{SHA1}", "odd", id="detour"),
        pytest.param(f"../../blobs/../blobs/{SHA1}", "odd", id="detour-inside"),
        pytest.param(f"../..//blobs/{SHA1}", "odd", id="double-slash"),
        pytest.param(f"../../blobs/{SHA1}/", "odd", id="trailing-slash"),
        pytest.param(f"../../blobs/{SHA1}\n", "odd", id="trailing-newline"),
        pytest.param(f"../../blobs/{SHA1.upper()}", "odd", id="upper-case"),
        pytest.param(f"../../blobs/{SHA1[:39]}", "odd", id="short-name"),
        pytest.param(f"../../blobs/{SHA256[:63]}", "odd", id="63-digits"),
        pytest.param("../../blobs/" + "g" * 40, "odd", id="not-hex"),
        pytest.param(f"../../blobs/sub/{SHA1}", "odd", id="below-blobs"),
        pytest.param("../../blobs/..", "odd", id="climb"),
        pytest.param(f"../../../models--evil--x/blobs/{SHA1}", "odd", id="other-model"),
        pytest.param("../../blobs/" + "0" * 40, "odd", id="blob-is-missing"),
        pytest.param("../../blobs/" + "1" * 40, "odd", id="blob-is-a-link"),
        pytest.param("../../blobs/" + "2" * 40, "odd", id="blob-is-a-directory"),
        pytest.param("../../blobs", "odd", id="the-directory-itself"),
        pytest.param("README.md", "odd", id="link-to-a-link"),
        pytest.param(f"../{'3' * 40}/x", "odd", id="other-revision"),
        pytest.param("/etc/passwd", "odd", id="absolute"),
    ],
)
def test_other_links_are_odd(model: Path, target: str, at: str) -> None:
    blobs = model / "blobs"
    (blobs / ("1" * 40)).symlink_to(SHA1)
    (blobs / ("2" * 40)).mkdir()
    (blobs / "sub").mkdir()
    (blobs / "sub" / SHA1).write_bytes(b"x")
    evil = model.parent / "models--evil--x" / "blobs"
    evil.mkdir(parents=True)
    (evil / SHA1).write_bytes(b"x")
    (model / "snapshots" / REVISION / at).symlink_to(target)
    tree = walk(model / "snapshots" / REVISION)
    assert [(odd.path, odd.kind) for odd in tree.oddities] == [(at, OddityKind.LINK)]
    assert tree.oddities[0].detail.startswith(target)
    assert len(tree.files) == 3


def test_an_absolute_link_to_the_right_blob_is_odd(model: Path) -> None:
    (model / "snapshots" / REVISION / "odd").symlink_to(model / "blobs" / SHA1)
    assert [odd.path for odd in walk(model / "snapshots" / REVISION).oddities] == ["odd"]


def test_a_blobs_directory_that_is_a_link_is_not_followed(model: Path) -> None:
    (model / "blobs").rename(model / "real")
    (model / "blobs").symlink_to("real")
    tree = walk(model / "snapshots" / REVISION)
    assert not tree.is_snapshot
    assert [odd.path for odd in tree.oddities] == ["README.md", "onnx/model.onnx"]


@pytest.mark.parametrize("parent", ["snapshot", "SNAPSHOTS", "x"])
def test_only_a_revision_below_snapshots_is_a_snapshot(model: Path, parent: str) -> None:
    (model / "snapshots").rename(model / parent)
    tree = walk(model / parent / REVISION)
    assert not tree.is_snapshot
    assert [file.path for file in tree.files] == ["copied.json"]


def test_a_directory_of_a_snapshot_is_no_snapshot(model: Path) -> None:
    tree = walk(model / "snapshots" / REVISION / "onnx")
    assert tree.files == ()
    assert [odd.path for odd in tree.oddities] == ["model.onnx"]


def test_a_blob_replaced_by_a_link_before_the_hashing(model: Path) -> None:
    tree = walk(model / "snapshots" / REVISION)
    (model / "blobs" / SHA1).unlink()
    (model / "blobs" / SHA1).symlink_to("/etc/passwd")
    first, *others = hash_files(tree)
    assert first.problem is not None
    assert first.problem.kind is ProblemKind.NOT_REGULAR
    assert all(one.problem is None for one in others)
