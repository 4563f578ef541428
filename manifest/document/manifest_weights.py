"""The tensors of a manifest: sets of weights, their digests, one line a tensor (spec/tensors.md).

There may be hundreds of thousands, so rows are tuples and are read by a parser of their own, as
files are; a property test holds it to the answers of the schema.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from manifest.display import printable
from manifest.document.manifest_entries import ManifestFile, is_identifier
from manifest.errors import DocumentError
from manifest.inventory import path_problem
from manifest.inventory.tensors import TensorDigest, weights_digest

__all__ = [
    "MAX_TENSORS",
    "WEIGHTS_FORMATS",
    "ManifestTensor",
    "WeightsFile",
    "WeightsSet",
    "check_weights",
    "make_set",
    "parse_weights",
    "weights_lines",
]

WEIGHTS_FORMATS = ("gguf", "safetensors")
"""Formats whose tensors a manifest may hold digests of."""
MAX_TENSORS = 300_000
"""The most tensors in one manifest, so that it stays within the bound on JSON values."""
MAX_NAME = 1024
MAX_DIMENSIONS = 64
MAX_PADDING = 65_536  # the largest alignment of GGUF that is read

_HEX64 = re.compile(r"[0-9a-f]{64}").fullmatch
_DTYPE = re.compile(r"[A-Z0-9_]{1,32}").fullmatch
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]").search
_MAX_SIZE = 2**63 - 1
_SET_FIELDS = frozenset({"format", "weights_digest", "tensor_count", "size", "files"})
_FILE_FIELDS = frozenset({"root", "path", "data_start", "header_blake3", "tensors"})
_make_tensor = tuple.__new__
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class ManifestTensor(NamedTuple):
    """One tensor. A tuple: a release may have hundreds of thousands.

    Attributes:
        name: As in the file.
        dtype: The format's own name of it, as ``BF16`` or ``Q4_K``.
        shape: As in the file; empty for a scalar.
        start: Its first byte, counted from the start of the file.
        end: The byte after its last.
        blake3: Of its bytes; lower-case hexadecimal.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int
    blake3: str


class WeightsFile(NamedTuple):
    """The tensors of one file.

    Attributes:
        path: The file, relative to its root.
        data_start: Bytes before the data: the header, with the padding after it.
        header_blake3: Of those bytes; lower-case hexadecimal.
        tensors: In the order of their bytes.
        root: The named root it lies in; empty for the release directory.
    """

    path: str
    data_start: int
    header_blake3: str
    tensors: tuple[ManifestTensor, ...]
    root: str = ""

    @property
    def full_path(self) -> str:
        """``path``, or ``root:path`` in a named root."""
        return f"{self.root}:{self.path}" if self.root else self.path

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The header's bytes, then each tensor's."""
        return ((0, self.data_start), *((t.start, t.end) for t in self.tensors))

    @property
    def digests(self) -> tuple[str, ...]:
        """BLAKE3 of each of `ranges`."""
        return (self.header_blake3, *(t.blake3 for t in self.tensors))


class WeightsSet(NamedTuple):
    """The weights of one model, in one file or in several shards.

    Attributes:
        format: ``safetensors`` or ``gguf``.
        weights_digest: Over all tensors; the same however they are split and ordered.
        tensor_count: How many tensors there are.
        size: Bytes of all tensors.
        files: Sorted as the manifest's files are.
    """

    format: str
    weights_digest: str
    tensor_count: int
    size: int
    files: tuple[WeightsFile, ...]

    @property
    def tensors(self) -> Iterator[tuple[WeightsFile, ManifestTensor]]:
        """Every tensor with its file."""
        return ((file, tensor) for file in self.files for tensor in file.tensors)


def make_set(format_name: str, files: Iterable[WeightsFile]) -> WeightsSet:
    """The set that these files are.

    Raises:
        DocumentError: Two files, both named, hold a tensor of the same name.
    """
    ordered = tuple(sorted(files, key=lambda f: (f.root, f.path)))
    return WeightsSet(
        format_name,
        _digest(format_name, ordered),
        sum(len(f.tensors) for f in ordered),
        sum(t.end - t.start for f in ordered for t in f.tensors),
        ordered,
    )


def _digest(format_name: str, files: Sequence[WeightsFile]) -> str:
    homes: dict[str, str] = {}
    for file in files:
        for tensor in file.tensors:
            other = homes.setdefault(tensor.name, file.full_path)
            if other is not file.full_path and other != file.full_path:
                raise DocumentError(
                    f"{printable(other)} and {printable(file.full_path)} are shards of one model, "
                    f"and both hold the tensor {printable(tensor.name)}",
                    remedy="a loader would take one of them: remove the wrong one, or the shard "
                    "that was left over",
                )
    return weights_digest(
        format_name,
        (TensorDigest(t.name, t.dtype, t.shape, t.blake3) for f in files for t in f.tensors),
    )


def weights_lines(sets: Sequence[WeightsSet]) -> Iterator[str]:
    """The lines of the field ``weights`` in ``manifest.json``, from its name to its bracket."""
    yield '  "weights": ['
    for more_sets, one in _with_more(sets):
        yield "    {"
        yield f'      "format": "{one.format}",'
        yield f'      "weights_digest": "{one.weights_digest}",'
        yield f'      "tensor_count": {one.tensor_count},'
        yield f'      "size": {one.size},'
        yield '      "files": ['
        for more_files, file in _with_more(one.files):
            yield "        {"
            if file.root:
                yield f'          "root": {_ENCODER.encode(file.root)},'
            yield f'          "path": {_ENCODER.encode(file.path)},'
            yield f'          "data_start": {file.data_start},'
            yield f'          "header_blake3": "{file.header_blake3}",'
            if not file.tensors:
                yield '          "tensors": []'
            else:
                yield '          "tensors": ['
                for more, tensor in _with_more(file.tensors):
                    yield f"            {_ENCODER.encode(tensor)}{more}"
                yield "          ]"
            yield f"        }}{more_files}"
        yield "      ]"
        yield f"    }}{more_sets}"
    yield "  ]"


def _with_more(items: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Each item with the comma that follows it, or with nothing."""
    last = len(items) - 1
    return (("," if index < last else "", item) for index, item in enumerate(items))


