"""A description on its own, without the files it describes: all there is to judge is what it says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from manifest.display import printable
from manifest.document.components import MOF_KINDS
from manifest.document.description import parse_description
from manifest.document.yaml_text import MAX_BYTES, parse_yaml
from manifest.draft.mot import describe_mot
from manifest.errors import UndecidedError
from manifest.licenses.mot import is_open_to_mot
from manifest.lint.release import Origin, Release, release_of
from manifest.readers.mot import as_the_tool_reads, is_mot, mot_of
from manifest.sources.memory import MemorySource

__all__ = ["load_declaration", "open_kinds_of_mot"]


def load_declaration(path: str | Path, *, mot_compatible: bool = False) -> Release:
    """Read a description, or a declaration for the Model Openness Tool, as a release without files.

    Args:
        path: The file: a ``release.yaml`` under any name, or a file of the tool.
        mot_compatible: Whether a file of the tool is read as the tool does, slips included.

    Raises:
        DocumentError: It is neither, or not valid.
        UndecidedError: It cannot be read, or is of a version that is not known.
    """
    file = Path(path)
    name = printable(file.name)
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UndecidedError(
            f"{printable(str(path))} cannot be read: {error.strerror or error}"
        ) from error
    document = parse_yaml(data, name=name)
    if is_mot(document.root):
        declared = mot_of(document)
        declared = as_the_tool_reads(declared) if mot_compatible else declared
        # Lines of the description that is made of it would be nobody's.
        description = dataclasses.replace(describe_mot(declared, source_name=name), source=None)
        origin = Origin.DRAFTED
    else:
        description, origin = parse_description(data, name=name), Origin.DESCRIBED
    return release_of(description, MemorySource({}, name=description.name), origin=origin)


def open_kinds_of_mot(release: Release) -> dict[str, bool]:
    """For each component of the framework whether it is there under a license open to the tool.

    The tool looks a license up by its exact name, and knows no expressions.
    """
    known = {kind.id for kind in MOF_KINDS}
    found: dict[str, bool] = {}
    for component in release.components:
        if component.kind in known and component.declared:
            is_open = is_open_to_mot(component.license)
            found[component.kind] = found.get(component.kind, False) or is_open
    return found
