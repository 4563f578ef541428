"""Training, and the repetition of a segment of it.

    python code/train.py
        trains from the beginning: checkpoints/, training/log.jsonl, model.safetensors
    python code/train.py --from checkpoints/step100 --to 200 --out DIR
        repeats steps 101 to 200; DIR then equals checkpoints/step200, byte for byte

Between two steps everything that training remembers is held in float32, so that a
checkpoint holds all of it and nothing is lost by stopping there.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exact import SplitMix64, power, to_float32, total
from model import Model, initialise, load_config, parameters_of, tensors_of, zeros
from recipe import (
    CHECKPOINTS,
    ORDER,
    ROOT,
    TRAIN,
    WEIGHTS,
    load_recipe,
    read_json,
    read_lines,
    sha256,
    write_json,
    write_lines,
    write_text,
)
from safetensors_io import encode, load
from tokenizer import Tokenizer

OPTIMIZER = "optimizer.safetensors"
STATE = "trainer_state.json"

Parameters = dict[str, list[float]]


@dataclass
class Trainer:
    """What training remembers between two steps: `step` of them are done."""

    step: int
    parameters: Parameters
    mean: Parameters
    square: Parameters
    generator: SplitMix64


def begin(recipe: dict[str, Any]) -> Trainer:
    """Return the state before the first step."""
    config = load_config()
    generator = SplitMix64(recipe["seeds"]["initialization"])
    parameters = initialise(config, generator)
    parameters = {name: to_float32(values) for name, values in parameters.items()}
    return Trainer(0, parameters, zeros(config), zeros(config), generator)


def resume(directory: Path) -> Trainer:
    """Return the state that a checkpoint holds."""
    config = load_config()
    state = read_json(directory / STATE)
    moments = load(directory / OPTIMIZER)
    mean = {name[5:]: t for name, t in moments.items() if name.startswith("mean.")}
    square = {name[7:]: t for name, t in moments.items() if name.startswith("square.")}
    return Trainer(
        state["step"],
        parameters_of(load(directory / WEIGHTS), config),
        parameters_of(mean, config),
        parameters_of(square, config),
        SplitMix64(int(state["generator"]["state"], 16)),
    )


def save(trainer: Trainer, recipe: dict[str, Any], directory: Path) -> None:
    """Write a checkpoint: weights, optimizer state, and where training stands."""
    config = load_config()
    directory.mkdir(parents=True, exist_ok=True)
    note = {"format": "pt", "model": recipe["model"], "step": str(trainer.step)}
    weights = encode(tensors_of(trainer.parameters, config), note)
    (directory / WEIGHTS).write_bytes(weights)
    moments = {}
    for kind, values in (("mean", trainer.mean), ("square", trainer.square)):
        for name, tensor in tensors_of(values, config).items():
            moments[f"{kind}.{name}"] = tensor
    (directory / OPTIMIZER).write_bytes(encode(moments, note))
    write_json(
        directory / STATE,
        {
            "step": trainer.step,
            "tokens_seen": trainer.step * recipe["batch"]["tokens"],
            "next_order_line": trainer.step + 1,
            "order_sha256": sha256(ORDER.read_bytes()),
            "generator": {"name": "splitmix64", "state": f"{trainer.generator.state:016x}"},
        },
    )


def learning_rate(step: int, recipe: dict[str, Any]) -> tuple[str, float]:
    """Return the stage that a step belongs to, and its learning rate."""
    for name, stage in recipe["schedule"].items():
        first, last = stage["first_step"], stage["last_step"]
        if first <= step <= last:
            start, end = stage["learning_rate_start"], stage["learning_rate_end"]
            return name, start + (end - start) * ((step - first + 1) / (last - first + 1))
    raise ValueError(f"no stage of the recipe holds step {step}")


def batch(entry: dict[str, Any], texts: dict[str, str], context: int) -> list[list[int]]:
    """Return the tokens of a step: each context followed by the token to predict.

    A chunk whose text is not the one that data/order.jsonl names is a ValueError.
    """
    tokenizer = Tokenizer.load()
    chunk = "".join(texts[name][start:end] for name, start, end in entry["sequences"])
    if sha256(chunk.encode("utf-8")) != entry["sha256"]:
        raise ValueError(f"step {entry['step']}: the text is not what data/order.jsonl names")
    examples = []
    for name, start, end in entry["sequences"]:
        tokens = [0] * context + tokenizer.encode(texts[name][:end])
        examples += [tokens[place : place + context + 1] for place in range(start, end)]
    return examples


def update(trainer: Trainer, gradient: Parameters, rate: float, settings: dict[str, Any]) -> None:
    """Make one step of AdamW (Loshchilov and Hutter, 2019), rounded to float32."""
    beta1, beta2 = settings["beta1"], settings["beta2"]
    epsilon = settings["epsilon"]
    keep = 1.0 - rate * settings["weight_decay"]
    correct1 = 1.0 - power(beta1, trainer.step)
    correct2 = 1.0 - power(beta2, trainer.step)
    for name, slopes in gradient.items():
        mean = [beta1 * m + (1.0 - beta1) * g for m, g in zip(trainer.mean[name], slopes)]
        square = [beta2 * s + (1.0 - beta2) * (g * g) for s, g in zip(trainer.square[name], slopes)]
        trainer.mean[name] = to_float32(mean)
        trainer.square[name] = to_float32(square)
        trainer.parameters[name] = to_float32(
            [
                keep * w - rate * (m / correct1) / (math.sqrt(s / correct2) + epsilon)
                for w, m, s in zip(trainer.parameters[name], mean, square)
            ]
        )


def gradient_of(
    model: Model, examples: list[list[int]], config: dict[str, Any], generator: SplitMix64 | None
) -> tuple[Parameters, float]:
    """Return the sum of the gradients of a batch, and of its losses.

    With a generator, gradients are added in an order that it draws and rounded to float32 after
    each, as an accelerator adds them: the sums are then the same but for their last bits.
    """
    if generator is None:
        gradient, loss = Model(config, zeros(config)), 0.0
        for *context, target in examples:
            loss += model.learn(context, target, gradient)
        return gradient.parameters(), loss
    order = list(range(len(examples)))
    generator.shuffle(order)
    sums, loss = zeros(config), 0.0
    for place in order:
        *context, target = examples[place]
        gradient = Model(config, zeros(config))
        loss += model.learn(context, target, gradient)
        for name, values in gradient.parameters().items():
            sums[name] = to_float32([a + b for a, b in zip(sums[name], values)])
    return sums, loss


def train(
    trainer: Trainer,
    last: int,
    recipe: dict[str, Any],
    generator: SplitMix64 | None = None,
) -> list[dict[str, Any]]:
    """Train up to and including step `last`; return a line of the log for each step.

    A generator draws another order of summation; see `gradient_of`.
    """
    config = load_config()
    texts = {record["id"]: record["text"] for record in read_lines(TRAIN)}
    lines = []
    for entry in read_lines(ORDER)[trainer.step : last]:
        examples = batch(entry, texts, config["context_length"])
        model = Model(config, trainer.parameters)
        gradient, loss = gradient_of(model, examples, config, generator)
        trainer.step = entry["step"]
        stage, rate = learning_rate(trainer.step, recipe)
        slopes = {
            name: [value / len(examples) for value in values] for name, values in gradient.items()
        }
        update(trainer, slopes, rate, recipe["optimizer"])
        lines.append(
            {
                "step": trainer.step,
                "stage": stage,
                "loss": round(loss / len(examples), 6),
                "learning_rate": round(rate, 9),
                "tokens_seen": trainer.step * recipe["batch"]["tokens"],
            }
        )
    return lines


def train_all(recipe: dict[str, Any]) -> None:
    """Train from the beginning, with a checkpoint before the first step and every N steps."""
    trainer = begin(recipe)
    log: list[dict[str, Any]] = []
    index = ["step,stage,tokens_seen,directory,weights_sha256"]
    for last in range(0, recipe["steps"] + 1, recipe["checkpoint_every"]):
        log += train(trainer, last, recipe)
        directory = CHECKPOINTS / f"step{last}"
        save(trainer, recipe, directory)
        weights = (directory / WEIGHTS).read_bytes()
        stage = log[-1]["stage"] if log else "initial"
        tokens = last * recipe["batch"]["tokens"]
        index.append(f"{last},{stage},{tokens},checkpoints/step{last},{sha256(weights)}")
        recent = [line["loss"] for line in log[-20:]]
        if recent:
            loss = total(recent) / len(recent)
            print(f"train: step {last} of {recipe['steps']}, loss {loss:.3f}", flush=True)
    (ROOT / WEIGHTS).write_bytes(weights)
    write_text(CHECKPOINTS / "index.csv", "\n".join(index) + "\n")
    write_lines(ROOT / "training" / "log.jsonl", log)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train, or repeat a segment of the training.")
    parser.add_argument("--from", dest="start", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--to", type=int, help="the last step of the segment")
    parser.add_argument("--out", type=Path, help="where to write the checkpoint at that step")
    parser.add_argument(
        "--sum-seed", type=int, help="add gradients in an order drawn from this seed, in float32"
    )
    options = parser.parse_args()
    recipe = load_recipe()
    if options.start is None:
        train_all(recipe)
        return
    if options.to is None or options.out is None:
        parser.error("--from needs --to and --out")
    trainer = resume(options.start)
    if not trainer.step < options.to <= recipe["steps"]:
        parser.error(f"--to must lie after step {trainer.step}, and not after {recipe['steps']}")
    generator = None if options.sum_seed is None else SplitMix64(options.sum_seed)
    train(trainer, options.to, recipe, generator)
    save(trainer, recipe, options.out)


if __name__ == "__main__":
    main()
