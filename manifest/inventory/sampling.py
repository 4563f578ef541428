"""Random samples of files, and what a sample without a finding says."""

from __future__ import annotations

import dataclasses
import math
import secrets

from manifest.errors import UsageError

__all__ = ["SHARES", "Miss", "choose", "miss_probability", "misses"]

SHARES = (0.001, 0.01, 0.1)
"""The shares of damaged files for which a sample's probability of missing them is stated."""
MAX_SAMPLE = 10_000_000
"""The most files in one sample: their numbers are kept in memory."""


@dataclasses.dataclass(frozen=True, slots=True)
class Miss:
    """The probability that a sample misses damage of some extent.

    Attributes:
        damaged: How many of the files would be damaged.
        share: Which share of them that is; 0 where the extent is a number and no share.
        probability: That none of those is in the sample; from 0 to 1.
    """

    damaged: int
    share: float
    probability: float


def choose(count: int, size: int) -> tuple[int, ...]:
    """The numbers of files to look at, sorted, each set of `size` as likely as any other.

    Chance comes from the operating system when the check runs, so nobody who made the files could
    foresee it.

    Args:
        count: How many files there are.
        size: How many to look at; all when there are not more.

    Raises:
        UsageError: The size is not from 1 to `MAX_SAMPLE`.
    """
    if not 1 <= size <= MAX_SAMPLE:
        raise UsageError(f"a sample has from 1 to {MAX_SAMPLE:,} files, not {size:,}")
    if size >= count:
        return tuple(range(count))
    return tuple(sorted(secrets.SystemRandom().sample(range(count), size)))


def miss_probability(count: int, damaged: int, size: int) -> float:
    """The probability that a sample holds none of the damaged files (hypergeometric).

    It is C(count - damaged, size) / C(count, size), the sample being drawn without replacement.

    Args:
        count: How many files there are.
        damaged: How many of them are damaged.
        size: How many are in the sample.
    """
    if damaged + size > count:
        return 0.0 if damaged and size else 1.0
    # The quotient is the same with `damaged` and `size` exchanged: multiply the fewer factors.
    few, many = min(damaged, size), max(damaged, size)
    return math.exp(math.fsum(math.log1p(-many / (count - i)) for i in range(few)))


def misses(count: int, size: int) -> tuple[Miss, ...]:
    """What a sample would have missed: one damaged file, and each of `SHARES`, rounded up."""
    shares = [(math.ceil(count * share), share) for share in SHARES]
    extents = [(1, 0.0), *((n, share) for n, share in shares if n > 1)]
    return tuple(Miss(n, share, miss_probability(count, n, size)) for n, share in extents)
