"""``manifest verify --attest``: a receipt that others read, and an organisation's own word."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from releases import Release, make_release

from manifest.signing.keys import generate, public_pem

Run = Callable[..., Result]
PUBLISHER = generate()


class Scene:
    """A signed release, the publisher's public key, and an auditor's pair."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path, self._run = path, run
        (path / "release").mkdir()
        self.release: Release = make_release(path / "release", PUBLISHER)
        (path / "publisher.pub").write_bytes(public_pem(PUBLISHER.public))
        run("keygen", "--out", path / "auditor.pem", "--no-passphrase")
        self.out = path / "receipt.sig"

    def verify(self, *options: object, key: str = "publisher.pub") -> Result:
        return self._run("verify", self.release.path, "--key", self.path / key, *options)

    def attest(self, *options: object, key: str = "publisher.pub") -> Result:
        pair = ("--attest", self.out, "--attest-key", self.path / "auditor.pem")
        return self.verify(*pair, *options, key=key)

    def statement(self) -> dict[str, Any]:
        bundle = json.loads(self.out.read_bytes())
        plain: dict[str, Any] = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        return plain


@pytest.fixture
def scene(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    return Scene(tmp_path, run)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_receipt_says_what_was_verified(scene: Scene) -> None:
    result = scene.attest()
    assert result.exit_code == 0, result.output
    assert "the receipt is in" in result.stderr
    plain = scene.statement()
    assert plain["predicateType"] == "https://slsa.dev/verification_summary/v1"
    manifest = scene.release.path / "manifest.json"
    assert plain["subject"] == [{"name": "manifest.json", "digest": {"sha256": digest(manifest)}}]
    predicate = plain["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["verifiedLevels"] == ["MODEL_RELEASE_SIGNED"]
    assert predicate["resourceUri"] == "pkg:generic/acme/tiny@1.10"
    signature = scene.release.path / "model.sig"
    assert predicate["inputAttestations"] == [
        {"uri": "model.sig", "digest": {"sha256": digest(signature)}}
    ]
    asked = json.dumps(predicate["policy"]["annotations"], sort_keys=True, separators=(",", ":"))
    assert predicate["policy"]["digest"]["sha256"] == hashlib.sha256(asked.encode()).hexdigest()
    report = scene.out.with_name("receipt.sig.report.json")
    (bound,) = [v for k, v in predicate.items() if k.startswith("https://")]
    assert bound["digest"]["sha256"] == digest(report)
    assert json.loads(report.read_bytes())["result"] == "verified"


@pytest.mark.peer
def test_others_read_it(scene: Scene) -> None:
    """DSSE by securesystemslib; statement and predicate by in-toto's own types."""
    dsse = pytest.importorskip("securesystemslib.dsse")
    keys = pytest.importorskip("securesystemslib.signer")
    json_format = pytest.importorskip("google.protobuf.json_format")
    pytest.importorskip("in_toto_attestation")
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
    from in_toto_attestation.v1 import statement_pb2

    scene.attest()
    envelope = json.loads(scene.out.read_bytes())["dsseEnvelope"]
    public = load_pem_public_key((scene.path / "auditor.pem.pub").read_bytes())
    found = keys.SSlibKey.from_crypto(public)
    key = keys.SSlibKey("", found.keytype, found.scheme, found.keyval)  # the envelope names none
    assert dsse.Envelope.from_dict(envelope).verify([key], 1)
    plain = scene.statement()
    statement = json_format.ParseDict(plain, statement_pb2.Statement())
    assert statement.subject[0].name == "manifest.json"
    # Its types are older than `verifier.version`, know no extensions, and have one text where the
    # specification has an array of levels.
    predicate = {k: v for k, v in plain["predicate"].items() if k != "verifiedLevels"}
    summary = json_format.ParseDict(
        predicate, vsa_pb2.VerificationSummary(), ignore_unknown_fields=True
    )
    assert summary.verifier.id == "https://model-release-manifest.github.io/verify"
    assert summary.verification_result == "PASSED"
    assert summary.policy.digest["sha256"]


def test_a_refusal_is_attested_as_such(scene: Scene) -> None:
    (scene.release.path / "notes.txt").write_text("other")
    result = scene.attest()
    assert result.exit_code == 5
    assert scene.statement()["predicate"]["verificationResult"] == "FAILED"
    assert scene.statement()["predicate"]["verifiedLevels"] == ["FAILED"]


def test_a_policy_is_named_by_its_digest(scene: Scene, run: Run) -> None:
    policy = scene.path / "policy.yaml"
    run("policy", "init", scene.release.path, "--key", scene.path / "publisher.pub", "-o", policy)
    result = scene.attest("--policy", policy)
    assert result.exit_code == 0, result.output
    found = scene.statement()["predicate"]["policy"]
    assert found == {"uri": "policy.yaml", "digest": {"sha256": digest(policy)}}


def test_who_verified_and_where_it_came_from(scene: Scene) -> None:
    scene.attest("--verifier", "https://example.org/gate", "--resource", "https://example.org/m")
    predicate = scene.statement()["predicate"]
    assert predicate["verifier"]["id"] == "https://example.org/gate"
    assert predicate["resourceUri"] == "https://example.org/m"


def test_it_is_carried_and_read(scene: Scene) -> None:
    scene.attest()
    (scene.release.path / "signatures").mkdir()
    shutil.copy(scene.out, scene.release.path / "signatures" / "receipt.sig")
    result = scene.verify("--key", scene.path / "auditor.pem.pub")
    assert result.exit_code == 0, result.output
    assert "statement   verification summary: PASSED by https://" in result.stdout
    assert "; of this release" in result.stdout
    stranger = scene.verify()
    assert "by a signer you did not name" in stranger.stdout
    assert "it does not count" in stranger.stdout


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--only", "notes.txt"], 2, "about a whole release"),
        (["--component", "tokenizer"], 2, "about a whole release"),
        (["--key", "auditor.pem"], 2, "private key"),
    ],
    ids=["part", "component", "private-key-as-trusted"],
)
def test_what_is_no_whole_answer_is_not_attested(
    scene: Scene, options: list[str], code: int, words: str
) -> None:
    given = [scene.path / o if o == "auditor.pem" else o for o in options]
    result = scene.attest(*given)
    assert result.exit_code == code, result.output
    assert words in result.output
    assert not scene.out.exists()
    assert not scene.out.with_name("receipt.sig.report.json").exists()


