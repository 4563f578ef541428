from __future__ import annotations

import hashlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import UsageError
from manifest.inventory.merkle import (
    EMPTY_ROOT,
    Accumulator,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    root_of_inclusion,
    verify_inclusion,
)

# The leaves and roots that the reference implementations of Certificate Transparency test with.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# (leaf counted from one, size, path) of the same tests.
PATHS: list[tuple[int, int, list[str]]] = [
    (1, 1, []),
    (1, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (6, 8, [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (3, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (2, 5, [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
]  # fmt: skip
HASHES = [leaf_hash(data) for data in LEAVES]
MANY = [leaf_hash(b"%d" % number) for number in range(20_000)]


def mth(leaves: list[bytes]) -> bytes:
    """The hash of a tree as the RFC defines it, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """The audit path as the RFC defines it, word for word."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def test_the_empty_tree() -> None:
    assert Accumulator().root() == EMPTY_ROOT == root_of([])
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_roots_of_the_reference_implementations() -> None:
    tree = Accumulator()
    roots = []
    for data in LEAVES:
        tree.append(data)
        roots.append(tree.root().hex())
    assert roots == ROOTS
    assert tree.size == len(LEAVES)


@pytest.mark.parametrize(("leaf", "size", "expected"), PATHS)
def test_the_paths_of_the_reference_implementations(
    leaf: int, size: int, expected: list[str]
) -> None:
    proof = inclusion_proof(HASHES, leaf - 1, size)
    assert [digest.hex() for digest in proof] == expected
    root = bytes.fromhex(ROOTS[size - 1])
    assert verify_inclusion(root, size, leaf - 1, HASHES[leaf - 1], proof)


@given(st.lists(st.binary(max_size=40), max_size=70), st.lists(st.integers(0, 30), max_size=12))
def test_roots_are_those_of_the_rfc_however_leaves_arrive(
    leaves: list[bytes], cuts: list[int]
) -> None:
    tree = Accumulator()
    rest = list(leaves)
    for number, cut in enumerate(cuts):
        part, rest = rest[:cut], rest[cut:]
        match number % 4:
            case 0:
                tree.extend(part)
            case 1:
                tree.extend_hashes(leaf_hash(data) for data in part)
            case 2:
                for data in part:
                    tree.append(data)
            case _:
                for data in part:
                    tree.append_hash(leaf_hash(data))
        done = len(leaves) - len(rest)
        assert tree.size == done
        assert tree.root() == mth([leaf_hash(data) for data in leaves[:done]])
    tree.extend(rest)
    assert tree.root() == mth([leaf_hash(data) for data in leaves])


@pytest.mark.parametrize("size", [4095, 4096, 4097, 8191, 8192, 12_289, 20_000])
def test_roots_around_the_blocks_that_are_folded_together(size: int) -> None:
    expected = mth(MANY[:size])
    assert root_of(MANY[:size]) == expected
    tree = Accumulator()
    tree.append_hash(MANY[0])
    tree.extend_hashes(MANY[1:size])
    assert tree.root() == expected


@given(st.data())
def test_paths_are_those_of_the_rfc(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 130))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(iter(MANY), index, size)
    assert list(proof) == path(index, MANY[:size])
    root = mth(MANY[:size])
    assert verify_inclusion(root, size, index, MANY[index], proof)
    other = data.draw(st.integers(-2, size + 2).filter(lambda number: number != index))
    assert not verify_inclusion(root, size, other, MANY[index], proof)
    assert not verify_inclusion(root, size, index, MANY[size], proof)
    assert not verify_inclusion(root, size, index, MANY[index], [*proof, MANY[0]])
    assert not verify_inclusion(root, size, index, MANY[index], [*proof[:-1], MANY[size]])
    if proof:
        assert not verify_inclusion(root, size, index, MANY[index], proof[1:])


def test_a_node_is_not_shown_as_a_leaf() -> None:
    left, right = HASHES[:2]
    root = node_hash(left, right)
    assert leaf_hash(left + right) != root
    assert not verify_inclusion(root, 1, 0, leaf_hash(left + right), [])


@pytest.mark.parametrize(
    ("leaf", "proof"),
    [
        pytest.param(b"", [HASHES[1]], id="an-empty-leaf"),
        pytest.param(HASHES[0] + HASHES[1], [], id="two-hashes-as-a-leaf"),
        pytest.param(HASHES[0], [HASHES[1] + b"\0"], id="a-long-hash-in-the-path"),
        pytest.param(HASHES[0] + HASHES[1][:1], [HASHES[1][1:]], id="a-boundary-moved"),
        pytest.param(HASHES[0], [], id="no-path"),
    ],
)
def test_hashes_of_the_wrong_size_prove_nothing(leaf: bytes, proof: list[bytes]) -> None:
    root = node_hash(HASHES[0], HASHES[1])
    assert root_of_inclusion(0, 2, leaf, proof) is None
    assert not verify_inclusion(root, 2, 0, leaf, proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_path(index: int, size: int) -> None:
    with pytest.raises(UsageError, match=f"{size} leaves has no leaf {index}"):
        inclusion_proof(HASHES, index, size)
    assert not verify_inclusion(EMPTY_ROOT, size, index, HASHES[0], [])


def test_a_path_needs_all_hashes() -> None:
    with pytest.raises(UsageError, match="a tree of 9 leaves was given 8 hashes"):
        inclusion_proof(HASHES, 0, 9)


def test_a_stream_is_folded_in_constant_memory() -> None:
    tracemalloc.start()
    try:
        tree = Accumulator()
        tree.extend_hashes(digest for _ in range(10) for digest in MANY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert tree.size == 200_000
    assert peak < 4_000_000  # 200,000 hashes would take 13 MB


@pytest.mark.peer
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=60), st.data())
def test_another_implementation_agrees(leaves: list[bytes], data: st.DataObject) -> None:
    pymerkle = pytest.importorskip("pymerkle")
    peer = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        peer.append_entry(leaf)
    assert peer.get_root() == root_of(map(leaf_hash, leaves))
    index = data.draw(st.integers(0, len(leaves) - 1))
    theirs = peer.prove_inclusion(index + 1, len(leaves)).serialize()["path"]
    ours = inclusion_proof(map(leaf_hash, leaves), index, len(leaves))
    # Its path begins with the leaf itself.
    assert [digest.hex() for digest in (leaf_hash(leaves[index]), *ours)] == [
        digest.removeprefix("0x") for digest in theirs
    ]
