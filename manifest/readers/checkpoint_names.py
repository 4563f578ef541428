"""What the name of a checkpoint says: step, tokens, stage (spec/checkpoint-indexes.md, "Names").

Publishers put the facts into names: ``stage1-step928646-tokens3896B`` is a branch,
``stage2_ingredient1/step11931-unsharded/`` the end of a link, ``ckpt_358`` a branch that counts
checkpoints rather than steps.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import urllib.parse
from decimal import Decimal

__all__ = ["Count", "NameFacts", "facts_of", "link_parts", "looks_like_link", "parse_count"]

_UNITS = {"": 0, "k": 3, "thousand": 3, "m": 6, "million": 6, "b": 9, "g": 9, "bn": 9,
          "billion": 9, "t": 12, "trillion": 12}  # fmt: skip
_SEPARATED = re.compile(
    r"[0-9]{1,3}(?:([, _'\u2019\u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:\.[0-9]+)?"
)
_DOTTED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_COUNT = re.compile(
    r"(?P<digits>[0-9]{1,30}(?:\.[0-9]{1,20})?|\.[0-9]{1,20})(?:e(?P<power>[-+]?[0-9]{1,2}))?"
    r"\s*(?P<unit>thousand|million|billion|trillion|bn|[kmbgt])?\s*(?:tokens?|steps?)?"
)
_MAX_TEXT = 60

_STEP = re.compile(r"(?<![a-z])(?:global[-_]?)?steps?[-_=. ]?([0-9]{1,18})(?:([km])(?![a-z]))?")
_ORDINAL = re.compile(
    r"(?<![a-z])(ckpt|checkpoint|iteration|iter|epoch|chunk)[-_=. ]?([0-9]{1,18})(?![0-9.])"
)
_TOKENS = re.compile(
    r"tokens?[-_=. ]?([0-9]{1,18}(?:\.[0-9]{1,6})?[kmbt]?)(?![a-z0-9])"
    r"|(?<![a-z0-9.])([0-9]{1,18}(?:\.[0-9]{1,6})?[kmbt]?)[-_ ]?tokens?(?![a-z0-9])"
)
_STAGE = re.compile(r"stage[-_ ]?([0-9]{1,4})(?![0-9])")
_INGREDIENT = re.compile(r"ingredient[-_ ]?([0-9]{1,4}(?:[+][0-9]{1,4})*)(?![0-9])")
_SEED = re.compile(r"seed[-_ ]?([0-9]{1,18})(?![0-9])")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Count:
    """A number as an index writes it.

    Attributes:
        value: The number.
        unit: How exactly it is given: 1 for ``4194304000``, 10**9 for ``3896B``.
    """

    value: int
    unit: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class NameFacts:
    """What a name or a link says.

    Attributes:
        step: The optimizer step; None when it names none.
        ordinals: Other counters, as ``ckpt`` to 358.
        tokens: Tokens seen; None when it names none.
        stages, ingredients, seeds: The numbers that it names, ascending.
    """

    step: int | None = None
    ordinals: tuple[tuple[str, int], ...] = ()
    tokens: Count | None = None
    stages: tuple[int, ...] = ()
    ingredients: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()


def parse_count(text: str, *, power: int = 0) -> Count | None:
    """The number that a cell holds; None when it is not one, or is negative or not whole.

    Read are plain digits, digits in groups of three, ``1e6``, and the units K, M, B and T.

    Args:
        text: The cell.
        power: The power of ten that the column's heading gives, as 9 for ``Tokens (B)``; a unit
            in the cell itself comes first.
    """
    stripped = text.strip().lower().removeprefix("+").strip()
    if not stripped or len(stripped) > _MAX_TEXT:
        return None
    number = re.match(r"[0-9][0-9, _'\u2019\u00a0\u202f.]*", stripped)
    if number is not None:
        digits = number[0].rstrip(" ")
        rest = stripped[len(digits) :]
        if _DOTTED.fullmatch(digits):
            stripped = digits.replace(".", "") + rest
        elif _SEPARATED.fullmatch(digits):
            stripped = re.sub(r"[, _'\u2019\u00a0\u202f]", "", digits) + rest
    found = _COUNT.fullmatch(stripped)
    if found is None:
        return None
    scale = _UNITS[found["unit"]] if found["unit"] else power
    exponent = int(found["power"] or 0) + scale
    mantissa = Decimal(found["digits"])
    value = mantissa.scaleb(exponent)
    if value != value.to_integral_value():
        return None
    places = len(found["digits"].partition(".")[2])
    rounded = bool(found["unit"] or power or found["power"])
    return Count(int(value), 10 ** max(exponent - places, 0) if rounded else 1)


def looks_like_link(text: str) -> bool:
    """Whether a cell is an address, or the path of a directory."""
    return bool(_SCHEME.match(text)) or ("/" in text and " " not in text.strip())


def link_parts(link: str) -> tuple[str, str, str]:
    """Scheme and host in lower case, and the path, percent-decoded, without ``/`` at its end.

    Scheme and host are empty for a path; the fragment is left out.
    """
    found = _SCHEME.match(link.strip())
    scheme, host, rest = (found[1].lower(), found[2].lower(), found[3]) if found else ("", "", link)
    path = urllib.parse.unquote(rest.strip().partition("#")[0])
    return scheme, host, path.rstrip("/").removeprefix("./")


@functools.lru_cache(maxsize=32_768)
def facts_of(name: str) -> NameFacts:
    """What a branch, a directory or a link says of the checkpoint it stands for.

    The last part of a path that names a step is the one that counts; of several steps in one
    part, as in ``step11921+11000``, the first.
    """
    path = link_parts(name[:4096])[2].lower()
    parts = [part for part in re.split(r"[/?&]", path) if part]
    step: int | None = None
    ordinals: tuple[tuple[str, int], ...] = ()
    for part in reversed(parts):
        if found := _STEP.search(part):
            step = int(found[1]) * {"k": 1_000, "m": 1_000_000}.get(found[2] or "", 1)
            break
    for part in reversed(parts):
        if named := _ORDINAL.findall(part):
            ordinals = tuple((kind, int(number)) for kind, number in named[:4])
            break
    tokens = next((f for part in reversed(parts) if (f := _TOKENS.search(part))), None)
    return NameFacts(
        step,
        ordinals,
        parse_count(tokens[1] or tokens[2]) if tokens else None,
        _numbers(_STAGE, path),
        _numbers(_INGREDIENT, path),
        _numbers(_SEED, path),
    )


def _numbers(pattern: re.Pattern[str], path: str) -> tuple[int, ...]:
    found = {int(n) for match in pattern.findall(path) for n in match.split("+")}
    return tuple(sorted(found))
