"""Signatures written by the peer tool and by an independent writer, over the files of ``model/``.

``tests/data/oms/README.md`` says where they come from, what the peer answers, and what is to be
answered here; the verification goes all the way to the bytes.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from manifest.errors import ExitCode
from manifest.signing.certificates import load_roots
from manifest.signing.keys import load_public
from manifest.verify.report import VerifyReport
from manifest.verify.run import verify

SAMPLES = Path(__file__).parents[1] / "data" / "oms"
VALID = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
EXPIRED = dt.datetime(2028, 1, 1, tzinfo=dt.UTC)


def check(name: str, key: str, model: Path = SAMPLES / "model") -> VerifyReport:
    public = load_public((SAMPLES / key).read_bytes())
    return verify(model, keys=[public], signature_path=SAMPLES / f"{name}.sig")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("tool-p256", "p256.pub"),
        ("tool-secp384r1", "secp384r1.pub"),
        ("foreign-o1", "p256.pub"),
        ("foreign-o2", "p256.pub"),
        ("foreign-o3", "secp384r1.pub"),
        ("mut-b4", "p256.pub"),
        ("api_shard400", "p256.pub"),
        ("api_blake3_files", "p256.pub"),
    ],
)
def test_accepted(name: str, key: str, tmp_path: Path) -> None:
    report = check(name, key)
    assert report.ok, report
    assert report.files_checked == 8
    assert bool(report.warnings) == (name == "mut-b4")
    model = tmp_path / "model"
    shutil.copytree(SAMPLES / "model", model)
    for path in [p for p in model.rglob("*") if p.is_file()]:
        path.chmod(0o644)
    weights = bytearray((model / "weights.bin").read_bytes())
    weights[600] ^= 1
    (model / "weights.bin").write_bytes(weights)
    broken = check(name, key, model)
    assert broken.exit_code is ExitCode.DIFFERENT
    assert [p.path for p in broken.problems] == ["weights.bin"]
    if name == "api_shard400":
        assert broken.problems[0].detail == "byte ranges that differ: 2"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("foreign-o9", "root digest"),
        ("foreign-o11", "a second time"),
        ("mut-b1", "was changed or the signature is damaged"),
        ("mut-b2", "mediaType"),
        ("mut-b7", "unknown field"),
    ],
)
def test_rejected(name: str, message: str) -> None:
    report = check(name, "p256.pub")
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert message in report.refusal
    assert report.files_checked == 0


def test_certificate_names_the_signer_and_its_time_counts() -> None:
    roots = load_roots((SAMPLES / "root.pem").read_bytes())
    signature = SAMPLES / "cert.sig"
    report = verify(SAMPLES / "model", certificate_roots=roots, at=VALID, signature_path=signature)
    assert report.ok, report
    assert report.signer is not None
    assert report.signer.method == "certificate"
    assert "signer" in report.signer.identity
    late = verify(SAMPLES / "model", certificate_roots=roots, at=EXPIRED, signature_path=signature)
    assert late.exit_code is ExitCode.NOT_TRUSTED
    assert "expired" in late.refusal
