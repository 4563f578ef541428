"""``manifest data``: the whole way from data to a checked proof, and what goes wrong on it."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import manifest
from manifest.cli import cli
from manifest.commitments import dump_proof

HEAD = (
    'schema_version: "1.0"\nname: example/bound\nversion: "1"\ndescribed_by: publisher\n'
    "components:\n  datasets:\n    withheld: {reason: The authors did not agree.}\n"
)
LINES = [json.dumps({"id": i, "text": f"text {i}"}) for i in range(50)]


def run(*args: object, code: int = 0, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, ["data", *map(str, args)], input=stdin)
    assert result.exit_code == code, result.output
    return result


class Publisher:
    """A directory with data, secrets and an index, and a release beside them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data.jsonl"
        self.secrets = directory / "secrets.json"
        self.index = directory / "index"
        self.release = directory / "release"
        self.commitment = self.release / "commitment.json"
        self.release.mkdir()
        self.data.write_text("".join(f"{line}\n" for line in LINES))

    def commit(self, *more: object, code: int = 0) -> Result:
        where = ("--secrets", self.secrets, "--index", self.index, "-o", self.commitment)
        return run("commit", self.data, "--absence", *where, *more, code=code)

    def prove(self, *record: object, code: int = 0, stdin: bytes | None = None) -> Path:
        proof = self.directory / "proof.json"
        keys = ("--commitment", self.commitment, "--secrets", self.secrets, "--index", self.index)
        run("prove", *record, *keys, "-o", proof, code=code, stdin=stdin)
        return proof

    def build(self, how: str) -> Path:
        (self.release / "release.yaml").write_text(f"{HEAD}    {how}\n")
        manifest.build_manifest(self.release)
        return self.release / "manifest.json"


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path)


def test_from_data_to_a_checked_proof(publisher: Publisher) -> None:
    told = publisher.commit()
    assert "50 records" in told.stdout
    assert "50 different" in told.stdout
    assert stat.S_IMODE(publisher.secrets.stat().st_mode) == 0o600
    built = publisher.build("commitment_file: commitment.json")

    proof = publisher.prove("--text", LINES[7])
    assert proof.stat().st_size < 4096
    told = run("check", proof, "--manifest", built, "--text", LINES[7])
    assert "proved  the record is in the data of datasets" in told.stdout
    assert "record 7, counted from 0, of 50" in told.stdout
    assert "manifest verify" in told.stderr

    proof = publisher.prove("--text", '{"id": 7}')
    told = run("check", proof, "--manifest", built, "--text", '{"id": 7}')
    assert "proved  the record is not in the data of datasets" in told.stdout
    assert "50 different records, and none of them is it" in told.stdout


def test_inline_commitment(publisher: Publisher) -> None:
    publisher.commit()
    plain = json.loads(publisher.commitment.read_text())
    publisher.commitment.unlink()
    built = publisher.build(f"commitment: {json.dumps(plain)}")
    publisher.commitment.write_text(json.dumps(plain))
    proof = publisher.prove("--text", LINES[0])
    publisher.commitment.unlink()
    report = json.loads(run("check", proof, "--manifest", built, "--format", "json").stdout)
    assert report["present"] is True
    assert report["record_compared"] is False
    assert (report["index"], report["count"]) == (0, 50)
    assert report["component"] == "datasets"
    assert manifest.load_manifest(publisher.release).components[0].fields["commitment"] == plain


def test_lint_says_that_withheld_data_is_bound(publisher: Publisher) -> None:
    publisher.commit()
    publisher.build("commitment_file: commitment.json")
    result = CliRunner().invoke(cli, ["lint", str(publisher.release)])
    assert "The authors did not agree. (bound by a commitment)" in result.stdout


