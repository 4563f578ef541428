"""Places in and beside a release where something could stand and not be spoken of."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from processor import assert_takes_less
from releases import Release, make_release

from manifest.build import build, write_manifest
from manifest.cli import cli
from manifest.errors import ExitCode, UsageError
from manifest.inventory import Tree, walk
from manifest.sign import sign
from manifest.signing.keys import PrivateKey
from manifest.verify.report import ProblemKind, VerifyReport


def found(report: VerifyReport) -> list[tuple[str, str]]:
    return [(p.kind.value, p.path) for p in report.problems]


@pytest.mark.parametrize("mode", ["signature-elsewhere", "integrity-only"])
def test_a_directory_called_as_the_signature(release: Release, tmp_path: Path, mode: str) -> None:
    (release.path / "model.sig").rename(tmp_path / "tiny.sig")
    (release.path / "model.sig").mkdir()
    (release.path / "model.sig/evil.py").write_text("import os\n")
    options: dict[str, Any] = {"signature_path": tmp_path / "tiny.sig"}
    if mode == "integrity-only":
        options = {"keys": [], "integrity_only": True}
    assert found(release.verify(**options)) == [("added", "model.sig/evil.py")]


@pytest.mark.parametrize("link", ["logs", "logs/inside"])
def test_an_ignored_link_is_named_as_ignored(release: Release, link: str) -> None:
    (release.path / link).parent.mkdir(exist_ok=True)
    (release.path / link).symlink_to("/etc")
    report = release.verify(ignore=["logs"])
    assert report.exit_code is ExitCode.OK
    assert report.ignored == ("logs",)


def test_many_ignored_paths_and_many_files_take_little_time(release: Release) -> None:
    ignored = [f"cache-{i}/x" for i in range(10_000)]
    release.resign(lambda s: s["predicate"]["serialization"].update(ignore_paths=ignored))
    (release.path / "many").mkdir()
    for i in range(2_000):
        (release.path / f"many/{i}").touch()

    def verify() -> None:
        assert len(release.verify().problems) == 2_000

    assert_takes_less(1.5, verify)


def test_links_and_pipes_count_towards_the_most_that_a_tree_may_hold(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package's attribute of this name is the function.
    monkeypatch.setattr(sys.modules["manifest.inventory.walk"], "MAX_FILES", 100)
    for i in range(101):
        (release.path / f"link-{i}").symlink_to("/etc")
    report = release.verify()
    assert report.exit_code is ExitCode.UNDECIDED
    assert "more than 100 files" in report.undecided_reason


# A signature that the user names and that lies in the release.


def test_a_signature_in_a_snapshot_given_by_name(
    release: Release, key: PrivateKey, tmp_path: Path
) -> None:
    blobs, snapshot = tmp_path / "m/blobs", tmp_path / "m/snapshots/rev"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    make_release(snapshot, key)
    (snapshot / "model.sig").rename(blobs / ("a" * 64))
    (snapshot / "model.sig").symlink_to("../../blobs/" + "a" * 64)
    snapped = Release(snapshot, key)
    report = snapped.verify(signature_path=snapshot / "model.sig", strict=True)
    assert report.exit_code is ExitCode.OK
    assert report.not_covered == ()


@pytest.mark.parametrize("name", ["model.sig", "other.sig"])
@pytest.mark.parametrize("kind", ["fifo", "link-to-a-fifo"])
def test_a_signature_that_would_never_end(
    release: Release, tmp_path: Path, name: str, kind: str
) -> None:
    (release.path / "model.sig").unlink()
    if kind == "fifo":
        os.mkfifo(release.path / name)
    else:
        os.mkfifo(tmp_path / "pipe")
        (release.path / name).symlink_to(tmp_path / "pipe")
    report = release.verify(signature_path=release.path / name)
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "is not a regular file" in report.refusal


def test_a_directory_given_as_the_signature_is_a_wrong_call(release: Release) -> None:
    arguments = ["verify", str(release.path), "--key", str(release.path.parent / "key.pub")]
    for option in ("--signature", "--manifest"):
        result = CliRunner().invoke(cli, [*arguments, option, str(release.path)])
        assert (result.exit_code, "is a directory" in result.output) == (2, True), result.output


def test_the_manifest_given_by_its_own_name(release: Release) -> None:
    path = release.path / "manifest.json"
    assert release.verify(manifest_path=path).exit_code is ExitCode.OK
    (release.path / "model.sig").unlink()
    report = release.verify(keys=[], integrity_only=True, manifest_path=path)
    assert report.exit_code is ExitCode.OK
    path.unlink()
    path.symlink_to("/dev/zero")
    assert release.verify(keys=[], manifest_path=path).exit_code is ExitCode.NOT_TRUSTED


def test_a_manifest_that_nobody_signed_and_that_is_not_valid_is_refused(release: Release) -> None:
    path = release.path / "manifest.json"
    path.write_text(path.read_text().replace('"file_count"', '"trusted": true, "file_count"'))
    (release.path / "model.sig").unlink()
    report = release.verify(keys=[], integrity_only=True)
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "unknown field `trusted`" in report.refusal


# Named roots.


@pytest.fixture
def rooted(tmp_path: Path, key: PrivateKey) -> Release:
    path, extra = tmp_path / "rooted", tmp_path / "extra"
    path.mkdir()
    (extra / "steps").mkdir(parents=True)
    (extra / "steps/1.bin").write_bytes(b"one")
    (path / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {ckpt: {type: directory}}\n"
        "components:\n  model-parameters-intermediate: {files: ['ckpt:**']}\n"
    )
    write_manifest(path, build(path, roots={"ckpt": extra}))
    sign(path, key, roots={"ckpt": extra})
    return Release(path, key)


def test_what_is_not_covered_in_a_named_root_is_named_and_refused_under_strict(
    rooted: Release, tmp_path: Path
) -> None:
    extra = tmp_path / "extra"
    (extra / ".git/hooks").mkdir(parents=True)
    (extra / ".git/hooks/post-checkout").write_text("#!/bin/sh\n")
    report = rooted.verify(roots={"ckpt": extra})
    assert report.exit_code is ExitCode.OK
    assert report.not_covered == ("ckpt:.git/ (1 file, 10 B)",)
    strict = rooted.verify(roots={"ckpt": extra}, strict=True)
    assert found(strict) == [("not-covered", "ckpt:.git/")]


def test_a_renamed_file_of_a_named_root_keeps_its_root(rooted: Release, tmp_path: Path) -> None:
    (tmp_path / "extra/steps/1.bin").rename(tmp_path / "extra/steps/2.bin")
    (problem,) = rooted.verify(roots={"ckpt": tmp_path / "extra"}).problems
    assert problem.kind is ProblemKind.RENAMED
    assert (problem.path, problem.renamed_to) == ("ckpt:steps/1.bin", "ckpt:steps/2.bin")


def test_a_release_whose_roots_were_not_all_checked_is_verified_in_part(
    rooted: Release, tmp_path: Path
) -> None:
    from manifest.render.verify_text import render_verify

    text = render_verify(rooted.verify())
    assert text.startswith("VERIFIED IN PART  a 1: 2 files (")
    assert "not checked root ckpt (1 file)" in text
    whole = render_verify(rooted.verify(roots={"ckpt": tmp_path / "extra"}))
    assert whole.startswith("VERIFIED  a 1: all 3 files (")


@pytest.mark.parametrize(
    "part", [{"only": ["ckpt:steps/*"]}, {"components": ["model-parameters-intermediate"]}]
)
def test_a_part_in_a_root_that_was_not_given_is_not_verified(
    rooted: Release, tmp_path: Path, part: dict[str, list[str]]
) -> None:
    report = rooted.verify(**part)
    assert report.exit_code is ExitCode.UNDECIDED
    assert "--root-dir ckpt=DIR" in report.undecided_reason
    assert rooted.verify(**part, roots={"ckpt": tmp_path / "extra"}).ok


# A check of a part, when what the part does not hold was changed.


@pytest.mark.parametrize("change", ["changed", "removed"])
def test_a_changed_manifest_is_told_when_only_a_part_is_checked(
    release: Release, change: str
) -> None:
    path = release.path / "manifest.json"
    path.unlink()
    if change == "changed":
        path.write_text("{}")
    report = release.verify(only=["*.safetensors"])
    assert report.exit_code is ExitCode.OK
    assert any("manifest.json is not the one that was signed" in w for w in report.warnings)


@pytest.mark.parametrize("change", ["changed", "removed"])
def test_components_of_a_changed_manifest_cannot_be_told(release: Release, change: str) -> None:
    path = release.path / "manifest.json"
    path.unlink()
    if change == "changed":
        path.write_text("{}")
    report = release.verify(components=["weights"])
    kind = "changed" if change == "changed" else "missing"
    assert found(report) == [(kind, "manifest.json")]


@pytest.mark.parametrize(
    "part", [{}, {"components": ["weights"]}, {"tensors": ["any"]}], ids=["whole", "part", "tensor"]
)
def test_a_manifest_that_is_the_signed_one_only_when_it_is_hashed(
    release: Release, part: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says was not used, so that it is right again says nothing of the part."""
    path = release.path / "manifest.json"
    signed = path.read_bytes()
    path.write_bytes(signed + b" ")
    walks = []

    def walk_and_mend(*args: Any, **options: Any) -> Tree:
        walks.append(args)
        if len(walks) == 2:
            path.write_bytes(signed)
        return walk(*args, **options)

    monkeypatch.setattr("manifest.verify.steps.walk", walk_and_mend)
    report = release.verify(**part)
    assert report.exit_code is ExitCode.UNDECIDED
    assert "manifest.json changed while the release was verified" in report.undecided_reason


