"""Tests of code: does it parse, does it do something, and is that what its component is for."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Hashable
from typing import cast

from manifest.display import printable
from manifest.errors import BrokenFileError, UndecidedError
from manifest.lint.content.sampling import head_text, suffix
from manifest.lint.content.syntax import Program, read_program
from manifest.sources import Source, SourceFile

__all__ = [
    "KINDS_OF_CODE",
    "MIN_STATEMENTS",
    "MIN_WORK",
    "bare_text",
    "fingerprint",
    "is_about",
    "is_source",
    "library",
    "program_of",
    "source_code",
    "source_for",
]

MIN_STATEMENTS = 5
"""Statements besides imports, docstrings and ``pass`` that code must have."""
MIN_WORK = 3
"""Of these, statements that compute something and can run."""
_MAX_BYTES = 512 * 1024
_MAX_PROGRAMS = 2_000

_SUFFIXES = frozenset(
    [
        ".c",
        ".cc",
        ".cpp",
        ".cu",
        ".cuh",
        ".go",
        ".h",
        ".hpp",
        ".ipynb",
        ".java",
        ".jl",
        ".js",
        ".kt",
        ".lua",
        ".m",
        ".mjs",
        ".mojo",
        ".py",
        ".r",
        ".rs",
        ".scala",
        ".sh",
        ".swift",
        ".ts",
    ]
)
_BLOCK = re.compile(
    r"\b(function|func|fn|def|class|struct|impl|for|while|do|void|template|int main)\b|=>|\(\) *\{"
)
# Words that code of a kind can hardly do without; in names that its live statements use.
KINDS_OF_CODE: dict[str, tuple[str, re.Pattern[str]]] = {
    "training-code": (
        "names no loss, gradient, optimizer, step or fit: it does not train",
        re.compile(r"loss|grad|optim|backward|epoch|train|step|fit", re.IGNORECASE),
    ),
    "inference-code": (
        "names no model, input, prediction or output: it runs no model",
        re.compile(
            r"generat|predict|infer|forward|session|decod|encod|sampl|embed|logit|softmax|output"
            r"|model|weight|pipeline|transcri|detect|classif|chat|complet|respon|repl|answer|translat"
            r"|token|prob|score|input|beam|prompt",
            re.IGNORECASE,
        ),
    ),
    "evaluation-code": (
        "names no score, metric, error or comparison: it measures nothing",
        re.compile(
            r"eval|scor|metric|accura|correct|perplex|ppl|bleu|rouge|f1|auc|recall|precis|bench|test"
            r"|predict|loss|compar|match|baseline|error|mse|rank|label|expect|answer|target|right|hit"
            r"|harness|task|judg|valid|distance|correlat",
            re.IGNORECASE,
        ),
    ),
    "data-preprocessing-code": (
        "names no data, text, record or filter: it prepares nothing",
        re.compile(
            r"clean|filter|dedup|token|normal|split|prepar|process|load|read|write|parse|crawl|scrap"
            r"|download|data|text|record|document|row|sampl|corpus|shard|chunk|extract|augment|resiz"
            r"|batch|hash|line|json|csv|parquet|word|image|audio|feature|mask|transform",
            re.IGNORECASE,
        ),
    ),
}
_COMMENT = re.compile(
    r"/\*.*?\*/|//[^\n]*|(?m:^[ \t]*#(?!include|define|if|pragma)[^\n]*$)", re.DOTALL
)
_DEPENDENCY_FILES = re.compile(
    r"(^|/)([^/]*requirements[^/]*\.txt|pyproject\.toml|setup\.(py|cfg)|environment\.ya?ml|[^/]*\.lock"
    r"|pylock[^/]*\.toml|package(-lock)?\.json|Cargo\.toml|go\.(mod|sum)|CMakeLists\.txt|Dockerfile"
    r"|conda[^/]*\.ya?ml|Makefile)$"
)


def is_source(path: str) -> bool:
    """Whether the name is that of a source file."""
    return suffix(path) in _SUFFIXES


def source_code(source: Source, file: SourceFile) -> str:
    """Code that parses and holds a plausible minimum of work.

    Raises:
        BrokenFileError: It is called Python or a notebook, and does not parse.
        UndecidedError: It cannot be read, or all its work is in functions that nothing calls.
    """
    if not is_source(file.path):
        return "is not a source file"
    if _is_python(file):
        program = program_of(source, file)
        if isinstance(program, str):
            raise BrokenFileError(f"{printable(file.path)} {program}")
        return _too_little(program)
    text = bare_text(source, file)
    if text is None:
        return "is not text"
    lines = [line for line in text.splitlines() if line.strip(" \t{}();")]
    if len(lines) < MIN_STATEMENTS or not _BLOCK.search(text):
        return "holds too little to be code that does anything"
    return ""


def source_for(kind: str, source: Source, file: SourceFile) -> str:
    """Code, as `source_code` asks, that names something that code of its kind consists of.

    Raises:
        BrokenFileError, UndecidedError: As `source_code`.
    """
    if reason := source_code(source, file):
        return reason
    words = _words_of(source, file)
    return "" if is_about(kind, words) else KINDS_OF_CODE[kind][0]


def is_about(kind: str, words: str) -> bool:
    """Whether names are such as code of a kind uses; of kinds without such words, always."""
    return kind not in KINDS_OF_CODE or bool(KINDS_OF_CODE[kind][1].search(words))


def library(source: Source, file: SourceFile) -> str:
    """Code, or a list of what must be installed.

    Raises:
        BrokenFileError, UndecidedError: As `source_code`.
    """
    if _DEPENDENCY_FILES.search(file.path):
        text = head_text(source, file, _MAX_BYTES)
        return "" if text and text.strip() else "lists nothing"
    return source_code(source, file)


def program_of(source: Source, file: SourceFile) -> Program | str:
    """What a file of Python or a notebook does, read once; or why it is neither.

    Raises:
        UndecidedError: It cannot be read.
    """
    known = _programs(cast("Hashable", source))
    if file.path in known:
        return known[file.path]
    found = _read(source, file)
    if len(known) < _MAX_PROGRAMS:
        known[file.path] = found
    return found


@functools.lru_cache(maxsize=1)
def _programs(source: Hashable) -> dict[str, Program | str]:  # noqa: ARG001 - the key, by identity
    return {}


def _read(source: Source, file: SourceFile) -> Program | str:
    text = head_text(source, file, _MAX_BYTES)
    if text is None:
        return "is not text"
    if suffix(file.path) == ".ipynb":
        text = _notebook(text)
        if text is None:
            return "is not a notebook"
    return read_program(text) or "does not parse as Python"


def bare_text(source: Source, file: SourceFile) -> str | None:
    """The beginning of a source file without its comments; None where it is no text.

    Raises:
        UndecidedError: It cannot be read.
    """
    text = head_text(source, file, _MAX_BYTES)
    return None if text is None else _COMMENT.sub(" ", text)


def _is_python(file: SourceFile) -> bool:
    return suffix(file.path) in {".py", ".ipynb"} and file.size <= _MAX_BYTES


def _too_little(program: Program) -> str:
    if program.statements < MIN_STATEMENTS or not program.blocks:
        few = f"{program.statements} statement{'' if program.statements == 1 else 's'}"
        return f"holds {few} besides imports: too little to be code that does anything"
    if program.work >= MIN_WORK:
        return ""
    if program.work + sum(p.work for p in program.idle) >= MIN_WORK:
        raise UndecidedError("runs nothing of the functions that it defines: who does is not said")
    return (
        f"computes in {program.work} of its statements: stubs, constants and what never runs are no "
        "code that does anything"
    )


def _words_of(source: Source, file: SourceFile) -> str:
    if _is_python(file):
        program = program_of(source, file)
        return program if isinstance(program, str) else program.words
    return bare_text(source, file) or ""


def fingerprint(text: str) -> str:
    """A digest of a text that blanks do not change."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()


def _notebook(text: str) -> str | None:
    try:
        cells = json.loads(text)["cells"]
        sources = [c["source"] for c in cells if c["cell_type"] == "code"]
        lines = [
            line
            for s in sources
            for line in ("".join(s) if isinstance(s, list) else s).splitlines()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    # Lines for the shell and for the notebook itself are not Python.
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!", "?")))
