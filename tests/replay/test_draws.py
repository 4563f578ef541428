"""Which segments a nonce draws: derived a second time, and without a bias."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.build.segments import draw
from manifest.errors import UsageError

MANIFEST = hashlib.sha256(b"manifest").hexdigest()


def by_the_letter(manifest: bytes, nonce: bytes, count: int, segments: int) -> list[int]:
    """The draw as spec/replay.md writes it down, with a list that is as long as it says."""
    seed = hashlib.sha256(
        b"model-release-manifest/replay-draw/1\0"
        + manifest + nonce + segments.to_bytes(8, "big") + count.to_bytes(8, "big")
    ).digest()  # fmt: skip
    blocks = (
        int.from_bytes(hashlib.sha256(seed + k.to_bytes(8, "big")).digest()[:8], "big")
        for k in itertools.count()
    )
    places = list(range(segments))
    for i in range(count):
        width = segments - i
        block = next(b for b in blocks if b < 2**64 - 2**64 % width)
        j = i + block % width
        places[i], places[j] = places[j], places[i]
    return places[:count]


@given(st.binary(min_size=32, max_size=32), st.data())
def test_a_draw_is_that_of_the_specification(nonce: bytes, data: st.DataObject) -> None:
    segments = data.draw(st.integers(1, 400))
    count = data.draw(st.integers(1, segments))
    drawn = draw(MANIFEST, nonce, count, segments)
    assert list(drawn) == by_the_letter(bytes.fromhex(MANIFEST), nonce, count, segments)
    assert len(set(drawn)) == count


def test_every_segment_is_as_likely_as_another() -> None:
    nonces = (hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(3000))
    found = Counter(one for nonce in nonces for one in draw(MANIFEST, nonce, 2, 6))
    assert all(abs(found[place] - 1000) < 120 for place in range(6))  # four standard deviations


@pytest.mark.parametrize(
    ("nonce", "count", "segments"),
    [
        pytest.param(b"short", 1, 3, id="nonce-too-short"),
        pytest.param(bytes(32), 4, 3, id="more-than-there-are"),
        pytest.param(bytes(32), 0, 3, id="none"),
        pytest.param(bytes(32), 1, 0, id="of-none"),
    ],
)
def test_an_impossible_draw_is_refused(nonce: bytes, count: int, segments: int) -> None:
    with pytest.raises(UsageError):
        draw(MANIFEST, nonce, count, segments)


def test_millions_of_segments_cost_no_list() -> None:
    assert len(draw(MANIFEST, bytes(32), 3, 10**15)) == 3
