"""YAML that people write, read so that text stays text (spec/description.md, "YAML").

Plain scalars are kept as they are written and become numbers only where the schema asks for a
number: ``version: 1.10`` is the text ``1.10``, an all-digit digest keeps its zeros, and
``12e4567890`` is not a number. Anchors, aliases and tags are refused: they let a small file
stand for a huge one, and say one thing to a person and another to a program. Comments and
quoting are none of a reader's business: `manifest.document.yaml_edit` edits a file that people own
without writing it anew.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from manifest.document.yaml_events import MAX_BYTES, Quoted, read_mapping
from manifest.errors import DocumentError

__all__ = ["MAX_BYTES", "Positions", "YamlDocument", "parse_yaml", "to_plain"]

Positions = Mapping[str, tuple[int, int]]
"""Where each field stands: ``components.datasets.license`` to 1-based line and column."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class YamlDocument:
    """A parsed YAML file: its fields, and where each of them stands.

    Attributes:
        root: The top-level mapping. Every scalar is text; one that is quoted or a block is a
            `Quoted`, which no schema makes a number.
        positions: Where each field stands.
        name: What to call the file in messages.
    """

    __slots__ = ("name", "positions", "root")

    def __init__(self, root: dict[str, Any], positions: Positions, name: str) -> None:
        self.root = root
        self.positions = positions
        self.name = name

    def where(self, pointer: str) -> str:
        """``NAME:LINE: POINTER``, for messages; the nearest known parent gives the line."""
        line = self.line(pointer)
        place = f"{self.name}:{line}" if line else self.name
        return f"{place}: {pointer}" if pointer else place

    def line(self, pointer: str) -> int | None:
        """The 1-based line of ``pointer`` or of its nearest parent; None for the whole file."""
        position = self.position(pointer)
        return position[0] if position else None

    def position(self, pointer: str) -> tuple[int, int] | None:
        """As `line`, with the 1-based column."""
        while pointer:
            if pointer in self.positions:
                return self.positions[pointer]
            pointer = re.sub(r"(\.[^.\[\]]*|\[[0-9]+\]|^[^.\[\]]*)$", "", pointer)
        return None


def parse_yaml(data: bytes, *, name: str) -> YamlDocument:
    """Parse one YAML mapping strictly.

    Args:
        data: The file's bytes.
        name: What to call the file in messages.

    Raises:
        DocumentError: Not UTF-8; too large, too deep, or of too many lines or values; more than
            one document, a duplicate key, an anchor, alias or tag, or not a mapping; the message
            names the line.
    """
    positions: dict[str, tuple[int, int]] = {}
    root = read_mapping(data, name=name, positions=positions)
    return YamlDocument(root, positions, name)


def to_plain(document: YamlDocument, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The document as plain JSON values, each scalar of the type that ``schema`` gives it.

    A scalar stays text where the schema allows only text, and becomes a number, a boolean or
    null where the schema asks for one and it is written as one. Where the schema leaves the type
    open (hyperparameters, ``x-`` fields) plain scalars are read as JSON would write them.

    Raises:
        DocumentError: A number that is not finite.
    """
    plain = _plain(document.root, schema, schema, "", document)
    return dict(plain)


def _plain(
    node: Any, schema: Mapping[str, Any], root: Mapping[str, Any], pointer: str, doc: YamlDocument
) -> Any:
    schema = _dereference(schema, root)
    if isinstance(node, dict):
        result: dict[str, Any] = {}
        for key, value in node.items():
            if not isinstance(key, str):
                raise DocumentError(f"{doc.where(pointer)}: a field's name must be text")
            inner = f"{pointer}.{key}" if pointer else key
            result[str(key)] = _plain(value, _member(schema, key, root), root, inner, doc)
        return result
    if isinstance(node, list):
        items = schema.get("items", {})
        items = items if isinstance(items, Mapping) else {}
        return [_plain(v, items, root, f"{pointer}[{i}]", doc) for i, v in enumerate(node)]
    if node is None:
        return None
    return str(node) if isinstance(node, Quoted) else _scalar(node, schema, pointer, doc)


def _dereference(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(8):
        target = schema.get("$ref", "")
        if not target.startswith("#/"):
            break
        found: Any = root
        for part in target[2:].split("/"):
            found = found[part]
        schema = found
    return schema


def _member(schema: Mapping[str, Any], key: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of field ``key``: its property, or that of the union's branches that have it."""
    properties = schema.get("properties", {})
    branches = [
        inner.get("properties", {}).get(key)
        for branch in schema.get("allOf", ())
        for inner in [_dereference(branch.get("then", branch), root)]
    ]
    for found in (properties.get(key), *branches):
        if isinstance(found, Mapping) and found:
            return found
    rest = schema.get("additionalProperties", {})
    return rest if isinstance(rest, Mapping) else {}


def _scalar(text: str, schema: Mapping[str, Any], pointer: str, doc: YamlDocument) -> Any:
    wanted = schema.get("type", ())
    types = {wanted} if isinstance(wanted, str) else set(wanted)
    if "enum" in schema or "const" in schema or types == {"string"}:
        return text
    if _NOT_FINITE.fullmatch(text):
        raise DocumentError(f"{doc.where(pointer)}: {text} is not a finite number")
    value: Any = text
    if _INTEGER.fullmatch(text):
        value = int(text)
    elif _NUMBER.fullmatch(text) and math.isfinite(float(text)) and len(text) < 40:
        value = float(text)
    elif text in ("true", "false"):
        value = text == "true"
    elif text in ("null", "~"):
        value = None
    if not types or any(_is_a(value, name) for name in types):
        return value
    return text


def _is_a(value: Any, name: str) -> bool:
    match name:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case _:
            return False
