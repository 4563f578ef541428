"""A release at a glance, on one screen: who, what, under which terms, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import human_size, plural, printable
from manifest.document.description import Description
from manifest.lint.engine import LintReport
from manifest.lint.release import Origin, Release
from manifest.lint.verdict import Status
from manifest.render import Paint, plain
from manifest.render.lint_components import component_lines

__all__ = ["render_show", "signature_words"]

_STATUS = {Status.MET: "met", Status.NOT_MET: "not met", Status.UNDECIDED: "could not tell"}
_MAX_MISSING = 5


def render_show(
    release: Release,
    report: LintReport,
    *,
    signatures: tuple[str, ...],
    width: int = 80,
    paint: Paint = plain,
) -> str:
    """The release as text that ends in a newline.

    Args:
        release: The release.
        report: What lint said of it.
        signatures: What signatures there are, in words.
        width: Columns of the screen.
        paint: Gives each piece its colour.
    """
    title = printable(f"{report.name} {report.version}")
    lines = [paint(title, "bold")]
    lines += [_row(label, text, width, paint) for label, text in _facts(release, signatures)]
    lines += ["", *_verdict(report, width, paint)]
    if release.components:
        lines += ["", *component_lines(release.components, width, paint)]
    lines += _missing(report, width, paint)
    return "\n".join(lines) + "\n"


def _facts(release: Release, signatures: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    description = release.description
    who = printable(description.publisher)
    if release.origin is Origin.DRAFTED:
        who = " ".join(filter(None, [who, "(nobody described it: read from its files)"]))
    elif description.described_by != "publisher":
        who = " ".join(filter(None, [who, "(described by a third party)"]))
    if who:
        yield "by", who
    if summary := str(description.fields.get("summary", "")):
        yield "what", printable(summary)
    if model := _model(description):
        yield "model", model
    for base in description.base_models:
        relation = f"{base.relation} of " if base.relation else ""
        pinned = "" if base.is_pinned else ", not pinned"
        yield "base", printable(f"{relation}{base.name}{pinned}")
    yield "license", _license(release)
    files = release.source.files
    yield "files", f"{plural(len(files), 'file')}, {human_size(sum(f.size for f in files))}"
    yield "signed", "; ".join(signatures) or "no signature"


def _model(description: Description) -> str:
    model = description.model
    parts = [str(model[k]) for k in ("architecture",) if k in model]
    if "parameters" in model:
        parts.append(f"{_count(int(model['parameters']))} parameters")
    parts += [", ".join(map(str, model[k])) for k in ("tasks", "languages") if model.get(k)]
    return printable(" · ".join(parts))


def _count(number: int) -> str:
    for size, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:,}"


def _license(release: Release) -> str:
    weights = next(iter(release.of_kind("model-parameters-final")), None)
    described = printable(release.description.license)
    if weights is None:
        return described or "none named"
    own = printable(weights.license) or "none named"
    status = weights.assessment.status
    text = f"{own}: {'open' if weights.assessment.is_open else status.value.replace('-', ' ')}"
    if not weights.assessment.is_open and weights.assessment.reason:
        text += f", {printable(weights.assessment.reason)}"
    return text if own == described or not described else f"{text}; {described} for the rest"


def _verdict(report: LintReport, width: int, paint: Paint) -> Iterator[str]:
    yield _row("verdict", f"{report.verdict.value}, on this evidence", width, paint, role="good")
    claims = []
    if report.claim is not None and report.claim is not report.verdict:
        claims.append(f"claims {report.claim.value}")
    if report.declared_verdict.rank > report.verdict.rank:
        claims.append(f"by its declarations {report.declared_verdict.value}")
    if claims:
        yield _row("", ", ".join(claims), width, paint)
    mof = f"class {report.mof.mof_class.value}" if report.mof.mof_class else "no class"
    yield _row(
        "",
        f"MOF {mof} · OSAID {_STATUS[report.osaid.status]} · "
        f"EU open-source precondition {_STATUS[report.eu.status]}",
        width,
        paint,
    )


def _missing(report: LintReport, width: int, paint: Paint) -> Iterator[str]:
    if report.next_verdict is None or not report.missing:
        return
    yield ""
    yield f"missing for {paint(report.next_verdict.value, 'bold')}"
    for requirement in report.missing[:_MAX_MISSING]:
        text = printable(requirement.outcome.reason)
        yield f"  {paint(requirement.code, 'name')}  {_cut(text, width - 10)}"
    if len(report.missing) > _MAX_MISSING:
        yield f"  and {len(report.missing) - _MAX_MISSING} more: `manifest lint` has all"


def _row(label: str, text: str, width: int, paint: Paint, *, role: str = "") -> str:
    value = _cut(text, width - 12)
    return f"  {paint(f'{label:<8}', 'dim')}  {paint(value, role) if role else value}".rstrip()


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 1)]}…"


def signature_words(names: tuple[str, ...]) -> tuple[str, ...]:
    """What signatures there are, in words; nobody's word is taken for who made them."""
    if not names:
        return ()
    shown = ", ".join(map(printable, names))
    return (f"{shown}; `manifest verify --key PUB` checks it",)
