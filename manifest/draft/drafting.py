"""`draft`: a new description, or an existing one with what is new."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from manifest.document.description import Description, parse_description
from manifest.document.schema import load_schema
from manifest.draft.amend import amend
from manifest.draft.facts import Facts, gather
from manifest.draft.globs import Globber
from manifest.draft.sections import ComponentDraft, Section, components_of, sections
from manifest.readers.classify import Placement, classify
from manifest.sources import Source

__all__ = ["Draft", "draft", "draft_description"]


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A drafted description.

    Attributes:
        text: The whole text of ``release.yaml``.
        description: The same, parsed.
        is_new: Whether there was none before.
        changed: Whether the text differs from the one that was there.
        components: The components as drafted: all of a new description, else those added to.
        added: What was added to an existing description, as short phrases.
        placements: Where each file was placed.
        unassigned: Files that belong to no component and are not packaging, in order.
        questions: What is still asked, as short phrases.
        notes: What the reader should know: files that could not be read, entries without files.
    """

    text: str
    description: Description
    is_new: bool
    changed: bool
    components: tuple[ComponentDraft, ...]
    added: tuple[str, ...]
    placements: tuple[Placement, ...]
    unassigned: tuple[str, ...]
    questions: tuple[str, ...]
    notes: tuple[str, ...]


def draft(
    source: Source, *, existing: bytes | None = None, described_by: str = "publisher"
) -> Draft:
    """Draft the description of a release from its files.

    Args:
        source: The release.
        existing: The ``release.yaml`` that is there; what it says is kept byte for byte.
        described_by: ``publisher`` or ``third-party``, for a new description.

    Raises:
        DocumentError: ``existing`` is not a valid description.
        UndecidedError: It is written for another version of the format.
    """
    before = None if existing is None else parse_description(existing)
    placements = classify(source)
    facts = gather(source, placements)
    if existing is None or before is None:
        return _new(placements, facts, described_by)
    text = existing.decode("utf-8")
    amendment = amend(text, before, placements, facts)
    return Draft(
        text=amendment.text,
        description=parse_description(amendment.text.encode()),
        is_new=False,
        changed=amendment.text != text,
        components=amendment.components,
        added=amendment.added,
        placements=placements,
        unassigned=amendment.unassigned,
        questions=(),
        notes=(*amendment.notes, *facts.notes),
    )


def draft_description(source: Source) -> Description:
    """What `draft` would say of a release without a description; described by a third party."""
    return draft(source, described_by="third-party").description


def _new(placements: Sequence[Placement], facts: Facts, described_by: str) -> Draft:
    components = components_of(placements, Globber([p.path for p in placements]))
    body = sections(facts, components, described_by=described_by)
    text = "\n".join([*_header(), *(line for section in body for line in section.lines)]) + "\n"
    return Draft(
        text=text,
        description=parse_description(text.encode()),
        is_new=True,
        changed=True,
        components=components,
        added=(),
        placements=tuple(placements),
        unassigned=tuple(p.path for p in placements if not p.kind and not p.is_left_out),
        questions=_questions(body),
        notes=facts.notes,
    )


def _questions(body: Sequence[Section]) -> tuple[str, ...]:
    return tuple(section.question for section in body if section.question)


def _header() -> tuple[str, ...]:
    return (
        f"# yaml-language-server: $schema={load_schema('description')['$id']}",
        "# The description of this release, drafted from the files beside it. Check what says",
        '# "guessed", and answer what is commented out, as far as you can, by taking the # away.',
        "# Then run: manifest build",
        'schema_version: "1.0"',
        "",
    )
