"""``training`` of a description filled from recipes: what is new, what agrees, what does not.

Nothing that a person wrote is changed. A file that gave a field is named under
``training.configuration`` (the state of a trainer under ``training.logs``), so that it is the
evidence of it (spec/description.md, "Recipes").
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from manifest.document.description import FILE_NAME, Description
from manifest.document.schema import load_schema
from manifest.document.yaml_edit import Insertion, Place, insert, places, quote
from manifest.document.yaml_text import parse_yaml, to_plain
from manifest.errors import DocumentError
from manifest.readers.setting_names import same_names
from manifest.readers.training_settings import FilledField, TrainingSettings

__all__ = ["FieldComparison", "FieldState", "Filling", "compare_fields", "field_lines", "fill"]

_STATE = "trainer state"


class FieldState(enum.StrEnum):
    """What a description says of a field that a recipe gives."""

    NEW = "new"
    SAME = "same"
    DIFFERENT = "different"
    CONTRADICTED = "contradicted"
    """Another recipe gives another value."""


@dataclasses.dataclass(frozen=True, slots=True)
class FieldComparison:
    """A field that a recipe gives, beside what is said of it elsewhere.

    Attributes:
        found: The field.
        state: How the two compare.
        said: The other value, where there is one.
        where: Its place, as ``release.yaml:12``.
    """

    found: FilledField
    state: FieldState
    said: str = ""
    where: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Filling:
    """A description with fields added.

    Attributes:
        text: The description; as it was where nothing could be added.
        added: The fields that were added, below ``training``.
        by_hand: Lines to be added by a person, where the file is written in a style to which none
            can be.
    """

    text: str
    added: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()


def compare_fields(
    before: Description, recipes: Sequence[TrainingSettings]
) -> tuple[FieldComparison, ...]:
    """Hold what recipes give against a description, and against each other.

    Args:
        before: The description.
        recipes: What was read of each file.

    Returns:
        In the order of the fields, then of the files.
    """
    said = dict(_leaves(before.training, ""))
    first: dict[str, FilledField] = {}
    for field in (f for recipe in recipes for f in recipe.fields):
        first.setdefault(field.field, field)
    found = [f for recipe in recipes for f in recipe.fields]
    return tuple(
        _compared(f, first[f.field], said, before) for f in sorted(found, key=lambda f: f.field)
    )


def _compared(
    field: FilledField, first: FilledField, said: Mapping[str, Any], before: Description
) -> FieldComparison:
    pointer = _known_as(field.field, said)
    if pointer is not None:
        value = said[pointer]
        line = before.line(f"training.{pointer}")
        where = f"{FILE_NAME}:{line}" if line else FILE_NAME
        state = FieldState.SAME if _agrees(field, value) else FieldState.DIFFERENT
        return FieldComparison(field, state, str(value), where)
    if not _agrees(field, first.value):
        return FieldComparison(field, FieldState.CONTRADICTED, first.value, first.place)
    return FieldComparison(field, FieldState.NEW)


def _known_as(field: str, said: Mapping[str, Any]) -> str | None:
    """Under which name a description has a field: its own, or another of the same setting."""
    if field in said:
        return field
    section, _, name = field.rpartition(".")
    if section == "seeds":
        return None
    others = same_names(name)
    return next(
        (p for p in said if p.rpartition(".")[2] in others and not p.startswith("stages")), None
    )


def _agrees(field: FilledField, value: Any) -> bool:
    if field.number is None:
        return str(value).casefold() == field.value.casefold()
    try:
        number = float(str(value))
    except ValueError:
        return False
    return math.isclose(number, field.number, rel_tol=1e-9)


def _leaves(node: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        inner = f"{pointer}.{key}" if pointer else str(key)
        if isinstance(value, Mapping):
            yield from _leaves(value, inner)
        elif not isinstance(value, list | tuple):
            yield inner, value


def fill(
    text: str,
    before: Description,
    comparisons: Sequence[FieldComparison],
    recipes: Sequence[TrainingSettings],
) -> Filling:
    """Add what is new to a description; no other byte changes.

    Args:
        text: The description's text.
        before: The same, parsed.
        comparisons: What `compare_fields` gave.
        recipes: The files, to be named as evidence.
    """
    contradicted = {c.found.field for c in comparisons if c.state is FieldState.CONTRADICTED}
    new = {
        c.found.field: c.found
        for c in comparisons
        if c.state is FieldState.NEW and c.found.field not in contradicted
    }
    tree = _tree(new.values())
    evidence = _evidence(before, recipes)
    if not tree and not evidence:
        return Filling(text)
    added = (*sorted(new), *(f"{name}: {', '.join(paths)}" for name, paths in evidence.items()))
    filled = _inserted(text, before, tree, evidence)
    if filled is None:
        return Filling(text, by_hand=("training:", *_lines(tree, evidence, "  ")))
    return Filling(filled, added)


def _tree(fields: Iterable[FilledField]) -> dict[str, Any]:
    """Fields by their names, those of a section in a mapping of its own."""
    tree: dict[str, Any] = {}
    for field in fields:
        section, _, leaf = field.field.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[leaf] = field
    return tree


def field_lines(fields: Iterable[FilledField], margin: str) -> list[str]:
    """Lines of YAML for fields of ``training``, each with the place that says it."""
    return list(_lines(_tree(fields), {}, margin))


def _evidence(before: Description, recipes: Sequence[TrainingSettings]) -> dict[str, list[str]]:
    """Files that are not named yet, by the list that they belong into."""
    found: dict[str, list[str]] = {}
    for recipe in recipes:
        name = "logs" if recipe.family == _STATE else "configuration"
        if recipe.path not in before.training.get(name, ()):
            found.setdefault(name, []).append(recipe.path)
    return found


def _inserted(
    text: str, before: Description, tree: Mapping[str, Any], evidence: Mapping[str, list[str]]
) -> str | None:
    """The text with lines inserted; None where it would not say what it should."""
    known = places(text.encode(), name=FILE_NAME)
    insertions: list[Insertion] = []
    training = known.get("training")
    if "training" not in before.fields:
        root = known.get("")
        if root is None:
            return None
        place = Place(len(text), root.indent)
        lines = ["", "training:", *_lines(tree, evidence, "  ")]
        insertions.append(_insertion(place, lines))
    elif training is None:
        return None
    else:
        rest: dict[str, Any] = {}
        for name, value in tree.items():
            place_of = known.get(f"training.{name}")
            if isinstance(value, Mapping) and place_of is not None:
                insertions.append(_insertion(place_of, list(_lines(value, {}, ""))))
            else:
                rest[name] = value
        lists: dict[str, list[str]] = {}
        for name, paths in evidence.items():
            place_of = known.get(f"training.{name}")
            if place_of is not None:
                insertions.append(_insertion(place_of, [f"- {quote(path)}" for path in paths]))
            else:
                lists[name] = paths
        if rest or lists:
            insertions.append(_insertion(training, list(_lines(rest, lists, ""))))
    filled = insert(text, insertions)
    try:
        plain = to_plain(parse_yaml(filled.encode(), name=FILE_NAME), load_schema("description"))
    except DocumentError:
        return None
    return filled if plain == _expected(before, tree, evidence) else None


def _insertion(place: Place, lines: Sequence[str]) -> Insertion:
    margin = " " * place.indent
    return Insertion(place, "".join(f"{margin}{line}".rstrip() + "\n" for line in lines))


def _lines(
    tree: Mapping[str, Any], evidence: Mapping[str, list[str]], margin: str
) -> Iterator[str]:
    for name, value in sorted(tree.items()):
        if isinstance(value, FilledField):
            shown = value.value if value.is_number else quote(value.value)
            yield f"{margin}{quote(name)}: {shown}  # from {value.place}"
        else:
            yield f"{margin}{quote(name)}:"
            yield from _lines(value, {}, margin + "  ")
    for name, paths in evidence.items():
        yield f"{margin}{name}:"
        yield from (f"{margin}  - {quote(path)}" for path in paths)


def _expected(
    before: Description, tree: Mapping[str, Any], evidence: Mapping[str, list[str]]
) -> dict[str, Any]:
    """What the description must say afterwards."""
    fields = json.loads(json.dumps(before.fields))
    training = fields.setdefault("training", {})
    for name, value in tree.items():
        if isinstance(value, FilledField):
            training[name] = _value(value)
        else:
            section = training.setdefault(name, {})
            section.update({leaf: _value(field) for leaf, field in value.items()})
    for name, paths in evidence.items():
        training.setdefault(name, []).extend(paths)
    result: dict[str, Any] = fields
    return result


def _value(field: FilledField) -> Any:
    return json.loads(field.value) if field.is_number else field.value
