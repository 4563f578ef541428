"""The rows of an index in groups: one for each stage, ingredient and seed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from manifest.display import printable
from manifest.readers.checkpoint_index import IndexRow
from manifest.readers.checkpoint_names import facts_of

__all__ = ["Group", "group_key", "group_rows", "link_step", "name_of", "stage_number", "step_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Rows whose steps count from one start, in the order of the file."""

    title: str
    stage: str
    rows: tuple[IndexRow, ...]


def link_step(row: IndexRow) -> int | None:
    """The step that a row's link names, or its label; None when neither does."""
    found = facts_of(row.target).step if row.target else None
    if found is None and row.label:
        found = facts_of(row.label).step
    if found is None:
        ordinals = facts_of(row.target or row.label).ordinals
        found = ordinals[0][1] if row.step is None and ordinals else None
    return found


def step_of(row: IndexRow) -> int | None:
    """The step of a row: its own, else its link's."""
    return row.step if row.step is not None else link_step(row)


def stage_number(text: str) -> int | None:
    """The number of a stage as an index writes it: ``2``, ``stage2_midtraining``, ``stage_3``."""
    found = re.search(r"stage[-_ ]?([0-9]{1,4})(?![0-9])", text.lower())
    if found is None:
        found = re.fullmatch(r"([0-9]{1,4})(?:\.0)?", text.strip())
    return int(found[1]) if found else None


def name_of(row: IndexRow) -> str:
    """What to call a row in a message."""
    step = step_of(row)
    parts = [printable(p[:60]) for p in (row.stage, row.ingredient, row.run) if p]
    return " ".join([*parts, f"step {step:,}" if step is not None else printable(row.label[:60])])


def group_rows(rows: Sequence[IndexRow], whole: str = "the index") -> tuple[Group, ...]:
    """The rows by stage and ingredient, as the rows say it or, where they do not, their names.

    A group of which neither says anything is called ``whole``.
    """
    found: dict[tuple[object, ...], list[IndexRow]] = {}
    for row in rows:
        found.setdefault(group_key(row), []).append(row)
    return tuple(Group(_title(members[0]) or whole, _stage(members[0]), tuple(members))
                 for members in found.values())  # fmt: skip


def group_key(row: IndexRow) -> tuple[object, ...]:
    """What rows of one group have in common: table, stage, ingredient and run."""
    named, told = facts_of(row.target), facts_of(row.label)
    stage: object = row.stage.casefold() or (told.stages or named.stages)[-1:]
    ingredient: object = row.ingredient.casefold() or told.ingredients or named.ingredients
    run: object = row.run.casefold() or told.seeds or named.seeds
    return row.series, stage, ingredient, run


def _stage(row: IndexRow) -> str:
    if row.stage:
        return row.stage
    stages = facts_of(row.label).stages or facts_of(row.target).stages
    return f"stage{stages[-1]}" if stages else ""


def _title(row: IndexRow) -> str:
    ingredients = facts_of(row.label).ingredients or facts_of(row.target).ingredients
    ingredient = row.ingredient or "+".join(map(str, ingredients))
    if "ingredient" in row.stage.lower():
        ingredient = ""
    elif ingredient.isdecimal() or "+" in ingredient:
        ingredient = f"ingredient {ingredient}"
    parts = [printable(part[:60]) for part in (_stage(row), ingredient, row.run) if part]
    return " ".join(parts)
