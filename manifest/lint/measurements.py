"""What was measured, wherever it is said: results files, the description, the card."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from manifest.errors import DocumentError, UndecidedError
from manifest.lint.cards import documents_text
from manifest.lint.content.sampling import suffix
from manifest.lint.reading import cards
from manifest.lint.release import Basis, Release
from manifest.readers.config import read_config
from manifest.readers.evaluation import EvaluationResults, read_evaluation_results

__all__ = [
    "Disagreement",
    "Measured",
    "disagreements",
    "generates_text",
    "is_measured",
    "measured",
    "results_files",
]

_MAX_FILES = 64
_GENERATES = re.compile(
    r"text-generation|text2text|conversational|question-answering|summarization|translation"
    r"|(?:image|audio|video|any)-text-to-|any-to-any|image-to-text|visual-question",
    re.IGNORECASE,
)
_GENERATOR = re.compile(r"For(?:CausalLM|ConditionalGeneration|Seq2SeqLM)|LMHead")

BIAS = re.compile(
    r"\bbias|bbq|crows[-_ ]?pairs|wino[-_ ]?(?:bias|gender)|stereo[-_ ]?set|\bbold\b|toxi|hatecheck"
    r"|discrim[-_ ]?eval|fairness",
    re.IGNORECASE,
)
"""Names of benchmarks and words for bias and toxicity."""
TRUTH = re.compile(
    r"truthful|halu|hallucinat|simple[-_ ]?qa|fact[-_ ]?score|factual|\btruth|facts[-_ ]?grounding",
    re.IGNORECASE,
)
"""The same for truthfulness."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """One number: of which task and metric, and the place that says it.

    Attributes:
        task, metric, value: As said there.
        pointer: The field of the description; empty for a card.
        path: The card; empty for the description.
        file: The results file that the description names for it; empty when it names none.
    """

    task: str
    metric: str
    value: float
    pointer: str = ""
    path: str = ""
    file: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Disagreement:
    """A number that is said and that no results file has, and what a results file has instead."""

    said: Measured
    file: str
    value: float


def generates_text(release: Release) -> bool:
    """Whether the model answers in words: by its tasks, its card or its configuration."""
    if any(_GENERATES.search(str(t)) for t in release.description.model.get("tasks", ())):
        return True
    if release.basis is Basis.DECLARATIONS:
        return False
    if any(_GENERATES.search(card.pipeline_tag) for card in cards(release)):
        return True
    for component in release.of_kind("model-architecture"):
        for path in component.inspection.accepted:
            if path.endswith(".json"):
                try:
                    config = read_config(release.source, path)
                except (DocumentError, UndecidedError):
                    continue
                if any(_GENERATOR.search(name) for name in config.architectures):
                    return True
    return False


def results_files(release: Release) -> Iterator[EvaluationResults]:
    """The results files in JSON; one that cannot be read is passed over."""
    if release.basis is Basis.DECLARATIONS:
        return
    paths = {p for c in release.of_kind("evaluation-results") for p in c.inspection.accepted}
    for path in sorted(p for p in paths if suffix(p) == ".json")[:_MAX_FILES]:
        try:
            yield read_evaluation_results(release.source, path)
        except (DocumentError, UndecidedError):
            continue


def measured(release: Release) -> Iterator[Measured]:
    """The numbers of the description, then those of the cards' ``model-index``."""
    for index, result in enumerate(release.description.results):
        pointer = f"evaluation.results[{index}]"
        yield Measured(
            result.task, result.metric, result.value, pointer=pointer, file=result.results
        )
    if release.basis is Basis.DECLARATIONS:
        return
    for card in cards(release):
        for line in card.results:
            yield Measured(line.dataset or line.task, line.metric, line.value, path=card.path)


def is_measured(release: Release, categories: frozenset[str], words: re.Pattern[str]) -> bool:
    """Whether something of a category was measured: by category, by name, or in a document.

    In a document the word must stand on a line with a number.
    """
    if any(r.category in categories for r in release.description.results):
        return True
    names = {m.task for m in measured(release)} | {m.metric for m in measured(release)}
    for found in results_files(release):
        names |= {r.task for r in found.results} | {r.metric for r in found.results}
    if any(words.search(name) for name in names):
        return True
    lines = documents_text(release).splitlines()
    return any(words.search(line) and re.search(r"\d", line) for line in lines)


def disagreements(release: Release) -> Iterator[Disagreement]:
    """Numbers of the description and the card that the results files contradict.

    A number is contradicted when results files have the task and metric, and none of them has the
    value, neither as it stands nor as a percentage, to the digits that are said.
    """
    files = list(results_files(release))
    known: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for found in files:
        for result in found.results:
            key = (_plain(result.task), _plain(result.metric.partition(",")[0]))
            known.setdefault(key, []).append((found.path, result.value))
    for said in measured(release):
        values = known.get((_plain(said.task), _plain(said.metric)), [])
        if said.file:
            values = [(path, value) for path, value in values if path == said.file]
        if values and not any(_agree(said.value, value) for _, value in values):
            yield Disagreement(said, *values[0])


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.rpartition("/")[2].casefold())


def _agree(said: float, found: float) -> bool:
    scales = [1.0]
    if abs(found) <= 1 < abs(said):  # a share, said as a percentage
        scales.append(100.0)
    if abs(said) <= 1 < abs(found):
        scales.append(0.01)
    for scale in scales:
        value = round(found * scale, 9)
        unit = max(_unit(said), _unit(value))
        rounded = abs(said - value) <= unit / 2 * (1 + 1e-9)
        cut_off = 0 <= value - said < unit * (1 - 1e-9)
        if rounded or cut_off:
            return True
    return False


def _unit(value: float) -> float:
    """What the last digit of a number stands for: 0.01 for 0.41, 1 for 40; 0.1 for 0 and 1."""
    _, point, digits = repr(value).partition(".")
    if point and digits != "0" and "e" not in digits:
        return 10.0 ** -len(digits)
    return 1.0 if abs(value) > 1 else 0.1
