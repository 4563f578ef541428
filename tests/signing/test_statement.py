from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import DocumentError, NotTrustedError
from manifest.signing import statement
from manifest.signing.statement import (
    OmsStatement,
    SerializationMethod,
    build_statement,
    parse_statement,
)

Document = dict[str, Any]
Change = Callable[[Document], object]


def parse(document: Any) -> OmsStatement:
    return parse_statement(json.dumps(document).encode())


def resources(document: Document) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = document["predicate"]["resources"]
    return entries


def serialization(document: Document) -> Document:
    inner: Document = document["predicate"]["serialization"]
    return inner


def sealed(document: Document) -> Document:
    """The document with the root digest that belongs to its resources."""
    data = b"".join(bytes.fromhex(entry["digest"]) for entry in resources(document))
    document["subject"][0]["digest"] = {"sha256": hashlib.sha256(data).hexdigest()}
    return document


def named(document: Document, name: str) -> None:
    resources(document)[0]["name"] = name


def sharded(document: Document, names: list[str], size: Any = 400, algorithm: str = "") -> Document:
    serialization(document).update(method="shards", shard_size=size)
    document["predicate"]["resources"] = [
        {
            "name": name,
            "algorithm": algorithm or "sha256",
            "digest": hashlib.sha256(name.encode()).hexdigest(),
        }
        for name in names
    ]
    return sealed(document)


def test_statement_says_what_was_signed(document: Document) -> None:
    value = parse(document)
    assert value.subject_name == "tiny"
    assert value.method is SerializationMethod.FILES
    assert value.hash_type == "sha256"
    assert value.shard_size is None
    assert value.allow_symlinks is False
    assert value.ignore_paths == ("model.sig",)
    assert [(r.path, r.algorithm, r.digest, r.start, r.end) for r in value.resources] == [
        ("config.json", "sha256", "cd" * 32, None, None),
        ("weights.bin", "sha256", "ab" * 32, None, None),
    ]
    expected = hashlib.sha256(bytes.fromhex("cd" * 32 + "ab" * 32)).hexdigest()
    assert value.root_digest == expected


def test_built_bytes_do_not_depend_on_the_order_given() -> None:
    entries = [(name, hashlib.sha256(name.encode()).hexdigest()) for name in "ZaBé\U0001f600\uffee"]
    written = build_statement("m", entries, ["model.sig"])
    assert written == build_statement("m", reversed(entries), ["model.sig"])
    names = [entry["name"] for entry in json.loads(written)["predicate"]["resources"]]
    assert names == sorted(names, key=lambda name: name.encode("utf-32-be"))
    assert written.isascii()


