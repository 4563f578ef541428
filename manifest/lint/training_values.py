"""What is said of a training, in the description, the recipes and the trainer's own state.

Recipes write the same setting under many names; `manifest.readers.setting_names` has those that
mean one thing.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.reading import recipe_fields, recipes, texts
from manifest.lint.release import Basis, Release
from manifest.readers.recipe import Setting
from manifest.readers.setting_names import STEPS, same_names
from manifest.readers.trainer_state import TrainerState, read_trainer_state

__all__ = [
    "Value",
    "contradictions",
    "described_settings",
    "said_settings",
    "steps_said",
    "trainer_states",
]

_MAX_STATES = 8
_WORD = re.compile(r"[A-Za-z_][\w-]{1,60}(?=[\"']?\s*[:= ])")


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A number and its place: ``release.yaml:12``, and the field, for messages."""

    number: float
    place: str
    field: str


def described_settings(release: Release) -> Iterator[Setting]:
    """Every value under ``training`` in the description, with its line."""
    for pointer, value in _leaves(release.description.training, "training"):
        if isinstance(value, str | int | float):
            yield Setting(pointer, str(value), release.description.line(pointer))


def said_settings(release: Release) -> frozenset[str]:
    """Paths of everything that description and configurations set, in lower case.

    Of configurations in another form than YAML and JSON, every word that is followed by a value.
    """
    found = {s.pointer for s in described_settings(release)}
    read = recipes(release)
    found |= {s.pointer for recipe in read for s in recipe.settings}
    known = {recipe.path for recipe in read}
    for path, text in texts(release, "training-configuration"):
        if path not in known:
            found.update(_WORD.findall(text))
    return frozenset(pointer.lower().replace("-", "_") for pointer in found)


def trainer_states(release: Release) -> Iterator[TrainerState]:
    """The states of trainers that are not beside a checkpoint on the way: of the whole run."""
    if release.basis is Basis.DECLARATIONS:
        return
    on_the_way = {f.path for c in release.of_kind("model-metadata") for f in c.files.here}
    paths = [
        p
        for p in release.paths
        if p.rpartition("/")[2] == "trainer_state.json" and p not in on_the_way
    ]
    for path in sorted(paths)[:_MAX_STATES]:
        try:
            yield read_trainer_state(release.source, path)
        except (DocumentError, UndecidedError):
            continue


def steps_said(release: Release) -> frozenset[int]:
    """The lengths of the run in optimizer steps that are given: in all, and of single stages."""
    found = set()
    for setting in [*described_settings(release), *_recipe_settings(release)]:
        if setting.name in STEPS and setting.number is not None and setting.number > 0:
            found.add(int(setting.number))
    return frozenset(found | _stage_steps(release))


def contradictions(release: Release) -> Iterator[tuple[Value, Value]]:
    """Numbers of the description that the recipes and the trainer's state all contradict.

    Each pair is what the description says and one of the numbers that say otherwise. Where stages
    or several recipes give a setting several values, one that agrees is enough.
    """
    said = [(s, s.number) for s in described_settings(release) if _is_of_the_run(s)]
    elsewhere = [
        (s.name, Value(s.number, f"{printable(path)}{f':{s.line}' if s.line else ''}", s.pointer))
        for path, s in _placed_settings(release)
        if s.number is not None and s.number >= 0
    ]
    elsewhere += (
        (f.field.rpartition(".")[2], Value(f.number, f.place, f.source))
        for f in recipe_fields(release)
        if f.number is not None
    )
    for state in trainer_states(release):
        if state.max_steps:
            place = printable(state.path)
            elsewhere.append(("max_steps", Value(float(state.max_steps), place, "max_steps")))
    stages = _stage_steps(release)
    for setting, number in said:
        names = same_names(setting.name)
        if not names or number is None:
            continue
        others = [v for name, v in elsewhere if name in names]
        if not others or any(_equal(number, v.number) for v in others):
            continue
        if names is STEPS and any(int(v.number) in stages for v in others):
            continue  # the recipe of one stage
        place = f"{release.origin}{f':{setting.line}' if setting.line else ''}"
        yield Value(number, place, setting.pointer), others[0]


def _stage_steps(release: Release) -> frozenset[int]:
    """The steps of each stage, and of all together."""
    stages = [s.get("steps", 0) for s in release.description.training.get("stages", ())]
    return frozenset({*stages, sum(stages)} - {0})


def _is_of_the_run(setting: Setting) -> bool:
    """Whether a described value is of the whole run: not a stage's own, not a seed."""
    return setting.pointer.startswith(
        ("training.hyperparameters.", "training.optimizer.", "training.schedule.")
    )


def _recipe_settings(release: Release) -> Iterator[Setting]:
    for _, setting in _placed_settings(release):
        yield setting


def _placed_settings(release: Release) -> Iterator[tuple[str, Setting]]:
    for recipe in recipes(release):
        for setting in recipe.settings:
            yield recipe.path, setting


def _equal(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-30)


def _leaves(node: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        inner = f"{pointer}.{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, inner)
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value[:100]):
                if isinstance(item, Mapping):
                    yield from _leaves(item, f"{inner}[{index}]")
                else:
                    yield f"{inner}[{index}]", item
        else:
            yield inner, value
