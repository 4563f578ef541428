"""A model or dataset card: the YAML front matter that hubs read, and the text below it.

The fields are those of the Hugging Face model card metadata
(huggingface/hub-docs, modelcard.md and datasetcard.md).
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from typing import Any

from manifest.display import printable
from manifest.document.yaml_events import read_mapping
from manifest.errors import DocumentError
from manifest.readers._bounded import read_text
from manifest.sources import Source

__all__ = ["Card", "CardResult", "front_matter_of", "read_card"]

MAX_FRONT_MATTER = 1024 * 1024
"""The longest front matter read, in bytes; cards with hundreds of results have some 300 kB."""
_MAX_ITEMS = 1000
_MAX_NODES = 60_000  # a card with results of hundreds of tasks has tens of thousands

_DATASET_FIELDS = frozenset(
    {"dataset_info", "configs", "task_categories", "size_categories", "annotations_creators"}
)
_MODEL_FIELDS = frozenset(
    {"pipeline_tag", "library_name", "base_model", "model-index", "model_name"}
)
_FENCE = re.compile(
    r"---[ \t]*(?:\r?\n)(.*?)(?:\r?\n|^)---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)


@dataclasses.dataclass(frozen=True, slots=True)
class CardResult:
    """One number of the card's ``model-index``."""

    task: str
    dataset: str
    metric: str
    value: float


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """What a card says. Texts are empty and tuples empty where it says nothing.

    Attributes:
        path: The file.
        has_front_matter: Whether it begins with front matter.
        license: The license id as written; several are joined as the card lists them.
        license_name, license_link: What a license called ``other`` is.
        base_models: ``base_model``, one or several.
        base_model_relation: finetune, adapter, merge, quantized; as written.
        model_name: The name in ``model-index`` or ``model_name``.
        pipeline_tag, library_name: As written.
        datasets, languages, tags, metrics: Those lists; a single value counts as a list of one.
        results: The numbers of ``model-index``.
        describes_dataset: Whether the fields are those of a dataset's card.
        fields: Names of all fields of the front matter.
        body: The text below the front matter.
        body_line: The 1-based line on which the body begins.
    """

    path: str
    has_front_matter: bool = False
    license: str = ""
    license_name: str = ""
    license_link: str = ""
    base_models: tuple[str, ...] = ()
    base_model_relation: str = ""
    model_name: str = ""
    pipeline_tag: str = ""
    library_name: str = ""
    datasets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    results: tuple[CardResult, ...] = ()
    describes_dataset: bool = False
    fields: tuple[str, ...] = ()
    body: str = ""
    body_line: int = 1

    @property
    def title(self) -> str:
        """The first heading of the body; empty when there is none."""
        found = re.search(r"^#[ \t]+(.+)$", self.body, re.MULTILINE)
        return found[1].rstrip(" \t#").strip() if found else ""


def front_matter_of(text: str) -> tuple[str, str] | None:
    """The front matter of a card and the text below it; None when it has none."""
    found = _FENCE.match(text) if text.startswith("---") else None
    return (found[1], text[found.end() :]) if found else None


def read_card(source: Source, path: str) -> Card:
    """Read a card.

    Raises:
        DocumentError: Not UTF-8, too large, or its front matter is not YAML as `read_mapping`
            reads it.
        UndecidedError: It cannot be read.
    """
    text = read_text(source, path)
    split = front_matter_of(text)
    if split is None:
        return Card(path, body=text)
    front, body = split
    line = text[: len(text) - len(body)].count("\n") + 1
    if not front.strip():
        return Card(path, has_front_matter=True, body=body, body_line=line)
    if len(front) > MAX_FRONT_MATTER:
        raise DocumentError(
            f"{printable(path)}: its front matter has more than {MAX_FRONT_MATTER:,} characters"
        )
    # The fence stands on line 1: an empty line in its place keeps line numbers true.
    fields = _fields(f"\n{front}\n", printable(path))
    if isinstance(fields, DocumentError):
        raise fields
    index = fields.get("model-index")
    results, indexed_name = _results(index if isinstance(index, list) else [])
    return Card(
        path=path,
        has_front_matter=True,
        license=" AND ".join(_texts(fields.get("license"))),
        license_name=_text(fields.get("license_name")),
        license_link=_text(fields.get("license_link")),
        base_models=_texts(fields.get("base_model")),
        base_model_relation=_text(fields.get("base_model_relation")),
        model_name=_text(fields.get("model_name")) or indexed_name,
        pipeline_tag=_text(fields.get("pipeline_tag")),
        library_name=_text(fields.get("library_name")),
        datasets=_texts(fields.get("datasets")),
        languages=_texts(fields.get("language")),
        tags=_texts(fields.get("tags")),
        metrics=_texts(fields.get("metrics")),
        results=results,
        describes_dataset=bool(_DATASET_FIELDS & set(fields)) and not _MODEL_FIELDS & set(fields),
        fields=tuple(str(key) for key in fields),
        body=body,
        body_line=line,
    )


@functools.lru_cache(maxsize=2)
def _fields(front: str, name: str) -> dict[str, Any] | DocumentError:
    """The fields, or why there are none: drafting and linting read the same long card in turn."""
    try:
        return read_mapping(front.encode(), name=name, max_nodes=_MAX_NODES)
    except DocumentError as error:
        return error


def _text(value: Any) -> str:
    text = str(value).strip() if isinstance(value, str) else ""
    return "" if text in {"null", "~"} else text


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(text for item in values[:_MAX_ITEMS] if (text := _text(item)))


def _results(index: list[Any]) -> tuple[tuple[CardResult, ...], str]:
    """The numbers of a ``model-index``, and the first model's name."""
    results: list[CardResult] = []
    name = ""
    for model in index:
        if not isinstance(model, dict):
            continue
        name = name or _text(model.get("name"))
        entries = model.get("results")
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict):
                results.extend(_metrics(entry))
    return tuple(results[:_MAX_ITEMS]), name


def _metrics(entry: dict[Any, Any]) -> list[CardResult]:
    task, dataset, metrics = (entry.get(key) for key in ("task", "dataset", "metrics"))
    task_name = _text(task.get("name")) or _text(task.get("type")) if isinstance(task, dict) else ""
    dataset_name = (
        _text(dataset.get("name")) or _text(dataset.get("type"))
        if isinstance(dataset, dict)
        else ""
    )
    found = []
    for metric in metrics if isinstance(metrics, list) else []:
        if not isinstance(metric, dict):
            continue
        kind = _text(metric.get("type")) or _text(metric.get("name"))
        value = _number(_text(metric.get("value")))
        if kind and value is not None:
            found.append(CardResult(task_name, dataset_name, kind, value))
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