def parse_weights(plain: Any, name: str) -> tuple[WeightsSet, ...]:
    """The field ``weights``, judged as ``manifest.schema.json`` judges it.

    Args:
        plain: Its value, as strictly read JSON.
        name: What to call the manifest in messages.

    Raises:
        DocumentError: It is not what the schema says; the message names the place.
    """
    try:
        return tuple(_set(one, f"weights[{i}]") for i, one in enumerate(_list(plain, "weights")))
    except TypeError as error:
        raise DocumentError(f"{name}: {error}") from None


def _list(plain: Any, place: str, *, may_be_empty: bool = False) -> list[Any]:
    if type(plain) is not list or not (plain or may_be_empty):
        raise TypeError(f"{place}: is not a list of at least one thing")
    return plain


def _fields(plain: Any, known: frozenset[str], optional: str, place: str) -> Mapping[str, Any]:
    if type(plain) is not dict:
        raise TypeError(f"{place}: is not an object")
    if unknown := plain.keys() - known:
        raise TypeError(f"{place}: unknown field `{printable(min(unknown))}`")
    if missing := known - plain.keys() - {optional}:
        raise TypeError(f"{place}: `{min(missing)}` is missing")
    return plain


def _hex(value: Any, place: str) -> str:
    if type(value) is not str or not _HEX64(value):
        raise TypeError(f"{place}: is not 64 lower-case hexadecimal digits")
    return value


def _number(value: Any, place: str) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_SIZE:
        raise TypeError(f"{place}: is not a number from 0 to 2^63 - 1")
    return value


def _set(plain: Any, place: str) -> WeightsSet:
    fields = _fields(plain, _SET_FIELDS, "", place)
    if type(fields["format"]) is not str or fields["format"] not in WEIGHTS_FORMATS:
        raise TypeError(f"{place}.format: is not one of {', '.join(WEIGHTS_FORMATS)}")
    files = _list(fields["files"], f"{place}.files")
    return WeightsSet(
        fields["format"],
        _hex(fields["weights_digest"], f"{place}.weights_digest"),
        _number(fields["tensor_count"], f"{place}.tensor_count"),
        _number(fields["size"], f"{place}.size"),
        tuple(_file(one, f"{place}.files[{i}]") for i, one in enumerate(files)),
    )


