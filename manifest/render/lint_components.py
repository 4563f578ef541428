"""The table of components: the state of each, its name, and what there is of it."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence

from manifest.display import human_size, plural, printable
from manifest.document.components import KINDS
from manifest.lint.evidence import ComponentEvidence, State
from manifest.render import Paint

__all__ = ["component_lines"]

_STATE_ROLE = {
    State.EVIDENCED: "good",
    State.PINNED: "name",
    State.DECLARED: "warn",
    State.UNKNOWN: "warn",
    State.WITHHELD: "warn",
    State.ABSENT: "bad",
}
_STATE = max(len(s.value) for s in State)
_MAX_TITLE = 34
_MIN_DETAIL = 24
"""Columns below which what there is of a component stands under its name, not beside it; so does
what holds a word, mostly a path, that is longer."""


def component_lines(
    components: Sequence[ComponentEvidence], width: int, paint: Paint
) -> Iterator[str]:
    """A row for each component, wrapped to ``width`` columns; nothing is cut."""
    order = list(KINDS)
    shown = sorted(components, key=lambda c: (c.state.rank, order.index(c.kind)))
    longest = min(max((len(_title(c)) for c in shown), default=0), _MAX_TITLE)
    room = width - (2 + _STATE + 2 + longest + 2)
    for component in shown:
        state = paint(f"{component.state.value:<{_STATE}}", _STATE_ROLE[component.state])
        blank = " " * _STATE
        longest_word = max(map(len, _detail(component).split()), default=0)
        if room < max(_MIN_DETAIL, longest_word):
            titles = _wrapped(_title(component), width - _STATE - 4)
            details = _wrapped(_detail(component), width - _STATE - 6)
            rows = [*titles, *(f"  {line}" for line in details)]
        else:
            titles = _wrapped(_title(component), longest)
            details = _wrapped(_detail(component), room)
            rows = [
                f"{title:<{longest}}  {detail}"
                for title, detail in itertools.zip_longest(titles, details, fillvalue="")
            ]
        for number, row in enumerate(rows):
            yield f"  {blank if number else state}  {row}".rstrip()


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, max(room, 12), break_on_hyphens=False) or [""]


def _title(component: ComponentEvidence) -> str:
    kind = component.spec.kind
    return kind.title if component.spec.id == kind.id else printable(component.spec.id)


def _detail(component: ComponentEvidence) -> str:
    if component.state is not State.EVIDENCED:
        return printable(component.reason)
    count = component.file_count
    license_ = printable(component.license) or "no license"
    note = "" if component.assessment.is_open or not component.license else " (not open)"
    if component.by_reference:
        return f"{license_}{note}, {printable(component.reason)}"
    return f"{plural(count, 'file')}, {human_size(component.size)}, {license_}{note}"
