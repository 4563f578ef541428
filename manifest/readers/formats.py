"""Which format a file of weights is in, by its first bytes and its name.

Nothing is unpickled or unpacked: of an archive only the names at its two ends are looked at. The
signatures are those of the formats' own specifications.
"""

from __future__ import annotations

import dataclasses
import enum
import re

from manifest.readers._bounded import file_size
from manifest.sources import Source

__all__ = [
    "HEAD_BYTES",
    "FormatMatch",
    "WeightFormat",
    "detect_format",
    "format_of",
    "has_weight_name",
]

HEAD_BYTES = 4096
_TAIL_BYTES = 65_536


class WeightFormat(enum.StrEnum):
    """A format in which weights are published."""

    SAFETENSORS = "safetensors"
    GGUF = "GGUF"
    GGML = "GGML"
    ONNX = "ONNX"
    PYTORCH = "PyTorch"
    TORCHSCRIPT = "TorchScript"
    SAVED_MODEL = "TensorFlow SavedModel"
    TF_CHECKPOINT = "TensorFlow checkpoint"
    TF_GRAPH = "TensorFlow graph"
    TFLITE = "TFLite"
    HDF5 = "HDF5"
    KERAS = "Keras archive"
    COREML = "Core ML"
    FLAX = "Flax msgpack"
    OPENVINO = "OpenVINO"
    NUMPY = "NumPy"
    PICKLE = "pickle"
    ARCHIVE = "archive of weights"
    LFS_POINTER = "large-file pointer"

    @property
    def runs_code(self) -> bool:
        """Whether the usual way of loading it can run code that the file brings along."""
        return self in {self.PYTORCH, self.TORCHSCRIPT, self.PICKLE, self.KERAS}


@dataclasses.dataclass(frozen=True, slots=True)
class FormatMatch:
    """A format and what showed it: ``content`` for the bytes, ``name`` for the name alone."""

    format: WeightFormat
    shown_by: str


_SUFFIXES: dict[str, WeightFormat] = {
    ".safetensors": WeightFormat.SAFETENSORS,
    ".gguf": WeightFormat.GGUF,
    ".ggml": WeightFormat.GGML,
    ".onnx": WeightFormat.ONNX,
    ".onnx_data": WeightFormat.ONNX,
    ".onnx.data": WeightFormat.ONNX,
    ".ort": WeightFormat.ONNX,
    ".pt": WeightFormat.PYTORCH,
    ".pth": WeightFormat.PYTORCH,
    ".ckpt": WeightFormat.PYTORCH,
    ".torchscript": WeightFormat.TORCHSCRIPT,
    ".jit": WeightFormat.TORCHSCRIPT,
    ".ptl": WeightFormat.TORCHSCRIPT,
    ".tflite": WeightFormat.TFLITE,
    ".h5": WeightFormat.HDF5,
    ".hdf5": WeightFormat.HDF5,
    ".keras": WeightFormat.KERAS,
    ".mlmodel": WeightFormat.COREML,
    ".msgpack": WeightFormat.FLAX,
}
"""Suffixes that name a format of weights and, nearly always, nothing else."""

