"""The sections of a drafted ``release.yaml`` as lines of YAML.

A value that was guessed carries a comment that says from where. What could not be found is there
as a question: the field, commented out, which becomes valid by taking the ``#`` away. Lines of
prose hold no field's name with a colon, so that a reader tells the two apart.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from manifest.display import printable
from manifest.document.components import KINDS
from manifest.document.yaml_edit import quote
from manifest.draft.facts import Fact, Facts
from manifest.draft.filling import field_lines
from manifest.draft.globs import Globber
from manifest.inventory import escape_glob
from manifest.readers.classify import Placement
from manifest.readers.placing import Confidence

__all__ = ["ComponentDraft", "Section", "component_lines", "components_of", "sections"]

_PREFERRED_MISSING = ("technical-report", "research-paper")


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One top-level field.

    Attributes:
        key: The field; empty for lines that are only questions.
        lines: Its lines, comments included.
        question: What is asked there, in a few words; empty where nothing is.
    """

    key: str
    lines: tuple[str, ...]
    question: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ComponentDraft:
    """A component as drafted: the kind, each pattern with its reason, and what it comes to.

    ``is_guess`` says that most of its files are no more than the best guess.
    """

    kind: str
    patterns: tuple[tuple[str, str], ...]
    file_count: int
    is_guess: bool


def components_of(placements: Sequence[Placement], globber: Globber) -> tuple[ComponentDraft, ...]:
    """The components that placed files make up, in the order of `KINDS`."""
    by_kind: dict[str, list[Placement]] = {}
    for placement in placements:
        if placement.kind:
            by_kind.setdefault(placement.kind, []).append(placement)
    return tuple(_component(kind, by_kind[kind], globber) for kind in KINDS if kind in by_kind)


def _component(kind: str, members: Sequence[Placement], globber: Globber) -> ComponentDraft:
    why = {p.path: p.why for p in members}
    patterns = []
    for pattern, files in globber.patterns(why):
        reasons = Counter(why[path] for path in files).most_common()
        others = ", mostly" if len(reasons) > 1 else ""
        patterns.append((pattern, printable(reasons[0][0]) + others))
    return ComponentDraft(
        kind=kind,
        patterns=tuple(patterns),
        file_count=len(members),
        is_guess=2 * sum(p.confidence is Confidence.GUESS for p in members) > len(members),
    )


def component_lines(
    component: ComponentDraft, *, id_: str = "", word: str = "guessed"
) -> list[str]:
    """The lines of one component, to stand at column 0."""
    name = id_ or component.kind
    lines = [f"{name}:"]
    if name != component.kind:
        lines.append(f"  kind: {component.kind}")
    lines.append("  files:")
    reasons = {why for _, why in component.patterns}
    if len(reasons) == 1 and len(component.patterns) > 1:
        lines[0] += f"  # {word}: {reasons.pop()}"
        lines += [f"    - {quote(pattern)}" for pattern, _ in component.patterns]
    else:
        lines += [f"    - {quote(pattern)}  # {word}: {why}" for pattern, why in component.patterns]
    return lines


def _guessed(field: str, fact: Fact) -> str:
    return f"{field}: {quote(fact.value)}  # guessed from {fact.origin}"


def sections(
    facts: Facts, components: Sequence[ComponentDraft], *, described_by: str
) -> tuple[Section, ...]:
    """Every section of a new description, in order, less the header."""
    return (
        *_identity(facts, described_by),
        *_license(facts),
        _model(facts),
        _base(facts),
        _components(components),
        _data(facts),
        _training(facts),
        _checkpoints(facts),
        _evaluation(facts),
    )


def _identity(facts: Facts, described_by: str) -> list[Section]:
    found = [Section("name", (_guessed("name", facts.name),))]
    if facts.version:
        found.append(Section("version", (_guessed("version", facts.version),)))
    else:
        line = "version: unversioned  # not found: a version, a date or a revision"
        found.append(Section("version", (line,), "the version"))
    other = {
        "publisher": "say third-party if you describe somebody else's release",
        "third-party": "say publisher if this release is yours",
    }[described_by]
    found.append(Section("described_by", (f"described_by: {described_by}  # {other}",)))
    author = facts.author
    value = quote(author.value) if author else "Name of a person or an organisation"
    hint = f"  # {author.origin} names this one" if author else ""
    found.append(Section("", (f"# publisher: {value}{hint}",), "the publisher"))
    found.append(Section("", ("# release_date: 2026-01-31",), ""))
    if facts.homepage:
        found.append(Section("homepage", (_guessed("homepage", facts.homepage),)))
    claim = (
        "",
        "# What the release aims at: closed, weights-available, open-weight, open-source,",
        "# open-science or replayable. `manifest lint` fails where the evidence falls short of it.",
        "# claim: open-weight",
    )
    found.append(Section("", claim, "what the release aims at"))
    return found


