"""Headers of weights: what they say, and every way in which they lie."""

from __future__ import annotations

import contextlib
import io
import json
import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import DocumentError, ManifestError
from manifest.readers.formats import WeightFormat, detect_format, format_of
from manifest.readers.gguf import read_gguf
from manifest.readers.safetensors import (
    DTYPE_BITS,
    read_safetensors,
    read_safetensors_index,
)
from manifest.sources.memory import MemorySource

PATH = "weights/model.safetensors"


def tensor(dtype: str, shape: list[Any], begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def source(content: bytes, path: str = PATH) -> MemorySource:
    return MemorySource({path: content})


def test_a_header_says_tensors_parameters_and_metadata() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "ids": tensor("I64", [2], 24, 40),
        "w": tensor("F32", [2, 3], 0, 24),
    }
    found = read_safetensors(source(safetensors(header, bytes(40))), PATH)
    assert [t.name for t in found.tensors] == ["w", "ids"]
    assert (found.parameter_count, found.element_count) == (6, 8)
    assert (found.dtypes, found.complete, found.metadata) == (
        ("F32", "I64"),
        True,
        {"format": "pt"},
    )
    assert found.data_size == 40


def test_weights_packed_into_integers_have_no_parameter_count() -> None:
    header = {"q": tensor("I8", [8], 0, 8), "scale": tensor("F32", [1], 8, 12)}
    assert read_safetensors(source(safetensors(header, bytes(12))), PATH).parameter_count is None


def test_a_file_that_was_cut_off_is_not_complete() -> None:
    found = read_safetensors(source(safetensors({"w": tensor("U8", [8], 0, 8)}, bytes(7))), PATH)
    assert not found.complete


@pytest.mark.parametrize("dtype", DTYPE_BITS)
def test_every_dtype_has_its_size(dtype: str) -> None:
    size = DTYPE_BITS[dtype]
    header = {"w": tensor(dtype, [8], 0, size)}
    assert read_safetensors(source(safetensors(header, bytes(size))), PATH).complete


TENSORS = st.dictionaries(
    st.sampled_from("abc"),
    st.builds(
        tensor,
        st.sampled_from(["F32", "U8", "BF16", "I64", "F99"]),
        st.lists(st.integers(0, 3), max_size=2),
        st.integers(0, 12),
        st.integers(0, 12),
    ),
    max_size=3,
)


def laid_out(shapes: list[tuple[str, list[int]]]) -> dict[str, Any]:
    """A sound header: the tensors one after the other."""
    header: dict[str, Any] = {}
    end = 0
    for index, (dtype, shape) in enumerate(shapes):
        begin, end = end, end + math.prod(shape) * DTYPE_BITS[dtype] // 8
        header[f"t{index}"] = tensor(dtype, shape, begin, end)
    return header


SOUND = st.lists(
    st.tuples(st.sampled_from(["F32", "U8", "BF16"]), st.lists(st.integers(0, 3), max_size=3)),
    max_size=4,
).map(laid_out)


@pytest.mark.peer
@given(header=TENSORS | SOUND, size=st.integers(0, 24) | st.none())
def test_what_is_read_is_what_the_reference_implementation_reads(
    header: dict[str, Any], size: int | None
) -> None:
    peer = pytest.importorskip("safetensors")
    ends = [fields["data_offsets"][1] for fields in header.values()]
    content = safetensors(header, bytes(max(ends, default=0) if size is None else size))
    try:
        found = read_safetensors(source(content), PATH)
    except DocumentError:
        with pytest.raises(peer.SafetensorError):
            peer.deserialize(content)
        return
    if not found.complete:
        with pytest.raises(peer.SafetensorError):
            peer.deserialize(content)
        return
    theirs = {name: (t["dtype"], t["shape"]) for name, t in peer.deserialize(content)}
    assert {t.name: (t.dtype, list(t.shape)) for t in found.tensors} == theirs


