"""The description: what a publisher says of a release (spec/description.md).

A `Description` is a frozen value with one typed attribute for each thing that rules, builds and
reports read. `fields` keeps the document as plain JSON values, extensions included, and is what
``manifest.json`` carries.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from manifest.display import printable
from manifest.document.components import KINDS, ComponentKind, ContentType
from manifest.document.inventories import InventorySpec, inventory_of
from manifest.document.references import Reference
from manifest.document.schema import load_schema, violations
from manifest.document.semantics import semantic_problems
from manifest.document.yaml_text import YamlDocument, parse_yaml, to_plain
from manifest.errors import DocumentError, UndecidedError
from manifest.records import record

__all__ = [
    "BaseModel",
    "Checkpoint",
    "ComponentSpec",
    "DataSource",
    "Description",
    "EvaluationResult",
    "RuleException",
    "Withheld",
    "check_version",
    "description_from_plain",
    "parse_description",
]

FILE_NAME = "release.yaml"
SCHEMA_VERSION = "1.0"
DIGESTS = ("sha256", "blake3")
"""The digests that a manifest may hold of its files, in the order in which it names them."""


@record(frozen=True, slots=True)
class Withheld:
    """A component or source that is declared unavailable: why, and how it can be had."""

    reason: str
    obtain: str = ""


@record(frozen=True, slots=True)
class ComponentSpec:
    """One component as described.

    Attributes:
        id: Its id, unique in the release.
        kind: What it is.
        files: Globs of its files; empty when it lies elsewhere or nowhere.
        exclude: Globs of files that ``files`` would match and that do not belong.
        inventory: The inventory that lists further files of it; None when it has none.
        references: Where it lies, when not among the files.
        license: Its own license as written; empty when none is given.
        withheld: Why it is not there, when it is declared unavailable.
        title: A name for people; the kind's title when none is given.
        description: What is said of it.
    """

    id: str
    kind: ComponentKind
    files: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    inventory: InventorySpec | None = None
    references: tuple[Reference, ...] = ()
    license: str = ""
    withheld: Withheld | None = None
    title: str = ""
    description: str = ""


@record(frozen=True, slots=True)
class BaseModel:
    """A model that this one was made from; `weights_digest` is over its tensors, in hex."""

    name: str
    relation: str = ""
    reference: Reference | None = None
    license: str = ""
    weights_digest: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether it is named by its content, so that it cannot become another one."""
        return bool(self.weights_digest) or (
            self.reference is not None and self.reference.is_pinned
        )


@record(frozen=True, slots=True)
class DataSource:
    """A source of training data, published or not; counts are None when not given."""

    name: str
    description: str = ""
    access: str = ""
    url: str = ""
    reference: Reference | None = None
    license: str = ""
    files: tuple[str, ...] = ()
    obtained: str = ""
    selected: str = ""
    tokens: int | None = None
    records: int | None = None
    share: float | None = None
    used_for: str = "pretraining"
    withheld: Withheld | None = None


@record(frozen=True, slots=True)
class Checkpoint:
    """An intermediate checkpoint; ``step`` counts optimizer steps, ``tokens`` tokens seen."""

    name: str
    stage: str = ""
    step: int | None = None
    tokens: int | None = None
    files: tuple[str, ...] = ()
    reference: Reference | None = None
    parent: str = ""
    data: str = ""


@record(frozen=True, slots=True)
class EvaluationResult:
    """One number that was measured, by what, and of which weights."""

    task: str
    metric: str
    value: float
    category: str = "capability"
    harness: str = ""
    harness_version: str = ""
    results: str = ""
    weights: str = ""


@record(frozen=True, slots=True)
class RuleException:
    """A rule that does not apply to this release, why, and until which day (ISO, or empty)."""

    rule: str
    reason: str
    expires: str = ""


