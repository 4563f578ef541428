"""Verification of good releases in every place where they lie, and of parts of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from releases import FILES, Release, assert_ok

from manifest.errors import ExitCode, UsageError
from manifest.inventory import Algorithm, digest_of
from manifest.sign import sign
from manifest.signing.keys import PrivateKey, generate
from manifest.verify.report import Mode, ProblemKind, StepStatus
from manifest.verify.run import verify


def blake3(data: bytes) -> str:
    return digest_of(data, Algorithm.BLAKE3)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_good_release_verifies(release: Release) -> None:
    report = release.verify()
    assert_ok(report)
    assert (report.name, report.version) == ("acme/tiny", "1.10")
    assert report.files_checked == report.files_expected == len(FILES) + 1
    assert report.bytes_checked == sum(
        f.stat().st_size for f in release.path.rglob("*") if f.is_file() and f.name != "model.sig"
    )
    assert report.signer is not None
    assert report.signer.fingerprint == release.key.public.fingerprint
    assert [s.name for s in report.steps] == [
        "signature",
        "statement",
        "manifest",
        "tree",
        "bytes",
        "claims",
    ]
    assert {s.status for s in report.steps} == {StepStatus.OK}
    assert not report.not_covered


@pytest.mark.parametrize(
    ("options", "step"),
    [({"keys": [generate().public]}, "signature"), ({"expect_name": "acme/other"}, "manifest")],
)
def test_a_refusal_is_told_at_the_step_that_it_came_from(
    release: Release, options: dict[str, Any], step: str
) -> None:
    report = release.verify(**options)
    assert report.exit_code is ExitCode.NOT_TRUSTED
    names = [s.name for s in report.steps]
    at = names.index(step)
    assert (report.steps[at].status, report.steps[at].detail) == (StepStatus.FAILED, report.refusal)
    assert {s.status for s in report.steps[:at]} <= {StepStatus.OK}
    assert {s.status for s in report.steps[at + 1 :]} == {StepStatus.SKIPPED}


def test_every_kind_of_difference_is_named_with_its_digests(release: Release) -> None:
    changed = bytearray(FILES["model.safetensors"])
    changed[100] ^= 1
    (release.path / "model.safetensors").write_bytes(changed)
    (release.path / "notes.txt").unlink()
    (release.path / "tokenizer/vocab naïve.txt").rename(release.path / "tokenizer/vocab.txt")
    (release.path / "added.bin").write_bytes(b"new")
    report = release.verify()
    assert report.exit_code is ExitCode.DIFFERENT
    by_kind = {p.kind: p for p in report.problems}
    assert len(by_kind) == len(report.problems) == 4
    one = by_kind[ProblemKind.CHANGED]
    assert one.path == "model.safetensors"
    assert one.algorithm == "blake3"
    assert one.components == ("model-parameters-final",)
    assert one.expected_digest == blake3(FILES["model.safetensors"])
    assert one.found_digest == blake3(bytes(changed))
    missing = by_kind[ProblemKind.MISSING]
    assert (missing.path, missing.expected_digest) == ("notes.txt", blake3(FILES["notes.txt"]))
    renamed = by_kind[ProblemKind.RENAMED]
    assert (renamed.path, renamed.renamed_to) == (
        "tokenizer/vocab naïve.txt",
        "tokenizer/vocab.txt",
    )
    assert renamed.components == ("tokenizer",)
    added = by_kind[ProblemKind.ADDED]
    assert (added.path, added.found_digest) == ("added.bin", blake3(b"new"))


def test_a_size_mismatch_is_found_before_hashing(release: Release) -> None:
    (release.path / "model.safetensors").write_bytes(b"short")
    report = release.verify()
    tree = next(s for s in report.steps if s.name == "tree")
    assert tree.status is StepStatus.FAILED
    assert "1 differ before hashing" in tree.detail
    (problem,) = report.problems
    assert (problem.expected_size, problem.found_size) == (10240, 5)
    assert problem.found_digest == blake3(b"short")


def test_without_a_key_nobody_is_vouched_for(release: Release) -> None:
    report = release.verify(keys=[])
    assert report.mode is Mode.INTEGRITY
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert report.signer is None
    assert not report.problems
    assert_ok(release.verify(keys=[], integrity_only=True))
    (release.path / "notes.txt").write_bytes(b"other text here\n")
    report = release.verify(keys=[], integrity_only=True)
    assert report.exit_code is ExitCode.DIFFERENT


def test_integrity_needs_only_a_manifest(release: Release) -> None:
    (release.path / "model.sig").unlink()
    assert_ok(release.verify(keys=[], integrity_only=True))
    assert release.verify().refusal == "there is no signature: model.sig is missing"
    (release.path / "manifest.json").unlink()
    report = release.verify(keys=[], integrity_only=True)
    assert report.exit_code is ExitCode.UNDECIDED
    assert "nothing to compare" in report.undecided_reason


def test_integrity_only_and_a_key_exclude_each_other(release: Release) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        release.verify(integrity_only=True)


@pytest.mark.parametrize("kind", ["only", "component", "alias"])
def test_a_part_is_checked_and_called_a_part(release: Release, kind: str) -> None:
    (release.path / "notes.txt").write_bytes(b"changed, but no part of it")
    (release.path / "added.bin").write_bytes(b"new")
    part = {
        "only": {"only": ["*.safetensors"]},
        "component": {"components": ["model-parameters-final"]},
        "alias": {"components": ["weights"]},
    }[kind]
    report = release.verify(**part)
    assert_ok(report)
    assert report.part
    assert report.files_checked == report.files_expected == 1
    (release.path / "model.safetensors").write_bytes(b"x")
    assert release.verify(**part).exit_code is ExitCode.DIFFERENT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": ["*.bin"]}, "matches no signed file"),
        ({"components": ["datasets"]}, "no files belong"),
        ({"ignore": ["model.safetensors"]}, "is signed, and is checked"),
        ({"ignore": ["tokenizer"]}, "is signed, and is checked"),
        ({"roots": {"x": "."}}, "no files in such a root"),
        ({"manifest_path": "/nonexistent/m.json"}, "there is no such file"),
    ],
)
def test_questions_that_make_no_sense(
    release: Release, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        release.verify(**options)


def test_expected_name_and_version(release: Release) -> None:
    assert_ok(release.verify(expect_name="acme/tiny", expect_version="1.10"))
    report = release.verify(expect_version="1.1")
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "its version is 1.10, not 1.1" in report.refusal
    assert "its name is acme/tiny" in release.verify(expect_name="acme/big").refusal


def test_manifest_and_signature_may_lie_elsewhere(release: Release, tmp_path: Path) -> None:
    for name in ("manifest.json", "model.sig"):
        (release.path / name).rename(tmp_path / name)
    options = {
        "manifest_path": tmp_path / "manifest.json",
        "signature_path": tmp_path / "model.sig",
    }
    report = release.verify(**options)
    assert_ok(report)
    assert report.name == "acme/tiny"
    # Without the manifest the signature still says that one belongs here.
    report = release.verify(signature_path=tmp_path / "model.sig")
    assert [(p.kind, p.path) for p in report.problems] == [(ProblemKind.MISSING, "manifest.json")]
    (tmp_path / "manifest.json").write_bytes(b"{}")
    assert "is not the manifest.json that was signed" in release.verify(**options).refusal


def test_a_signature_inside_the_release_under_another_name(release: Release) -> None:
    (release.path / "model.sig").rename(release.path / "tiny.sig")
    assert_ok(release.verify(signature_path=release.path / "tiny.sig"))
    (release.path / "model.sig").write_bytes(b"not used")
    report = release.verify(signature_path=release.path / "tiny.sig")
    assert_ok(report)
    assert report.not_covered == ("model.sig (a signature that was not used)",)
    assert (
        release.verify(signature_path=release.path / "tiny.sig", strict=True).exit_code
        is ExitCode.DIFFERENT
    )


def test_a_clone_verifies_as_it_lies(release: Release, tmp_path: Path) -> None:
    git = [
        "git",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-c",
        "init.defaultBranch=m",
    ]
    (release.path / ".gitattributes").write_text("*.safetensors -text\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "release"]):
        subprocess.run([*git, *command], cwd=release.path, check=True)
    clone = tmp_path / "clone"
    subprocess.run([*git, "clone", "-q", str(release.path), str(clone)], check=True)
    report = verify(clone, keys=[release.key.public])
    assert_ok(report)
    assert [n.split(" ")[0] for n in report.not_covered] == [".git/", ".gitattributes"]
    strict = verify(clone, keys=[release.key.public], strict=True)
    assert strict.exit_code is ExitCode.DIFFERENT
    assert {p.path for p in strict.problems} == {".git/", ".gitattributes"}


def test_a_hub_download_verifies_as_it_lies(release: Release) -> None:
    cache = release.path / ".cache/huggingface/download"
    cache.mkdir(parents=True)
    (cache / "model.safetensors.metadata").write_text("x")
    report = release.verify()
    assert_ok(report)
    assert report.not_covered == (".cache/huggingface/ (1 file, 1 B)",)
    (release.path / ".cache/other").write_text("x")
    assert [(p.kind, p.path) for p in release.verify().problems] == [
        (ProblemKind.ADDED, ".cache/other")
    ]


def hub_cache(release: Release, base: Path) -> Path:
    """The release as huggingface_hub keeps it: links in a snapshot to blobs."""
    model = base / "models--acme--tiny"
    snapshot = model / "snapshots" / ("c" * 40)
    (model / "blobs").mkdir(parents=True)
    for file in sorted(release.path.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            blob = sha256(data)
            (model / "blobs" / blob).write_bytes(data)
            link = snapshot / file.relative_to(release.path)
            link.parent.mkdir(parents=True, exist_ok=True)
            up = "../" * (len(file.relative_to(release.path).parts) + 1)
            link.symlink_to(f"{up}blobs/{blob}")
    return snapshot


def test_a_hub_cache_snapshot_verifies_as_it_lies(release: Release, tmp_path: Path) -> None:
    snapshot = hub_cache(release, tmp_path / "hub")
    assert_ok(verify(snapshot, keys=[release.key.public]))
    (snapshot / "host").symlink_to("/etc/hostname")
    report = verify(snapshot, keys=[release.key.public])
    assert [(p.kind, p.path) for p in report.problems] == [(ProblemKind.LINK, "host")]
    (snapshot / "host").unlink()
    blob = (snapshot / "model.safetensors").resolve()
    data = bytearray(blob.read_bytes())
    data[0] ^= 1
    blob.write_bytes(data)
    report = verify(snapshot, keys=[release.key.public])
    assert [(p.kind, p.path) for p in report.problems] == [
        (ProblemKind.CHANGED, "model.safetensors")
    ]


def test_a_large_file_pointer_is_not_fetched(release: Release) -> None:
    data = FILES["model.safetensors"]
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n"
    )
    (release.path / "model.safetensors").write_text(pointer)
    report = release.verify()
    assert report.exit_code is ExitCode.UNDECIDED
    assert not report.problems
    (undecided,) = report.undecided
    assert undecided.not_fetched
    assert undecided.components == ("model-parameters-final",)
    (release.path / "model.safetensors").write_text(pointer.replace("size 1", "size 2"))
    assert release.verify().exit_code is ExitCode.DIFFERENT


def test_further_signers_count_when_their_key_is_given(
    release: Release, other_key: PrivateKey
) -> None:
    folder = release.path / "signatures"
    folder.mkdir()
    sign(release.path, other_key, signature_path=folder / "auditor.sig")
    report = release.verify()
    assert_ok(report)
    assert report.also_signed_by == ()
    assert any("does not count" in w for w in report.warnings)
    report = release.verify(keys=[release.key.public, other_key.public])
    assert_ok(report)
    assert [s.fingerprint for s in report.also_signed_by] == [other_key.public.fingerprint]
    alone = verify(
        release.path, keys=[other_key.public], signature_path=folder / "auditor.sig", strict=False
    )
    assert_ok(alone)


def test_claims_are_derived_again_from_the_signed_description(release: Release) -> None:
    path = release.path / "manifest.json"
    text = path.read_text().replace('"license": "apache-2.0"', '"license": "mit"')
    path.write_text(text)

    def bind(statement: dict[str, object]) -> None:
        resources = statement["predicate"]["resources"]  # type: ignore[index]
        for resource in resources:
            if resource["name"] == "manifest.json":
                resource["digest"] = sha256(text.encode())
        root = b"".join(bytes.fromhex(r["digest"]) for r in resources)
        statement["subject"][0]["digest"]["sha256"] = sha256(root)  # type: ignore[index]

    release.resign(bind)
    report = release.verify()
    assert report.exit_code is ExitCode.FINDINGS
    assert any("components.model-parameters-final" in f for f in report.findings)


def test_named_roots(tmp_path: Path, key: PrivateKey) -> None:
    from manifest.build import build, write_manifest

    path, extra = tmp_path / "r", tmp_path / "extra"
    (extra / "sub").mkdir(parents=True)
    (extra / "sub/step1.bin").write_bytes(b"one")
    path.mkdir()
    (path / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {ckpt: {type: directory}}\n"
        "components:\n  model-parameters-intermediate: {files: ['ckpt:**']}\n"
    )
    write_manifest(path, build(path, roots={"ckpt": extra}))
    sign(path, key, roots={"ckpt": extra})
    report = verify(path, keys=[key.public])
    assert_ok(report)
    assert report.not_checked == ("root ckpt (1 file): give it with --root-dir ckpt=DIR",)
    assert_ok(verify(path, keys=[key.public], roots={"ckpt": extra}))
    (extra / "sub/step1.bin").write_bytes(b"two")
    (extra / "more").write_bytes(b"x")
    report = verify(path, keys=[key.public], roots={"ckpt": extra})
    assert {(p.kind.value, p.path) for p in report.problems} == {
        ("changed", "ckpt:sub/step1.bin"),
        ("added", "ckpt:more"),
    }


def test_a_manifest_of_another_program_is_an_ordinary_file(release: Release) -> None:
    shutil.rmtree(release.path / "tokenizer")
    (release.path / "release.yaml").unlink()
    web = json.dumps({"name": "demo", "icons": []}).encode()
    (release.path / "manifest.json").write_bytes(web)
    files = sorted(f for f in release.path.iterdir() if f.name != "model.sig")
    from manifest.signing.statement import build_statement

    payload = build_statement("x", [(f.name, sha256(f.read_bytes())) for f in files], [])
    release.sign_payload(payload)
    report = release.verify()
    assert_ok(report)
    assert "not a release manifest" in report.warnings[0]
