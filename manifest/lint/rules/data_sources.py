"""Sources of data: said to be public, under which terms, for which stage, and for the EU."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.document.description import DataSource
from manifest.findings import Finding, Severity
from manifest.lint.frameworks.compute import training_compute
from manifest.lint.reading import texts
from manifest.lint.release import Origin, Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement

_OSAID = FrameworkElement(Framework.OSAID, "data information")
_NAMED = "data:\n  sources:\n    - name: Garden notes\n      description: Notes about birds.\n"
_TUNING = re.compile(
    r"fine[-_ ]?tun|\bsft\b|\bdpo\b|\bppo\b|\bgrpo\b|rlhf|rlvr|instruct|align|preference|post-?train",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"(training[-_ ]?(data|content)[-_ ]?summary|summary[-_ ]?of[-_ ]?training|"
    r"public[-_ ]?summary|data[-_ ]?summary)",
    re.IGNORECASE,
)
_GENERAL_PURPOSE_FLOP = 1e23
_GENERAL_PURPOSE_PARAMETERS = 10**9


@rule(
    code="DAT006",
    name="public-source-nowhere",
    severity=Severity.WARNING,
    rationale="Data that anyone can get lies somewhere. A source called public without a place is "
    "a promise that nobody can check.",
    remedy="Give its `url` or pinned `reference`, or its `files`; or say that it is not public.",
    bad=Example(
        _NAMED + "      access: public\n      withheld: {reason: The collection is too large.}\n"
    ),
    good=Example(_NAMED + "      access: public\n      url: https://birds.example/notes\n"),
    frameworks=(_OSAID,),
)
def public_source(rule: Rule, release: Release) -> Iterator[Finding]:
    """Sources that are said to be public, with no place to get them from."""
    for index, source in enumerate(release.description.sources):
        if source.access == "public" and not (source.url or source.reference or source.files):
            yield rule.finding(
                f"the source {printable(source.name)} is said to be public, and no place is given "
                "where it can be had",
                location=release.location(f"data.sources[{index}]"),
            )


@rule(
    code="DAT010",
    name="stage-without-data",
    severity=Severity.ADVICE,
    rationale="The last stages of training shape how a model answers. Their data is often the part "
    "that is left out, and so is the data of the model that one began with.",
    remedy="List the data of each stage under `data.sources`, with `used_for`; say under "
    "`withheld` what cannot be given.",
    bad=Example(
        "training:\n  stages:\n    - {name: pretraining}\n    - {name: instruction tuning}\n"
        + _NAMED
    ),
    good=Example(
        "training:\n  stages:\n    - {name: pretraining}\n    - {name: instruction tuning}\n"
        + _NAMED
        + "    - {name: Questions, description: Questions on birds., used_for: finetuning}\n"
    ),
    frameworks=(_OSAID, FrameworkElement(Framework.INDEX, "data sources of base and end model")),
)
def stage_data(rule: Rule, release: Release) -> Iterator[Finding]:
    """Fine-tuning and alignment that no source is for; a base whose data is not told of."""
    description = release.description
    used = {s.used_for for s in description.sources} - {"evaluation"}
    if not used:
        return  # that nothing is listed at all is said elsewhere
    tuned = [
        (i, str(stage.get("name", "")))
        for i, stage in enumerate(description.training.get("stages", ()))
        if _TUNING.search(str(stage.get("name", "")))
    ]
    if tuned and used == {"pretraining"}:
        index, name = tuned[0]
        yield rule.finding(
            f"the stage {printable(name)} has data of its own; no source is marked "
            "used_for: finetuning or alignment",
            location=release.location(f"training.stages[{index}]"),
        )
    bases = [b for b in description.base_models if b.relation != "distilled"]
    if bases and "pretraining" not in used:
        yield rule.finding(
            f"no source is of what the base model {printable(bases[0].name)} was trained on",
            location=release.location("base_models[0]"),
        )


@rule(
    code="DAT011",
    name="training-data-summary-missing",
    severity=Severity.ADVICE,
    rationale="Who places a general-purpose model on the European market publishes a summary of "
    "its training content, by the template of the AI Office. Open source does not waive this.",
    remedy="Fill in the template and publish it in the release, as TRAINING_DATA_SUMMARY.md or "
    "a PDF.",
    bad=Example("model: {parameters: 7000000000}\ntraining: {compute_flops: 2.0e+23}\n"),
    good=Example(
        "model: {parameters: 7000000000}\ntraining: {compute_flops: 2.0e+23}\n",
        {"TRAINING_DATA_SUMMARY.md": "# Summary of the training content\n\nGarden notes.\n"},
    ),
    frameworks=(FrameworkElement(Framework.EU, "53(1)(d): summary of the training content"),),
    of_files=True,
)
def data_summary(rule: Rule, release: Release) -> Iterator[Finding]:
    """A model of general purpose, by its compute or else its size, without such a summary.

    The Commission's guidelines of July 2025 take 10^23 floating-point operations as the sign of
    general purpose; recital 98 speaks of a billion parameters, which stands in where compute is
    not known.
    """
    compute = training_compute(release)
    parameters = release.description.model.get("parameters", 0)
    if compute is not None and compute.flop < _GENERAL_PURPOSE_FLOP:
        return
    if compute is None and parameters < _GENERAL_PURPOSE_PARAMETERS:
        return
    if any(_SUMMARY.search(path) for path in release.paths):
        return
    documents = texts(release, "data-card", "model-card", "technical-report")
    if any(_SUMMARY.search(text) for _, text in documents):
        return
    size = f"{compute}" if compute is not None else f"{parameters:,} parameters"
    yield rule.finding(
        f"no summary of the training content is published, for a model of {size}",
        location=release.location("data"),
    )


@rule(
    code="DAT012",
    name="data-terms-unsaid",
    severity=Severity.ADVICE,
    rationale="Who trains again needs to know under which terms the data may be used; a model's "
    "license says nothing about the data that others made.",
    remedy="Give each source its `license`; `unknown` where it cannot be found out.",
    bad=Example(_NAMED + "      access: public\n      url: https://birds.example/notes\n"),
    good=Example(
        _NAMED
        + "      access: public\n      url: https://birds.example/notes\n      license: cc0-1.0\n"
    ),
    frameworks=(_OSAID, FrameworkElement(Framework.INDEX, "licenses")),
)
def data_terms(rule: Rule, release: Release) -> Iterator[Finding]:
    """Sources that lie elsewhere, are not withheld, and have no license.

    Data that is in the release is a component, whose license other rules look at.
    """
    if release.origin is Origin.DRAFTED:
        return
    lacking = [(i, s) for i, s in enumerate(release.description.sources) if _without_terms(s)]
    if lacking:
        index, _ = lacking[0]
        names = ", ".join(printable(s.name) for _, s in lacking[:3])
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        yield rule.finding(
            f"no license is given of {names}{more}",
            location=release.location(f"data.sources[{index}]"),
        )


def _without_terms(source: DataSource) -> bool:
    elsewhere = source.access in {"public", "third-party"} or source.url or source.reference
    return bool(elsewhere) and not (source.license or source.files or source.withheld)
