"""Tests of weights: headers, indexes and completeness, never the weights themselves."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import cast

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content.packed import archived_weights
from manifest.lint.content.sampling import pointer_size, suffix, told
from manifest.readers.archives import list_archive
from manifest.readers.containers import container_problem, is_container
from manifest.readers.formats import WeightFormat, format_of, has_weight_name
from manifest.readers.gguf import read_gguf
from manifest.readers.graphs import onnx_problem, tflite_problem
from manifest.readers.msgpack_shape import msgpack_problem
from manifest.readers.safetensors import (
    SafetensorsHeader,
    read_safetensors,
    read_safetensors_index,
)
from manifest.readers.tensors import GGML_TYPES, read_tensor_layout
from manifest.sources import Source, SourceFile

__all__ = [
    "WeightsInspection",
    "inspect_weights",
    "run_and_step_of",
    "runs_code",
    "safetensors_header",
]

_BY_NAME_ALONE = frozenset(
    {WeightFormat.ONNX, WeightFormat.TF_CHECKPOINT, WeightFormat.FLAX, WeightFormat.OPENVINO}
)
"""Formats, or parts of them, whose bytes have no mark that could be looked for."""

_GRAPHS = {WeightFormat.ONNX: onnx_problem, WeightFormat.TFLITE: tflite_problem}

_PART_OF = re.compile(r"^(.*?[-_.])(\d{1,6})(-of-)(\d{1,6})((?:\.[^/]*)?)$")
_ANY_BIN = re.compile(r"(?:^|/)model\.bin$", re.IGNORECASE)
_STEP = re.compile(r"(?:step|ckpt|checkpoint|iter|epoch)[-_]?(\d+)", re.IGNORECASE)
_STORAGE = re.compile(r"(^|/)(data|storages|tensors|constants)/[^/]+$")
_TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_TENSOR_WORDS = (b"_rebuild_", b"torch", b"numpy")
_PICKLE_HEAD = 64 * 1024
_MAX_PARTS = 100_000
_MAX_HEADERS = 4_000


@dataclasses.dataclass(frozen=True, slots=True)
class WeightsInspection:
    """What became of weight files: each path with a reason, and files named but not there.

    The note says what a reader should know of those that passed.
    """

    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    note: str = ""


def safetensors_header(source: Source, path: str) -> SafetensorsHeader:
    """The header of a safetensors file, read once for all who ask.

    Raises:
        DocumentError: It is broken.
        UndecidedError: It cannot be read.
    """
    known = _headers(cast("Hashable", source))
    if path in known:
        return known[path]
    header = read_safetensors(source, path)
    if len(known) < _MAX_HEADERS:
        known[path] = header
    return header


@functools.lru_cache(maxsize=1)
def _headers(source: Hashable) -> dict[str, SafetensorsHeader]:  # noqa: ARG001 - by identity
    return {}


def run_and_step_of(path: str) -> tuple[str, str]:
    """What tells a checkpoint from those of other runs and stages, and from others of its own."""
    found = list(_STEP.finditer(path))
    if not found:
        return "", path.rpartition("/")[0]
    return path[: found[-1].start()], str(int(found[-1][1]))


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
    notes: list[str] = []
    for file in files:
        if not file.path.endswith(".index.json") and not _may_be_weights(file.path):
            continue
        sets.note_part(file.path)
        try:
            if pointer := pointer_size(source, file):
                unread.append((file.path, pointer))
            elif file.path.endswith(".index.json"):
                sets.note_index(read_safetensors_index(source, file.path).shards)
            elif suffix(file.path) == ".zip":
                problem, note = archived_weights(source, file.path)
                if problem:
                    refused.append((file.path, problem))
                elif note:
                    accepted.append(file.path)
                    notes.append(note)
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
    note = notes[0] if notes and all(suffix(path) == ".zip" for path in whole) else ""
    return WeightsInspection(whole, tuple(refused), tuple(unread), missing, note)


def _may_be_weights(path: str) -> bool:
    known = has_weight_name(path) is not None
    return (
        known
        or suffix(path) in {".bin", ".pb", ".npz", ".npy", ".pkl", ".pickle", ".joblib", ".zip"}
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
        header = safetensors_header(source, file.path)
        if not header.complete:
            return "is cut off: it is shorter than its header says"
        return "" if header.element_count else "holds no tensor"
    match = format_of(source, file.path)
    if match is None:
        return None
    if match.format is WeightFormat.GGUF:
        found = read_gguf(source, file.path)
        if not found.tensor_count:
            return "holds no tensor"
        if all(kind in GGML_TYPES for _, _, kind, _ in found.tensors):
            read_tensor_layout(source, file.path)
        return ""
    if match.format is WeightFormat.FLAX:
        return msgpack_problem(source, file.path)
    if match.shown_by == "content":
        return _deeper(source, file, match.format)
    if match.format in _BY_NAME_ALONE and suffix(file.path) != ".onnx":
        return _beside(source, file, match.format)
    if match.format is WeightFormat.PYTORCH and _ANY_BIN.search(file.path):
        return None  # a name that every program gives to a format of its own
    return f"has the name of a file in the format {match.format}, and not its content"


def _deeper(source: Source, file: SourceFile, found: WeightFormat) -> str:
    """Why a file that begins as its format does is still none; empty when it is.

    Raises:
        DocumentError: It is broken.
        UndecidedError: It cannot be read.
    """
    if found in _GRAPHS:
        return _GRAPHS[found](source, file.path)
    start = source.read(file.path, length=_PICKLE_HEAD)
    if found in {WeightFormat.PYTORCH, WeightFormat.TORCHSCRIPT} and start.startswith(b"PK"):
        members = list_archive(source, file.path)
        if not any(m.name.endswith("/data.pkl") or m.name == "data.pkl" for m in members):
            return "is an archive without the pickle that names its tensors"
        held = any(m.size for m in members if _STORAGE.search(m.name))
        return "" if held else "is an archive without the numbers of a tensor"
    if found is WeightFormat.PYTORCH:
        # A pickle of tensors imports what makes tensors; one that does not holds none.
        named = start.startswith(_TORCH_MAGIC) or any(word in start for word in _TENSOR_WORDS)
        return "" if named else "is a pickle without a tensor"
    if is_container(file.path):
        return container_problem(source, file.path)
    return ""


@functools.lru_cache(maxsize=1)
def _neighbours(source: Hashable) -> Mapping[str, list[str]]:
    """The names of the files in each directory."""
    found: dict[str, list[str]] = {}
    for file in cast("Source", source).files:
        directory, _, name = file.path.rpartition("/")
        if file.size:
            found.setdefault(directory, []).append(name)
    return found


def _beside(source: Source, file: SourceFile, found: WeightFormat) -> str:
    """Why a part of weights without a mark of its own is none: what names it is not beside it."""
    directory, _, name = file.path.rpartition("/")
    stem = name.partition(".")[0] if found is not WeightFormat.TF_CHECKPOINT else ""
    wanted = {
        WeightFormat.ONNX: ("a graph (.onnx)", ".onnx"),
        WeightFormat.OPENVINO: ("its graph (.xml)", f"{stem}.xml"),
        WeightFormat.TF_CHECKPOINT: ("its index (.index)", ".index"),
    }[found]
    there = any(n.endswith(wanted[1]) for n in _neighbours(cast("Hashable", source))[directory])
    return "" if there else f"is weights by its name alone, and {wanted[0]} is not beside it"


def _format(source: Source, path: str) -> WeightFormat | None:
    if suffix(path) == ".safetensors":
        return WeightFormat.SAFETENSORS  # it passed its own test, and there may be hundreds
    match = format_of(source, path)
    return None if match is None else match.format


def runs_code(source: Source, path: str) -> str:
    """What a file is, where the usual way of loading it can run code; empty where it cannot.

    Raises:
        UndecidedError: It cannot be read.
    """
    found = _format(source, path)
    return str(found) if found is not None and found.runs_code else ""
