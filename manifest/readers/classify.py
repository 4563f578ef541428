"""Which component each file of a release belongs to, and why.

The rules, first match first. A file that none of them places stays unassigned: a wrong guess
costs its reader more than a question does.

 1. `release.yaml`, housekeeping and packaging: unassigned.
 2. License texts, by name.
 3. Bundles: every file of a TensorFlow SavedModel or a Core ML package is parameters.
 4. States of optimizers, schedules and random numbers: model metadata.
 5. Weights, by name and first bytes, with their indexes; intermediate where they lie in a
    checkpoint's directory, together with all that lies there.
 6. Tokenizer files, by name.
 7. Source code: see `manifest.readers.code`.
 8. Cards and papers, by name, place and front matter.
 9. Configuration, results, logs and data order, by name and then by content.
10. Data, by place and suffix.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

from manifest.document.components import KINDS
from manifest.errors import DocumentError, UndecidedError
from manifest.readers import names
from manifest.readers.code import MAX_SOURCE, place_code
from manifest.readers.documents import place_card, place_document
from manifest.readers.formats import FormatMatch, WeightFormat, format_of, has_weight_name
from manifest.readers.placing import Confidence
from manifest.readers.structured import place_data, place_structured
from manifest.sources import Source, SourceFile

__all__ = ["Confidence", "Placement", "classify"]

FINAL = "model-parameters-final"
INTERMEDIATE = "model-parameters-intermediate"
DESCRIPTION = "release.yaml"

_LOOKED_AT = (
    ".bin",
    ".pb",
    ".pkl",
    ".pickle",
    ".joblib",
    ".npz",
    ".npy",
    ".pdparams",
    ".model",
    ".dat",
    ".zip",
)
"""Suffixes that say too little: such files are weights only where their bytes say so."""


@dataclasses.dataclass(frozen=True, slots=True)
class Placement:
    """Where a file belongs.

    Attributes:
        path: The file.
        kind: The component kind's id; empty for unassigned.
        why: The reason, as words that end a sentence: ``by its name``.
        confidence: How sure it is; `Confidence.SURE` for what is left out on purpose.
        format: The format, for weights.
    """

    path: str
    kind: str
    why: str
    confidence: Confidence = Confidence.LIKELY
    format: WeightFormat | None = None

    @property
    def is_left_out(self) -> bool:
        """Whether the file is unassigned on purpose: packaging, or the description itself."""
        return not self.kind and self.confidence is Confidence.SURE


def classify(source: Source) -> tuple[Placement, ...]:
    """Place every file of a release, in the order of `source.files`.

    Of a file at most the head is read; one that cannot be read is placed by its name.
    """
    classifier = _Classifier(source)
    placed = {placement.path: placement for placement in classifier.run()}
    unknown = functools.partial(Placement, kind="", why="", confidence=Confidence.GUESS)
    return tuple(placed.get(file.path) or unknown(file.path) for file in source.files)


class _Classifier:
    """One pass over one release."""

    def __init__(self, source: Source) -> None:
        self.source = source
        paths = [file.path for file in source.files]
        self.bundles = _bundles(paths)
        self.weight_directories: set[str] = set()
        self.above_intermediate: set[str] = set()
        self.placed: dict[str, Placement] = {}

    def run(self) -> list[Placement]:
        rest = [file for file in self.source.files if not self._by_place(file)]
        rest = [file for file in rest if not self._weights(file)]
        self._settle_checkpoints()
        self.above_intermediate = {
            directory
            for path, p in self.placed.items()
            if p.kind == INTERMEDIATE
            for directory in _above(path)
        }
        rest = [file for file in rest if not self._in_checkpoint(file)]
        self.weight_directories = {
            path.rpartition("/")[0] for path, p in self.placed.items() if p.kind == FINAL
        }
        code = [
            file.path
            for file in rest
            if names.is_code(file.path) and not self._put_tokenizer(file.path)
        ]
        for path, role in place_code(code, self._text).items():
            confidence = Confidence.LIKELY if role.strong else Confidence.GUESS
            self._put(path, role.kind, role.why, confidence)
        known = set(code)
        for file in rest:
            if file.path not in known and file.path not in self.placed:
                self._remaining(file)
        return list(self.placed.values())

    def _put(
        self,
        path: str,
        kind: str,
        why: str,
        confidence: Confidence = Confidence.LIKELY,
        format_: WeightFormat | None = None,
    ) -> bool:
        assert not kind or kind in KINDS  # noqa: S101 - a slip of this module, not of a release
        self.placed[path] = Placement(path, kind, why, confidence, format_)
        return True

    def _text(self, path: str) -> str:
        """The beginning of a text file; empty where it cannot be read or is no text."""
        try:
            data = self.source.read(path, length=MAX_SOURCE)
        except UndecidedError:
            return ""
        return "" if b"\0" in data else data.decode("utf-8", "replace")

    # Rules 1 to 4

    def _by_place(self, file: SourceFile) -> bool:
        path = file.path
        if path == DESCRIPTION:
            return self._put(path, "", "the description itself", Confidence.SURE)
        if names.is_license_text(path):
            return self._put(path, "license-texts", "by its name", Confidence.SURE)
        if names.is_housekeeping(path):
            return self._put(path, "", "packaging", Confidence.SURE)
        bundle = _inside(path, self.bundles)
        if bundle is not None:
            kind = INTERMEDIATE if names.checkpoint_directory(path) else FINAL
            format_ = self.bundles[bundle]
            return self._put(path, kind, f"part of a {format_} package", Confidence.SURE, format_)
        if names.is_training_state(path):
            return self._put(path, "model-metadata", "the state of an optimizer or the like")
        return False

    # Rule 5

    def _weights(self, file: SourceFile) -> bool:
        path = file.path
        lower = path.lower()
        if lower.endswith((".safetensors.index.json", ".bin.index.json", ".index.json")):
            return self._put(path, FINAL, "the index of weights in several files")
        by_name = has_weight_name(path)
        if by_name is None and not lower.endswith(_LOOKED_AT):
            return False
        if names.is_tokenizer_file(path) or lower.endswith("training_args.bin"):
            return False
        try:
            found = format_of(self.source, path)
        except UndecidedError:
            found = None if by_name is None else FormatMatch(by_name, "name")
        if found is None or (found.format is WeightFormat.LFS_POINTER and by_name is None):
            return False
        if found.format is WeightFormat.LFS_POINTER:
            why = "by its name; the file itself is not fetched"
            return self._put(path, FINAL, why, Confidence.LIKELY, found.format)
        if found.shown_by == "content":
            return self._put(path, FINAL, found.format, Confidence.SURE, found.format)
        why = f"{found.format} by its name"
        return self._put(path, FINAL, why, Confidence.LIKELY, found.format)

    def _settle_checkpoints(self) -> None:
        """Tell final from intermediate weights by their directories.

        Weights in a directory whose name gives a step are intermediate. A bare ``checkpoints/``
        says so only beside other weights: alone, it is where the final ones are.
        """
        weights = [p for p in self.placed.values() if p.kind == FINAL]
        outside = any(names.checkpoint_directory(p.path) is None for p in weights)
        for placement in weights:
            directory = names.checkpoint_directory(placement.path)
            if directory is None:
                continue
            if names.checkpoint_step(directory) is not None or outside:
                self._put(
                    placement.path,
                    INTERMEDIATE,
                    f"in {directory}/",
                    placement.confidence,
                    placement.format,
                )

    def _in_checkpoint(self, file: SourceFile) -> bool:
        """What else lies in a checkpoint's directory: its configuration, its trainer's state."""
        directory = names.checkpoint_directory(file.path)
        if directory is None or names.is_code(file.path):
            return False
        if names.checkpoint_step(directory) is None and directory not in self.above_intermediate:
            return False
        if file.path.endswith("trainer_state.json"):
            return self._put(file.path, "model-metadata", "the trainer's state of a checkpoint")
        return self._put(file.path, INTERMEDIATE, f"in {directory}/")

    # Rules 6 to 10

    def _put_tokenizer(self, path: str) -> bool:
        if not names.is_tokenizer_file(path):
            return False
        return self._put(path, "tokenizer", "by its name", Confidence.SURE)

    def _remaining(self, file: SourceFile) -> None:
        path = file.path
        if self._put_tokenizer(path):
            return
        for place in (
            functools.partial(place_card, self.source, path, self.weight_directories),
            functools.partial(place_document, path),
            functools.partial(place_structured, self.source, file, self.weight_directories),
            functools.partial(place_data, path),
        ):
            try:
                found = place()
            except (DocumentError, UndecidedError):
                continue  # not what its name promises: the next rule may know it
            if found is not None:
                self._put(path, *found)
                return


def _bundles(paths: list[str]) -> dict[str, WeightFormat]:
    """Directories that are one model: SavedModels and Core ML packages."""
    bundles: dict[str, WeightFormat] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        if name in {"saved_model.pb", "saved_model.pbtxt"} and directory:
            bundles[directory] = WeightFormat.SAVED_MODEL
        parts = path.split("/")[:-1]
        for index, part in enumerate(parts):
            if part.endswith((".mlpackage", ".mlmodelc")):
                bundles["/".join(parts[: index + 1])] = WeightFormat.COREML
                break
    return bundles


def _above(path: str) -> Iterator[str]:
    """The directories that a path lies in, the innermost first."""
    directory = path.rpartition("/")[0]
    while directory:
        yield directory
        directory = directory.rpartition("/")[0]


def _inside(path: str, directories: dict[str, WeightFormat]) -> str | None:
    return next((directory for directory in _above(path) if directory in directories), None)
