"""The architecture: a neural language model over characters (Bengio et al., 2003).

The last few characters are looked up in an embedding, the embeddings are joined and
pass through one hidden layer with tanh, and a linear layer gives a score for each
character that could come next:

    x = [E[c1], ..., E[cn]]     h = tanh(x W + b)     scores = h V + d
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from exact import SplitMix64, exp, log, tanh, total
from recipe import CONFIG, read_json
from safetensors_io import Tensor, load

Rows = list[list[float]]


def load_config() -> dict[str, Any]:
    """Read config.json of this release."""
    config: dict[str, Any] = read_json(CONFIG)
    return config


def shapes(config: dict[str, Any]) -> dict[str, list[int]]:
    """Return the shape of each parameter; matrices multiply from the right."""
    joined = config["context_length"] * config["embedding_size"]
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    return {
        "embedding.weight": [vocabulary, config["embedding_size"]],
        "hidden.bias": [hidden],
        "hidden.weight": [joined, hidden],
        "output.bias": [vocabulary],
        "output.weight": [hidden, vocabulary],
    }


def size(shape: list[int]) -> int:
    """Return how many values a tensor of this shape has."""
    count = 1
    for length in shape:
        count *= length
    return count


def initialise(config: dict[str, Any], generator: SplitMix64) -> dict[str, list[float]]:
    """Return fresh parameters: biases zero, weights uniform with variance 1 / inputs."""
    parameters = {}
    for name, shape in shapes(config).items():
        scale = config["initializer_range"]
        if name.endswith("bias"):
            scale = 0.0
        elif name != "embedding.weight":
            scale = math.sqrt(3.0 / shape[0])
        parameters[name] = [scale * (2.0 * generator.uniform() - 1.0) for _ in range(size(shape))]
    return parameters


def rows(values: list[float], width: int) -> Rows:
    """Cut a flat matrix into its rows."""
    return [values[start : start + width] for start in range(0, len(values), width)]


class Model:
    """The parameters, ready to predict and to learn."""

    def __init__(self, config: dict[str, Any], parameters: dict[str, list[float]]) -> None:
        self.context = config["context_length"]
        self.width = config["embedding_size"]
        self.embedding = rows(parameters["embedding.weight"], config["embedding_size"])
        self.hidden_bias = parameters["hidden.bias"]
        self.hidden = rows(parameters["hidden.weight"], config["hidden_size"])
        self.output_bias = parameters["output.bias"]
        self.output = rows(parameters["output.weight"], config["vocab_size"])

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the parameters from a safetensors file."""
        config = load_config()
        return cls(config, parameters_of(load(path), config))

    def activate(self, context: list[int]) -> tuple[list[float], list[float]]:
        """Return the joined embeddings and the hidden layer for one context."""
        joined = [value for token in context for value in self.embedding[token]]
        hidden = self.hidden_bias
        for factor, row in zip(joined, self.hidden):
            hidden = [a + factor * w for a, w in zip(hidden, row)]
        return joined, [tanh(value) for value in hidden]

    def distribute(self, hidden: list[float]) -> list[float]:
        """Return the probability of each next token (softmax of the scores)."""
        scores = self.output_bias
        for factor, row in zip(hidden, self.output):
            scores = [a + factor * w for a, w in zip(scores, row)]
        highest = max(scores)
        weights = [exp(score - highest) for score in scores]
        whole = total(weights)
        return [weight / whole for weight in weights]

    def predict(self, context: list[int]) -> list[float]:
        """Return the probability of each token after `context`."""
        return self.distribute(self.activate(context)[1])

    def learn(self, context: list[int], target: int, gradient: Model) -> float:
        """Add the gradient of one prediction to `gradient`; return its loss in nats."""
        joined, hidden = self.activate(context)
        probabilities = self.distribute(hidden)
        loss = -log(probabilities[target])
        error = probabilities
        error[target] -= 1.0
        gradient.output_bias = [g + e for g, e in zip(gradient.output_bias, error)]
        back = []
        for unit, factor in enumerate(hidden):
            gradient.output[unit] = [g + factor * e for g, e in zip(gradient.output[unit], error)]
            slope = 0.0
            for w, e in zip(self.output[unit], error):
                slope += w * e
            back.append(slope * (1.0 - factor * factor))
        gradient.hidden_bias = [g + e for g, e in zip(gradient.hidden_bias, back)]
        for place, factor in enumerate(joined):
            gradient.hidden[place] = [g + factor * e for g, e in zip(gradient.hidden[place], back)]
            slope = 0.0
            for w, e in zip(self.hidden[place], back):
                slope += w * e
            gradient.embedding[context[place // self.width]][place % self.width] += slope
        return loss

    def parameters(self) -> dict[str, list[float]]:
        """Return the parameters by name, flat."""
        return {
            "embedding.weight": [value for row in self.embedding for value in row],
            "hidden.bias": self.hidden_bias,
            "hidden.weight": [value for row in self.hidden for value in row],
            "output.bias": self.output_bias,
            "output.weight": [value for row in self.output for value in row],
        }


def zeros(config: dict[str, Any]) -> dict[str, list[float]]:
    """Return parameters that are all zero."""
    return {name: [0.0] * size(shape) for name, shape in shapes(config).items()}


def tensors_of(parameters: dict[str, list[float]], config: dict[str, Any]) -> dict[str, Tensor]:
    """Give the parameters their shapes."""
    return {name: Tensor(shape, parameters[name]) for name, shape in shapes(config).items()}


def parameters_of(tensors: dict[str, Tensor], config: dict[str, Any]) -> dict[str, list[float]]:
    """Check the names and shapes of loaded tensors; a mismatch is a ValueError."""
    if {name: tensor.shape for name, tensor in tensors.items()} != shapes(config):
        raise ValueError("the tensors do not have the shapes that config.json gives")
    return {name: tensor.values for name, tensor in tensors.items()}