def test_a_record_may_come_from_a_file_or_a_pipe(publisher: Publisher) -> None:
    publisher.commit()
    record = publisher.directory / "record"
    for content in (LINES[3], LINES[3] + "\n", LINES[3] + "\r\n"):
        record.write_text(content, newline="")
        proof = publisher.prove(record)
        run("check", proof, "--commitment", publisher.commitment, "--record", record)
        proof = publisher.prove("-", stdin=content.encode())
        where = ("--commitment", publisher.commitment)
        run("check", proof, *where, "--record", "-", stdin=content.encode())


def test_a_file_of_any_size_is_a_record(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.commitments.records.MAX_RECORD", 1000)
    monkeypatch.setattr("manifest.data.MAX_RECORD", 1000)
    publisher.commit("--format", "files")
    proof = publisher.prove(publisher.data)
    where = ("--commitment", publisher.commitment)
    told = run("check", proof, *where, "--record", publisher.data)
    assert "proved  the record is in the data" in told.stdout
    with publisher.data.open("a") as file:
        file.write("\n")  # a line ending is part of a file
    run("check", proof, *where, "--record", publisher.data, code=1)
    run("check", proof, *where, "--record", publisher.release, code=2)


def test_the_proof_of_another_record_is_refused(publisher: Publisher) -> None:
    publisher.commit()
    proof = publisher.prove("--text", LINES[3])
    where = ("--commitment", publisher.commitment)
    told = run("check", proof, *where, "--text", LINES[4], code=1)
    assert "about another record" in told.stderr


@pytest.mark.parametrize(
    ("text", "claim", "code"),
    [
        (LINES[3], "present", 0),
        (LINES[3], "absent", 1),
        ("other", "present", 1),
        ("other", "absent", 0),
    ],
)
def test_a_claim_is_proved_or_nothing(
    text: str, claim: str, code: int, publisher: Publisher
) -> None:
    publisher.commit()
    proof = publisher.prove("--text", text, "--claim", claim, code=code)
    assert proof.exists() == (code == 0)


def test_another_manifest_binds_nothing(publisher: Publisher, tmp_path: Path) -> None:
    publisher.commit()
    proof = publisher.prove("--text", LINES[3])
    built = publisher.build("commitment_file: commitment.json")
    run("check", proof, "--manifest", built)
    other = tmp_path / "other"
    other.mkdir()
    (other / "release.yaml").write_text(HEAD)
    manifest.build_manifest(other)
    told = run("check", proof, "--manifest", other / "manifest.json", code=1)
    assert "binds no commitment with its root, nor any other" in told.stderr


def test_a_changed_commitment_file_is_noticed(publisher: Publisher) -> None:
    publisher.commit()
    proof = publisher.prove("--text", LINES[3])
    built = publisher.build("commitment_file: commitment.json")
    text = publisher.commitment.read_text()
    publisher.commitment.write_text(text + " ")
    told = run("check", proof, "--manifest", built, code=1)
    assert "not the file that the manifest lists" in told.stderr
    publisher.commitment.unlink()
    told = run("check", proof, "--manifest", built, code=2)
    assert "fetch it with the release" in told.stderr


def test_a_commitment_file_that_is_not_listed(publisher: Publisher) -> None:
    publisher.commit()
    proof = publisher.prove("--text", LINES[3])
    built = publisher.build("commitment_file: commitment.json")
    text = built.read_text()
    built.write_text(text.replace('"commitment_file": "c', '"commitment_file": "../elsewhere/c'))
    told = run("check", proof, "--manifest", built, code=1)
    assert "../elsewhere/commitment.json is no file of the release directory" in told.stderr


@pytest.mark.parametrize("option", ["--secrets", "--index"])
def test_secrets_do_not_go_into_a_release(option: str, publisher: Publisher) -> None:
    publisher.release.joinpath("release.yaml").write_text(HEAD)
    inside = publisher.release / "deep"
    inside.mkdir()
    told = publisher.commit(option, inside / "x", code=2)
    assert "would lie in the release" in told.stderr
    assert not publisher.secrets.exists()
    assert not publisher.commitment.exists()
    link = publisher.directory / "link"
    link.symlink_to(inside)
    assert "would lie in the release" in publisher.commit(option, link / "x", code=2).stderr


def test_nothing_is_overwritten(publisher: Publisher) -> None:
    publisher.commit()
    before = {p: p.read_bytes() for p in publisher.directory.rglob("*") if p.is_file()}
    assert "exists already" in publisher.commit(code=2).stderr
    publisher.commitment.unlink()
    assert "secrets.json exists already" in publisher.commit(code=2).stderr
    after = {p: p.read_bytes() for p in publisher.directory.rglob("*") if p.is_file()}
    assert before.items() >= after.items()
    publisher.commit("--reuse-secrets", "--index", publisher.directory / "again")
    assert publisher.commitment.read_bytes() == before[publisher.commitment]


def test_what_fails_leaves_nothing(publisher: Publisher) -> None:
    publisher.data.write_text("{}\n\n")
    told = publisher.commit(code=1)
    assert "line 2 is blank" in told.stderr
    assert sorted(p.name for p in publisher.directory.iterdir()) == ["data.jsonl", "release"]
    assert list(publisher.release.iterdir()) == []


def test_ctrl_c_leaves_nothing(publisher: Publisher) -> None:
    with publisher.data.open("a") as file:
        for number in range(200_000):
            file.write(f'{{"n": {number}}}\n')
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "manifest",
            "data",
            "commit",
            publisher.data,
            "--absence",
            "--secrets",
            publisher.secrets,
            "--index",
            publisher.index,
            "-o",
            publisher.commitment,
            "--processes",
            "2",
        ],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not list(publisher.directory.glob(".index.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told == "error: interrupted: nothing was committed to\n"
    assert sorted(p.name for p in publisher.directory.iterdir()) == ["data.jsonl", "release"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("check", "{proof}"), "give one of --manifest and --commitment"),
        (("check", "{proof}", "--commitment", "{c}", "--manifest", "{c}"), "give one of"),
        (("check", "{proof}", "--commitment", "{c}", "--text", "x", "--record", "-"), "exclude"),
        (("commit", "{c}", "--column", "x", "--secrets", "s", "-o", "o"), "only Parquet"),
        (("commit", "{c}", "--format", "csv", "--secrets", "s", "-o", "o"), "csv"),
    ],
)
def test_wrong_calls(args: tuple[str, ...], message: str, publisher: Publisher) -> None:
    publisher.commit()
    proof = publisher.prove("--text", LINES[0])
    filled = [a.format(proof=proof, c=publisher.commitment) for a in args]
    assert message in run(*filled, code=2).stderr


