"""What can be tried against a trust policy, and what the command answers.

Each case is run through the command line on a good signed release: the exit code is that of
spec/exit-codes.md, and the message names the cause.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from policies import ALICE, BOB, EVE, KEYS, Scene, day, signer
from releases import Release

from manifest.signing.keys import public_pem

Attack = Callable[[Scene], tuple[str, ...] | None]


@dataclasses.dataclass(frozen=True)
class Case:
    area: str
    name: str
    attack: Attack
    exit_code: int
    message: str


CASES: list[Case] = []
AREA = ["policy"]
"""What the attacks from here on are on; see `attack_cases.AREAS`."""


def case(name: str, exit_code: int, message: str) -> Callable[[Attack], Attack]:
    def register(attack: Attack) -> Attack:
        CASES.append(Case(AREA[0], name, attack, exit_code, message))
        return attack

    return register


# Who speaks.


@case("unknown-signer", 3, "not by the key given")
def _(s: Scene) -> None:
    s.sign_again(EVE)


@case("same-key-signs-twice-for-a-threshold-of-two", 3, "found: alice")
def _(s: Scene) -> None:
    s.write("thresholds: {publisher: 2}\n", signers=signer("alice") + signer("bob"))
    s.further(ALICE)


@case(
    "one-key-under-two-names",
    2,
    "policy.yaml:8: signers.twin.keys: twin and alice have the same key",
)
def _(s: Scene) -> None:
    s.write(signers=signer("alice") + signer("twin", key="alice.pub"))


@case("one-key-under-two-names-by-fingerprint", 2, "have the same key")
def _(s: Scene) -> tuple[str, ...]:
    name = f"sha256:{ALICE.public.fingerprint}"
    s.write(signers=signer("alice") + signer("twin", key=name))
    return ("--key", str(s.path / "alice.pub"))


@case("two-keys-of-one-signer-count-once", 3, "2 signatures by different signers")
def _(s: Scene) -> None:
    both = signer("alice").replace("['alice.pub']", "[alice.pub, eve.pub]")
    s.write("thresholds: {publisher: 2}\n", signers=both + signer("bob"))
    s.further(EVE)


@case("expired-signer", 3, "alice was valid only until")
def _(s: Scene) -> None:
    s.write(signers=signer("alice", valid_until=day(-1)))


@case("signer-of-the-future", 3, "alice is valid only from")
def _(s: Scene) -> None:
    s.write(signers=signer("alice", valid_from=day(2)))


@case("expired-policy", 3, "policy: the policy asks for a policy that is valid now")
def _(s: Scene) -> None:
    s.write(f"valid_until: {day(-1)}\n")


@case("policy-of-the-future", 3, "is valid only from")
def _(s: Scene) -> None:
    s.write(f"valid_from: {day(2)}\n")


@case("revoked-key", 3, "alice signed with a key that the policy revokes")
def _(s: Scene) -> None:
    s.write("revoked: {keys: [alice.pub]}\n")


@case("revoked-key-by-fingerprint", 3, "signed with a key that the policy revokes")
def _(s: Scene) -> None:
    s.write(f"revoked: {{keys: ['sha256:{ALICE.public.fingerprint}']}}\n")


@case("revoked-key-does-not-count-beside-a-good-one", 3, "2 signatures by different signers")
def _(s: Scene) -> None:
    more = "thresholds: {publisher: 2}\nrevoked: {keys: [bob.pub]}\n"
    s.write(more, signers=signer("alice") + signer("bob"))
    s.further(BOB)


@case(
    "missing-role", 3, "auditor: the policy asks for 1 signature by different signers; found: none"
)
def _(s: Scene) -> None:
    s.write("thresholds: {auditor: 1}\n", signers=signer("alice") + signer("bob", roles="auditor"))


@case("publisher-poses-as-auditor", 3, "found: none that counts")
def _(s: Scene) -> None:
    s.write("thresholds: {auditor: 1}\n", signers=signer("alice") + signer("bob", roles="auditor"))
    s.further(ALICE)


@case("auditor-poses-as-publisher", 3, "publisher: the policy asks for 1 signature")
def _(s: Scene) -> None:
    s.write(signers=signer("alice", roles="auditor") + signer("bob"))


@case("further-signature-of-other-files", 3, "2 signatures by different signers")
def _(s: Scene) -> None:
    s.write("thresholds: {publisher: 2}\n", signers=signer("alice") + signer("bob"))
    s.further(BOB)
    s.edit("1.10", "1.11")


@case("further-signature-poses-as-the-one-given", 3, "found: none that counts")
def _(s: Scene) -> tuple[str, ...]:
    # The stranger's file in the release has the very name under which the user gives another.
    s.write(signers=signer("alice") + signer("bob", roles="auditor"))
    s.further(ALICE, "a.sig")
    s.edit("1.10", "1.11", BOB)
    (s.path / "signatures").mkdir()
    (s.release.path / "model.sig").rename(s.path / "signatures" / "a.sig")
    return ("--signature", "signatures/a.sig")


@case("key-known-by-fingerprint-is-not-at-hand", 3, "no key of a signer of the policy is at hand")
def _(s: Scene) -> None:
    s.write(signers=signer("alice", key=f"sha256:{ALICE.public.fingerprint}"))


@case("key-on-the-command-line-is-not-trusted", 3, "not by the key given")
def _(s: Scene) -> tuple[str, ...]:
    s.sign_again(EVE)
    return ("--key", str(s.path / "eve.pub"))


# Which release.


@case("name-longer-than-its-pattern", 3, "alice may not speak for acme/tiny-evil")
def _(s: Scene) -> None:
    s.write(signers=signer("alice", names="acme/tiny"))
    s.edit("acme/tiny", "acme/tiny-evil")


@case("name-with-a-prefix", 3, "alice may not speak for evil/acme/tiny")
def _(s: Scene) -> None:
    s.edit("acme/tiny", "evil/acme/tiny")


@case("star-does-not-cross-a-slash", 3, "alice may not speak for acme/sub/tiny")
def _(s: Scene) -> None:
    s.edit("acme/tiny", "acme/sub/tiny")


@case("look-alike-owner", 3, "alice may not speak for")
def _(s: Scene) -> None:
    s.edit("acme/tiny", "\u0430cme/tiny")


@case("look-alike-letter-under-a-star", 3, "alice may not speak for")
def _(s: Scene) -> None:
    s.edit("acme/tiny", "acme/t\u0456ny")


@case("name-in-another-case", 3, "alice may not speak for ACME/tiny")
def _(s: Scene) -> None:
    s.edit("acme/tiny", "ACME/tiny")


@case("no-signed-name", 3, "release: the policy asks for a signed name and version")
def _(s: Scene) -> None:
    (s.release.path / "manifest.json").unlink()
    s.release.resign(_without_manifest)


def _without_manifest(statement: dict) -> None:  # type: ignore[type-arg]
    import hashlib

    listed = statement["predicate"]["resources"]
    listed[:] = [r for r in listed if r["name"] != "manifest.json"]
    digest = hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in listed)).hexdigest()
    statement["subject"][0]["digest"] = {"sha256": digest}


# What was accepted before.
AREA[0] = "rollback"


@case("rollback", 3, "rollback: version 1.9 is lower than 1.10")
def _(s: Scene) -> None:
    s.accept()
    s.edit("1.10", "1.9")


@case("mix-up", 3, "mix-up: another manifest was accepted before as version 1.10")
def _(s: Scene) -> None:
    s.accept()
    (s.release.path / "notes.txt").write_text("another\n")
    s.sign_again()


@case("same-version-spelled-otherwise", 3, "mix-up")
def _(s: Scene) -> None:
    s.accept()
    s.edit("1.10", "1.10.0")


@case("version-without-order", 3, "version final cannot be compared with 1.10")
def _(s: Scene) -> None:
    s.accept()
    s.edit("1.10", "final")


@case(
    "below-the-lowest-version", 3, "lowest version: the policy asks for 1.11 or later; found: 1.10"
)
def _(s: Scene) -> None:
    s.write("lowest_versions: [{release: acme/tiny, version: 1.11}]\n")


@case("lowest-version-without-order", 3, "1.10, which cannot be compared")
def _(s: Scene) -> None:
    s.write("lowest_versions: [{release: acme/tiny, version: spring}]\n")


@case("state-swapped-for-a-link", 3, "is a link, which could lead to an older state")
def _(s: Scene) -> None:
    s.accept()
    s.state.rename(s.path / "old.json")
    s.state.symlink_to(s.path / "old.json")


@case("state-cut-off", 3, "state.json")
def _(s: Scene) -> None:
    s.accept()
    s.state.write_bytes(s.state.read_bytes()[:-20])


@case("state-with-a-duplicate-release", 3, "state.json")
def _(s: Scene) -> None:
    entry = '"acme/tiny": {"version": "1", "manifest_sha256": "%s"}' % ("0" * 64)
    s.state.write_text(
        f'{{"schema_version": "1.0", "releases": {{{entry}, {entry}}}, "pins": {{}}}}'
    )


@case("state-with-an-unknown-field", 3, "its fields are not those of a state")
def _(s: Scene) -> None:
    s.state.write_text('{"schema_version": "1.0", "releases": {}, "pins": {}, "more": 1}')


@case("state-of-a-newer-version", 4, "is written in version 2.0")
def _(s: Scene) -> None:
    s.state.write_text('{"schema_version": "2.0"}')


@case("state-is-a-pipe", 3, "is not a regular file")
def _(s: Scene) -> None:
    os.mkfifo(s.state)


# What the release is.
AREA[0] = "policy"


@case("revoked-root-digest", 3, "the root digest is revoked")
def _(s: Scene) -> None:
    s.write(f"revoked: {{digests: ['sha256:{s.release.verify().root_digest}']}}\n")


@case("revoked-manifest", 3, "the manifest is revoked")
def _(s: Scene) -> None:
    s.write(f"revoked: {{digests: ['sha256:{s.release.verify().manifest_digest}']}}\n")


@case("revoked-file-by-either-digest", 3, "model.safetensors is revoked")
def _(s: Scene) -> None:
    manifest = json.loads((s.release.path / "manifest.json").read_text())
    digest = next(f["blake3"] for f in manifest["files"] if f["path"] == "model.safetensors")
    s.write(f"revoked: {{digests: ['blake3:{digest}']}}\n")


@case("verdict-not-met", 3, "verdict: the policy asks for open-weight or above; found: ")
def _(s: Scene) -> None:
    s.write("require: {verdict: open-weight}\n")


@case("license-not-allowed", 3, "model-parameters-final: apache-2.0")
def _(s: Scene) -> None:
    s.write("require: {licenses: [MIT]}\n")


@case("component-without-a-license", 3, "tokenizer: none is stated")
def _(s: Scene) -> None:
    s.write("require: {licenses: [Apache-2.0]}\n")


@case("component-missing", 3, "component: the policy asks for datasets evidenced; found: absent")
def _(s: Scene) -> None:
    s.write("require: {components: [datasets]}\n")


@case("pickle-under-its-own-name", 3, "extra.pkl (pickle)")
def _(s: Scene) -> None:
    (s.release.path / "extra.pkl").write_bytes(b"\x80\x04N.")
    s.sign_again()
    s.write("forbidden_formats: [pickle]\n")


@case("pickle-under-another-name", 3, "notes.txt (pickle)")
def _(s: Scene) -> None:
    (s.release.path / "notes.txt").write_bytes(b"\x80\x04N.")
    s.sign_again()
    s.write("forbidden_formats: [pickle]\n")


@case("blake3-where-sha256-is-demanded", 3, "sha256: the policy asks for files compared by SHA-256")
def _(s: Scene) -> tuple[str, ...]:
    s.write("require: {sha256: true}\n")
    return ("--digest", "blake3")


@case("strict-and-something-not-covered", 3, "strict: the policy asks for")
def _(s: Scene) -> None:
    (s.release.path / ".git").mkdir()
    (s.release.path / ".git" / "config").write_text("x")
    s.write("require: {strict: true}\n")


@case("changed-file", 5, "1 changed")
def _(s: Scene) -> None:
    (s.release.path / "notes.txt").write_text("changed bytes\n")


@case("changed-file-and-a-missing-auditor", 3, "auditor: the policy asks for")
def _(s: Scene) -> None:
    (s.release.path / "notes.txt").write_text("changed bytes\n")
    s.write("thresholds: {auditor: 1}\n", signers=signer("alice") + signer("bob", roles="auditor"))


# The policy itself.


@case("policy-with-a-duplicate-key", 2, "policy.yaml:7:3: duplicate key")
def _(s: Scene) -> None:
    s.write(signers=signer("alice") + signer("alice", key="eve.pub"))


@case("policy-with-an-unknown-field", 2, "policy.yaml:7: require: unknown field `verdit`")
def _(s: Scene) -> None:
    s.write("require: {verdit: open-source}\n")


@case("policy-of-a-newer-version", 4, "version 2.0 of its format")
def _(s: Scene) -> None:
    s.write(head='schema_version: "2.0"')


@case("policy-without-a-version", 2, "`schema_version` is missing")
def _(s: Scene) -> None:
    s.write(head="description: none")


@case("policy-with-an-anchor", 2, "policy.yaml:")
def _(s: Scene) -> None:
    s.write("revoked: &all {keys: [alice.pub]}\n")


@case("policy-names-a-private-key", 2, "holds a private key")
def _(s: Scene) -> None:
    from manifest.signing.keys import private_pem

    (s.path / "alice.pub").write_bytes(private_pem(ALICE, None))


@case("policy-with-an-impossible-threshold", 2, "asks for 3 of the role publisher, and 1 can be")
def _(s: Scene) -> None:
    s.write("thresholds: {publisher: 3}\n")


@case("policy-with-an-impossible-date", 2, "2026-02-31 is not a time")
def _(s: Scene) -> None:
    s.write("valid_until: 2026-02-31\n")


@case("authority-without-identities", 2, "needs `authorities` and `identities` together")
def _(s: Scene) -> None:
    s.write(signers=signer("alice", authorities="[ca.pem]"))


@case("pattern-with-a-bracket", 2, "which mean nothing here")
def _(s: Scene) -> None:
    s.write(signers=signer("alice", names="acme/[a-z]"))


@case("policy-about-a-part", 2, "a policy is about a whole release")
def _(s: Scene) -> tuple[str, ...]:
    return ("--only", "notes.txt")


# First use.

TOFU = 'schema_version: "1.0"\ntofu: true\n'


@case("first-use-without-a-key", 3, "no key of a signer of the policy is at hand")
def _(s: Scene) -> None:
    s.policy.write_text(TOFU)


@case("first-use-then-another-key", 3, "another key is pinned for acme/tiny")
def _(s: Scene) -> tuple[str, ...]:
    s.policy.write_text(TOFU)
    assert s.verify("--key", str(s.path / "alice.pub")).exit_code == 0
    s.edit("1.10", "1.11", EVE)
    return ("--key", str(s.path / "eve.pub"))


@case("key-pinned-for-another-release", 3, "pinned for another release")
def _(s: Scene) -> None:
    s.policy.write_text(TOFU)
    assert s.verify("--key", str(s.path / "alice.pub")).exit_code == 0
    s.edit("acme/tiny", "acme/other")


@case("first-use-where-a-publisher-is-named", 3, "the policy names who publishes this release")
def _(s: Scene) -> tuple[str, ...]:
    s.write("tofu: true\n")
    s.sign_again(EVE)
    return ("--key", str(s.path / "eve.pub"))


@pytest.mark.parametrize("attack", CASES, ids=lambda c: c.name)
def test_attack_is_refused_for_its_own_reason(
    attack: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scene = Scene(tmp_path)
    options = attack.attack(scene) or ()
    before = scene.state.read_bytes() if scene.state.is_file() else None
    result = scene.verify(*options)
    assert result.exit_code == attack.exit_code, result.output
    assert attack.message in " ".join(result.output.split()), result.output
    assert (scene.state.read_bytes() if scene.state.is_file() else None) == before


def test_names_of_the_cases_are_unique() -> None:
    assert len({c.name for c in CASES}) == len(CASES) >= 25


# And what is no attack is accepted.


def test_good_release_is_accepted_again_and_a_later_one_too(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.accept()
    scene.accept()
    scene.edit("1.10", "1.11")
    scene.accept()
    assert json.loads(scene.state.read_text())["releases"]["acme/tiny"]["version"] == "1.11"


def test_two_of_three_are_enough(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.write("thresholds: {publisher: 2}\n", signers="".join(map(signer, KEYS)))
    scene.further(EVE)
    scene.accept()


def test_third_party_vouches_for_a_release_of_strangers(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.sign_again(EVE)
    scene.further(ALICE)
    scene.accept()


def test_key_known_by_fingerprint_is_taken_from_the_command_line(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.write(signers=signer("alice", key=f"sha256:{ALICE.public.fingerprint}"))
    assert scene.verify("--key", str(tmp_path / "alice.pub")).exit_code == 0


def test_first_use_says_that_it_pins_and_later_needs_no_key(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.policy.write_text(TOFU)
    first = scene.verify("--key", str(tmp_path / "alice.pub"))
    assert first.exit_code == 0
    assert "trust on first use" in first.output
    assert "nobody vouched for it" in first.output
    scene.edit("1.10", "1.11")
    later = scene.verify()
    assert later.exit_code == 0, later.output
    assert "first use" not in later.output


def test_nothing_is_remembered_when_not_wanted(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.verify("--no-state-update").exit_code == 0
    assert not scene.state.exists()


def test_key_inline_and_license_of_choice_are_accepted(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    pem = "".join(f"        {line}\n" for line in public_pem(ALICE.public).decode().splitlines())
    inline = signer("alice").replace("keys: ['alice.pub']", f"keys:\n      - |\n{pem}".rstrip("\n"))
    scene.write("require: {licenses: [Apache-2.0]}\n", signers=inline)
    scene.edit("    license: apache-2.0\n", "    license: MIT OR Apache-2.0\n")
    scene.edit("files: [tokenizer/**]\n", "files: [tokenizer/**]\n    license: Apache-2.0\n")
    scene.accept()


def test_copies_of_a_release_elsewhere_are_the_same_release(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.accept()
    shutil.copytree(scene.release.path, tmp_path / "copy")
    scene.release = Release(tmp_path / "copy", ALICE)
    scene.accept()
