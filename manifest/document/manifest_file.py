"""The manifest: a description resolved, every file with its size and digests (spec/manifest.md).

``manifest.json`` has deterministic bytes: fields in a fixed order, components and files in the
order of their UTF-8 bytes, one file a line, no time, host or tool version. Two builds of one
tree are equal, and a difference between two manifests reads as a list of files.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any

from manifest import strict_json
from manifest.display import printable
from manifest.document.components import KINDS, ComponentKind
from manifest.document.description import (
    ComponentSpec,
    Description,
    check_version,
    description_from_plain,
)
from manifest.document.inventories import (
    BoundInventory,
    binding_of,
    check_inventories,
    inventory_fields,
    inventory_of,
    with_binding,
)
from manifest.document.manifest_checkpoints import (
    ResolvedCheckpoint,
    check_checkpoints,
    checkpoint_lines,
    checkpoints_from_plain,
    without_files,
)
from manifest.document.manifest_entries import (
    ManifestFile,
    file_sort_key,
    files_digest,
    ordered_digest,
    parse_files,
)
from manifest.document.manifest_weights import (
    WeightsSet,
    check_weights,
    parse_weights,
    weights_lines,
)
from manifest.document.schema import violations
from manifest.errors import DocumentError, ManifestError
from manifest.inventory.collector import collector_paused
from manifest.inventory.lines import Binding
from manifest.records import record

__all__ = [
    "FILE_NAME",
    "MAX_BYTES",
    "Manifest",
    "ManifestComponent",
    "ManifestFile",
    "dump_manifest",
    "parse_manifest",
]

FILE_NAME = "manifest.json"
SCHEMA_VERSION = "1.0"
MAX_BYTES = 1024 * 1024 * 1024
"""The largest manifest that is read. The bound on values (`strict_json.DEFAULT_MAX_ITEMS`) comes
first: some 700,000 files."""
MAX_DEPTH = 64


@record(frozen=True, slots=True)
class ManifestComponent:
    """One component, resolved: what the description says of it, and what its files come to.

    `file_count`, `size` and `root_digest` are of the files that the manifest lists; `binding` is of
    its inventory, which lists more, and None when it has none.
    """

    id: str
    kind: ComponentKind
    file_count: int
    size: int
    root_digest: str = ""
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    binding: Binding | None = None


@record(frozen=True, slots=True)
class Manifest:
    """A manifest.

    Attributes:
        release: The description less its components, as plain JSON values.
        components: Sorted by id.
        files: Sorted: the release directory's, then each named root's.
        root_digest: Over every file; see `files_digest`.
        digests: Names of the digests that every file carries.
        total_size: Bytes of all files.
        weights: The tensors of its weights, by model; in the order of their first files.
        checkpoints: Its checkpoints; empty where it describes none, or was built before manifests
            had them.
    """

    release: Mapping[str, Any]
    components: tuple[ManifestComponent, ...]
    files: tuple[ManifestFile, ...]
    root_digest: str
    digests: tuple[str, ...] = ("sha256",)
    total_size: int = 0
    schema_version: str = SCHEMA_VERSION
    weights: tuple[WeightsSet, ...] = ()
    checkpoints: tuple[ResolvedCheckpoint, ...] = ()

    @property
    def name(self) -> str:
        """The release's name."""
        return str(self.release["name"])

    @property
    def version(self) -> str:
        """The release's version."""
        return str(self.release["version"])

    def description(self) -> Description:
        """The description that this manifest resolves, its globs replaced by nothing."""
        plain = {"schema_version": self.schema_version, **self.release}
        plain["components"] = {c.id: {"kind": c.kind.id, **c.fields} for c in self.components}
        return description_from_plain(plain, name=FILE_NAME)

    @property
    def inventories(self) -> tuple[BoundInventory, ...]:
        """The inventories of its components, in the order of these."""
        roots = self.release.get("roots", {})
        found = ((c, inventory_of(c.fields, roots)) for c in self.components)
        return tuple(
            BoundInventory(c.id, spec, c.binding) for c, spec in found if spec and c.binding
        )

    def files_of(self, component: str) -> tuple[ManifestFile, ...]:
        """The files of one component, by its id."""
        return tuple(f for f in self.files if component in f.components)


