"""Tests of weights: headers, indexes and completeness, never the weights themselves."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content.sampling import head, pointer_size, suffix
from manifest.readers.gguf import read_gguf
from manifest.readers.safetensors import read_safetensors, read_safetensors_index
from manifest.sources import Source, SourceFile

__all__ = [
    "PICKLE_SUFFIXES",
    "WeightsInspection",
    "carries_graph",
    "inspect_weights",
    "is_weights",
    "step_of",
]

PICKLE_SUFFIXES = frozenset({".bin", ".ckpt", ".pkl", ".pt", ".pth", ".joblib"})
"""Formats that are, or may be, Python pickles: loading one can run code."""

_PICKLE = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x8a\x0a")
_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".h5": (b"\x89HDF\r\n\x1a\n",),
    ".hdf5": (b"\x89HDF\r\n\x1a\n",),
    ".keras": (b"PK\x03\x04",),
    ".npz": (b"PK\x03\x04",),
    ".npy": (b"\x93NUMPY",),
    ".nemo": (b"\x1f\x8b", b"./", b"model"),
    **dict.fromkeys(PICKLE_SUFFIXES, _PICKLE),
}
# Protocol buffers begin with the tag of their first field; ONNX's is ir_version.
_PROTOBUF = {".onnx": b"\x08", ".pb": b"\x08\n\x12", ".mlmodel": b"\x08"}
_OTHER = frozenset({".safetensors", ".gguf", ".tflite", ".msgpack", ".index", ".ggml"})
_PART_OF = re.compile(r"^(.*?)[-_.](\d{1,6})-of-(\d{1,6})(\.[^/]*)$")
_TF_DATA = re.compile(r"variables\.data-(\d{5})-of-(\d{5})$")
_STEP = re.compile(r"(?:step|ckpt|checkpoint|iter|epoch)[-_]?(\d+)", re.IGNORECASE)
_TAIL = 256 * 1024
_MAX_PARTS = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class WeightsInspection:
    """What became of weight files: each path with a reason, and files named but not there."""

    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


def is_weights(path: str) -> bool:
    """Whether the name is that of a file of weights."""
    kind = suffix(path)
    return kind in _MAGIC or kind in _PROTOBUF or kind in _OTHER or bool(_TF_DATA.search(path))


def step_of(path: str) -> str:
    """What tells a checkpoint from another: the step in its path, else its directory."""
    found = _STEP.findall(path)
    return str(int(found[-1])) if found else path.rpartition("/")[0]


def inspect_weights(source: Source, files: Sequence[SourceFile]) -> WeightsInspection:
    """Read every header and index, and say whether each format's set of files is whole.

    A release may hold the same weights in several formats: it is enough that one is whole, and
    only then are files of the others that are missing or broken left to the rules.
    """
    accepted: list[str] = []
    refused: list[tuple[str, str]] = []
    unread: list[tuple[str, str]] = []
    missing: dict[str, list[str]] = {}
    there = {f.path for f in source.files}
    parts: dict[tuple[str, str, int], set[int]] = {}
    for file in files:
        is_index = file.path.endswith(".index.json")
        if not is_index and not is_weights(file.path):
            continue
        try:
            if reason := pointer_size(source, file):
                unread.append((file.path, reason))
            elif is_index:
                index = read_safetensors_index(source, file.path)
                gone = [path for path in index.shards if path not in there]
                missing.setdefault(suffix(index.shards[0]) if index.shards else "", []).extend(gone)
            elif reason := _test(source, file):
                refused.append((file.path, reason))
            else:
                accepted.append(file.path)
        except DocumentError as error:
            refused.append((file.path, f"is broken: {error.message}"))
        except UndecidedError as error:
            unread.append((file.path, f"cannot be read: {error.message}"))
        if (part := _PART_OF.match(file.path)) and int(part[3]) <= _MAX_PARTS:
            parts.setdefault((part[1], part[4], int(part[3])), set()).add(int(part[2]))
    for (stem, kind, count), found in parts.items():
        first = 0 if 0 in found else 1
        absent = [i for i in range(first, first + count) if i not in found]
        names = [f"{stem}-{i:05}-of-{count:05}{kind}" for i in absent]
        missing.setdefault(suffix(kind), []).extend(names)
    incomplete = {kind for kind, gone in missing.items() if gone}
    incomplete |= {suffix(path) for path, _ in refused}
    whole = [path for path in accepted if suffix(path) not in incomplete]
    gone_all = sorted({path for gone in missing.values() for path in gone})
    return WeightsInspection(tuple(whole), tuple(refused), tuple(unread), tuple(gone_all))


def _test(source: Source, file: SourceFile) -> str:
    """Why one file is not weights; empty when it is.

    Raises:
        DocumentError: Its header is broken.
        UndecidedError: It cannot be read.
    """
    kind = suffix(file.path)
    if not file.size:
        return "is empty"
    if kind == ".safetensors":
        header = read_safetensors(source, file.path)
        if not header.complete:
            return "is cut off: it is shorter than its header says"
        return "" if header.element_count else "holds no tensor"
    if kind == ".gguf":
        return "" if read_gguf(source, file.path).tensor_count else "holds no tensor"
    start = head(source, file, 16)
    if kind == ".tflite":
        return "" if start[4:8] == b"TFL3" else "is not a TFLite model"
    if kind in _PROTOBUF:
        return "" if start[:1] in _split(_PROTOBUF[kind]) else f"is not a {kind} model"
    if kind in _MAGIC:
        return "" if start.startswith(_MAGIC[kind]) else f"is not a {kind} file of weights"
    return "" if start.strip(b"\0") else "holds nothing but zeros"


def _split(tags: bytes) -> tuple[bytes, ...]:
    return tuple(bytes([tag]) for tag in tags)


def carries_graph(source: Source, path: str) -> bool:
    """Whether a file of weights says by itself how to compute with them.

    Raises:
        UndecidedError: It cannot be read.
    """
    kind = suffix(path)
    if kind in (".onnx", ".tflite", ".gguf", ".mlmodel", ".keras") or path.endswith(
        "saved_model.pb"
    ):
        return True
    if kind in (".pt", ".pth", ".jit", ".ts"):
        # TorchScript is a zip archive with code/ in it; its names stand at the archive's end.
        size = next((f.size for f in source.files if f.path == path), 0)
        start = max(size - _TAIL, 0)
        return b"/code/" in source.read(path, start=start, length=size - start)
    return False
