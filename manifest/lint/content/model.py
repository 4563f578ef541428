"""Tests of what a model needs beside its weights: architecture and tokenizer."""

from __future__ import annotations

from manifest.lint.content.code import is_source, source_code
from manifest.lint.content.sampling import head_text, suffix
from manifest.lint.content.vocabulary import (
    vocabulary_of_json,
    vocabulary_of_lines,
    vocabulary_of_pieces,
)
from manifest.readers._bounded import MAX_JSON
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
        return vocabulary_of_json(source, file)
    if kind in (".model", ".spm"):
        return vocabulary_of_pieces(source, file)
    if kind in (".txt", ".tiktoken", ".bpe", ".vocab", ".tsv"):
        return vocabulary_of_lines(source, file)
    return "is not a tokenizer of a known form"
