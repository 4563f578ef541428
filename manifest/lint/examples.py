"""Pieces that the rules' examples are made of."""

from __future__ import annotations

__all__ = ["CARD", "CODE", "CONFIG", "CONFIG_LM", "DATA_CARD", "RECORDS", "TRAIN"]

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

CODE = {
    "training-code": TRAIN,
    "inference-code": '''"""Answers with y = w x."""
import sys

def predict(weight, inputs):
    outputs = []
    for value in inputs:
        output = weight * float(value)
        outputs.append(round(output, 3))
    return outputs

if __name__ == "__main__":
    print(" ".join(str(y) for y in predict(2.0, sys.argv[1:])))
''',
    "evaluation-code": '''"""Measures y = w x on pairs that it has not seen."""
import json

def mean_error(weight, pairs):
    errors = [abs(weight * x - y) for x, y in pairs]
    return sum(errors) / len(errors)

if __name__ == "__main__":
    with open("heldout.json") as file:
        pairs = json.load(file)
    score = mean_error(2.0, pairs)
    print(json.dumps({"mean_error": score}))
''',
    "data-preprocessing-code": '''"""Makes pairs of numbers out of lines of text."""
import sys

def clean(lines):
    seen = set()
    for line in lines:
        text = line.strip().lower()
        if text and text not in seen:
            seen.add(text)
            yield text.split(",")

if __name__ == "__main__":
    for record in clean(sys.stdin):
        sys.stdout.write("\\t".join(record) + "\\n")
''',
    "model-architecture": '''"""y = w x."""

class Line:
    def __init__(self, weight=0.0):
        self.weight = weight

    def forward(self, x):
        product = self.weight * x
        return product

    def gradient(self, x, y):
        difference = self.forward(x) - y
        return 2 * difference * x
''',
}
"""A small program of each kind."""

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
