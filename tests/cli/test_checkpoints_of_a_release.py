"""``manifest checkpoints DIR`` and ``verify --checkpoint``: hundreds of checkpoints, and one."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from amber import COUNT, NAMES, weights, write_amber
from click.testing import CliRunner, Result

from manifest.build import build, write_manifest
from manifest.cli import cli
from manifest.document.manifest_file import dump_manifest, parse_manifest
from manifest.document.schema import schema_text
from manifest.errors import DocumentError
from manifest.readers.chunk_index import parse_chunk_index
from manifest.sign import sign
from manifest.signing.keys import generate
from manifest.verify.run import verify

PUBLISHED = Path(__file__).resolve().parents[1] / "data" / "checkpoints"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["checkpoints", *map(str, args)])


def listed(*args: str | Path) -> dict[str, object]:
    result = run(*args, "--format", "json")
    report: dict[str, object] = json.loads(result.stdout)
    schema = json.loads(schema_text("checkpoints-report"))
    jsonschema.Draft202012Validator(schema).validate(report)
    assert result.exit_code == report["exit_code"]
    return report


def built(directory: Path, **options: object) -> Path:
    write_manifest(directory, build(directory, **options))  # type: ignore[arg-type]  # passed on
    return directory


@pytest.fixture
def amber(tmp_path: Path) -> Path:
    write_amber(tmp_path / "amber")
    return built(tmp_path / "amber")


def test_amber_is_described_without_an_entry_for_each(amber: Path) -> None:
    report = listed(amber)
    checkpoints = report["checkpoints"]
    assert isinstance(checkpoints, list)
    assert [c["name"] for c in checkpoints] == list(NAMES)
    assert [c["parent"] for c in checkpoints] == [None, *NAMES[:-1]]
    assert len({c["weights_digest"] for c in checkpoints}) == COUNT
    assert report["exit_code"] == 0


def test_the_data_of_a_segment_is_named(amber: Path) -> None:
    lines = run(amber, "--from", "ckpt_357", "--to", "main").stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "train/train_358.jsonl",
        "train/train_359.jsonl",
    ]
    assert run(amber, "--from", "main", "--to", "ckpt_000").exit_code == 2
    assert run(amber, "--from", "ckpt_000", "--to", "ckpt_999").exit_code == 2
    assert run(amber, "--from", "ckpt_000").exit_code == 2


def test_a_chunk_that_the_manifest_contradicts_is_reported(amber: Path) -> None:
    (amber / "train" / "train_007.jsonl").write_bytes(b"{}\n")
    report = listed(built(amber))
    assert report["exit_code"] == 1
    assert report["chunk_problems"] == [
        {"line": 9, "message": "train/train_007.jsonl has another SHA-256 in the manifest"}
    ]


def test_the_data_of_a_segment_is_checked_where_it_lies(amber: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(amber / "train", elsewhere / "train")
    segment = ("--from", "ckpt_357", "--to", "main", "--data", elsewhere)
    done = run(amber, *segment)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "2 of 2 chunks as the index lists")
    (elsewhere / "train" / "train_359.jsonl").write_bytes(b"{}\n")
    done = run(amber, *segment)
    assert done.exit_code == 5
    assert "train/train_359.jsonl: different" in done.stdout
    (elsewhere / "train" / "train_358.jsonl").unlink()
    report = listed(amber, *segment)
    chunks = report["chunks"]
    assert isinstance(chunks, list)
    assert [c["state"] for c in chunks] == ["missing", "different"]
    assert run(amber, "--data", elsewhere).exit_code == 2


def test_shards_without_steps_are_counted_by_their_tokens(tmp_path: Path) -> None:
    """As Pythia's: shards in the order in which they were read, each with its SHA-256."""
    (tmp_path / "names.txt").write_text("step0-tokens0\nstep1-tokens250\nstep2-tokens500\nmain\n")
    rows = "".join(f"shard-{n}.bin,{n:064x},200\n" for n in range(3))
    (tmp_path / "shards.csv").write_text(f"file,sha256,tokens\n{rows}")
    section(tmp_path, "names: names.txt, chunks: shards.csv")
    named = [
        [line.split("  ")[1] for line in run(tmp_path, "--from", a, "--to", b).stdout.splitlines()]
        for a, b in (
            ("step0-tokens0", "step1-tokens250"),
            ("step1-tokens250", "step2-tokens500"),
        )
    ]
    assert named == [["shard-0.bin", "shard-1.bin"], ["shard-1.bin", "shard-2.bin"]]
    result = run(tmp_path, "--from", "step0-tokens0", "--to", "main")
    assert result.exit_code == 4
    assert "nothing says which chunks" in result.output


