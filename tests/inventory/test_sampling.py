from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import UsageError
from manifest.inventory.sampling import choose, miss_probability, misses


@given(st.integers(1, 3000), st.data())
def test_the_probability_is_that_of_counting(count: int, data: st.DataObject) -> None:
    """An independent oracle: how many samples miss all damage, of how many there are."""
    damaged = data.draw(st.integers(0, count))
    size = data.draw(st.integers(1, count))
    exact = Fraction(math.comb(count - damaged, size), math.comb(count, size))
    found = miss_probability(count, damaged, size)
    assert found == pytest.approx(float(exact), rel=1e-9, abs=1e-300)
    assert 0 <= found <= 1


def test_a_million_files() -> None:
    assert [(m.damaged, m.share) for m in misses(1_000_000, 1000)] == [
        (1, 0.0),
        (1000, 0.001),
        (10_000, 0.01),
        (100_000, 0.1),
    ]
    found = [m.probability for m in misses(1_000_000, 1000)]
    assert found == pytest.approx([0.999, 0.3676950, 4.2963e-05, 1.66e-46], rel=1e-2)


def test_a_whole_sample_misses_nothing() -> None:
    assert {m.probability for m in misses(500, 500)} == {0.0}
    assert choose(5, 5) == choose(5, 9) == (0, 1, 2, 3, 4)


def test_shares_of_few_files_are_not_said_twice() -> None:
    assert [m.damaged for m in misses(5, 2)] == [1]
    assert [m.damaged for m in misses(150, 2)] == [1, 2, 15]


def test_each_sample_is_another_and_every_file_has_its_turn() -> None:
    samples = [choose(40, 10) for _ in range(200)]
    assert all(len(set(s)) == 10 and s == tuple(sorted(s)) for s in samples)
    assert len(set(samples)) > 150
    counts = [sum(n in s for s in samples) for n in range(40)]
    # Each is in a sample with probability 1/4: 50 of 200, give or take six standard deviations.
    assert all(13 < count < 87 for count in counts)


@pytest.mark.parametrize("size", [0, -1, 10_000_001])
def test_a_sample_has_a_sensible_size(size: int) -> None:
    with pytest.raises(UsageError, match="a sample has from 1 to"):
        choose(100_000_000, size)
