from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processor import untraced

from manifest.errors import DocumentError
from manifest.inventory import path_problem
from manifest.inventory.clashes import Clashes
from manifest.inventory.lines import Binding, InventoryEntry, InventoryReader, InventoryWriter
from manifest.inventory.merkle import leaf_hash, root_of
from manifest.inventory.paths import collisions

A, B = "a" * 64, "b" * 64
GOOD = InventoryEntry("a/b.bin", 7, A)
PATHS = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
        lambda text: path_problem(text) is None
    ),
    unique=True,
    max_size=40,
)


def made(entries: Iterable[InventoryEntry], *, blake3: bool = False) -> tuple[bytes, Binding]:
    pieces: list[bytes] = []
    writer = InventoryWriter(pieces.append, blake3=blake3)
    for entry in entries:
        writer.add(entry)
    binding = writer.close()
    return b"".join(pieces), binding


def read(data: bytes) -> tuple[list[InventoryEntry], Binding]:
    reader = InventoryReader(io.BytesIO(data).read, what="x.jsonl")
    return list(reader), reader.binding()


def test_the_documented_bytes() -> None:
    entry = InventoryEntry('a"b/é.bin', 0, A, B)
    line = f'{{"path":"a\\"b/é.bin","size":0,"sha256":"{A}","blake3":"{B}"}}'
    assert entry.line() == line.encode()
    data, binding = made([entry], blake3=True)
    assert data == line.encode() + b"\n"
    assert binding == Binding(
        hashlib.sha256(data).hexdigest(), 1, 0, leaf_hash(line.encode()).hex()
    )


@given(PATHS, st.integers(0, 2**63 - 1), st.sampled_from(["", B]))
def test_what_is_written_is_read_and_is_json(paths: list[str], size: int, second: str) -> None:
    entries = [InventoryEntry(path, size, A, second) for path in sorted(paths)]
    data, binding = made(entries, blake3=bool(second))
    assert read(data) == (entries, binding)
    # Independent oracles: the json module, and the root by its definition.
    lines = data.splitlines(keepends=False) if data.isascii() else data[:-1].split(b"\n")
    if entries:
        plain = [json.loads(line) for line in data.decode().removesuffix("\n").split("\n")]
        assert [p["path"] for p in plain] == sorted(paths, key=str.encode)
        assert all(
            json.dumps(p, ensure_ascii=False, separators=(",", ":")).encode() == line
            for p, line in zip(plain, lines, strict=True)
        )
        assert binding.merkle_root == root_of(map(leaf_hash, lines)).hex()
    assert binding.total_size == size * len(paths)


@given(PATHS, st.integers(1, 200))
def test_readings_of_any_length_give_the_same(paths: list[str], step: int) -> None:
    data, binding = made([InventoryEntry(path, 1, A) for path in sorted(paths)])
    stream = io.BytesIO(data)
    reader = InventoryReader(lambda _: stream.read(step), what="x.jsonl")
    assert [entry.path for entry in reader] == sorted(paths)
    assert reader.binding() == binding


def line(path: str = "b", size: str = "1", sha256: str = A, more: str = "") -> bytes:
    return f'{{"path":"{path}","size":{size},"sha256":"{sha256}"{more}}}\n'.encode()


