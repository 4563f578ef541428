"""Other signed statements beside the signatures: shown with who says what of what, never ignored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from releases import Release, make_release

from manifest.document.schema import violations
from manifest.errors import ExitCode
from manifest.render.verify_json import verify_plain
from manifest.render.verify_text import render_verify
from manifest.signing.keys import PrivateKey, generate
from manifest.signing.signer import sign_payload
from manifest.verify.report import CarriedStatement, VerifyReport

PUBLISHER, AUDITOR, STRANGER = generate(), generate(), generate()
PROVENANCE = "https://slsa.dev/provenance/v1"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return make_release(tmp_path, PUBLISHER)


def digest_of(release: Release, name: str = "manifest.json") -> str:
    return hashlib.sha256((release.path / name).read_bytes()).hexdigest()


def statement(*digests: str, kind: str = PROVENANCE, **predicate: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"s{n}", "digest": {"sha256": d}} for n, d in enumerate(digests)],
        "predicateType": kind,
        "predicate": predicate,
    }


def carry(
    release: Release, plain: Any, key: PrivateKey = AUDITOR, name: str = "statement.sig"
) -> VerifyReport:
    """Put a signed statement beside the signatures, and verify."""
    payload = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
    (release.path / "signatures").mkdir(exist_ok=True)
    (release.path / "signatures" / name).write_bytes(sign_payload(payload, key))
    report = release.verify(keys=[PUBLISHER.public, AUDITOR.public])
    assert violations(verify_plain(report), "verify-report") == ()
    assert render_verify(report).isprintable() is False  # lines end in newlines
    assert "\x1b" not in render_verify(report)
    return report


def only(report: VerifyReport) -> CarriedStatement:
    assert report.exit_code is ExitCode.OK, report
    (found,) = report.statements
    return found


def test_provenance_of_the_release(release: Release) -> None:
    plain = statement(
        digest_of(release), runDetails={"builder": {"id": "https://example.org/builder"}}
    )
    report = carry(release, plain)
    found = only(report)
    assert (found.title, found.subject) == ("SLSA provenance", "this release")
    assert found.detail == "built by https://example.org/builder"
    assert found.counts
    assert found.signer is not None
    assert found.signer.fingerprint == AUDITOR.fingerprint
    text = render_verify(report)
    assert "  statement   SLSA provenance: built by https://example.org/builder\n" in text
    assert f"by key {AUDITOR.fingerprint}" in text
    assert "; of this release\n" in text


def test_provenance_of_files_says_how_many(release: Release) -> None:
    plain = statement(digest_of(release, "release.yaml"), digest_of(release, "notes.txt"), "0" * 64)
    found = only(carry(release, plain))
    assert found.subject == "2 files of this release, and of 1 thing that is not in it"
    assert found.counts


@pytest.mark.parametrize(
    ("kind", "predicate", "title", "detail"),
    [
        (
            "https://slsa.dev/verification_summary/v1",
            {
                "verificationResult": "PASSED",
                "verifier": {"id": "https://example.org"},
                "timeVerified": "2026-01-02T03:04:05Z",
            },
            "verification summary",
            "PASSED by https://example.org at 2026-01-02T03:04:05Z",
        ),
        (
            "https://in-toto.io/attestation/test-result/v0.1",
            {"result": "WARNED"},
            "test result",
            "WARNED",
        ),
        (
            "https://slsa.dev/provenance/v0.2",
            {"builder": {"id": "https://ci.example.org"}, "id": "another"},
            "SLSA provenance 0.2",
            "built by https://ci.example.org",
        ),
        ("https://cyclonedx.org/bom", {}, "CycloneDX document", ""),
        ("https://example.org/none/v9", {"result": "PASSED"}, "", ""),
    ],
)
def test_kinds(
    release: Release, kind: str, predicate: dict[str, Any], title: str, detail: str
) -> None:
    report = carry(release, statement(digest_of(release), kind=kind, **predicate))
    found = only(report)
    assert (found.predicate_type, found.title, found.detail) == (kind, title, detail)
    if not title:
        assert f"of a kind not known here, {kind}" in render_verify(report)


def test_a_stranger_does_not_count_and_is_shown(release: Release) -> None:
    report = carry(release, statement(digest_of(release)), STRANGER)
    assert not only(report).counts
    assert "by a signer you did not name, in signatures/statement.sig" in render_verify(report)
    assert "it does not count" in render_verify(report)


def test_of_another_release_does_not_count(release: Release) -> None:
    report = carry(release, statement("0" * 64))
    found = only(report)
    assert found.subject == ""
    assert not found.counts
    assert "of something else; it does not count" in render_verify(report)


def test_what_it_says_is_neutralised(release: Release) -> None:
    plain = statement(
        digest_of(release),
        runDetails={"builder": {"id": "https://x\x1b[2J\u202egro.elpmaxe"}},
    )
    report = carry(release, plain)
    assert "\u202e" not in render_verify(report)
    report = carry(release, statement(digest_of(release), kind="https://x/\x1b]0;owned\x07"))
    assert "\x07" not in render_verify(report)


BROKEN: dict[str, Callable[[Release], Any]] = {
    "not-json": lambda _: b"{",
    "a-list": lambda _: [1],
    "two-keys-of-one-name": lambda _: b'{"_type": "a", "_type": "b"}',
    "deep": lambda _: b'{"_type": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "another-format": lambda r: {**statement(digest_of(r)), "_type": "https://in-toto.io/Link/v1"},
    "no-kind": lambda r: {**statement(digest_of(r)), "predicateType": ""},
    "kind-no-text": lambda r: {**statement(digest_of(r)), "predicateType": ["x"]},
    "no-subject": lambda _: statement(),
    "subject-no-list": lambda r: {**statement(digest_of(r)), "subject": "all"},
    "subject-without-a-digest": lambda r: {**statement(digest_of(r)), "subject": [{"name": "x"}]},
    "subject-no-object": lambda r: {**statement(digest_of(r)), "subject": [None]},
    "not-a-number": lambda _: b'{"_type": NaN}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_statement_is_a_note(release: Release, name: str) -> None:
    report = carry(release, BROKEN[name](release))
    assert report.exit_code is ExitCode.OK
    assert report.statements == ()
    assert any("signatures/statement.sig" in note for note in report.warnings), report.warnings
    assert all("does not count" in note for note in report.warnings)


@pytest.mark.parametrize(
    "predicate",
    [None, [], {"runDetails": []}, {"runDetails": {"builder": {"id": 7}}}, {"builder": "x"}],
)
def test_a_predicate_of_another_form_says_nothing(release: Release, predicate: Any) -> None:
    plain = {**statement(digest_of(release)), "predicate": predicate}
    assert only(carry(release, plain)).detail == ""


def test_a_digest_of_another_algorithm_is_not_taken_for_it(release: Release) -> None:
    plain = statement("x")
    plain["subject"] = [{"digest": {"sha512": digest_of(release), "sha256": 7}}]
    assert not only(carry(release, plain)).counts


def test_the_publishers_signature_is_no_statement(release: Release) -> None:
    copied = (release.path / "model.sig").read_bytes()
    (release.path / "signatures").mkdir()
    (release.path / "signatures" / "copy.sig").write_bytes(copied)
    report = release.verify(keys=[PUBLISHER.public])
    assert report.statements == ()
    assert report.also_signed_by == ()  # whoever signs twice is one signer
    assert report.warnings == (
        "signatures/copy.sig is by a signer who signed already; it adds nothing",
    )


def test_a_statement_makes_no_bad_release_good(release: Release) -> None:
    carry(release, statement(digest_of(release)))
    (release.path / "notes.txt").write_text("other")
    report = release.verify(keys=[PUBLISHER.public, AUDITOR.public])
    assert report.exit_code is ExitCode.DIFFERENT
    (release.path / "model.sig").unlink()
    report = release.verify(keys=[PUBLISHER.public, AUDITOR.public])
    assert report.exit_code is ExitCode.NOT_TRUSTED
