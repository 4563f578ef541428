"""Results against the weights, the files and the card; documents against the description."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from lint_releases import HEAD, build_manifest, safetensors, write

from manifest.lint import LintReport, lint, load_release

WEIGHTS = safetensors(w=(2, 3))
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
DESCRIBED = (
    HEAD + "license: mit\ncomponents:\n  model-parameters-final: {files: ['*.safetensors']}\n"
    "  evaluation-results: {files: ['results*.json']}\n  model-card: {files: [README.md]}\n"
)
CARD = "---\nlicense: mit\n{front}---\n# Sparrow\n\n" + "It answers questions about birds. " * 20
INDEX = """model-index:
- name: sparrow
  results:
  - task: {{type: text-generation}}
    dataset: {{type: x, name: {dataset}}}
    metrics:
    - {{type: {metric}, value: {value}}}
"""


def judge(
    root: Path, files: dict[str, str | bytes], described: str = "", *, listed: bool = False
) -> LintReport:
    written: dict[str, str | bytes] = {
        "release.yaml": DESCRIBED + described,
        "model.safetensors": WEIGHTS,
        "results.json": json.dumps({"results": {"birds": {"acc,none": 0.4137}}}),
        "README.md": CARD.format(front=""),
        **files,
    }
    write(root / "r", written)
    if listed:
        build_manifest(root / "r")
    return lint(load_release(root / "r"))


def found(report: LintReport, code: str) -> list[str]:
    return [f.message for f in report.findings if f.code == code]


def result(**fields: object) -> str:
    given = {"task": "birds", "metric": "acc", "value": 0.41, **fields}
    return "evaluation:\n  results:\n    - " + json.dumps(given) + "\n"


@pytest.mark.parametrize(
    ("digest", "listed", "count"),
    [
        pytest.param(DIGEST, True, 0, id="these weights"),
        pytest.param("0" * 64, True, 1, id="other weights"),
        pytest.param("0" * 64, False, 0, id="nobody knows these weights' digest"),
    ],
)
def test_result_of_the_weights(digest: str, count: int, tmp_path: Path, *, listed: bool) -> None:
    report = judge(tmp_path / "a", {}, result(weights=digest), listed=listed)
    assert len(found(report, "EVA003")) == count
    harness = {"results": {"birds": {"acc": 0.4}}, "weights": {"sha256": digest}}
    report = judge(tmp_path / "b", {"results.json": json.dumps(harness)}, listed=listed)
    assert len(found(report, "EVA003")) == count


def test_result_of_a_checkpoint(tmp_path: Path) -> None:
    earlier = safetensors(w=(2, 3), v=(1,))
    described = DESCRIBED.replace(
        "  evaluation-results",
        "  model-parameters-intermediate: {files: [ckpt]}\n  evaluation-results",
    )
    files: dict[str, str | bytes] = {"ckpt/step1/model.safetensors": earlier}
    digest = hashlib.sha256(earlier).hexdigest()
    files["release.yaml"] = described + result(weights=digest)
    assert found(judge(tmp_path, files, listed=True), "EVA003") == []


@pytest.mark.parametrize(
    ("value", "agrees"),
    [
        (0.4137, True),
        (0.414, True),
        (0.413, True),
        (0.41, True),
        (41.37, True),
        (41.4, True),
        (41, True),
        (0.42, False),
        (0.4237, False),
        (42.4, False),
        (43, False),
        (0.0, False),
    ],
)
def test_numbers_against_the_results_file(value: float, tmp_path: Path, *, agrees: bool) -> None:
    report = judge(tmp_path / "a", {}, result(value=value))
    assert bool(found(report, "EVA004")) is not agrees
    front = INDEX.format(dataset="birds", metric="acc", value=value)
    report = judge(tmp_path / "b", {"README.md": CARD.format(front=front)})
    messages = found(report, "EVA004")
    assert bool(messages) is not agrees
    if messages:
        assert "the card, README.md," in messages[0]
        assert "results.json has 0.4137" in messages[0]
        assert report.exit_code == 1


@pytest.mark.parametrize(
    ("fields", "files"),
    [
        pytest.param({"task": "frogs"}, {}, id="another task"),
        pytest.param({"metric": "f1"}, {}, id="another metric"),
        pytest.param(
            {}, {"results_b.json": '{"results": {"birds": {"acc": 0.9}}}'}, id="one of two files"
        ),
        pytest.param({"results": "results_b.json"}, {}, id="a file that is not there"),
        pytest.param({}, {"results.json": "[0.9]"}, id="a file of another form"),
    ],
)
def test_no_contradiction(
    fields: dict[str, object], files: dict[str, str | bytes], tmp_path: Path
) -> None:
    assert found(judge(tmp_path, files, result(value=0.9, **fields)), "EVA004") == []


def test_the_file_that_is_named_counts(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"results_b.json": '{"results": {"birds": {"acc": 0.9}}}'}
    report = judge(tmp_path, files, result(value=0.9, results="results.json"))
    assert len(found(report, "EVA004")) == 1


HARNESS = {
    "results": {"birds": {"acc,none": 0.41}},
    "versions": {"birds": 1},
    "config": {"model": "hf"},
    "configs": {"birds": {"dataset_path": "acme/birds"}},
    "git_hash": "abc1234",
}


@pytest.mark.parametrize(
    ("files", "described", "message"),
    [
        pytest.param(
            {},
            result(),
            "1 result without the program with its version, the data and the weights",
            id="a number alone",
        ),
        pytest.param(
            {"results.json": json.dumps(HARNESS)},
            result(results="results.json", weights="0" * 64),
            "",
            id="the harness's file",
        ),
        pytest.param(
            {"results.json": json.dumps(HARNESS)},
            "",
            "1 results file without the weights",
            id="the file alone",
        ),
        pytest.param(
            {},
            result(harness="x", harness_version="1", split="test", weights="0" * 64),
            "",
            id="all said",
        ),
        pytest.param(
            {},
            result(harness="x", split="test", weights="0" * 64),
            "1 result without the program with its version",
            id="no version",
        ),
    ],
)
def test_traceable(
    files: dict[str, str | bytes], described: str, message: str, tmp_path: Path
) -> None:
    expected = [message] if message else []
    assert found(judge(tmp_path, files, described), "EVA005") == expected


MODEL = "model: {tasks: [text-generation]}\n"


@pytest.mark.parametrize(
    ("described", "body", "lacks"),
    [
        (MODEL, "", "bias or toxicity and on truthfulness"),
        (MODEL + result(category="toxicity"), "", "truthfulness"),
        (MODEL + result(task="truthfulqa_mc2"), "", "bias or toxicity"),
        (MODEL, "| TruthfulQA | 41.2 |\n| BBQ | 0.7 |", ""),
        (MODEL, "It may have biases and make things up.", "bias or toxicity and on truthfulness"),
        ("model: {tasks: [image-classification]}\n", "", ""),
    ],
)
def test_bias_and_truth(described: str, body: str, lacks: str, tmp_path: Path) -> None:
    card = CARD.format(front="") + f"\n\n{body}\n"
    report = judge(tmp_path, {"README.md": card}, described)
    assert found(report, "EVA006") == ([f"nothing was measured on {lacks}"] if lacks else [])


def test_a_word_on_contamination(tmp_path: Path) -> None:
    assert found(judge(tmp_path / "a", {}), "EVA007")
    card = CARD.format(front="") + "\n\nThe training data was decontaminated.\n"
    assert not found(judge(tmp_path / "b", {"README.md": card}), "EVA007")


@pytest.mark.parametrize(
    ("citation", "messages"),
    [
        ("version: 1.0\nlicense: MIT\n", 0),
        ("version: v1.0\n", 0),
        ("title: Sparrow\n", 0),
        ("version: 2.0\nlicense: MIT\n", 1),
        ("version: 1.0\nlicense: GPL-3.0-only\n", 1),
        ("version: 2.0\nlicense: GPL-3.0-only\n", 2),
        ("[", 0),
    ],
)
def test_citation(citation: str, messages: int, tmp_path: Path) -> None:
    report = judge(tmp_path, {"CITATION.cff": f"cff-version: 1.2.0\n{citation}"})
    assert len(found(report, "DOC005")) == messages


def test_annex_xi_names_all_that_is_missing(tmp_path: Path) -> None:
    (message,) = found(judge(tmp_path / "a", {}, MODEL), "DOC004")
    for what in ("acceptable use", "release date", "number of parameters", "compute", "energy"):
        assert what in message
    assert "license" not in message
    assert (
        found(judge(tmp_path / "b", {}, "model: {tasks: [image-classification]}\n"), "DOC004") == []
    )
    said = (
        "Acceptable use: any. Released on 2026-01-31. The architecture has 6 parameters; text only. "
        "Trained on notes with a learning rate of 0.1, 5 GPU hours, 3 kWh."
    )
    card = CARD.format(front="") + f"\n\n{said}\n"
    assert found(judge(tmp_path / "c", {"README.md": card}, MODEL), "DOC004") == []


@pytest.mark.parametrize(
    ("change", "code", "count"),
    [
        pytest.param({}, "PRV004", 0, id="as built"),
        pytest.param({"README.md": "# Sparrow\n"}, "PRV004", 1, id="another size"),
        pytest.param({"new.txt": "x"}, "PRV004", 1, id="not listed"),
        pytest.param({"manifest.json": "{}"}, "PRV004", 1, id="no manifest"),
    ],
)
def test_stale_manifest(
    change: dict[str, str | bytes], code: str, count: int, tmp_path: Path
) -> None:
    judge(tmp_path, {}, listed=True)
    write(tmp_path / "r", change)
    report = lint(load_release(tmp_path / "r"))
    assert len(found(report, code)) == count
    assert report.exit_code == min(count, 1)


@pytest.mark.parametrize("name", ["a\n::error::b.txt", "deep", "link"])
def test_what_no_manifest_can_list_is_not_passed_over(name: str, tmp_path: Path) -> None:
    judge(tmp_path, {}, listed=True)
    path = tmp_path / "r" / name
    if name == "link":
        path.symlink_to("README.md")
    elif name == "deep":
        (path / "/".join(["d"] * 300)).mkdir(parents=True)
    else:
        path.write_bytes(b"")
    report = lint(load_release(tmp_path / "r"))
    (message,) = found(report, "PRV004")
    assert "no manifest can list it" in message
    assert "\n" not in message
    assert report.exit_code == 1


def test_a_file_that_is_gone_is_told_once(tmp_path: Path) -> None:
    judge(tmp_path, {"notes.txt": "x"}, listed=True)
    (tmp_path / "r" / "notes.txt").unlink()
    report = lint(load_release(tmp_path / "r"))
    assert found(report, "PRV004") == ["notes.txt is listed and not there"]
    (tmp_path / "r" / "release.yaml").unlink()  # the manifest describes the release now
    (tmp_path / "r" / "results.json").unlink()
    report = lint(load_release(tmp_path / "r"))
    assert found(report, "EVI002") == ["results.json is listed and not there"]
    assert found(report, "PRV004") == ["notes.txt and 1 more files are listed and not there"]
