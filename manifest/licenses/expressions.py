"""Whether the license that an expression names is open for a type of content."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Collection
from typing import Any

from manifest.display import printable
from manifest.licenses.ai import ai_license
from manifest.licenses.catalogue import FAMILIES, canonical_id, exception_id, is_osi, open_for
from manifest.licenses.clauses import Basis, Clause

__all__ = ["LicenseAssessment", "LicenseStatus", "assess", "is_allowed", "same_license"]

MAX_LENGTH = 500
"""The longest expression that is read, as in the description's schema."""

_MAX_PARENTHESES = 40
_RESTRICTED_CC = re.compile(r"CC-BY-(?=[A-Z-]*(NC|ND))([A-Z-]+)-", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\s+(?:AND|OR|WITH)\s+", re.IGNORECASE)


class LicenseStatus(enum.StrEnum):
    """What an assessment comes to."""

    OPEN = "open"
    OPEN_OTHER_TYPE = "open-other-type"
    """Open, by a license that was written for another type of content; it counts, with a note."""
    NOT_OPEN = "not-open"
    UNKNOWN = "unknown"
    NONE = "none"

    @property
    def is_open(self) -> bool:
        """Whether everybody may use, study, modify and share under it."""
        return self in (LicenseStatus.OPEN, LicenseStatus.OPEN_OTHER_TYPE)


@dataclasses.dataclass(frozen=True, slots=True)
class LicenseAssessment:
    """Whether a license is open for a type of content.

    Attributes:
        status: The answer.
        reason: Why, in words that follow the license's name, as ``forbids commercial use``.
        spdx: The expression in SPDX ids; empty where it has none.
        clauses: What blocks it, when it is not open.
        terms: What each of those clauses says in this license, in words like the reason's.
        osi_approved: Whether everything that must be accepted is approved by the OSI.
    """

    status: LicenseStatus
    reason: str
    spdx: str = ""
    clauses: tuple[Clause, ...] = ()
    terms: tuple[str, ...] = ()
    osi_approved: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the status is one that counts as open."""
        return self.status.is_open


def assess(expression: str, content_type: str, *, name: str = "") -> LicenseAssessment:
    """Assess a license.

    ``A OR B`` is open when one choice is; ``A AND B`` when both are; ``A WITH E`` as A is, where
    E is an exception of the SPDX list. What is not known is unknown, and never open.

    Args:
        expression: An SPDX expression, a Hugging Face license id, or a ``LicenseRef-``.
        content_type: ``code``, ``data`` or ``document``.
        name: The ``license_name`` of a card whose license is ``other``.
    """
    text = expression.strip()
    if not text:
        return LicenseAssessment(LicenseStatus.NONE, "no license is given")
    if text.casefold() in ("none", "noassertion", "unlicensed"):
        return LicenseAssessment(LicenseStatus.NONE, "grants nothing", clauses=(Clause.NO_GRANT,))
    if text.casefold() in ("other", "unknown"):
        if name.strip() and name.strip().casefold() not in ("other", "unknown"):
            return assess(name, content_type)
        return _unknown("does not say which license it is")
    if not _ATTRIBUTE.search(text) and "(" not in text:
        return _assess_id(text, content_type)
    try:
        tree = _parse(text)
    except _UnreadableError:
        return _unknown("is not a license expression")
    return _assess_tree(tree, content_type)


def same_license(first: str, second: str) -> bool:
    """Whether two ids name one license, however they are written."""
    a, b = (canonical_id(x) or x.strip().casefold() for x in (first, second))
    strip = ("-only", "-or-later")
    for suffix in strip:
        a, b = a.removesuffix(suffix), b.removesuffix(suffix)
    return a == b


def is_allowed(expression: str, allowed: Collection[str]) -> bool:
    """Whether a license is among those that somebody allows.

    Of ``A OR B`` one must be, of ``A AND B`` both; ``A WITH E`` must be allowed as it stands. Ids
    are compared without regard to case. What cannot be read is not allowed.

    Args:
        expression: An SPDX expression, a Hugging Face license id, or a ``LicenseRef-``.
        allowed: Ids, or whole expressions such as ``GPL-2.0-only WITH Classpath-exception-2.0``.
    """
    from license_expression import AND, OR

    names = {_id(name) for name in allowed}

    def holds(tree: Any) -> bool:
        if isinstance(tree, AND | OR):
            return (all if isinstance(tree, AND) else any)(map(holds, tree.args))
        return _id(str(tree)) in names

    try:
        return bool(expression.strip()) and holds(_parse(expression.strip()))
    except _UnreadableError:
        return _id(expression) in names


def _id(name: str) -> str:
    return canonical_id(name) or " ".join(name.split()).casefold()


class _UnreadableError(Exception):
    """The expression cannot be parsed."""


def _parse(text: str) -> Any:
    from license_expression import ExpressionError, Licensing

    if len(text) > MAX_LENGTH or text.count("(") > _MAX_PARENTHESES:
        raise _UnreadableError
    try:
        # No symbols are given: each id is looked up here, so that no alias of the library (it
        # takes some LicenseRef- names for SPDX licenses) makes an unknown license a known one.
        tree = Licensing().parse(text)
    except (ExpressionError, LookupError, TypeError, ValueError, AttributeError, AssertionError):
        raise _UnreadableError from None
    if tree is None:
        raise _UnreadableError
    return tree


def _assess_tree(tree: Any, content_type: str) -> LicenseAssessment:
    from license_expression import AND, OR, LicenseWithExceptionSymbol

    if isinstance(tree, AND | OR):
        parts = [_assess_tree(part, content_type) for part in tree.args]
        word = "AND" if isinstance(tree, AND) else "OR"
        chosen = _weakest(parts) if word == "AND" else _strongest(parts)
        spdx = (
            f" {word} ".join(_grouped(p.spdx) for p in parts) if all(p.spdx for p in parts) else ""
        )
        agree = all if word == "AND" else any
        return dataclasses.replace(
            chosen, spdx=spdx, osi_approved=agree(p.osi_approved for p in parts)
        )
    if isinstance(tree, LicenseWithExceptionSymbol):
        exception = exception_id(str(tree.exception_symbol.key))
        if not exception:
            return _unknown(f"has an exception that is not known, {tree.exception_symbol.key}")
        base = _assess_id(str(tree.license_symbol.key), content_type)
        spdx = f"{base.spdx} WITH {exception}" if base.spdx else ""
        return dataclasses.replace(base, spdx=spdx)
    return _assess_id(str(tree.key), content_type)


def _grouped(spdx: str) -> str:
    return f"({spdx})" if " AND " in spdx or " OR " in spdx else spdx


_ORDER = (
    LicenseStatus.OPEN,
    LicenseStatus.OPEN_OTHER_TYPE,
    LicenseStatus.UNKNOWN,
    LicenseStatus.NONE,
    LicenseStatus.NOT_OPEN,
)


def _strongest(parts: list[LicenseAssessment]) -> LicenseAssessment:
    # Among open choices one that the OSI approved says more.
    return min(parts, key=lambda p: (_ORDER.index(p.status), not p.osi_approved))


def _weakest(parts: list[LicenseAssessment]) -> LicenseAssessment:
    return max(parts, key=lambda p: _ORDER.index(p.status))


def _unknown(reason: str) -> LicenseAssessment:
    return LicenseAssessment(LicenseStatus.UNKNOWN, reason)


def _assess_id(id_: str, content_type: str) -> LicenseAssessment:
    spdx = canonical_id(id_)
    if spdx:
        return _assess_spdx(spdx, content_type)
    if id_.strip().casefold() in FAMILIES:
        return _unknown("names a family of licenses, not one of them")
    entry = ai_license(id_)
    if entry is None:
        return _unknown(f"{printable(id_)!r} is not a license that is known here")
    if entry.basis is Basis.UNCHECKED or not entry.clauses:
        return _unknown(f"the terms of the {entry.title} have not been checked")
    terms = tuple(map(entry.words, entry.clauses))
    return LicenseAssessment(LicenseStatus.NOT_OPEN, terms[0], "", entry.clauses, terms)


def _assess_spdx(spdx: str, content_type: str) -> LicenseAssessment:
    types, osi = open_for(spdx), is_osi(spdx)
    if content_type in types:
        return LicenseAssessment(LicenseStatus.OPEN, "is open", spdx, osi_approved=osi)
    if types:
        meant = " and ".join(sorted(types))
        reason = f"is open, but written for {meant} rather than {content_type}"
        return LicenseAssessment(LicenseStatus.OPEN_OTHER_TYPE, reason, spdx, osi_approved=osi)
    clauses: list[Clause] = []
    if restricted := _RESTRICTED_CC.match(spdx):
        parts = restricted[2].upper().split("-")
        clauses += [Clause.NON_COMMERCIAL] if "NC" in parts else []
        clauses += [Clause.NO_DERIVATIVES] if "ND" in parts else []
    if clauses:
        terms = tuple(map(str, clauses))
        return LicenseAssessment(LicenseStatus.NOT_OPEN, terms[0], spdx, tuple(clauses), terms)
    reason = "is approved neither by the OSI nor on a list of open data or document licenses"
    return LicenseAssessment(LicenseStatus.NOT_OPEN, reason, spdx)
