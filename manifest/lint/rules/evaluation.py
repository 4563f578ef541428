"""Evaluation: what was measured, and on what."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import listed, plural, printable
from manifest.findings import Finding, Location, Severity
from manifest.lint.cards import documents_text
from manifest.lint.examples import CONFIG_LM, RECORDS
from manifest.lint.measurements import (
    BIAS,
    TRUTH,
    disagreements,
    generates_text,
    is_measured,
    results_files,
)
from manifest.lint.needs import present
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, gate, rule
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Verdict

_WEIGHTS = "components:\n  model-parameters-final:\n    files: [model.safetensors]\n"
_RESULTS = "  evaluation-results:\n    files: [results.json]\n"
_ARCHITECTURE = "  model-architecture:\n    files: [config.json]\n"
_FILES = {"model.safetensors": "<safetensors w=2x3>"}
# The SHA-256 of that file.
_DIGEST = "97ac7f1054ce6ab5047422a9695c3e136ae897c08916106f35b1975d82b33f1b"
_LANGUAGE_MODEL = _FILES | {"config.json": CONFIG_LM}


def _result(category: str = "capability", **fields: str) -> str:
    more = "".join(f", {name}: {value}" for name, value in fields.items())
    return (
        "evaluation:\n  results:\n"
        f"    - {{task: birds, metric: accuracy, value: 0.41, category: {category}{more}}}\n"
    )


@gate(
    code="EVA001",
    name="evaluation-results-missing",
    gates=Verdict.OPEN_SCIENCE,
    title="evaluation results",
    rationale="Biases and made-up answers cannot be read from weights; they show in measurements.",
    remedy="Publish the results as the harness wrote them, under `components.evaluation-results`.",
    bad=Example(
        "components:\n  evaluation-results:\n    files: [results.json]\n",
        {"results.json": '{"note": "state of the art"}'},
    ),
    good=Example(
        "components:\n  evaluation-results:\n    files: [results.json]\n",
        {"results.json": '{"results": {"birds": {"accuracy": 0.41}}}'},
    ),
    frameworks=(FrameworkElement(Framework.MOF, "III: Evaluation results"),),
)
def results(release: Release) -> Outcome:
    """Results that hold numbers."""
    return present(release, "evaluation-results")


@gate(
    code="EVA002",
    name="evaluation-data-missing",
    gates=Verdict.OPEN_SCIENCE,
    title="evaluation data",
    rationale="A score means something only beside the questions that were asked.",
    remedy="Publish the evaluation data, or pin where it lies, under `components.evaluation-data`.",
    bad=Example("components: {}\n"),
    good=Example(
        "components:\n  evaluation-data:\n    files: [heldout.jsonl]\n", {"heldout.jsonl": RECORDS}
    ),
    frameworks=(FrameworkElement(Framework.MOF, "II: Evaluation data"),),
)
def evaluation_data(release: Release) -> Outcome:
    """Data that the model was evaluated on."""
    return present(release, "evaluation-data")


@rule(
    code="EVA003",
    name="result-of-other-weights",
    severity=Severity.ERROR,
    rationale="A number that was measured on other weights says nothing of these. The digest in a "
    "result binds it to the file that was measured.",
    remedy="Measure the weights that are published, or give the digest of those that were.",
    bad=Example(_WEIGHTS + _result(weights="0" * 64), _FILES | {"manifest.json": "<manifest>"}),
    good=Example(_WEIGHTS + _result(weights=_DIGEST), _FILES | {"manifest.json": "<manifest>"}),
    exemptable=False,
    of_files=True,
)
def result_of_other_weights(rule: Rule, release: Release) -> Iterator[Finding]:
    """Results whose digest is none of the weights', by the manifest's digests."""
    if release.listing is None:
        return
    files = [
        f.path
        for c in release.components
        if c.kind.startswith("model-parameters")
        for f in c.files.here
    ]
    digests = {release.listing.digests.get(path, "") for path in files}
    if not digests or "" in digests:
        return  # some are not listed: what was measured may be one of them
    for index, result in enumerate(release.description.results):
        if result.weights and result.weights not in digests:
            yield rule.finding(
                f"the result of {printable(result.task)} is of weights with the SHA-256 "
                f"{result.weights[:12]}…, which no weights here have",
                location=release.location(f"evaluation.results[{index}]"),
            )
    for found in results_files(release):
        if found.weights and found.weights not in digests:
            yield rule.finding(
                f"{printable(found.path)} is of weights with the SHA-256 {found.weights[:12]}…, "
                "which no weights here have",
                location=Location(found.path),
            )


@rule(
    code="EVA004",
    name="results-contradict",
    severity=Severity.ERROR,
    rationale="A card that shows another number than the results file that it rests on misleads; "
    "most people read only the card.",
    remedy="Show what the results files say, or publish the results that are shown.",
    bad=Example(
        _WEIGHTS + _RESULTS + _result(),
        _FILES | {"results.json": '{"results": {"birds": {"accuracy": 0.31}}}'},
    ),
    good=Example(
        _WEIGHTS + _RESULTS + _result(),
        _FILES | {"results.json": '{"results": {"birds": {"accuracy": 0.4137}}}'},
    ),
    exemptable=False,
    of_files=True,
)
def results_contradict(rule: Rule, release: Release) -> Iterator[Finding]:
    """Numbers on the card or in the description that the results files do not have."""
    for found in disagreements(release):
        said = found.said
        who = f"the card, {printable(said.path)}," if said.path else "the description"
        yield rule.finding(
            f"{printable(said.task)}, {printable(said.metric)}: {who} says {said.value:g}, and "
            f"{printable(found.file)} has {found.value:g}",
            location=Location(said.path, 1) if said.path else release.location(said.pointer),
        )


@rule(
    code="EVA005",
    name="results-not-traceable",
    severity=Severity.ADVICE,
    rationale="A score can be checked when it is known which program measured it, on which data, "
    "and of which weights.",
    remedy="Give each result its `harness`, `harness_version`, `split` and `weights`, or publish the "
    "file that the harness wrote.",
    bad=Example(_result()),
    good=Example(
        "components:\n  evaluation-data:\n    files: [heldout.jsonl]\n"
        + _result(harness="evaluate.py", harness_version="1.0", weights="0" * 64),
        {"heldout.jsonl": RECORDS},
    ),
)
def results_not_traceable(rule: Rule, release: Release) -> Iterator[Finding]:
    """Results without a program and its version, without data, or without weights."""
    files = {found.path: found for found in results_files(release)}
    with_data = release.holds("evaluation-data")
    lacking = {"the program with its version": 0, "the data": 0, "the weights": 0}
    results = release.description.results
    fields = release.description.evaluation.get("results", ())
    for index, result in enumerate(results):
        file = files.get(result.results)
        program = (result.harness and result.harness_version) or (file and file.program)
        data = with_data or fields[index].get("split") or (file and file.names_data)
        weights = result.weights or (file and file.weights)
        given = (program, data, weights)
        for what, there in zip(lacking, given, strict=True):
            lacking[what] += not there
    described = {result.results for result in results}
    alone = [found for path, found in files.items() if path not in described]
    for found in alone if not results else ():
        given = (found.program, with_data or found.names_data, found.weights)
        for what, there in zip(lacking, given, strict=True):
            lacking[what] += not there
    count = len(results) or len(alone)
    missing = [
        what if number == count else f"{what} ({number} of {count})"
        for what, number in lacking.items()
        if number
    ]
    if missing:
        of = plural(count, "result" if results else "results file")
        yield rule.finding(
            f"{of} without {listed(missing)}", location=release.location("evaluation.results")
        )


@rule(
    code="EVA006",
    name="bias-or-truth-not-measured",
    severity=Severity.ADVICE,
    rationale="Biases and made-up answers cannot be read from weights: they show only where somebody "
    "measured them.",
    remedy="Measure bias or toxicity, and truthfulness, and give the results their `category`.",
    bad=Example(_WEIGHTS + _ARCHITECTURE, _LANGUAGE_MODEL),
    good=Example(
        _WEIGHTS
        + _ARCHITECTURE
        + _result("bias")
        + "    - {task: truthfulqa, metric: mc2, value: 0.4, category: truthfulness}\n",
        _LANGUAGE_MODEL,
    ),
    frameworks=(FrameworkElement(Framework.EU, "Annex XI: evaluation results"),),
)
def bias_or_truth_not_measured(rule: Rule, release: Release) -> Iterator[Finding]:
    """A model that answers in words, and no number on bias or on truthfulness."""
    if not generates_text(release):
        return
    lacking = []
    if not is_measured(release, frozenset({"bias", "toxicity"}), BIAS):
        lacking.append("bias or toxicity")
    if not is_measured(release, frozenset({"truthfulness"}), TRUTH):
        lacking.append("truthfulness")
    if lacking:
        yield rule.finding(
            f"nothing was measured on {' and on '.join(lacking)}",
            location=release.location("evaluation"),
        )


@rule(
    code="EVA007",
    name="contamination-not-stated",
    severity=Severity.ADVICE,
    rationale="A model that has seen the test answers it from memory. Whether it has is known only to "
    "those who looked.",
    remedy="Say under `evaluation.contamination` what was done to keep test data out of the training "
    "data, or that nothing was.",
    bad=Example(_result()),
    good=Example(_result() + "  contamination: Sentences shared with a test were removed.\n"),
)
def contamination_not_stated(rule: Rule, release: Release) -> Iterator[Finding]:
    """Results without a word on test data among the training data."""
    has_results = bool(release.description.results) or release.holds("evaluation-results")
    if not has_results or release.description.evaluation.get("contamination"):
        return
    if "contaminat" not in documents_text(release).casefold():
        yield rule.finding(
            "nothing is said of test data among the training data",
            location=release.location("evaluation"),
        )
