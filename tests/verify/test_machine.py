"""The order of a verification, and what it says where there is no manifest to go by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifest.errors import ExitCode, UsageError
from manifest.verify.machine import Verification
from manifest.verify.run import verify
from manifest.verify.trust import Trust

if TYPE_CHECKING:
    from releases import Release


def without_manifest(release: Release) -> None:
    """Sign the release's files, and not its manifest, as other tools do."""
    (release.path / "manifest.json").unlink()

    def drop(statement: dict[str, Any]) -> None:
        kept = [r for r in statement["predicate"]["resources"] if r["name"] != "manifest.json"]
        statement["predicate"]["resources"] = kept
        joined = b"".join(bytes.fromhex(one["digest"]) for one in kept)
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(joined).hexdigest()

    release.resign(drop)


def test_steps_cannot_be_taken_out_of_order() -> None:
    machine = Verification(Trust(), target="x")
    with pytest.raises(RuntimeError, match="MANIFEST is out of order"):
        machine.manifest(None)
    machine.signature(None, what="model.sig")
    with pytest.raises(RuntimeError, match="SIGNATURE is out of order"):
        machine.signature(None, what="model.sig")


def test_without_trust_a_broken_signature_is_told_and_not_read(release: Release) -> None:
    (release.path / "model.sig").write_bytes(b"{}")
    report = release.verify(keys=[], integrity_only=True)
    assert report.ok
    assert report.warnings[0].startswith("model.sig is not read: ")
    assert report.signer is None


def test_a_manifest_given_beside_a_signature_of_no_manifest(
    release: Release, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes((release.path / "manifest.json").read_bytes())
    without_manifest(release)
    assert release.verify().ok
    report = release.verify(manifest_path=copy)
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "manifest.json is not among the files that were signed" in report.refusal


def test_nothing_signed_says_which_release_it_is(release: Release) -> None:
    without_manifest(release)
    report = release.verify(expect_name="acme/tiny")
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "agrees with the signature says which release this is" in report.refusal


@pytest.mark.parametrize("option", ["components", "checkpoints"])
def test_parts_of_a_manifest_need_one(release: Release, option: str) -> None:
    without_manifest(release)
    with pytest.raises(UsageError, match=r"without a manifest\.json that agrees") as caught:
        release.verify(**{option: ["model-parameters-final"]})
    assert caught.value.remedy == "use --only PATTERN"


def test_a_web_page_s_manifest_is_none(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "app", "icons": []}))
    (tmp_path / "model.bin").write_bytes(b"w")
    report = verify(tmp_path, integrity_only=True)
    assert report.exit_code is ExitCode.UNDECIDED
    assert "there is nothing to compare its files with" in report.undecided_reason


def test_a_signed_description_that_is_none_is_a_finding(release: Release) -> None:
    release.forge({"release.yaml": b"schema_version: [not, a, version\n"})
    report = release.verify()
    assert report.exit_code is ExitCode.FINDINGS
    assert report.findings[0].startswith("release.yaml does not give this manifest.json: ")
