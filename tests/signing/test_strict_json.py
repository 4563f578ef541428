from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processor import assert_takes_less

from manifest import strict_json
from manifest.errors import DocumentError, ManifestError, NotTrustedError

MIB = 1024 * 1024


def loads(data: bytes, **bounds: Any) -> Any:
    return strict_json.loads(
        data, **{"what": "doc.json", "max_bytes": MIB, "max_depth": 8, **bounds}
    )


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, -2, 2.5, 1e3, true, false, null, "é\\n"]}', "0", '"\\ud83d\\ude00"', " [] "],
)
def test_sound_documents_mean_what_json_says(text: str) -> None:
    assert loads(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("data", "line", "column", "problem"),
    [
        pytest.param(b'{"a": 1, "a": 2}', 1, 10, "'a' appears twice", id="duplicate-key"),
        pytest.param(b'{"a": 1,\n "\\u0061": 2}', 2, 2, "'a' appears twice", id="escaped-twin"),
        pytest.param(b'[{"x": {"k": 0, "k": 0}}]', 1, 17, "'k' appears twice", id="nested-twin"),
        pytest.param(b'{"k": {"k": 0},\n"z": [{"k": 0, "k": 0}]}', 2, 16, "twice", id="last-twin"),
        pytest.param(b"[1, NaN]", 1, 5, "NaN is not", id="nan"),
        pytest.param(b"[Infinity]", 1, 2, "Infinity is not", id="infinity"),
        pytest.param(b"[-Infinity]", 1, 2, "-Infinity is not", id="minus-infinity"),
        pytest.param(b"[1e999]", 1, 2, "too large", id="overflowing-float"),
        pytest.param(b"[9223372036854775808]", 1, 2, "64 bits", id="int-of-64-bits-and-one"),
        pytest.param(b"[" + b"9" * 100_000 + b"]", 1, 2, "64 bits", id="int-of-100000-digits"),
        pytest.param(b'["\\ud800"]', 1, 2, "surrogate", id="lone-surrogate"),
        pytest.param(b'{"\\udfff": 1}', 1, 2, "surrogate", id="lone-surrogate-in-a-key"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', 1, 1, "byte order mark", id="bom"),
        pytest.param(b"[[[[[[[[[1]]]]]]]]]", 1, 9, "8 deep", id="one-too-deep"),
        pytest.param(b"[" * 100_000, 1, 9, "8 deep", id="100000-deep-open"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, 1, 9, "8 deep", id="100000-deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 1, 41, "8 deep", id="deep-object"),
        pytest.param(b'"[[[', 1, 1, "unterminated", id="cut-off-string"),
        pytest.param(b"]]]]][[[[[", 1, 1, "expecting value", id="inside-out"),
        pytest.param(b"", 1, 1, "expecting value", id="empty"),
        pytest.param(b"{} {}", 1, 4, "extra data", id="two-documents"),
        pytest.param(b"[1,,2]", 1, 4, "expecting value", id="two-commas"),
        pytest.param(b"{'a': 1}", 1, 2, "", id="single-quotes"),
        pytest.param(b'["a\nb"]', 1, 4, "control character", id="raw-newline-in-string"),
    ],
)
def test_refusal_names_place_and_cause(data: bytes, line: int, column: int, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        loads(data)
    message = caught.value.message
    assert message.startswith(f"doc.json: line {line}, column {column}: ")
    assert problem in message
    assert caught.value.remedy


def test_bytes_that_are_not_utf8_are_located() -> None:
    with pytest.raises(DocumentError, match="line 2: the byte at offset 4 is not valid UTF-8"):
        loads(b'["\n\xc3\xff"]'.replace(b"\xc3", b"a"))


def test_brackets_inside_strings_do_not_count() -> None:
    text = r'["[[[[[[[[[[[[", "\\", "\"[[[[[[[[[[[[[[[", "\\\"{{{{{{{{{{{{{{"]'
    assert loads(text.encode()) == json.loads(text)


def test_depth_bound_is_exact() -> None:
    assert loads(b"[" * 8 + b"]" * 8)
    assert loads(b"1", max_depth=0) == 1
    with pytest.raises(DocumentError, match="more than 0 deep"):
        loads(b"[]", max_depth=0)


@pytest.mark.parametrize(
    ("start", "repeated", "times", "end", "problem"),
    [
        pytest.param(b'"', b"a", 100_000_000, b'"', "at most 67,108,864", id="100-MB"),
        pytest.param(b"[", b"[],", 20_000_000, b"[]]", "more than", id="empty-arrays"),
        pytest.param(b"", b'"', 60_000_000, b"", "more than", id="quotation-marks"),
        pytest.param(b'["', b'\\"', 30_000_000, b"", "unterminated", id="escapes"),
        pytest.param(b"", b"]", 60_000_000, b"", "expecting value", id="closing-brackets"),
        pytest.param(b"", b"[", 60_000_000, b"", "more than", id="opening-brackets"),
    ],
)
def test_huge_input_is_refused_fast(
    start: bytes, repeated: bytes, times: int, end: bytes, problem: str
) -> None:
    data = start + repeated * times + end  # made here: it would stay in memory as a parameter

    def refuse() -> None:
        with pytest.raises(DocumentError, match=problem):
            loads(data, max_bytes=64 * MIB)

    assert_takes_less(5, refuse)  # measured: below one second


def test_refusing_many_values_takes_memory_of_the_order_of_the_input() -> None:
    data = b"[" + b"{}," * 4_000_000 + b"{}]"
    tracemalloc.start()
    with pytest.raises(DocumentError, match="more than 100,000 values"):
        loads(data, max_bytes=64 * MIB, max_items=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(data)


def test_error_class_and_name_are_the_callers() -> None:
    with pytest.raises(NotTrustedError, match=r"^model\.sig: line 1"):
        strict_json.loads(b"{", what="model.sig", max_bytes=9, max_depth=1, error=NotTrustedError)


def test_message_neutralises_control_characters() -> None:
    with pytest.raises(DocumentError) as caught:
        loads(b'{"\\u001b[31m": 1, "\\u001b[31m": 2}')
    assert "\x1b" not in caught.value.message


def test_dumps_keeps_order_and_unicode() -> None:
    assert strict_json.dumps({"b": "é", "a": [1]}) == (
        '{\n  "b": "é",\n  "a": [\n    1\n  ]\n}\n'.encode()
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {"\udc00": 1}])
def test_dumps_refuses_what_loads_would(value: Any) -> None:
    with pytest.raises(DocumentError):
        strict_json.dumps(value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(json_values)
def test_round_trip(value: Any) -> None:
    assert loads(strict_json.dumps(value), max_depth=64) == value


@given(st.binary() | st.text(alphabet='{}[]",:\\ 01eNatrufls-I\n').map(str.encode))
def test_arbitrary_bytes_parse_as_json_does_or_are_refused(data: bytes) -> None:
    try:
        value = loads(data, max_depth=64)
    except ManifestError:
        return
    assert value == json.loads(data)
