"""Replays that are signed: who says that which segments came out, and what does not count."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result as Ran
from replays import TRAIN, make_replayable, needs_bwrap

from manifest.document.replay_statement import (
    REPRODUCED,
    RepeatedSegment,
    ReplayStatement,
    SignedReplay,
    dump_replay_statement,
    parse_replay_statement,
    reproduction_of,
)
from manifest.document.schema import violations
from manifest.errors import DocumentError
from manifest.signing.keys import PrivateKey, generate, public_pem
from manifest.signing.signer import sign_payload

Run = Callable[..., Ran]
PUBLISHER, FIRST, SECOND = generate(), generate(), generate()


class Scene:
    """A release whose one segment was repeated and attested."""

    def __init__(self, path: Path, run: Run, **release: Any) -> None:
        self.path, self._run = path, run
        self.release = Path(make_replayable(path / "r", PUBLISHER, **release))
        for name, key in (("publisher", PUBLISHER), ("first", FIRST), ("second", SECOND)):
            (path / f"{name}.pub").write_bytes(public_pem(key.public))

    def replay(self, *options: object) -> Ran:
        place = self.path / f"out{len(list(self.path.glob('out*')))}"
        return self._run(
            "replay", self.release, "--key", self.path / "publisher.pub", "--out", place, "--quiet",
            *options,
        )  # fmt: skip

    def statement(self) -> dict[str, Any]:
        """What somebody who repeated the segment would sign."""
        found = self.path / "statement.json"
        if not found.exists():
            key = self.path / "replayer.pem"
            self._run("keygen", "--out", key, "--no-passphrase")
            out = self.path / "replay.sig"
            done = self.replay(
                "--from", "one", "--to", "two", "--run", "--attest", out, "--attest-key", key
            )
            assert "the attestation is in" in done.stderr, done.output
            bundle = json.loads(out.read_bytes())
            found.write_bytes(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        plain: dict[str, Any] = json.loads(found.read_bytes())
        return plain

    def carry(self, plain: Any, key: PrivateKey = FIRST, name: str = "replay.sig") -> None:
        payload = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
        (self.release / "signatures").mkdir(exist_ok=True)
        (self.release / "signatures" / name).write_bytes(sign_payload(payload, key))

    def verify(self, *replayers: str, output: str = "text") -> Ran:
        asked = [a for name in replayers for a in ("--replayer", self.path / f"{name}.pub")]
        return self._run(
            "verify", self.release, "--key", self.path / "publisher.pub", *asked, "--format", output
        )

    def lint(self, *replayers: str) -> dict[str, Any]:
        asked = [a for name in replayers for a in ("--replayer", self.path / f"{name}.pub")]
        done = self._run("lint", self.release, *asked, "--format", "json")
        report: dict[str, Any] = json.loads(done.stdout)
        assert violations(report, "lint-report") == ()
        return report


@pytest.fixture
def scene(tmp_path: Path, run: Run) -> Scene:
    return Scene(tmp_path, run)


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The statement of one replay, made once."""
    from click.testing import CliRunner

    from manifest.cli import cli

    def run(*args: object) -> Ran:
        return CliRunner().invoke(cli, [str(a) for a in args], catch_exceptions=False)

    return Scene(tmp_path_factory.mktemp("made"), run).statement()