def _license(facts: Facts) -> list[Section]:
    if not facts.license:
        lines = ("", "# license: Apache-2.0  # for all that has no license of its own")
        found = [Section("", lines, "the license")]
    else:
        others = tuple(
            f"# But {fact.origin} says {printable(fact.value)}." for fact in facts.other_licenses
        )
        found = [Section("license", ("", _guessed("license", facts.license), *others))]
    for field in ("license_name", "license_link"):
        fact: Fact = getattr(facts, field)
        if fact:
            found.append(Section(field, (_guessed(field, fact),)))
    terms = (
        "# licenses:  # where code, data and documents have terms of their own",
        "#   code: Apache-2.0",
        "#   data: CDLA-Permissive-2.0",
        "#   document: CC-BY-4.0",
    )
    if facts.code_license:
        lines = ("licenses:", f"  {_guessed('code', facts.code_license)}")
        found.append(Section("licenses", lines))
    else:
        found.append(Section("", terms, "other licenses" if facts.other_licenses else ""))
    return found


def _model(facts: Facts) -> Section:
    lines = []
    if facts.tasks:
        lines.append(f"  tasks: [{quote(facts.tasks.value)}]  # guessed from {facts.tasks.origin}")
    if facts.languages:
        tags = ", ".join(quote(tag) for tag in facts.languages)
        lines.append(f"  languages: [{tags}]  # guessed from {facts.languages_origin}")
    if facts.architecture:
        lines.append("  " + _guessed("architecture", facts.architecture))
    for field in ("parameters", "context_length"):
        fact: Fact = getattr(facts, field)
        if fact:
            lines.append(f"  {field}: {fact.value}  # guessed from {fact.origin}")
    if lines:
        return Section("model", ("", "model:", *lines))
    asked = (
        "",
        "# model:",
        "#   tasks: [text-generation]",
        "#   architecture: Name of the architecture",
        "#   parameters: 1000000",
    )
    return Section("", asked, "what the model is")


def _base(facts: Facts) -> Section:
    if not facts.base_models:
        asked = (
            "",
            "# base_models:  # models that this one was made from",
            "#   - name: OWNER/NAME",
            "#     relation: finetune  # or adapter, merge, quantized, distilled",
        )
        return Section("", asked, "whether it was made from another model")
    lines = ["", "base_models:"]
    for fact in facts.base_models:
        lines.append(f"  - name: {quote(fact.value)}  # guessed from {fact.origin}")
        if facts.base_relation:
            lines.append(f"    relation: {facts.base_relation}")
        else:
            lines.append("    # relation: finetune  # or adapter, merge, quantized, distilled")
    return Section("base_models", tuple(lines))


def _components(components: Sequence[ComponentDraft]) -> Section:
    lines = ["", "# What the release consists of. A pattern: * within a directory, ** across them."]
    found = {component.kind for component in components}
    if components:
        lines.append("components:")
        for component in components:
            lines += [f"  {line}" for line in component_lines(component)]
    missing = [kind for kind in KINDS if kind not in found]
    margin = "  # " if components else "# "
    if not components:
        lines.append("# components:")
    if missing:
        lines += _missing(missing, margin, inner="" if components else "  ")
    question = f"{len(missing)} kinds of component that were not found" if missing else ""
    return Section("components" if components else "", tuple(lines), question)


def _missing(missing: Sequence[str], margin: str, inner: str) -> list[str]:
    lines: list[str] = []
    line = "Not found here:"
    for index, kind in enumerate(missing):
        word = f" {kind}{',' if index + 1 < len(missing) else '.'}"
        if len(line) + len(word) > 90:
            lines.append(margin + line)
            line = " " + word
        else:
            line += word
    lines.append(margin + line)
    lines.append(f"{margin}Say where each is, or why it is not published, as here:")
    document = next((kind for kind in _PREFERRED_MISSING if kind in missing), "")
    if document:
        lines += [
            f"{margin}{inner}{document}:",
            f"{margin}{inner}  references:",
            f"{margin}{inner}    - type: doi",
            f"{margin}{inner}      doi: 10.48550/arXiv.2312.06550",
        ]
    withheld = (
        "datasets"
        if "datasets" in missing
        else next((kind for kind in missing if kind != document), "")
    )
    if withheld:
        lines += [
            f"{margin}{inner}{withheld}:",
            f"{margin}{inner}  withheld:",
            f"{margin}{inner}    reason: Why it is not published",
        ]
    return lines


