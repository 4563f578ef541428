from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.display import human_size, plural, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("model.bin", "model.bin", id="plain"),
        pytest.param("modèle-模型.bin", "modèle-模型.bin", id="letters-of-any-script"),
        pytest.param("a\x1b[31mred", "a\\x1b[31mred", id="ansi-escape"),
        pytest.param("a\x9b31mred", "a\\x9b31mred", id="c1-control-sequence"),
        pytest.param("ok\nVERIFIED", "ok\\nVERIFIED", id="newline"),
        pytest.param("a\rb\tc", "a\\rb\\tc", id="carriage-return-and-tab"),
        pytest.param("a\u2028b", "a\\u2028b", id="line-separator"),
        pytest.param("exe\u202etxt", "exe\\u202etxt", id="right-to-left-override"),
        pytest.param("a\u2067b", "a\\u2067b", id="bidi-isolate"),
        pytest.param("a\u200bb\ufeffc", "a\\u200bb\\ufeffc", id="zero-width"),
        pytest.param("a\u3164b\u034f", "a\\u3164b\\u034f", id="invisible-letters-and-marks"),
        pytest.param("a\u00a0b", "a\\xa0b", id="no-break-space"),
        pytest.param("a\U000e0041b", "a\\U000e0041b", id="tag-character"),
        pytest.param(os.fsdecode(b"a\xffb"), "a\\xffb", id="byte-that-is-not-utf8"),
        pytest.param("a\ud800b", "a\\ud800b", id="lone-surrogate"),
        pytest.param(b"caf\xc3\xa9\xff", "café\\xff", id="bytes"),
    ],
)
def test_untrusted_text_is_shown_without_power(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Lo"])))
def test_what_is_shown_is_one_encodable_line_without_controls(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert printable(shown) == shown


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po"])))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (91_600_000, "91.6 MB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (8 * 2**30, "8.6 GB"),
        (10**21, "1000.0 EB"),
        (2**80, "1208925.8 EB"),
    ],
)
def test_sizes_are_decimal(size: int, shown: str) -> None:
    assert human_size(size) == shown


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (plural(0, "file"), "0 files"),
        (plural(1, "file"), "1 file"),
        (plural(20000, "file"), "20,000 files"),
        (plural(2, "directory", "directories"), "2 directories"),
        (plural(1, "directory", "directories"), "1 directory"),
    ],
)
def test_counts_and_their_nouns(shown: str, wanted: str) -> None:
    assert shown == wanted
