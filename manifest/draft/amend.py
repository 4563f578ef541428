"""An existing description with what is new: lines are added, and no other byte changes.

Every amendment is checked before it is believed: parsed again, it must say exactly what it said
before and what was added.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from manifest.display import plural, printable
from manifest.document.components import KINDS
from manifest.document.description import FILE_NAME, Description
from manifest.document.schema import load_schema
from manifest.document.yaml_edit import Insertion, Place, insert, places, quote
from manifest.document.yaml_text import parse_yaml, to_plain
from manifest.draft.facts import Facts
from manifest.draft.globs import Globber
from manifest.draft.sections import ComponentDraft, component_lines, components_of, sections
from manifest.errors import DocumentError
from manifest.inventory import Matcher, compile_glob, glob_problem
from manifest.readers.classify import Placement

__all__ = ["Amendment", "amend"]

_WILD = re.compile(r"[*?\[]")
_ADDED = "added by manifest init"
_OFFERED = frozenset(
    {"license", "model", "base_models", "data", "training", "checkpoints", "evaluation", "homepage"}
)
"""Sections that are added when they are missing and their content was found."""


@dataclasses.dataclass(frozen=True, slots=True)
class Amendment:
    """A description with what was added; see `Draft` for the attributes."""

    text: str
    components: tuple[ComponentDraft, ...] = ()
    added: tuple[str, ...] = ()
    unassigned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def amend(
    text: str, before: Description, placements: Sequence[Placement], facts: Facts
) -> Amendment:
    """Add to a description what is new; see `draft`."""
    answered = _Answers(before, [p.path for p in placements])
    fresh = [p for p in placements if p.path not in answered.files]
    notes = list(answered.notes)
    wanted: list[Placement] = []
    for placement in fresh:
        if placement.kind in answered.withheld:
            notes.append(
                f"{printable(placement.path)} looks like {placement.kind}, "
                "which the description withholds: left as it is"
            )
        elif placement.kind:
            wanted.append(placement)
    fresh = [p for p in fresh if p.path != FILE_NAME]
    taken = {p.path for p in wanted}
    left = tuple(p.path for p in fresh if p.path not in taken)
    components = components_of(wanted, Globber([p.path for p in placements]))
    edit = _Edit(text, before)
    for component in components:
        edit.add_component(component)
    edit.add_sections(facts)
    if not edit.added:
        return Amendment(text, unassigned=left, notes=tuple(notes))
    amended = edit.result()
    if amended is None:
        notes.append(
            f"{FILE_NAME} is written in a style to which nothing can be added; "
            f"not added: {', '.join(edit.added)}"
        )
        return Amendment(text, unassigned=tuple(p.path for p in fresh), notes=tuple(notes))
    return Amendment(amended, components, tuple(edit.added), left, tuple(notes))


class _Answers:
    """What a description already says of the files."""

    def __init__(self, before: Description, paths: Sequence[str]) -> None:
        self.files: set[str] = set()
        self.notes: list[str] = []
        roots = before.fields.get("roots", {})
        known = dict.fromkeys(paths).keys()
        held = {c.kind.id for c in before.components if c.files or c.references}
        self.withheld = {c.kind.id for c in before.components if c.withheld} - held
        for spec in before.components:
            for pattern in spec.files:
                if pattern.partition(":")[0] in roots:
                    continue
                found = set(_matching(pattern, known))
                if not found and not glob_problem(pattern):
                    self.notes.append(
                        f"components.{spec.id}: {printable(pattern)} matches no file any more"
                    )
                # Also what `exclude` takes out again: that is an answer too.
                self.files |= found


def _matching(pattern: str, paths: Collection[str]) -> list[str]:
    if glob_problem(pattern):
        return []
    if pattern in paths and not _WILD.search(pattern):
        return [pattern]  # the many files that are named one by one
    matcher: Matcher = compile_glob(pattern)
    return [path for path in paths if matcher.matches(path)]


class _Edit:
    """Lines to be inserted into one text, and what the result must say."""

    def __init__(self, text: str, before: Description) -> None:
        self.text = text
        self.before = before
        self.places: Mapping[str, Place] = places(text.encode(), name=FILE_NAME)
        self.insertions: list[Insertion] = []
        self.expected: dict[str, Any] = _copy(before.fields)
        self.added: list[str] = []
        self._new_components: list[str] = []

    def add_component(self, component: ComponentDraft) -> None:
        """Add files to the first component of their kind, or a component for them."""
        self.added.append(f"{plural(component.file_count, 'file')} of {component.kind}")
        patterns = [pattern for pattern, _ in component.patterns]
        for spec in self.before.of_kind(component.kind):
            place = self.places.get(f"components.{spec.id}.files")
            if spec.files and place is not None:
                margin = " " * place.indent
                lines = [
                    f"{margin}- {quote(pattern)}  # {_ADDED}: {why}\n"
                    for pattern, why in component.patterns
                ]
                self.insertions.append(Insertion(place, "".join(lines)))
                self.expected["components"][spec.id]["files"] += patterns
                return
        taken = self.expected.get("components", {})
        id_ = component.kind
        number = 2
        while id_ in taken:
            id_, number = f"{component.kind}-{number}", number + 1
        fields: dict[str, Any] = {} if id_ in KINDS else {"kind": component.kind}
        self.expected.setdefault("components", {})[id_] = {**fields, "files": patterns}
        lines = component_lines(component, id_=id_, word=_ADDED)
        place = self.places.get("components")
        if place is not None:
            margin = " " * place.indent
            block = "".join(f"{margin}{line}\n" for line in lines)
            self.insertions.append(Insertion(place, block))
        else:
            self._new_components += [f"  {line}" for line in lines]

    def add_sections(self, facts: Facts) -> None:
        """Add sections that the description lacks and whose content was found."""
        blocks: list[str] = []
        if self._new_components and "components" not in self.before.fields:
            blocks += ["", "components:", *self._new_components]
        lacking = [
            section
            for section in sections(facts, (), described_by=self.before.described_by)
            if section.key in _OFFERED and section.key not in self.before.fields
        ]
        for section in lacking:
            lines = [line for line in section.lines if line and not line.startswith("#")]
            blocks += ["", f"# {_ADDED}:", *lines]
            document = parse_yaml(("\n".join(lines) + "\n").encode(), name=FILE_NAME)
            self.expected.update(to_plain(document, load_schema("description")))
            self.added.append(section.key)
        if blocks:
            ends = any(line.rstrip() == "..." for line in self.text.split("\n"))
            root = self.places.get("", Place(len(self.text), 0))
            place = root if ends else Place(len(self.text), root.indent)
            margin = " " * place.indent
            block = "".join(f"{margin}{line}".rstrip() + "\n" for line in blocks)
            self.insertions.append(Insertion(place, block))

    def result(self) -> str | None:
        """The amended text; None where it would not say what it should."""
        if "" not in self.places:
            return None
        amended = insert(self.text, self.insertions)
        try:
            plain = to_plain(
                parse_yaml(amended.encode(), name=FILE_NAME), load_schema("description")
            )
        except DocumentError:
            return None
        return amended if plain == self.expected else None


def _copy(value: Any) -> Any:
    """A copy whose lists and mappings can be added to."""
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(inner) for inner in value]
    return value
