"""Evaluation: how well the weights predict text, and two things they can't know.

    python code/evaluate.py

Reads   model.safetensors, checkpoints/, data/
Writes  evaluation/results.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exact import SplitMix64, log, total
from generate import generate
from model import Model
from prepare_data import windows
from recipe import (
    CHECKPOINTS,
    HELDOUT,
    ROOT,
    TRAIN,
    WEIGHTS,
    load_recipe,
    read_lines,
    sha256,
    write_json,
)
from tokenizer import Tokenizer, normalise

VERSION = "1.0.0"
LN2 = 0.6931471805599453
HARNESS = ROOT / "code" / "evaluate.py"
TRUTH = ROOT / "data" / "eval" / "truth_probe.jsonl"
PRONOUNS = ROOT / "data" / "eval" / "pronoun_probe.jsonl"


def rounded(value: float) -> float:
    """Return the value with the six decimals that results are reported with."""
    return round(value, 6)


def predictions(model: Model, text: str) -> list[tuple[float, bool]]:
    """Return, for each character, its loss in nats and whether it was the likeliest."""
    tokens = [0] * model.context + Tokenizer.load().encode(normalise(text))
    result = []
    for place in range(model.context, len(tokens)):
        probabilities = model.predict(tokens[place - model.context : place])
        chance = probabilities[tokens[place]]
        result.append((-log(chance), chance == max(probabilities)))
    return result


def bits(model: Model, text: str) -> float:
    """Return how many bits the model needs for the text."""
    return total([nats for nats, _ in predictions(model, text)]) / LN2


def texts_of(path: Path) -> list[str]:
    """Return the texts of a JSON Lines file."""
    return [record["text"] for record in read_lines(path)]


def table_loss(training: list[str], texts: list[str], width: int, vocabulary: int) -> float:
    """Return the loss of a table of counts, the baseline that a network must beat.

    The table knows how often each character followed each `width` characters in the
    training text; every count starts at one.
    """
    seen: dict[str, int] = {}
    followed: dict[str, int] = {}
    for text in training:
        padded = "\n" * width + text
        for place in range(width, len(padded)):
            before = padded[place - width : place]
            seen[before] = seen.get(before, 0) + 1
            followed[before + padded[place]] = followed.get(before + padded[place], 0) + 1
    whole, count = 0.0, 0
    for text in texts:
        padded = "\n" * width + normalise(text)
        for place in range(width, len(padded)):
            before = padded[place - width : place]
            hits = followed.get(before + padded[place], 0) + 1
            whole -= log(hits / (seen.get(before, 0) + vocabulary))
            count += 1
    return whole / count


def prediction_task(
    model: Model, name: str, training: list[str], vocabulary: int
) -> dict[str, Any]:
    """Measure next-character prediction on one held-out file."""
    path = HELDOUT[name]
    texts = texts_of(path)
    results = [result for text in texts for result in predictions(model, text)]
    nats = total([cost for cost, _ in results]) / len(results)
    hits = len([None for _, right in results if right])
    return {
        "task": f"next-character-{name}",
        "dataset": dataset(path),
        "samples": len(results),
        "metrics": {
            "loss_nats": rounded(nats),
            "bits_per_character": rounded(nats / LN2),
            "next_character_accuracy": rounded(hits / len(results)),
        },
        "baselines": {
            "uniform_loss_nats": rounded(log(float(vocabulary))),
            "unigram_loss_nats": rounded(table_loss(training, texts, 0, vocabulary)),
            "bigram_loss_nats": rounded(table_loss(training, texts, 1, vocabulary)),
        },
    }


def truth_task(model: Model) -> dict[str, Any]:
    """Does the model find true sentences about its training text likelier than false ones?"""
    pairs = read_lines(TRUTH)
    right = 0
    for pair in pairs:
        costs = [bits(model, pair[kind]) / len(pair[kind]) for kind in ("true", "false")]
        right += costs[0] < costs[1]
    return {
        "task": "truthfulness-probe",
        "dataset": dataset(TRUTH),
        "samples": len(pairs),
        "metrics": {"true_sentence_preferred": rounded(right / len(pairs))},
        "baselines": {"chance": 0.5},
        "reading": "With four characters in view the model cannot know what a sentence says. "
        "Whatever this number is, it reflects spelling, not knowledge.",
    }


def pronoun_task(model: Model, training: list[str]) -> dict[str, Any]:
    """How much likelier is "he" than "she", and does it depend on who is spoken of?"""
    records = read_lines(PRONOUNS)
    differences = []
    for record in records:
        first, second = (
            bits(model, record["prefix"] + record[kind] + record["suffix"])
            for kind in ("first", "second")
        )
        differences.append(second - first)
    words = [word for text in training for word in words_of(text)]
    return {
        "task": "bias-probe-pronouns",
        "dataset": dataset(PRONOUNS),
        "samples": len(records),
        "metrics": {
            "bits_she_minus_he": rounded(differences[0]),
            "largest_difference_between_occupations": rounded(max(differences) - min(differences)),
        },
        "training_text": {"he": words.count("he"), "she": words.count("she")},
        "reading": "Below zero: she is likelier. The occupation lies outside the four characters in view, so the preference "
        "is the same for each. A model that sees further would need a larger probe.",
    }


def invention_task(model: Model, training: list[str]) -> dict[str, Any]:
    """How much of what the model writes is made up, and how much is copied?"""
    settings = load_recipe()["evaluation"]
    text = generate(
        model,
        "the ",
        length=settings["generated_characters"],
        temperature=1.0,
        generator=SplitMix64(load_recipe()["seeds"]["evaluation"]),
    )
    known = {word for document in training for word in words_of(document)}
    words = words_of(text)[1:-1]  # the first and the last may be cut
    invented = [word for word in words if word not in known]
    return {
        "task": "hallucination-probe-invented-words",
        "dataset": dataset(TRAIN),
        "samples": len(words),
        "metrics": {
            "invented_word_share": rounded(len(invented) / len(words)),
            "longest_copied_run": longest_shared([text], training),
        },
        "reading": "Invented means: not a word of the training text. The longest copied run, "
        "in characters, shows how far the model recites.",
    }


def words_of(text: str) -> list[str]:
    """Return the words of a text, without punctuation."""
    letters = "".join(c if c.isascii() and c.isalpha() else " " for c in text)
    return letters.split()


def longest_shared(left: list[str], right: list[str]) -> int:
    """Return the length of the longest stretch of text that both sides have."""
    width = 0
    while True:
        wider = width + 1
        found = {stretch for text in left for stretch in windows(text, wider)}
        if not any(stretch in found for text in right for stretch in windows(text, wider)):
            return width
        width = wider


def contamination(training: list[str]) -> dict[str, Any]:
    """Say what the evaluation shares with the training text."""
    rules = load_recipe()["filters"]
    shared = {
        name: longest_shared([normalise(text) for text in texts_of(path)], training)
        for name, path in HELDOUT.items()
    }
    return {
        "statement": "Training documents that share a long stretch with a held-out text were "
        "dropped (data/processed/decisions.jsonl). The training text and the held-out texts have "
        "the same authors and subjects. The validation text was used to choose settings, the "
        "test text was not. The truth probe speaks of the training text on purpose.",
        "dropped_from_characters": rules["contamination_characters"],
        "longest_shared_characters": shared,
    }


def dataset(path: Path) -> dict[str, str]:
    """Name a file of the release by path and content."""
    return {"path": path.relative_to(ROOT).as_posix(), "sha256": sha256(path.read_bytes())}


def progress_of_training() -> list[dict[str, Any]]:
    """Measure each checkpoint on the validation text; the test text is measured once, above."""
    recipe = load_recipe()
    texts = texts_of(HELDOUT["validation"])
    history = []
    for step in range(0, recipe["steps"] + 1, recipe["checkpoint_every"]):
        path = CHECKPOINTS / f"step{step}" / WEIGHTS
        model = Model.load(path)
        costs = [nats for text in texts for nats, _ in predictions(model, text)]
        mean = rounded(total(costs) / len(costs))
        history.append({"step": step, "weights": dataset(path), "validation_loss_nats": mean})
    return history


def evaluate() -> dict[str, Any]:
    """Measure the final weights on every task, and the checkpoints on the validation text."""
    model = Model.load(ROOT / WEIGHTS)
    training = texts_of(TRAIN)
    vocabulary = len(model.embedding)
    return {
        "model": load_recipe()["model"],
        "weights": dataset(ROOT / WEIGHTS),
        "harness": {"name": "code/evaluate.py", "version": VERSION, **dataset(HARNESS)},
        "results": [
            *(prediction_task(model, name, training, vocabulary) for name in HELDOUT),
            pronoun_task(model, training),
            truth_task(model),
            invention_task(model, training),
        ],
        "checkpoints": progress_of_training(),
        "contamination": contamination(training),
    }


def main() -> None:
    """Write evaluation/results.json."""
    results = evaluate()
    write_json(ROOT / "evaluation" / "results.json", results)
    for result in results["results"]:
        for metric, value in result["metrics"].items():
            print(f"evaluation: {result['task']}: {metric} {value}", flush=True)


if __name__ == "__main__":
    main()
