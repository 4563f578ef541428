"""Digests of ranges, and the digest over tensors that no sharding changes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.errors import DocumentError, UsageError
from manifest.inventory import walk
from manifest.inventory.opening import Problem, ProblemKind
from manifest.inventory.tensors import (
    FileRanges,
    TensorDigest,
    hash_ranges,
    range_digest,
    read_range,
    weights_digest,
    weights_digest_input,
)


@st.composite
def cut_files(draw: st.DrawFn) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    data = draw(st.binary(max_size=200))
    ends = sorted(draw(st.lists(st.integers(0, len(data)), max_size=20)))
    pairs = list(zip(ends[::2], ends[1::2], strict=False))
    return data, tuple(pairs)


@pytest.mark.parametrize("whole", [False, True], ids=["ranges-only", "with-whole"])
@given(case=cut_files())
@settings(max_examples=60, deadline=None)
def test_each_range_has_the_digest_of_its_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    case: tuple[bytes, tuple[tuple[int, int], ...]],
    whole: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    data, ranges = case
    root = tmp_path_factory.mktemp("ranges")
    (root / "f").write_bytes(data)
    (found,) = hash_ranges(walk(root), [FileRanges("f", ranges)], whole=whole)
    assert found.problem is None
    assert found.digests == tuple(blake3(data[a:b]).hexdigest() for a, b in ranges)
    assert found.whole == (blake3(data).hexdigest() if whole else "")


def test_ranges_over_the_ends_of_buffers(tmp_path: Path) -> None:
    data = bytes(range(251)) * 9000  # more than four buffers
    (tmp_path / "f").write_bytes(data)
    edge = 512 * 1024
    ranges = (
        (0, 1),
        (1, edge),
        (edge, edge),
        (edge, edge + 1),
        (edge + 7, 3 * edge),
        (3 * edge, len(data)),
    )
    for whole in (False, True):
        (found,) = hash_ranges(walk(tmp_path), [FileRanges("f", ranges)], whole=whole)
        assert found.digests == tuple(blake3(data[a:b]).hexdigest() for a, b in ranges)


@pytest.mark.parametrize(
    "ranges",
    [
        pytest.param(((0, 2), (1, 3)), id="overlap"),
        pytest.param(((2, 3), (0, 1)), id="out-of-order"),
        pytest.param(((0, 11),), id="beyond-the-end"),
        pytest.param(((3, 2),), id="backwards"),
        pytest.param(((-1, 2),), id="before-the-start"),
    ],
)
def test_unsound_ranges_are_refused(tmp_path: Path, ranges: tuple[tuple[int, int], ...]) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    with pytest.raises(UsageError):
        hash_ranges(walk(tmp_path), [FileRanges("f", ranges)])


def test_a_file_that_changed_since_the_walk_has_no_digests(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"before")
    tree = walk(tmp_path)
    (tmp_path / "f").unlink()
    (tmp_path / "f").write_bytes(b"after!")
    (found,) = hash_ranges(tree, [FileRanges("f", ((0, 6),))])
    assert found.problem is not None
    assert found.digests == ()
    read = read_range(tree, "f", 0, 6)
    assert isinstance(read, Problem)
    (tmp_path / "f").unlink()
    (tmp_path / "f").symlink_to("/etc/hostname")
    read = read_range(tree, "f", 0, 6)
    assert isinstance(read, Problem)
    assert read.kind is ProblemKind.NOT_REGULAR


def test_stopping_ends_it(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"x" * 10)
    requests = [FileRanges(n, ((0, 10),)) for n in "ab"]
    assert hash_ranges(walk(tmp_path), requests, stopped=lambda: True) == ()


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
TENSORS = st.dictionaries(
    NAMES,
    st.tuples(
        st.sampled_from(["F32", "BF16", "Q4_K"]),
        st.lists(st.integers(0, 2**63 - 1), max_size=4).map(tuple),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    ),
    max_size=6,
)


def listed(tensors: dict[str, tuple[str, tuple[int, ...], str]]) -> list[TensorDigest]:
    return [TensorDigest(name, *rest) for name, rest in tensors.items()]


@given(TENSORS, st.randoms(use_true_random=False))
def test_order_does_not_matter(
    tensors: dict[str, tuple[str, tuple[int, ...], str]], random: object
) -> None:
    rows = listed(tensors)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert weights_digest("safetensors", rows) == weights_digest("safetensors", shuffled)


def decode(data: bytes) -> tuple[str, list[TensorDigest]]:
    """Read the bytes of a weights digest back, by the page of the specification alone."""
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        return data[at - count : at]

    def number(code: str) -> int:
        return int(struct.unpack("<" + code, take(struct.calcsize("<" + code)))[0])

    def text() -> str:
        return take(number("I")).decode()

    assert take(17) == b"weights-digest/1\0"
    name, rows = text(), []
    for _ in range(number("Q")):
        tensor, dtype = text(), text()
        shape = tuple(number("Q") for _ in range(number("I")))
        rows.append(TensorDigest(tensor, dtype, shape, take(32).hex()))
    assert at == len(data)
    return name, rows


@given(TENSORS)
def test_the_bytes_can_be_read_back_so_nothing_collides(
    tensors: dict[str, tuple[str, tuple[int, ...], str]],
) -> None:
    rows = listed(tensors)
    data = weights_digest_input("gguf", rows)
    assert decode(data) == ("gguf", sorted(rows, key=lambda t: t.name.encode()))
    assert weights_digest("gguf", rows) == blake3(data).hexdigest()


ONE = TensorDigest("w", "F32", (2, 3), "ab" * 32)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([ONE._replace(name="v")], id="name"),
        pytest.param([ONE._replace(dtype="I32")], id="dtype"),
        pytest.param([ONE._replace(shape=(3, 2))], id="shape"),
        pytest.param([ONE._replace(shape=(6,))], id="flattened"),
        pytest.param([ONE._replace(blake3="cd" * 32)], id="bytes"),
        pytest.param([], id="gone"),
        pytest.param([ONE, ONE._replace(name="v")], id="one-more"),
    ],
)
def test_what_counts_changes_the_digest(other: list[TensorDigest]) -> None:
    assert weights_digest("safetensors", [ONE]) != weights_digest("safetensors", other)


def test_the_same_tensors_in_another_format_are_others() -> None:
    assert weights_digest("safetensors", [ONE]) != weights_digest("gguf", [ONE])


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(DocumentError, match="w is there twice"):
        weights_digest("safetensors", [ONE, ONE._replace(dtype="BF16")])


def test_range_digest_is_blake3() -> None:
    assert range_digest(b"") == blake3(b"").hexdigest()
