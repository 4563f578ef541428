"""The parts of the specification's pages that are generated: examples and tables."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping

from manifest.document.components import KINDS
from manifest.lint.content import TESTS

_EXAMPLE = re.compile(r"(<!-- example: (\w+) (\S+) -->\n```(\w+)\n).*?(```\n)", re.DOTALL)
_TABLE = re.compile(r"(<!-- (kinds|tests) -->\n\|[^\n]*\n\|[^\n]*\n)(?:\|[^\n]*\n)*")


def page(text: str, generated: Mapping[str, bytes]) -> str:
    """A page with its examples and tables as the vectors and the code have them."""

    def example(match: re.Match[str]) -> str:
        data = generated[match[3].removeprefix("vectors/")]
        if match[2] == "statement":
            envelope = json.loads(data)["dsseEnvelope"]
            statement = json.loads(base64.b64decode(envelope["payload"]))
            data = json.dumps(statement, indent=2).encode() + b"\n"
        return match[1] + data.decode() + match[5]

    def table(match: re.Match[str]) -> str:
        return match[1] + "".join({"kinds": kind_rows, "tests": test_rows}[match[2]]())

    return _TABLE.sub(table, _EXAMPLE.sub(example, text))


def kind_rows() -> Iterator[str]:
    """The kinds of component, in the order of reports."""
    for kind in KINDS.values():
        optional = "" if kind.required or not kind.mof_class else ", optional"
        class_ = f"{kind.mof_class or ''}{optional}"
        yield f"| `{kind.id}` | {kind.title} | {kind.content_type} | {class_} |\n"


def test_rows() -> Iterator[str]:
    """What is evidence of each kind of component."""
    weights = "weights of a known format whose headers are sound, every part of an index among them"
    own = {
        "model-parameters-final": weights,
        "model-parameters-intermediate": f"{weights}, of at least two steps",
    }
    for kind in KINDS:
        yield f"| `{kind}` | {own.get(kind) or TESTS[kind][1]} |\n"
