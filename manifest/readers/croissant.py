"""Croissant metadata of a dataset: JSON-LD whose root is a ``sc:Dataset`` or ``Dataset``.

The format is MLCommons Croissant (docs.mlcommons.org/croissant/docs/croissant-spec.html): name,
license, ``distribution`` (file objects with ``sha256``, and file sets inside them) and
``recordSet``.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import read_json_object, text_of
from manifest.sources import Source

__all__ = ["Croissant", "CroissantFile", "may_be_croissant", "read_croissant"]

_NAME = re.compile(r"(.*[-_.])?croissant([-_.].*)?\.json(ld)?|.*\.croissant\.json", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_ITEMS = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class CroissantFile:
    """A file object of the distribution.

    Attributes:
        name: Its name or id.
        url: Where it lies.
        sha256: Its digest; empty where none is given.
        contained: Whether it lies inside another of them, whose digest covers it.
        is_repository: Whether it stands for a git repository, which has no digest.
    """

    name: str
    url: str = ""
    sha256: str = ""
    contained: bool = False
    is_repository: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Croissant:
    """What Croissant metadata says; texts are empty and tuples empty where it says nothing.

    Attributes:
        path: The file.
        name, description, url, version: Of the dataset.
        license: Its first license, an address or an id as written.
        conforms_to: The version of the format, as an address.
        files: The file objects of the distribution; sets of files inside them are left out.
        record_sets: Names of the record sets.
    """

    path: str
    name: str = ""
    description: str = ""
    url: str = ""
    version: str = ""
    license: str = ""
    conforms_to: str = ""
    files: tuple[CroissantFile, ...] = ()
    record_sets: tuple[str, ...] = ()


def may_be_croissant(path: str) -> bool:
    """Whether a file is Croissant metadata by its name."""
    return bool(_NAME.fullmatch(path.rpartition("/")[2]))


def read_croissant(source: Source, path: str) -> Croissant:
    """Read Croissant metadata.

    Raises:
        DocumentError: Not a JSON object, or not one that describes a dataset in this format.
        UndecidedError: It cannot be read.
    """
    fields = read_json_object(source, path)
    types = {_local(kind) for kind in _list(fields.get("@type"))}
    if "Dataset" not in types or "distribution" not in fields:
        raise DocumentError(
            f"{printable(path)} is no Croissant metadata: it is no Dataset with a distribution"
        )
    entries = [e for e in _list(fields.get("distribution")) if isinstance(e, dict)]
    record_sets = [r for r in _list(fields.get("recordSet")) if isinstance(r, dict)]
    return Croissant(
        path=path,
        name=text_of(fields.get("name")),
        description=text_of(fields.get("description")),
        url=text_of(fields.get("url")),
        version=text_of(fields.get("version")),
        license=_license(fields),
        conforms_to=_first(fields.get("conformsTo")) or _first(fields.get("dct:conformsTo")),
        files=tuple(_file(e) for e in entries if _local(e.get("@type")) == "FileObject"),
        record_sets=tuple(text_of(r.get("name")) or text_of(r.get("@id")) for r in record_sets),
    )


def _file(entry: dict[str, Any]) -> CroissantFile:
    digest = text_of(entry.get("sha256")).lower()
    return CroissantFile(
        name=text_of(entry.get("name")) or text_of(entry.get("@id")),
        url=text_of(entry.get("contentUrl")),
        sha256=digest if _SHA256.fullmatch(digest) else "",
        contained=bool(entry.get("containedIn")),
        is_repository=any("git" in text_of(f) for f in _list(entry.get("encodingFormat"))),
    )


def _license(fields: dict[str, Any]) -> str:
    value = next(iter(_list(fields.get("license"))), "")
    if isinstance(value, dict):  # a CreativeWork
        return text_of(value.get("url")) or text_of(value.get("@id")) or text_of(value.get("name"))
    return text_of(value)


def _first(value: Any) -> str:
    return next((text for item in _list(value) if (text := text_of(item))), "")


def _list(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [] if value is None else [value]
    return items[:_MAX_ITEMS]


def _local(kind: Any) -> str:
    """The last part of a type's name: ``sc:Dataset`` and its full address are both Dataset."""
    return re.split(r"[:/#]", text_of(kind))[-1]