def _data(facts: Facts) -> Section:
    lines = ["", "# What the model was trained on: every source, also one that is not published."]
    asked = [
        "      # access: public  # or third-party, private, synthetic",
        "      # obtained: How and when",
        "      # license: CC-BY-4.0",
    ]
    rest = [
        "  # processing: How the data was processed",
        "  # filtering: What was filtered out, and how",
        "  # labelling: How it was labelled, or that it was not",
    ]
    order = f"  order: {quote(facts.data_order)}  # guessed from its name"
    if facts.datasets:
        lines += ["data:", f"  sources:  # guessed from {facts.datasets_origin}"]
        for index, name in enumerate(facts.datasets):
            lines.append(f"    - name: {quote(name)}")
            lines += asked if index == 0 else []
    elif facts.data_order:
        lines += ["data:", order, "  # sources:", "  #   - name: Name of the source"]
        return Section("data", (*lines, *rest), "the sources of the training data")
    else:
        lines += [
            "# data:",
            "#   sources:",
            "#     - name: Name of the source",
            "#       access: public  # or third-party, private, synthetic",
            "#       obtained: How and when",
            "#       license: CC-BY-4.0",
            *(line.replace("  # ", "#   ", 1) for line in rest),
        ]
        return Section("", tuple(lines), "the sources of the training data")
    lines += [order] if facts.data_order else []
    return Section("data", (*lines, *rest), "how each source was obtained")


def _training(facts: Facts) -> Section:
    live: list[str] = []
    for field, paths in (("configuration", facts.configuration), ("logs", facts.logs)):
        if paths:
            live.append(f"  {field}:")
            live += [f"    - {quote(path)}" for path in paths]
    live += field_lines(facts.recipe, "  ")
    # What a framework's own words say of seeds is better known than a name that ends so.
    has_seeds = any(field.field.startswith("seeds.") for field in facts.recipe)
    if facts.seeds and not has_seeds:
        live.append("  seeds:")
        live += [
            f"    {quote(name)}: {value}  # guessed from {printable(path)}"
            for name, value, path in facts.seeds
        ]
    asked = [
        "command: python train.py  # repeats the training, run in the release directory",
        "hardware: What it ran on",
        "incidents: []  # mistakes and what was changed; an empty list says that there were none",
    ]
    has_seeds = has_seeds or bool(facts.seeds)
    if not has_seeds:
        asked[1:1] = ["seeds:", "  model: 1234"]
    title = ["", "# How it was trained."]
    question = "the training command" + ("" if has_seeds else " and the seeds")
    if live:
        lines = (*title, "training:", *live, *(f"  # {line}" for line in asked))
        return Section("training", lines, question)
    return Section("", (*title, "# training:", *(f"#   {line}" for line in asked)), question)


def _checkpoints(facts: Facts) -> Section:
    lines = ["", "checkpoints:"]
    if facts.checkpoint_index:
        lines.append(f"  index: {quote(facts.checkpoint_index)}  # guessed from its name")
    names = Counter(fact.directory.rpartition("/")[2] for fact in facts.checkpoints)
    if facts.checkpoints:
        lines.append("  entries:  # guessed from names of directories")
    for fact in facts.checkpoints:
        name = fact.directory.rpartition("/")[2]
        lines += [
            f"    - name: {quote(name if names[name] == 1 else fact.directory)}",
            f"      step: {fact.step}",
            f"      files: [{quote(escape_glob(fact.directory) + '/**')}]",
        ]
    return Section("checkpoints", tuple(lines)) if len(lines) > 2 else Section("", ())


def _evaluation(facts: Facts) -> Section:
    lines = ["", "# How it was measured."]
    if not facts.results:
        lines += [
            "# evaluation:",
            "#   results:",
            "#     - task: Name of the benchmark",
            "#       metric: accuracy",
            "#       value: 0.5",
            "#   contamination: What is known of test data in the training data",
        ]
        return Section("", tuple(lines), "evaluation results")
    lines += ["evaluation:", f"  results:  # guessed from {facts.results_origin}"]
    for result in facts.results:
        lines += [
            f"    - task: {quote(result.task)}",
            f"      metric: {quote(result.metric)}",
            f"      value: {result.value!r}",
        ]
        lines += [f"      harness: {quote(result.harness)}"] if result.harness else []
        lines += [f"      results: {quote(result.results)}"] if result.results else []
    if facts.more_results:
        lines.append(f"    # There are {facts.more_results} more.")
    lines.append("  # contamination: What is known of test data in the training data")
    return Section("evaluation", tuple(lines), "test data in the training data")
