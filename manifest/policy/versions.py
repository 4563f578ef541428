"""The order of versions (spec/policy.md, "Versions")."""

from __future__ import annotations

__all__ = ["compare_versions"]

_MAX_LENGTH = 200


def compare_versions(first: str, second: str) -> int | None:
    """Which of two versions is the later: -1, 0 or 1 as for ``first - second``.

    The order is that of PEP 440. Equal texts are equal, whatever they are.

    Returns:
        None where one of two different texts is not a version of PEP 440: there is no order.
    """
    if first == second:
        return 0
    if max(len(first), len(second)) > _MAX_LENGTH or not (first.isascii() and second.isascii()):
        return None
    from packaging.version import InvalidVersion, Version

    try:
        a, b = Version(first), Version(second)
    except InvalidVersion:
        return None
    return (a > b) - (a < b)
