"""Manifests: one text for one value, and nothing believed that the file itself does not bear out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.document.description import parse_description
from manifest.document.manifest_file import (
    ManifestFile,
    dump_manifest,
    parse_manifest,
    resolve,
)
from manifest.document.schema import violations
from manifest.errors import DocumentError, UndecidedError

DESCRIPTION = parse_description(
    b"schema_version: '1.0'\nname: a/b\nversion: 1.10\ndescribed_by: publisher\n"
    b"summary: h\xc3\xa9llo\nx-b: {z: 1, a: [2.5, true]}\n"
    b"exceptions: [{rule: LIC001, reason: x}]\n"
    b"components:\n  tokenizer: {files: [t]}\n  datasets: {withheld: {reason: private}}\n"
)
FILES = [
    ManifestFile("é.txt", 1, "1" * 64),
    ManifestFile("t", 2, "2" * 64, components=("tokenizer",)),
    ManifestFile("B", 0, "3" * 64),
    ManifestFile("a/z", 3, "4" * 64),
    ManifestFile("a.txt", 4, "5" * 64),
]
MANIFEST = resolve(DESCRIPTION, FILES, digests=("sha256",))
TEXT = dump_manifest(MANIFEST).decode()


def test_the_text_is_the_only_one() -> None:
    again = resolve(DESCRIPTION, FILES[::-1], digests=("sha256",))
    assert dump_manifest(again).decode() == TEXT
    parsed = parse_manifest(TEXT.encode())
    assert dump_manifest(parsed).decode() == TEXT
    assert parsed == MANIFEST


def test_files_stand_in_the_order_of_their_bytes() -> None:
    names = [f["path"] for f in json.loads(TEXT)["files"]]
    assert names == sorted(names, key=str.encode) == ["B", "a.txt", "a/z", "t", "é.txt"]


def test_the_root_digest_can_be_recomputed_by_hand() -> None:
    plain = json.loads(TEXT)
    assert "exceptions" not in plain["release"]
    lines = b"".join(
        f["path"].encode() + b"\0" + str(f["size"]).encode() + b"\0" + f["sha256"].encode() + b"\n"
        for f in plain["files"]
    )
    assert hashlib.sha256(lines).hexdigest() == plain["root_digest"]


def test_the_description_comes_back() -> None:
    description = MANIFEST.description()
    assert description.name == "a/b"
    assert {c.id for c in description.components} == {"tokenizer", "datasets"}


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["files"].reverse(), "out of order"),
        (lambda m: m["files"].append(m["files"][-1]), "is listed twice"),
        (lambda m: m.update(file_count=4), "file_count"),
        (lambda m: m.update(total_size=9), "total_size"),
        (lambda m: m.update(root_digest="0" * 64), "root_digest"),
        (lambda m: m["files"][0].update(sha256="0" * 64), "root_digest"),
        (lambda m: m["files"][0].update(path="../x"), r"files\[0\]: path"),
        (lambda m: m["files"][0].update(path=7), r"files\[0\]: path: is not text"),
        (lambda m: m["files"][0].update(size=-1), r"files\[0\]: size"),
        (lambda m: m["files"][0].update(size=1.5), r"files\[0\]: size"),
        (lambda m: m["files"][0].update(sha256="A" * 64), r"files\[0\]: sha256"),
        (lambda m: m["files"][0].update(source="guessed"), r"files\[0\]: source"),
        (lambda m: m["files"][0].update(mode=7), r"files\[0\]: unknown field `mode`"),
        (lambda m: m["files"][0].pop("sha256"), r"files\[0\]: `sha256` is missing"),
        (lambda m: m["files"][0].update(components=["x"]), "no component is called x"),
        (lambda m: m["files"][0].update(components=[]), "components"),
        (lambda m: m["files"].clear(), "files: is empty"),
        (lambda m: m["components"][1].update(size=5), "tokenizer"),
        (lambda m: m["components"].reverse(), "components"),
        (lambda m: m.update(digests=["sha256", "blake3"]), "lacks a digest"),
        (lambda m: m.update(digests=["blake3"]), "digests"),
        (lambda m: m["release"].pop("name"), "`name` is missing"),
        (lambda m: m.update(extra=1), "unknown field `extra`"),
    ],
)
def test_a_manifest_at_odds_with_itself_is_refused(change: Change, message: str) -> None:
    plain = json.loads(TEXT)
    change(plain)
    with pytest.raises(DocumentError, match=message):
        parse_manifest(json.dumps(plain).encode())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (TEXT.replace('"1.0"', '"2.0"', 1).encode(), UndecidedError),
        (b"[]", DocumentError),
        (b"", DocumentError),
        (b'{"schema_version": "1.0", "schema_version": "1.0"}', DocumentError),
        (b"[" * 100_000, DocumentError),
        (TEXT.replace("1.10", "NaN").replace('"NaN"', "NaN").encode(), DocumentError),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_manifest(data)


HEX = st.text("0123456789abcdef", min_size=63, max_size=65)
ANY = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
ID = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,3}", fullmatch=True)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "path": st.one_of(st.just("x"), ANY),
            "size": st.one_of(st.integers(0, 2**64), ANY),
            "sha256": st.one_of(HEX, ANY),
            "blake3": st.one_of(HEX, ANY),
            "root": st.one_of(ID, ANY),
            "source": st.one_of(st.sampled_from(["measured", "hub-reported", "?"]), ANY),
            "components": st.one_of(st.lists(ID, max_size=3), st.lists(ANY, max_size=2), ANY),
            "other": ANY,
        },
    )
)
def test_entries_are_judged_as_the_schema_judges_them(entry: dict[str, Any]) -> None:
    """The typed parser refuses what the schema refuses, and besides only unsound paths and 1.0."""
    from manifest.document.manifest_entries import parse_file
    from manifest.inventory import path_problem

    document = json.loads(TEXT) | {"files": [entry]}
    valid = not violations(document, "manifest")
    path = entry.get("path")
    meaning = isinstance(path, str) and path_problem(path) is not None
    try:
        parse_file(entry, 0, "m")
        accepted = True
    except DocumentError:
        accepted = False
    assert accepted == (valid and not meaning and not isinstance(entry.get("size"), float))
