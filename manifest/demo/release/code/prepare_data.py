"""Raw text to training data: normalise, filter, deduplicate, and fix the order.

    python code/prepare_data.py

Reads   data/raw/documents.jsonl, data/eval/*.jsonl, training/recipe.yaml
Writes  tokenizer.json
        data/processed/train.jsonl      the documents that are trained on
        data/processed/decisions.jsonl  every raw document, kept or dropped, and why
        data/order.jsonl                which characters each training step sees
"""

from __future__ import annotations

from typing import Any

from exact import SplitMix64
from recipe import (
    DECISIONS,
    HELDOUT,
    ORDER,
    RAW,
    TRAIN,
    load_recipe,
    read_lines,
    sha256,
    write_lines,
)
from tokenizer import ALPHABET, normalise, write_tokenizer


def windows(text: str, width: int) -> set[str]:
    """Return every stretch of `width` characters."""
    return {text[start : start + width] for start in range(len(text) - width + 1)}


def decide(
    text: str, earlier: dict[str, str], heldout: set[str], rules: dict[str, Any]
) -> tuple[str, str]:
    """Return "kept" or "dropped", and the reason. The rules apply in this order.

    Args:
        text: The normalised text.
        earlier: The identifier of each normalised text that was kept before this one.
        heldout: Every stretch of the evaluation text, as wide as the rules say.
        rules: The thresholds: `filters` in the recipe.
    """
    foreign = len([character for character in text if character not in ALPHABET])
    if len(text) < rules["minimum_characters"]:
        return "dropped", f"{len(text)} characters"
    if foreign > rules["maximum_foreign_share"] * len(text):
        return "dropped", f"{foreign} of {len(text)} characters are outside the alphabet"
    if text in earlier:
        return "dropped", f"duplicate of {earlier[text]}"
    shared = windows(text, rules["contamination_characters"]) & heldout
    if shared:
        return "dropped", f"{len(shared)} stretches shared with the evaluation text"
    return "kept", ""


def select(rules: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the documents to train on, and the decision on every raw document."""
    width = rules["contamination_characters"]
    heldout: set[str] = set()
    for path in HELDOUT.values():
        for record in read_lines(path):
            heldout |= windows(normalise(record["text"]), width)
    earlier: dict[str, str] = {}
    kept: list[dict[str, Any]] = []
    decisions: list[dict[str, Any]] = []
    for record in read_lines(RAW):
        text = normalise(record["text"])
        decision, reason = decide(text, earlier, heldout, rules)
        decisions.append(
            {
                "id": record["id"],
                "source": record["source"],
                "raw_sha256": sha256(record["text"].encode("utf-8")),
                "decision": decision,
                "reason": reason,
            }
        )
        if decision == "kept":
            earlier[text] = record["id"]
            text = "".join(character for character in text if character in ALPHABET)
            kept.append({"id": record["id"], "source": record["source"], "text": text})
    return kept, decisions


def order(documents: list[dict[str, Any]], recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one entry per training step: its sequences and the SHA-256 of their text.

    Each document is cut into consecutive sequences of equal length (a shorter rest at
    its end is left out). An epoch is a random order of all sequences; the next epoch
    begins where they are used up.
    """
    length = recipe["batch"]["sequence_length"]
    places = [
        (document, start)
        for document in documents
        for start in range(0, len(document["text"]) - length + 1, length)
    ]
    generator = SplitMix64(recipe["seeds"]["data_order"])
    waiting: list[int] = []
    epoch = 0
    steps = []
    for step in range(1, recipe["steps"] + 1):
        sequences = []
        chunk = ""
        for _ in range(recipe["batch"]["sequences"]):
            if not waiting:
                waiting = list(range(len(places)))
                generator.shuffle(waiting)
                epoch += 1
            document, start = places[waiting.pop()]
            sequences.append([document["id"], start, start + length])
            chunk += document["text"][start : start + length]
        steps.append(
            {
                "step": step,
                "epoch": epoch,
                "sequences": sequences,
                "sha256": sha256(chunk.encode("utf-8")),
            }
        )
    return steps


def main() -> None:
    """Write the tokenizer, the processed data and the order."""
    recipe = load_recipe()
    documents, decisions = select(recipe["filters"])
    write_tokenizer()
    write_lines(TRAIN, documents)
    write_lines(DECISIONS, decisions)
    write_lines(ORDER, order(documents, recipe))
    print(f"data: {len(documents)} of {len(decisions)} documents kept", flush=True)


if __name__ == "__main__":
    main()
