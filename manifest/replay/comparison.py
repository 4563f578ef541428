"""What came out of a replay against the published checkpoint (spec/replay.md, "Comparison")."""

from __future__ import annotations

import dataclasses
import enum
import math
import sys
from collections.abc import Callable, Mapping
from typing import TypeAlias

from manifest.document.manifest_file import ManifestFile
from manifest.document.replay import Tolerance
from manifest.errors import DocumentError
from manifest.readers.safetensors import SafetensorsHeader, TensorInfo, read_safetensors
from manifest.records import record
from manifest.replay.numbers import MEASURED, Differences
from manifest.sources import Source

__all__ = [
    "Comparison",
    "FileComparison",
    "FileResult",
    "Result",
    "TensorComparison",
    "above",
    "compare_files",
]

_BLOCK = 1024 * 1024  # a multiple of every element's size


class Result(enum.StrEnum):
    """How what was repeated relates to what was published, from the strongest."""

    BIT_FOR_BIT = "bit-for-bit"
    WITHIN_TOLERANCE = "within-tolerance"
    DIFFERS = "differs"


class FileResult(enum.StrEnum):
    """The same for one file."""

    IDENTICAL = "identical"
    """The same bytes."""
    SAME_TENSORS = "same-tensors"
    """Safetensors with the same tensors, bit for bit, and another header."""
    WITHIN_TOLERANCE = "within-tolerance"
    DIFFERS = "differs"
    MISSING = "missing"


@record(frozen=True, slots=True)
class TensorComparison:
    """One tensor that is not equal bit for bit.

    Attributes:
        name: As in the file.
        dtype: As published.
        elements, unequal, beyond, not_finite, largest: As in `Differences`.
        rms: The root of the mean square of the differences, over all elements.
        detail: Why it cannot be compared, as another shape; empty when it was.
    """

    name: str
    dtype: str
    elements: int = 0
    unequal: int = 0
    beyond: int = 0
    not_finite: int = 0
    largest: float = 0.0
    rms: float = 0.0
    detail: str = ""

    @property
    def within(self) -> bool:
        """Whether every element lies within the tolerance."""
        return not self.detail and not self.beyond


@record(frozen=True, slots=True)
class FileComparison:
    """One file of the published checkpoint and what came out in its place.

    Attributes:
        path: Its path in the checkpoint.
        result: How they relate.
        expected_sha256, found_sha256: In hex; none was found where the file is missing.
        tensors: The tensors that are not equal bit for bit.
        tensor_count: How many tensors were compared.
        detail: What else is to be said.
    """

    path: str
    result: FileResult
    expected_sha256: str
    found_sha256: str = ""
    tensors: tuple[TensorComparison, ...] = ()
    tensor_count: int = 0
    detail: str = ""


@record(frozen=True, slots=True)
class Comparison:
    """All files of a checkpoint.

    Attributes:
        files: One for each file that was compared, sorted by path.
        exponents: How many differences there are by power of two, over all tensors.
        added: Files that came out beside them.
    """

    files: tuple[FileComparison, ...]
    exponents: Mapping[int, int] = dataclasses.field(default_factory=dict)
    added: tuple[str, ...] = ()

    @property
    def result(self) -> Result:
        """The weakest of the files' results."""
        found = {f.result for f in self.files}
        if found & {FileResult.DIFFERS, FileResult.MISSING} or not found:
            return Result.DIFFERS
        if FileResult.WITHIN_TOLERANCE in found:
            return Result.WITHIN_TOLERANCE
        return Result.BIT_FOR_BIT

    @property
    def largest(self) -> float:
        """The largest finite difference of any element."""
        return max((t.largest for f in self.files for t in f.tensors), default=0.0)


Digests: TypeAlias = Mapping[str, str]
"""SHA-256 in hex by path."""


