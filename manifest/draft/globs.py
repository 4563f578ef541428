"""A set of files written as few patterns, each of which names exactly files of the set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from manifest.inventory import escape_glob

__all__ = ["Globber"]

_SHARD = re.compile(r"(.*)-[0-9]{5}-of-([0-9]{5})(\.[^/]+)")
# Suffixes under which files of any component lie: a pattern over them would soon take too much.
_COMMON = frozenset({"json", "yaml", "yml", "txt", "md", "csv", "toml", ""})
_LEAST = {"shard": 2, "tree": 2, "beside": 2, "named": 3, "below": 3}
_LEAST_COMMON = 6
_ORDER = ("tree", "shard", "beside", "named", "below")

_Candidate = tuple[str, str]


class Globber:
    """Writes sets of files of one release as patterns.

    Args:
        paths: Every file of the release, which tells what a pattern would take besides.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._all: Counter[_Candidate] = Counter()
        for path in paths:
            self._all.update(_candidates(path))

    def patterns(self, files: Iterable[str]) -> list[tuple[str, list[str]]]:
        """Patterns that name exactly these files, in the order of the files.

        A directory that holds nothing else becomes ``directory/**``, files of one suffix
        ``*.suffix``, the same file in many directories ``*/name``; the rest are named.

        Returns:
            Each pattern with the files that it stands for here.
        """
        rest = dict.fromkeys(files)
        counts: Counter[_Candidate] = Counter()
        members: dict[_Candidate, list[str]] = {}
        for path in rest:
            for candidate in _candidates(path):
                counts[candidate] += 1
                members.setdefault(candidate, []).append(path)
        exact = [
            candidate
            for candidate, count in counts.items()
            if count == self._all[candidate] and count >= _least(candidate)
        ]
        exact.sort(key=lambda c: (-counts[c], _ORDER.index(c[0]), len(c[1]), c[1]))
        found: list[tuple[str, list[str]]] = []
        for candidate in exact:
            taken = [path for path in members[candidate] if path in rest]
            if len(taken) < _least(candidate):
                continue
            for path in taken:
                del rest[path]
            found.append((candidate[1], taken))
        found.extend((escape_glob(path), [path]) for path in rest)
        return sorted(found, key=lambda item: item[1][0])


def _least(candidate: _Candidate) -> int:
    shape, pattern = candidate
    suffix = pattern.rpartition("/")[2].rpartition(".")[2]
    if shape in {"beside", "below"} and suffix in _COMMON:
        return _LEAST_COMMON
    return _LEAST[shape]


def _candidates(path: str) -> Iterator[_Candidate]:
    """The patterns that could stand for a path and others like it."""
    *parts, name = path.split("/")
    directories = [escape_glob("/".join(parts[: n + 1])) for n in range(len(parts))]
    for directory in directories:
        yield "tree", f"{directory}/**"
    beside = f"{directories[-1]}/" if directories else ""
    shard = _SHARD.fullmatch(name)
    if shard:
        prefix, count, suffix = (escape_glob(part) for part in shard.groups())
        yield "shard", f"{beside}{prefix}-*-of-{count}{suffix}"
    stem, dot, suffix = name.rpartition(".")
    if dot and stem:
        pattern = f"*.{escape_glob(suffix)}"
        yield "beside", f"{beside}{pattern}"
        for directory in directories:
            yield "below", f"{directory}/**/{pattern}"
    if len(parts) > 1:
        yield "named", f"{directories[-2]}/*/{escape_glob(name)}"
    elif parts:
        yield "named", f"*/{escape_glob(name)}"
