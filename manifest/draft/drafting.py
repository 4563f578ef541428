"""`draft`: a new description, or an existing one with what is new."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from manifest.document.description import FILE_NAME, Description, parse_description
from manifest.document.inventories import is_owned, owned_directories
from manifest.document.schema import load_schema
from manifest.document.yaml_text import MAX_BYTES
from manifest.draft.amend import amend
from manifest.draft.facts import Facts
from manifest.draft.gathering import gather
from manifest.draft.globs import Globber
from manifest.draft.sections import ComponentDraft, Section, components_of, sections
from manifest.errors import DocumentError, UsageError
from manifest.inventory import OWN_FILES, walk
from manifest.readers.classify import Placement, classify
from manifest.sources import Source
from manifest.sources.directory import DirectorySource

__all__ = ["Draft", "draft", "draft_description", "draft_directory", "draft_text"]


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
        unassigned: Files that belong to no component, in order.
        packaging: Those of them that are left out on purpose: they serve an installer or an
            editor.
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
    packaging: tuple[str, ...]
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
        packaging=_packaging(placements, amendment.unassigned),
        questions=(),
        notes=(*amendment.notes, *facts.notes),
    )


def draft_description(source: Source) -> Description:
    """What `draft` would say of a release without a description; described by a third party."""
    return draft(source, described_by="third-party").description


def draft_directory(directory: Path, *, described_by: str = "publisher") -> Draft:
    """`draft` for a directory, with the ``release.yaml`` that lies in it.

    Raises:
        UsageError: There is no such directory, or its ``release.yaml`` is no regular file.
        DocumentError: The ``release.yaml`` is not valid.
        UndecidedError: The directory cannot be read.
    """
    source = DirectorySource.of(walk(directory, leave_out=OWN_FILES, enter=lambda _: False))
    odd = next((o for o in source.tree.oddities if o.path == FILE_NAME), None)
    if odd is not None:
        raise UsageError(odd.describe(), remedy="put a regular file in its place, or remove it")
    size = next((file.size for file in source.files if file.path == FILE_NAME), None)
    if size is not None and size > MAX_BYTES:
        raise DocumentError(f"{FILE_NAME} has {size:,} bytes; at most {MAX_BYTES:,} are read")
    existing = None if size is None else source.read(FILE_NAME, length=size)
    return draft(_listed(directory, existing), existing=existing, described_by=described_by)


def _listed(directory: Path, existing: bytes | None) -> DirectorySource:
    """The files to describe: what inventories own is described, and may be millions of files."""
    # Most descriptions have no inventory, and to parse one twice takes time.
    if existing is None or b"inventory" not in existing:
        return DirectorySource(directory)
    specs = [c.inventory for c in parse_description(existing).components if c.inventory]
    owned = owned_directories(specs)
    tree = walk(directory, leave_out=OWN_FILES, enter=lambda path: not is_owned(path, owned))
    known = {spec.path for spec in specs if not spec.root}
    files = tuple(file for file in tree.files if file.path not in known)
    return DirectorySource.of(dataclasses.replace(tree, files=files))


def draft_text(directory: Path) -> str:
    """The text of `draft_directory`."""
    return draft_directory(directory).text


def _new(placements: Sequence[Placement], facts: Facts, described_by: str) -> Draft:
    components = components_of(placements, Globber([p.path for p in placements]))
    unassigned = tuple(p.path for p in placements if not p.kind and p.path != FILE_NAME)
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
        unassigned=unassigned,
        packaging=_packaging(placements, unassigned),
        questions=_questions(body),
        notes=facts.notes,
    )


def _packaging(placements: Sequence[Placement], unassigned: Sequence[str]) -> tuple[str, ...]:
    left_out = {p.path for p in placements if p.is_left_out}
    return tuple(path for path in unassigned if path in left_out)


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