_CHECKPOINT_PART = re.compile(r".+\.(index|meta|data-[0-9]{5}-of-[0-9]{5})$")
_MODEL_BIN = re.compile(
    r"(pytorch_model|adapter_model|model|ggml-model|openvino_[a-z_]*model|flax_model|tf_model"
    r"|diffusion_pytorch_model)([-.][^/]*)?\.bin$"
)
_PICKLE_WORDS = re.compile(r"(^|[^a-z])(model|weights?|classifier|estimator)([^a-z]|$)")
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_NUMPY = b"\x93NUMPY"
_GGML = (b"lmgg", b"tjgg", b"fmgg", b"algg")
_HELD = re.compile(
    rb"[^/\x00-\x1f]\.(safetensors|onnx|gguf|tflite|pth|pt|h5)(?=PK\x01\x02|PK\x05\x06|UT|[\x00-\x1f])"
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")


def has_weight_name(path: str) -> WeightFormat | None:
    """The format that a file's name alone announces; None where the name does not say."""
    name = path.rpartition("/")[2].lower()
    for suffix, found in _SUFFIXES.items():
        if name.endswith(suffix) and len(name) > len(suffix):
            return found
    if _MODEL_BIN.match(name):
        return WeightFormat.OPENVINO if name.startswith("openvino") else WeightFormat.PYTORCH
    if _CHECKPOINT_PART.fullmatch(name) and "ckpt" in name:
        return WeightFormat.TF_CHECKPOINT
    return None


def detect_format(path: str, head: bytes, tail: bytes = b"") -> FormatMatch | None:
    """The format of a file of weights.

    Args:
        path: Its path.
        head: Its first bytes, up to `HEAD_BYTES`.
        tail: Its last bytes where ``head`` is an archive; empty where it was not read.

    Returns:
        What it is; None where neither bytes nor name say. Bytes that contradict the name win,
        and bytes that say nothing leave the name.
    """
    if head.startswith(_POINTER):
        return FormatMatch(WeightFormat.LFS_POINTER, "content")
    by_content = _by_content(path, head, tail)
    if by_content is not None:
        return FormatMatch(by_content, "content")
    by_name = has_weight_name(path)
    return None if by_name is None else FormatMatch(by_name, "name")


def format_of(source: Source, path: str) -> FormatMatch | None:
    """`detect_format` for a file of a release, of which at most some 70 kB are read.

    Raises:
        UndecidedError: It cannot be read.
    """
    head = source.read(path, length=HEAD_BYTES)
    tail = b""
    if head.startswith(_ZIP):
        size = file_size(source, path)
        tail = source.read(path, start=max(size - _TAIL_BYTES, 0), length=_TAIL_BYTES)
    return detect_format(path, head, tail)


def _by_content(path: str, head: bytes, tail: bytes) -> WeightFormat | None:
    lower = path.lower()
    if head.startswith(b"GGUF"):
        return WeightFormat.GGUF
    if head[:4] in _GGML:
        return WeightFormat.GGML
    if head[4:8] == b"TFL3":
        return WeightFormat.TFLITE
    if head.startswith(_HDF5):
        return WeightFormat.HDF5
    if _is_safetensors(head):
        return WeightFormat.SAFETENSORS
    if head.startswith(_ZIP):
        return _archive(lower, head, tail)
    if head.startswith(_NUMPY):
        return WeightFormat.NUMPY if _PICKLE_WORDS.search(lower) else None
    if _PICKLE.match(head):
        if has_weight_name(path) is WeightFormat.PYTORCH:
            return WeightFormat.PYTORCH
        named = lower.endswith((".pkl", ".pickle", ".joblib", ".bin")) and _PICKLE_WORDS.search(
            lower
        )
        return WeightFormat.PICKLE if named else None
    if lower.endswith((".onnx", ".mlmodel", ".pb")):
        return _protobuf(lower, head)
    return None


def _is_safetensors(head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little") if len(head) > 8 else 0
    return 2 <= length <= 100_000_000 and head[8:10] in {b'{"', b"{}", b"{ "}


def _archive(lower: str, head: bytes, tail: bytes) -> WeightFormat | None:
    """What a zip archive is, from the names of its first entry and of its directory."""
    if lower.endswith(".keras") or b"model.weights.h5" in tail:
        return WeightFormat.KERAS
    if lower.endswith(".npz"):
        return WeightFormat.NUMPY if _PICKLE_WORDS.search(lower) else None
    if b"/constants.pkl" in tail and b"/code/" in tail:
        return WeightFormat.TORCHSCRIPT
    if b"/data.pkl" in tail or b"/data.pkl" in head[:512]:
        return WeightFormat.PYTORCH
    if lower.endswith(".zip") and _HELD.search(tail):
        return WeightFormat.ARCHIVE
    return None


def _protobuf(lower: str, head: bytes) -> WeightFormat | None:
    """ONNX ModelProto and Core ML Model begin with field 1, a small version number."""
    starts = len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 0x80
    if lower.endswith(".onnx"):
        return WeightFormat.ONNX if starts else None
    if lower.endswith(".mlmodel"):
        return WeightFormat.COREML if starts else None
    return WeightFormat.TF_GRAPH if head[:1] in {b"\x0a", b"\x08"} else None
