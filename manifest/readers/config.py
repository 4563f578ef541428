"""``config.json`` of a model: what transformers and its relatives read to build it."""

from __future__ import annotations

import dataclasses
from typing import Any

from manifest.readers._bounded import read_json_object, text_of
from manifest.sources import Source

__all__ = ["ModelConfig", "read_config"]

_CONTEXT_FIELDS = (
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "context_length",
    "seq_length",
)
_MAX_LENGTH = 10**12


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a model's configuration says. Empty or None where it says nothing.

    Attributes:
        path: The file.
        architectures: Class names, as ``BertModel``.
        model_type: As ``bert``.
        dtype: ``torch_dtype`` or ``dtype``.
        vocab_size: Entries of the vocabulary.
        context_length: The longest input in tokens.
        name_or_path: ``_name_or_path``: where the weights were loaded from when it was saved,
            often the base model.
        remote_code: Files beside it whose code ``auto_map`` asks the loader to run.
        remote_repositories: Other repositories whose code ``auto_map`` asks the loader to run.
        quantization: The method of ``quantization_config``, as ``gptq``; empty for none.
        transformers_version: The version of transformers that wrote it.
        fields: Names of all fields.
    """

    path: str
    architectures: tuple[str, ...] = ()
    model_type: str = ""
    dtype: str = ""
    vocab_size: int | None = None
    context_length: int | None = None
    name_or_path: str = ""
    remote_code: tuple[str, ...] = ()
    remote_repositories: tuple[str, ...] = ()
    quantization: str = ""
    transformers_version: str = ""
    fields: tuple[str, ...] = ()

    @property
    def is_model(self) -> bool:
        """Whether it names an architecture."""
        return bool(self.architectures or self.model_type)


def read_config(source: Source, path: str) -> ModelConfig:
    """Read a ``config.json``.

    Raises:
        DocumentError: Not a JSON object, or too large.
        UndecidedError: It cannot be read.
    """
    fields = read_json_object(source, path)
    files, repositories = _auto_map(fields.get("auto_map"), path)
    quantization = fields.get("quantization_config")
    method = ""
    if isinstance(quantization, dict):
        method = text_of(quantization.get("quant_method")) or "quantized"
    architectures = fields.get("architectures")
    return ModelConfig(
        path=path,
        architectures=tuple(text for item in architectures if (text := text_of(item)))
        if isinstance(architectures, list)
        else (),
        model_type=text_of(fields.get("model_type")),
        dtype=text_of(fields.get("torch_dtype")) or text_of(fields.get("dtype")),
        vocab_size=_count(fields.get("vocab_size")),
        context_length=next(
            (n for field in _CONTEXT_FIELDS if (n := _count(fields.get(field))) is not None), None
        ),
        name_or_path=text_of(fields.get("_name_or_path")),
        remote_code=files,
        remote_repositories=repositories,
        quantization=method,
        transformers_version=text_of(fields.get("transformers_version")),
        fields=tuple(fields),
    )


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 < value <= _MAX_LENGTH else None


def _auto_map(value: Any, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files and repositories of ``auto_map``: ``module.Class`` or ``OWNER/NAME--module.Class``."""
    directory = path.rpartition("/")[0]
    prefix = f"{directory}/" if directory else ""
    files: set[str] = set()
    repositories: set[str] = set()
    for target in value.values() if isinstance(value, dict) else ():
        for name in target if isinstance(target, list) else [target]:
            text = text_of(name)
            repository, _, local = text.rpartition("--")
            module = local.rpartition(".")[0]
            if repository:
                repositories.add(repository)
            elif module:
                files.add(f"{prefix}{module.replace('.', '/')}.py")
    return tuple(sorted(files)), tuple(sorted(repositories))
