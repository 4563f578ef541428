"""The patterns by which a description names files.

The meaning is that of `.gitignore` with two differences that make a pattern say what it looks
like: every pattern starts at the root of the release, and there is no negation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from manifest.display import printable
from manifest.errors import DocumentError, ManifestError
from manifest.records import record

__all__ = ["MAX_PATTERN_LENGTH", "Matcher", "compile_glob", "escape_glob", "glob_problem"]

MAX_PATTERN_LENGTH = 1024
"""The longest pattern accepted, in characters."""

_WILD = re.compile(r"[*?\[]")
# A class: not empty, "]" may stand first, "!" or "^" first turns it around.
_CLASS = re.compile(r"\[([!^]?)(\]?[^\]/]*)\]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@record(frozen=True, slots=True)
class Matcher:
    """A pattern ready to be compared with paths.

    Attributes:
        pattern: The pattern as it was written.
    """

    pattern: str
    _literal: str
    _below: str
    _regex: re.Pattern[str] | None

    def matches(self, path: str) -> bool:
        """Whether the pattern names the file at this release-relative path."""
        if self._regex is not None:
            return self._regex.fullmatch(path) is not None
        return path == self._literal or path.startswith(self._below)

    def among(self, paths: Iterable[str]) -> list[str]:
        """Those of many paths that the pattern names, in their order."""
        if self._regex is None:
            return [path for path in paths if self.matches(path)]
        fullmatch = self._regex.fullmatch
        return [path for path in paths if fullmatch(path)]


def glob_problem(pattern: str) -> str | None:
    """Why a pattern is refused, as words that follow "the pattern"; None when it is sound."""
    if not pattern:
        return "is empty"
    if len(pattern) > MAX_PATTERN_LENGTH:
        return f"is longer than {MAX_PATTERN_LENGTH} characters"
    if "\\" in pattern:
        return "contains a backslash; write [*] for a literal *"
    if _CONTROL.search(pattern):
        return "contains a control character"
    if pattern[0] == "/":
        return "is absolute; patterns start at the root of the release anyway"
    for component in pattern.removesuffix("/").split("/"):
        if not component:
            return "has an empty component"
        if component in {".", ".."}:
            return f'has the component "{component}"'
        position = component.find("[")
        while position >= 0:
            found = _CLASS.match(component, position)
            if found is None or not found[2]:
                return "has a [ without its ]; write [[] for a literal ["
            if (problem := _range_problem(found[2])) is not None:
                return problem
            position = component.find("[", found.end())
    return None


def compile_glob(
    pattern: str, *, where: str = "", error: type[ManifestError] = DocumentError
) -> Matcher:
    """Prepare a pattern.

    =========== ==========================================================================
    ``*``       any characters within one component, none included
    ``?``       one character within a component
    ``[a-z]``   one of these; ``[!a-z]`` one not of these; ``[*]`` a literal ``*``
    ``**``      as a whole component: any number of components, none included
    ``name/``   everything below the directory
    ``a/name``  without a wildcard in its last component: that file, or everything below that
                directory
    =========== ==========================================================================

    Matching is case-sensitive and by code points; a leading dot is an ordinary character. The time
    is bounded by the length of the pattern times the length of the path.

    Args:
        pattern: The pattern, as ``checkpoints/**/*.safetensors``.
        where: The place that gives it; begins the message.
        error: The kind of error to raise.

    Raises:
        ManifestError: Of the given kind, when `glob_problem` finds a reason to refuse it.
    """
    problem = glob_problem(pattern)
    if problem is not None:
        raise error(
            f'{where + ": " if where else ""}the pattern "{printable(pattern[:120])}" {problem}',
            remedy="patterns are relative to the release, as weights/*.safetensors",
        )
    bare = pattern.removesuffix("/")
    if not _WILD.search(bare):
        return Matcher(pattern, "" if bare != pattern else bare, bare + "/", None)
    return Matcher(pattern, "", "", re.compile(_translate(pattern), re.DOTALL))


def escape_glob(path: str) -> str:
    """The pattern that names exactly this path and, if it is a directory, everything below it."""
    return _WILD.sub(lambda found: f"[{found[0]}]", path)


def _ranges(members: str) -> list[tuple[str, str]]:
    """The first and last character of each item of a class; a "-" at an end is itself."""
    items, position = [], 0
    while position < len(members):
        if members[position + 1 : position + 2] == "-" and position + 2 < len(members):
            items.append((members[position], members[position + 2]))
            position += 3
        else:
            items.append((members[position], members[position]))
            position += 1
    return items


def _range_problem(members: str) -> str | None:
    for first, last in _ranges(members):
        if first > last:
            return f'has the range "{printable(first)}-{printable(last)}", which runs backwards'
    return None


def _translate(pattern: str) -> str:
    """The regular expression of a pattern with wildcards.

    It never backtracks over a decision that cannot matter: after ``*`` and after ``**`` the first
    place where the following literal part fits is as good as any later one, so both are atomic
    groups. Only the last star of a component and the last ``**`` try several places.
    """
    below = pattern.endswith("/")
    components = pattern.removesuffix("/").split("/")
    runs: list[list[str]] = [[]]
    for component in components:
        if component == "**":
            if runs[-1] or len(runs) == 1:
                runs.append([])
        else:
            runs[-1].append(_component(component))
    tail = "/.+" if below else ("" if _WILD.search(components[-1]) else "(?:/.+)?")
    head, *middle = runs
    written = "".join(part + "/" for part in head)
    if not middle:
        return written[:-1] + tail
    *middle, last = middle
    for run in middle:
        written += f"(?>(?:[^/]+/)*?{''.join(part + '/' for part in run)})"
    if last:
        return f"{written}(?:[^/]+/)*{'/'.join(last)}{tail}"
    # "a/**": everything below a; with a trailing slash, in a directory below it.
    return written + ("[^/]+/.+" if below else ".+")


def _component(component: str) -> str:
    parts: list[str] = [""]
    position = 0
    while position < len(component):
        char = component[position]
        if char == "*":
            if parts[-1] or len(parts) == 1:
                parts.append("")
            position += 1
            continue
        if char == "[":
            found = _CLASS.match(component, position)
            assert found is not None  # noqa: S101 glob_problem has looked at every class
            parts[-1] += _class(found[1], found[2])
            position = found.end()
            continue
        parts[-1] += "[^/]" if char == "?" else re.escape(char)
        position += 1
    first, *rest = parts
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{part})" for part in middle) + "[^/]*" + last


def _class(negated: str, members: str) -> str:
    """A class of the pattern as one of a regular expression; it never takes a slash."""
    items = "".join(f"{re.escape(a)}-{re.escape(b)}" for a, b in _ranges(members))
    return f"(?!/)[{'^' if negated else ''}{items}]"
