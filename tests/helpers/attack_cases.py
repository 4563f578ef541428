"""Named attacks: what is done, the exit code that it must meet, and words of the answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["AREAS", "Attack", "Table"]

AREAS = frozenset(
    {
        "bundle", "envelope", "statement", "manifest", "paths", "files", "keys", "certificates",
        "timestamps", "policy", "rollback", "remote answers",
    }
)  # fmt: skip
"""What the attacks of the table are on; each area has some."""

S = TypeVar("S")


@dataclasses.dataclass(frozen=True)
class Attack(Generic[S]):
    """One attack; ``run`` changes the scene, and may give further arguments of the command."""

    area: str
    name: str
    run: Callable[[S], tuple[object, ...] | None]
    exit_code: int
    message: str


class Table(Generic[S]):
    """The attacks of one module, in the order in which they stand there."""

    def __init__(self) -> None:
        self.attacks: list[Attack[S]] = []
        self._area = ""

    def area(self, name: str) -> None:
        """What the attacks from here on are on."""
        assert name in AREAS
        self._area = name

    def attack(
        self, name: str, exit_code: int, message: str
    ) -> Callable[[Callable[[S], tuple[object, ...] | None]], Callable[[S], object]]:
        """Register an attack of the present area."""

        def register(run: Callable[[S], tuple[object, ...] | None]) -> Callable[[S], object]:
            self.attacks.append(Attack(self._area, name, run, exit_code, message))
            return run

        return register
