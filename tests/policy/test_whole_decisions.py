"""Whole decisions by policies of every kind, field by field, and what is said of wrong ones.

Golden files (``UPDATE_GOLDEN=1`` writes them).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everything import (
    AUDITOR,
    KEYS,
    PUBLISHER,
    RELEASE,
    STRANGER,
    Everything,
    copy_of,
    make_everything,
)
from everything_damaged import damaged, manifest_changed, nothing, signature_gone
from everything_forged import claims_differ
from everything_signed import in_order, last_digest_differs, spoken_for, without_manifest
from golden import assert_golden, plain, unreadable

from manifest.errors import ManifestError
from manifest.policy import decide, load_policy
from manifest.policy.state import update_state
from manifest.sign import sign
from manifest.signing.keys import public_pem
from manifest.signing.signer import sign_payload

GOLDEN = Path(__file__).parent / "golden"
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
HEAD = 'schema_version: "1.0"\n'
PUBLISHERS = """\
signers:
  acme:
    keys: [publisher.pub]
    roles: [publisher]
    releases: ['acme/*']
"""
AUDITORS = """\
  audits:
    keys: [auditor.pub]
    roles: [auditor, reproducer]
    releases: ['**']
"""
AUDITORS_FIRST = "signers:\n" + AUDITORS + PUBLISHERS.removeprefix("signers:\n")
FIRST_USE = "tofu: true\n"
HINT = PUBLISHER.fingerprint


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    return make_everything(tmp_path_factory.mktemp("made"))


@pytest.fixture
def everything(made: Everything, tmp_path: Path) -> Everything:
    for name, key in KEYS.items():
        (tmp_path / f"{name}.pub").write_bytes(public_pem(key.public))
    (tmp_path / "no key.pem").write_text("no key")
    return copy_of(made, tmp_path)


def seen(one: Everything) -> None:
    update_state(
        one.path.parent / "state.json",
        name="acme/everything",
        version="1.1",
        manifest_sha256="ab" * 32,
    )


def seen_later(one: Everything) -> None:
    update_state(
        one.path.parent / "state.json",
        name="acme/everything",
        version="1.10",
        manifest_sha256="ab" * 32,
    )


def seen_otherwise(one: Everything) -> None:
    update_state(
        one.path.parent / "state.json",
        name="acme/everything",
        version="1.2",
        manifest_sha256="ab" * 32,
    )


def pinned(one: Everything) -> None:
    update_state(
        one.path.parent / "state.json",
        name="acme/everything",
        version="1.1",
        manifest_sha256="ab" * 32,
        pin=PUBLISHER.public,
    )


def pinned_another(one: Everything) -> None:
    update_state(
        one.path.parent / "state.json",
        name="acme/everything",
        version="1.1",
        manifest_sha256="ab" * 32,
        pin=STRANGER.public,
    )


def by_the_auditor(one: Everything) -> None:
    """Signed by a stranger, and by one whom the policy names in ``signatures/``."""
    (one.path / "model.sig").unlink()
    sign(one.path, STRANGER, roots=one.roots)
    sign(one.path, AUDITOR, signature_path=one.path / "signatures/x.sig", roots=one.roots)


def by_a_stranger(one: Everything) -> None:
    (one.path / "model.sig").unlink()
    sign(one.path, STRANGER, roots=one.roots)


def with_cache(one: Everything) -> None:
    one.put(".cache/huggingface/x.lock", b"")


def with_pickles(one: Everything) -> None:
    """One in every place where a file can lie, two by their names."""
    pickle = b"\x80\x04N."
    one.put("hidden.txt", pickle)
    one.put("data/train/000.txt", pickle)
    one.put("hidden.bin", pickle, root="store")
    one.put("pytorch_model.bin", b"x", root="store")
    one.put("test/0.txt", pickle, root="more")
    text = RELEASE.replace(
        "tokenizer/, ", "tokenizer/, hidden.txt, 'store:hidden.bin', 'store:pytorch_model.bin', "
    )
    one.put("release.yaml", text.encode())
    (one.path / "data/train.jsonl").unlink()
    (one.store / "test.jsonl").unlink()
    one.sign_again()


def without_hint(one: Everything) -> None:
    """A signature that does not name its key, as other tools write it."""
    file = one.path / "model.sig"
    bundle = json.loads(file.read_bytes())
    bundle["verificationMaterial"]["publicKey"] = {}
    file.write_text(json.dumps(bundle))


def named(name: str) -> Callable[[Everything], None]:
    """The release under a name that its publisher chose with care."""

    def prepare(one: Everything) -> None:
        one.put("release.yaml", RELEASE.replace("acme/everything", name).encode())
        one.sign_again()

    return prepare


def with_results(*results: str) -> Callable[[Everything], None]:
    """Test results by one auditor, in this order."""

    def prepare(one: Everything) -> None:
        for number, result in enumerate(results):
            kind = "https://in-toto.io/attestation/test-result/v0.1"
            one.carry(f"{number}.sig", kind, AUDITOR, "manifest.json", result=result)

    return prepare


def summarised(
    time: str, result: str = "PASSED", name: str = "summary.sig", level: str = ""
) -> Callable[[Everything], None]:
    def prepare(one: Everything) -> None:
        kind = "https://slsa.dev/verification_summary/v1"
        said = {
            "verifier": {"id": "https://example.org/verifier"},
            "timeVerified": time,
            "resourceUri": "x",
            "policy": {"uri": "x"},
            "verificationResult": result,
            "verifiedLevels": [level] if level else [],
        }
        one.carry(name, kind, AUDITOR, "manifest.json", **said)

    return prepare


def each(*prepared: Callable[[Everything], None]) -> Callable[[Everything], None]:
    def prepare(one: Everything) -> None:
        for state in prepared:
            state(one)

    return prepare


def nothing_said(one: Everything) -> None:
    """A summary whose predicate is no object."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": "manifest.json",
                "digest": {
                    "sha256": hashlib.sha256((one.path / "manifest.json").read_bytes()).hexdigest()
                },
            }
        ],
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": [],
    }
    one.put("signatures/nothing.sig", sign_payload(json.dumps(statement).encode(), AUDITOR))