@needs_bwrap
class TestInARelease:
    def test_it_says_what_came_out(self, scene: Scene) -> None:
        plain = scene.statement()
        assert violations(plain, "replay-attestation") == ()
        manifest = hashlib.sha256((scene.release / "manifest.json").read_bytes()).hexdigest()
        assert plain["subject"][0]["digest"] == {"sha256": manifest}
        (segment,) = plain["predicate"]["segments"]
        assert (segment["from"], segment["to"], segment["result"]) == ("one", "two", "bit-for-bit")
        assert plain["predicate"]["environment"]["sandbox"] == "bwrap"

    def test_one_that_counts(self, scene: Scene, repeated: dict[str, Any]) -> None:
        scene.carry(repeated)
        result = scene.verify("first")
        assert result.exit_code == 0, result.output
        words = "reproduced  by 1 independent signer: one to two (bit for bit)"
        assert words in result.stdout
        report = json.loads(scene.verify("first", output="json").stdout)
        assert violations(report, "verify-report") == ()
        (replay,) = report["replays"]
        assert replay["signer"] == FIRST.public.fingerprint
        (read,) = scene.lint("first")["replays"]
        assert read == replay

    def test_two_are_two_and_one_twice_is_one(self, scene: Scene, repeated: dict[str, Any]) -> None:
        scene.carry(repeated)
        scene.carry(repeated, SECOND, "second.sig")
        scene.carry(repeated, FIRST, "again.sig")
        stdout = scene.verify("first", "second").stdout
        assert "by 2 independent signers: one to two (bit for bit, by 2)" in stdout

    def test_nobody_named_it(self, scene: Scene, repeated: dict[str, Any]) -> None:
        scene.carry(repeated)
        result = scene.verify()
        assert result.exit_code == 0
        assert "reproduced" not in result.stdout
        assert "by nobody whose replays count: --replayer or a policy names them" in result.stdout
        assert scene.lint()["replays"] == []

    def test_the_publishers_own_does_not_count(
        self, scene: Scene, repeated: dict[str, Any]
    ) -> None:
        scene.carry(repeated, PUBLISHER)
        result = scene.verify("publisher")
        assert "is by who signed the release; it does not count" in result.stdout
        assert scene.lint("publisher")["replays"] == []

    def test_one_that_differs_is_told(self, scene: Scene, repeated: dict[str, Any]) -> None:
        repeated = json.loads(json.dumps(repeated))
        repeated["predicate"]["segments"][0]["result"] = "differs"
        scene.carry(repeated)
        result = scene.verify("first")
        assert "DIFFERS     when repeated: one to two" in result.stdout
        assert "reproduced" not in result.stdout

    def test_what_differs_can_be_attested(self, tmp_path: Path, run: Run) -> None:
        script = TRAIN.replace("value + add", "value + add + 1e-3")
        scene = Scene(tmp_path, run, script=script)
        plain = scene.statement()
        assert plain["predicate"]["segments"][0]["result"] == "differs"
        scene.carry(plain)
        assert "DIFFERS" in scene.verify("first").stdout

    def test_a_draw_can_be_derived_again(self, scene: Scene, repeated: dict[str, Any]) -> None:
        drawn = json.loads(json.dumps(repeated))
        drawn["predicate"]["nonce"] = "ab" * 32
        scene.carry(drawn)  # of one segment, every nonce draws it
        assert "reproduced  by 1" in scene.verify("first").stdout

    def test_attest_needs_a_run_and_a_key(self, scene: Scene) -> None:
        out = scene.path / "x.sig"
        asked = ("--from", "one", "--to", "two")
        assert scene.replay(*asked, "--attest", out).exit_code == 2
        assert scene.replay(*asked, "--run", "--attest", out).exit_code == 2
        inside = scene.release / "signatures" / "x.sig"
        given = ("--attest", inside, "--attest-key", scene.path / "k")
        assert scene.replay(*asked, "--run", *given).exit_code == 2
        assert not list(scene.path.glob("out*"))


ATTACKS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "of-another-manifest": (
        lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
        "is of another manifest",
    ),
    "another-tolerance": (
        lambda s: s["predicate"]["segments"][0].update(
            tolerance={"F32": {"absolute": 1.0, "relative": 0.0}}
        ),
        "within another tolerance than the one declared",
    ),
    "a-segment-that-is-none": (
        lambda s: s["predicate"]["segments"][0].update({"from": "two", "to": "one"}),
        "names a segment that the release does not have",
    ),
    "a-checkpoint-that-is-none": (
        lambda s: s["predicate"]["segments"][0].update(to="three"),
        "names a segment that the release does not have",
    ),
    "other-files": (
        lambda s: s["predicate"]["segments"][0]["files"].pop(),
        "is not a valid replay attestation",
    ),
    "files-of-no-checkpoint": (
        lambda s: s["predicate"]["segments"][0]["files"].append(
            {"path": "more.bin", "sha256": "0" * 64}
        ),
        "compared other files than those of the checkpoint",
    ),
    "twice-the-same": (
        lambda s: s["predicate"]["segments"].append(s["predicate"]["segments"][0]),
        "names a segment twice",
    ),
    "a-nonce-of-another-length": (
        lambda s: s["predicate"].update(nonce="ab"),
        "is not a valid replay attestation",
    ),
    "a-result-of-its-own": (
        lambda s: s["predicate"]["segments"][0].update(result="perfect"),
        "is not a valid replay attestation",
    ),
    "a-field-of-its-own": (
        lambda s: s["predicate"].update(weight=100),
        "is not a valid replay attestation",
    ),
    "no-segments": (
        lambda s: s["predicate"].update(segments=[]),
        "is not a valid replay attestation",
    ),
    "two-subjects": (
        lambda s: s["subject"].append(s["subject"][0]),
        "is not a valid replay attestation",
    ),
}


