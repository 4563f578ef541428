"""A verification as text: the answer first, then who, then what differs, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from manifest.display import human_size, plural, printable
from manifest.errors import ExitCode
from manifest.render import Paint, plain
from manifest.verify.report import (
    CarriedStatement,
    FileProblem,
    InventorySample,
    Mode,
    ProblemKind,
    SignerInfo,
    StepStatus,
    TensorDamage,
    VerifyReport,
)

__all__ = ["render_verify"]

_MAX_LISTED = 20
_MAX_TENSORS = 5

_WORDS = {
    ProblemKind.CHANGED: "changed",
    ProblemKind.MISSING: "missing",
    ProblemKind.ADDED: "added",
    ProblemKind.RENAMED: "renamed",
    ProblemKind.LINK: "link",
    ProblemKind.SPECIAL: "special",
    ProblemKind.HIDDEN: "hidden",
    ProblemKind.STRAY: "stray",
    ProblemKind.NOT_COVERED: "not covered",
}


def render_verify(report: VerifyReport, *, paint: Paint = plain, quiet: bool = False) -> str:
    """The report as text that ends in a newline.

    Args:
        report: What was found.
        paint: Gives each piece its colour.
        quiet: Only the first line, and what it leaves out: what is not covered, not checked or
            ignored, and warnings.
    """
    lines = [_headline(report, paint), *(_remarks if quiet else _body)(report, paint)]
    return "\n".join(lines) + "\n"


def _headline(report: VerifyReport, paint: Paint) -> str:
    what = printable(" ".join(p for p in (report.name, report.version) if p) or report.target)
    if report.refusal:
        return f"{paint('NOT TRUSTED', 'bad')}  {what}: {printable_lines(report.refusal)}"
    if report.undecided_reason:
        return f"{paint('NO ANSWER', 'bad')}  {what}: {printable_lines(report.undecided_reason)}"
    nobody = "nobody is vouched for: " if report.mode is Mode.INTEGRITY else ""
    if report.problems:
        return f"{paint('NOT VERIFIED', 'bad')}  {what}: {nobody}{_counts(report)}"
    if report.undecided:
        n = plural(len(report.undecided), "file")
        fetched = all(u.not_fetched for u in report.undecided)
        why = "not fetched" if fetched else "not readable as signed"
        return f"{paint('NO ANSWER', 'bad')}  {what}: {nobody}{n} {why}"
    if report.mode is Mode.INTEGRITY:
        against = "the release's own list, which anyone could have written"
        return (
            f"{paint('NOBODY IS VOUCHED FOR', 'warn')}  {what}: no key was given; "
            f"{_files(report)} match {against}"
        )
    if report.findings:
        return f"{paint('FINDINGS', 'warn')}  {what}: the files are as signed, the claims are not"
    word = "VERIFIED IN PART" if report.part or report.not_checked else "VERIFIED"
    verb = "is exactly" if report.files_checked + report.tensors_checked == 1 else "are exactly"
    return f"{paint(word, 'good')}  {what}: {_files(report)} {verb} what was signed"


def _files(report: VerifyReport) -> str:
    size = ", ".join([human_size(report.bytes_checked), *report.digests])
    if report.files_remembered:
        size += f"; {report.files_remembered:,} not read"
    if report.tensors_checked:
        return f"{plural(report.tensors_checked, 'tensor')} ({size}; {printable(report.part)})"
    if report.part:
        return f"{plural(report.files_checked, 'file')} ({size}; {printable(report.part)})"
    if report.not_checked:
        return f"{plural(report.files_checked, 'file')} ({size})"
    every = "the 1 file" if report.files_checked == 1 else f"all {report.files_checked:,} files"
    return f"{every} ({size})"


def _counts(report: VerifyReport) -> str:
    counts = Counter(p.kind for p in report.problems)
    return ", ".join(f"{counts[k]:,} {_WORDS[k]}" for k in ProblemKind if counts[k])


def _body(report: VerifyReport, paint: Paint) -> Iterator[str]:
    if report.refusal or report.undecided_reason:
        if report.refusal_remedy:
            yield f"  remedy: {printable_lines(report.refusal_remedy)}"
    elif report.mode is Mode.INTEGRITY and not report.integrity_only:
        yield "  give --key PUB, --root PEM or --identity NAME to learn who signed; --integrity-only accepts this"
    yield from _said(report, paint)
    for step in report.steps:
        if step.name == "policy" and step.status is StepStatus.OK:
            yield _row("policy", f"accepted by {printable(step.detail)}", paint)
    if report.root_digest and not report.refusal:
        yield _row("root", f"sha256 {report.root_digest}", paint)
    if report.digests_not_compared and not report.refusal:
        other = " and ".join(report.digests_not_compared)
        by = " and ".join(report.digests)
        yield _row("compared", f"{by} of every file; {other} with --digest both", paint)
    yield from _problems(report, paint)
    for item in report.undecided[:_MAX_LISTED]:
        label = "not fetched" if item.not_fetched else "no answer"
        yield _row(label, f"{printable(item.path)}{_hurts(item.components)}", paint, "bad")
        if not item.not_fetched or "pointer" not in item.reason:
            yield f"{'':14}{printable(item.reason)}"
    if len(report.undecided) > _MAX_LISTED:
        yield _more(len(report.undecided))
    if any(u.not_fetched for u in report.undecided):
        yield "  remedy: fetch the large files first, as with `git lfs pull`"
    for finding in report.findings:
        yield _row("finding", printable(finding), paint, "warn")
    yield from _remarks(report, paint)


def _said(report: VerifyReport, paint: Paint) -> Iterator[str]:
    """Who signed, and what else is said of the release by whom."""
    for signer in (report.signer, *report.also_signed_by):
        if signer is not None:
            label = "signed by" if signer is report.signer else "also by"
            yield _row(label, _signer(signer), paint)
    for statement in report.statements:
        yield from _statement(statement, paint)
    if report.replays:
        from manifest.document.replay_statement import reproduction_of  # for few releases

        found = reproduction_of(report.replays)
        if found.signers:
            yield _row("reproduced", f"by {found.in_words}", paint, "good")
        if found.differing:
            yield _row("DIFFERS", f"when repeated: {found.differing_in_words}", paint, "bad")


def _statement(statement: CarriedStatement, paint: Paint) -> Iterator[str]:
    """A statement that lies beside the signatures: what it is, by whom, and of what."""
    kind = statement.title or f"of a kind not known here, {printable(statement.predicate_type)}"
    detail = f": {printable(statement.detail)}" if statement.detail else ""
    yield _row("statement", f"{kind}{detail}", paint, "dim" if statement.counts else "warn")
    by = f"by {_signer(statement.signer)}" if statement.signer else "by a signer you did not name"
    where = "" if statement.signer else f", in {printable(statement.path)}"
    of = f"of {statement.subject}" if statement.subject else "of something else"
    yield f"{'':14}{by}{where}; {of}{'' if statement.counts else '; it does not count'}"


def _remarks(report: VerifyReport, paint: Paint) -> Iterator[str]:
    refused = any(p.kind is ProblemKind.NOT_COVERED for p in report.problems)
    not_covered = () if refused else report.not_covered
    for path in not_covered[:_MAX_LISTED]:
        yield _row("not covered", printable(path), paint, "warn")
    if len(not_covered) > _MAX_LISTED:
        yield _more(len(not_covered))
    for path in report.ignored:
        yield _row("ignored", f"{printable(path)} (as you asked)", paint, "warn")
    if report.files_remembered:
        read = f"{plural(report.files_remembered, 'file')} ({human_size(report.bytes_remembered)})"
        why = "left alone since this machine hashed it, and remembered"
        if report.files_remembered > 1:
            why = "left alone since this machine hashed them, and remembered"
        yield _row("not read", f"{read}, {why}", paint, "warn")
    for sample in report.samples:
        yield from _sample(sample, paint)
    for text in report.not_checked:
        yield _row("not checked", printable(text), paint, "warn")
    for text in report.warnings:
        yield _row("warning", printable(text), paint, "warn")
    if report.exit_code is ExitCode.OK and report.not_covered:
        yield "  not covered: no signature speaks for it; --strict refuses it"


def _sample(sample: InventorySample, paint: Paint) -> Iterator[str]:
    text = (
        f"{printable(sample.directory)}: the bytes of {sample.sampled:,} of "
        f"{plural(sample.files, 'file')}, chosen at random; names and sizes of all"
    )
    yield _row("sampled", text, paint, "warn")
    for miss in sample.misses:
        share = f"{miss.share:.1%} of the files ({miss.damaged:,})" if miss.share else "1 file"
        yield (
            f"{'':14}had {share} been changed, this sample would have missed it "
            f"with probability {miss.probability:.3g}"
        )


def _problems(report: VerifyReport, paint: Paint) -> Iterator[str]:
    for problem in report.problems[:_MAX_LISTED]:
        yield _row(
            _WORDS[problem.kind],
            f"{printable(problem.path)}{_hurts(problem.components)}",
            paint,
            "bad",
        )
        if problem.renamed_to:
            yield f"{'':14}is now {printable(problem.renamed_to)}"
        if problem.detail:
            yield f"{'':14}{printable(problem.detail)}"
        if problem.damage is not None:
            yield from _damage(problem.damage)
        yield from _digests(problem)
    if len(report.problems) > _MAX_LISTED:
        yield _more(len(report.problems))


def _damage(damage: TensorDamage) -> Iterator[str]:
    if damage.header:
        yield f"{'':14}the header differs: it says where tensors begin and what they are"
    bad, of = len(damage.tensors), plural(damage.checked, "tensor")
    if bad:
        shown = ", ".join(map(printable, damage.tensors[:_MAX_TENSORS]))
        more = f", and {bad - _MAX_TENSORS:,} more" if bad > _MAX_TENSORS else ""
        yield f"{'':14}tensors that differ ({bad:,} of {damage.checked:,}): {shown}{more}"
    elif damage.header:
        yield f"{'':14}{of} where the manifest has them: as signed"
    else:
        yield f"{'':14}header and {of} are as signed: the damage lies between or after them"


def _digests(problem: FileProblem) -> Iterator[str]:
    sides = (
        ("expected", problem.expected_digest, problem.expected_size),
        ("found", problem.found_digest, problem.found_size),
    )
    for label, digest, size in sides:
        parts = [f"{problem.algorithm} {digest}"] if digest else []
        if size is not None:
            parts.append(f"{size:,} bytes")
        if parts:
            yield f"{'':14}{label:<9}{', '.join(parts)}"


def _hurts(components: tuple[str, ...]) -> str:
    return f"  (hurts {', '.join(components)})" if components else ""


def _more(total: int) -> str:
    return f"  and {total - _MAX_LISTED:,} more; --format json lists them all"


def _row(label: str, text: str, paint: Paint, role: str = "dim") -> str:
    return f"  {paint(f'{label:<12}', role)}{text}"


def _signer(signer: SignerInfo) -> str:
    where = f", in {printable(signer.signature)}" if signer.signature else ""
    if signer.signed_before:
        where += f", before {signer.signed_before}"
    if signer.method == "key":
        return f"key {signer.fingerprint} ({signer.kind}){where}"
    if signer.method == "sigstore":
        return (
            f"{printable(signer.identity)}, vouched for by {printable(signer.issuer)} "
            f"({signer.kind}){where}"
        )
    names = f" ({', '.join(map(printable, signer.names))})" if signer.names else ""
    return (
        f"{printable(signer.identity)}{names}, certified by {printable(signer.issuer)} "
        f"({signer.kind}){where}"
    )


def printable_lines(text: str) -> str:
    """``text`` made safe to show, its line breaks kept."""
    return "\n".join(printable(line) for line in text.split("\n"))
