"""Reading the fields of parsed JSON in signed documents; each refusal names its place."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from manifest.display import printable
from manifest.errors import NotTrustedError

__all__ = ["read_list", "read_object", "read_text", "refusal", "shown"]

_SHOWN = 80


def refusal(where: str, problem: str, *, remedy: str = "") -> NotTrustedError:
    """The error for a field that is not what its format says."""
    return NotTrustedError(
        f"{where} {problem}",
        remedy=remedy or "this is not a sound signature; ask the signer for a new one",
    )


def shown(text: str) -> str:
    """Untrusted text in quotes, shortened and safe to print."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return f'"{printable(cut)}"'


def read_object(
    value: Any,
    where: str,
    *,
    required: AbstractSet[str],
    optional: AbstractSet[str] = frozenset(),
    open_ended: bool = False,
) -> dict[str, Any]:
    """The value as an object with the required fields, and no others unless it is open-ended.

    Raises:
        NotTrustedError: It is not such an object.
    """
    if not isinstance(value, dict):
        raise refusal(where, "is not an object")
    if not required <= value.keys():
        raise refusal(where, f"lacks the field {min(required - value.keys())}")
    if not open_ended:
        for name in sorted(value.keys() - required - optional):
            raise refusal(where, f"has the unknown field {shown(name)}")
    return value


def read_text(value: Any, where: str) -> str:
    """The value as a text that is not empty.

    Raises:
        NotTrustedError: It is not such a text.
    """
    if not isinstance(value, str) or not value:
        raise refusal(where, "is not a text, or is empty")
    return value


def read_list(value: Any, where: str, *, least: int = 0, most: int) -> list[Any]:
    """The value as a list whose length lies within the bounds.

    Raises:
        NotTrustedError: It is not such a list.
    """
    if not isinstance(value, list):
        raise refusal(where, "is not a list")
    if len(value) < least:
        raise refusal(where, f"has {len(value)} entries; at least {least} is needed")
    if len(value) > most:
        raise refusal(where, f"has {len(value):,} entries; at most {most:,} are accepted")
    return value