MALFORMED = {
    "duplicate-key": (b'{"path":"a","path":"b","size":1,"sha256":"' + A.encode() + b'"}\n', "form"),
    "escaped-key": (b'{"p\\u0061th":"a","size":1,"sha256":"' + A.encode() + b'"}\n', "form"),
    "escaped-letter": (line("\\u0062"), "form"),
    "other-order": (b'{"size":1,"path":"a","sha256":"' + A.encode() + b'"}\n', "form"),
    "a-space": (b'{"path": "a","size":1,"sha256":"' + A.encode() + b'"}\n', "form"),
    "a-trailing-space": (line()[:-1] + b" \n", "form"),
    "unknown-field": (line(more=',"mode":"x"'), "form"),
    "no-digest": (b'{"path":"a","size":1}\n', "form"),
    "upper-case-digest": (line(sha256="A" * 64), "form"),
    "short-digest": (line(sha256="a" * 63), "form"),
    "a-size-with-zeros": (line(size="01"), "form"),
    "a-negative-size": (line(size="-1"), "form"),
    "a-fraction": (line(size="1.0"), "form"),
    "an-exponent": (line(size="1e3"), "form"),
    "a-size-of-64-bits": (line(size="9223372036854775808"), "no file has"),
    "a-huge-number": (line(size="9" * 5000), "form"),
    "other-digits": (line(size="\u0661"), "form"),
    "byte-order-mark": (b"\xef\xbb\xbf" + line(), "byte order mark"),
    "crlf": (line()[:-1] + b"\r\n", "CR LF"),
    "no-final-newline": (line()[:-1], "cut off"),
    "half-a-line": (line("a") + line()[:20], "cut off"),
    "empty-line": (line("a") + b"\n" + line("c"), "empty"),
    "blank-file": (b"\n", "empty"),
    "not-utf8": (line().replace(b'"b"', b'"\xff"'), "not valid UTF-8"),
    "overlong-utf8": (line().replace(b'"b"', b'"\xc0\xaf"'), "not valid UTF-8"),
    "a-surrogate": (line().replace(b'"b"', b'"\xed\xa0\x80"'), "not valid UTF-8"),
    "huge-line": (b'{"path":"' + b"a" * 3_000_000 + b'"}\n', "longer than"),
    "a-line-without-end": (b"a" * 3_000_000, "longer than"),
    "unsorted": (line("b") + line("a"), "out of order"),
    "sorted-by-utf-16": (line("\U0001f600") + line("\uffee"), "out of order"),
    "twice": (line("b") + line("b"), "listed twice"),
    "parent": (line("../etc/passwd"), '".."'),
    "parent-inside": (line("a/../../b"), '".."'),
    "absolute": (line("/etc/passwd"), "absolute"),
    "dot": (line("."), '"."'),
    "empty-component": (line("a//b"), "empty component"),
    "a-directory": (line("a/"), "slash"),
    "drive": (line("C:x"), "drive"),
    "empty-path": (line(""), "form"),
    "backslash": (line("a\\\\b"), "form"),
    "control": (line("a\x1b[31m"), "control"),
    "nul": (line("a\x00b"), "control"),
    "one-digest-then-two": (line("a") + line("b", more=f',"blake3":"{B}"'), "other digests"),
    "two-digests-then-one": (line("a", more=f',"blake3":"{B}"') + line("b"), "other digests"),
    "array": (b"[]\n", "form"),
    "nested": (b"[" * 100_000 + b"\n", "longer than"),
}


@pytest.mark.parametrize(("data", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_bytes_that_no_inventory_has_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=r"x\.jsonl: line [12]: ") as caught:
        read(data)
    assert message in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


@given(st.data())
def test_any_changed_byte_is_refused_or_changes_the_binding(data: st.DataObject) -> None:
    good, binding = made([InventoryEntry("a", 1, A), InventoryEntry("b/c", 22, B)])
    place = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != good[place]))
    changed = good[:place] + bytes([byte]) + good[place + 1 :]
    try:
        entries, found = read(changed)
    except DocumentError:
        return
    assert found.sha256 != binding.sha256
    assert found.merkle_root != binding.merkle_root
    assert made(entries)[0] == changed  # there is one way to write what was read


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param([GOOD, GOOD], "out of order", id="twice"),
        pytest.param([GOOD, GOOD._replace(path="a/a")], "out of order", id="unsorted"),
        pytest.param([GOOD._replace(path="../a")], '".."', id="unsafe"),
        pytest.param([GOOD._replace(blake3=B)], "other digests", id="another-digest"),
    ],
)
def test_a_writer_refuses_what_a_reader_would(entries: list[InventoryEntry], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        made(entries)


def test_the_empty_inventory_comes_to_nothing() -> None:
    data, binding = made([])
    assert data == b""
    assert read(b"") == ([], binding)


def test_a_stream_is_read_in_constant_memory() -> None:
    digest = hashlib.sha256(b"").hexdigest()
    block = 500

    def lines() -> Iterable[bytes]:
        for start in range(0, 60_000, block):
            yield b"".join(
                InventoryEntry(f"{n:09d}", 1, digest).line() + b"\n"
                for n in range(start, start + block)
            )

    stream = iter(lines())
    with untraced():
        tracemalloc.start()
        try:
            reader = InventoryReader(lambda _: next(stream, b""), what="x")
            count = sum(len(batch) for batch in reader.batches())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert count == 60_000
    assert peak < 3_000_000  # the inventory has 6 MB, and its entries ten times that


NAMES = st.sampled_from(
    ["a", "A", "b", "ß", "ss", "é", "e\u0301", "É", "K", "\u212a", "dir", "Dir"]
)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), unique=True, max_size=12))
def test_clashes_are_those_of_the_exact_search(paths: list[str]) -> None:
    """An independent oracle: `collisions`, which keeps every name."""
    clashes = Clashes()
    ordered = sorted(paths)
    clashes.add(ordered[:3])
    clashes.add(ordered[3:])
    suspects = clashes.suspects()
    assert collisions(clashes.of(suspects, ordered)) == collisions(paths)
    assert suspects or not collisions(paths)


@pytest.mark.parametrize("make", [list, iter], ids=["list", "stream"])
def test_names_without_a_clash_have_no_suspects(make: Callable[..., Iterable[str]]) -> None:
    clashes = Clashes()
    clashes.add(make(f"part-{n // 100:03d}/{n:05d}" for n in range(5000)))
    assert clashes.suspects() == frozenset()
