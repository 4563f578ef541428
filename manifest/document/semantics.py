"""What the schema of a description cannot say (spec/description.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from manifest.display import printable
from manifest.document.commitments import commitment_problem
from manifest.document.components import KINDS
from manifest.document.inventories import inventory_problems
from manifest.document.name_patterns import pattern_problem
from manifest.document.replay import replay_problems

__all__ = ["semantic_problems"]


def semantic_problems(plain: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kinds of components, names, roots, inventories, commitments, replay: places and messages.

    Args:
        plain: A description that the schema accepts, as plain JSON values.
    """
    roots = plain.get("roots", {})
    for id_, fields in plain.get("components", {}).items():
        pointer = f"components.{id_}"
        if "kind" not in fields and id_ not in KINDS:
            known = ", ".join(KINDS)
            yield (
                pointer,
                f"`{id_}` is not a kind of component: say which with `kind:`, one of {known}",
            )
        published = (fields.get(k) for k in ("files", "references", "inventory"))
        if "withheld" in fields and any(published):
            yield pointer, "is withheld and published at once: split it into two components"
        if problem := commitment_problem(fields, roots):
            yield pointer, problem
    names = [c["name"] for c in plain.get("checkpoints", {}).get("entries", ())]
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            pointer = f"checkpoints.entries[{index}]"
            yield pointer, f"a second checkpoint is called {printable(name)}"
        seen.add(name)
    for index, pattern in enumerate(plain.get("checkpoints", {}).get("patterns", ())):
        if problem := pattern_problem(pattern):
            yield f"checkpoints.patterns[{index}]", f"the pattern {problem}"
    yield from inventory_problems(plain.get("components", {}), roots)
    yield from replay_problems(plain.get("training", {}))
    if "release" in roots:
        yield "roots.release", "this name is reserved"
