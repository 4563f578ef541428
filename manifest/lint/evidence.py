"""The state of each component: what evidence there is of it (spec/evidence.md, "States")."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence

from manifest.display import plural, printable
from manifest.document.commitments import is_bound
from manifest.document.description import ComponentSpec, Description
from manifest.document.references import Reference
from manifest.licenses import LicenseAssessment, assess
from manifest.lint.content import Inspection, inspect
from manifest.lint.cross_checks import Inspected, cross_checked
from manifest.sources import Source, SourceFile
from manifest.sources.pins import Resolution, ResolutionStatus

__all__ = ["ComponentEvidence", "Files", "State", "examine"]


class State(enum.StrEnum):
    """What there is of a component, from the most to the least."""

    EVIDENCED = "evidenced"
    """Files that are what the component says they are, or a pinned reference that was resolved."""
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
        more: How many further files an inventory of the component has, which are not read here.
        more_size: Their bytes.
    """

    here: tuple[SourceFile, ...] = ()
    elsewhere: int = 0
    unmatched: tuple[str, ...] = ()
    more: int = 0
    more_size: int = 0


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
        return spec.withheld is None and bool(
            spec.files or spec.inventory or spec.references or spec.description
        )

    @property
    def by_reference(self) -> bool:
        """Whether it lies elsewhere, at a pinned reference: resolved, or taken on trust."""
        return self.state is State.PINNED or (
            self.state is State.EVIDENCED and not self.inspection.passes
        )

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(f.size for f in self.files.here) + self.files.more_size

    @property
    def file_count(self) -> int:
        """How many files it has."""
        return len(self.files.here) + self.files.more


def examine(
    source: Source,
    description: Description,
    files: Mapping[str, Files],
    resolutions: Mapping[Reference, Resolution] | None = None,
) -> tuple[ComponentEvidence, ...]:
    """The state of every component, in the description's order.

    Args:
        source: The release.
        description: What is said of it.
        files: The files of each component, by its id.
        resolutions: What became of pinned references; those not in it were not looked up.
    """
    license_name = str(description.fields.get("license_name", ""))
    inspected = []
    for spec in description.components:
        mine = files.get(spec.id, Files())
        found = inspect(source, spec.kind.id, mine.here) if mine.here else Inspection()
        inspected.append(Inspected(spec.id, spec.kind.id, mine.here, found))
    checked = cross_checked(source, inspected)
    result = []
    for spec in description.components:
        mine = files.get(spec.id, Files())
        inspection = checked[spec.id]
        state, reason = _state(spec, mine, inspection, resolutions or {})
        if state is State.WITHHELD and is_bound(description.fields["components"][spec.id]):
            reason = f"{reason} (bound by a commitment)"
        license_ = description.license_of(spec)
        assessment = assess(license_, str(spec.kind.content_type), name=license_name)
        result.append(
            ComponentEvidence(spec, state, reason, mine, inspection, license_, assessment)
        )
    return tuple(result)


def _state(
    spec: ComponentSpec,
    files: Files,
    inspection: Inspection,
    resolutions: Mapping[Reference, Resolution],
) -> tuple[State, str]:
    if spec.withheld is not None:
        return State.WITHHELD, printable(spec.withheld.reason)
    if inspection.passes:
        note = f"; {inspection.note}" if inspection.note else ""
        return State.EVIDENCED, plural(len(files.here) + files.more, "file") + note
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
        return _of_references(spec.references, resolutions)
    if inspection.refused:
        return State.ABSENT, _first(inspection.refused)
    if files.here:
        return State.ABSENT, "none of its files is of a form that is known here"
    if spec.inventory is not None:
        return State.ABSENT, f"no file in {printable(spec.inventory.full_directory)}"
    if spec.files:
        return State.ABSENT, f"no file matches {printable(spec.files[0])}"
    if spec.description:
        return State.DECLARED, "described in words only"
    return State.ABSENT, "named, with neither files nor references"


_BY_RESOLUTION = {
    ResolutionStatus.RESOLVED: (State.EVIDENCED, ""),
    ResolutionStatus.COULD_NOT_TELL: (State.PINNED, "could not be resolved: "),
    ResolutionStatus.MOVED: (State.DECLARED, "moved: "),
    ResolutionStatus.GONE: (State.DECLARED, "gone: "),
}


def _of_references(
    references: Sequence[Reference], resolutions: Mapping[Reference, Resolution]
) -> tuple[State, str]:
    """The most that one of the references gives, and why."""
    found: list[tuple[State, str]] = []
    for reference in references:
        name = printable(str(reference))
        resolution = resolutions.get(reference)
        if not reference.is_pinned:
            found.append((State.DECLARED, f"{name} is not pinned to its content"))
        elif resolution is None:
            found.append((State.PINNED, f"{name}, not resolved"))
        else:
            state, words = _BY_RESOLUTION[resolution.status]
            found.append((state, f"{name}, {words}{resolution.detail}"))
    return min(found, key=lambda one: one[0].rank)


def _first(refusals: Sequence[object]) -> str:
    more = len(refusals) - 1
    return f"{refusals[0]}{f', and {more} more like it' if more else ''}"