def section(directory: Path, text: str) -> Path:
    (directory / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\ncomponents: {}\n'
        f"checkpoints: {{{text}}}\n"
    )
    return built(directory)


def messages(report: dict[str, object]) -> str:
    findings = report["findings"]
    assert isinstance(findings, list)
    return "\n".join(f"{f['code']} {f['message']}" for f in findings)


def test_gaps_repeated_steps_and_false_tokens_are_found_without_an_index(tmp_path: Path) -> None:
    names = [f"step{n}-tokens{n * 4}M" for n in range(100, 1100, 100) if n != 600]
    text = "\n".join([*names, "step300-again", "step1100-tokens9M"])
    (tmp_path / "names.txt").write_text(text)
    report = listed(section(tmp_path, "names: names.txt"))
    assert report["exit_code"] == 1
    found = messages(report)
    assert "CKP010 step 600 is missing" in found
    assert "CKP005 step 300 of the training is listed a second time" in found
    assert "CKP007" in found
    drawn = run(tmp_path).stdout.splitlines()[1]
    assert len(drawn) == 80
    assert (drawn.count("○"), drawn.count("▒")) == (1, 1)
    ascii_only = subprocess.run(
        [sys.executable, "-m", "manifest", "checkpoints", str(tmp_path)],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "50"},
        capture_output=True,
        check=False,
    )
    drawn = ascii_only.stdout.decode("ascii").splitlines()[1]
    assert (len(drawn), drawn.count("o"), drawn.count("x")) == (50, 1, 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("step1,a\nstep2,b\nstep1,c\n", "step1: its data is in pieces, 0-0,2-2"),
        ("step2,a\nstep1,b\n", "step2: its data begins at 0, which overlaps step1"),
        ("step1,a\nstep3,b\n", "step3: no data is named for its parent, step2"),
    ],
    ids=["pieces", "overlap", "hole"],
)
def test_ranges_of_data_that_overlap_or_leave_holes_are_found(
    tmp_path: Path, rows: str, message: str
) -> None:
    (tmp_path / "names.txt").write_text("step1\nstep2\nstep3\n")
    (tmp_path / "chunks.csv").write_text(f"checkpoint,file\n{rows}")
    report = listed(section(tmp_path, "names: names.txt, chunks: chunks.csv"))
    assert report["exit_code"] == 1
    assert f"CKP003 {message}" in messages(report)


def test_an_index_that_was_changed_since_is_not_read(amber: Path) -> None:
    (amber / "chunks.csv").write_text("file\nx\n")
    result = run(amber)
    assert result.exit_code == 4 or getattr(result.exception, "exit_code", None) == 4


def test_one_checkpoint_is_verified_alone(amber: Path) -> None:
    key = generate()
    sign(amber, key)
    for name in NAMES[100:200]:
        shutil.rmtree(amber / "checkpoints" / name)
    report = verify(amber, keys=[key.public], checkpoints=["ckpt_300"])
    assert report.exit_code == 0
    assert report.part == "checkpoint ckpt_300"
    assert verify(amber, keys=[key.public], checkpoints=["ckpt_150"]).exit_code == 5
    changed = amber / "checkpoints" / "ckpt_300" / "model.safetensors"
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    assert verify(amber, keys=[key.public], checkpoints=["ckpt_300"]).exit_code == 5
    assert verify(amber, keys=[key.public], checkpoints=["ckpt_301"]).exit_code == 0


def test_a_manifest_of_before_the_section_is_verified_and_not_signed_again(amber: Path) -> None:
    path = amber / "manifest.json"
    old = dump_manifest(dataclasses.replace(parse_manifest(path.read_bytes()), checkpoints=()))
    path.write_bytes(old)
    report = verify(amber, integrity_only=True, checkpoints=["ckpt_300"])
    assert (report.exit_code, report.files_checked) == (0, 1)
    assert verify(amber, integrity_only=True).exit_code == 0
    assert len(listed(amber)["checkpoints"]) == COUNT  # type: ignore[arg-type]  # a list
    with pytest.raises(DocumentError, match="lists other checkpoints than the release has"):
        sign(amber, generate())