def sha256_alone_again(one: Everything) -> None:
    text = RELEASE.replace("components:", "digests: [sha256]\ncomponents:", 1)
    one.put("release.yaml", text.encode())
    one.sign_again()


def many_pickles(count: int) -> Callable[[Everything], None]:
    def prepare(one: Everything) -> None:
        for number in range(count):
            one.put(f"pickle{number}.txt", b"\x80\x04N.")
        one.sign_again()

    return prepare


def with_a_core_ml_model(one: Everything) -> None:
    one.put("tiny.mlmodel", b"x")
    one.sign_again()


AUDITED = "attestations: [{type: verification-summary}]\n"
LEVELLED = "attestations: [{type: verification-summary, levels: [MODEL_RELEASE_SIGNED]}]\n"
BEFORE, AFTER, LEVEL = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "MODEL_RELEASE_SIGNED"
TESTED = "attestations: [{type: 'https://in-toto.io/attestation/test-result/v0.1', by: auditor}]\n"
TO_A_STRANGER = FIRST_USE + "signers:\n" + AUDITORS
GIVEN = {"keys": [PUBLISHER.public]}
REQUIRE = "require:\n"
CASES: dict[str, tuple[Callable[[Everything], None], str, dict[str, Any]]] = {
    "plain": (nothing, PUBLISHERS, {}),
    "updated": (nothing, PUBLISHERS, {"update": True}),
    "seen": (seen, PUBLISHERS, {"update": True}),
    "seen-later": (seen_later, PUBLISHERS, {"update": True}),
    "seen-otherwise": (seen_otherwise, PUBLISHERS, {"update": True}),
    "no-state": (nothing, PUBLISHERS, {"state_path": None}),
    "no-roots": (nothing, PUBLISHERS, {"options": {"roots": {}}}),
    "strict-option": (with_cache, PUBLISHERS, {"options": {"strict": True}}),
    "strict-policy": (with_cache, PUBLISHERS + REQUIRE + "  strict: true\n", {}),
    "strict-neither": (with_cache, PUBLISHERS, {}),
    "sha256": (nothing, PUBLISHERS + REQUIRE + "  sha256: true\n", {}),
    "sha256-and-blake3": (
        nothing,
        PUBLISHERS + REQUIRE + "  sha256: true\n",
        {"options": {"digest": "blake3"}},
    ),
    "damaged": (damaged, PUBLISHERS, {}),
    "claims-differ": (claims_differ, PUBLISHERS, {}),
    "manifest-changed": (manifest_changed, PUBLISHERS, {}),
    "no-manifest": (
        without_manifest,
        PUBLISHERS,
        {"options": {"roots": {}, "ignore": ["logs", "data/train"]}},
    ),
    "signature-gone": (signature_gone, PUBLISHERS, {}),
    "binds-other-bytes": (last_digest_differs, PUBLISHERS, {}),
    "stranger": (by_a_stranger, PUBLISHERS, {}),
    "stranger-among-two": (by_a_stranger, PUBLISHERS + AUDITORS, {}),
    "auditor-begins": (
        by_the_auditor,
        PUBLISHERS + AUDITORS.replace("auditor, reproducer", "publisher"),
        {},
    ),
    "auditor-is-no-publisher": (by_the_auditor, PUBLISHERS + AUDITORS, {}),
    "auditor-given": (
        by_the_auditor,
        PUBLISHERS + AUDITORS.replace("auditor, reproducer", "publisher"),
        {"signature_path": "release/signatures/x.sig"},
    ),
    "in-order": (in_order, PUBLISHERS + AUDITORS, {}),
    "spoken-for": (spoken_for, PUBLISHERS + AUDITORS, {}),
    "two-of-two": (
        spoken_for,
        PUBLISHERS + AUDITORS + "thresholds: {publisher: 1, auditor: 1}\n",
        {},
    ),
    "two-of-one": (nothing, PUBLISHERS + AUDITORS + "thresholds: {auditor: 1}\n", {}),
    "another-name": (nothing, PUBLISHERS.replace("acme/*", "other/*"), {}),
    "not-yet": (nothing, PUBLISHERS + "valid_from: 2026-01-03\n", {}),
    "not-any-more": (nothing, PUBLISHERS + "valid_until: 2026-01-01\n", {}),
    "the-last-day": (nothing, PUBLISHERS + "valid_until: 2026-01-02\n", {}),
    "the-first-day": (nothing, PUBLISHERS + "valid_from: 2026-01-02\n", {}),
    "to-the-second": (nothing, PUBLISHERS + "valid_until: 2026-01-02T03:04:05Z\n", {}),
    "from-the-second": (nothing, PUBLISHERS + "valid_from: 2026-01-02T03:04:05Z\n", {}),
    "signer-not-any-more": (nothing, PUBLISHERS + "    valid_until: 2026-01-01\n", {}),
    "hint-at-hand": (
        nothing,
        PUBLISHERS.replace("publisher.pub", f"'sha256:{HINT}'"),
        {"keys": [PUBLISHER.public]},
    ),
    "hint-twice-at-hand": (
        nothing,
        PUBLISHERS.replace("publisher.pub", f"auditor.pub, 'sha256:{HINT}'"),
        {"keys": [PUBLISHER.public, PUBLISHER.public, STRANGER.public]},
    ),
    "hint-not-at-hand": (nothing, PUBLISHERS.replace("publisher.pub", f"'sha256:{HINT}'"), {}),
    "hints-not-at-hand": (
        nothing,
        PUBLISHERS.replace(
            "publisher.pub", f"publisher.pub, 'sha256:{STRANGER.fingerprint}', 'sha256:{'0' * 64}'"
        ),
        {},
    ),
    "tofu": (nothing, FIRST_USE, {"keys": [PUBLISHER.public], "update": True}),
    "tofu-without-update": (nothing, FIRST_USE, {"keys": [PUBLISHER.public]}),
    "tofu-no-key": (nothing, FIRST_USE, {}),
    "tofu-damaged": (damaged, FIRST_USE, {"keys": [PUBLISHER.public], "update": True}),
    "tofu-pinned": (pinned, FIRST_USE, {}),
    "tofu-pinned-another": (pinned_another, FIRST_USE, {"keys": [PUBLISHER.public]}),
    "tofu-and-signers": (nothing, FIRST_USE + PUBLISHERS, {"keys": [PUBLISHER.public]}),
    "revoked-key": (nothing, PUBLISHERS + f"revoked: {{keys: ['sha256:{HINT}']}}\n", {}),
    "revoked-file": (nothing, PUBLISHERS + "revoked: {keys: [publisher.pub]}\n", {}),
    "revoked-digests": (
        nothing,
        PUBLISHERS
        + "revoked:\n  digests: ['sha256:"
        + "0" * 64
        + "', 'sha256:"
        + "1" * 64
        + "']\n",
        {},
    ),
    "lowest": (
        nothing,
        PUBLISHERS + "lowest_versions: [{release: 'acme/*', version: '1.1'}]\n",
        {},
    ),
    "lower-than-lowest": (
        nothing,
        PUBLISHERS + "lowest_versions: [{release: 'acme/*', version: '1.3'}]\n",
        {},
    ),
    "lowest-not-comparable": (
        nothing,
        PUBLISHERS + "lowest_versions: [{release: 'acme/*', version: 'first'}]\n",
        {},
    ),
    "content": (
        nothing,
        PUBLISHERS
        + REQUIRE
        + "  verdict: open-weight\n  licenses: [Apache-2.0, MIT]\n  components: [tokenizer]\n"
        "forbidden_formats: [gguf, safetensors, onnx]\n",
        {},
    ),
    "formats-everywhere": (
        with_pickles,
        PUBLISHERS + "forbidden_formats: [pickle]\n",
        {},
    ),
    "formats-by-name": (
        with_pickles,
        PUBLISHERS + "forbidden_formats: [runs-code]\n",
        {"options": {"roots": {}}},
    ),
    "formats-of-none": (nothing, PUBLISHERS + "forbidden_formats: [onnx]\n", {}),
    "formats-of-five": (many_pickles(5), PUBLISHERS + "forbidden_formats: [pickle]\n", {}),
    "formats-of-seven": (many_pickles(7), PUBLISHERS + "forbidden_formats: [pickle]\n", {}),
    "formats-of-two-words": (
        with_a_core_ml_model,
        PUBLISHERS + "forbidden_formats: [core-ml]\n",
        {},
    ),
    "strict-and-nothing-left": (nothing, PUBLISHERS + REQUIRE + "  strict: true\n", {}),
    "every-acme": (nothing, PUBLISHERS.replace("acme/*", "acme/**"), {}),
    "pattern-in-the-middle": (nothing, PUBLISHERS.replace("acme/*", "acme/**/x/**"), {}),
    "no-hint": (without_hint, PUBLISHERS, {}),
    "no-hint-of-a-stranger": (
        without_hint,
        PUBLISHERS.replace("publisher.pub", "stranger.pub"),
        {},
    ),
    "no-hint-of-two": (without_hint, AUDITORS_FIRST, {}),
    "tofu-audited": (nothing, TO_A_STRANGER + AUDITED, GIVEN),
    "tofu-audited-plus": (named("acme/every+thing"), TO_A_STRANGER + AUDITED, GIVEN),
    "tofu-audited-look-alike": (named("\u0430cme/everything"), TO_A_STRANGER + AUDITED, GIVEN),
    "tofu-audited-blank": (named("acme/every thing"), TO_A_STRANGER + AUDITED, GIVEN),
    "lowest-of-an-odd-name": (
        named("acme/mod\u00e8le"),
        PUBLISHERS.replace("acme/*", "acme/mod\u00e8le")
        + "lowest_versions: [{release: 'other/*', version: '99'}]\n",
        {},
    ),
    "lowest-of-another": (
        nothing,
        PUBLISHERS + "lowest_versions: [{release: 'other/*', version: '99'}]\n",
        {},
    ),
    "tested": (with_results("PASSED"), PUBLISHERS + AUDITORS + TESTED, {}),
    "tested-and-failed": (with_results("PASSED", "FAILED"), PUBLISHERS + AUDITORS + TESTED, {}),
    "failed-and-tested": (with_results("FAILED", "PASSED"), PUBLISHERS + AUDITORS + TESTED, {}),
    "summarised": (summarised("2026-01-01T00:00:00Z"), PUBLISHERS + AUDITORS + AUDITED, {}),
    "summarised-and-failed-later": (
        each(
            summarised(BEFORE, level=LEVEL),
            summarised(AFTER, "FAILED", "a later.sig", level="FAILED"),
        ),
        PUBLISHERS + AUDITORS + LEVELLED,
        {},
    ),
    "failed-and-summarised-later": (
        each(
            summarised(BEFORE, "FAILED", level="FAILED"),
            summarised(AFTER, name="a later.sig", level=LEVEL),
        ),
        PUBLISHERS + AUDITORS + LEVELLED,
        {},
    ),
    "summarised-and-failed-at-once": (
        each(summarised(BEFORE, "FAILED", "a.sig"), summarised(BEFORE, name="b.sig")),
        PUBLISHERS + AUDITORS + AUDITED,
        {},
    ),
    "failed-and-summarised-at-once": (
        each(summarised(BEFORE, name="a.sig"), summarised(BEFORE, "FAILED", "b.sig")),
        PUBLISHERS + AUDITORS + AUDITED,
        {},
    ),
    "levels-lost-later": (
        each(summarised(BEFORE, level=LEVEL), summarised(AFTER, name="a later.sig")),
        PUBLISHERS + AUDITORS + LEVELLED,
        {},
    ),
    "summary-of-nothing": (nothing_said, PUBLISHERS + AUDITORS + LEVELLED, {}),
    "revoked-blake3-and-none": (
        sha256_alone_again,
        PUBLISHERS + "revoked:\n  digests: ['blake3:" + "0" * 64 + "']\n",
        {},
    ),
    "revoked-blake3": (
        nothing,
        PUBLISHERS + "revoked:\n  digests: ['blake3:" + "0" * 64 + "']\n",
        {},
    ),
    "revoked-sha256-by-blake3": (
        nothing,
        PUBLISHERS + "revoked:\n  digests: ['sha256:" + "0" * 64 + "']\n",
        {"options": {"digest": "blake3"}},
    ),
    "summarised-before-all-days": (
        summarised("0001-01-01T00:00:00+14:00"),
        PUBLISHERS + AUDITORS + AUDITED,
        {},
    ),
    "summarised-after-all-days": (
        summarised("9999-12-31T23:59:59-14:00"),
        PUBLISHERS + AUDITORS + AUDITED,
        {},
    ),
    "content-low": (nothing, PUBLISHERS + REQUIRE + "  verdict: weights-available\n", {}),
    "content-of-damaged": (damaged, PUBLISHERS + REQUIRE + "  verdict: weights-available\n", {}),
    "content-unreadable": (
        nothing,
        PUBLISHERS + REQUIRE + "  verdict: weights-available\n",
        {"unreadable": ["m-1.safetensors"]},
    ),
    "attestations": (
        spoken_for,
        PUBLISHERS
        + AUDITORS
        + "attestations:\n  - {type: provenance, builders: ['https://example.org/builder']}\n"
        "  - {type: provenance, by: publisher}\n"
        "  - {type: 'https://example.org/odd/v1'}\n"
        "  - {type: replay, signers: 1, segments: 2, drawn: true}\n"
        "  - {type: verification-summary, max_age_days: 3, levels: [SLSA_BUILD_LEVEL_3],\n"
        "     policies: ['sha256:" + "0" * 64 + "', 'sha256:" + "1" * 64 + "']}\n",
        {},
    ),
    "part": (nothing, PUBLISHERS, {"options": {"only": ["*.gguf"]}}),
    "tensor": (nothing, PUBLISHERS, {"options": {"tensors": ["a"]}}),
    "cached": (nothing, PUBLISHERS, {"options": {"cache": object()}}),
    "not-a-directory": (nothing, PUBLISHERS, {"directory": "publisher.pub"}),
    # Policies that are refused.
    "no-signer": (nothing, "name: x\n", {}),
    "nobody": (nothing, "require: {strict: true}\n", {}),
    "no-yaml": (nothing, "signers: [\n", {}),
    "two-faults": (nothing, PUBLISHERS.replace("acme/*", "7").replace("publisher]", "x]"), {}),
    "another-major": (nothing, "", {"head": 'schema_version: "2.0"\n' + PUBLISHERS}),
    "no-way": (nothing, PUBLISHERS.replace("    keys: [publisher.pub]\n", ""), {}),
    "identities-alone": (nothing, PUBLISHERS + "    identities: ['email:a@b.c']\n", {}),
    "authorities-alone": (nothing, PUBLISHERS + "    authorities: ['ca.pem']\n", {}),
    "no-certificate": (
        nothing,
        PUBLISHERS + "    authorities: ['no key.pem']\n    identities: ['email:a@b.c']\n",
        {},
    ),
    "no-trusted-root": (
        nothing,
        PUBLISHERS
        + "    sigstore: [{identity: a@b.c, issuer: 'https://example.org'}]\n"
        + "    trusted_root: 'no key.pem'\n",
        {},
    ),
    "trusted-root-alone": (nothing, PUBLISHERS + "    trusted_root: 'no key.pem'\n", {}),
    "no-key": (nothing, PUBLISHERS.replace("publisher.pub", "no key.pem"), {}),
    "no-key-in-the-text": (
        nothing,
        PUBLISHERS.replace("publisher.pub", '"-----BEGIN PUBLIC KEY-----\\nx"'),
        {},
    ),
    "nul": (nothing, PUBLISHERS.replace("publisher.pub", '"a\\0b"'), {}),
    "no-file": (nothing, PUBLISHERS.replace("publisher.pub", "nothing.pub"), {}),
    "short-hint": (nothing, PUBLISHERS.replace("publisher.pub", "'sha256:abc'"), {}),
    "odd-hint": (nothing, PUBLISHERS.replace("publisher.pub", f"'sha256:{'X' * 64}'"), {}),
    "aliases": (nothing, PUBLISHERS + PUBLISHERS[9:].replace("acme:", "acme-two:"), {}),
    "too-many": (nothing, PUBLISHERS + "thresholds: {publisher: 2}\n", {}),
    "too-many-auditors": (nothing, PUBLISHERS + "thresholds: {auditor: 1}\n", {}),
    "too-many-with-tofu": (nothing, FIRST_USE + "thresholds: {publisher: 2}\n", {}),
    "auditors-with-tofu": (nothing, FIRST_USE + "thresholds: {auditor: 1}\n", {}),
    "nobody-attests": (nothing, PUBLISHERS + "attestations: [{type: replay}]\n", {}),
    "attested-in-full": (
        nothing,
        PUBLISHERS + "attestations: [{type: 'https://slsa.dev/provenance/v1'}]\n",
        {},
    ),
    "builders-of-a-replay": (
        nothing,
        PUBLISHERS + AUDITORS + "attestations: [{type: replay, builders: ['x']}]\n",
        {},
    ),
    "pattern": (nothing, PUBLISHERS.replace("acme/*", "acme**"), {}),
    "pattern-of-lowest": (
        nothing,
        PUBLISHERS + "lowest_versions: [{release: 'a**b', version: '1'}]\n",
        {},
    ),
    "no-time": (nothing, PUBLISHERS + "valid_from: 2026-02-30\n", {}),
    "no-time-of-day": (nothing, PUBLISHERS + "valid_from: 2026-02-03T25:00:00Z\n", {}),
    "short-time": (nothing, PUBLISHERS + "valid_from: 2026-02-0\n", {}),
    "from-after-until": (
        nothing,
        PUBLISHERS + "valid_from: 2026-01-02\nvalid_until: 2026-01-01\n",
        {},
    ),
    "no-policy": (nothing, "", {"policy": "nothing.yaml"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_whole_decision(everything: Everything, name: str, tmp_path: Path) -> None:
    prepare, text, options = CASES[name]
    prepare(everything)
    options = {"state_path": tmp_path / "state.json", "options": {}, **options}
    policy = tmp_path / options.pop("policy", "policy.yaml")
    if policy.name == "policy.yaml":
        policy.write_text(options.pop("head", HEAD) + text)
    target = tmp_path / options.pop("directory", "release")
    if "signature_path" in options:
        options["signature_path"] = tmp_path / options["signature_path"]
    options["options"] = {"roots": everything.roots, **options["options"]}
    names = options.pop("unreadable", ())
    try:
        loaded = load_policy(policy, keys=options.get("keys", ()))
        with unreadable(names):
            decided = decide(loaded, target, at=AT, **options)
        found = {
            "exit_code": decided.exit_code.name,
            "demands": [dataclasses.asdict(d) for d in decided.demands],
            "notes": plain(decided.notes),
            "pin": decided.pin.fingerprint if decided.pin else "",
            "report": {
                k: v
                for k, v in plain(decided.report).items()
                if k not in {"signer", "problems", "manifest_digest", "root_digest"}
            },
        }
    except ManifestError as error:
        found = {"raised": type(error).__name__, "text": error.message, "remedy": error.remedy}
    state = tmp_path / "state.json"
    found["state"] = state.read_text() if state.exists() else ""
    assert_golden(found, GOLDEN / f"{name}.json", tmp_path)


def test_every_golden_file_is_of_a_case() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == CASES.keys()
