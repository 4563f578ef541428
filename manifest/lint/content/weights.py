"""Tests of weights: headers, indexes and completeness, never the weights themselves."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content.sampling import pointer_size, suffix, told
from manifest.readers.formats import WeightFormat, format_of, has_weight_name
from manifest.readers.gguf import read_gguf
from manifest.readers.safetensors import read_safetensors, read_safetensors_index
from manifest.sources import Source, SourceFile

__all__ = [
    "WeightsInspection",
    "carries_graph",
    "inspect_weights",
    "runs_code",
    "step_of",
]

_GRAPHS = frozenset(
    {
        WeightFormat.GGUF,
        WeightFormat.ONNX,
        WeightFormat.TORCHSCRIPT,
        WeightFormat.SAVED_MODEL,
        WeightFormat.TF_GRAPH,
        WeightFormat.TFLITE,
        WeightFormat.KERAS,
        WeightFormat.COREML,
    }
)
"""Formats that say by themselves how to compute with the weights."""

_BY_NAME_ALONE = frozenset(
    {WeightFormat.ONNX, WeightFormat.TF_CHECKPOINT, WeightFormat.FLAX, WeightFormat.OPENVINO}
)
"""Formats, or parts of them, whose bytes have no mark that could be looked for."""

_PART_OF = re.compile(r"^(.*?[-_.])(\d{1,6})(-of-)(\d{1,6})((?:\.[^/]*)?)$")
_ANY_BIN = re.compile(r"(?:^|/)model\.bin$", re.IGNORECASE)
_STEP = re.compile(r"(?:step|ckpt|checkpoint|iter|epoch)[-_]?(\d+)", re.IGNORECASE)
_MAX_PARTS = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class WeightsInspection:
    """What became of weight files: each path with a reason, and files named but not there."""

    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


def step_of(path: str) -> str:
    """What tells a checkpoint from another: the step in its path, else its directory."""
    found = _STEP.findall(path)
    return str(int(found[-1])) if found else path.rpartition("/")[0]


def inspect_weights(
    source: Source, files: Sequence[SourceFile], *, by_directory: bool = False
) -> WeightsInspection:
    """Read every header and index, and say whether each format's set of files is whole.

    A release may hold the same weights in several formats: it is enough that one set is whole.
    What is missing or broken in another is told all the same.

    Args:
        source: The release.
        files: The component's files.
        by_directory: Whether each directory holds a set of its own, as checkpoints do; else all
            files of one suffix form a set.
    """
    sets = _Sets(frozenset(f.path for f in source.files))
    accepted: list[str] = []
    refused: list[tuple[str, str]] = []
    unread: list[tuple[str, str]] = []
    for file in files:
        if not file.path.endswith(".index.json") and not _may_be_weights(file.path):
            continue
        sets.note_part(file.path)
        try:
            if pointer := pointer_size(source, file):
                unread.append((file.path, pointer))
            elif file.path.endswith(".index.json"):
                sets.note_index(read_safetensors_index(source, file.path).shards)
            elif (reason := _test(source, file)) is None:
                pass  # part of another format, or no weights at all: nothing that can be said
            elif reason:
                refused.append((file.path, reason))
            else:
                accepted.append(file.path)
        except DocumentError as error:
            refused.append((file.path, told(file.path, error)))
        except UndecidedError as error:
            unread.append((file.path, told(file.path, error)))
    missing = sets.missing()

    def family(path: str) -> str:
        return f"{path.rpartition('/')[0] if by_directory else ''}/*{suffix(path)}"

    broken = {family(path) for path in (*missing, *(path for path, _ in refused))}
    whole = tuple(path for path in accepted if family(path) not in broken)
    return WeightsInspection(whole, tuple(refused), tuple(unread), missing)


def _may_be_weights(path: str) -> bool:
    known = has_weight_name(path) is not None
    return (
        known
        or suffix(path) in {".bin", ".pb", ".npz", ".npy", ".pkl", ".pickle", ".joblib"}
        or (".data-" in path)
    )


class _Sets:
    """Which files a release's shards and indexes say there must be."""

    def __init__(self, there: frozenset[str]) -> None:
        self._there = there
        self._named: set[str] = set()
        self._parts: dict[tuple[str, str, str, int], set[int]] = {}

    def note_index(self, shards: Sequence[str]) -> None:
        self._named.update(shards)

    def note_part(self, path: str) -> None:
        """Take a name such as ``model-00001-of-00003.safetensors`` at its word."""
        found = _PART_OF.match(path)
        if found and int(found[4]) <= _MAX_PARTS:
            key = (found[1], found[4], found[5], len(found[2]))
            self._parts.setdefault(key, set()).add(int(found[2]))

    def missing(self) -> tuple[str, ...]:
        named = set(self._named)
        for (stem, count, rest, width), found in self._parts.items():
            first = 0 if 0 in found else 1
            absent = (i for i in range(first, first + int(count)) if i not in found)
            # Each set that is not whole has one at least; a hundred such names cost no gigabyte.
            few = itertools.islice(absent, max(_MAX_PARTS - len(named), 1))
            named.update(f"{stem}{i:0{width}}-of-{count}{rest}" for i in few)
        return tuple(sorted(named - self._there))


def _test(source: Source, file: SourceFile) -> str | None:
    """Why one file is not weights; empty when it is, None when its format is not known.

    Raises:
        DocumentError: Its header is broken.
        UndecidedError: It cannot be read.
    """
    if not file.size:
        return "is empty"
    if suffix(file.path) == ".safetensors":
        header = read_safetensors(source, file.path)
        if not header.complete:
            return "is cut off: it is shorter than its header says"
        return "" if header.element_count else "holds no tensor"
    match = format_of(source, file.path)
    if match is None:
        return None
    if match.format is WeightFormat.GGUF:
        return "" if read_gguf(source, file.path).tensor_count else "holds no tensor"
    if match.shown_by == "content":
        return ""
    if match.format in _BY_NAME_ALONE and suffix(file.path) != ".onnx":
        return ""
    if match.format is WeightFormat.PYTORCH and _ANY_BIN.search(file.path):
        return None  # a name that every program gives to a format of its own
    return f"has the name of a file in the format {match.format}, and not its content"


def _format(source: Source, path: str) -> WeightFormat | None:
    if suffix(path) == ".safetensors":
        return WeightFormat.SAFETENSORS  # it passed its own test, and there may be hundreds
    match = format_of(source, path)
    return None if match is None else match.format


def carries_graph(source: Source, path: str) -> bool:
    """Whether a file of weights says by itself how to compute with them.

    Raises:
        UndecidedError: It cannot be read.
    """
    return path.endswith("saved_model.pb") or _format(source, path) in _GRAPHS


def runs_code(source: Source, path: str) -> str:
    """What a file is, where the usual way of loading it can run code; empty where it cannot.

    Raises:
        UndecidedError: It cannot be read.
    """
    found = _format(source, path)
    return str(found) if found is not None and found.runs_code else ""
