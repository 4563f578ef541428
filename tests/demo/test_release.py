"""The demo release itself: complete, in agreement with itself, and the same everywhere."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

import manifest.demo
from manifest.commitments import (
    CommitOptions,
    Format,
    Secrets,
    commit,
    commitment_from_plain,
    rules_from_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

GOLDEN = Path(__file__).with_name("golden.sha256")
STATIC = Path(manifest.demo.__file__).parent / "release"
STEPS = [0, 100, 200, 300, 400]
PLAIN_MATH = {"sqrt", "frexp", "ldexp"}  # exact by IEEE 754, or no rounding at all


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def recipe() -> dict[str, Any]:
    value: dict[str, Any] = YAML(typ="safe").load(STATIC / "training" / "recipe.yaml")
    return value


def results(release: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((release / "evaluation" / "results.json").read_text())["results"]
    return {result["task"]: result for result in found}


def run(release: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=release,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_computed_file_has_the_golden_digest(release: Path) -> None:
    """A change that is meant: copy the lines that this test prints into golden.sha256."""
    static = manifest.demo.static_files()
    made = sorted(
        path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()
    )
    found = [f"{sha256(release / name)}  {name}" for name in made if name not in static]
    assert found == GOLDEN.read_text().splitlines(), "\n".join(found)


def test_the_static_files_are_there_unchanged(release: Path) -> None:
    for name, content in manifest.demo.static_files().items():
        assert (release / name).read_bytes() == content, name


def test_all_text_has_unix_line_ends_and_a_last_one(release: Path) -> None:
    for path in release.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            content = path.read_bytes()
            assert b"\r" not in content, path
            assert content.endswith(b"\n"), path


@pytest.mark.parametrize("first", STEPS[:-1])
def test_a_segment_repeats_bit_for_bit(release: Path, tmp_path: Path, first: int) -> None:
    last = first + 100
    again = tmp_path / "again"
    done = run(
        release,
        *("code/train.py", "--from", f"checkpoints/step{first}"),
        *("--to", str(last), "--out", str(again)),
    )
    assert done.returncode == 0, done.stderr
    expected = release / "checkpoints" / f"step{last}"
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in again.iterdir()) == names
    for name in names:
        assert (again / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize("last", ["100", "50", "401"], ids=["same", "before", "after-the-end"])
def test_an_impossible_segment_is_refused(release: Path, tmp_path: Path, last: str) -> None:
    done = run(
        release,
        *("code/train.py", "--from", "checkpoints/step100", "--to", last),
        *("--out", str(tmp_path / "again")),
    )
    assert done.returncode == 2
    assert "--to must lie after step 100, and not after 400" in done.stderr
    assert not (tmp_path / "again").exists()


def test_its_data_is_what_it_commits_to(release: Path) -> None:
    secret = hashlib.sha256(b"quill-1.5k: a demo keeps no secret").digest()
    data = [release / "data/processed/train.jsonl"]
    found = commit(data, Secrets(secret), CommitOptions(Format.JSONL, rules_from_names(())))
    described = YAML(typ="safe").load(STATIC / "release.yaml")["components"]["datasets"]
    assert found == commitment_from_plain(described["commitment"], what="commitment")


def test_another_training_text_is_refused(release: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    path = copy / "data" / "processed" / "train.jsonl"
    path.write_text(path.read_text().replace(". ", "; "))
    done = run(
        copy,
        *("code/train.py", "--from", "checkpoints/step0", "--to", "100"),
        *("--out", str(tmp_path / "again")),
    )
    assert done.returncode == 1
    assert "the text is not what data/order.jsonl names" in done.stderr


@pytest.mark.long
def test_its_own_check_trains_again_and_finds_what_differs(release: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    (copy / "samples.jsonl").write_text("{}\n")
    done = run(copy, "reproduce.py", "--check")
    said = [line for line in done.stdout.splitlines() if line.startswith("differs: ")]
    assert (done.returncode, said) == (1, ["differs: samples.jsonl"]), done.stderr
    assert done.stdout.endswith("not reproduced\n")
    assert not list(copy.rglob("__pycache__"))


def test_the_loss_falls(release: Path) -> None:
    log = lines(release / "training" / "log.jsonl")
    assert [line["step"] for line in log] == list(range(1, 401))
    early = [line["loss"] for line in log[:20]]
    late = [line["loss"] for line in log[-20:]]
    assert sum(early) / 20 - sum(late) / 20 > 0.8
    assert all(line["tokens_seen"] == line["step"] * 24 for line in log)


def test_the_log_keeps_to_the_stages_of_the_recipe(release: Path) -> None:
    log = {line["step"]: line for line in lines(release / "training" / "log.jsonl")}
    for name, stage in recipe()["schedule"].items():
        steps = range(stage["first_step"], stage["last_step"] + 1)
        assert {log[step]["stage"] for step in steps} == {name}
        assert log[stage["last_step"]]["learning_rate"] == stage["learning_rate_end"]


def test_the_model_writes_what_looks_like_words(release: Path) -> None:
    text = "".join(sample["text"] for sample in lines(release / "samples.jsonl"))
    assert text.split().count("the") > 5
    assert 3.0 < len(text) / len(text.split()) < 8.0


def test_the_checkpoint_index_agrees_with_the_checkpoints(release: Path) -> None:
    with (release / "checkpoints" / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == STEPS
    for row in rows:
        directory = release / row["directory"]
        state = json.loads((directory / "trainer_state.json").read_text())
        assert state["step"] == int(row["step"])
        assert state["tokens_seen"] == int(row["tokens_seen"]) == int(row["step"]) * 24
        assert state["order_sha256"] == sha256(release / "data" / "order.jsonl")
        assert sha256(directory / "model.safetensors") == row["weights_sha256"]
    assert sha256(release / "model.safetensors") == rows[-1]["weights_sha256"]


@pytest.mark.peer
@pytest.mark.parametrize("step", STEPS)
def test_the_safetensors_library_reads_the_checkpoints(release: Path, step: int) -> None:
    safetensors = pytest.importorskip("safetensors")
    config = json.loads((release / "config.json").read_text())
    directory = release / "checkpoints" / f"step{step}"
    weights = dict(safetensors.deserialize((directory / "model.safetensors").read_bytes()))
    assert weights["embedding.weight"]["shape"] == [config["vocab_size"], config["embedding_size"]]
    assert weights["output.weight"]["shape"] == [config["hidden_size"], config["vocab_size"]]
    assert {tensor["dtype"] for tensor in weights.values()} == {"F32"}
    count = sum(len(tensor["data"]) // 4 for tensor in weights.values())
    assert count == recipe()["compute"]["parameters"]
    moments = dict(safetensors.deserialize((directory / "optimizer.safetensors").read_bytes()))
    assert moments.keys() == {f"{kind}.{name}" for kind in ("mean", "square") for name in weights}


def test_the_order_covers_every_step_once(release: Path) -> None:
    texts = {
        record["id"]: record["text"]
        for record in lines(release / "data" / "processed" / "train.jsonl")
    }
    order = lines(release / "data" / "order.jsonl")
    assert [entry["step"] for entry in order] == list(range(1, 401))
    seen: set[tuple[str, int]] = set()
    for entry in order:
        chunk = "".join(texts[name][start:end] for name, start, end in entry["sequences"])
        assert len(chunk) == 24
        assert hashlib.sha256(chunk.encode()).hexdigest() == entry["sha256"]
        seen.update((name, start) for name, start, _end in entry["sequences"])
    assert len(seen) == 1200  # less than an epoch: nothing is seen twice


def test_each_filter_drops_what_it_is_for(release: Path) -> None:
    decided = lines(release / "data" / "processed" / "decisions.jsonl")
    raw = lines(release / "data" / "raw" / "documents.jsonl")
    assert [entry["id"] for entry in decided] == [record["id"] for record in raw]
    dropped = {e["id"]: e["reason"] for e in decided if e["decision"] == "dropped"}
    assert dropped == {
        "inbox-seal-again": "duplicate of essay-seal",
        "inbox-prices": "65 of 285 characters are outside the alphabet",
        "inbox-note": "44 characters",
        "inbox-reader": "119 stretches shared with the evaluation text",
    }
    for entry, record in zip(decided, raw, strict=True):
        assert entry["raw_sha256"] == hashlib.sha256(record["text"].encode()).hexdigest()
    kept = lines(release / "data" / "processed" / "train.jsonl")
    assert [record["id"] for record in kept] == [e["id"] for e in decided if not e["reason"]]


def test_the_results_name_what_they_measured(release: Path) -> None:
    found = json.loads((release / "evaluation" / "results.json").read_text())
    places = [
        found["weights"],
        found["harness"],
        *(result["dataset"] for result in found["results"]),
        *(entry["weights"] for entry in found["checkpoints"]),
    ]
    for place in places:
        assert sha256(release / place["path"]) == place["sha256"]


def test_evaluating_again_gives_the_same_numbers(release: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    path = copy / "evaluation" / "results.json"
    before = path.read_bytes()
    path.unlink()
    assert run(copy, "code/evaluate.py").returncode == 0
    assert path.read_bytes() == before


def test_the_network_beats_the_tables(release: Path) -> None:
    for text in ("validation", "test"):
        result = results(release)[f"next-character-{text}"]
        loss, baselines = result["metrics"]["loss_nats"], result["baselines"]
        assert loss < baselines["bigram_loss_nats"] < baselines["unigram_loss_nats"]
        assert baselines["unigram_loss_nats"] < baselines["uniform_loss_nats"]


def test_the_cards_say_what_was_measured(release: Path) -> None:
    """Numbers in the prose are written by hand, so they are compared with the results."""
    found = results(release)
    card = (release / "README.md").read_text()
    for text in ("validation", "test"):
        metrics = found[f"next-character-{text}"]["metrics"]
        bigram = found[f"next-character-{text}"]["baselines"]["bigram_loss_nats"]
        row = next(line for line in card.splitlines() if line.startswith(f"| {text} ("))
        assert [cell.strip() for cell in row.split("|")[2:6]] == [
            f"{metrics['bits_per_character']:.3f}",
            f"{100 * metrics['next_character_accuracy']:.1f} %",
            f"{metrics['loss_nats']:.3f}",
            f"{bigram:.3f}",
        ]
    pronouns = found["bias-probe-pronouns"]
    assert f"is {-pronouns['metrics']['bits_she_minus_he']:.1f} bits likelier" in card
    assert pronouns["metrics"]["largest_difference_between_occupations"] == 0.0
    truth = found["truthfulness-probe"]["metrics"]["true_sentence_preferred"]
    assert f"preferred in {100 * truth:.0f} %" in card
    invention = found["hallucination-probe-invented-words"]["metrics"]
    assert f"| {100 * invention['invented_word_share']:.0f} % |" in card
    assert f"| {invention['longest_copied_run']} characters |" in card
    report = (release / "REPORT.md").read_text()
    history = json.loads((release / "evaluation" / "results.json").read_text())["checkpoints"]
    for entry in history:
        assert f"| {entry['step']} | {entry['validation_loss_nats']:.3f} |" in report
    data_card = (release / "DATA_CARD.md").read_text()
    said = pronouns["training_text"]
    assert f'("he" {said["he"]} times, "she" {said["she"]} times)' in data_card
    kept = lines(release / "data" / "processed" / "train.jsonl")
    for source in ("essays", "stories", "letters"):
        texts = [record["text"] for record in kept if record["source"] == source]
        size = f"{sum(map(len, texts)):,}"
        assert f"| {source} | {len(texts)} | {len(texts)} | {size} |" in data_card


def test_the_trials_are_told_as_the_paper_quotes_them() -> None:
    trials = {entry["trial"]: entry for entry in lines(STATIC / "training" / "trials.jsonl")}
    paper = (STATIC / "PAPER.md").read_text()
    for number in (1, 13, 15, 18, 20, 21):
        loss = trials[number]["validation_loss_nats"]
        ending = f"({number}) | {loss:.3f} |" if number != 13 else f"(trial 13) | {loss:.3f} |"
        assert ending in paper
    chosen = next(entry["settings"] for entry in trials.values() if entry["chosen"])
    released = recipe()
    config = json.loads((STATIC / "config.json").read_text())
    assert chosen["learning_rate"] == released["schedule"]["stable"]["learning_rate_end"]
    assert chosen["weight_decay"] == released["optimizer"]["weight_decay"]
    assert chosen["sequences"] == released["batch"]["sequences"]
    assert chosen["hidden_size"] == config["hidden_size"]


def test_the_recipe_is_read_as_a_yaml_library_reads_it(
    load: Callable[[str], ModuleType],
) -> None:
    read = load("recipe").load_recipe()
    assert read == recipe()
    compute = read["compute"]
    assert compute["training_tokens"] == read["steps"] * read["batch"]["tokens"]
    assert (
        compute["training_flops_estimate"] == 6 * compute["parameters"] * compute["training_tokens"]
    )


@pytest.mark.parametrize(
    "line",
    [
        *("- item", "a: 1\na: 2", "a: {b: 1}", "a: |", "a: &x 1", "a: *x", "a: [1, [2]]"),
        *("a: 'x'", "\tb: 1", "a: 1\n  b: 2", "a:\n   b: 1", "a: b: 1", "a: 0x1f", 'a: "x #"'),
    ],
)
def test_yaml_beyond_the_subset_is_refused(
    load: Callable[[str], ModuleType], tmp_path: Path, line: str
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"^recipe\.yaml:[12]: "):
        load("recipe").load_recipe(path)


@pytest.mark.parametrize(
    "path", sorted(STATIC.rglob("*.py")), ids=lambda path: path.relative_to(STATIC).as_posix()
)
def test_the_code_uses_nothing_that_differs_between_machines(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    own = {file.stem for file in STATIC.rglob("*.py")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            assert node.id not in {"sum", "pow", "hash", "id"}, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id != "math" or node.attr in PLAIN_MATH, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.BinOp):
            assert not isinstance(node.op, ast.Pow), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            top = node.module.partition(".")[0]
            assert top in own | sys.stdlib_module_names, f"{path.name}:{node.lineno}"
            assert top not in {"math", "random", "time", "os"}, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            assert names <= set(sys.stdlib_module_names) - {"random", "time", "os"}
