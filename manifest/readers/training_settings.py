"""The settings of a training as the file of a framework has them, in the words of a description.

Read are YAML, JSON and TOML, and of Python the assignments of plain values; nothing is run.
"""

from __future__ import annotations

import ast
import dataclasses
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from manifest.display import printable
from manifest.document.yaml_text import parse_yaml
from manifest.errors import DocumentError
from manifest.readers._bounded import read_json_object, read_whole
from manifest.readers.recipe_families import FAMILIES
from manifest.sources import Source

__all__ = ["FilledField", "TrainingSettings", "read_training_settings"]

_MAX_BYTES = 4 * 1024 * 1024
_MAX_FIELDS = 50_000
_MAX_DEPTH = 32
_MAX_TEXT = 200


@dataclasses.dataclass(frozen=True, slots=True)
class FilledField:
    """One field of ``training``, and the place that says it.

    Attributes:
        field: Below ``training``, as ``optimizer.beta1``.
        value: A number as JSON writes it, or a text.
        is_number: Which of the two.
        path: The file.
        line: 1-based; None where the file's format keeps none.
        source: What the file calls it, as ``optimizer.params.betas[0]``.
    """

    field: str
    value: str
    is_number: bool
    path: str
    line: int | None
    source: str

    @property
    def number(self) -> float | None:
        """The value, when it is a number."""
        return float(self.value) if self.is_number else None

    @property
    def place(self) -> str:
        """The file, and the line where it is known."""
        shown = printable(self.path)
        return f"{shown}:{self.line}" if self.line else shown


@dataclasses.dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What one file says of a training.

    Attributes:
        path: The file.
        family: The framework that it is of.
        fields: In the order of their names; one value for each.
    """

    path: str
    family: str
    fields: tuple[FilledField, ...]


def read_training_settings(source: Source, path: str) -> TrainingSettings:
    """Read a recipe of a framework that is known.

    Raises:
        DocumentError: The file cannot be parsed, or is of no framework that is known.
        UndecidedError: It cannot be read.
    """
    raw, lines = _scalars(source, path)
    family = next((f for f in FAMILIES if f.is_of(raw)), None)
    if family is None:
        known = ", ".join(f.name for f in FAMILIES)
        raise DocumentError(
            f"{printable(path)} is no recipe of a framework that is known here",
            remedy=f"write its settings into release.yaml by hand; known are: {known}",
        )
    found: dict[str, FilledField] = {}
    for field, value, name in family.fields(raw):
        is_number = _is_number(field)
        if field in found or (is_number and "." in value and field.startswith("seeds.")):
            continue
        found[field] = FilledField(field, value[:_MAX_TEXT], is_number, path, lines.get(name), name)
    return TrainingSettings(path, family.name, tuple(found[name] for name in sorted(found)))


def _is_number(field: str) -> bool:
    return field not in ("precision", "parallelism", "optimizer.name", "schedule.kind")


def _scalars(source: Source, path: str) -> tuple[Mapping[str, str], Mapping[str, int]]:
    """Every scalar by its path, and the lines that are known."""
    kind = path.rpartition(".")[2].lower()
    if kind == "py":
        return _of_python(source, path)
    lines: dict[str, int] = {}
    if kind == "json":
        root: Any = read_json_object(source, path, max_bytes=_MAX_BYTES)
        leaves = list(_leaves(root, path))
    elif kind == "toml":
        data = read_whole(source, path, max_bytes=_MAX_BYTES)
        try:
            root = tomllib.loads(data.decode())
        except (ValueError, RecursionError) as error:
            raise DocumentError(f"{printable(path)} is not TOML: {printable(str(error))}") from None
        leaves = list(_leaves(root, path))
    elif kind in ("yaml", "yml"):
        document = parse_yaml(read_whole(source, path, max_bytes=_MAX_BYTES), name=printable(path))
        leaves = list(_leaves(document.root, path))
        for name, _ in leaves:
            if (line := document.line(name)) is not None:
                lines[_spelled(name)] = line
    else:
        raise DocumentError(
            f"{printable(path)} is no file that settings are read from",
            remedy="recipes are YAML, JSON, TOML or Python: .yaml, .json, .toml, .py",
        )
    return {_spelled(name): text for name, text in leaves}, lines


def _spelled(name: str) -> str:
    return name.replace("-", "_")


def _leaves(root: Any, path: str) -> Iterator[tuple[str, str]]:
    count = 0
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    while waiting:
        name, node, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise DocumentError(f"{printable(path)} is nested more than {_MAX_DEPTH} levels deep")
        if isinstance(node, Mapping):
            for key, value in node.items():
                waiting.append((f"{name}.{key}" if name else str(key), value, depth + 1))
        elif isinstance(node, list | tuple):
            waiting += ((f"{name}[{i}]", value, depth + 1) for i, value in enumerate(node))
        else:
            count += 1
            if count > _MAX_FIELDS:
                raise DocumentError(f"{printable(path)} has more than {_MAX_FIELDS:,} fields")
            yield name, _text(node)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _of_python(source: Source, path: str) -> tuple[Mapping[str, str], Mapping[str, int]]:
    """What is assigned to names at the top of a program: numbers, texts, products of numbers."""
    text = read_whole(source, path, max_bytes=_MAX_BYTES).decode("utf-8", "replace")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stranger's invalid escapes are not ours to report
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise DocumentError(f"{printable(path)} is not Python that can be parsed") from None
    raw: dict[str, str] = {}
    lines: dict[str, int] = {}
    for node in body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], _constant(node.value)
        if isinstance(target, ast.Name) and value is not None:
            raw[target.id], lines[target.id] = _text(value), node.lineno
    return raw, lines


def _constant(node: ast.expr) -> object:
    """The value of an expression that is plain; None for any other."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value if len(str(node.value)) <= _MAX_TEXT else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _constant(node.left), _constant(node.right)
        if type(left) is int and type(right) is int and abs(left * right) < 10**18:
            return left * right
    return None