LIES: dict[str, bytes] = {
    "empty": b"",
    "seven-bytes": b"\0" * 7,
    "no-header": b"\0" * 8,
    "header-of-exabytes": b"\xff" * 8 + b"{}",
    "header-beyond-the-bound": safetensors(b"{}", length=100_000_001),
    "header-beyond-the-file": safetensors(b"{}", length=3),
    "not-an-object": safetensors(b"[]"),
    "spaces-before-the-object": safetensors(b"  {}"),
    "not-json": safetensors(b"{nope"),
    "not-utf8": safetensors(b'{"\xff": 1}'),
    "duplicate-tensor": safetensors(b'{"a":{},"a":{}}'),
    "deep": safetensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "tensor-is-a-list": safetensors({"a": []}),
    "tensor-lacks-offsets": safetensors({"a": {"dtype": "F32", "shape": []}}),
    "tensor-has-more": safetensors({"a": {**tensor("F32", [], 0, 4), "x": 1}}, bytes(4)),
    "unknown-dtype": safetensors({"a": tensor("F31", [1], 0, 4)}, bytes(4)),
    "dtype-is-a-list": safetensors({"a": {**tensor("F32", [1], 0, 4), "dtype": []}}, bytes(4)),
    "negative-shape": safetensors({"a": tensor("F32", [-1], 0, 4)}, bytes(4)),
    "shape-of-floats": safetensors({"a": tensor("F32", [1.0], 0, 4)}, bytes(4)),
    "shape-of-booleans": safetensors({"a": tensor("F32", [True], 0, 4)}, bytes(4)),
    "shape-overflows": safetensors({"a": tensor("F32", [2**62, 2**62], 0, 4)}, bytes(4)),
    "thousand-dimensions": safetensors({"a": tensor("U8", [1] * 1000, 0, 1)}, bytes(1)),
    "offsets-backwards": safetensors({"a": tensor("F32", [1], 4, 0)}, bytes(4)),
    "offsets-negative": safetensors({"a": tensor("F32", [1], -4, 0)}, bytes(4)),
    "offsets-not-what-the-shape-says": safetensors({"a": tensor("F32", [2], 0, 4)}, bytes(4)),
    "overlap": safetensors({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, bytes(6)),
    "two-in-one-place": safetensors(
        {"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 0, 4)}, bytes(4)
    ),
    "hole": safetensors({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, bytes(3)),
    "hole-at-the-start": safetensors({"a": tensor("U8", [1], 1, 2)}, bytes(2)),
    "bytes-after-the-end": safetensors({"a": tensor("U8", [1], 0, 1)}, bytes(2)),
    "metadata-is-a-list": safetensors({"__metadata__": []}),
    "metadata-holds-numbers": safetensors({"__metadata__": {"a": 1}}),
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES.keys())
def test_a_lying_safetensors_header_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(DocumentError, match=PATH):
        read_safetensors(source(content), PATH)


def test_a_tensor_name_cannot_colour_the_message() -> None:
    content = safetensors({"\x1b[2J": tensor("F31", [1], 0, 4)}, bytes(4))
    with pytest.raises(DocumentError) as caught:
        read_safetensors(source(content), PATH)
    assert "\x1b" not in caught.value.message


def test_an_index_names_its_shards() -> None:
    index = {
        "metadata": {"total_size": 5},
        "weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors"},
    }
    path = "x/model.safetensors.index.json"
    found = read_safetensors_index(source(json.dumps(index).encode(), path), path)
    assert found.shards == ("x/m-1.safetensors", "x/m-2.safetensors")
    assert found.total_size == 5


@pytest.mark.parametrize(
    "index",
    [
        b"[]",
        b"{}",
        b'{"weight_map": []}',
        b'{"weight_map": {"a": 1}}',
        b'{"weight_map": {"a": "../../etc/passwd"}}',
        b'{"weight_map": {"a": "/etc/passwd"}}',
        b'{"weight_map": {"a": ".."}}',
        b'{"weight_map": {"a": ""}}',
        b'{"weight_map": {"a": "b\\\\c"}}',
        b'{"weight_map": {"a": "x"}, "weight_map": {}}',
    ],
)
def test_a_lying_index_is_refused(index: bytes) -> None:
    with pytest.raises(DocumentError, match=r"i\.json"):
        read_safetensors_index(source(index, "i.json"), "i.json")


# GGUF


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def gguf(*pairs: bytes, tensors: tuple[bytes, ...] = (), version: int = 3) -> bytes:
    return (
        b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs + tensors)
    )


def info(name: str, *shape: int) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", 0, 0)


GOOD = gguf(
    pair("general.name", 8, text("Tiny")),
    pair("general.license", 8, text("mit")),
    pair("general.architecture", 8, text("llama")),
    pair("general.base_model.count", 4, struct.pack("<I", 2)),
    pair("general.base_model.0.name", 8, text("Base")),
    pair("general.base_model.0.repo_url", 8, text("https://huggingface.co/acme/base")),
    pair("general.base_model.1.name", 8, text("Other")),
    pair("general.languages", 9, struct.pack("<IQ", 8, 2) + text("en") + text("de")),
    pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 100) + text("t") * 100),
    pair("tokenizer.ggml.scores", 9, struct.pack("<IQ", 6, 100) + bytes(400)),
    pair("x.flag", 7, b"\1"),
    pair("x.float", 12, struct.pack("<d", 0.5)),
    tensors=(info("a", 3, 4), info("b", 5)),
)


