"""Inventories: which bytes are one, decided by hand."""

from __future__ import annotations

_A, _B = "a" * 64, "b" * 64


def _line(path: str, size: str = "1", more: str = "") -> str:
    return f'{{"path":"{path}","size":{size},"sha256":"{_A}"{more}}}\n'


_SECOND = f',"blake3":"{_B}"'

GOOD: list[tuple[str, bytes]] = [
    ("one file", _line("a").encode()),
    ("three files", (_line("a", "0") + _line("b/c", "2") + _line("é", "30")).encode()),
    ("both digests", (_line("a", more=_SECOND) + _line("b", more=_SECOND)).encode()),
    ("a quotation mark", _line('say \\"hi\\".txt').encode()),
    ("the largest size", _line("a", str(2**63 - 1)).encode()),
    ("a hyphen before a slash", (_line("a-b") + _line("a/b") + _line("a0b")).encode()),
    ("bytes decide and not UTF-16", (_line("\uffee") + _line("\U0001f600")).encode()),
    ("seven files", "".join(_line(f"{n}", str(n)) for n in range(7)).encode()),
]

BAD: list[tuple[str, bytes]] = [
    ("out of order", (_line("b") + _line("a")).encode()),
    ("the same path twice", (_line("a") + _line("a")).encode()),
    ("a parent", _line("../a").encode()),
    ("an absolute path", _line("/a").encode()),
    ("an empty path", _line("").encode()),
    ("a slash at the end", _line("a/").encode()),
    ("a key twice", f'{{"path":"a","path":"b","size":1,"sha256":"{_A}"}}\n'.encode()),
    ("another order of keys", f'{{"size":1,"path":"a","sha256":"{_A}"}}\n'.encode()),
    ("a space", _line("a").replace(":1", ": 1").encode()),
    ("another field", _line("a", more=',"mode":1').encode()),
    ("another escape", _line("\\u0061").encode()),
    ("a size with a leading zero", _line("a", "01").encode()),
    ("a size beyond 63 bits", _line("a", str(2**63)).encode()),
    ("a digest in capitals", _line("a").replace(_A, "A" * 64).encode()),
    ("a byte order mark", b"\xef\xbb\xbf" + _line("a").encode()),
    ("CR LF", _line("a").replace("\n", "\r\n").encode()),
    ("no line feed at the end", _line("a").encode().removesuffix(b"\n")),
    ("an empty line", _line("a").encode() + b"\n"),
    ("not UTF-8", _line("a").encode().replace(b'"a"', b'"\xff"')),
    ("different digests in two lines", (_line("a") + _line("b", more=_SECOND)).encode()),
    ("letter case", (_line("A") + _line("a")).encode()),
    ("letter case of directories", (_line("A/x") + _line("a/y")).encode()),
    ("Unicode form", (_line("e\u0301") + _line("é")).encode()),
]
