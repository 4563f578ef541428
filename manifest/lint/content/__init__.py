"""Whether files are what a component says they are: a test of content for every kind.

Evidence is typed (spec/evidence.md, "Tests of content"). The tests are cheap and bounded: headers
of weights, the first lines of data, the text of documents and code. They tell an empty
``train.py`` from training code; they cannot tell good code from bad.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

from manifest.display import printable
from manifest.errors import BrokenFileError, DocumentError, UndecidedError
from manifest.lint.content import code, data, documents, model, progress, weights
from manifest.lint.content.copies import copies_among
from manifest.lint.content.sampling import pointer_size, sample, told
from manifest.sources import Source, SourceFile

__all__ = ["TESTS", "Inspection", "Refusal", "inspect"]

Test = Callable[[Source, SourceFile], str]
"""A test of one file: empty when it passes, else why not, in words that follow the path."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is not what its component says, or cannot be read.

    Attributes:
        path: The file.
        reason: Why, in words that follow the path.
        broken: Whether it is not what its own name says either: it does not parse, or is cut off.
            False of weights, of which every refusal is told (WGT002).
    """

    path: str
    reason: str
    broken: bool = False

    def __str__(self) -> str:
        return f"{printable(self.path)} {self.reason}"


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """What became of a component's files.

    Attributes:
        accepted: Files that passed; of many files a sample is tested. Weights are accepted by
            whole sets: a shard whose set is incomplete is not among them.
        refused: Files that did not.
        unread: Files that could not be read from here.
        missing: Files that others of the component name and that are not there.
        insufficient: Why files that are sound are still no evidence; empty when they are.
        note: What a reader should know of the files that passed, as a sentence's tail.
    """

    accepted: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    unread: tuple[Refusal, ...] = ()
    missing: tuple[str, ...] = ()
    insufficient: str = ""
    note: str = ""

    @property
    def passes(self) -> bool:
        """Whether the files are evidence of the component."""
        return bool(self.accepted)


TESTS: dict[str, tuple[Test, str]] = {
    "model-architecture": (
        model.architecture,
        "a configuration that names an architecture or its sizes, or source code that defines one",
    ),
    "evaluation-results": (data.results, "numbers: JSON, JSON Lines, CSV or a table in Markdown"),
    "model-card": (
        documents.card,
        f"a text of at least {documents.CARD_WORDS} words with headings or front matter",
    ),
    "data-card": (
        documents.data_card,
        (
            f"a text of at least {documents.CARD_WORDS} words with headings or front matter that says "
            "where the data comes from, or Croissant metadata with a description and addresses"
        ),
    ),
    "technical-report": (
        documents.report,
        f"a PDF with pages, or a text of at least {documents.REPORT_WORDS} words",
    ),
    "research-paper": (
        documents.report,
        f"a PDF with pages, or a text of at least {documents.REPORT_WORDS} words",
    ),
    "sample-model-outputs": (data.records, "data that is not empty and has its format's form"),
    "supporting-libraries": (code.library, "source code, a lock file or a list of requirements"),
    "evaluation-data": (data.records, "data that is not empty and has its format's form"),
    "datasets": (data.records, "data that is not empty and has its format's form"),
    "model-metadata": (data.anything, "data or weights that have their format's form"),
    "tokenizer": (
        model.tokenizer,
        "a tokenizer.json, a vocabulary, merges, a SentencePiece model, or source code",
    ),
    "training-configuration": (
        data.configuration,
        "a YAML or JSON mapping with at least two fields of a training recipe",
    ),
    "training-logs": (
        progress.log,
        "entries whose steps rise, with losses that are numbers and change",
    ),
    "data-order": (
        progress.order,
        (
            "at least two rows of numbers that name no record twice before all were seen, or a "
            "binary array"
        ),
    ),
    "license-texts": (documents.license_text, "the text of a license that is recognised"),
}
"""The test of each kind whose files are tested one by one, and what it asks for."""

_ABOUT = {
    "training-code": "a loss, a gradient, an optimizer, a step or a fit",
    "inference-code": "a model, an input, a prediction or an output",
    "evaluation-code": "a score, a metric, an error or a comparison",
    "data-preprocessing-code": "data, text, records or a filter",
}
for _kind, _words in _ABOUT.items():
    TESTS[_kind] = (
        functools.partial(code.source_for, _kind),
        (
            f"source code that parses, defines a function, class or loop, has at least "
            f"{code.MIN_STATEMENTS} statements besides imports of which {code.MIN_WORK} compute and "
            f"can run, names {_words}, and has a part of its own"
        ),
    )

_PREFERRED: dict[str, Callable[[str], bool]] = {
    "training-code": code.is_source,
    "inference-code": code.is_source,
    "evaluation-code": code.is_source,
    "data-preprocessing-code": code.is_source,
    "model-architecture": lambda path: code.is_source(path) or path.endswith("config.json"),
}
"""Which of many files are worth testing first."""


def inspect(source: Source, kind: str, files: Sequence[SourceFile]) -> Inspection:
    """Test the files of a component of one kind."""
    if kind in ("model-parameters-final", "model-parameters-intermediate"):
        return _weights(source, files, by_directory=kind == "model-parameters-intermediate")
    test, _ = TESTS[kind]
    accepted: list[str] = []
    refused: list[Refusal] = []
    unread: list[Refusal] = []
    for file in sample(files, _PREFERRED.get(kind)):
        try:
            if reason := pointer_size(source, file):
                unread.append(Refusal(file.path, reason))
            elif reason := "is empty" if not file.size else test(source, file):
                refused.append(Refusal(file.path, reason))
            else:
                accepted.append(file.path)
        except DocumentError as error:
            broken = isinstance(error, BrokenFileError)
            refused.append(Refusal(file.path, told(file.path, error), broken))
        except UndecidedError as error:
            unread.append(Refusal(file.path, told(file.path, error)))
    return Inspection(tuple(accepted), tuple(refused), tuple(unread))


def _weights(source: Source, files: Sequence[SourceFile], *, by_directory: bool) -> Inspection:
    found = weights.inspect_weights(source, files, by_directory=by_directory)
    looked = Inspection(
        found.accepted,
        _refusals(found.refused),
        _refusals(found.unread),
        found.missing,
        note=found.note,
    )
    return _of_several_steps(source, looked) if by_directory and found.accepted else looked


def _of_several_steps(source: Source, found: Inspection) -> Inspection:
    """The same, if its weights are of two steps at least and not copies of one."""
    steps: dict[tuple[str, str], list[str]] = {}
    for path in found.accepted:
        steps.setdefault(weights.run_and_step_of(path), []).append(path)
    first = printable(found.accepted[0])
    nothing = dataclasses.replace(found, accepted=())
    if len(steps) == 1:
        one = f"{first} is of the only step; at least two show how training went"
        return dataclasses.replace(nothing, insufficient=one)
    ordered = sorted(steps.values())
    try:
        copies = copies_among(source, ordered)
    except UndecidedError as error:
        return dataclasses.replace(nothing, unread=(*found.unread, _told(ordered[0][0], error)))
    if len(steps) - len(copies) > 1:
        return found
    if all(copy.certain for copy in copies):
        one = f"{first} is the only checkpoint; every other is a copy of it"
        return dataclasses.replace(nothing, insufficient=one)
    same = "agrees with every other checkpoint wherever they were compared"
    return dataclasses.replace(nothing, unread=(*found.unread, Refusal(ordered[0][0], same)))


def _told(path: str, error: UndecidedError) -> Refusal:
    return Refusal(path, told(path, error))


def _refusals(pairs: Sequence[tuple[str, str]]) -> tuple[Refusal, ...]:
    return tuple(Refusal(path, reason) for path, reason in pairs)
