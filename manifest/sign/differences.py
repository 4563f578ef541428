"""A tree that is not what its manifest lists: what differs, as an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from manifest.display import printable
from manifest.document.manifest_file import FILE_NAME
from manifest.errors import BytesDifferError, UndecidedError
from manifest.inventory import Difference, FileStat, Item, Plan

__all__ = ["BUILD_REMEDY", "refuse_differences"]

BUILD_REMEDY = "run `manifest build`, look at what changed, and sign then"

_MAX_SHOWN = 20


def refuse_differences(found: Mapping[str, Plan] | Mapping[str, Difference]) -> None:
    """Refuse what names and sizes (`Plan`) or digests (`Difference`) show.

    Raises:
        BytesDifferError: Files differ.
        UndecidedError: Files are large-file pointers or cannot be read.
    """
    lines: list[str] = []
    pointers: list[str] = []
    unread: list[str] = []
    for root, each in found.items():
        changed = each.size_mismatched if isinstance(each, Plan) else each.changed
        for word, items in (("changed", changed), ("missing", each.missing)):
            lines += (f"  {word}: {_name(root, item)}" for item in items)
        lines += (f"  added: {_name(root, item)}" for item in each.added)
        if isinstance(each, Difference):
            lines += (
                f"  renamed: {printable(item.was)} to {_name(root, item)}" for item in each.renamed
            )
        pointers += (f"  {_name(root, item)}" for item in each.not_fetched)
        unread += (f"  {_name(root, item)}: {printable(item.note)}" for item in each.undecided)
    if lines:
        raise BytesDifferError(
            _listed(f"the files are not those that {FILE_NAME} lists; nothing was signed", lines),
            remedy=BUILD_REMEDY,
        )
    if pointers:
        raise UndecidedError(
            _listed("these files are large-file pointers; nothing was signed", pointers),
            remedy="fetch them with `git lfs pull`, then sign",
        )
    if unread:
        raise UndecidedError(
            _listed("these files could not be read; nothing was signed", unread),
            remedy="run the command again when nothing else writes to the directory",
        )


def _name(root: str, item: Item | FileStat) -> str:
    path = printable(item.path)
    return f"{root}:{path}" if root else path


def _listed(head: str, lines: Sequence[str]) -> str:
    more = len(lines) - _MAX_SHOWN
    rest = [f"  and {more:,} more"] if more > 0 else []
    return "\n".join([head, *lines[:_MAX_SHOWN], *rest])
