"""Signatures by byte ranges: what they cannot list, and what they must not cost."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import ExitCode
from manifest.inventory import hash_files
from manifest.verify.report import ProblemKind

if TYPE_CHECKING:
    from releases import Release


def sign_ranges(release: Release, size: int) -> None:
    """Sign what lies there by ranges of ``size`` bytes, in the order of code points (OMS, 5.2.1)."""
    resources = []
    for file in release.path.rglob("*"):
        name = file.relative_to(release.path).as_posix()
        if not file.is_file() or name == "model.sig":
            continue
        data = file.read_bytes()
        for start in range(0, len(data), size):
            part = data[start : start + size]
            digest = hashlib.sha256(part).hexdigest()
            entry = {"name": f"{name}:{start}:{start + len(part)}", "digest": digest}
            resources.append(entry | {"algorithm": "sha256"})
    resources.sort(key=lambda r: r["name"])

    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["serialization"] |= {"method": "shards", "shard_size": size}
        statement["predicate"]["resources"] = resources
        root = b"".join(bytes.fromhex(r["digest"]) for r in resources)
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()

    release.resign(change)


def problems(release: Release) -> list[tuple[ProblemKind, str]]:
    return [(p.kind, p.path) for p in release.verify().problems]


@pytest.fixture
def in_ranges(release: Release) -> Release:
    sign_ranges(release, 1000)
    return release


def test_ranges_listed_by_code_point_verify(in_ranges: Release) -> None:
    # Of 11 ranges of a file, 10000:10240 stands before 1000:2000 in that order.
    assert in_ranges.verify().exit_code is ExitCode.OK


def test_an_empty_file_that_the_manifest_lists_is_missed(in_ranges: Release) -> None:
    (in_ranges.path / "tokenizer/merges.txt").unlink()
    assert problems(in_ranges) == [(ProblemKind.MISSING, "tokenizer/merges.txt")]


def test_an_empty_file_that_the_manifest_does_not_list_was_added(in_ranges: Release) -> None:
    (in_ranges.path / "__init__.py").touch()
    assert problems(in_ranges) == [(ProblemKind.ADDED, "__init__.py")]


def test_without_a_manifest_an_empty_file_is_not_covered(release: Release) -> None:
    (release.path / "manifest.json").unlink()
    sign_ranges(release, 1000)
    report = release.verify()
    assert report.exit_code is ExitCode.OK
    assert [n.split(" (")[0] for n in report.not_covered] == ["tokenizer/merges.txt"]
    assert release.verify(strict=True).exit_code is ExitCode.DIFFERENT


def test_strict_names_a_file_whose_name_holds_parentheses(release: Release) -> None:
    (release.path / "manifest.json").unlink()
    (release.path / "copy (1).txt").touch()
    sign_ranges(release, 1000)
    strict = release.verify(strict=True)
    assert [p.path for p in strict.problems] == ["copy (1).txt", "tokenizer/merges.txt"]


def test_a_manifest_and_ranges_that_give_other_sizes_are_refused(release: Release) -> None:
    sign_ranges(release, 1000)

    def cut(statement: dict[str, Any]) -> None:
        resources = statement["predicate"]["resources"]
        statement["predicate"]["resources"] = kept = [
            r for r in resources if r["name"] != "model.safetensors:10000:10240"
        ]
        root = b"".join(bytes.fromhex(r["digest"]) for r in kept)
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()

    release.resign(cut)
    report = release.verify()
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "disagree on the size of model.safetensors" in report.refusal


def test_tiny_ranges_do_not_make_a_large_added_file_costly(release: Release) -> None:
    """A digest for each byte of an added file would take more memory than any machine has."""
    sign_ranges(release, 1)
    with (release.path / "large.bin").open("wb") as file:
        file.truncate(1 << 40)
    with (release.path / "notes.txt").open("r+b") as file:
        file.truncate(1 << 40)
    assert problems(release) == [
        (ProblemKind.CHANGED, "notes.txt"),
        (ProblemKind.ADDED, "large.bin"),
    ]


def test_tiny_ranges_do_not_make_a_large_manifest_costly(release: Release) -> None:
    sign_ranges(release, 1)
    with (release.path / "manifest.json").open("ab") as file:
        file.truncate(200_000_000)
    assert problems(release) == [(ProblemKind.CHANGED, "manifest.json")]


def test_a_file_that_changes_before_the_second_digest_is_no_answer(
    in_ranges: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest's SHA-256 is checked after the ranges'; without it nothing is verified."""

    def write_meanwhile(tree: Any, paths: Any, **options: Any) -> Any:
        if options.get("shard_size") is None:
            (in_ranges.path / "notes.txt").write_bytes(b"in no component!")
        return hash_files(tree, paths, **options)

    monkeypatch.setattr("manifest.verify.comparison.hash_files", write_meanwhile)
    report = in_ranges.verify()
    assert report.exit_code is ExitCode.UNDECIDED
    assert [u.path for u in report.undecided] == ["notes.txt"]
