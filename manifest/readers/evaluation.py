"""Evaluation results: the JSON of lm-evaluation-harness, lists of results, and flat tables.

The harness writes ``results`` (task to ``metric,filter`` to number), ``versions``, ``configs`` (task
to its ``dataset_path`` and splits), ``config``, ``git_hash``, and of late ``lm_eval_version``
(EleutherAI/lm-evaluation-harness, docs/interface.md). A list of results has one object a task, with
``task`` and ``metrics``, beside the ``harness`` and the ``weights`` they are of.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import read_json_object, text_of
from manifest.sources import Source

__all__ = ["EvaluationResults", "TaskResult", "read_evaluation_results"]

_MAX_RESULTS = 10_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
        program: What measured, with its version or commit; empty where one of the two is missing.
        weights: SHA-256 of the weights that were measured; empty where it says none.
        names_data: Whether every task names its data.
    """

    path: str
    results: tuple[TaskResult, ...]
    harness: str = ""
    git_hash: str = ""
    model: str = ""
    program: str = ""
    weights: str = ""
    names_data: bool = False


def read_evaluation_results(source: Source, path: str) -> EvaluationResults:
    """Read a file of evaluation results.

    Raises:
        DocumentError: Not a JSON object, or it holds no result.
        UndecidedError: It cannot be read.
    """
    fields = read_json_object(source, path)
    tasks = fields.get("results")
    is_harness, model, names_data = False, text_of(fields.get("model_name")), False
    if isinstance(tasks, dict) and all(isinstance(v, dict) for v in tasks.values()):
        found = _harness_results(tasks, fields.get("versions"))
        config, configs = fields.get("config"), fields.get("configs")
        is_harness = isinstance(config, dict) and ("versions" in fields or "git_hash" in fields)
        arguments = config.get("model_args") if isinstance(config, dict) else ""
        model = model or text_of(arguments)
        names_data = isinstance(configs, dict) and all(
            isinstance(configs.get(r.task), dict) and bool(configs[r.task].get("dataset_path"))
            for r in found
        )
    elif isinstance(tasks, list) and all(isinstance(v, dict) for v in tasks):
        found = _listed_results(tasks[:_MAX_RESULTS])
        names_data = all(bool(v.get("dataset")) for v in tasks)
    else:
        found = [
            TaskResult("", str(name), value)
            for name, raw in fields.items()
            if (value := _number(raw)) is not None
        ]
    if not found:
        raise DocumentError(f"{printable(path)} holds no evaluation result")
    return EvaluationResults(
        path=path,
        results=tuple(found[:_MAX_RESULTS]),
        harness="lm-evaluation-harness" if is_harness else "",
        git_hash=text_of(fields.get("git_hash")),
        model=model,
        program=_program(fields, is_harness=is_harness),
        weights=_digest(fields.get("weights")),
        names_data=names_data,
    )


def _program(fields: dict[str, Any], *, is_harness: bool) -> str:
    if is_harness:
        version = text_of(fields.get("lm_eval_version")) or text_of(fields.get("git_hash"))
        return f"lm-evaluation-harness {version}" if version else ""
    harness = fields.get("harness")
    if not isinstance(harness, dict):
        return ""
    name, version = (text_of(harness.get(key)) for key in ("name", "version"))
    return f"{name} {version}" if name and version else ""


def _digest(weights: Any) -> str:
    value = text_of(weights.get("sha256") if isinstance(weights, dict) else weights).lower()
    return value if _SHA256.fullmatch(value) else ""


def _listed_results(tasks: list[dict[str, Any]]) -> list[TaskResult]:
    return [
        TaskResult(text_of(entry.get("task")), str(name), value)
        for entry in tasks
        for name, raw in _mapping(entry.get("metrics")).items()
        if (value := _number(raw)) is not None
    ]


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


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
