"""LLM360's Amber as it was published: 360 checkpoints and 360 chunks, and its true verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from amber import COUNT, write_whole_amber
from processor import untraced

from manifest.build import build, write_manifest
from manifest.document.components import MofClass
from manifest.lint import LintReport, Verdict, lint, load_release
from manifest.lint.checkpoint_list import listed_checkpoints
from manifest.sign import sign
from manifest.signing.keys import generate
from manifest.verify.run import verify


@pytest.fixture(scope="module")
def amber(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("amber")
    write_whole_amber(directory)
    write_manifest(directory, build(directory))
    return directory


def judged(directory: Path) -> LintReport:
    with untraced():
        return lint(load_release(directory))


def reasons(report: LintReport) -> dict[str, str]:
    """What stands between the release and the next verdict, by rule."""
    return {r.code: r.outcome.reason for r in report.missing}


def test_it_is_open_science_and_not_replayable(amber: Path) -> None:
    report = judged(amber)
    assert (report.verdict, report.mof.mof_class) == (Verdict.OPEN_SCIENCE, MofClass.I)
    # Not published: steps of checkpoints, seeds, a pinned environment, nondeterminism. The order
    # of the data was, chunk by chunk.
    assert report.next_verdict is Verdict.REPLAYABLE
    assert reasons(report).keys() == {"CKP002", "REP003", "REP004", "REP006"}
    assert reasons(report)["CKP002"] == "ckpt_000 has no step"
    assert not [f for f in report.findings if f.severity.value == "error"]


def test_every_checkpoint_is_seen(amber: Path) -> None:
    release = load_release(amber)
    found = listed_checkpoints(release).checkpoints
    assert (len(found), found[-1].name, found[-1].data) == (COUNT, "main", "359-359")


def test_one_checkpoint_of_the_whole_is_verified_alone(amber: Path) -> None:
    key = generate()
    sign(amber, key)
    report = verify(amber, keys=[key.public], checkpoints=["ckpt_123"])
    assert (report.exit_code, report.files_checked) == (0, 1)
    (amber / "model.sig").unlink()


def without_digests(directory: Path) -> None:
    rows = (directory / "chunks.csv").read_text().splitlines()
    text = "\n".join(row.rpartition(",")[0] for row in rows)
    (directory / "chunks.csv").write_text(f"{text}\n")


def without_intermediate(directory: Path) -> None:
    text = (directory / "release.yaml").read_text()
    line = "  model-parameters-intermediate: {files: [checkpoints]}\n"
    assert line in text
    (directory / "release.yaml").write_text(text.replace(line, ""))


def with_steps_and_a_copy(directory: Path) -> None:
    """Steps in an index; two checkpoints that hold the same weights."""
    names = [f"ckpt_{n:03}" for n in range(COUNT - 1)]
    rows = [f"{n * 1000 + 1000},{name}" for n, name in enumerate(names)]
    (directory / "steps.csv").write_text("\n".join(["step,branch", *rows, "360000,main"]) + "\n")
    path = directory / "release.yaml"
    text = path.read_text()
    path.write_text(text.replace("  chunks: chunks", "  index: steps.csv\n  chunks: chunks"))
    copied = (directory / "checkpoints" / "ckpt_010" / "model.safetensors").read_bytes()
    (directory / "checkpoints" / "ckpt_011" / "model.safetensors").write_bytes(copied)


@pytest.mark.parametrize(
    ("change", "verdict", "rule", "words"),
    [
        (without_digests, Verdict.OPEN_SCIENCE, "REP005", "of 360 of 360 chunks chunks.csv"),
        (without_intermediate, Verdict.OPEN_SOURCE, "CKP001", "no intermediate checkpoints"),
        (with_steps_and_a_copy, Verdict.OPEN_SCIENCE, "CKP002", "the chain is one of copies"),
    ],
    ids=["no-digests-of-chunks", "no-intermediate-weights", "a-copied-checkpoint"],
)
def test_what_would_hold_it_back(
    tmp_path: Path, change: Callable[[Path], None], verdict: Verdict, rule: str, words: str
) -> None:
    write_whole_amber(tmp_path)
    change(tmp_path)
    report = judged(tmp_path)
    assert report.verdict is verdict
    assert words in reasons(report)[rule]