def test_a_checkpoint_is_verified_wherever_its_root_lies(tmp_path: Path) -> None:
    roots = {name: tmp_path / name for name in ("early", "late")}
    for step, root in enumerate(roots.values(), 1):
        (root / f"step{step}000").mkdir(parents=True)
        (root / f"step{step}000" / "model.safetensors").write_bytes(weights(step))
    release = tmp_path / "release"
    release.mkdir()
    (release / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {early: {type: directory}, late: {type: directory}}\n"
        "components:\n  model-parameters-intermediate: {files: ['early:**', 'late:**']}\n"
        "checkpoints: {directories: ['early:*', 'late:*']}\n"
    )
    built(release, roots=roots)
    key = generate()
    sign(release, key, roots=roots)
    shutil.rmtree(roots["early"])
    late = {"late": roots["late"]}
    report = verify(release, keys=[key.public], roots=late, checkpoints=["step2000"])
    assert (report.exit_code, report.part) == (0, "checkpoint step2000")
    for gone, roots_given in (("step2000", {}), ("step1000", late)):
        report = verify(release, keys=[key.public], roots=roots_given, checkpoints=[gone])
        assert report.exit_code == 4
        assert "was not given" in report.undecided_reason
    # A part of which one root is there and another is not is never said to hold.
    part = ["model-parameters-intermediate"]
    report = verify(release, keys=[key.public], roots=late, components=part)
    assert (report.exit_code, report.files_checked) == (4, 1)
    assert report.undecided_reason.startswith(
        "not all of the part was checked: root early (1 file)"
    )
    report = verify(release, keys=[key.public], roots=late, only=["**"])
    assert report.exit_code == 4
    # A root that is there and holds less than was signed differs.
    shutil.rmtree(roots["late"] / "step2000")
    assert verify(release, keys=[key.public], roots=late, checkpoints=["step2000"]).exit_code == 5


@pytest.mark.parametrize("heading", ["weights_sha256", "Checkpoint digest", "Weights (BLAKE3)"])
def test_a_digest_is_no_name_of_a_checkpoint(tmp_path: Path, heading: str) -> None:
    for step in (1, 2):
        (tmp_path / f"step{step}").mkdir()
        (tmp_path / f"step{step}" / "model.safetensors").write_bytes(weights(step))
    rows = "".join(f"{step},step{step},{step:064x}\n" for step in (1, 2))
    (tmp_path / "index.csv").write_text(f"step,directory,{heading}\n{rows}")
    (tmp_path / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\n'
        "components: {model-parameters-intermediate: {files: ['step*/**']}}\n"
        "checkpoints: {index: index.csv, entries: [{name: step1, step: 1, files: [step1/**]}]}\n"
    )
    checkpoints = listed(built(tmp_path))["checkpoints"]
    assert isinstance(checkpoints, list)
    assert [c["name"] for c in checkpoints] == ["step1", "step2"]


@pytest.mark.parametrize(
    "name",
    ["OLMo-2-1124-7B-stage2.csv", "OLMo-2-1124-7B-head.csv"],
    ids=["ingredients", "steps"],
)
def test_an_index_as_published_lists_every_row(tmp_path: Path, name: str) -> None:
    shutil.copy(PUBLISHED / name, tmp_path / "index.csv")
    (tmp_path / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: third-party\n'
        "checkpoints: {index: index.csv}\ncomponents: {}\n"
    )
    checkpoints = listed(built(tmp_path))["checkpoints"]
    assert isinstance(checkpoints, list)
    rows = (PUBLISHED / name).read_text().strip().splitlines()[1:]
    assert len(checkpoints) == len(rows)
    assert all(c["step"] is not None and c["location"] for c in checkpoints)


def test_a_list_of_digests_is_a_chunk_index() -> None:
    data = f"shard-0.bin {'a' * 64}\n{'b' * 64}  shard-1.bin\n".encode()
    assert [(c.file, c.sha256[0]) for c in parse_chunk_index(data, "hashes.txt")] == [
        ("shard-0.bin", "a"),
        ("shard-1.bin", "b"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "file,sha256\na,12\n",
        "file,step\na,-1\n",
        "file,step\na,1\na,2\n",
        "file,step\na\n",
        "name,step\na,1\n",
        "file,step\n,1\n",
    ],
    ids=["short-digest", "negative-step", "file-twice", "ragged", "no-file-column", "empty-file"],
)
def test_a_broken_chunk_index_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        parse_chunk_index(text.encode(), "chunks.csv")
