"""Patterns of checkpoints' names, as ``stage{stage}-step{step}`` (spec/checkpoints.md, "Patterns")."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from manifest.display import printable

__all__ = ["match_name", "pattern_problem"]

_FORMS: Mapping[str, str] = {
    "stage": "[A-Za-z0-9]{1,40}",
    "ingredient": "[0-9]{1,4}",
    "step": "[0-9]{1,18}",
    "ordinal": "[0-9]{1,18}",
    "tokens": r"[0-9]{1,18}(?:\.[0-9]{1,6})?[KMBTkmbt]?",
}
_PART = re.compile(r"\{([^{}]*)\}|([{}])")
_NAME = re.compile(r"[!-z|~]{1,255}")  # a branch's name in ASCII; braces stand for fields


def pattern_problem(pattern: str) -> str:
    """Why ``pattern`` is none, in words that follow "the pattern"; empty when it is one."""
    seen: set[str] = set()
    end = -1
    for found in _PART.finditer(pattern):
        field = found[1]
        if field is None:
            return "has a brace without its other"
        if field not in _FORMS:
            shown = printable(field[:40])
            return f"has the unknown field {{{shown}}}; fields are {', '.join(_FORMS)}"
        if field in seen:
            return f"has the field {field} twice"
        if found.start() == end:
            return "has two fields with nothing between them"
        seen.add(field)
        end = found.end()
    rest = _PART.sub("", pattern)
    return "" if not rest or _NAME.fullmatch(rest) else "has a character that no name has"


def match_name(pattern: str, name: str) -> Mapping[str, str] | None:
    """What a name says by a sound pattern, field by field; None where it does not match whole."""
    found = _compiled(pattern).fullmatch(name)
    return None if found is None else found.groupdict()


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    text, position = "", 0
    for found in _PART.finditer(pattern):
        text += re.escape(pattern[position : found.start()]) + f"(?P<{found[1]}>{_FORMS[found[1]]})"
        position = found.end()
    return re.compile(text + re.escape(pattern[position:]), re.ASCII)