@pytest.mark.parametrize("pattern", ["../x", "a//b", "", "/etc/*", "[z"])
def test_a_pattern_that_is_none_is_a_wrong_call(release: Release, pattern: str) -> None:
    with pytest.raises(UsageError):
        release.verify(only=[pattern])


def test_a_changed_manifest_is_the_answer_whatever_roots_are_given(
    rooted: Release, tmp_path: Path
) -> None:
    (rooted.path / "manifest.json").write_text("{}")
    report = rooted.verify(roots={"ckpt": tmp_path / "extra"})
    assert found(report) == [("changed", "manifest.json")]
    assert any("ckpt" in text for text in report.not_checked)


def test_a_changed_description_is_not_asked_about_when_it_is_no_part(release: Release) -> None:
    (release.path / "release.yaml").write_text("name: other\n")
    report = release.verify(only=["*.safetensors"])
    assert report.exit_code is ExitCode.OK
    assert any("release.yaml is not the one that was signed" in w for w in report.warnings)


@pytest.mark.parametrize("name", ["notes.txt", "added.bin"])
def test_a_file_without_end_is_named_and_not_read(release: Release, name: str) -> None:
    with (release.path / name).open("ab") as file:
        file.truncate(1 << 42)
    kind = "added" if name == "added.bin" else "changed"
    assert found(release.verify()) == [(kind, name)]
