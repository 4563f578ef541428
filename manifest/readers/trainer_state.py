"""``trainer_state.json``: what the transformers Trainer keeps beside a checkpoint."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import MAX_JSON, read_json_object
from manifest.sources import Source

__all__ = ["TrainerState", "read_trainer_state"]


@dataclasses.dataclass(frozen=True, slots=True)
class TrainerState:
    """What a trainer's state says; None where it says nothing.

    Attributes:
        path: The file.
        global_step: Optimizer steps taken.
        max_steps: Optimizer steps planned.
        epoch: Passes over the data, a fraction while one is under way.
        train_batch_size: Sequences in a batch of one device.
        total_flos: Floating-point operations, as the Trainer estimates them.
        log_steps: The steps of the log's entries, in their order.
    """

    path: str
    global_step: int | None = None
    max_steps: int | None = None
    epoch: float | None = None
    train_batch_size: int | None = None
    total_flos: float | None = None
    log_steps: tuple[int, ...] = ()


def read_trainer_state(source: Source, path: str) -> TrainerState:
    """Read a ``trainer_state.json``.

    Raises:
        DocumentError: Not a JSON object with ``global_step`` or ``log_history``.
        UndecidedError: It cannot be read.
    """
    fields = read_json_object(source, path, max_bytes=4 * MAX_JSON)
    if "global_step" not in fields and "log_history" not in fields:
        raise DocumentError(f"{printable(path)} is not the state of a trainer")
    log = fields.get("log_history")
    entries = log if isinstance(log, list) else []
    return TrainerState(
        path=path,
        global_step=_natural(fields.get("global_step")),
        max_steps=_natural(fields.get("max_steps")),
        epoch=_number(fields.get("epoch")),
        train_batch_size=_natural(fields.get("train_batch_size")),
        total_flos=_number(fields.get("total_flos")),
        log_steps=tuple(
            step
            for entry in entries
            if isinstance(entry, dict) and (step := _natural(entry.get("step"))) is not None
        ),
    )


def _natural(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