@pytest.mark.parametrize("version", [2, 3])
def test_a_gguf_header_says_name_license_base_and_parameters(version: int) -> None:
    content = GOOD[:4] + struct.pack("<I", version) + GOOD[8:]
    found = read_gguf(source(content, "m.gguf"), "m.gguf")
    assert (found.text("general.name"), found.text("general.license")) == ("Tiny", "mit")
    assert found.base_models == ("acme/base", "Other")
    assert found.metadata["general.languages"] == ("en", "de")
    assert "tokenizer.ggml.tokens" not in found.metadata
    assert (found.metadata["x.flag"], found.metadata["x.float"]) == (True, 0.5)
    assert (found.tensor_count, found.parameter_count) == (2, 17)


def test_a_gguf_header_cut_off_anywhere_is_refused() -> None:
    for end in range(len(GOOD)):
        with pytest.raises(DocumentError, match=r"m\.gguf"):
            read_gguf(source(GOOD[:end], "m.gguf"), "m.gguf")


HUGE = struct.pack("<Q", 2**60)
GGUF_LIES: dict[str, bytes] = {
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "version-1": gguf(version=1),
    "version-4": gguf(version=4),
    "2^60-pairs": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60),
    "2^60-tensors": b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0),
    "key-of-2^60": gguf(HUGE + b"abc"),
    "text-of-2^60": gguf(text("k") + struct.pack("<I", 8) + HUGE),
    "2^60-texts": gguf(pair("k", 9, struct.pack("<I", 8) + HUGE)),
    "2^60-numbers": gguf(pair("k", 9, struct.pack("<I", 12) + HUGE)),
    "2^64-1-numbers": gguf(pair("k", 9, struct.pack("<IQ", 12, 2**64 - 1))),
    "list-of-lists": gguf(pair("k", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 0, 0))),
    "unknown-type": gguf(pair("k", 13, b"\0" * 8)),
    "key-twice": gguf(pair("k", 7, b"\1"), pair("k", 7, b"\0")),
    "key-not-utf8": gguf(text(b"\xff") + struct.pack("<I", 7) + b"\1"),
    "text-not-utf8": gguf(pair("k", 8, text(b"\xff"))),
    "million-dimensions": gguf(tensors=(text("t") + struct.pack("<I", 1_000_000),)),
    "2^120-elements": gguf(tensors=(info("t", 2**60, 2**60),)),
}


@pytest.mark.parametrize("content", GGUF_LIES.values(), ids=GGUF_LIES.keys())
def test_a_lying_gguf_header_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentError, match=r"m\.gguf"):
        read_gguf(source(content, "m.gguf"), "m.gguf")


