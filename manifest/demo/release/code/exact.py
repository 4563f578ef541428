"""Arithmetic that gives the same bits on every machine.

IEEE 754 fixes the result of + - * / and of the square root to the last bit; it does
not fix exp, log and tanh, which differ from one C library to the next. So the few that
this model needs are built here from operations that are fixed, and the sums of this
code are loops that add from left to right, because the built-in `sum` has rounded floats
in another way since Python 3.12.
"""

from __future__ import annotations

import math
import struct

LN2_HIGH = 0.6931471803691238  # ln 2 in two parts; the first has 33 bits, so that
LN2_LOW = 1.9082149292705877e-10  # an exponent times it is exact
INVERSE_LN2 = 1.4426950408889634
SQRT_HALF = 0.7071067811865476
MASK64 = 0xFFFFFFFFFFFFFFFF


def exp(x: float) -> float:
    """Return e to the power x for -700 <= x <= 700; smaller x give 0.0.

    x = k ln 2 + r with |r| <= 0.35, and e**r is its Taylor polynomial of degree 13.
    """
    if x < -700.0:
        return 0.0
    k = int(x * INVERSE_LN2 + (0.5 if x >= 0.0 else -0.5))
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 1.0 / 479001600.0 + r / 6227020800.0
    p = 1.0 / 362880.0 + r * (1.0 / 3628800.0 + r * (1.0 / 39916800.0 + r * p))
    p = 1.0 / 720.0 + r * (1.0 / 5040.0 + r * (1.0 / 40320.0 + r * p))
    p = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * p))
    return math.ldexp(1.0 + r * (1.0 + r * (0.5 + r * p)), k)


def log(x: float) -> float:
    """Return the natural logarithm of x > 0.

    x = m 2**k with m near 1, and log m = 2 artanh((m - 1) / (m + 1)) as a series.
    """
    m, k = math.frexp(x)
    if m < SQRT_HALF:
        m, k = 2.0 * m, k - 1
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    p = 0.0
    for n in (23.0, 21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        p = (p + 1.0 / n) * square
    return k * LN2_HIGH + (2.0 * (s + s * p) + k * LN2_LOW)


def tanh(x: float) -> float:
    """Return the hyperbolic tangent of x, with an absolute error below 1e-15."""
    e = exp(-2.0 * abs(x))
    t = (1.0 - e) / (1.0 + e)
    return t if x >= 0.0 else -t


def power(base: float, exponent: int) -> float:
    """Return base multiplied by itself `exponent` times, from left to right."""
    result = 1.0
    for _ in range(exponent):
        result *= base
    return result


def total(values: list[float]) -> float:
    """Return the sum of the values, added from left to right."""
    result = 0.0
    for value in values:
        result += value
    return result


def to_float32(values: list[float]) -> list[float]:
    """Round each value to the nearest float32, ties to even."""
    layout = f"<{len(values)}f"
    return list(struct.unpack(layout, struct.pack(layout, *values)))


class SplitMix64:
    """The generator of Steele, Lea and Flood (2014): 64 bits of state, integers only."""

    def __init__(self, state: int) -> None:
        self.state = state & MASK64

    def next(self) -> int:
        """Return the next 64 bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return z ^ (z >> 31)

    def uniform(self) -> float:
        """Return a float in [0, 1) with 53 random bits."""
        return (self.next() >> 11) / 9007199254740992.0

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound), each equally likely."""
        limit = (1 << 64) - (1 << 64) % bound
        while True:
            value = self.next()
            if value < limit:
                return value % bound

    def shuffle(self, items: list[int]) -> None:
        """Put the items into a random order, in place (Fisher and Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
