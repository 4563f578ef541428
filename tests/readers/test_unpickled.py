"""Whether Python would unpickle a file, against the unpickler itself as the oracle."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import pickletools
import zipfile
import zlib
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manifest.readers.unpickled import (
    MAX_OPERATIONS,
    archived_names,
    has_pickle_name,
    holds_pickle,
    is_pickle,
)
from manifest.sources.directory import DirectorySource


class Evil:
    """Calls something when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("called",)


def judged(data: bytes) -> bool:
    return is_pickle(lambda start, length: data[start : start + length], len(data))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN, st.integers(0, 5))
def test_what_the_library_writes_is_one(value: object, protocol: int) -> None:
    assert judged(pickle.dumps(value, protocol))


@given(PLAIN, st.integers(0, 5))
def test_a_call_is_seen_wherever_it_stands(value: object, protocol: int) -> None:
    assert judged(pickle.dumps([value, Evil(), value], protocol))


class Harmless:
    """Stands for whatever is imported, and notes that it was called."""

    called = False

    def __new__(cls, *_arguments: object, **_named: object) -> Self:
        Harmless.called = True
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        Harmless.called = True


class Oracle(pickle._Unpickler):
    """The unpickler of the standard library, which imports nothing.

    The one that is written in Python: that in C makes room for whatever number a memo is given.
    """

    def find_class(self, module: str, name: str) -> type:
        if not module or not name:
            raise ImportError
        return Harmless


PIECES = st.sampled_from(
    [
        # But for the one that makes room for as many bytes as it is told there are.
        *(o.code.encode("latin-1") for o in pickletools.opcodes if o.name != "BYTEARRAY8"),
        b"\x80\x04", b"cm\nn\n", b"im\nn\n", b"K\x01", b"U\x01a", b"\x8c\x01a", b"I1\n", b"S'a'\n",
        b"Va\n", b"q\0", b"h\0", b"p0\n", b"g0\n", b"\x95" + b"\0" * 8, b"(", b")", b"}", b"R", b"b",
    ]
)  # fmt: skip


@settings(max_examples=2_000)
@given(st.lists(PIECES, max_size=12).map(b"".join))
@example(b"cm\nn\n(tR.")
@example(b"(i")
@example(b"(im\nnn")
def test_whatever_the_library_runs_is_one(data: bytes) -> None:
    Harmless.called = False
    file = io.BytesIO(data)
    try:
        Oracle(file).load()
        is_whole = file.tell() == len(data)
    except Exception:  # noqa: BLE001 - bytes that are no pickle, or one that breaks after it has called
        is_whole = False
    if Harmless.called or is_whole:
        assert judged(data)


PROTOCOL_4 = pickle.dumps(Evil(), 4)
ATTACKS = {
    "no protocol is named": PROTOCOL_4[2:],
    "a protocol that nobody writes": b"\x80\x01" + PROTOCOL_4[2:],
    "something is put there and taken away": b"N0" + PROTOCOL_4,
    "begins as GGUF": b"GGUF\0\0\0\0\x000" + PROTOCOL_4,
    "begins as a large text": b"X"
    + (200_000).to_bytes(4, "little")
    + b"x" * 200_000
    + b"0"
    + PROTOCOL_4,
    "runs on for long": b"N0" * MAX_OPERATIONS + PROTOCOL_4,
    "ends in the middle of nothing": PROTOCOL_4[:-1],
    "an instance in the oldest way": b"(S'x'\nibuiltins\nprint\n.",
    "an object of a mark": b"(cbuiltins\nprint\nS'x'\no.",
    "a long line": b"V" + b"x" * 200_000 + b"\n0" + PROTOCOL_4,
}


@pytest.mark.parametrize("data", ATTACKS.values(), ids=ATTACKS)
def test_attack_is_seen(data: bytes) -> None:
    assert judged(data)


TEXTS = {
    "nothing": b"",
    "release notes": b"Git v2.31.7 Release Notes\n=========\n",
    "a list of words": b"cat\ndog\nRun\n",
    "a config": b'{"model_type": "llama"}',
    "a license": b"Copyright (c) 2024 Acme\n\nPermission is hereby granted.\n",
    "a bracket": b"(c) 2024\n",
    "a length beyond the end": b"X\xff\xff\xff\x7fabc",
    "nothing on the stack": b"0.",
    "a mark for an object": b"(.",
    "a call of nothing": b"NR.",
    "no number": b"Ione\n.",
    "no quotes": b"Sx\n.",
    "no name": b"ca b\nc\n.",
    "a line without an end": b"V" + b"x" * 2_000_000,
}


@pytest.mark.parametrize("data", TEXTS.values(), ids=TEXTS)
def test_text_is_none(data: bytes) -> None:
    assert not judged(data)


def test_a_call_of_what_was_not_imported_is_none() -> None:
    assert not judged(b"N)R not a pickle")


@pytest.mark.parametrize(
    "pack",
    [
        zlib.compress,
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
        lambda data: zlib.compress(data, 1),
    ],
)
def test_packed_ones_are_looked_into(tmp_path: Path, pack: Any) -> None:
    for name, data, expected in (
        ("evil", PROTOCOL_4, True),
        ("large", pickle.dumps([b"x" * (1 << 21), Evil()], 4), True),
        ("text", b"words\n" * 1000, False),
    ):
        (tmp_path / name).write_bytes(pack(data))
        assert holds_pickle(DirectorySource(tmp_path), name) is expected
    (tmp_path / "evil").write_bytes(pack(PROTOCOL_4)[:9] + b"\xff" * 40)
    assert not holds_pickle(DirectorySource(tmp_path), "evil")


def archive(*names: str, comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        for name in names:
            opened.writestr(name, b"x")
        opened.comment = comment
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"words", ()),
        (archive("a/data.pkl", "a/version"), ("a/data.pkl", "a/version")),
        (archive("A/DATA.PKL", comment=b"c" * 65_535), ("a/data.pkl",)),
        (archive(), ()),
        (b"PK\x03\x04 and no more", None),
        (archive("a")[:-10], None),
    ],
)
def test_names_of_an_archive(tmp_path: Path, data: bytes, expected: tuple[str, ...] | None) -> None:
    (tmp_path / "x").write_bytes(data)
    assert archived_names(DirectorySource(tmp_path), "x") == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.pkl", True),
        ("a/B.PICKLE", True),
        ("a.joblib.gz", True),
        ("a.dill", True),
        ("a.pkl.txt", False),
        ("pkl", False),
        ("a.pkl/b.txt", False),
    ],
)
def test_names(path: str, *, expected: bool) -> None:
    assert has_pickle_name(path) is expected
