"""Normalization of records, by rules with names, and the digest of a record.

Both sides apply the rules that the commitment names (spec/commitments.md, "Normalization"). What
they leave is compared byte for byte.
"""

from __future__ import annotations

import enum
import hashlib
import re
import unicodedata
from collections.abc import Sequence

from manifest import strict_json
from manifest.errors import DocumentError, MissingExtraError, UsageError

__all__ = ["MAX_RECORD", "Rule", "normalize", "record_digest", "record_prefix", "rules_from_names"]

MAX_RECORD = 64 * 2**20
"""The longest record that is held in memory, in bytes; files under ``none/1`` may be longer."""

_LABEL = b"model-release-manifest/record/1\0"
_MAX_DEPTH = 128
_BLANKS = " \t\n\v\f\r"


class Rule(enum.StrEnum):
    """A rule of normalization; its number changes when its meaning does."""

    NONE = "none/1"
    """The bytes as they are; alone."""
    LF = "lf/1"
    """Text in UTF-8; CR LF and CR become LF."""
    STRIP = "strip/1"
    """Text in UTF-8; blanks of ASCII at both ends are taken off."""
    NFC = "nfc/1"
    """Text in UTF-8, in Unicode's normalization form C."""
    JCS = "jcs/1"
    """The JSON value that the record is, in the form of RFC 8785; alone."""


_ALONE = frozenset({Rule.NONE, Rule.JCS})
_ORDER = tuple(Rule)


def rules_from_names(names: Sequence[str]) -> tuple[Rule, ...]:
    """The rules with these names, in the order in which they are applied.

    Args:
        names: With or without their number, as ``nfc`` or ``nfc/1``; none for ``none/1``.

    Raises:
        UsageError: No such rule, one twice, or one that stands alone beside others.
    """
    known = {rule.value: rule for rule in Rule} | {r.value.partition("/")[0]: r for r in Rule}
    found: list[Rule] = []
    for name in names or (Rule.NONE.value,):
        rule = known.get(name)
        if rule is None:
            raise UsageError(
                f"there is no rule of normalization called {str(name)!a}",
                remedy=f"one of {', '.join(Rule)}",
            )
        if rule in found:
            raise UsageError(f"the rule {rule} is named twice", remedy="name it once")
        found.append(rule)
    if len(found) > 1 and (alone := _ALONE.intersection(found)):
        raise UsageError(f"the rule {min(alone)} stands alone", remedy="name no other beside it")
    return tuple(sorted(found, key=_ORDER.index))


def normalize(record: bytes, rules: Sequence[Rule]) -> bytes:
    """A record as the rules leave it.

    Raises:
        DocumentError: It is not what a rule needs: text in UTF-8, a JSON value.
        MissingExtraError: The rule needs a library that is not installed.
    """
    if rules[0] is Rule.NONE:
        return record
    if rules[0] is Rule.JCS:
        return _canonical(record)
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"the byte at offset {error.start} is not valid UTF-8",
            remedy="commit to the bytes with the rule none, or mend the record",
        ) from None
    if Rule.LF in rules:
        text = re.sub("\r\n?", "\n", text)
    if Rule.STRIP in rules:
        text = text.strip(_BLANKS)
    if Rule.NFC in rules:
        text = unicodedata.normalize("NFC", text)
    return text.encode()


def _canonical(record: bytes) -> bytes:
    try:
        import rfc8785
    except ImportError:
        raise MissingExtraError(
            "the rule jcs/1 needs rfc8785, which is not installed",
            remedy="pip install 'model-release-manifest[commitments]'",
        ) from None
    value = strict_json.loads(record, what="it", max_bytes=MAX_RECORD, max_depth=_MAX_DEPTH)
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise DocumentError(
            f"it has no canonical form: {error}",
            remedy="commit to the bytes with the rule none, or mend the record",
        ) from None


def record_prefix(rules: Sequence[Rule]) -> bytes:
    """What is hashed before the normalized bytes of a record: which rules made them."""
    return _LABEL + "+".join(rules).encode() + b"\0"


def record_digest(record: bytes, rules: Sequence[Rule]) -> bytes:
    """The digest of a record under rules, 32 bytes (spec/commitments.md, "Records").

    Raises:
        DocumentError, MissingExtraError: As `normalize`.
    """
    return hashlib.sha256(record_prefix(rules) + normalize(record, rules)).digest()
