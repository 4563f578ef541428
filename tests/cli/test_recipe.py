"""``manifest recipe``: fields filled from files, with the file as evidence, and nothing overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

from manifest.document.description import parse_description

Run: TypeAlias = Callable[..., Result]

RECIPE = """\
seed: 6198
optimizer:
  name: adamw
  learning_rate: 3.0e-4
  betas: [0.9, 0.95]
scheduler: {name: cosine_with_warmup, units: steps, t_warmup: 2000}
max_duration: 1000
global_train_batch_size: 1024
precision: amp_bf16
"""
HEAD = """\
# A release, by hand.
schema_version: "1.0"
name: acme/robin
version: 1.0   # the first
described_by: publisher
"""
TRAINING = """\
training:
  # what seeds what
  seeds:
    order: 7
  hyperparameters:
    lr: 0.0003   # as published
    steps: 500
  hardware: eight accelerators
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    directory = tmp_path / "réleas e"
    directory.mkdir()
    (directory / "train.yaml").write_text(RECIPE)
    (directory / "release.yaml").write_text(HEAD + TRAINING)
    return directory


def test_what_is_read_is_shown_and_nothing_is_changed(run: Run, release: Path) -> None:
    before = (release / "release.yaml").read_bytes()
    result = run("recipe", release, "train.yaml")
    assert result.exit_code == 1
    assert (release / "release.yaml").read_bytes() == before
    golden = Path(__file__).parent / "golden" / "recipe.txt"
    shown = result.stdout + result.stderr.replace(str(release), "DIR")
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_what_is_new_is_added_and_every_other_byte_stays(run: Run, release: Path) -> None:
    before = (release / "release.yaml").read_text()
    result = run("recipe", release, "train.yaml", "--write")
    assert result.exit_code == 1  # the steps differ
    after = (release / "release.yaml").read_text()
    lines = iter(after.splitlines())
    assert all(line in lines for line in before.splitlines())  # in their order
    training = parse_description(after.encode()).training
    assert training["seeds"] == {"order": 7, "seed": 6198}
    assert training["hyperparameters"] == {"lr": 0.0003, "steps": 500, "global_batch_size": 1024}
    assert training["optimizer"] == {"name": "adamw", "beta1": 0.9, "beta2": 0.95}
    assert training["schedule"] == {"kind": "cosine_with_warmup", "warmup_steps": 2000}
    assert training["precision"] == "amp_bf16"
    assert list(training["configuration"]) == ["train.yaml"]
    assert "seed: 6198  # from train.yaml:1" in after
    again = run("recipe", release, "train.yaml", "--write")
    assert (release / "release.yaml").read_text() == after
    assert "new" not in again.stdout


def test_a_release_without_a_training_gets_one(run: Run, release: Path) -> None:
    (release / "release.yaml").write_text(HEAD)
    result = run("recipe", release, "train.yaml", "--write")
    assert result.exit_code == 0, result.output
    text = (release / "release.yaml").read_text()
    assert text.startswith(HEAD)
    assert parse_description(text.encode()).training["hyperparameters"]["steps"] == 1000


def test_a_description_in_a_style_without_lines_is_left_alone(run: Run, release: Path) -> None:
    (release / "release.yaml").write_text(HEAD + "training: {hardware: eight}\n")
    before = (release / "release.yaml").read_bytes()
    result = run("recipe", release, "train.yaml", "--write")
    assert result.exit_code == 1
    assert (release / "release.yaml").read_bytes() == before
    assert "is written in a style to which nothing can be added" in result.stderr
    assert "    beta1: 0.9  # from train.yaml:5" in result.stdout


def test_two_recipes_that_contradict_each_other_add_nothing_of_that(
    run: Run, release: Path
) -> None:
    (release / "release.yaml").write_text(HEAD)
    (release / "two.yaml").write_text(RECIPE.replace("3.0e-4", "1.0e-4"))
    result = run("recipe", release, "train.yaml", "two.yaml", "--write")
    assert result.exit_code == 1
    assert "contradicted" in result.stdout
    assert "1 field of one recipe contradict" in result.stderr
    training = parse_description((release / "release.yaml").read_bytes()).training
    assert "learning_rate" not in training["hyperparameters"]
    assert training["optimizer"]["beta1"] == 0.9


def test_the_state_of_a_trainer_is_a_log(run: Run, release: Path) -> None:
    (release / "release.yaml").write_text(HEAD)
    state = {"global_step": 9, "max_steps": 10, "total_flos": 2.5e18, "log_history": []}
    (release / "trainer_state.json").write_text(json.dumps(state))
    assert run("recipe", release, "trainer_state.json", "--write").exit_code == 0
    training = parse_description((release / "release.yaml").read_bytes()).training
    assert list(training["logs"]) == ["trainer_state.json"]
    assert training["compute_flops"] == 2.5e18


def test_lint_finds_what_was_changed_after_it_was_filled(run: Run, release: Path) -> None:
    (release / "release.yaml").write_text(
        HEAD + "components:\n  training-configuration: {files: [train.yaml]}\n"
    )
    run("recipe", release, "train.yaml", "--write")
    assert "TRN008" not in run("lint", release).stdout
    path = release / "release.yaml"
    path.write_text(path.read_text().replace("beta2: 0.95", "beta2: 0.99"))
    said = " ".join(run("lint", release).stdout.split())
    assert "TRN008" in said
    assert "training.optimizer.beta2 is 0.99; train.yaml:5 says optimizer.betas[1] is 0.95" in said


def test_init_fills_the_draft(run: Run, release: Path) -> None:
    (release / "release.yaml").unlink()
    (release / "configs").mkdir()
    (release / "train.yaml").rename(release / "configs" / "train.yaml")
    assert run("init", release).exit_code == 0
    text = (release / "release.yaml").read_text()
    training = parse_description(text.encode()).training
    assert training["optimizer"]["beta2"] == 0.95
    assert training["seeds"] == {"seed": 6198}
    assert "beta2: 0.95  # from configs/train.yaml:5" in text


def test_programs_get_the_same(run: Run, release: Path) -> None:
    result = run("recipe", release, "train.yaml", "--format", "json")
    report = json.loads(result.stdout)
    assert report["exit_code"] == result.exit_code == 1
    assert report["recipes"] == [{"path": "train.yaml", "framework": "OLMo"}]
    (steps,) = (f for f in report["fields"] if f["field"] == "training.hyperparameters.steps")
    assert (steps["state"], steps["said"], steps["said_at"]) == (
        "different",
        "500",
        "release.yaml:12",
    )
    assert report["added"] == []


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("nothing.yaml", 4, "no such file"),
        ("../outside.yaml", 4, "no such file"),
        ("release.yaml", 1, "is no recipe of a framework that is known here"),
    ],
)
def test_what_cannot_be_read_is_named(
    run: Run, release: Path, file: str, code: int, words: str
) -> None:
    (release.parent / "outside.yaml").write_text(RECIPE)
    result = run("recipe", release, file)
    assert (result.exit_code, words in result.stderr) == (code, True), result.output


def test_a_directory_without_a_description(run: Run, release: Path) -> None:
    (release / "release.yaml").unlink()
    result = run("recipe", release, "train.yaml")
    assert result.exit_code == 2
    assert "release.yaml does not exist" in result.stderr
