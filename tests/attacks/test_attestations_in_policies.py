"""What others said of a release, when a policy asks for it: whose word counts, and whose does not.

Each case puts statements beside the signatures of a good release and runs the command; the exit
code and the words say for which reason it is refused, and no other.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from policies import ALICE, BOB, EVE, Scene, day, signer
from replays import make_replayable
from statements import put_replay, replay_statement

from manifest.build.segments import draw, segments_of
from manifest.document.manifest_file import parse_manifest
from manifest.sign import sign
from manifest.signing.keys import KeyKind, PrivateKey, generate, public_pem
from manifest.signing.signer import sign_payload

SUMMARY = "https://slsa.dev/verification_summary/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
TESTS = "https://in-toto.io/attestation/test-result/v0.1"
STRANGER = generate(KeyKind.ECDSA_P256)
ASKED = "attestations: [{type: verification-summary"
LAB = signer("alice") + signer("bob", roles="auditor") + signer("eve", roles="auditor, reproducer")
OF_REPLAYS = signer("alice") + signer("bob", roles="reproducer") + signer("eve", roles="reproducer")

Attack: TypeAlias = Callable[[Scene], object]


def manifest_digest(scene: Scene) -> str:
    return hashlib.sha256((scene.release.path / "manifest.json").read_bytes()).hexdigest()


def put(scene: Scene, payload: bytes, key: PrivateKey, name: str) -> None:
    (scene.release.path / "signatures").mkdir(exist_ok=True)
    (scene.release.path / "signatures" / name).write_bytes(sign_payload(payload, key))


def statement(
    scene: Scene, kind: str, predicate: dict[str, Any], *, digest: str = ""
) -> dict[str, Any]:
    subject = {"name": "manifest.json", "digest": {"sha256": digest or manifest_digest(scene)}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": kind,
        "predicate": predicate,
    }


def summary(
    scene: Scene,
    key: PrivateKey = BOB,
    *,
    name: str = "summary.sig",
    result: str = "PASSED",
    days: float = 0,
    policy: str = "1" * 64,
    kind: str = SUMMARY,
    digest: str = "",
    **more: Any,
) -> None:
    """A verification summary, so many days old."""
    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    predicate = {
        "verifier": {"id": "https://lab.example/v"},
        "timeVerified": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "policy": {"uri": "p", "digest": {"sha256": policy}},
        "verificationResult": result,
        "verifiedLevels": ["MODEL_RELEASE_SIGNED"],
        **more,
    }
    payload = json.dumps(statement(scene, kind, predicate, digest=digest)).encode()
    put(scene, payload, key, name)


def provenance(scene: Scene, builder: str, key: PrivateKey = BOB) -> None:
    predicate = {"runDetails": {"builder": {"id": builder}}}
    payload = json.dumps(statement(scene, PROVENANCE, predicate)).encode()
    put(scene, payload, key, "provenance.sig")


def replay(
    scene: Scene,
    key: PrivateKey = BOB,
    *,
    name: str = "replay.sig",
    result: str = "bit-for-bit",
    nonce: str = "",
) -> None:
    """What somebody who repeated the only segment would sign."""
    path = scene.release.path
    put_replay(path, replay_statement(path, result=result, nonce=nonce), key, name)


def replayable(scene: Scene, asked: str, *, signers: str = OF_REPLAYS) -> None:
    """Let the release be one whose training can be repeated, and ask for repetitions."""
    path = scene.path / "replayable"
    make_replayable(path, ALICE)
    scene.release = dataclasses.replace(scene.release, path=path)
    scene.write(f"attestations: [{{type: replay{asked}}}]\n", signers=signers)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    attack: Attack
    exit_code: int
    message: str


CASES: list[Case] = []


def case(name: str, exit_code: int, message: str) -> Callable[[Attack], Attack]:
    def register(attack: Attack) -> Attack:
        CASES.append(Case(name, attack, exit_code, message))
        return attack

    return register


# Summaries of verifications.


@case("no-summary-at-all", 3, "found: none that counts")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)


@case("summary-by-a-stranger", 3, "does not count: it is by nobody whom the policy names")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, STRANGER)


@case("publisher-poses-as-auditor", 3, "does not count: it is by who publishes the release")
def _(s: Scene) -> None:
    s.write(
        f"{ASKED}}}]\n",
        signers=signer("alice", roles="publisher, auditor") + signer("bob", roles="auditor"),
    )
    summary(s, ALICE)


@case("reproducer-poses-as-auditor", 3, "does not count: eve is no auditor")
def _(s: Scene) -> None:
    s.write(
        f"{ASKED}}}]\n",
        signers=signer("alice")
        + signer("bob", roles="auditor")
        + signer("eve", roles="reproducer"),
    )
    summary(s, EVE)


@case("summary-of-another-release", 3, "it is not about the manifest of this release")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, digest="3" * 64)


@case("summary-of-a-file-of-the-release", 3, "it is not about the manifest of this release")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    weights = (s.release.path / "model.safetensors").read_bytes()
    summary(s, digest=hashlib.sha256(weights).hexdigest())


@case("summary-that-failed", 3, "bob says FAILED")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, result="FAILED")


@case("summary-without-a-result", 3, "bob says nothing of the result")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, result="")


@case("summary-that-passed-in-lower-case", 3, "bob says passed")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, result="passed")


@case("one-auditor-of-two-says-it-failed", 3, "found: eve; bob says FAILED")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, BOB, result="FAILED")
    summary(s, EVE, name="eve.sig")


@case("a-pass-followed-by-a-failure", 3, "bob says FAILED")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, days=3)
    summary(s, days=1, name="later.sig", result="FAILED")


@case("summary-that-is-too-old", 3, "older than 30 days")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, max_age_days: 30}}]\n", signers=LAB)
    summary(s, days=31)


@case("summary-of-the-future", 3, "which is to come")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, days=-2)


@case("summary-without-a-time", 3, "it does not say when the release was verified")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, timeVerified=None)


@case("summary-with-a-local-time", 3, "it does not say when the release was verified")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, timeVerified="2026-01-31T12:00:00")


@case("summary-by-another-policy", 3, "the release was verified by another policy")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, policies: ['sha256:{'9' * 64}']}}]\n", signers=LAB)
    summary(s)


@case("summary-of-integrity-alone", 3, "it does not say MODEL_RELEASE_SIGNED")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, levels: [MODEL_RELEASE_SIGNED]}}]\n", signers=LAB)
    summary(s, verifiedLevels=["MODEL_RELEASE_INTACT"])


@case("levels-that-are-no-words", 3, "it does not say MODEL_RELEASE_SIGNED")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, levels: [MODEL_RELEASE_SIGNED]}}]\n", signers=LAB)
    summary(s, verifiedLevels=["MODEL_RELEASE_INTACT MODEL_RELEASE_SIGNED", 7, None])


@case("predicate-type-that-looks-alike", 3, "found: none that counts")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, kind="https://slsa.dev/verificatiоn_summary/v1")  # noqa: RUF001 - a Cyrillic letter


@case("one-auditor-signs-twice-for-two", 3, "verification summaries by 2 auditors; found: bob")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, signers: 2}}]\n", signers=LAB)
    summary(s)
    summary(s, name="again.sig")


@case("one-key-of-two-auditors-by-certificate-and-key", 2, "have the same key")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, signers: 2}}]\n", signers=LAB + signer("twin", key="bob.pub"))


@case("auditor-of-other-releases", 3, "bob may not speak for acme/tiny")
def _(s: Scene) -> None:
    s.write(
        f"{ASKED}}}]\n",
        signers=signer("alice") + signer("bob", roles="auditor", names="other/*"),
    )
    summary(s)


@case("auditor-whose-time-is-over", 3, "bob was valid only until")
def _(s: Scene) -> None:
    s.write(
        f"{ASKED}}}]\n",
        signers=signer("alice") + signer("bob", roles="auditor", valid_until=day(-2)),
    )
    summary(s)


@case("auditor-whose-key-is-revoked", 3, "bob signed with a key that the policy revokes")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\nrevoked: {{keys: [bob.pub]}}\n", signers=LAB)
    summary(s)


@case("summary-changed-after-it-was-signed", 3, "found: none that counts")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, result="FAILED")
    file = s.release.path / "signatures" / "summary.sig"
    bundle = json.loads(file.read_bytes())
    other = Scene.__new__(Scene)
    other.__dict__.update(s.__dict__)
    summary(other, STRANGER, name="passed.sig")
    passed = json.loads((s.release.path / "signatures" / "passed.sig").read_bytes())
    bundle["dsseEnvelope"]["payload"] = passed["dsseEnvelope"]["payload"]
    file.write_text(json.dumps(bundle))


@case("further-signature-is-no-summary", 3, "found: none that counts")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    s.further(BOB)


@case("too-many-files-of-statements", 3, "more than 64 files lie there")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    for number in range(66):
        summary(s, name=f"{number}.sig")


@case("only-statements-and-no-signature", 3, "model.sig")
def _(s: Scene) -> None:
    """A statement by somebody who is trusted is no signature of the release."""
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s)
    (s.release.path / "model.sig").unlink()


@case("statement-before-a-stranger-s-signature", 3, "not by one of the keys given")
def _(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    s.sign_again(STRANGER)
    summary(s)


@case("key-given-for-first-use-poses-as-auditor", 3, "the key given is no auditor")
def _(s: Scene) -> tuple[str, ...]:
    s.write(f"tofu: true\n{ASKED}}}]\n", signers=signer("bob", roles="auditor", names="**"))
    (s.path / "stranger.pub").write_bytes(public_pem(STRANGER.public))
    summary(s, STRANGER)
    return ("--key", str(s.path / "alice.pub"), "--key", str(s.path / "stranger.pub"))


# Provenance, and kinds that are not known.


@case("provenance-of-another-builder", 3, "it was built by https://evil.example/b, which is none")
def _(s: Scene) -> None:
    s.write("attestations: [{type: provenance, builders: ['https://b.example']}]\n", signers=LAB)
    provenance(s, "https://evil.example/b")


@case("provenance-of-a-builder-whose-name-begins-so", 3, "which is none of the builders")
def _(s: Scene) -> None:
    s.write("attestations: [{type: provenance, builders: ['https://b.example']}]\n", signers=LAB)
    provenance(s, "https://b.example.evil")


@case("provenance-of-nobody", 3, "it was built by nobody that it names")
def _(s: Scene) -> None:
    s.write("attestations: [{type: provenance, builders: ['https://b.example']}]\n", signers=LAB)
    provenance(s, "")


@case("tests-that-failed", 3, "bob says FAILED")
def _(s: Scene) -> None:
    s.write(f"attestations: [{{type: '{TESTS}'}}]\n", signers=LAB)
    put(s, json.dumps(statement(s, TESTS, {"result": "FAILED"})).encode(), BOB, "tests.sig")


@case("statement-of-another-kind", 3, "statements of the type https://lab.example/evaluation/v1")
def _(s: Scene) -> None:
    s.write("attestations: [{type: 'https://lab.example/evaluation/v1'}]\n", signers=LAB)
    put(s, json.dumps(statement(s, "https://lab.example/other/v1", {})).encode(), BOB, "e.sig")


# Replays of the training.


@case("replay-by-an-auditor", 3, "does not count: bob is no reproducer")
def _(s: Scene) -> None:
    replayable(
        s,
        "",
        signers=signer("alice")
        + signer("bob", roles="auditor")
        + signer("eve", roles="reproducer"),
    )
    replay(s)


@case("replay-by-the-publisher", 3, "by who signed the release")
def _(s: Scene) -> None:
    replayable(
        s,
        "",
        signers=signer("alice", roles="publisher, reproducer") + signer("bob", roles="reproducer"),
    )
    replay(s, ALICE)


@case("replay-by-another-key-of-the-publisher", 3, "it is by who publishes the release")
def _(s: Scene) -> None:
    keys = signer("alice", roles="publisher, reproducer").replace(
        "'alice.pub'", "alice.pub, bob.pub"
    )
    replayable(s, "", signers=keys + signer("eve", roles="reproducer"))
    replay(s, BOB)


@case("replay-that-differs", 3, "bob says that one to two came out different")
def _(s: Scene) -> None:
    replayable(s, "")
    replay(s, EVE, name="good.sig")
    replay(s, BOB, result="differs")


@case("replay-within-tolerance-alone", 3, "no segment of it came out bit for bit")
def _(s: Scene) -> None:
    replayable(s, ", result: bit-for-bit")
    replay(s, result="within-tolerance")


@case("replay-of-chosen-segments", 3, "its segments were chosen, and not drawn by a nonce")
def _(s: Scene) -> None:
    replayable(s, ", drawn: true")
    replay(s)


@case("replay-of-one-segment-of-two", 3, "of 2 segments; found: bob, of 1 segment")
def _(s: Scene) -> None:
    replayable(s, ", segments: 2")
    replay(s)


@case("one-reproducer-for-two", 3, "replays of the training by 2 reproducers; found: bob")
def _(s: Scene) -> None:
    replayable(s, ", signers: 2")
    replay(s)
    replay(s, name="again.sig")


# Policies that cannot mean what they say.


@case("more-auditors-than-there-are", 2, "attestations[0]: asks for 3 of the role auditor, and 2")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, signers: 3}}]\n", signers=LAB)


@case("age-of-a-replay", 2, "attestations[0].max_age_days: is for the type verification-summary")
def _(s: Scene) -> None:
    s.write("attestations: [{type: replay, max_age_days: 3}]\n", signers=OF_REPLAYS)


@case("known-type-by-its-uri", 2, "is written verification-summary, so that its content is read")
def _(s: Scene) -> None:
    s.write(f"attestations: [{{type: '{SUMMARY}'}}]\n", signers=LAB)


@case("pattern-of-a-release-that-is-none", 2, "attestations[0].releases[0]")
def _(s: Scene) -> None:
    s.write(f"{ASKED}, releases: ['a**']}}]\n", signers=LAB)


@case("type-that-is-no-uri", 2, "attestations[0].type")
def _(s: Scene) -> None:
    s.write("attestations: [{type: summary}]\n", signers=LAB)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_attack(case: Case, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    options = case.attack(scene)
    result = scene.verify(*(options if isinstance(options, tuple) else ()))
    said = " ".join(result.output.split())
    assert (result.exit_code, case.message in said) == (case.exit_code, True), said
    assert not scene.state.exists()


# What the same policies admit.


def drawn_by(scene: Scene) -> str:
    """A nonce; the release has one segment, which any nonce draws."""
    manifest = parse_manifest((scene.release.path / "manifest.json").read_bytes())
    nonce = bytes(range(32))
    assert draw(manifest_digest(scene), nonce, 1, len(segments_of(manifest))) is not None
    return nonce.hex()


def good_summary(s: Scene) -> None:
    asked = f"policies: ['sha256:{'1' * 64}'], levels: [MODEL_RELEASE_SIGNED], max_age_days: 30"
    s.write(f"{ASKED}, {asked}}}]\n", signers=LAB)
    summary(s, days=29)


def failure_before_a_pass(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    summary(s, days=1, name="later.sig")
    summary(s, days=3, result="FAILED")


def failure_that_is_only_noted(s: Scene) -> None:
    s.write(f"{ASKED}, refuse_failures: false}}]\n", signers=LAB)
    summary(s, EVE, name="eve.sig")
    summary(s, BOB, result="FAILED")


def two_auditors(s: Scene) -> None:
    s.write(f"{ASKED}, signers: 2}}]\n", signers=LAB)
    summary(s, BOB)
    summary(s, EVE, name="eve.sig")


def demand_on_other_releases(s: Scene) -> None:
    s.write(f"{ASKED}, releases: ['other/*']}}]\n", signers=LAB)


def provenance_by_the_publisher(s: Scene) -> None:
    asked = "{type: provenance, by: publisher, builders: ['https://b.example']}"
    s.write(f"attestations: [{asked}]\n", signers=LAB)
    provenance(s, "https://b.example", ALICE)


def a_kind_of_their_own(s: Scene) -> None:
    s.write("attestations: [{type: 'https://lab.example/evaluation/v1'}]\n", signers=LAB)
    put(s, json.dumps(statement(s, "https://lab.example/evaluation/v1", {})).encode(), BOB, "e.sig")


def passed_tests(s: Scene) -> None:
    s.write(f"attestations: [{{type: '{TESTS}'}}]\n", signers=LAB)
    put(s, json.dumps(statement(s, TESTS, {"result": "PASSED"})).encode(), BOB, "tests.sig")


def two_reproducers(s: Scene) -> None:
    replayable(s, ", signers: 2, result: bit-for-bit, drawn: true")
    for key, name in ((BOB, "b.sig"), (EVE, "e.sig")):
        replay(s, key, name=name, nonce=drawn_by(s))


def replay_within_tolerance(s: Scene) -> None:
    replayable(s, "")
    replay(s, result="within-tolerance")


def statement_before_the_signature_that_counts(s: Scene) -> None:
    """``model.sig`` is a stranger's; the signature that counts comes after a statement."""
    s.write(f"{ASKED}}}]\n", signers=LAB)
    s.sign_again(STRANGER)
    summary(s, name="a.sig")
    (s.release.path / "signatures").mkdir(exist_ok=True)
    sign(s.release.path, ALICE, signature_path=s.release.path / "signatures" / "z.sig")


