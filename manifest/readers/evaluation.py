"""Evaluation results: the JSON of lm-evaluation-harness, and flat tables of metrics.

The harness writes ``results`` (task to ``metric,filter`` to number), ``versions``, ``config``,
``git_hash`` (EleutherAI/lm-evaluation-harness, docs/interface.md).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import read_json_object, text_of
from manifest.sources import Source

__all__ = ["EvaluationResults", "TaskResult", "read_evaluation_results"]

_MAX_RESULTS = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class TaskResult:
    """One number: task, metric, value, and the task's version where it has one."""

    task: str
    metric: str
    value: float
    version: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class EvaluationResults:
    """What a results file says.

    Attributes:
        path: The file.
        results: The numbers, by task and metric; standard errors are left out.
        harness: ``lm-evaluation-harness`` where the file has its form; else empty.
        git_hash: The harness's commit; empty where it says none.
        model: The model that was measured, as the harness was told; empty where it says none.
    """

    path: str
    results: tuple[TaskResult, ...]
    harness: str = ""
    git_hash: str = ""
    model: str = ""


def read_evaluation_results(source: Source, path: str) -> EvaluationResults:
    """Read a file of evaluation results.

    Raises:
        DocumentError: Not a JSON object, or it holds no result.
        UndecidedError: It cannot be read.
    """
    fields = read_json_object(source, path)
    tasks = fields.get("results")
    if isinstance(tasks, dict) and all(isinstance(v, dict) for v in tasks.values()):
        found = _harness_results(tasks, fields.get("versions"))
        config = fields.get("config")
        is_harness = isinstance(config, dict) and ("versions" in fields or "git_hash" in fields)
        arguments = config.get("model_args") if isinstance(config, dict) else ""
        model = text_of(fields.get("model_name")) or text_of(arguments)
    else:
        found = [
            TaskResult("", str(name), value)
            for name, raw in fields.items()
            if (value := _number(raw)) is not None
        ]
        is_harness, model = False, text_of(fields.get("model_name"))
    if not found:
        raise DocumentError(f"{printable(path)} holds no evaluation result")
    return EvaluationResults(
        path=path,
        results=tuple(found[:_MAX_RESULTS]),
        harness="lm-evaluation-harness" if is_harness else "",
        git_hash=text_of(fields.get("git_hash")),
        model=model,
    )


def _harness_results(tasks: dict[str, dict[str, Any]], versions: Any) -> list[TaskResult]:
    known = versions if isinstance(versions, dict) else {}
    found = []
    for task, metrics in tasks.items():
        version = known.get(task, "")
        for name, raw in metrics.items():
            metric = name.removesuffix(",none")
            value = _number(raw)
            if value is not None and "stderr" not in name:
                found.append(
                    TaskResult(task, metric, value, "" if version is None else str(version))
                )
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