def resolve(
    description: Description,
    files: Sequence[ManifestFile],
    *,
    digests: tuple[str, ...],
    bindings: Mapping[str, Binding] | None = None,
) -> Manifest:
    """The manifest of a description and its files, whose components are already assigned."""
    bindings = bindings or {}
    ordered = tuple(sorted(files, key=file_sort_key))
    by_component: dict[str, list[ManifestFile]] = {c.id: [] for c in description.components}
    for file in ordered:
        for id_ in file.components:
            by_component[id_].append(file)
    components = tuple(
        _resolve_component(
            spec,
            by_component[spec.id],
            description.fields["components"][spec.id],
            bindings.get(spec.id),
        )
        for spec in sorted(description.components, key=lambda c: c.id.encode())
    )
    return Manifest(
        release=release_fields(description),
        components=components,
        files=ordered,
        root_digest=ordered_digest(ordered),
        digests=digests,
        total_size=sum(f.size for f in ordered),
    )


def release_fields(description: Description) -> dict[str, Any]:
    """What a manifest says of a release: its description, less what `build` resolves."""
    resolved = ("schema_version", "components", "exceptions", "digests")
    return {k: v for k, v in description.fields.items() if k not in resolved}


def component_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of a component, from its fields in the description."""
    return {k: v for k, v in fields.items() if k not in ("files", "exclude", "kind")}


def _resolve_component(
    spec: ComponentSpec,
    files: Sequence[ManifestFile],
    fields: Mapping[str, Any],
    binding: Binding | None,
) -> ManifestComponent:
    return ManifestComponent(
        id=spec.id,
        kind=spec.kind,
        file_count=len(files),
        size=sum(f.size for f in files),
        root_digest=ordered_digest(files) if files else "",
        fields=component_fields(fields),
        binding=binding,
    )


def dump_manifest(manifest: Manifest) -> bytes:
    """The bytes of ``manifest.json``: the only ones that this value has."""
    head = {
        "schema_version": manifest.schema_version,
        "digests": list(manifest.digests),
        "root_digest": manifest.root_digest,
        "file_count": len(manifest.files),
        "total_size": manifest.total_size,
        "release": _sorted(manifest.release),
        "components": [_component_plain(c) for c in manifest.components],
    }
    text = json.dumps(head, indent=2, ensure_ascii=False, allow_nan=False)
    lines = ",\n".join(f"    {_file_line(f)}" for f in manifest.files)
    tail = ",\n" + "\n".join(weights_lines(manifest.weights)) if manifest.weights else ""
    if manifest.checkpoints:
        tail += ",\n" + "\n".join(checkpoint_lines(manifest.checkpoints))
    return f'{text[:-2]},\n  "files": [\n{lines}\n  ]{tail}\n}}\n'.encode()


def _sorted(value: Any) -> Any:
    """``value`` with the fields of every object in the order of their UTF-8 bytes."""
    if isinstance(value, Mapping):
        return {k: _sorted(value[k]) for k in sorted(value, key=str.encode)}
    if isinstance(value, list | tuple):
        return [_sorted(v) for v in value]
    return value


def _component_plain(component: ManifestComponent) -> dict[str, Any]:
    plain: dict[str, Any] = {"id": component.id, "kind": component.kind.id}
    plain.update(_sorted(component.fields))
    if component.binding is not None:
        plain["inventory"] = with_binding(plain["inventory"], component.binding)
    plain["file_count"] = component.file_count
    plain["size"] = component.size
    if component.root_digest:
        plain["root_digest"] = component.root_digest
    return plain


def _file_line(file: ManifestFile) -> str:
    """As `json.dumps` writes an object of these fields, in a fifth of the time."""
    root = f'"root": {encode_basestring(file.root)}, ' if file.root else ""
    blake3 = f', "blake3": "{file.blake3}"' if file.blake3 else ""
    source = f', "source": "{file.source}"' if file.source != "measured" else ""
    components = _components_field(file.components) if file.components else ""
    return (
        f'{{{root}"path": {encode_basestring(file.path)}, "size": {file.size}, '
        f'"sha256": "{file.sha256}"{blake3}{source}{components}}}'
    )


@functools.lru_cache(maxsize=1024)
def _components_field(ids: tuple[str, ...]) -> str:
    return f', "components": {json.dumps(ids, ensure_ascii=False)}'


def parse_manifest(data: bytes, *, name: str = FILE_NAME) -> Manifest:
    """Parse a ``manifest.json`` strictly.

    Args:
        data: The file's bytes.
        name: What to call the file in messages.

    Raises:
        DocumentError: Not valid, or at odds with itself: an order, a count, a size or a root
            digest that its own files do not bear out.
        UndecidedError: Written for another major version of the format.
    """
    return manifest_from_plain(load_manifest_json(data, name=name), name=name)


@collector_paused()
def load_manifest_json(
    data: bytes, *, name: str = FILE_NAME, error: type[ManifestError] = DocumentError
) -> Any:
    """The JSON of a file called ``manifest.json``, read strictly; it need not be a manifest.

    Raises:
        ManifestError: An ``error``: it is not strict JSON, so that readers could disagree on it.
    """
    return strict_json.loads(data, what=name, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH, error=error)


@collector_paused()
def manifest_from_plain(plain: Any, *, name: str = FILE_NAME) -> Manifest:
    """The manifest that plain JSON values, strictly read, stand for.

    Raises:
        DocumentError, UndecidedError: As `parse_manifest`.
    """
    if not isinstance(plain, dict):
        raise DocumentError(f"{name} must be a JSON object")
    check_version(plain.get("schema_version"), name)
    entries = plain.get("files")
    # The schema is run over everything but files and tensors, which may be millions: `parse_file`
    # and `parse_weights` check those as the schema would, and property tests hold them to it.
    stub = {"path": "x", "size": 0, "sha256": "0" * 64}
    checked = {**plain, "files": [stub]} if isinstance(entries, list) and entries else {**plain}
    checked.pop("weights", None)
    if "checkpoints" in checked:
        checked["checkpoints"] = without_files(checked["checkpoints"])
    found = violations(checked, "manifest")
    if found:
        lines = [f"  {v.pointer or name}: {v.message}" for v in found]
        raise DocumentError("\n".join([f"{name} is not a valid manifest", *lines]))
    files = parse_files(plain["files"], name)
    components = tuple(_parse_component(c) for c in plain["components"])
    manifest = Manifest(
        release=plain["release"],
        components=components,
        files=files,
        root_digest=plain["root_digest"],
        digests=tuple(plain["digests"]),
        total_size=plain["total_size"],
        schema_version=plain["schema_version"],
        weights=parse_weights(plain["weights"], name) if "weights" in plain else (),
        checkpoints=checkpoints_from_plain(plain.get("checkpoints", ()), files, name),
    )
    _check_consistency(manifest, plain["file_count"], name)
    check_checkpoints(manifest.checkpoints, plain.get("checkpoints", ()), manifest.weights, name)
    return manifest


def _parse_component(plain: Mapping[str, Any]) -> ManifestComponent:
    own = ("id", "kind", "file_count", "size", "root_digest")
    fields = {k: v for k, v in plain.items() if k not in own}
    bound = fields.get("inventory")
    if bound is not None:
        fields["inventory"] = inventory_fields(bound)
    return ManifestComponent(
        id=plain["id"],
        kind=KINDS[plain["kind"]],
        file_count=plain["file_count"],
        size=plain["size"],
        root_digest=plain.get("root_digest", ""),
        fields=fields,
        binding=None if bound is None else binding_of(bound),
    )


def _check_consistency(manifest: Manifest, file_count: int, name: str) -> None:
    known = {c.id for c in manifest.components}
    ids = [c.id.encode() for c in manifest.components]
    keys = [(f.root, f.path) for f in manifest.files]
    if any(a >= b for a, b in itertools.pairwise(keys)):
        index = next(i for i, (a, b) in enumerate(itertools.pairwise(keys)) if a >= b)
        word = "is listed twice" if keys[index] == keys[index + 1] else "is out of order"
        shown = printable(manifest.files[index + 1].full_path)
        raise DocumentError(f"{name}: files[{index + 1}]: {shown} {word}")
    if any(a >= b for a, b in itertools.pairwise(ids)):
        raise DocumentError(f"{name}: components: one is listed twice or out of order")
    by_component: dict[str, list[ManifestFile]] = {c: [] for c in known}
    for index, file in enumerate(manifest.files):
        for id_ in file.components:
            if id_ not in known:
                raise DocumentError(f"{name}: files[{index}]: no component is called {id_}")
            by_component[id_].append(file)
        if any(getattr(file, d) == "" for d in manifest.digests):
            raise DocumentError(f"{name}: files[{index}]: lacks a digest that `digests` names")
    if file_count != len(manifest.files):
        raise DocumentError(f"{name}: file_count: {file_count}, but {len(keys)} files are listed")
    if manifest.total_size != sum(f.size for f in manifest.files):
        raise DocumentError(f"{name}: total_size: is not the sum of the files' sizes")
    if manifest.root_digest != files_digest(manifest.files):
        raise DocumentError(f"{name}: root_digest: is not the digest of the files listed")
    for component in manifest.components:
        files = by_component[component.id]
        digest = files_digest(files) if files else ""
        found = (len(files), sum(f.size for f in files), digest)
        if found != (component.file_count, component.size, component.root_digest):
            raise DocumentError(
                f"{name}: components: {component.id}: its count, size or root digest "
                "is not that of its files"
            )
    check_inventories(
        {c.id: c.fields for c in manifest.components},
        manifest.release.get("roots", {}),
        manifest.inventories,
        manifest.files,
        name,
    )
    check_weights(manifest.weights, manifest.files, name)