def compare_files(
    repeated: Source,
    digests: Digests,
    expected: Mapping[str, ManifestFile],
    published: Callable[[ManifestFile], tuple[Source, str]],
    tolerances: Mapping[str, Tolerance],
) -> Comparison:
    """Compare what came out with what was published.

    Args:
        repeated: What came out.
        digests: SHA-256 of its files.
        expected: The files of the published checkpoint, by their paths in it.
        published: Gives the verified bytes of one of them, where bytes are needed: a source, and
            the path in it.
        tolerances: By dtype; empty when every bit must be equal.

    Raises:
        UndecidedError: Something cannot be read, or changed meanwhile.
        BytesDifferError: A published file is not what the manifest lists.
        DocumentError: A published file of tensors cannot be read as one.
    """
    files: list[FileComparison] = []
    exponents: dict[int, int] = {}
    for path, file in sorted(expected.items()):
        found = digests.get(path, "")
        if not found:
            files.append(FileComparison(path, FileResult.MISSING, file.sha256))
        elif found == file.sha256:
            files.append(FileComparison(path, FileResult.IDENTICAL, file.sha256, found))
        elif not path.endswith(".safetensors"):
            files.append(FileComparison(path, FileResult.DIFFERS, file.sha256, found))
        else:
            one = compare_tensors(repeated, path, *published(file), tolerances, exponents)
            files.append(dataclasses.replace(one, expected_sha256=file.sha256, found_sha256=found))
    added = tuple(path for path in sorted(digests) if path not in expected)
    return Comparison(tuple(files), dict(sorted(exponents.items())), added)


def above(exponent: int) -> float:
    """What differences of an exponent lie below: a power of two, or the largest number there is."""
    return math.ldexp(1.0, exponent) if exponent < sys.float_info.max_exp else sys.float_info.max


def compare_tensors(
    repeated: Source,
    path: str,
    published: Source,
    published_path: str,
    tolerances: Mapping[str, Tolerance],
    exponents: dict[int, int],
) -> FileComparison:
    """Two files of tensors; what they differ by is counted into ``exponents`` too."""
    theirs = read_safetensors(published, published_path)
    try:
        ours = read_safetensors(repeated, path)
        if not ours.complete:
            raise DocumentError("it is cut off")
    except DocumentError as error:
        return FileComparison(path, FileResult.DIFFERS, "", detail=error.message)
    by_name = {t.name: t for t in ours.tensors}
    names = {t.name for t in theirs.tensors}
    unequal: list[TensorComparison] = []
    for tensor in theirs.tensors:
        own = by_name.get(tensor.name)
        if own is None or (own.dtype, own.shape) != (tensor.dtype, tensor.shape):
            shown = "is missing" if own is None else f"is {own.dtype} {list(own.shape)}"
            wanted = f"{shown}, not {tensor.dtype} {list(tensor.shape)}"
            unequal.append(TensorComparison(tensor.name, tensor.dtype, detail=wanted))
            continue
        found = _differences(
            (repeated, ours, own),
            (published, theirs, tensor),
            published_path,
            tolerances.get(tensor.dtype),
        )
        for exponent, count in found.exponents.items():
            exponents[exponent] = exponents.get(exponent, 0) + count
        if found.unequal:
            unequal.append(_compared(tensor, found))
    unequal += [
        TensorComparison(t.name, t.dtype, detail="was not published")
        for t in ours.tensors
        if t.name not in names
    ]
    if not unequal:
        result, detail = FileResult.SAME_TENSORS, "every tensor is equal; the header is not"
    elif tolerances and all(t.within for t in unequal):
        result, detail = FileResult.WITHIN_TOLERANCE, ""
    else:
        result, detail = FileResult.DIFFERS, ""
    return FileComparison(
        path, result, "", tensors=tuple(unequal), tensor_count=len(names), detail=detail
    )


def _compared(tensor: TensorInfo, found: Differences) -> TensorComparison:
    return TensorComparison(
        tensor.name,
        tensor.dtype,
        tensor.elements,
        found.unequal,
        found.beyond,
        found.not_finite,
        found.largest,
        math.sqrt(found.squares / tensor.elements) if tensor.dtype in MEASURED else 0.0,
    )


def _differences(
    ours: tuple[Source, SafetensorsHeader, TensorInfo],
    theirs: tuple[Source, SafetensorsHeader, TensorInfo],
    published_path: str,
    tolerance: Tolerance | None,
) -> Differences:
    """What two tensors of one dtype and shape differ by, read block by block."""
    found = Differences(theirs[2].dtype, tolerance)
    size = theirs[2].end - theirs[2].begin
    for offset in range(0, size, _BLOCK):
        length = min(_BLOCK, size - offset)
        blocks = [
            source.read(path, start=header.header_size + tensor.begin + offset, length=length)
            for (source, header, tensor), path in (
                (ours, ours[1].path),
                (theirs, published_path),
            )
        ]
        found.add(*blocks)
    return found
