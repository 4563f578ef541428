"""Inference: go on from a prompt, character by character.

    python code/generate.py
        writes samples.jsonl from the prompts and the seed of the recipe
    python code/generate.py --prompt "the old " --length 120 --seed 7 --temperature 0.7
        prints one continuation

The generator and its seeds belong to the release, so the samples repeat like the training.
"""

from __future__ import annotations

import argparse

from exact import SplitMix64, exp, log, total
from model import Model
from recipe import ROOT, WEIGHTS, load_recipe, write_lines
from tokenizer import Tokenizer, normalise


def generate(
    model: Model, prompt: str, *, length: int, temperature: float, generator: SplitMix64
) -> str:
    """Return `length` characters that follow the prompt.

    Each is drawn with the probability that the model gives it, to the power
    1 / temperature: below 1.0 the likely become likelier.
    """
    tokenizer = Tokenizer.load()
    context = [0] * model.context + tokenizer.encode(normalise(prompt))
    drawn = []
    for _ in range(length):
        probabilities = model.predict(context[-model.context :])
        weights = [exp(log(p) / temperature) for p in probabilities[1:]]  # never the start token
        mark = generator.uniform() * total(weights)
        token = len(weights)
        for candidate, weight in enumerate(weights, start=1):
            mark -= weight
            if mark < 0.0:
                token = candidate
                break
        context.append(token)
        drawn.append(token)
    return tokenizer.decode(drawn)


def main() -> None:
    """Write the samples of the release, or print one continuation."""
    parser = argparse.ArgumentParser(description="Go on from a prompt.")
    parser.add_argument("--prompt", help="the text to go on from")
    parser.add_argument("--length", type=int, default=200, help="how many characters")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.7)
    options = parser.parse_args()
    model = Model.load(ROOT / WEIGHTS)
    if options.prompt is not None:
        text = generate(
            model,
            options.prompt,
            length=options.length,
            temperature=options.temperature,
            generator=SplitMix64(options.seed),
        )
        print(options.prompt + text)
        return
    recipe = load_recipe()
    settings = recipe["samples"]
    samples = []
    for number, prompt in enumerate(settings["prompts"]):
        seed = recipe["seeds"]["sampling"] + number
        text = generate(
            model,
            prompt,
            length=settings["length"],
            temperature=settings["temperature"],
            generator=SplitMix64(seed),
        )
        sample = {"prompt": prompt, "seed": seed, "temperature": settings["temperature"]}
        samples.append({**sample, "text": text})
    write_lines(ROOT / "samples.jsonl", samples)
    print(f"samples: {len(samples)} written", flush=True)


if __name__ == "__main__":
    main()
