"""Tests of code: does it parse, and does it do something."""

from __future__ import annotations

import ast
import json
import re
import warnings

from manifest.lint.content.sampling import head_text, suffix
from manifest.sources import Source, SourceFile

__all__ = [
    "MIN_STATEMENTS",
    "defines_something",
    "is_source",
    "library",
    "source_code",
    "training_code",
]

MIN_STATEMENTS = 5
"""Statements besides imports, docstrings and ``pass`` that code must have."""
_MAX_BYTES = 512 * 1024

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
_TRAINING = re.compile(r"loss|grad|optim|backward|epoch|train|step|fit", re.IGNORECASE)
_DEPENDENCY_FILES = re.compile(
    r"(^|/)([^/]*requirements[^/]*\.txt|pyproject\.toml|setup\.(py|cfg)|environment\.ya?ml|[^/]*\.lock"
    r"|pylock[^/]*\.toml|package(-lock)?\.json|Cargo\.toml|go\.(mod|sum)|CMakeLists\.txt|Dockerfile"
    r"|conda[^/]*\.ya?ml|Makefile)$"
)


def is_source(path: str) -> bool:
    """Whether the name is that of a source file."""
    return suffix(path) in _SUFFIXES


def source_code(source: Source, file: SourceFile) -> str:
    """Code that parses and holds a plausible minimum.

    Raises:
        UndecidedError: It cannot be read.
    """
    return _test(source, file)[0]


def training_code(source: Source, file: SourceFile) -> str:
    """Code, as `source_code` asks, that names something that training consists of.

    Raises:
        UndecidedError: It cannot be read.
    """
    reason, text = _test(source, file)
    if not reason and not _TRAINING.search(text):
        return "names no loss, gradient, optimizer, step or fit: it does not train"
    return reason


def library(source: Source, file: SourceFile) -> str:
    """Code, or a list of what must be installed.

    Raises:
        UndecidedError: It cannot be read.
    """
    if _DEPENDENCY_FILES.search(file.path):
        text = head_text(source, file, _MAX_BYTES)
        return "" if text and text.strip() else "lists nothing"
    return source_code(source, file)


def _test(source: Source, file: SourceFile) -> tuple[str, str]:
    if not is_source(file.path):
        return "is not a source file", ""
    text = head_text(source, file, _MAX_BYTES)
    if text is None:
        return "is not text", ""
    kind = suffix(file.path)
    if kind == ".ipynb":
        text = _notebook(text)
        if text is None:
            return "is not a notebook", ""
    if kind in (".py", ".ipynb") and file.size <= _MAX_BYTES:
        return _python(text), text
    lines = [
        x for x in text.splitlines() if x.strip() and x.strip()[:2] not in ("//", "# ", "#", "*")
    ]
    if len(lines) < MIN_STATEMENTS or not _BLOCK.search(text):
        return "holds too little to be code that does anything", text
    return "", text


def _python(text: str) -> str:
    tree = _parse(text)
    if tree is None:
        return "does not parse as Python"
    statements = blocks = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not isinstance(
            node, ast.Import | ast.ImportFrom | ast.Pass
        ):
            constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            statements += not constant
        blocks += isinstance(
            node,
            ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.For | ast.While,
        )
    if statements < MIN_STATEMENTS or not blocks:
        few = f"{statements} statement{'' if statements == 1 else 's'}"
        return f"holds {few} besides imports: too little to be code that does anything"
    return ""


def _parse(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stranger's invalid escapes are not ours to report
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def defines_something(source: Source, file: SourceFile) -> bool:
    """Whether a file is source code that passes `source_code`.

    Raises:
        UndecidedError: It cannot be read.
    """
    return not source_code(source, file)


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
