"""Signed replays that cannot be held against a release, each told with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from replays import make_replayable, weights
from statements import put_replay, replay_statement

from manifest.build import build, write_manifest
from manifest.build.segments import NONCE_BYTES, draw, segments_of
from manifest.document.manifest_file import parse_manifest
from manifest.document.replay_statement import PREDICATE_TYPE
from manifest.sign import sign
from manifest.signing.keys import KeyKind, generate
from manifest.signing.signer import sign_payload
from manifest.verify.replays import replays_in
from manifest.verify.run import verify

PUBLISHER, REPLAYER, AUDITOR = (generate(KeyKind.ECDSA_P256) for _ in range(3))
CHAIN = [("one", "two"), ("two", "three")]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Three checkpoints: two segments."""
    path = make_replayable(
        tmp_path / "r", files={"checkpoints/three/model.safetensors": weights(2.0, 3.0, 4.0)}
    )
    plain = json.loads((path / "release.yaml").read_text())
    plain["checkpoints"]["entries"].append(
        {"name": "three", "step": 3, "parent": "two", "data": "3-3", "files": ["checkpoints/three"]}
    )
    (path / "release.yaml").write_text(json.dumps(plain))
    write_manifest(path, build(path))
    sign(path, PUBLISHER)
    return path


def notes(release: Path) -> str:
    report = verify(release, keys=[PUBLISHER.public], replayers=[REPLAYER.public])
    assert report.ok
    assert report.replays == ()
    return " ".join(report.warnings)


def drawn(release: Path, nonce: bytes, count: int) -> list[tuple[str, str]]:
    statement = replay_statement(release)
    segments = segments_of(parse_manifest((release / "manifest.json").read_bytes()))
    chosen = draw(statement.manifest_digest, nonce, count, len(segments))
    return [segments[index].names for index in chosen]


def test_the_segments_of_a_nonce_are_those_that_it_draws(release: Path) -> None:
    nonce = bytes(NONCE_BYTES)
    (right,) = drawn(release, nonce, 1)
    (wrong,) = set(CHAIN) - {right}
    put_replay(release, replay_statement(release, [wrong], nonce=nonce.hex()), REPLAYER)
    assert "names other segments than its nonce draws" in notes(release)
    put_replay(release, replay_statement(release, [right], nonce=nonce.hex()), REPLAYER)
    report = verify(release, keys=[PUBLISHER.public], replayers=[REPLAYER.public])
    assert len(report.replays) == 1


def test_no_nonce_draws_more_segments_than_there_are(release: Path) -> None:
    statement = replay_statement(release, [*CHAIN, ("one", "three")], nonce="0" * 64)
    put_replay(release, statement, REPLAYER)
    assert "cannot have drawn its segments: 3 of 2 segments cannot be drawn" in notes(release)


def test_a_release_that_says_no_command_has_no_segments_to_repeat(release: Path) -> None:
    plain = json.loads((release / "release.yaml").read_text())
    del plain["training"]["replay"]
    (release / "release.yaml").write_text(json.dumps(plain))
    write_manifest(release, build(release))
    sign(release, PUBLISHER)
    put_replay(release, replay_statement(release), REPLAYER)
    assert "does not say how segments are repeated" in notes(release)


def test_without_a_signed_manifest_there_is_nothing_to_hold_it_against(tmp_path: Path) -> None:
    path = make_replayable(tmp_path / "r")
    put_replay(path, replay_statement(path), REPLAYER)
    (path / "model.safetensors").unlink()  # so that the manifest is not the one to go by either
    report = verify(path, integrity_only=True, replayers=[REPLAYER.public])
    assert "cannot be held against a manifest: none was signed" in " ".join(report.warnings)


@pytest.mark.parametrize("left", ["manifest.json", "model.sig", "neither"])
def test_lint_reads_replays_of_what_is_there(release: Path, left: str) -> None:
    put_replay(release, replay_statement(release), REPLAYER)
    for name in ("manifest.json", "model.sig"):
        if name != left:
            (release / name).unlink()
    found = replays_in(release, [REPLAYER.public])
    assert len(found.replays) == (left == "manifest.json")
    assert bool(found.notes) == (left != "manifest.json")


def test_lint_passes_over_what_does_not_count_and_reads_on(release: Path) -> None:
    broken = sign_payload(
        b'{"_type": 1, "predicateType": "%s"}' % PREDICATE_TYPE.encode(), REPLAYER
    )
    other = json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": "x:y"})
    for name, data in (
        ("0-no-bundle", b"nothing"),
        ("1-another-statement", sign_payload(other.encode(), REPLAYER)),
        ("2-broken", broken),
    ):
        (release / "signatures").mkdir(exist_ok=True)
        (release / "signatures" / f"{name}.sig").write_bytes(data)
    stranger = generate(KeyKind.ECDSA_P256)
    put_replay(release, replay_statement(release), stranger, "3-stranger.sig")
    put_replay(release, replay_statement(release), PUBLISHER, "4-publisher.sig")
    put_replay(release, replay_statement(release), REPLAYER, "5-replayer.sig")
    (release / "signatures/deep").mkdir()
    put_replay(release, replay_statement(release), REPLAYER, "deep/6.sig")
    found = replays_in(release, [REPLAYER.public, PUBLISHER.public])
    assert [one.where for one in found.replays] == ["signatures/5-replayer.sig"]
    told = " ".join(found.notes)
    assert "3-stranger.sig says that 1 segment of the training came out again, by nobody" in told
    assert "4-publisher.sig, a replay, is by who signed the release" in told
    assert found.paths == {
        f"signatures/{n}.sig" for n in ("2-broken", "3-stranger", "4-publisher", "5-replayer")
    }


def test_a_replay_is_no_reason_to_pass_over_what_lies_behind_it(release: Path) -> None:
    put_replay(release, replay_statement(release), REPLAYER, "a replay.sig")
    sign(release, AUDITOR, signature_path=release / "signatures/b auditor.sig")
    report = verify(release, keys=[PUBLISHER.public, AUDITOR.public], replayers=[REPLAYER.public])
    assert len(report.replays) == 1
    assert [s.fingerprint for s in report.also_signed_by] == [AUDITOR.fingerprint]


def test_who_published_reproduces_nothing(release: Path) -> None:
    put_replay(release, replay_statement(release), PUBLISHER)
    report = verify(release, keys=[PUBLISHER.public], replayers=[PUBLISHER.public])
    assert report.ok
    assert report.replays == ()
    assert report.warnings
