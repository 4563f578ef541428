"""Arithmetic of the demo release against the C library and published vectors."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def spread(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * n / count for n in range(count + 1)]


def test_exp_agrees_with_the_c_library(load: Callable[[str], ModuleType]) -> None:
    exp = load("exact").exp
    for x in [*spread(-700.0, 700.0, 4999), *spread(-1.0, 1.0, 4999), 1e-300, -0.0]:
        assert math.isclose(exp(x), math.exp(x), rel_tol=1e-14), x


def test_exp_of_very_small_numbers_is_zero(load: Callable[[str], ModuleType]) -> None:
    assert load("exact").exp(-1e9) == 0.0


def test_log_agrees_with_the_c_library(load: Callable[[str], ModuleType]) -> None:
    log = load("exact").log
    for x in [*spread(1e-9, 4.0, 4999), *spread(0.99, 1.01, 4999), 1e-300, 1e300, 5e-324]:
        assert math.isclose(log(x), math.log(x), rel_tol=1e-14), x
    assert log(1.0) == 0.0


def test_tanh_agrees_with_the_c_library(load: Callable[[str], ModuleType]) -> None:
    tanh = load("exact").tanh
    for x in [*spread(-30.0, 30.0, 4999), *spread(-0.01, 0.01, 999), -1e9, 1e9]:
        assert abs(tanh(x) - math.tanh(x)) < 1e-15, x


def test_power_and_total_go_from_left_to_right(load: Callable[[str], ModuleType]) -> None:
    exact = load("exact")
    assert exact.power(0.9, 0) == 1.0
    assert exact.power(0.9, 3) == 0.9 * 0.9 * 0.9
    assert exact.total([1e16, 1.0, -1e16]) == 0.0  # the compensated sum would be 1.0


def test_float32_rounds_as_the_c_compiler_does(load: Callable[[str], ModuleType]) -> None:
    values = [0.1, -1.0 / 3.0, 1.0 + 2.0**-24, 1.0 + 3.0 * 2.0**-24, 1e-45, 3.4e38]
    assert load("exact").to_float32(values) == [ctypes.c_float(v).value for v in values]


def test_splitmix64_gives_the_published_numbers(load: Callable[[str], ModuleType]) -> None:
    generator = load("exact").SplitMix64(1234567)
    assert [generator.next() for _ in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_drawing_below_a_bound_is_even_and_within_it(load: Callable[[str], ModuleType]) -> None:
    generator = load("exact").SplitMix64(1)
    drawn = [generator.below(6) for _ in range(6000)]
    assert set(drawn) == set(range(6))
    assert all(abs(drawn.count(face) - 1000) < 150 for face in range(6))


@pytest.mark.parametrize("count", [0, 1, 2, 97])
def test_a_shuffle_loses_nothing(load: Callable[[str], ModuleType], count: int) -> None:
    items = list(range(count))
    load("exact").SplitMix64(5).shuffle(items)
    assert sorted(items) == list(range(count))
    assert count < 97 or items != sorted(items)