@needs_bwrap
@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name: str, scene: Scene, repeated: dict[str, Any]) -> None:
    change, words = ATTACKS[name]
    plain = json.loads(json.dumps(repeated))
    change(plain)
    scene.carry(plain)
    result = scene.verify("first")
    assert result.exit_code == 0, result.output
    assert "reproduced" not in result.stdout
    assert words in result.stdout
    assert "does not count" in result.stdout


@needs_bwrap
def test_a_statement_moved_to_another_release_does_not_count(
    scene: Scene, repeated: dict[str, Any], tmp_path: Path
) -> None:
    scene.carry(repeated)
    other = tmp_path / "other"
    shutil.copytree(scene.release, other)
    (other / "release.yaml").write_text(
        (other / "release.yaml").read_text().replace("acme/", "other/", 1)
    )
    scene.release = other
    for command in (("build", other), ("sign", other, "--key", scene.path / "k", "--force")):
        if command[0] == "sign":
            scene._run("keygen", "--out", scene.path / "k", "--no-passphrase")
        assert scene._run(*command).exit_code == 0
    shutil.copy(scene.path / "k.pub", scene.path / "publisher.pub")
    assert "is of another manifest" in scene.verify("first").stdout


SEGMENT = RepeatedSegment("a", "b", "differs", {}, {"w": "0" * 64, "x": ""})
STATEMENT = ReplayStatement("n", "1" * 64, (SEGMENT,), "", "CPython 3.11", "Linux", "none")


def test_what_is_written_is_read() -> None:
    data = dump_replay_statement(STATEMENT)
    assert violations(json.loads(data), "replay-attestation") == ()
    assert parse_replay_statement(data, what="x") == STATEMENT


@pytest.mark.parametrize("data", [b"", b"[]{", b'{"a": 1, "a": 2}', b"\xff"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_replay_statement(data, what="x")


def test_of_another_kind_is_none() -> None:
    assert parse_replay_statement(b'{"predicateType": "x"}', what="x") is None
    assert parse_replay_statement(b"[]", what="x") is None


def signed(signer: str, *results: str) -> SignedReplay:
    segments = tuple(
        dataclasses.replace(SEGMENT, start=str(n), end=str(n + 1), result=result)
        for n, result in enumerate(results)
    )
    return SignedReplay(signer, f"{signer}.sig", dataclasses.replace(STATEMENT, segments=segments))


def test_segments_are_counted_by_signers() -> None:
    found = reproduction_of(
        [
            signed("x", "bit-for-bit", "within-tolerance", "differs"),
            signed("y", "within-tolerance"),
            signed("x", "bit-for-bit"),
        ]
    )
    assert found.signers == 2
    assert found.segments == (("0", "1", 2, False), ("1", "2", 1, False))
    assert found.differing == (("2", "3"),)
    assert {"bit-for-bit", "within-tolerance"} == REPRODUCED
    assert found.in_words.startswith("2 independent signers: 0 to 1 (within tolerance, by 2)")
    assert reproduction_of([]).signers == 0


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([("a", "1" * 64), ("a", "2" * 64)], "a file is named twice"),
        ([("a", None)], "a file that did not come out was not reproduced"),
    ],
)
@needs_bwrap
def test_a_statement_that_contradicts_itself(
    tmp_path: Path, run: Run, files: list[tuple[str, str | None]], problem: str
) -> None:
    plain = Scene(tmp_path, run).statement()
    (segment,) = plain["predicate"]["segments"]
    segment["files"] = [{"path": path, "sha256": sha256} for path, sha256 in files]
    with pytest.raises(DocumentError, match=problem):
        parse_replay_statement(json.dumps(plain).encode(), what="it")
