"""The state of each component: what evidence there is of it (spec/evidence.md, "States")."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence

from manifest.display import plural, printable
from manifest.document.description import ComponentSpec, Description
from manifest.licenses import LicenseAssessment, assess
from manifest.lint.content import Inspection, inspect
from manifest.sources import Source, SourceFile

__all__ = ["ComponentEvidence", "Files", "State", "examine"]


class State(enum.StrEnum):
    """What there is of a component, from the most to the least."""

    EVIDENCED = "evidenced"
    """Files that are what the component says they are."""
    PINNED = "pinned"
    """A reference that names its content and was not resolved."""
    DECLARED = "declared"
    """A sentence, a link that can change, a DOI."""
    UNKNOWN = "unknown"
    """It cannot be checked from here."""
    WITHHELD = "withheld"
    """Declared unavailable, with a reason."""
    ABSENT = "absent"
    """Nothing, or nothing that passes its test."""

    @property
    def rank(self) -> int:
        """0 for the most, for choosing the best of several components."""
        return list(State).index(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Files:
    """The files of a component.

    Attributes:
        here: Files that the source lists.
        elsewhere: How many lie in a named root that is not read here.
        unmatched: Patterns of the description that name no file.
    """

    here: tuple[SourceFile, ...] = ()
    elsewhere: int = 0
    unmatched: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ComponentEvidence:
    """A component, and what there is of it.

    Attributes:
        spec: What the description says.
        state: What there is.
        reason: Why, in a sentence's tail, as ``3 files`` or ``train.py is empty``.
        files: Its files.
        inspection: What the test of content said of them.
        license: The license that covers it, as written; empty when none does.
        assessment: Whether that license is open for the component's type of content.
        declared: Whether the description says that it is available, whatever there is.
    """

    spec: ComponentSpec
    state: State
    reason: str
    files: Files = dataclasses.field(default_factory=Files)
    inspection: Inspection = dataclasses.field(default_factory=Inspection)
    license: str = ""
    assessment: LicenseAssessment = dataclasses.field(default_factory=lambda: assess("", "code"))

    @property
    def kind(self) -> str:
        """The kind's id."""
        return self.spec.kind.id

    @property
    def declared(self) -> bool:
        """Whether the description says that it is available, whatever there is of it."""
        spec = self.spec
        return spec.withheld is None and bool(spec.files or spec.references or spec.description)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(f.size for f in self.files.here)


def examine(
    source: Source, description: Description, files: Mapping[str, Files]
) -> tuple[ComponentEvidence, ...]:
    """The state of every component, in the description's order."""
    license_name = str(description.fields.get("license_name", ""))
    result = []
    for spec in description.components:
        mine = files.get(spec.id, Files())
        inspection = inspect(source, spec.kind.id, mine.here) if mine.here else Inspection()
        state, reason = _state(spec, mine, inspection)
        license_ = description.license_of(spec)
        assessment = assess(license_, str(spec.kind.content_type), name=license_name)
        result.append(
            ComponentEvidence(spec, state, reason, mine, inspection, license_, assessment)
        )
    return tuple(result)


def _state(spec: ComponentSpec, files: Files, inspection: Inspection) -> tuple[State, str]:
    if spec.withheld is not None:
        return State.WITHHELD, printable(spec.withheld.reason)
    if inspection.passes:
        return State.EVIDENCED, plural(len(files.here), "file")
    if inspection.missing:
        first = printable(inspection.missing[0])
        more = len(inspection.missing) - 1
        return (
            State.ABSENT,
            f"incomplete: {first}{f' and {more} more are' if more else ' is'} missing",
        )
    if inspection.insufficient:
        return State.ABSENT, inspection.insufficient
    if inspection.unread:
        return State.UNKNOWN, _first(inspection.unread)
    if files.elsewhere:
        return State.UNKNOWN, f"{plural(files.elsewhere, 'pattern')} of another root, not read here"
    if spec.references:
        pinned = next((r for r in spec.references if r.is_pinned), None)
        if pinned is not None:
            return State.PINNED, f"{printable(str(pinned))}, not resolved"
        return State.DECLARED, f"{printable(str(spec.references[0]))} is not pinned to its content"
    if inspection.refused:
        return State.ABSENT, _first(inspection.refused)
    if files.here:
        return State.ABSENT, "none of its files is of a form that is known here"
    if spec.files:
        return State.ABSENT, f"no file matches {printable(spec.files[0])}"
    if spec.description:
        return State.DECLARED, "described in words only"
    return State.ABSENT, "named, with neither files nor references"


def _first(refusals: Sequence[object]) -> str:
    more = len(refusals) - 1
    return f"{refusals[0]}{f', and {more} more like it' if more else ''}"
