"""What is fuzzed: every parser of bytes that a stranger may have written, with samples of each.

A target takes bytes and calls one parser as the toolkit does. `covers` names the public functions
that it reaches; a test compares them with those that the package has.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from manifest.errors import ManifestError
from manifest.sources.memory import MemorySource

__all__ = [
    "DATA", "DEMO", "JSON", "TARGETS", "VECTORS", "YAML", "Target", "as_json", "every", "files",
    "given", "in_file", "of_source", "target",
]  # fmt: skip

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
DEMO = ROOT / "manifest" / "demo" / "release"
VECTORS = ROOT / "spec" / "vectors"

JSON = ("{", "}", "[", "]", ":", ",", '"', "null", "true", "1e5", "\\u0000", "NaN")
YAML = (
    "- ", ": ", "|\n", ">\n", "&a ", "*a", "!!str ", "? ", "---\n", "...\n", "{", "[", "#", "'", '"',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Target:
    """A parser, samples of what it reads, words of its format, and the functions it reaches."""

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    covers: tuple[str, ...]
    tokens: tuple[bytes, ...] = ()


TARGETS: dict[str, Target] = {}


def target(
    name: str,
    *covers: str,
    seeds: Callable[[], Sequence[bytes]],
    tokens: Iterable[str] = (),
) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    """Register a function of bytes."""

    def register(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
        assert name not in TARGETS
        words = tuple(word.encode() for word in tokens)
        TARGETS[name] = Target(name, run, seeds, covers, words)
        return run

    return register


def of_source(
    name: str,
    path: str,
    *covers: str,
    seeds: Callable[[], Sequence[bytes]],
    tokens: Iterable[str] = (),
    reader: Callable[[MemorySource, str], object],
) -> None:
    """Register a reader of one file of a release."""
    target(name, *covers, seeds=seeds, tokens=tokens)(
        lambda data: reader(MemorySource({path: data}), path)
    )


def every(data: bytes, *parsers: Callable[[bytes], object]) -> None:
    """Hand the bytes to several parsers; that one refuses them says nothing of the next."""
    for parse in parsers:
        try:
            parse(data)
        except ManifestError:
            continue


def files(*patterns: str, root: Path = DATA, at_most: int = 60_000) -> Callable[[], list[bytes]]:
    """Files of the tests' data, each cut to what a case may have."""

    def read() -> list[bytes]:
        found = sorted(p for pattern in patterns for p in root.glob(pattern) if p.is_file())
        assert found, patterns
        return [path.read_bytes()[:at_most] for path in found]

    return read


def given(*samples: str | bytes) -> Callable[[], list[bytes]]:
    """Samples that stand where they are used."""
    return lambda: [s.encode() if isinstance(s, str) else s for s in samples]


def as_json(*values: Any) -> Callable[[], list[bytes]]:
    """Samples of JSON."""
    return lambda: [json.dumps(value).encode() for value in values]


def in_file(data: bytes, read: Callable[[Path], object], name: str = "it") -> object:
    """What a reader of files says of the bytes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_bytes(data)
        return read(path)


def _register() -> None:
    """Import the modules whose functions are targets."""
    from importlib import import_module

    for name in ("documents", "signatures", "readers", "network"):
        import_module(f"target_{name}")


_register()
