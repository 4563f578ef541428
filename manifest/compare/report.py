"""What a comparison found, as values; the renderers turn them into text and JSON."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from manifest.errors import ExitCode

__all__ = [
    "Change",
    "ComponentChange",
    "DiffReport",
    "FieldChange",
    "FileChange",
    "SideInfo",
    "TensorChange",
    "WeightsChange",
    "WeightsRelation",
]


class Change(enum.StrEnum):
    """What became of a thing from the first release to the second."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"
    """The same content under another name."""


class WeightsRelation(enum.StrEnum):
    """How the weights of one model in the two releases are related."""

    RENAMED = "renamed"
    """The same files under other names."""
    RESHARDED = "resharded"
    """The same tensors, split over other files."""
    REWRITTEN = "rewritten"
    """The same tensors in as many files, in another order or under another header."""
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"

    @property
    def is_same(self) -> bool:
        """Whether both have the same weights digest."""
        return self in _SAME


_SAME = frozenset({WeightsRelation.RENAMED, WeightsRelation.RESHARDED, WeightsRelation.REWRITTEN})


@dataclasses.dataclass(frozen=True, slots=True)
class SideInfo:
    """One of the two that were compared.

    Attributes:
        target: What the user named.
        name, version: The release's.
        root_digest: The release's, over all files.
        selection: The component or checkpoint that was looked at; empty for the whole release.
        built: Whether its files were hashed now, because it has no manifest.
    """

    target: str
    name: str
    version: str
    root_digest: str
    selection: str = ""
    built: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of the description, as ``release.license``; a side that lacks it has None.

    Attributes:
        field: Where it stands.
        before, after: Its plain JSON values.
    """

    field: str
    before: Any
    after: Any


@dataclasses.dataclass(frozen=True, slots=True)
class ComponentChange:
    """A component that came, went or changed.

    Attributes:
        kind: Which of these.
        id: The component's id.
        files_before, files_after: How many files it has; None on a side that lacks it.
        files_differ: Whether a file of it differs by name or content.
        fields: Fields of it that differ.
    """

    kind: Change
    id: str
    files_before: int | None
    files_after: int | None
    files_differ: bool = False
    fields: tuple[FieldChange, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class FileChange:
    """A file that came, went, changed or was renamed.

    Attributes:
        kind: Which of these.
        path: Its name; the former one where it was renamed.
        new_path: The new name of a renamed file; empty for others.
        size_before, size_after: Bytes; None on a side that lacks it.
        sha256_before, sha256_after: Hexadecimal; empty on a side that lacks it.
    """

    kind: Change
    path: str
    new_path: str = ""
    size_before: int | None = None
    size_after: int | None = None
    sha256_before: str = ""
    sha256_after: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor that came, went, changed or was renamed.

    Attributes:
        kind: Which of these.
        name: Its name; the former one where it was renamed.
        new_name: The new name of a renamed tensor; empty for others.
        dtype_before, dtype_after: The format's names; empty on a side that lacks it.
        shape_before, shape_after: None on a side that lacks it.
    """

    kind: Change
    name: str
    new_name: str = ""
    dtype_before: str = ""
    dtype_after: str = ""
    shape_before: tuple[int, ...] | None = None
    shape_after: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class WeightsChange:
    """The weights of one model.

    Attributes:
        relation: How both sides are related.
        files_before, files_after: Their files; empty on a side that lacks them.
        digest_before, digest_after: Their weights digests; empty on a side that lacks them.
        tensors_same: How many tensors are the same under the same name.
        tensors: Those that are not, for ``CHANGED``.
    """

    relation: WeightsRelation
    files_before: tuple[str, ...] = ()
    files_after: tuple[str, ...] = ()
    digest_before: str = ""
    digest_after: str = ""
    tensors_same: int = 0
    tensors: tuple[TensorChange, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DiffReport:
    """Everything in which two releases differ.

    Attributes:
        before, after: What was compared.
        licenses: Fields that say under which terms something may be used.
        claims: The other fields of the description that differ.
        components: Components that differ.
        files: Files that differ.
        weights: Models whose weights differ, or lie in other files than before.
        files_same: How many files are the same under the same name.
        weights_same: How many models have the same weights on both sides, wherever they lie.
    """

    before: SideInfo
    after: SideInfo
    licenses: tuple[FieldChange, ...] = ()
    claims: tuple[FieldChange, ...] = ()
    components: tuple[ComponentChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    weights: tuple[WeightsChange, ...] = ()
    files_same: int = 0
    weights_same: int = 0

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.licenses or self.claims or self.components or self.files or self.weights)

    @property
    def exit_code(self) -> ExitCode:
        """0 when nothing differs, else 1, as diff(1) has it."""
        return ExitCode.OK if self.is_same else ExitCode.FINDINGS
