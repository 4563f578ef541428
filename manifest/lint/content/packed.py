"""Weights in an archive: what it lists, and the beginnings of the weights in it.

An archive is not unpacked. Its directory names the weights and their sizes; of each their header is
inflated, within bounds, and held against that size as that of any other weights is.
"""

from __future__ import annotations

from collections.abc import Sequence

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.readers.archives import ArchiveMember, Member, list_archive
from manifest.readers.config import read_config
from manifest.readers.formats import format_of, has_weight_name
from manifest.readers.safetensors import read_safetensors
from manifest.sources import Source

__all__ = ["archived_architecture", "archived_weights"]

_MAX_LOOKED_AT = 64
_NAMES_TOLD = 3


def archived_weights(source: Source, path: str) -> tuple[str, str]:
    """Why an archive holds no sound weights, and what a reader should know of those it holds.

    The first is empty when it does; both are when there are no weights in it.

    Raises:
        DocumentError: It is no archive, or its directory is broken.
        UndecidedError: It cannot be read.
    """
    members = [m for m in list_archive(source, path) if has_weight_name(m.name) is not None]
    if not members:
        return "", ""
    for member in members[:_MAX_LOOKED_AT]:
        if problem := _problem(source, path, member):
            return f"holds {printable(member.name)}, which {problem}", ""
    return "", f"in an archive that is not unpacked: {_named(members)}"


def archived_architecture(source: Source, path: str) -> bool:
    """Whether the configuration in an archive, beside its weights, names an architecture.

    Raises:
        UndecidedError: It cannot be read.
    """
    try:
        for member in list_archive(source, path):
            if member.name.rpartition("/")[2] == "config.json":
                inner = ArchiveMember(source, path, member)
                if read_config(inner, member.name).is_model:
                    return True
    except DocumentError:
        return False
    return False


def _problem(source: Source, path: str, member: Member) -> str:
    if not member.size:
        return "is empty"
    inner = ArchiveMember(source, path, member)
    try:
        if member.name.lower().endswith(".safetensors"):
            header = read_safetensors(inner, member.name)
            if not header.complete:
                return "is cut off: it is shorter than its header says"
            return "" if header.element_count else "holds no tensor"
        found = format_of(inner, member.name)
    except DocumentError as error:
        return f"is broken: {error.message}"
    sound = found is not None and found.shown_by == "content"
    return "" if sound else "has the name of weights, and not their content"


def _named(members: Sequence[Member]) -> str:
    names = ", ".join(printable(m.name) for m in members[:_NAMES_TOLD])
    more = len(members) - _NAMES_TOLD
    return f"{names} and {more} more" if more > 0 else names
