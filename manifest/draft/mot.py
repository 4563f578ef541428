"""A description made of a declaration for the Model Openness Tool (spec/description.md).

Everything that a description has a field for goes there, with a comment that says which field of
the file it comes from; everything else is kept under ``x-mot``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from manifest.document.description import Description, parse_description
from manifest.document.schema import load_schema
from manifest.document.yaml_edit import quote
from manifest.readers.mot import UNLICENSED, MotComponent, MotRelease

__all__ = ["describe_mot", "mot_text"]

_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.ASCII)
_MAX = {"name": 200, "version": 100, "producer": 200, "license": 500, "text": 20_000, "url": 4096}
_TYPES = ("code", "data", "document")
_DECLARED = "Declared to the Model Openness Tool."


def describe_mot(
    release: MotRelease, *, source_name: str, described_by: str = "third-party"
) -> Description:
    """The description of `mot_text`, parsed.

    Raises:
        DocumentError: The name of the release is none that a description can have.
    """
    text = mot_text(release, source_name=source_name, described_by=described_by)
    return parse_description(text.encode())


def mot_text(release: MotRelease, *, source_name: str, described_by: str = "third-party") -> str:
    """The text of a ``release.yaml`` that says what the file says.

    Args:
        release: What the file declares.
        source_name: The file's name, for a comment.
        described_by: ``publisher`` or ``third-party``.
    """
    left: dict[str, Any] = dict(release.fields)
    lines = [
        f"# yaml-language-server: $schema={load_schema('description')['$id']}",
        f"# Made of {quote(source_name)}, a declaration for the Model Openness Tool. Each comment names",
        "# the field of that file; what has no place in a description is kept under x-mot.",
        'schema_version: "1.0"',
        f"name: {quote(release.name)}  # release.name",
    ]
    version = release.text("version")
    if version and len(version) <= _MAX["version"]:
        del left["version"]
        lines.append(f"version: {quote(version)}  # release.version")
    else:
        lines.append("version: unversioned  # the file gives none")
    lines.append(f"described_by: {described_by}")
    producer = release.text("producer")
    if producer and len(producer) <= _MAX["producer"]:
        del left["producer"]
        lines.append(f"publisher: {quote(producer)}  # release.producer")
    lines += _homepage(release, left)
    if architecture := release.text("architecture"):
        del left["architecture"]
        lines += ["", "model:", f"  architecture: {quote(architecture)}  # release.architecture"]
    kept: list[tuple[str, Any]] = [("source", source_name), ("framework", release.framework)]
    lines += _licenses(release, kept)
    used = {c.kind.id: c for c in release.components if c.kind is not None}
    if used:
        lines += ["", "components:  # release.components"]
    for id_, component in used.items():
        lines += _component(id_, component)
    rest = [
        dict(c.fields) for c in release.components if c.kind is None or used[c.kind.id] is not c
    ]
    kept += [("release", left), ("components", rest), ("others", release.others)]
    lines += ["", "x-mot:  # what has no place above", *_plain_lines(dict(kept), 1)]
    return "\n".join(lines) + "\n"


def _homepage(release: MotRelease, left: dict[str, Any]) -> Iterator[str]:
    for field in ("repository", "huggingface"):
        address = release.text(field)
        if _URL.fullmatch(address) and len(address) <= _MAX["url"]:
            del left[field]
            yield f"homepage: {quote(address)}  # release.{field}"
            return


def _licenses(release: MotRelease, kept: list[tuple[str, Any]]) -> Iterator[str]:
    links = dict(release.license_links)
    too_long = {k: v for k, v in release.licenses.items() if len(v) > _MAX["license"]}
    if distribution := release.licenses.get("distribution"):
        yield ""
        yield f"license: {_license(distribution)}  # release.license.distribution.name"
        if link := links.pop("distribution", ""):
            yield f"license_link: {quote(link)}  # release.license.distribution.path"
    by_type = [t for t in _TYPES if release.licenses.get(t)]
    if by_type:
        yield ""
        yield "licenses:"
        for type_ in by_type:
            name = _license(release.licenses[type_])
            yield f"  {type_}: {name}  # release.license.{type_}.name"
    kept.append(("license_paths", links))
    kept.append(("license_names", too_long))


def _license(name: str) -> str:
    """A license's name as a field; one that is longer than a field may be says nothing."""
    return quote(name) if len(name) <= _MAX["license"] else "other"


def _component(id_: str, component: MotComponent) -> Iterator[str]:
    left = {k: v for k, v in component.fields.items() if k != "name"}
    yield f"  {id_}:"
    said = component.text("description")
    if 0 < len(said) <= _MAX["text"]:
        del left["description"]
        yield f"    description: {quote(said)}"
    else:
        yield f"    description: {_DECLARED}"
    path = component.text("component_path")
    if _URL.fullmatch(path) and len(path) <= _MAX["url"]:
        del left["component_path"]
        yield "    references:"
        yield f"      - {{type: url, url: {quote(path)}}}  # component_path"
    if component.license is not None:
        if len(component.license) <= _MAX["license"]:
            left.pop("license", None)
        if component.license in UNLICENSED:
            word = component.license or "empty"
            yield f"    license: NONE  # license is {word}: not even the release's covers it"
        else:
            yield f"    license: {_license(component.license)}"
    link = component.text("license_path")
    if _URL.fullmatch(link) and len(link) <= _MAX["url"]:
        del left["license_path"]
        yield f"    license_link: {quote(link)}  # license_path"
    if component.name != component.kind.title if component.kind else False:
        left["name"] = component.name
    left = {k: v for k, v in left.items() if not _is_empty(v)}
    if left:
        yield "    x-mot:"
        yield from _plain_lines(left, 3)


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", {}, [])


def _plain_lines(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    """A mapping of texts, lists and mappings as lines of YAML; what is empty is left out."""
    indent = "  " * depth
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            inner = list(_plain_lines(entry, depth + 1))
            if inner:
                yield f"{indent}{quote(key)}:"
                yield from inner
        elif isinstance(entry, list):
            if entry:
                yield f"{indent}{quote(key)}:"
                for item in entry:
                    yield from _item_lines(item, depth + 1)
        elif entry is not None and entry != "":
            yield f"{indent}{quote(key)}: {quote(str(entry))}"


def _item_lines(item: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(item, Mapping):
        inner = list(_plain_lines(item, depth + 1))
        yield f"{indent}- {inner[0].lstrip()}" if inner else f"{indent}- {{}}"
        yield from inner[1:]
    elif isinstance(item, list):
        yield f"{indent}-"
        for entry in item:
            yield from _item_lines(entry, depth + 1)
    else:
        yield f"{indent}- {quote('' if item is None else str(item))}"
