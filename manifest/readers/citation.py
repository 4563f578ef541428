"""``CITATION.cff``: how a release wants to be cited (Citation File Format 1.2.0)."""

from __future__ import annotations

import dataclasses
from typing import Any

from manifest.display import printable
from manifest.document.yaml_text import parse_yaml
from manifest.readers._bounded import read_whole
from manifest.sources import Source

__all__ = ["Citation", "read_citation"]

_MAX_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Citation:
    """What a citation file says; empty where it says nothing."""

    path: str
    title: str = ""
    version: str = ""
    license: str = ""
    doi: str = ""
    url: str = ""
    date_released: str = ""
    authors: tuple[str, ...] = ()


def read_citation(source: Source, path: str) -> Citation:
    """Read a ``CITATION.cff``.

    Raises:
        DocumentError: Not YAML as `parse_yaml` reads it.
        UndecidedError: It cannot be read.
    """
    data = read_whole(source, path, max_bytes=_MAX_BYTES)
    fields = parse_yaml(data, name=printable(path)).root

    def text(name: str) -> str:
        return _text(fields.get(name))

    authors = fields.get("authors")
    return Citation(
        path=path,
        title=text("title"),
        version=text("version"),
        license=text("license"),
        doi=text("doi"),
        url=text("url") or text("repository-code"),
        date_released=text("date-released"),
        authors=tuple(
            name
            for author in (authors if isinstance(authors, list) else [])
            if isinstance(author, dict) and (name := _author(author))
        ),
    )


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str) else ""


def _author(fields: dict[Any, Any]) -> str:
    own = f"{_text(fields.get('given-names'))} {_text(fields.get('family-names'))}".strip()
    return _text(fields.get("name")) or own
