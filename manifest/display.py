"""Untrusted text made safe to show, and numbers made easy to read.

File names, signer names and document fields come from strangers. Shown raw, they could move the
cursor, recolour a verdict or reverse the order of letters (UTR #36, UTS #39). Everything that
prints such text passes it through `printable` first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["human_size", "listed", "plural", "printable"]

# Characters that take no room and that `str.isprintable` lets through, as they are letters or
# marks by category: Hangul fillers, the grapheme joiner, vowel inherents, variation selectors
# (Unicode property Default_Ignorable_Code_Point).
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


def _escape(char: str) -> str:
    if char.isprintable() and not _INVISIBLE.match(char):
        return char
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8, as os.fsdecode carries it
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def printable(text: str | bytes) -> str:
    r"""Show untrusted text as one line that a terminal displays as it is.

    Control characters (newline and the escape of ANSI sequences among them), bidirectional
    controls, zero-width and other format characters, spaces other than U+0020, unassigned and
    private code points and lone surrogates become ``\x1b``, ``\u202e``, ``\U000e0001``; a byte
    that is not UTF-8 becomes ``\xff``. Everything else, letters of any script included, stays.

    Args:
        text: The text; bytes are read as UTF-8.

    Returns:
        Text without a line break that any UTF-8 stream can encode.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(map(_escape, text))


def human_size(n_bytes: int) -> str:
    """A size in decimal units with one decimal place, as ``91.6 MB``; below 1000 as ``512 B``."""
    if n_bytes < 1000:
        return f"{n_bytes} B"
    value, power = n_bytes / 1000, 0
    # 999.95 would be shown as 1000.0, so it belongs to the next unit.
    while value >= 999.95 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.1f} {_UNITS[power]}"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """A count and its noun: ``1 file``, ``2 files``, ``20,000 files``.

    Args:
        count: How many.
        noun: The singular.
        nouns: The plural, when it is not the singular and an "s".
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def listed(texts: Sequence[str]) -> str:
    """Texts as a sentence lists them: ``a``, ``a and b``, ``a, b and c``."""
    head, last = ", ".join(texts[:-1]), texts[-1] if texts else ""
    return f"{head} and {last}" if head else str(last)