@record(frozen=True, slots=True)
class Description:
    """What is said of a release, resolved to types.

    Attributes:
        fields: The document as plain JSON values; read-only.
        name, version, described_by, publisher, claim, license: As in the schema; empty when absent.
        licenses: License by content type, where given.
        base_models, components, sources, checkpoints, results, exceptions: The lists of the schema.
        training, data, evaluation, model: Those sections as plain values; empty when absent.
        source: The file it was read from, for locations; None when it was not read from YAML.
    """

    fields: Mapping[str, Any]
    name: str
    version: str
    described_by: str
    publisher: str = ""
    claim: str = ""
    license: str = ""
    licenses: Mapping[ContentType, str] = dataclasses.field(default_factory=dict)
    base_models: tuple[BaseModel, ...] = ()
    components: tuple[ComponentSpec, ...] = ()
    sources: tuple[DataSource, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    results: tuple[EvaluationResult, ...] = ()
    exceptions: tuple[RuleException, ...] = ()
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    evaluation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    source: YamlDocument | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests it asks for, in the order of `DIGESTS`; all of them when it names none."""
        asked = self.fields.get("digests", DIGESTS)
        return tuple(name for name in DIGESTS if name in asked)

    def component(self, id_: str) -> ComponentSpec | None:
        """The component called ``id_``; None when there is none."""
        return next((c for c in self.components if c.id == id_), None)

    def of_kind(self, kind: str) -> tuple[ComponentSpec, ...]:
        """The components of one kind, by the kind's id."""
        return tuple(c for c in self.components if c.kind.id == kind)

    def license_of(self, component: ComponentSpec) -> str:
        """The license that covers a component: its own, its content type's, the release's.

        The look-up order is the Model Openness Framework's (spec/evidence.md, "Licenses");
        empty when nothing covers it.
        """
        own = component.license or self.licenses.get(component.kind.content_type, "")
        return own or self.license

    def line(self, pointer: str) -> int | None:
        """The line of a field in the file it was read from, 1-based; None when unknown."""
        return self.source.line(pointer) if self.source else None


def parse_description(data: bytes, *, name: str = FILE_NAME) -> Description:
    """Parse a ``release.yaml``.

    Args:
        data: The file's bytes.
        name: What to call the file in messages.

    Raises:
        DocumentError: Not valid; the message names every place, up to twenty.
        UndecidedError: Written for another major version of the format.
    """
    document = parse_yaml(data, name=name)
    check_version(document.root.get("schema_version"), name)
    plain = to_plain(document, load_schema("description"))
    return description_from_plain(plain, name=name, source=document)


def check_version(version: object, name: str) -> None:
    """Refuse a document of another major version.

    Raises:
        DocumentError: There is no version, or it is not one.
        UndecidedError: The major version is not 1: this program cannot tell what it means.
    """
    text = "" if version is None else str(version)
    match = re.fullmatch(r"([0-9]{1,6})\.[0-9]{1,6}", text)
    if match is None:
        raise DocumentError(
            f"{name}: `schema_version` is {'missing' if not text else printable(text)!s}",
            remedy=f'write schema_version: "{SCHEMA_VERSION}"',
        )
    if match[1] != SCHEMA_VERSION.split(".", maxsplit=1)[0]:
        raise UndecidedError(
            f"{name} is written in version {text} of its format; this program reads version 1",
            remedy="use a newer version of this program",
        )


def description_from_plain(
    plain: Mapping[str, Any], *, name: str = FILE_NAME, source: YamlDocument | None = None
) -> Description:
    """The description that plain JSON values stand for, checked against the schema.

    Raises:
        DocumentError: Not valid under ``description.schema.json`` or its semantic rules.
    """
    found = violations(plain, "description")
    problems = [f"{_place(name, source, v.pointer)}: {v.message}" for v in found]
    problems = problems or [
        f"{_place(name, source, pointer)}: {message}"
        for pointer, message in semantic_problems(plain)
    ]
    if problems:
        raise DocumentError(
            "\n".join([f"{name} is not a valid description", *(f"  {p}" for p in problems)]),
            remedy="mend those fields; `manifest schema description` prints the schema",
        )
    training = plain.get("training", {})
    data = plain.get("data", {})
    return Description(
        fields=plain,
        name=plain["name"],
        version=plain["version"],
        described_by=plain["described_by"],
        publisher=plain.get("publisher", ""),
        claim=plain.get("claim", ""),
        license=plain.get("license", ""),
        licenses={ContentType(k): v for k, v in plain.get("licenses", {}).items() if k[:2] != "x-"},
        base_models=tuple(_base_model(b) for b in plain.get("base_models", ())),
        components=tuple(
            _component(i, c, plain.get("roots", {})) for i, c in plain.get("components", {}).items()
        ),
        sources=tuple(_source(s) for s in data.get("sources", ())),
        checkpoints=tuple(_checkpoint(c) for c in plain.get("checkpoints", {}).get("entries", ())),
        results=tuple(_result(r) for r in plain.get("evaluation", {}).get("results", ())),
        exceptions=tuple(
            RuleException(e["rule"], e["reason"], e.get("expires", ""))
            for e in plain.get("exceptions", ())
        ),
        training=training,
        data=data,
        evaluation=plain.get("evaluation", {}),
        model=plain.get("model", {}),
        source=source,
    )


def _place(name: str, source: YamlDocument | None, pointer: str) -> str:
    if source is not None:
        return source.where(pointer)
    return f"{name}: {pointer}" if pointer else name


def _reference(fields: Mapping[str, Any]) -> Reference | None:
    return Reference.from_plain(fields["reference"]) if "reference" in fields else None


def _withheld(fields: Mapping[str, Any]) -> Withheld | None:
    if "withheld" not in fields:
        return None
    return Withheld(fields["withheld"]["reason"], fields["withheld"].get("obtain", ""))


def _component(id_: str, fields: Mapping[str, Any], roots: Mapping[str, Any]) -> ComponentSpec:
    kind = KINDS[fields.get("kind", id_)]
    return ComponentSpec(
        id=id_,
        kind=kind,
        files=tuple(fields.get("files", ())),
        exclude=tuple(fields.get("exclude", ())),
        inventory=inventory_of(fields, roots),
        references=tuple(Reference.from_plain(r) for r in fields.get("references", ())),
        license=fields.get("license", ""),
        withheld=_withheld(fields),
        title=fields.get("title", kind.title),
        description=fields.get("description", ""),
    )


def _base_model(fields: Mapping[str, Any]) -> BaseModel:
    return BaseModel(
        name=fields["name"],
        relation=fields.get("relation", ""),
        reference=_reference(fields),
        license=fields.get("license", ""),
        weights_digest=fields.get("weights_digest", ""),
    )


def _source(fields: Mapping[str, Any]) -> DataSource:
    return DataSource(
        name=fields["name"],
        description=fields.get("description", ""),
        access=fields.get("access", ""),
        url=fields.get("url", ""),
        reference=_reference(fields),
        license=fields.get("license", ""),
        files=tuple(fields.get("files", ())),
        obtained=fields.get("obtained", ""),
        selected=fields.get("selected", ""),
        tokens=fields.get("tokens"),
        records=fields.get("records"),
        share=fields.get("share"),
        used_for=fields.get("used_for", "pretraining"),
        withheld=_withheld(fields),
    )


def _checkpoint(fields: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        name=fields["name"],
        stage=fields.get("stage", ""),
        step=fields.get("step"),
        tokens=fields.get("tokens"),
        files=tuple(fields.get("files", ())),
        reference=_reference(fields),
        parent=fields.get("parent", ""),
        data=fields.get("data", ""),
    )


def _result(fields: Mapping[str, Any]) -> EvaluationResult:
    return EvaluationResult(
        task=fields["task"],
        metric=fields["metric"],
        value=fields["value"],
        category=fields.get("category", "capability"),
        harness=fields.get("harness", ""),
        harness_version=fields.get("harness_version", ""),
        results=fields.get("results", ""),
        weights=fields.get("weights", ""),
    )
