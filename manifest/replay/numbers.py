"""Differences between numbers of two tensors, in bounded memory and without a library for it.

Equal bytes are compared as bytes. Where they differ, blocks of numbers are looked at with the
iterators of the standard library, some two million numbers a second.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from operator import gt, mul, ne, sub

from manifest.document.replay import Tolerance

__all__ = ["ITEM_BYTES", "MEASURED", "Differences"]

MEASURED = frozenset({"BF16", "F16", "F32", "F64"})
"""Dtypes whose differences are numbers; of the others only whether bits are equal is told."""
ITEM_BYTES = {
    "BF16": 2, "BOOL": 1, "C64": 8, "F16": 2, "F32": 4, "F64": 8, "I8": 1, "I16": 2, "I32": 4,
    "I64": 8, "U8": 1, "U16": 2, "U32": 4, "U64": 8,
}  # fmt: skip
"""Bytes of one element; a dtype that is not here is compared by its bytes."""
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_NOT_FINITE, _BIAS = 2047, 1022


class Differences:
    """What differs between a tensor as repeated and as published, block by block.

    Attributes:
        elements: How many were compared.
        unequal: How many have other bits.
        beyond: How many of those lie beyond the tolerance, or are not finite.
        not_finite: How many of the unequal ones are infinite or no number, on either side: never
            within a tolerance.
        largest: The largest finite difference; 0.0 when there is none.
        squares: The sum of the squares of the differences.
        exponents: How many differences there are by power of two: ``e`` counts those from
            2^(e-1) up to 2^e.
    """

    __slots__ = (
        "_tolerance",
        "beyond",
        "dtype",
        "elements",
        "exponents",
        "largest",
        "not_finite",
        "squares",
        "unequal",
    )

    def __init__(self, dtype: str, tolerance: Tolerance | None) -> None:
        self.dtype = dtype
        self._tolerance = tolerance if dtype in MEASURED else None
        self.elements = self.unequal = self.beyond = self.not_finite = 0
        self.largest = self.squares = 0.0
        self.exponents: Counter[int] = Counter()

    def add(self, repeated: bytes, published: bytes) -> None:
        """Compare one block of bytes; both have the same length and hold whole elements."""
        width = ITEM_BYTES.get(self.dtype, 1)
        self.elements += len(published) // width
        if repeated == published:
            return
        code = _CODES[width]
        changed = list(map(ne, array(code, repeated), array(code, published)))
        unequal = sum(changed)
        self.unequal += unequal
        if self._tolerance is None:
            self.beyond += unequal
        if self.dtype in MEASURED:
            self._measure(_floats(repeated, self.dtype), _floats(published, self.dtype), changed)

    def _measure(self, x: Sequence[float], y: Sequence[float], changed: Sequence[bool]) -> None:
        if not (all(map(math.isfinite, x)) and all(map(math.isfinite, y))):
            finite = [
                (a, b)
                for a, b, other in zip(x, y, changed, strict=True)
                if other and math.isfinite(a) and math.isfinite(b)
            ]
            strange = sum(changed) - len(finite)
            self.not_finite += strange
            if self._tolerance is not None:
                self.beyond += strange
            x, y = [a for a, _ in finite], [b for _, b in finite]
        distances = array("d", map(abs, map(sub, x, y)))
        largest = max(distances, default=0.0)
        self.largest = max(self.largest, largest)
        self.squares += sum(map(mul, distances, distances))
        self.exponents.update(_exponents(distances))
        if self._tolerance is not None and largest > self._tolerance.absolute:
            allowed = map(self._tolerance.relative.__mul__, map(abs, y))
            allowed = map(self._tolerance.absolute.__add__, allowed)
            self.beyond += sum(map(gt, distances, allowed))


def _exponents(distances: array[float]) -> dict[int, int]:
    """How many finite, normal numbers there are by power of two, as `Differences.exponents`.

    The upper sixteen bits of a double hold its sign, eleven bits of its exponent and four more.
    """
    words = array("H", distances.tobytes())
    found: Counter[int] = Counter()
    for word, count in Counter(words[3::4] if sys.byteorder == "little" else words[::4]).items():
        if 0 < word >> 4 < _NOT_FINITE:
            found[(word >> 4) - _BIAS] += count
    return found


def _floats(data: bytes, dtype: str) -> Sequence[float]:
    """The numbers that little-endian bytes stand for."""
    if dtype == "F16":
        return struct.unpack(f"<{len(data) // 2}e", data)
    if dtype == "BF16":  # the upper half of an F32
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[0::2], data[1::2]
        data, dtype = bytes(wide), "F32"
    numbers = array("f" if dtype == "F32" else "d", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