def _file(plain: Any, place: str) -> WeightsFile:
    fields = _fields(plain, _FILE_FIELDS, "root", place)
    path, root = fields["path"], fields.get("root", "")
    if type(path) is not str or path_problem(path):
        raise TypeError(f"{place}.path: is not the path of a file")
    if type(root) is not str or ("root" in fields and not is_identifier(root)):
        raise TypeError(f"{place}.root: is not a name")
    tensors = _list(fields["tensors"], f"{place}.tensors", may_be_empty=True)
    return WeightsFile(
        path,
        _number(fields["data_start"], f"{place}.data_start"),
        _hex(fields["header_blake3"], f"{place}.header_blake3"),
        tuple(_tensor(one, place, i) for i, one in enumerate(tensors)),
        root,
    )


def _tensor(plain: Any, place: str, index: int) -> ManifestTensor:
    """One row; all is looked at in one expression, because there are so many."""
    if type(plain) is list and len(plain) == 6:
        name, dtype, shape, start, end, digest = plain
        if (
            type(name) is str
            and 0 < len(name) <= MAX_NAME
            and not _CONTROL(name)
            and type(dtype) is str
            and _DTYPE(dtype)
            and type(shape) is list
            and len(shape) <= MAX_DIMENSIONS
            and type(start) is int
            and type(end) is int
            and 0 <= start <= _MAX_SIZE
            and 0 <= end <= _MAX_SIZE
            and type(digest) is str
            and _HEX64(digest)
            and all(type(n) is int and 0 <= n <= _MAX_SIZE for n in shape)
        ):
            row = (name, dtype, tuple(shape), start, end, digest)
            return _make_tensor(ManifestTensor, row)
    raise TypeError(
        f"{place}.tensors[{index}]: is not [name, dtype, shape, start, end, blake3] of a tensor"
    )


def check_weights(sets: Sequence[WeightsSet], files: Sequence[ManifestFile], name: str) -> None:
    """Hold sets of weights against each other, against themselves and against the files.

    Raises:
        DocumentError: A file that the manifest does not list, or that two sets hold; ranges that
            leave a byte in doubt; an order, a count, a size or a digest that is not that of the
            rows; more than `MAX_TENSORS` tensors.
    """
    sizes = {(f.root, f.path): f.size for f in files} if sets else {}
    if sum(len(f.tensors) for one in sets for f in one.files) > MAX_TENSORS:
        raise DocumentError(f"{name}: weights: lists more than {MAX_TENSORS:,} tensors")
    seen: set[tuple[str, str]] = set()
    firsts = [(one.files[0].root, one.files[0].path) for one in sets]
    if any(a >= b for a, b in itertools.pairwise(firsts)):
        raise DocumentError(f"{name}: weights: a set is listed twice or out of order")
    for index, one in enumerate(sets):
        place = f"{name}: weights[{index}]"
        keys = [(f.root, f.path) for f in one.files]
        if any(a >= b for a, b in itertools.pairwise(keys)) or not seen.isdisjoint(keys):
            raise DocumentError(f"{place}: a file is listed twice or out of order")
        seen.update(keys)
        for file in one.files:
            if (file.root, file.path) not in sizes:
                shown = printable(file.full_path)
                raise DocumentError(f"{place}: {shown} is not among the files of the manifest")
            _check_ranges(file, one.format, sizes[file.root, file.path], place)
        try:
            right = make_set(one.format, one.files)
        except DocumentError as error:
            raise DocumentError(f"{place}: {error.message}") from None
        for field in ("tensor_count", "size", "weights_digest"):
            if getattr(one, field) != getattr(right, field):
                raise DocumentError(f"{place}.{field}: is not that of the tensors listed")


def _check_ranges(file: WeightsFile, format_name: str, size: int, place: str) -> None:
    """Every byte of a file belongs to its header, to one tensor, or to the padding of GGUF."""
    shown = f"{place}: {printable(file.full_path)}"
    padding = MAX_PADDING - 1 if format_name == "gguf" else 0
    before = (0, file.data_start, "")
    for tensor in file.tensors:
        key = (tensor.start, tensor.end, tensor.name)
        if tensor.end < tensor.start or not 0 <= tensor.start - before[1] <= padding:
            raise DocumentError(
                f"{shown}: the range of the tensor {printable(tensor.name)} overlaps another or "
                "leaves a hole"
            )
        if before[2] and key <= before:
            raise DocumentError(f"{shown}: {printable(tensor.name)} is out of order")
        before = key
    if not 0 <= size - before[1] <= padding:
        raise DocumentError(f"{shown}: its tensors end at {before[1]:,} and the file at {size:,}")
