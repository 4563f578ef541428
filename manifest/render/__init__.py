"""Results as text and as JSON; colours come in through `Paint`, so nothing here knows a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Paint", "plain"]

Paint: TypeAlias = Callable[[str, str], str]
"""``paint(text, role)`` gives the text as it is to be shown; the roles are ``good``, ``bad``,
``warn``, ``dim``, ``bold`` and ``name``."""


def plain(text: str, role: str) -> str:  # noqa: ARG001 - the role matters to painters with colours
    """The painter that adds nothing."""
    return text