def test_prove_needs_a_record(publisher: Publisher) -> None:
    publisher.commit()
    publisher.prove(code=2)


def test_audit(publisher: Publisher) -> None:
    publisher.commit()
    values = publisher.index / "absence.values"
    told = run("audit", values, "--commitment", publisher.commitment)
    assert told.stdout == "sorted  50 values, those of the commitment\n"
    data = values.read_bytes()
    values.write_bytes(data[32:64] + data[:32] + data[64:])
    told = run("audit", values, "--commitment", publisher.commitment, code=1)
    assert "not sorted" in told.stderr
    values.write_bytes(data[:-1])
    run("audit", values, "--commitment", publisher.commitment, code=4)


def test_quiet(publisher: Publisher) -> None:
    assert publisher.commit("-q").output == ""
    proof = publisher.prove("--text", LINES[0], "-q")
    assert run("check", proof, "--commitment", publisher.commitment, "-q").output == ""


def test_from_python(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    bound, secrets, index = tmp_path / "c", tmp_path / "secrets", tmp_path / "index"
    commitment = manifest.commit_data(
        [tmp_path / "a.txt"], bound, secrets=secrets, index=index, format_="text", absence=True
    )
    assert commitment.presence.count == 2
    for record, present in ((b"two", True), (b"three", False)):
        proof = manifest.prove_record(record, bound, secrets=secrets, index=index)
        report = manifest.check_data_proof(dump_proof(proof), commitment=bound, record=record)
        assert (report.present, report.compared, report.count) == (present, True, 2)
