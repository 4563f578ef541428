"""Where tensors lie: sound files as they are, hostile ones refused, whatever they try."""

from __future__ import annotations

import json
import struct

import pytest
from weights import T, gguf, header_of, safetensors, with_header

from manifest.errors import DocumentError
from manifest.readers.tensors import GGML_TYPES, TensorLayout, read_tensor_layout
from manifest.sources.memory import MemorySource


def read(data: bytes, name: str = "m.safetensors") -> TensorLayout:
    return read_tensor_layout(MemorySource({name: data}), name)


def test_safetensors_in_the_order_of_their_bytes() -> None:
    data = safetensors(
        T("z", b"abcd", "F32", ()), T("empty", b"", "F32", (0, 7)), T("a", b"xy", "F16", (1, 1))
    )
    layout = read(data)
    start = layout.data_start
    assert layout.format == "safetensors"
    assert [tuple(t) for t in layout.tensors] == [
        ("z", "F32", (), start, start + 4),
        ("empty", "F32", (0, 7), start + 4, start + 4),
        ("a", "F16", (1, 1), start + 4, start + 6),
    ]
    assert data[start : start + 4] == b"abcd"


TWO = header_of([T("a", b"1234"), T("b", b"5678")])


def changed(**fields: object) -> dict[str, object]:
    return {**TWO, "b": {**TWO["b"], **fields}}


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        pytest.param(changed(data_offsets=[3, 7]), b"12345678", "overlaps", id="overlap"),
        pytest.param(changed(data_offsets=[0, 4]), b"1234", "overlaps", id="two-in-one-place"),
        pytest.param(changed(data_offsets=[5, 9]), b"123456789", "hole", id="hole"),
        pytest.param(TWO, b"1234567", "cut off", id="out-of-file"),
        pytest.param(TWO, b"123456789", "after its last", id="bytes-behind"),
        pytest.param(changed(data_offsets=[8, 4]), b"12345678", "range", id="backwards"),
        pytest.param(changed(data_offsets=[4, 2**63]), b"12345678", "64 bits", id="huge-range"),
        pytest.param(changed(shape=[2**62, 2**62]), b"12345678", "come to", id="huge-shape"),
        pytest.param(changed(shape=[-4]), b"12345678", "shape", id="negative-shape"),
        pytest.param(changed(dtype="F5"), b"12345678", "unknown dtype", id="unknown-dtype"),
        pytest.param(changed(extra=1), b"12345678", "nothing else", id="extra-field"),
        pytest.param(
            header_of([T("a\nb", b"1234")]), b"1234", "control characters", id="control-characters"
        ),
        pytest.param(header_of([T("a\x9bb", b"1")]), b"1", "control characters", id="c1-control"),
        pytest.param(header_of([T("", b"1234")]), b"1234", "0 characters", id="no-name"),
        pytest.param(header_of([T("n" * 1025, b"1")]), b"1", "1,025 characters", id="long-name"),
        pytest.param(
            json.dumps(TWO).replace('"b"', '"a"').encode(), b"12345678", "twice", id="name-twice"
        ),
        pytest.param(b"[]", b"", "begins with", id="not-an-object"),
    ],
)
def test_hostile_safetensors_are_refused(header: object, data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        read(with_header(header, data))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(struct.pack("<Q", 100_000_001) + b"{}", id="huge-header"),
        pytest.param(struct.pack("<Q", 2**64 - 1) + b"{}", id="header-of-all-there-is"),
        pytest.param(struct.pack("<Q", 3) + b"{}", id="header-beyond-the-file"),
        pytest.param(b"\x02\0\0", id="no-length"),
    ],
)
def test_hostile_headers_are_refused_by_their_length(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read(data)


F32, Q8_0 = 0, 8
A = ("a", (8,), F32, b"a" * 32)
B = ("b", (3,), F32, b"b" * 12)


def test_gguf_with_its_padding() -> None:
    data = gguf([A, B, ("q", (32, 2), Q8_0, b"q" * 68), ("s", (), F32, b"ssss")])
    layout = read(data, "m.gguf")
    start = layout.data_start
    assert start % 32 == 0
    assert [(t.name, t.dtype, t.shape, t.start - start, t.end - start) for t in layout.tensors] == [
        ("a", "F32", (8,), 0, 32),
        ("b", "F32", (3,), 32, 44),
        ("q", "Q8_0", (32, 2), 64, 132),
        ("s", "F32", (), 160, 164),
    ]
    assert data[start + 64 : start + 132] == b"q" * 68


def test_gguf_may_choose_its_alignment_and_end_without_padding() -> None:
    data = gguf([B, A], alignment=64)
    layout = read(data, "m.GGUF")
    assert layout.data_start % 64 == 0
    assert layout.tensors[1].start - layout.tensors[0].start == 64
    assert read(data[:-32], "m.gguf").tensors == layout.tensors


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(gguf([A, B], offsets=[0, 16]), "overlaps", id="overlap"),
        pytest.param(gguf([A, B], offsets=[0, 64]), "hole", id="hole"),
        pytest.param(gguf([A, B], offsets=[0, 2**64 - 32]), "hole", id="offset-at-the-end-of-time"),
        pytest.param(gguf([A, A], offsets=[0, 32]), "two tensors a", id="name-twice"),
        pytest.param(gguf([A, B])[:-40], "cut off", id="out-of-file"),
        pytest.param(gguf([A], tail=b"x"), "after its last", id="bytes-behind"),
        pytest.param(gguf([("a", (1,), 5, b"aaaa")]), "unknown type 5", id="unknown-type"),
        pytest.param(gguf([("a", (31,), Q8_0, b"a" * 34)]), "whole blocks", id="part-of-a-block"),
        pytest.param(gguf([("a", (2**62, 8), F32, b"")]), "more elements", id="huge-shape"),
        pytest.param(gguf([A], alignment=7), "alignment", id="odd-alignment"),
        pytest.param(gguf([A], alignment=131_072), "alignment", id="huge-alignment"),
        pytest.param(gguf([("a\x1b[2J", (1,), F32, b"aaaa")]), "control", id="control-characters"),
        pytest.param(b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "announces", id="countless"),
    ],
)
def test_hostile_gguf_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        read(data, "m.gguf")


@pytest.mark.peer
def test_types_are_those_of_the_gguf_package() -> None:
    peer = pytest.importorskip("gguf")
    theirs = {int(k): (k.name, *v) for k, v in peer.GGML_QUANT_SIZES.items()}
    shared = theirs.keys() & GGML_TYPES.keys()
    assert len(shared) >= 25
    assert {k: theirs[k] for k in shared} == {k: GGML_TYPES[k] for k in shared}