def others_before_the_one_that_counts(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    put(s, json.dumps(statement(s, TESTS, {"result": "PASSED"})).encode(), BOB, "a.sig")
    summary(s, STRANGER, name="b.sig")
    summary(s, name="c.sig")


def an_auditor_who_signed_the_files_too(s: Scene) -> None:
    s.write(f"{ASKED}}}]\n", signers=LAB)
    s.further(BOB)
    summary(s)


def replays_before_the_one_that_counts(s: Scene) -> None:
    replayable(s, ", result: bit-for-bit, drawn: true")
    replay(s, name="a.sig")
    replay(s, name="b.sig", result="within-tolerance", nonce=drawn_by(s))
    replay(s, EVE, name="c.sig", nonce=drawn_by(s))


@pytest.mark.parametrize(
    "arrange",
    [
        good_summary, failure_before_a_pass, failure_that_is_only_noted, two_auditors,
        demand_on_other_releases, provenance_by_the_publisher, a_kind_of_their_own,
        passed_tests, two_reproducers, replay_within_tolerance,
        others_before_the_one_that_counts, replays_before_the_one_that_counts,
        an_auditor_who_signed_the_files_too,
        statement_before_the_signature_that_counts,
    ],
    ids=lambda arrange: arrange.__name__,
)  # fmt: skip
def test_what_is_asked_for_is_admitted(arrange: Attack, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    arrange(scene)
    scene.accept()


def test_a_failure_that_refuses_nothing_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    failure_that_is_only_noted(scene)
    assert "signatures/summary.sig: bob says FAILED" in scene.verify().output


def test_who_is_no_reproducer_is_not_among_those_who_repeated_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    replayable(scene, "")
    scene.write(signers=signer("alice") + signer("bob", roles="auditor"))
    replay(scene)
    said = scene.verify().output
    assert "1 independent signer" not in said
    assert "does not count: bob is no reproducer" in said
    scene.write(signers=signer("alice") + signer("bob", roles="reproducer"))
    assert "1 independent signer: one to two (bit for bit)" in scene.verify().output