@pytest.mark.parametrize(
    ("entries", "ignore", "problem"),
    [
        pytest.param([], [], "at least 1", id="no-file"),
        pytest.param([("../a", "ab" * 32)], [], "..", id="leaving-the-release"),
        pytest.param([("a", "AB" * 32)], [], "not lower-case hex", id="upper-case"),
        pytest.param([("a", "ab" * 20)], [], "not a sha256 digest", id="sha1"),
        pytest.param([("a", "ab" * 32)] * 2, [], "a second time", id="twice"),
        pytest.param([("a", "ab" * 32)], ["*.tmp"], "glob", id="ignored-glob"),
        pytest.param([("\udcff", "ab" * 32)], [], "not UTF-8", id="not-unicode"),
        pytest.param([("a", "a")], [], "not lower-case hex", id="half-a-byte"),
    ],
)
def test_builder_refuses_what_a_verifier_would(
    entries: list[tuple[str, str]], ignore: list[str], problem: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        build_statement("m", entries, ignore)
    assert problem in caught.value.message


def test_builder_refuses_a_name_that_is_not_unicode() -> None:
    with pytest.raises(DocumentError, match="not valid Unicode"):
        build_statement("m\ud800", [("a", "ab" * 32)])


@pytest.mark.parametrize("algorithm", ["blake2b", "blake3"])
def test_other_algorithms_of_the_registry(document: Document, algorithm: str) -> None:
    serialization(document)["hash_type"] = algorithm
    for entry in resources(document):
        entry.update(algorithm=algorithm, digest="ef" * statement.DIGEST_BYTES[algorithm])
    assert parse(sealed(document)).resources[0].algorithm == algorithm


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: resources(d).reverse(), id="another-order"),
        pytest.param(
            lambda d: resources(d)[0].update(annotations={"x": 1}, uri="x"), id="resource-fields"
        ),
        pytest.param(lambda d: d["subject"][0].update(uri="x"), id="subject-field"),
        pytest.param(lambda d: serialization(d).pop("ignore_paths"), id="no-ignore-paths"),
        pytest.param(lambda d: named(d, "aa:b/c d/é:1"), id="colons-and-spaces"),
        pytest.param(lambda d: d["subject"][0].update(name="../model"), id="any-subject-name"),
        pytest.param(lambda d: serialization(d).update(allow_symlinks=True), id="symlinks"),
    ],
)
def test_variant_is_read(document: Document, change: Change) -> None:
    change(document)
    assert len(parse(sealed(document)).resources) == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(
            lambda d: d["subject"][0]["digest"].update(sha256="00" * 32),
            "the root digest is 0000",
            id="wrong-root-digest",
        ),
        pytest.param(lambda d: d["subject"][0].update(digest={}), "lacks", id="no-root-digest"),
        pytest.param(
            lambda d: d["subject"].append(d["subject"][0]), "has 2 entries", id="two-subjects"
        ),
        pytest.param(lambda d: d["subject"].clear(), "has 0 entries", id="no-subject"),
        pytest.param(lambda d: d["subject"][0].update(name=""), "is empty", id="nameless-subject"),
        pytest.param(
            lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"), "_type is not", id="type"
        ),
        pytest.param(
            lambda d: d.update(predicateType="https://slsa.dev/provenance/v1"),
            "something else than the files",
            id="other-predicate-type",
        ),
        pytest.param(
            lambda d: d.update(predicateType="https://model_signing/signature/v2.0"),
            "another version of OMS",
            id="later-version",
        ),
        pytest.param(
            lambda d: d.update(predicateType="https://model_signing/Digests/v0.1"),
            'unknown field "resources"',
            id="predicate-of-1.0-called-0.1",
        ),
        pytest.param(
            lambda d: d.update(predicateType="https://model_signing/ShardDigests/v0.1"),
            "its own command never wrote",
            id="trial-of-version-0.2.0",
        ),
        pytest.param(lambda d: d.update(extra=1), "unknown field", id="statement-field"),
        pytest.param(
            lambda d: d["predicate"].update(extra=1), "unknown field", id="predicate-field"
        ),
        pytest.param(
            lambda d: serialization(d).update(extra=1), "unknown field", id="serialization-field"
        ),
        pytest.param(lambda d: resources(d).clear(), "at least 1", id="no-resource"),
        pytest.param(
            lambda d: resources(d).append(dict(resources(d)[0])), "a second time", id="twice"
        ),
        pytest.param(
            lambda d: resources(d).append({**resources(d)[0], "digest": "00" * 32}),
            "a second time",
            id="twice-with-two-digests",
        ),
        pytest.param(lambda d: named(d, "../x"), 'component ".."', id="dot-dot"),
        pytest.param(lambda d: named(d, "a/../x"), 'component ".."', id="dot-dot-inside"),
        pytest.param(lambda d: named(d, "/etc/passwd"), "is absolute", id="absolute"),
        pytest.param(lambda d: named(d, "a\\b"), "backslash", id="backslash"),
        pytest.param(lambda d: named(d, "C:x"), "drive letter", id="drive"),
        pytest.param(lambda d: named(d, "./x"), 'component "."', id="dot-slash"),
        pytest.param(lambda d: named(d, "."), "a model of one file, beside others", id="dot"),
        pytest.param(lambda d: named(d, "a//x"), "empty component", id="double-slash"),
        pytest.param(lambda d: named(d, "a/"), "slash", id="trailing-slash"),
        pytest.param(lambda d: named(d, "a\x00b"), "control character", id="nul"),
        pytest.param(lambda d: named(d, ""), "is empty", id="empty-name"),
        pytest.param(lambda d: resources(d)[0].update(name=3), "is not a text", id="name-number"),
        pytest.param(
            lambda d: resources(d)[0].update(digest="AB" * 32), "lower-case", id="uppercase-digest"
        ),
        pytest.param(
            lambda d: resources(d)[0].update(digest="ab" * 31), "64 lower-case", id="short-digest"
        ),
        pytest.param(
            lambda d: resources(d)[0].update(digest="ab" * 64), "64 lower-case", id="long-digest"
        ),
        pytest.param(
            lambda d: resources(d)[0].update(digest={"sha256": "ab" * 32}),
            "64 lower-case",
            id="digest-set",
        ),
        pytest.param(
            lambda d: resources(d)[0].update(algorithm="blake3"),
            "hash_type is sha256",
            id="mixed-algorithms",
        ),
        pytest.param(
            lambda d: resources(d)[0].update(algorithm="sha256-sharded-400"),
            "hash_type is sha256",
            id="range-algorithm-for-a-file",
        ),
        pytest.param(lambda d: serialization(d).update(hash_type="md5"), "are supported", id="md5"),
        pytest.param(
            lambda d: serialization(d).update(method="tree"), "are supported", id="method"
        ),
        pytest.param(
            lambda d: serialization(d).update(allow_symlinks="false"),
            "neither true nor false",
            id="symlinks-as-text",
        ),
        pytest.param(
            lambda d: serialization(d).update(shard_size=1), "is present", id="needless-shard-size"
        ),
        pytest.param(
            lambda d: serialization(d).update(method="shards"), "positive whole", id="no-shard-size"
        ),
        pytest.param(
            lambda d: serialization(d).update(ignore_paths="a"), "not a list", id="ignore-text"
        ),
        pytest.param(
            lambda d: serialization(d).update(ignore_paths=["*.bin"]), "glob", id="ignore-glob"
        ),
        pytest.param(
            lambda d: serialization(d).update(ignore_paths=["a/[b]"]), "glob", id="ignore-class"
        ),
        pytest.param(
            lambda d: serialization(d).update(ignore_paths=["../x"]), '".."', id="ignore-dot-dot"
        ),
        pytest.param(
            lambda d: serialization(d).update(ignore_paths=["/x"]), "absolute", id="ignore-absolute"
        ),
        pytest.param(
            lambda d: serialization(d).update(ignore_paths=["."]), '"."', id="ignore-everything"
        ),
        pytest.param(lambda d: d.update(predicate=None), "not an object", id="null-predicate"),
    ],
)
def test_statement_is_refused(document: Document, change: Change, problem: str) -> None:
    change(document)
    with pytest.raises(NotTrustedError) as caught:
        parse(document)
    assert caught.value.message.startswith("the signed statement: ")
    assert problem in caught.value.message
    assert caught.value.remedy


