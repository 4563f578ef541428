"""Metadata of a Python package: ``*.dist-info/METADATA`` (core metadata, PEP 566 and 639)."""

from __future__ import annotations

import dataclasses
import re

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers._bounded import read_text
from manifest.sources import Source

__all__ = ["PackageMetadata", "read_package_metadata"]

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Trove classifiers that leave no doubt which license they mean."""
_LONGEST_LICENSE = 100
"""Longer ``License`` fields hold the license's text and not its name."""


@dataclasses.dataclass(frozen=True, slots=True)
class PackageMetadata:
    """What the metadata of a Python package says; empty where it says nothing.

    Attributes:
        path: The file.
        name, version, summary, author: As written.
        license: ``License-Expression``; else a ``License`` field that is a name; else what a
            classifier says.
        homepage: ``Home-page``, or the project address labelled as home page.
        body: The long description.
    """

    path: str
    name: str = ""
    version: str = ""
    summary: str = ""
    author: str = ""
    license: str = ""
    homepage: str = ""
    body: str = ""


def read_package_metadata(source: Source, path: str) -> PackageMetadata:
    """Read a ``METADATA`` or ``PKG-INFO`` file.

    Raises:
        DocumentError: Not such metadata: no ``Metadata-Version`` or no ``Name``.
        UndecidedError: It cannot be read.
    """
    head, _, body = read_text(source, path).replace("\r\n", "\n").partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), []).append(value.strip())

    def first(name: str) -> str:
        values = fields.get(name, ())
        return next((v for v in values if v and v != "UNKNOWN"), "")

    if not first("metadata-version") or not first("name"):
        raise DocumentError(f"{printable(path)} is not the metadata of a Python package")
    declared = first("license")
    return PackageMetadata(
        path=path,
        name=first("name"),
        version=first("version"),
        summary=first("summary"),
        author=first("author") or re.sub(r"<[^<>]*>", "", first("author-email")).strip(),
        license=first("license-expression")
        or (declared if len(declared) <= _LONGEST_LICENSE else "")
        or _classified(fields.get("classifier", [])),
        homepage=first("home-page") or _homepage(fields.get("project-url", [])),
        body=body,
    )


def _classified(classifiers: list[str]) -> str:
    found = {
        _CLASSIFIERS[name]
        for classifier in classifiers
        if classifier.startswith("License ::")
        and (name := classifier.rpartition(" :: ")[2]) in _CLASSIFIERS
    }
    return found.pop() if len(found) == 1 else ""


def _homepage(urls: list[str]) -> str:
    labelled = {}
    for entry in urls:
        label, _, url = entry.partition(",")
        labelled[label.strip().lower()] = url.strip()
    order = ("homepage", "home", "repository", "source", "source code")
    return next((labelled[label] for label in order if label in labelled), "")
