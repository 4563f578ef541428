"""Where a line can be added to a YAML file that a person wrote, without moving anything else.

`dump_yaml` keeps comments but lays a file out anew. These functions find offsets in the text
itself, so that an edit is an insertion and every other byte stays.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from manifest.document.yaml_text import parse_yaml

__all__ = ["Insertion", "Place", "insert", "places", "quote"]

_PLAIN = re.compile(r"[A-Za-z0-9_./+](?:[A-Za-z0-9_./+@ ;()=-]|:(?=[^\s:]))*")
_NOT_TEXT = re.compile(
    r"[-+.]?[0-9][0-9_.,:eExX+-]*|0[xo][0-9a-fA-F]+|true|false|yes|no|on|off|null|y|n|\.?inf|\.?nan",
    re.IGNORECASE,
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a block mapping or sequence can take one more entry.

    Attributes:
        offset: The position in the text, the beginning of a line.
        indent: The column at which its entries begin.
    """

    offset: int
    indent: int


@dataclasses.dataclass(frozen=True, slots=True)
class Insertion:
    """Whole lines to be put at a place, each with a line feed at its end."""

    place: Place
    text: str


def quote(text: str) -> str:
    """A text as a YAML scalar on one line, which every reader of YAML takes for that text."""
    if _PLAIN.fullmatch(text) and not _NOT_TEXT.fullmatch(text) and text == text.strip():
        return text
    return f'"{"".join(_escape(char) for char in text)}"'


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def places(data: bytes, *, name: str) -> Mapping[str, Place]:
    """Where each block mapping and sequence can take one more entry, by its pointer.

    The document itself is the pointer ``""``. Collections in flow style (``[a, b]``) are left out.

    Raises:
        DocumentError: As `parse_yaml`.
    """
    from ruamel.yaml import YAML

    parse_yaml(data, name=name)
    text = data.decode("utf-8")
    found: dict[str, Place] = {}
    _visit(YAML(typ="rt", pure=True).compose(text), "", text, found)
    return found


def _visit(node: Any, pointer: str, text: str, found: dict[str, Place]) -> int:
    """Collect the places below a node; gives the offset of the line after its content."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    is_block = isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value
    if not is_block:
        mark = node.end_mark
        if mark.column == 0 and mark.index > node.start_mark.index:
            return int(mark.index)
        end = text.find("\n", mark.index)
        return len(text) if end < 0 else end + 1
    offset = 0
    for index, entry in enumerate(node.value):
        if isinstance(node, MappingNode):
            key, value = entry
            inner = f"{pointer}.{key.value}" if pointer else str(key.value)
        else:
            value, inner = entry, f"{pointer}[{index}]"
        offset = _visit(value, inner, text, found)
    found[pointer] = Place(offset, node.start_mark.column)
    return offset


def insert(text: str, insertions: list[Insertion]) -> str:
    """Give ``text`` with lines inserted; line endings are those of the text.

    Where several collections end at one offset, the innermost takes its lines first.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    pieces: list[str] = []
    done = 0
    ordered = sorted(insertions, key=lambda item: (item.place.offset, -item.place.indent))
    for insertion in ordered:
        before = text[done : insertion.place.offset]
        pieces.append(before)
        done = insertion.place.offset
        so_far = before or (pieces[-2] if len(pieces) > 1 else "")
        if so_far and not so_far.endswith("\n"):
            pieces.append(newline)
        pieces.append(insertion.text.replace("\n", newline))
    pieces.append(text[done:])
    return "".join(pieces)
