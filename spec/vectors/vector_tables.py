"""What the vectors of documents say, decided by hand: inputs, and whether they are accepted."""

from __future__ import annotations

from typing import Any

PATHS: list[tuple[str, bool]] = [
    ("README.md", True),
    ("weights/model-00001-of-00002.safetensors", True),
    (".hidden/.gitignore", True),
    ("a b/ä/日本語.txt", True),
    ("...", True),
    ("a/..b", True),
    ("name:with:colons", True),
    ("CON", True),
    ("a" * 255, True),
    ("", False),
    ("/etc/passwd", False),
    ("..", False),
    ("../x", False),
    ("a/../b", False),
    ("a/..", False),
    (".", False),
    ("./a", False),
    ("a/./b", False),
    ("a//b", False),
    ("a/", False),
    ("a\\b", False),
    ("..\\x", False),
    ("C:/x", False),
    ("c:x", False),
    ("a\u0000b", False),
    ("a\nb", False),
    ("a\u007fb", False),
    ("a\u0085b", False),
    ("a" * 256, False),
    ("é" * 128, False),
    ("/".join(["abcdefg"] * 513), False),
]

COLLISIONS: list[tuple[list[str], list[list[str]]]] = [
    (["a", "b"], []),
    (["README", "readme"], [["README", "readme"]]),
    (["A/x", "a/y"], [["A", "a"]]),
    (["A/x", "a/x"], [["A", "a"]]),
    (["d/A", "d/a", "e/a"], [["d/A", "d/a"]]),
    (["caf\u00e9", "cafe\u0301"], [["cafe\u0301", "caf\u00e9"]]),
    (["stra\u00dfe", "STRASSE"], [["STRASSE", "stra\u00dfe"]]),
    (["a", "a"], []),
]

GLOBS: list[tuple[str, list[str], list[str]]] = [
    ("a.txt", ["a.txt", "a.txt/inside"], ["b/a.txt", "A.txt", "a.txt2"]),
    ("*.md", ["a.md", ".md"], ["a/b.md", "a.mdx"]),
    ("**/*.md", ["a.md", "a/b.md", "a/b/c.md"], ["a.md/x"]),
    ("a/**", ["a/b", "a/b/c"], ["a", "ab/c"]),
    ("a/**/z", ["a/z", "a/b/z", "a/b/c/z", "a/z/q"], ["a/bz"]),
    ("**", ["a", "a/b"], []),
    ("data", ["data", "data/x", "data/x/y"], ["database", "x/data"]),
    ("data/", ["data/x", "data/x/y"], ["data", "x/data/y"]),
    ("*/data", ["x/data", "x/data/y"], ["data", "x/y/data"]),
    ("model-?.bin", ["model-1.bin"], ["model-.bin", "model-12.bin", "model-/.bin"]),
    ("[ab]*", ["a", "bz"], ["c", "Ab"]),
    ("[!ab]", ["c"], ["a", "b", "/"]),
    ("[*]", ["*"], ["a"]),
    ("[]]", ["]"], ["["]),
    ("step[0-9]/", ["step1/x"], ["step10/x", "step1"]),
    ("a+(b).c", ["a+(b).c"], ["aab.c", "a+b.c"]),
]
BAD_GLOBS = ["", "/a", "a//b", "../a", "a/./b", "a\\*", "[a", "[z-a]", "[]", "a\nb", "a" * 1025]

TREES: list[tuple[str, list[tuple[str, str]]]] = [
    ("no file", []),
    ("one empty file", [("a", "")]),
    ("two files, given out of order", [("b", "2"), ("a", "1")]),
    ("order of UTF-8 bytes: capitals first, a dot before a slash", [("a/b", "x"), ("a.b", "y"), ("B", "z")]),
    ("beyond the basic plane, where UTF-16 sorts otherwise", [("\U0001f600", "s"), ("\uff5e", "t")]),
    ("names are covered: the same contents as above under other names", [("c", "2"), ("a", "1")]),
]  # fmt: skip

_BASE = {"schema_version": "1.0", "name": "a/b", "version": "1.10", "described_by": "publisher"}
MANIFESTS: list[tuple[str, dict[str, Any], list[tuple[str, str, int]]]] = [
    ("nothing but files", _BASE, [("", "z", 0), ("", "a", 1)]),
    (
        "components sorted by id, their fields sorted by name, files in two of them",
        {
            **_BASE,
            "components": {
                "weights": {
                    "kind": "model-parameters-final",
                    "x-b": {"z": 1, "a": [True, None, 1.0]},
                    "files": ["*.bin"],
                    "title": "Weights",
                },
                "model-card": {"files": ["README.md"], "license": "CC-BY-4.0"},
                "evaluation-results": {"files": ["README.md"]},
                "datasets": {"withheld": {"reason": "licensed"}},
            },
        },
        [("", "m.bin", 10), ("", "README.md", 20), ("", "n.bin", 30)],
    ),
    (
        "text that needs escapes, and text that does not",
        {
            **_BASE,
            "summary": 'quote " backslash \\ slash / tab \t LF \n ESC \u001b DEL \u007f é 😀',
        },
        [("", 'a"b', 1), ("", "é", 2), ("", "😀", 3)],
    ),
    (
        "numbers",
        {
            **_BASE,
            "x-numbers": {
                "int": 12,
                "big": 9007199254740993,
                "one": 1.0,
                "tenth": 0.1,
                "small": 0.0001,
                "smaller": 0.00001,
                "large": 1e15,
                "larger": 1e16,
                "precise": 1.2345678901234567e-7,
            },
        },
        [("", "a", 9223372036854775807)],
    ),
    (
        "a named root: its files come after those of the release directory",
        {
            **_BASE,
            "roots": {"ckpt": {"type": "directory"}},
            "components": {"model-parameters-intermediate": {"files": ["ckpt:step*/"]}},
        },
        [("ckpt", "step2/m", 2), ("ckpt", "step10/m", 1), ("", "z", 3)],
    ),
]