def test_no_answer_is_not_attested(scene: Scene) -> None:
    (scene.release.path / "manifest.json").unlink()
    (scene.release.path / "manifest.json").symlink_to("/nowhere")
    result = scene.attest()
    assert result.exit_code in (2, 3, 5)
    assert not scene.out.exists()


def test_without_a_key_or_beside_the_files(scene: Scene) -> None:
    alone = scene.verify("--attest", scene.out)
    assert (alone.exit_code, "--attest-key" in alone.stderr) == (2, True)
    scene.out = scene.release.path / "signatures" / "receipt.sig"
    inside = scene.attest()
    assert (inside.exit_code, "lies in the release" in inside.stderr) == (2, True)
    lonely = scene.verify("--verifier", "https://example.org")
    assert (lonely.exit_code, "needs --attest" in lonely.stderr) == (2, True)


def test_an_organisation_admits_an_unsigned_model(scene: Scene, run: Run, tmp_path: Path) -> None:
    """docs/admitting.md: described by a third party, signed by it, verified by its policy."""
    model = tmp_path / "model"
    shutil.copytree(scene.release.path, model)
    for name in ("release.yaml", "manifest.json", "model.sig"):
        (model / name).unlink()
    key = tmp_path / "auditor.pem"
    assert run("init", model, "--third-party").exit_code == 0
    assert run("build", model).exit_code == 0
    assert run("sign", model, "--key", key).exit_code == 0
    out = tmp_path / "admitted.sig"
    result = run(
        "verify", model, "--key", f"{key}.pub", "--attest", out, "--attest-key", key,
        "--resource", "pkg:huggingface/acme/tiny@" + "0" * 40,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "described_by: third-party" in (model / "release.yaml").read_text()
    scene.out = out
    predicate = scene.statement()["predicate"]
    assert predicate["resourceUri"].startswith("pkg:huggingface/")
    assert predicate["verificationResult"] == "PASSED"
