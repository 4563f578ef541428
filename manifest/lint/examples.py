"""Pieces that the rules' examples are made of."""

from __future__ import annotations

__all__ = ["CARD", "CONFIG", "CONFIG_LM", "DATA_CARD", "RECORDS", "TRAIN"]

TRAIN = '''"""Fits y = w x by gradient descent."""
import json

def train(pairs, steps=100, rate=0.01):
    weight = 0.0
    for step in range(steps):
        for x, y in pairs:
            gradient = 2 * (weight * x - y) * x
            weight -= rate * gradient
    return weight

if __name__ == "__main__":
    print(json.dumps(train([(1, 2), (2, 4)])))
'''

CARD = """---
license: apache-2.0
---
# Sparrow

A small model that answers questions about garden birds. It was trained for two hours on one
processor and is meant for teaching, not for decisions that matter.

## Intended use

Lessons about language models. It knows no birds outside Europe and makes names up when asked
about them. It was not tested with children.

## Limits

Answers longer than a sentence are often wrong.
"""

DATA_CARD = """# Data of Sparrow

Two thousand questions and answers about garden birds. They were written for this project by three
authors between January and March, in English, and reviewed by an ornithologist.

## Collection

Each author wrote about the birds seen that week. Nothing was downloaded or generated.

## Filtering

Questions about rare birds were removed, because their places should stay secret.
"""

CONFIG = '{"architectures": ["SparrowModel"], "model_type": "sparrow", "hidden_size": 8}\n'
CONFIG_LM = '{"architectures": ["SparrowForCausalLM"], "model_type": "sparrow", "vocab_size": 8}\n'

RECORDS = '{"text": "The robin sings in winter too."}\n{"text": "Tits nest in boxes."}\n'
