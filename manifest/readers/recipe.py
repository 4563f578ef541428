"""Training configuration: YAML and JSON whose fields are those of a recipe."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from manifest.display import printable
from manifest.document.yaml_text import parse_yaml
from manifest.errors import DocumentError
from manifest.readers._bounded import read_json_object, read_whole
from manifest.sources import Source

__all__ = ["Recipe", "Setting", "read_recipe"]

_MAX_BYTES = 1024 * 1024
_MAX_FIELDS = 5000
_MAX_TEXT = 1000
_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}")

_TRAINING_WORDS = frozenset(
    {
        "batch_size", "betas", "dropout", "epochs", "global_batch_size",
        "gradient_accumulation_steps", "grad_clip", "learning_rate", "learning_rate_schedule",
        "lr", "lr_scheduler", "lr_scheduler_type", "max_duration", "max_steps", "momentum",
        "num_epochs", "num_train_epochs", "num_training_steps", "optim", "optimizer",
        "per_device_train_batch_size", "scheduler", "total_steps", "train_batch_size",
        "train_micro_batch_size_per_gpu", "training_steps", "warmup", "warmup_ratio",
        "warmup_steps", "weight_decay", "zero_optimization",
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One value of a configuration: its path, as ``optimizer.name``, its text, and its line.

    The line is 1-based; None where the file's format keeps none.
    """

    pointer: str
    text: str
    line: int | None = None

    @property
    def name(self) -> str:
        """The last part of its path, in lower case."""
        return self.pointer.rpartition(".")[2].lower()

    @property
    def number(self) -> float | None:
        """The value as a finite number; None when it is none."""
        try:
            value = float(self.text.replace("_", ""))
        except ValueError:
            return None
        return value if math.isfinite(value) else None


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """What a training configuration says.

    Attributes:
        path: The file.
        training_fields: Which of its fields are those of a training recipe, sorted.
        seeds: Fields whose name says that they are a seed, by their path, as ``data.seed``.
        fields: Names of its top-level fields.
        settings: Every value that is text, a number or a truth value, in the file's order.
    """

    path: str
    training_fields: tuple[str, ...] = ()
    seeds: Mapping[str, int] = dataclasses.field(default_factory=dict)
    fields: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def is_training(self) -> bool:
        """Whether at least two fields speak of training: one alone proves little."""
        return len(self.training_fields) > 1


def read_recipe(source: Source, path: str) -> Recipe:
    """Read a configuration file and say which of its fields are about training.

    Raises:
        DocumentError: Neither a YAML mapping nor a JSON object, or too large.
        UndecidedError: It cannot be read.
    """
    document = None
    if path.endswith(".json"):
        root: Any = read_json_object(source, path, max_bytes=_MAX_BYTES)
    else:
        data = read_whole(source, path, max_bytes=_MAX_BYTES)
        document = parse_yaml(data, name=printable(path))
        root = document.root
    words: set[str] = set()
    seeds: dict[str, int] = {}
    settings: list[Setting] = []
    for count, (pointer, value) in enumerate(_leaves(root, "")):
        if count > _MAX_FIELDS:
            raise DocumentError(f"{printable(path)} has more than {_MAX_FIELDS:,} fields")
        parts = pointer.split(".")
        words.update(part for part in parts if part in _TRAINING_WORDS)
        number = _natural(value)
        if number is not None and re.search(r"(^|_)seed$", parts[-1]):
            seeds[pointer] = number
        if isinstance(value, str | int | float):
            line = document.line(pointer) if document else None
            settings.append(Setting(pointer, str(value)[:_MAX_TEXT], line))
    fields = tuple(str(key) for key in root)
    return Recipe(path, tuple(sorted(words)), seeds, fields, tuple(settings))


def _leaves(node: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Every value that is not a mapping, with its path; lists are not entered."""
    for key, value in node.items():
        inner = f"{pointer}.{key}" if pointer else str(key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, inner)
        else:
            yield inner, value


def _natural(value: Any) -> int | None:
    if type(value) is int and 0 <= value < 2**63:
        return value
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else None
