"""A YAML file as a stream of events, within bounds and without indirection (spec/description.md).

A parser is kept busy by what it is given: by aliases, by depth, by a hundred thousand values, by
mappings as names of fields, whose reading takes twice as long for each level. All of it is refused
here, before anything is built.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from manifest.display import printable
from manifest.errors import DocumentError

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_LINES",
    "MAX_NODES",
    "MAX_SCALAR",
    "Quoted",
    "read_mapping",
]

MAX_BYTES = 1024 * 1024
"""The largest description that is read; one of hundreds of checkpoints is some 100 KB. The parser
reads some 100 KB a second, and a hostile file must not keep it for minutes."""

MAX_NODES = 30_000
"""The most scalars, lists and mappings in a file: ten thousand take a second, and a description of
a thousand checkpoints has some 15,000."""

MAX_DEPTH = 40
MAX_LINES = 60_000
MAX_SCALAR = 64 * 1024
"""The longest single value, in characters; a license that is quoted whole has some 20,000."""


class Quoted(str):
    """A scalar that was quoted, or written as a block: text, whatever it looks like."""

    __slots__ = ()


def read_mapping(
    data: bytes,
    *,
    name: str,
    max_nodes: int = MAX_NODES,
    positions: dict[str, tuple[int, int]] | None = None,
) -> dict[str, Any]:
    """The fields of one YAML mapping: mappings, lists and text, without comments.

    Args:
        data: The file's bytes.
        name: What to call the file in messages.
        max_nodes: The most values that are read.
        positions: Filled with where each field stands: ``components.datasets.license`` to
            1-based line and column.

    Raises:
        DocumentError: Not UTF-8; too large, too deep, or of too many lines or values; more than
            one document, a duplicate key, an anchor, alias or tag, or not a mapping; the message
            names the line.
    """
    text = _text_of(data, name)
    with _told(name):
        root = _built(_events_of(text, name, max_nodes), name, positions)
    if not isinstance(root, dict):
        raise DocumentError(f"{name} must be a mapping of fields, as `name: value`")
    return root


def _text_of(data: bytes, name: str) -> str:
    """The text of a YAML file of bounded size.

    Raises:
        DocumentError: Too many bytes or lines, or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{name} has {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    if (lines := data.count(b"\n")) > MAX_LINES:
        raise DocumentError(f"{name} has {lines:,} lines; at most {MAX_LINES:,} are read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{name} is not UTF-8 (byte {error.start})") from None


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Say in this package's words what the parser has to say of the file called ``name``.

    Raises:
        DocumentError: In the place of any error of the parser.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        yield
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        problem = printable(str(error.problem or error.context or "cannot be read").split("\n")[0])
        raise DocumentError(f"{place}: {problem}", remedy="mend the YAML at that place") from None
    except (YAMLError, ValueError) as error:
        problem = printable(str(error).split("\n")[0])
        raise DocumentError(f"{name} is not YAML: {problem}") from None
    except RecursionError:
        raise DocumentError(f"{name} is nested more than {MAX_DEPTH} levels deep") from None


def _events_of(text: str, name: str, max_nodes: int) -> Iterator[Any]:
    """The parser's events, as long as nothing is indirect or out of bounds.

    Raises:
        DocumentError: An anchor, alias or tag, a field whose name is no text, a second document,
            or more levels, values or characters in one value than are read; with the line.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.events import (
        AliasEvent,
        CollectionEndEvent,
        DocumentStartEvent,
        MappingStartEvent,
        NodeEvent,
        ScalarEvent,
    )

    above: list[int] = []  # nodes so far of each collection that is open; -1 for lists
    documents = nodes = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        problem = remedy = ""
        if isinstance(event, NodeEvent):
            nodes += 1
            if isinstance(event, AliasEvent) or event.anchor:
                problem, remedy = "anchors and aliases are not read", "write the value out"
            if above and above[-1] >= 0:
                above[-1] += 1
            if not isinstance(event, ScalarEvent):
                if above and above[-1] % 2 == 1 and above[-1] > 0 and not problem:
                    problem = "a field's name must be text"
                above.append(0 if isinstance(event, MappingStartEvent) else -1)
            elif len(event.value) > MAX_SCALAR:
                length = f"{len(event.value):,}"
                problem = f"a value of {length} characters; at most {MAX_SCALAR:,} are read"
        elif isinstance(event, CollectionEndEvent):
            above.pop()
        elif isinstance(event, DocumentStartEvent):
            documents += 1
        if getattr(event, "tag", None) is not None and getattr(event, "ctag", None):
            problem, remedy = "tags are not read", "remove the tag"
        elif len(above) > MAX_DEPTH:
            problem = f"nested more than {MAX_DEPTH} levels deep"
        elif documents > 1:
            problem = "a second document begins; one is expected"
        elif nodes > max_nodes:
            problem = f"more than {max_nodes:,} values; no more are read"
        if problem:
            raise DocumentError(f"{name}:{event.start_mark.line + 1}: {problem}", remedy=remedy)
        yield event


def _built(events: Iterator[Any], name: str, positions: dict[str, tuple[int, int]] | None) -> Any:
    """What the events describe; every scalar is text."""
    from ruamel.yaml.events import (
        CollectionEndEvent,
        MappingStartEvent,
        ScalarEvent,
        SequenceStartEvent,
    )

    root: Any = None
    above: list[dict[str, Any] | list[Any]] = []
    keys: list[str | None] = []  # the name that waits for its value, of each collection above
    pointers: list[str] = []
    for event in events:
        value: Any
        if isinstance(event, ScalarEvent):
            text = str(event.value)
            value = Quoted(text) if event.style else text
        elif isinstance(event, MappingStartEvent):
            value = {}
        elif isinstance(event, SequenceStartEvent):
            value = []
        else:
            if isinstance(event, CollectionEndEvent):
                above.pop()
                keys.pop()
                pointers.pop()
            continue
        pointer = ""
        if not above:
            root = value
        elif isinstance(parent := above[-1], list):
            pointer = f"{pointers[-1]}[{len(parent)}]"
            _locate(pointer, event, positions)
            parent.append(value)
        elif (key := keys[-1]) is not None:
            pointer = f"{pointers[-1]}.{key}" if pointers[-1] else key
            parent[key], keys[-1] = value, None
        elif value in parent:
            place = f"{name}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"
            raise DocumentError(f"{place}: duplicate key {printable(value)!r}")
        else:
            keys[-1] = str(value)
            _locate(f"{pointers[-1]}.{value}" if pointers[-1] else value, event, positions)
        if not isinstance(value, str):
            above.append(value)
            keys.append(None)
            pointers.append(pointer)
    return root


def _locate(pointer: str, event: Any, positions: dict[str, tuple[int, int]] | None) -> None:
    if positions is not None:
        positions[str(pointer)] = (event.start_mark.line + 1, event.start_mark.column + 1)
