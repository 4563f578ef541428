"""One file for several kinds of code: each kind wants a part of its own.

A `main.py` that trains, evaluates and generates is evidence of all three, by three functions. A
file, or copies of it under three names, in which one function stands for all three is evidence of
one. Copies are known by their structure: other names and other constants make no other code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from manifest.lint.content.code import (
    KINDS_OF_CODE,
    bare_text,
    fingerprint,
    is_about,
    is_source,
    program_of,
)
from manifest.lint.content.sampling import suffix
from manifest.lint.content.syntax import Program
from manifest.sources import Source, SourceFile

__all__ = ["SHARING_KINDS", "without_part"]

SHARING_KINDS = (*KINDS_OF_CODE, "model-architecture")
"""Kinds of code that are told apart."""
_MIN_PART = 2
"""Statements that compute, in a part that a kind can call its own."""


def without_part(source: Source, claims: Mapping[str, Sequence[SourceFile]]) -> Mapping[str, str]:
    """The kinds that are left without a part of their own, each with the reason.

    Args:
        source: The release.
        claims: The files that passed the test of each kind; those that are no source are left out.

    Raises:
        UndecidedError: A file cannot be read.
    """
    units = _units(source, claims)
    owner: dict[str, str] = {}

    def give(kind: str, tried: set[str]) -> bool:
        """Give a kind a part, moving another kind to another of its parts where that helps."""
        for unit in sorted(units[kind]):
            if unit not in tried:
                tried.add(unit)
                if unit not in owner or give(owner[unit], tried):
                    owner[unit] = kind
                    return True
        return False

    left = [kind for kind in SHARING_KINDS if kind in units and not give(kind, set())]
    return {kind: _reason(kind, claims) for kind in left}


def _reason(kind: str, claims: Mapping[str, Sequence[SourceFile]]) -> str:
    mine = {f.path for f in claims[kind]}
    others = [k for k in SHARING_KINDS if k != kind and mine & {f.path for f in claims.get(k, ())}]
    what = f"the files of {others[0]}" if others else "a copy of code that stands for another kind"
    return f"is {what} again, and no part of it is this kind's own"


def _units(source: Source, claims: Mapping[str, Sequence[SourceFile]]) -> dict[str, set[str]]:
    """The parts, as digests, that each kind may call its own."""
    shapes: dict[tuple[str, str], tuple[str, Program | None]] = {}
    kinds_of: dict[str, set[str]] = {}
    for kind, files in claims.items():
        for file in files:
            if is_source(file.path):
                shape, program = _shape(source, file)
                shapes[kind, file.path] = shape, program
                kinds_of.setdefault(shape, set()).add(kind)
    units: dict[str, set[str]] = {}
    for (kind, _), (shape, program) in shapes.items():
        mine = units.setdefault(kind, set())
        if program is None or len(kinds_of[shape]) == 1:
            mine.add(shape)
            continue
        mine.update(
            part.shape
            for part in program.parts
            if part.work >= _MIN_PART and is_about(kind, part.words)
        )
    return units


def _shape(source: Source, file: SourceFile) -> tuple[str, Program | None]:
    if suffix(file.path) in {".py", ".ipynb"}:
        program = program_of(source, file)
        if isinstance(program, Program):
            return program.shape, program
    return fingerprint(bare_text(source, file) or ""), None
