"""The test sets that the reference implementation and the specification publish, to the bytes.

``tests/data/oms-published/README.md`` says where they come from and what is to be answered.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from manifest.errors import ExitCode, NotTrustedError
from manifest.signing.certificates import load_roots
from manifest.signing.keyless import SigstoreIdentity, SigstoreTrust
from manifest.signing.keys import load_public
from manifest.signing.statement import StatementFormat, parse_statement
from manifest.signing.verification import verify_signature
from manifest.verify.report import ProblemKind, VerifyReport
from manifest.verify.run import verify

SETS = Path(__file__).parents[1] / "data" / "oms-published"
AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DIRECTORIES = sorted(
    p.name for p in SETS.glob("v*") if not p.name.startswith(("v0.3.1-e", "v1.0.0-e"))
)
SINGLE = ["v0.3.1-elliptic-key", "v1.0.0-elliptic-key"]
STATEMENTS: dict[str, str] = json.loads((SETS / "statements.json").read_text())


def trusted() -> dict[str, Any]:
    signer = SigstoreIdentity("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2")
    return {
        "keys": [load_public((SETS / "keys/signing-key-pub.pem").read_bytes())],
        "certificate_roots": load_roots((SETS / "keys/ca-cert.pem").read_bytes()),
        "sigstore": SigstoreTrust((signer,)),
        "at": AT,
    }


def check(path: Path, **options: Any) -> VerifyReport:
    return verify(path, **{**trusted(), **options})


@pytest.fixture
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copytree(SETS / request.param, tmp_path / "model"))


@pytest.mark.parametrize("name", DIRECTORIES)
def test_set_verifies(name: str) -> None:
    ignore = ["ignore-me"] if (SETS / name / "ignore-me").exists() else []
    report = check(SETS / name, ignore=ignore)
    assert report.ok, report
    assert report.files_checked == 2
    assert report.signer is not None
    assert report.signer.method == {"c": "certificate", "e": "key", "s": "sigstore"}[name[7]]
    old = [w for w in report.warnings if "before OMS 1.0" in w]
    assert len(old) == (2 if name.startswith("v0.2.0") else 0)


@pytest.mark.parametrize("model", DIRECTORIES, indirect=True)
def test_changed_file_is_found_in_every_set(model: Path) -> None:
    (model / "signme-2").write_bytes(b"signme-3")
    report = check(model, ignore=["ignore-me"] if (model / "ignore-me").exists() else [])
    assert report.exit_code is ExitCode.DIFFERENT
    assert [(p.kind, p.path) for p in report.problems] == [(ProblemKind.CHANGED, "signme-2")]


@pytest.mark.parametrize(
    ("version", "kind"), [("v1.0.1", ProblemKind.ADDED), ("v1.1.0", ProblemKind.HIDDEN)]
)
@pytest.mark.parametrize("method", ["certificate", "elliptic-key", "sigstore"])
def test_signer_does_not_excuse_a_file(version: str, kind: ProblemKind, method: str) -> None:
    report = check(SETS / f"{version}-{method}")
    assert [(p.kind, p.path) for p in report.problems] == [(kind, "ignore-me")]


@pytest.mark.parametrize("name", SINGLE)
def test_file_signed_as_a_dot(name: str, tmp_path: Path) -> None:
    signature = SETS / name / "model.sig"
    file = tmp_path / "another name"
    shutil.copy(SETS / name / "signme-1", file)
    report = check(file, signature_path=signature)
    assert report.ok, report
    assert (report.files_expected, report.files_checked) == (1, 1)
    assert any("does not say the file's name" in w for w in report.warnings)
    file.write_bytes(b"signme-2\n")
    changed = check(file, signature_path=signature)
    assert [(p.kind, p.path) for p in changed.problems] == [(ProblemKind.CHANGED, "another name")]


@pytest.mark.parametrize("name", SINGLE)
def test_directory_is_not_the_file_that_was_signed(name: str) -> None:
    report = check(SETS / name)
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "a model that is one file, and this is a directory" in report.refusal


def test_step_says_which_format_was_read() -> None:
    for name, expected in {
        "v0.2.0-certificate": "Digests v0.1",
        "v1.0.0-certificate": "OMS 1.0",
    }.items():
        (step,) = (s for s in check(SETS / name).steps if s.name == "statement")
        assert step.detail == f"2 resources, {expected}"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("certificate", ""),
        ("key", ""),
        ("sigstore", ""),
        ("wrong-predicate", "changed or the signature is damaged"),
        ("empty", "expecting value"),
        ("missing-envelope", "lacks the field dsseEnvelope"),
        ("missing-tlog-entries", "needs entries of a transparency log"),
        ("missing-verification-material", "lacks the field verificationMaterial"),
    ],
)
def test_vector_of_the_specification(name: str, problem: str) -> None:
    data = (SETS / "specification" / f"{name}.json").read_bytes()
    options = trusted()
    options["roots"] = options.pop("certificate_roots")
    if problem:
        with pytest.raises(NotTrustedError) as caught:
            verify_signature(data, **options)
        assert problem in caught.value.message
    else:
        statement = parse_statement(verify_signature(data, **options).payload)
        assert [r.path for r in statement.resources] == ["signme-1", "signme-2"]


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_of_the_unit_tests(name: str) -> None:
    data = STATEMENTS[name].encode()
    version, _, case = name.partition(" ")
    refused = {
        "Digest": "its own command never wrote",
        "empty": "at least 1 is needed",
    }
    trial = version == "v0.2.0" and "TestDigestsIntoto" not in case
    for word, problem in refused.items():
        if (word == "Digest" and trial) or (word == "empty" and "empty" in case):
            with pytest.raises(NotTrustedError, match=problem):
                parse_statement(data)
            return
    statement = parse_statement(data)
    assert statement.is_nameless == case.removesuffix("_small_shards").endswith("_file")
    assert statement.shard_size == (8 if case.endswith("_small_shards") else None)
    assert (statement.format is StatementFormat.OMS_1_0) == (version != "v0.2.0")
    assert statement.hash_type == "sha256"
