"""Tests of what a model needs beside its weights: architecture and tokenizer."""

from __future__ import annotations

from typing import Any

from manifest.lint.content.code import is_source, source_code
from manifest.lint.content.sampling import head, head_text, suffix
from manifest.readers._bounded import MAX_JSON, read_json
from manifest.readers.config import read_config
from manifest.sources import Source, SourceFile

__all__ = ["architecture", "tokenizer"]

_SIZES = frozenset(
    {
        "d_model", "dim", "embedding_size", "ffn_dim", "hidden_dim", "hidden_size", "hidden_sizes",
        "intermediate_size", "n_embd", "n_head", "n_heads", "n_layer", "n_layers",
        "num_attention_heads", "num_heads", "num_hidden_layers", "num_layers", "layers",
        "embedding_dim", "context_length", "vocab_size", "n_ctx", "block_size",
    }
)  # fmt: skip
_MIN_VOCABULARY = 2
_MIN_SENTENCEPIECE = 256


def architecture(source: Source, file: SourceFile) -> str:
    """A configuration that names an architecture or at least two of its sizes, or code.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    if is_source(file.path):
        return source_code(source, file)
    if suffix(file.path) == ".json":
        config = read_config(source, file.path)
        if config.is_model or len(_SIZES & set(config.fields)) > 1:
            return ""
        return "names neither an architecture nor its sizes"
    text = head_text(source, file, 1024 * 1024)
    if text is None:
        return "is neither a configuration nor source code"
    named = {line.split(":")[0].strip(" -\"'") for line in text.splitlines() if ":" in line}
    return "" if len(_SIZES & named) > 1 else "names neither an architecture nor its sizes"


def tokenizer(source: Source, file: SourceFile) -> str:
    """Something that turns text into tokens.

    Raises:
        DocumentError, UndecidedError: It cannot be read.
    """
    kind = suffix(file.path)
    if is_source(file.path):
        return source_code(source, file)
    if kind == ".json":
        if file.size > 8 * MAX_JSON:
            return "is too large to be a tokenizer"
        value = read_json(source, file.path, max_bytes=8 * MAX_JSON)
        return "" if _is_vocabulary(value) else "holds neither a tokenizer nor a vocabulary"
    if kind in (".model", ".spm"):
        # A SentencePiece model is a protocol buffer whose first field is a piece.
        start = head(source, file, 4)
        good = start[:1] == b"\n" and file.size >= _MIN_SENTENCEPIECE
        return "" if good else "is not a SentencePiece model"
    if kind in (".txt", ".tiktoken", ".bpe", ".vocab", ".tsv"):
        text = head_text(source, file, 64 * 1024)
        lines = [x for x in (text or "").splitlines() if x.strip()]
        return "" if len(lines) >= _MIN_VOCABULARY else "holds no vocabulary"
    return "is not a tokenizer of a known form"


def _is_vocabulary(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) >= _MIN_VOCABULARY
    if not isinstance(value, dict):
        return False
    model = value.get("model")
    inner = model if isinstance(model, dict) else value
    named = (inner.get(k) for k in ("vocab", "vocabulary", "characters", "tokens", "merges"))
    if any(isinstance(v, dict | list | str) and len(v) >= _MIN_VOCABULARY for v in named):
        return True
    # vocab.json: every token and its number.
    numbers = list(value.values())
    return len(numbers) >= _MIN_VOCABULARY and all(type(n) is int for n in numbers)
