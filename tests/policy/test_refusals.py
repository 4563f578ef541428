"""What a policy, its state and its command refuse, each with file, line and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from permissions import permissions_hold
from policies import ALICE, Scene, signer
from replays import make_replayable

import manifest
from manifest.errors import ExitCode, NotTrustedError, UndecidedError, UsageError
from manifest.policy import decide, load_policy
from manifest.policy.state import State, default_state_path, read_state, update_state

DIGEST = "ab" * 32
HEAD = 'schema_version: "1.0"\n'
ONE = "    roles: [publisher]\n    releases: ['acme/*']\n"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("description: nobody\n", "names no signer and no `tofu`: nothing could be accepted"),
        (f"signers:\n  a:\n{ONE}", "has none of `keys`, `authorities` and `sigstore`"),
        (
            f"signers:\n  a:\n    keys: [alice.pub]\n    trusted_root: root.json\n{ONE}",
            "signers.a.trusted_root: needs `sigstore`",
        ),
        (
            f"signers:\n  a:\n    keys: [alice.pub]\n    authorities: [alice.pub]\n{ONE}",
            "needs `authorities` and `identities` together",
        ),
        (
            "signers:\n  a:\n    authorities: [alice.pub]\n    identities: ['email:a@b.example']\n"
            + ONE,
            "alice.pub",
        ),
        (
            ("signers:\n  a:\n    keys: [alice.pub]\n    valid_until: 2026-01-31T12:00:00Z\n"
             f"    valid_from: 2026-01-31T12:00:00Z\n{ONE}"),
            "signers.a.valid_until: is not after `valid_from`",
        ),
        (
            f"signers:\n  a:\n    keys: [alice.pub]\n    valid_until: 2026-02-30T12:00:00Z\n{ONE}",
            "2026-02-30T12:00:00Z is not a time",
        ),
    ],
    ids=[
        "nobody", "signer-without-a-key", "root-without-sigstore", "authority-without-a-name",
        "authority-that-is-a-key", "ends-before-it-begins", "no-such-day",
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_meant(scene: Scene, text: str, words: str) -> None:
    scene.policy.write_text(HEAD + text)
    result = scene.verify()
    assert (result.exit_code, words in result.output) == (2, True), result.output


def test_lowest_versions_of_others_and_digests_of_others_ask_for_nothing(scene: Scene) -> None:
    scene.write(
        "lowest_versions: [{release: other/*, version: '9'}]\n"
        f"revoked: {{digests: ['sha256:{DIGEST}', 'blake3:{DIGEST}']}}\n"
    )
    scene.accept()


def test_a_policy_is_about_a_directory(scene: Scene) -> None:
    file = scene.path / "model.bin"
    file.write_bytes(b"weights")
    with pytest.raises(UsageError, match="is not a directory: a policy is about a release"):
        manifest.verify_release(file, policy=scene.policy, state=scene.state)


def test_a_checkpoint_is_a_part_and_not_decided_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.release.path.rename(tmp_path / "old")
    make_replayable(tmp_path / "release", ALICE)
    result = scene.verify("--checkpoint", "one")
    assert result.exit_code == 2
    assert "a policy is about a whole release, and this is a part" in result.output
    assert not scene.state.exists()


def test_of_two_verifications_at_once_the_lower_version_loses(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state was read before another verification accepted a higher version."""
    update_state(scene.state, name="acme/tiny", version="2", manifest_sha256=DIGEST)
    monkeypatch.setattr("manifest.policy.run.read_state", lambda _: State())
    decision = decide(
        load_policy(scene.policy), scene.release.path, state_path=scene.state, update=True
    )
    assert decision.exit_code is ExitCode.NOT_TRUSTED
    assert "rollback: version 1.10 is lower than 2" in decision.report.refusal
    assert read_state(scene.state).releases["acme/tiny"].version == "2"


def test_there_may_be_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(UsageError, match="no home directory") as caught:
        default_state_path()
    assert "--state" in caught.value.remedy


def test_a_state_below_a_file_cannot_be_read(scene: Scene) -> None:
    scene.state = scene.policy / "state.json"
    result = scene.verify()
    assert (result.exit_code, "cannot be read: Not a directory" in result.output) == (4, True)


def test_a_state_that_may_not_be_read_is_no_empty_one(scene: Scene) -> None:
    scene.accept()
    scene.state.chmod(0)
    with permissions_hold():
        result = scene.verify()
    assert (result.exit_code, "cannot be read: Permission denied" in result.output) == (4, True)


def test_a_directory_for_the_state_that_cannot_be_made(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with permissions_hold(), pytest.raises(UndecidedError, match="cannot be made") as caught:
        update_state(closed / "in" / "s.json", name="a/b", version="1", manifest_sha256=DIGEST)
    assert "--no-state-update" in caught.value.remedy


def test_a_state_does_not_outgrow_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.json"
    update_state(path, name="a/b", version="1", manifest_sha256=DIGEST)
    before = path.read_bytes()
    monkeypatch.setattr("manifest.policy.state.MAX_BYTES", len(before) + 10)
    with pytest.raises(UndecidedError, match="would have more than"):
        update_state(path, name="a/c", version="1", manifest_sha256=DIGEST)
    assert path.read_bytes() == before


def test_another_key_pinned_meanwhile(tmp_path: Path) -> None:
    from manifest.signing.keys import generate

    path = tmp_path / "s.json"
    first, second = generate().public, generate().public
    update_state(path, name="a/b", version="1", manifest_sha256=DIGEST, pin=first)
    with pytest.raises(NotTrustedError, match="another key was pinned meanwhile"):
        update_state(path, name="a/b", version="1", manifest_sha256=DIGEST, pin=second)


def test_the_report_of_a_policy_with_statements_is_valid(scene: Scene) -> None:
    from click.testing import CliRunner

    from manifest.cli import cli
    from manifest.document.schema import violations

    scene.write(
        "attestations: [{type: provenance}]\n",
        signers=signer("alice") + signer("bob", roles="auditor"),
    )
    args = ["policy", "check", scene.policy, scene.release.path, "--state", scene.state]
    result = CliRunner().invoke(cli, [*map(str, args), "--format", "json"])
    report = json.loads(result.stdout)
    assert violations(report, "policy-report") == ()
    (demand,) = (d for d in report["demands"] if d["name"] == "attestation")
    assert demand["asked"] == "SLSA provenances by 1 auditor"
    assert demand["held"] is False