def test_refused_names_are_shown_without_control_characters(document: Document) -> None:
    named(document, "a\x1b[31m")
    with pytest.raises(NotTrustedError) as caught:
        parse(document)
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "inner",
    [
        '"_type": "https://in-toto.io/Statement/v1", ',
        '"predicate": {"resources": [], ',
        '"serialization": {"method": "files", ',
        '{"name": "weights.bin", ',
    ],
    ids=["statement", "predicate", "serialization", "resource"],
)
def test_duplicate_key_is_refused_at_every_level(document: Document, inner: str) -> None:
    data = json.dumps(document)
    opening = inner[: inner.index("{") + 1] if "{" in inner else "{"
    at = data.rindex(opening) if inner.startswith("{") else data.index(opening)
    added = inner if "{" in inner else opening + inner
    with pytest.raises(NotTrustedError, match="appears twice"):
        parse_statement((data[:at] + added + data[at + len(opening) :]).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"[]", b"3", b"{}"])
def test_payload_that_is_no_statement_is_refused(data: bytes) -> None:
    with pytest.raises(NotTrustedError):
        parse_statement(data)


@pytest.mark.parametrize("size", [400, 400.0])
@pytest.mark.parametrize("algorithm", ["sha256", "sha256-sharded-400"])
def test_byte_ranges(document: Document, size: float, algorithm: str) -> None:
    names = ["weights:x:0:400", "weights:x:400:800", "weights:x:800:1000", "a:0:1", "b:0:400"]
    value = parse(sharded(document, names, size, algorithm))
    assert value.method is SerializationMethod.SHARDS
    assert value.shard_size == 400
    assert isinstance(value.shard_size, int)
    assert [(r.path, r.start, r.end) for r in value.resources] == [
        ("weights:x", 0, 400),
        ("weights:x", 400, 800),
        ("weights:x", 800, 1000),
        ("a", 0, 1),
        ("b", 0, 400),
    ]
    assert {r.algorithm for r in value.resources} == {"sha256"}


def test_byte_ranges_may_have_further_fields(document: Document) -> None:
    sharded(document, ["w:0:400"])
    resources(document)[0].update(uri="x", annotations={})
    assert len(parse(document).resources) == 1


