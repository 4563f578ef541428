"""Evidence: components that are not what the description says, and exceptions that are over."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.findings import Finding, Location, Severity
from manifest.inventory.globs import compile_glob
from manifest.lint.content import TESTS
from manifest.lint.needs import name_of
from manifest.lint.release import Origin, Release
from manifest.lint.rule import Example, Rule, find_rule, rule

_TRAINING = "components:\n  training-code:\n    files: [train.py]\n"


@rule(
    code="EVI001",
    name="evidence-refused",
    severity=Severity.WARNING,
    rationale="Evidence is typed: a file counts when it is what its component says it is. An empty "
    "`train.py` is no training code. A file that does not parse, or was cut off, is told even where "
    "others of its component count.",
    remedy="Publish the real thing, or say under `withheld` why it is not there.",
    bad=Example(_TRAINING, {"train.py": "x = 1\n"}),
    good=Example("components:\n  training-code:\n    withheld: {reason: It is not ours.}\n"),
    of_files=True,
)
def evidence_refused(rule: Rule, release: Release) -> Iterator[Finding]:
    """Components none of whose files pass the test of content, and files that are broken.

    A file that is something else, as a picture among code, is in nobody's way where others pass.
    What nobody declared is not held against anybody: a draft's guess is silent here.
    """
    if release.origin is Origin.DRAFTED:
        return
    for component in release.components:
        refused = component.inspection.refused
        if component.inspection.accepted:
            refused = tuple(refusal for refusal in refused if refusal.broken)
        if not refused or component.kind.startswith("model-parameters"):
            continue  # of weights WGT002 tells
        more = f" ({plural(len(refused) - 1, 'more file')} refused)" if len(refused) > 1 else ""
        asked = TESTS[component.kind][1]
        yield rule.finding(
            f"{printable(refused[0].path)} is no evidence of {name_of(component.kind)}: it "
            f"{refused[0].reason}{more}. Looked for: {asked}",
            location=Location(refused[0].path),
            component=component.spec.id,
        )


@rule(
    code="EVI002",
    name="files-missing",
    severity=Severity.ERROR,
    rationale="A description that names files which are not there describes another release.",
    remedy="Add the files, correct the pattern, or take it out.",
    bad=Example("components:\n  training-code:\n    files: [src/train.py]\n"),
    good=Example(
        "components:\n  training-code:\n    files: [src]\n",
        {"src/train.py": "for step in range(3):\n    print(step)\n"},
    ),
    of_files=True,
)
def files_missing(rule: Rule, release: Release) -> Iterator[Finding]:
    """Patterns that match nothing, and files of the manifest that are not there."""
    for component in release.components:
        for pattern in component.files.unmatched[:20]:
            listed = release.origin is Origin.RESOLVED
            what = "is listed and not there" if listed else "matches no file"
            yield rule.finding(
                f"{printable(pattern)} {what}",
                location=release.location(f"components.{component.spec.id}.files"),
                component=component.spec.id,
            )
    for pointer, name in _named(release):
        matches = compile_glob(name, where=pointer).matches
        if name not in release.paths and not any(map(matches, release.paths)):
            yield rule.finding(
                f"{pointer} names {printable(name)}, which is not there",
                location=release.location(pointer),
            )


def _named(release: Release) -> Iterator[tuple[str, str]]:
    """What the description names beside components, and where; not what lies in another root.

    The lock file and the files of checkpoints are not among it: REP004 and CKP003 tell of them.
    """
    fields, training = release.description.fields, release.description.training
    named = [
        ("data.order", str(release.description.data.get("order", ""))),
        ("checkpoints.index", str(fields.get("checkpoints", {}).get("index", ""))),
    ]
    for field in ("configuration", "logs"):
        named += [(f"training.{field}[{i}]", str(p)) for i, p in enumerate(training.get(field, ()))]
    for i, source in enumerate(release.description.sources):
        named += [(f"data.sources[{i}].files[{j}]", p) for j, p in enumerate(source.files)]
    for i, result in enumerate(release.description.results):
        named.append((f"evaluation.results[{i}].results", result.results))
    roots = set(fields.get("roots", {}))
    told: set[str] = set()
    for pointer, name in named:
        if name and name not in told and name.partition(":")[0] not in roots:
            told.add(name)
            yield pointer, name


@rule(
    code="EXC001",
    name="exception-over",
    severity=Severity.WARNING,
    rationale="An exception is for a time and for a rule; one that is over, or names no rule, "
    "hides nothing and should not stay.",
    remedy="Take the exception out, or renew it with a reason.",
    bad=Example(
        "exceptions:\n  - {rule: SAF001, reason: Converting takes a week., expires: 2020-01-31}\n"
    ),
    good=Example("exceptions:\n  - {rule: SAF001, reason: The format is our subject.}\n"),
    exemptable=False,
)
def exception_over(rule: Rule, release: Release) -> Iterator[Finding]:
    """Exceptions that have expired, name no rule, or a rule that has no exceptions."""
    today = release.today.isoformat()
    for index, exception in enumerate(release.description.exceptions):
        where = release.location(f"exceptions[{index}]")
        known = find_rule(exception.rule)
        if known is None:
            yield rule.finding(f"{exception.rule} is not a rule", location=where)
        elif not known.exemptable:
            yield rule.finding(
                f"{exception.rule} has no exceptions: it protects readers of the description",
                location=where,
            )
        elif exception.expires and exception.expires < today:
            yield rule.finding(
                f"the exception from {exception.rule} expired on {exception.expires}",
                location=where,
            )
