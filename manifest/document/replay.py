"""How a segment of the training is repeated, as a description says it (spec/replay.md, "The recipe")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from manifest.display import printable
from manifest.records import record

if TYPE_CHECKING:
    from manifest.document.description import Description

__all__ = ["ReplayRecipe", "Tolerance", "fill", "replay_problems", "replay_recipe"]

_PLACEHOLDER = re.compile(r"\{([a-z][a-z_]*(?:\.[^{}\s]+)?)\}")
_PLAIN = frozenset(
    {"python", "checkpoint", "output", "from_step", "to_step", "from_name", "to_name", "data"}
)


@record(frozen=True, slots=True)
class Tolerance:
    """How far a repeated value x may lie from the published y.

    ``|x - y| <= absolute + relative * |y|``.
    """

    absolute: float = 0.0
    relative: float = 0.0


@record(frozen=True, slots=True)
class ReplayRecipe:
    """``training.replay``.

    Attributes:
        command: The program and its arguments, with placeholders.
        inputs: Globs of the files that it reads; empty for those of the usual components.
        variables: Environment variables that it needs.
        compare: Globs, relative to a checkpoint's directory, of the files that are compared;
            empty for all.
        tolerances: By dtype; empty when every bit must be equal.
        seeds: Every seed of the training, by what it seeds.
    """

    command: tuple[str, ...]
    inputs: tuple[str, ...]
    variables: Mapping[str, str]
    compare: tuple[str, ...]
    tolerances: Mapping[str, Tolerance]
    seeds: Mapping[str, int]


def replay_recipe(description: Description) -> ReplayRecipe | None:
    """How a description says that a segment is repeated; None when it does not."""
    fields = description.training.get("replay")
    if fields is None:
        return None
    return ReplayRecipe(
        tuple(fields["command"]),
        tuple(fields.get("inputs", ())),
        dict(fields.get("variables", {})),
        tuple(fields.get("compare", ())),
        {
            dtype: Tolerance(float(t.get("absolute", 0)), float(t.get("relative", 0)))
            for dtype, t in fields.get("tolerance", {}).items()
        },
        dict(description.training.get("seeds", {})),
    )


def replay_problems(training: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a schema cannot say against ``training.replay``: places and messages."""
    command = training.get("replay", {}).get("command", ())
    seeds = training.get("seeds", {})
    pointer = "training.replay.command"
    used: set[str] = set()
    for index, word in enumerate(command):
        for name in _PLACEHOLDER.findall(word):
            used.add(name)
            if name.startswith("seed.") and name[5:] not in seeds:
                yield f"{pointer}[{index}]", f"training.seeds has no {printable(name[5:])}"
            elif name not in _PLAIN and not name.startswith("seed."):
                known = ", ".join(f"{{{n}}}" for n in sorted(_PLAIN))
                yield (
                    f"{pointer}[{index}]",
                    f"{{{printable(name)}}} is not known; there are {known} and {{seed.NAME}}",
                )
        if "\0" in word:
            yield f"{pointer}[{index}]", "holds a NUL, which no argument can"
    for needed, what in (("checkpoint", "where to begin"), ("output", "where to write")):
        if command and needed not in used:
            yield pointer, f"lacks {{{needed}}}: the command must be told {what}"
    for name, value in training.get("replay", {}).get("variables", {}).items():
        if "\0" in value:
            yield f"training.replay.variables.{name}", "holds a NUL, which no variable can"


def fill(word: str, values: Mapping[str, str]) -> str:
    """A word of the command with its placeholders replaced, each once and none within another."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], word)