def test_byte_ranges_may_be_sorted_as_text(document: Document) -> None:
    names = sorted(f"w:{n * 400}:{n * 400 + 400}" for n in range(30))
    assert len(parse(sharded(document, names)).resources) == 30


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        pytest.param(["w:400:800"], "begins at 0", id="does-not-begin-at-0"),
        pytest.param(["w:0:400", "w:800:900"], "begins at 400", id="gap"),
        pytest.param(["w:0:400", "w:300:700"], "begins at 400", id="overlap"),
        pytest.param(["w:0:400", "w:0:300"], "begins at 0", id="two-first-ranges"),
        pytest.param(["w:0:300", "w:300:700"], "begins at 0", id="short-range-inside"),
        pytest.param(["w:0:401"], "begins at 0", id="too-long"),
        pytest.param(["w:0:0"], "begins at 0", id="empty-range"),
        pytest.param(["w:0:400", "w:400:400"], "begins at 400", id="empty-last-range"),
        pytest.param(["w:400:0"], "begins at 0", id="backwards"),
        pytest.param(["w:0:400", "w:0:400"], "a second time", id="twice"),
        pytest.param(["w"], "PATH:START:END", id="no-range"),
        pytest.param(["w:0"], "PATH:START:END", id="half-a-range"),
        pytest.param([":0:4"], "PATH:START:END", id="no-path"),
        pytest.param(["w:00:4"], "PATH:START:END", id="leading-zero"),
        pytest.param(["w:0:+4"], "PATH:START:END", id="sign"),
        pytest.param(["w:0:0x4"], "PATH:START:END", id="hexadecimal"),
        pytest.param(["w:0:٤"], "PATH:START:END", id="other-digits"),
        pytest.param(["w:0:" + "9" * 5000], "PATH:START:END", id="huge-number"),
        pytest.param(["../w:0:4"], '".."', id="dot-dot"),
        pytest.param(["C::0:4"], "drive letter", id="drive"),
    ],
)
def test_byte_ranges_are_refused(document: Document, names: list[str], problem: str) -> None:
    with pytest.raises(NotTrustedError) as caught:
        parse(sharded(document, names))
    assert problem in caught.value.message


@pytest.mark.parametrize("size", [0, -1, 400.5, True, "400", None, 1e300])
def test_shard_size_is_a_positive_whole_number(document: Document, size: Any) -> None:
    with pytest.raises(NotTrustedError, match="shard_size is not a positive whole number"):
        parse(sharded(document, ["w:0:1"], size))


@pytest.mark.parametrize("name", ["sha256", "blake3"])
def test_hash_type_may_name_the_ranges_too(document: Document, name: str) -> None:
    value = sharded(document, ["w:0:1"], 400, name)
    serialization(value)["hash_type"] = f"{name}-sharded-400"
    assert parse(sealed(value)).hash_type == name


@pytest.mark.parametrize("hash_type", ["sha256-sharded-500", "sha256-sharded-", "md5-sharded-400"])
def test_hash_type_that_names_other_ranges(document: Document, hash_type: str) -> None:
    value = sharded(document, ["w:0:1"], 400)
    serialization(value)["hash_type"] = hash_type
    with pytest.raises(NotTrustedError, match="hash_type is"):
        parse(sealed(value))


def test_hash_type_of_ranges_for_whole_files(document: Document) -> None:
    serialization(document)["hash_type"] = "sha256-sharded-400"
    with pytest.raises(NotTrustedError, match="hash_type is"):
        parse(document)


@pytest.mark.parametrize("names", [[".:0:400", ".:400:500"], ["model:0:400"]])
def test_byte_ranges_of_one_file(document: Document, names: list[str]) -> None:
    value = parse(sharded(document, names))
    assert value.is_nameless == names[0].startswith(".")


def test_byte_ranges_of_one_file_without_its_name_beside_others(document: Document) -> None:
    with pytest.raises(NotTrustedError, match="beside others"):
        parse(sharded(document, [".:0:400", "a:0:1"]))


def test_range_algorithm_must_name_the_size(document: Document) -> None:
    with pytest.raises(NotTrustedError, match="sharded-500"):
        parse(sharded(document, ["w:0:1"], 400, "sha256-sharded-500"))


paths = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\:"), min_size=1
).filter(lambda text: text not in {".", ".."} and len(text.encode()) < 250)


@given(st.dictionaries(paths, st.binary(min_size=32, max_size=32), min_size=1))
def test_built_statement_parses_to_the_same_files(files: dict[str, bytes]) -> None:
    value = parse_statement(build_statement("m", [(p, d.hex()) for p, d in files.items()]))
    assert {r.path: bytes.fromhex(r.digest) for r in value.resources} == files
    assert (
        value.root_digest
        == hashlib.sha256(b"".join(d for _, d in sorted(files.items()))).hexdigest()
    )