# Formats


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for name in names:
            zipped.writestr(name, b"x")
    return stream.getvalue()


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(100)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
FORMATS: dict[str, tuple[str, bytes, WeightFormat | None]] = {
    "safetensors": ("m.safetensors", safetensors({}), WeightFormat.SAFETENSORS),
    "safetensors-called-bin": ("m.bin", safetensors({"a": 1}), WeightFormat.SAFETENSORS),
    "gguf-called-anything": ("m.dat", GOOD, WeightFormat.GGUF),
    "ggml": ("ggml-model-q4.bin", b"tjgg" + bytes(9), WeightFormat.GGML),
    "tflite": ("m.tflite", b"\x1c\0\0\0TFL3" + bytes(9), WeightFormat.TFLITE),
    "onnx": ("m.onnx", b"\x08\x08\x12\x07pytorch", WeightFormat.ONNX),
    "hdf5": ("m.h5", HDF5, WeightFormat.HDF5),
    "hdf5-called-weights": ("m.weights", HDF5, WeightFormat.HDF5),
    "pytorch-zip": ("pytorch_model.bin", archive("a/data.pkl", "a/data/0"), WeightFormat.PYTORCH),
    "torchscript": (
        "m.pt",
        archive("a/data.pkl", "a/code/__torch__.py", "a/constants.pkl"),
        WeightFormat.TORCHSCRIPT,
    ),
    "pytorch-pickle": ("m.pth", pickle.dumps({"a": 1}), WeightFormat.PYTORCH),
    "pickled-model": ("model.pkl", pickle.dumps({"a": 1}), WeightFormat.PICKLE),
    "pickle-of-anything": ("cache.pkl", pickle.dumps({"a": 1}), None),
    "keras": ("m.keras", archive("config.json", "model.weights.h5"), WeightFormat.KERAS),
    "zip-of-onnx": ("m.zip", archive("x/model.onnx"), WeightFormat.ARCHIVE),
    "zip-of-text": ("m.zip", archive("x/model.txt"), None),
    "numpy-weights": ("weights.npz", archive("a.npy"), WeightFormat.NUMPY),
    "numpy-data": ("points.npy", b"\x93NUMPY\x01\0", None),
    "coreml": ("m.mlmodel", b"\x08\x04\x12\x00", WeightFormat.COREML),
    "pointer": ("m.safetensors", POINTER, WeightFormat.LFS_POINTER),
    "name-only": ("m.gguf", b"", WeightFormat.GGUF),
    "text": ("notes.txt", b"hello", None),
    "suffix-alone": (".pt", b"hello", None),
}


@pytest.mark.parametrize(("path", "content", "wanted"), FORMATS.values(), ids=FORMATS.keys())
def test_a_format_is_told_by_bytes_and_name(
    path: str, content: bytes, wanted: WeightFormat | None
) -> None:
    found = format_of(source(content, path), path)
    assert (found.format if found else None) == wanted


def test_a_zip_bomb_is_looked_at_and_not_opened() -> None:
    reads: list[int] = []

    class Counting(MemorySource):
        def read(self, path: str, *, start: int = 0, length: int) -> bytes:
            reads.append(length)
            return super().read(path, start=start, length=length)

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a/data.pkl", bytes(50_000_000))
    found = format_of(Counting({"m.pt": stream.getvalue()}), "m.pt")
    assert found is not None
    assert found.format is WeightFormat.PYTORCH
    assert sum(reads) < 100_000


@pytest.mark.parametrize(
    ("format_", "runs"),
    [
        (WeightFormat.PYTORCH, True),
        (WeightFormat.PICKLE, True),
        (WeightFormat.SAFETENSORS, False),
        (WeightFormat.GGUF, False),
    ],
)
def test_formats_that_run_code_are_known(format_: WeightFormat, *, runs: bool) -> None:
    assert format_.runs_code is runs


READERS: list[Callable[[MemorySource, str], object]] = [
    read_safetensors,
    read_safetensors_index,
    read_gguf,
    format_of,
]


@pytest.mark.parametrize("reader", READERS)
@given(content=st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"GGUF\3\0\0\0" + b))
def test_arbitrary_bytes_raise_nothing_but_our_errors(
    reader: Callable[[MemorySource, str], object], content: bytes
) -> None:
    with contextlib.suppress(ManifestError):
        reader(source(content, "x.bin"), "x.bin")


@given(head=st.binary(max_size=40), name=st.text(max_size=20))
def test_detection_never_fails(head: bytes, name: str) -> None:
    detect_format(name, head, head)