JSON: list[tuple[str, bytes, bool]] = [
    ("an object", b'{"a": [1, 2.5, "x", true, null]}', True),
    ("escapes, a surrogate pair among them", b'"\\u00e9\\ud83d\\ude00\\n"', True),
    ("the largest integer", b"9223372036854775807", True),
    ("64 levels", b"[" * 64 + b"]" * 64, True),
    ("65 levels", b"[" * 65 + b"]" * 65, False),
    ("a duplicate key", b'{"a": 1, "a": 1}', False),
    ("a duplicate key, spelled otherwise", b'{"a": 1, "\\u0061": 2}', False),
    ("NaN", b"[NaN]", False),
    ("an infinity", b"-Infinity", False),
    ("a number too large for a double", b"1e400", False),
    ("an integer too large", b"9223372036854775808", False),
    ("a lone surrogate", b'"\\ud800"', False),
    ("a byte order mark", b"\xef\xbb\xbf{}", False),
    ("not UTF-8", b'"\xff"', False),
    ("a control character in a text", b'"a\nb"', False),
    ("a trailing comma", b"[1,]", False),
    ("a comment", b"[1] // one", False),
    ("a second value", b"{} {}", False),
    ("nothing", b"", False),
]

_HEAD = 'schema_version: "1.0"\nname: a/b\ndescribed_by: publisher\n'


def _yaml(rest: str, **value: Any) -> tuple[str, dict[str, Any]]:
    return _HEAD + rest, {
        "schema_version": "1.0",
        "name": "a/b",
        "described_by": "publisher",
        **value,
    }


YAML: list[tuple[str, str, dict[str, Any]]] = [
    ("a version that looks like a number", *_yaml("version: 1.10\n", version="1.10")),
    ("digits with leading zeros", *_yaml("version: 0042\n", version="0042")),
    ("what overflows elsewhere", *_yaml("version: 12e4567890\n", version="12e4567890")),
    ("a date", *_yaml("release_date: 2026-01-31\n", release_date="2026-01-31")),
    ("no is not false", *_yaml("publisher: no\n", publisher="no")),
    ("null is a text where text is due", *_yaml("publisher: null\n", publisher="null")),
    ("octal and hexadecimal forms", *_yaml("version: 0x1F\n", version="0x1F")),
    ("sexagesimal", *_yaml("version: 12:30:45\n", version="12:30:45")),
    ("an integer where one is due", *_yaml("model: {parameters: 7}\n", model={"parameters": 7})),
    (
        "a number where one is due",
        *_yaml("training: {energy_kwh: 1.5}\n", training={"energy_kwh": 1.5}),
    ),
    (
        "open places: as JSON would read it",
        *_yaml(
            'x-a: [1, 1.0, 3.0e-4, true, null, ~, yes, 007, "1", 1e5, +1]\n',
            **{"x-a": [1, 1.0, 0.0003, True, None, None, "yes", "007", "1", 100000.0, 1]},
        ),
    ),
    ("a block text", *_yaml("summary: |\n  1\n  2\n", summary="1\n2\n")),
    ("a folded text", *_yaml("summary: >-\n  a\n  b\n", summary="a b")),
    ("a comment is no value", *_yaml("version: 1 # one\n", version="1")),
]

BAD_YAML: list[tuple[str, str]] = [
    ("a duplicate key", "a: 1\na: 2\n"),
    ("an anchor", "a: &x 1\n"),
    ("an alias", "a: &x [1]\nb: *x\n"),
    ("a tag", "a: !!python/object:os.system x\n"),
    ("a standard tag", "a: !!int 1\n"),
    ("a merge key", "a: {b: 1}\nc:\n  <<: *a\n"),
    ("two documents", "a: 1\n---\nb: 2\n"),
    ("not a mapping", "- a\n"),
    ("nothing", ""),
    ("an infinity", "x-a: .inf\n"),
    ("not a number", "x-a: .nan\n"),
    ("too deep", "x-a: " + "[" * 50 + "]" * 50 + "\n"),
    ("a tab as indentation", "a:\n\tb: 1\n"),
]

LICENSES: list[tuple[str, str, str]] = [
    ("Apache-2.0", "code", "open"),
    ("apache-2.0", "code", "open"),
    ("MIT AND Apache-2.0", "code", "open"),
    ("MIT OR CC-BY-NC-4.0", "code", "open"),
    ("MIT AND CC-BY-NC-4.0", "code", "not-open"),
    ("GPL-2.0-only WITH Classpath-exception-2.0", "code", "open"),
    ("GPL-2.0-only WITH No-such-exception", "code", "unknown"),
    ("CC-BY-4.0", "document", "open"),
    ("CC-BY-4.0", "data", "open"),
    ("CC-BY-4.0", "code", "open-other-type"),
    ("CC0-1.0", "data", "open"),
    ("PDDL-1.0", "data", "open"),
    ("CDLA-Permissive-2.0", "data", "open"),
    ("CC-BY-NC-4.0", "data", "not-open"),
    ("CC-BY-ND-4.0", "document", "not-open"),
    ("llama3.1", "data", "not-open"),
    ("gemma", "data", "not-open"),
    ("openrail", "data", "not-open"),
    ("cc", "data", "unknown"),
    ("LicenseRef-something", "data", "unknown"),
    ("other", "data", "unknown"),
    ("", "code", "none"),
    ("NONE", "code", "none"),
]
