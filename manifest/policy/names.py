"""Names of releases against patterns (spec/policy.md, "Names").

A pattern is compared with the whole name, character by character and in its case. ``*`` stands
for characters of one part and never for ``/``; as the last part, ``**`` stands for one part or
more. Both stand for ASCII alone: a look-alike letter of another script is matched only by itself.
"""

from __future__ import annotations

import functools
import re

__all__ = ["concerns", "matches", "pattern_problem"]

_ONE = "[A-Za-z0-9._-]"
_PLAIN = re.compile(f"{_ONE}+(?:/{_ONE}+)*")


def pattern_problem(pattern: str) -> str:
    """What is wrong with a pattern, as the end of a sentence; empty when nothing is."""
    head, star, rest = pattern.partition("**")
    if star and (rest or (head and not head.endswith("/"))):
        return "has ** elsewhere than as its last part"
    if "[" in pattern or "?" in pattern or "{" in pattern:
        return "uses [, ? or {, which mean nothing here"
    return ""


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    head = pattern.removesuffix("**")
    text = "".join(f"{_ONE}*" if c == "*" else re.escape(c) for c in head)
    if head != pattern:
        text += f"{_ONE}+(?:/{_ONE}+)*"
    return re.compile(text)


def matches(pattern: str, name: str) -> bool:
    """Whether a sound pattern matches a whole name."""
    return _compiled(pattern).fullmatch(name) is not None


def concerns(pattern: str, name: str) -> bool:
    """Whether a demand for the names of a sound pattern is made of a name.

    To grant by a wildcard only plain names is safe; to demand so is not: who chooses the name of a
    release would choose one that no wildcard matches. A wildcard demands it of every such name.
    """
    return matches(pattern, name) or ("*" in pattern and not _PLAIN.fullmatch(name))
