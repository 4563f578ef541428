"""Declarations made for the Model Openness Tool (github lfai/model_openness_tool).

A file names a release, its licenses (for all of it, and by type of content) and the components
that are there, each with a license of its own if it has one. `as_the_tool_reads` gives the file
the meaning that the tool gives it, slips included (spec/description.md, "Model Openness Tool").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from manifest.display import printable
from manifest.document.components import MOF_KINDS, ComponentKind
from manifest.document.yaml_text import YamlDocument, parse_yaml
from manifest.errors import DocumentError

__all__ = ["MotComponent", "MotRelease", "as_the_tool_reads", "is_mot", "parse_mot"]

LICENSE_TYPES = ("distribution", "code", "data", "document")
UNLICENSED = ("", "unlicensed")
"""What the tool takes for a component that no license covers, not even the release's."""

_BY_TITLE = {kind.title: kind for kind in MOF_KINDS}
_BY_FOLDED = {kind.title.casefold(): kind for kind in MOF_KINDS}
_NULLS = ("", "~", "null", "Null", "NULL")
_MAX_COMPONENTS = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class MotComponent:
    """A component that a file declares.

    Attributes:
        name: As written.
        kind: The component of the framework; None for a name that is none of them.
        license: As written; None where there is no such field, empty where it is empty.
        is_null: Whether the license's field is there with nothing in it, not even quotes.
        fields: Every field, as plain values.
    """

    name: str
    kind: ComponentKind | None
    license: str | None
    is_null: bool
    fields: Mapping[str, Any]

    def text(self, field: str) -> str:
        """A field's text, stripped; empty when it is absent or no text."""
        return _text(self.fields.get(field))


@dataclasses.dataclass(frozen=True, slots=True)
class MotRelease:
    """What a file declares.

    Attributes:
        name: The release's name.
        licenses: Names of the licenses given for the whole release, by `LICENSE_TYPES`.
        license_links: Where their texts are, by the same keys.
        components: In the file's order.
        fields: Every other field of ``release``, as plain values.
        framework: The framework that was applied.
        others: Further fields of the file.
    """

    name: str
    licenses: Mapping[str, str]
    license_links: Mapping[str, str]
    components: tuple[MotComponent, ...]
    fields: Mapping[str, Any]
    framework: Mapping[str, Any]
    others: Mapping[str, Any]

    def text(self, field: str) -> str:
        """A field's text, stripped; empty when it is absent or no text."""
        return _text(self.fields.get(field))


def is_mot(root: Any) -> bool:
    """Whether a document's top-level mapping is such a declaration rather than a description."""
    return isinstance(root, Mapping) and "release" in root and "schema_version" not in root


def parse_mot(data: bytes, *, name: str) -> MotRelease:
    """Parse a file.

    Args:
        data: The file's bytes.
        name: What to call it in messages.

    Raises:
        DocumentError: Not YAML as descriptions are (spec/description.md, "YAML"), or not such a
            declaration.
    """
    return mot_of(parse_yaml(data, name=name))


def mot_of(document: YamlDocument) -> MotRelease:
    """The declaration that a parsed document is.

    Raises:
        DocumentError: It is none.
    """
    root, name = document.root, printable(document.name)
    if not is_mot(root) or not isinstance(root["release"], Mapping):
        raise DocumentError(
            f"{name} is no declaration of the Model Openness Tool: it has no `release`",
            remedy="give a file as lfai/model_openness_tool keeps them in its folder models",
        )
    release = root["release"]
    title = _text(release.get("name"))
    if not title:
        raise DocumentError(f"{document.where('release')}: `name` is missing")
    listed = release.get("components")
    if _is_null(listed):
        listed = []
    if not isinstance(listed, list) or len(listed) > _MAX_COMPONENTS:
        raise DocumentError(f"{document.where('release.components')} is not a list of components")
    components = tuple(
        _component(entry, document, f"release.components[{i}]") for i, entry in enumerate(listed)
    )
    licenses, links = _licenses(release.get("license"), document)
    left = {k: _plain(v) for k, v in release.items() if k not in ("name", "license", "components")}
    framework = _plain(root.get("framework", {}))
    others = {k: _plain(v) for k, v in root.items() if k not in ("framework", "release")}
    return MotRelease(
        title,
        licenses,
        links,
        components,
        left,
        framework if isinstance(framework, dict) else {"name": framework},
        others,
    )


def _component(entry: Any, document: YamlDocument, pointer: str) -> MotComponent:
    if not isinstance(entry, Mapping) or not _text(entry.get("name")):
        raise DocumentError(f"{document.where(pointer)}: a component without a `name`")
    name = _text(entry["name"])
    has_license = "license" in entry
    written = entry.get("license")
    if isinstance(written, Mapping | list):
        raise DocumentError(f"{document.where(f'{pointer}.license')} is not the name of a license")
    is_null = has_license and _is_null(written)
    license_ = None if not has_license else "" if is_null else _text(written)
    fields = {str(k): _plain(v) for k, v in entry.items()}
    return MotComponent(name, _BY_FOLDED.get(name.casefold()), license_, is_null, fields)


def _licenses(written: Any, document: YamlDocument) -> tuple[dict[str, str], dict[str, str]]:
    names: dict[str, str] = {}
    links: dict[str, str] = {}
    if isinstance(written, str) and not _is_null(written):
        names["distribution"] = _text(written)
    elif isinstance(written, Mapping):
        for type_, entry in written.items():
            where = f"release.license.{type_}"
            if type_ not in LICENSE_TYPES:
                raise DocumentError(f"{document.where(where)}: not one of {LICENSE_TYPES}")
            if isinstance(entry, Mapping):
                names[type_] = "" if _is_null(entry.get("name")) else _text(entry.get("name"))
                links[type_] = "" if _is_null(entry.get("path")) else _text(entry.get("path"))
            elif not _is_null(entry):
                names[type_] = _text(entry)
    return (
        {k: v for k, v in names.items() if v},
        {k: v for k, v in links.items() if v},
    )


def as_the_tool_reads(release: MotRelease) -> MotRelease:
    """The file as the tool reads it.

    It finds a component by its exact name and takes one that it does not find for the first of
    its own list, the datasets; of several of one name the last counts; a license field with
    nothing in it, not even quotes, is as if it were not there.
    """
    last: dict[str, MotComponent] = {}
    for component in release.components:
        kind = _BY_TITLE.get(component.name, _BY_TITLE["Datasets"])
        license_ = None if component.is_null else component.license
        last[kind.id] = dataclasses.replace(
            component, name=kind.title, kind=kind, license=license_, is_null=False
        )
    return dataclasses.replace(release, components=tuple(last.values()))


def _is_null(value: Any) -> bool:
    """Whether a scalar is YAML's null: plain scalars are kept as text, quoted ones as a subclass."""
    return value is None or (type(value) is str and value in _NULLS)


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str) and not _is_null(value) else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if _is_null(value) else str(value)
