"""What a decision says, demand by demand: what is read to find out why a release was refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lint_releases import safetensors
from permissions import permissions_hold
from policies import ALICE, BOB, EVE, Scene, signer

from manifest.errors import ExitCode
from manifest.policy import Decision, decide, load_policy
from manifest.policy.decision import Demand
from manifest.policy.drafting import draft_policy
from manifest.policy.state import update_state
from manifest.signing.keys import PublicKey


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def decision(scene: Scene, *keys: PublicKey, **options: Any) -> Decision:
    policy = load_policy(scene.policy, keys=keys)
    return decide(policy, scene.release.path, keys=keys, state_path=scene.state, options=options)


def demand(decided: Decision, name: str) -> Demand:
    (found,) = (d for d in decided.demands if d.name == name)
    return found


def with_weights(scene: Scene) -> None:
    (scene.release.path / "model.safetensors").write_bytes(safetensors(w=(64, 64)))
    scene.sign_again()


def line_of(scene: Scene, text: str) -> str:
    lines = scene.policy.read_text().splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if text in line)
    return f"{scene.policy}:{number}"


def test_files_as_signed(scene: Scene) -> None:
    found = demand(decision(scene), "files")
    assert (found.held, found.found) == (True, "6 files as signed")


def test_files_that_differ_and_that_cannot_be_read(scene: Scene) -> None:
    path = scene.release.path
    (path / "tokenizer/vocab naïve.txt").chmod(0)
    with permissions_hold():
        decided = decision(scene)
    assert (demand(decided, "files").held, decided.exit_code) == (None, ExitCode.UNDECIDED)
    assert demand(decided, "files").found == "1 that differ"
    (path / "model.safetensors").write_bytes(b"another")
    with permissions_hold():
        decided = decision(scene)
    assert (demand(decided, "files").held, decided.exit_code) == (False, ExitCode.DIFFERENT)
    assert demand(decided, "files").found == "2 that differ"


def test_files_of_a_stranger(scene: Scene) -> None:
    scene.sign_again(EVE)
    decided = decision(scene)
    found = demand(decided, "files")
    assert (found.held, found.found) == (False, decided.report.refusal)
    assert [d.name for d in decided.demands] == ["policy", "files"]


def test_a_finding_is_no_question_that_is_open(scene: Scene) -> None:
    """What is signed and contradicts itself is refused, and not left open."""
    text = (scene.release.path / "release.yaml").read_bytes()
    scene.release.forge({"release.yaml": text.replace(b"acme/tiny", b"acme/other")})
    decided = decision(scene)
    assert not decided.accepted
    assert decided.report.findings
    assert (demand(decided, "files").held, demand(decided, "files").found) == (
        False,
        "1 that differ",
    )


def test_every_demand_names_its_line(scene: Scene) -> None:
    with_weights(scene)
    scene.write(
        "thresholds: {publisher: 1}\n"
        "forbidden_formats: [onnx]\n"
        "revoked:\n  digests: ['sha256:" + "ab" * 32 + "']\n"
        "lowest_versions:\n  - {release: acme/tiny, version: '1.0'}\n"
        "require:\n  verdict: weights-available\n  licenses: [Apache-2.0]\n  sha256: true\n  strict: true\n"
        "  components: [model-parameters-final]\n"
    )
    decided = decision(scene)
    places = {d.name: d.where for d in decided.demands}
    assert places == {
        "policy": str(scene.policy),
        "files": str(scene.policy),
        "publisher": line_of(scene, "publisher: 1"),
        "revoked digests": line_of(scene, "digests:"),
        "lowest version": line_of(scene, "- {release"),
        "no rollback": str(scene.policy),
        "sha256": line_of(scene, "sha256: true"),
        "strict": line_of(scene, "strict:"),
        "component": line_of(scene, "components:"),
        "licenses": line_of(scene, "licenses:"),
        "formats": line_of(scene, "forbidden_formats:"),
        "verdict": line_of(scene, "verdict:"),
    }
    assert [d.name for d in decided.demands if not d.held] == ["licenses"], decided.demands


def test_a_component_must_be_evidenced(scene: Scene) -> None:
    with_weights(scene)
    scene.write("require: {components: [model-parameters-final, training-code]}\n")
    weights, code = (d for d in decision(scene).demands if d.name == "component")
    assert (weights.held, weights.found) == (True, "evidenced")
    assert (code.held, code.found) == (False, "absent")


def test_a_rollback_is_told_before_anything_is_remembered(scene: Scene) -> None:
    assert demand(decision(scene), "no rollback").found == "never seen before"
    update_state(scene.state, name="acme/tiny", version="1.9", manifest_sha256="ab" * 32)
    assert demand(decision(scene), "no rollback").found == "1.9 was accepted before"
    update_state(scene.state, name="acme/tiny", version="1.11", manifest_sha256="ab" * 32)
    decided = decision(scene)
    assert demand(decided, "no rollback").held is False
    assert decided.exit_code is ExitCode.NOT_TRUSTED


def test_a_key_that_cannot_be_pinned_does_not_silence_a_signer(scene: Scene) -> None:
    scene.write("tofu: true\n")
    scene.sign_again(EVE)
    scene.further(ALICE)
    decided = decision(scene, EVE.public)
    assert decided.accepted, decided
    assert demand(decided, "publisher").found == "alice"
    assert any("the policy names who publishes this release" in n for n in decided.notes)


def test_an_auditor_of_the_release_is_no_publisher_of_it(scene: Scene) -> None:
    """Who audits these releases, and publishes others, leaves the first use open."""
    both = signer("bob", roles="auditor") + signer("eve", names="other/*")
    scene.write("tofu: true\n", signers=both)
    decided = decision(scene, ALICE.public)
    assert decided.accepted, decided
    assert demand(decided, "publisher").found == "the key given, on first use"
    assert "of the key that is pinned" in demand(decided, "publisher").asked
    scene.write("tofu: true\n", signers=signer("bob", names="acme/tiny"))
    decided = decision(scene, ALICE.public)
    assert not decided.accepted
    assert "of the key that is pinned" not in demand(decided, "publisher").asked


def test_all_that_does_not_count_is_told(scene: Scene) -> None:
    scene.write(
        signers=signer("alice") + signer("bob", names="other/*") + signer("eve", names="x/*")
    )
    scene.further(BOB, "bob.sig")
    scene.further(EVE, "eve.sig")
    decided = decision(scene)
    assert decided.accepted
    for name in ("bob", "eve"):
        words = f"signatures/{name}.sig does not count: {name} may not speak for acme/tiny"
        assert words in decided.notes


def test_a_draft_is_for_the_keys_given(scene: Scene) -> None:
    keys = {"one": ALICE.public, "two": BOB.public}
    text = draft_policy(keys, release="acme/tiny").decode()
    for key in keys.values():
        assert f"# sha256:{key.fingerprint}\n" in text
    assert text.count('releases: ["acme/tiny"]') == 2
    assert re.search(r"\n  one:\n.*\n  two:\n.*\n  # release-team:\n", text, re.DOTALL)
    assert "XX" not in re.sub(r"[A-Za-z0-9+/=]{40,}", "", text)  # but in a key by chance
    assert draft_policy(keys, release="größe/x").decode().count('"größe/x"') == 2
    assert draft_policy(keys).decode().count('releases: ["example/*"] ') == 2
