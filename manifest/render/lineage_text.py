"""A lineage as text: a tree of links, the terms that stay, what is wrong, and a last word."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.lineage import (
    Ancestor,
    Carried,
    Lineage,
    Link,
    LinkStatus,
    SharedTensors,
)
from manifest.render import Paint, plain

__all__ = ["render_lineage"]

_ROLES = {
    LinkStatus.PROVEN: "good",
    LinkStatus.REPORTED: "warn",
    LinkStatus.UNPROVEN: "warn",
    LinkStatus.UNDECIDED: "bad",
    LinkStatus.MISMATCH: "bad",
}
_STATUS = {LinkStatus.UNDECIDED: "could not tell"}
_MAX_TERMS = 4


def render_lineage(
    lineage: Lineage, *, width: int = 80, paint: Paint = plain, checked: bool = False
) -> str:
    """The lineage as text that ends in a newline.

    Args:
        lineage: What the walk found.
        width: Columns of the screen.
        paint: Gives each piece its colour.
        checked: Whether signatures were looked at.
    """
    lines = list(_release(lineage.release, checked, paint))
    lines += _below(lineage.release, "", width, checked, paint)
    if lineage.carried:
        lines += ["", paint("terms that stay with it", "bold")]
        for carried in lineage.carried:
            lines += _carried(carried, width)
    if lineage.problems:
        lines += ["", paint("wrong", "bad")]
        for problem in lineage.problems:
            lines += _wrapped(problem.message, "  ", width)
            if problem.remedy:
                lines += _wrapped(f"remedy: {problem.remedy}", "    ", width)
    lines += ["", _last_word(lineage, paint)]
    for place in lineage.unused:
        lines.append(f"not used: {printable(place)} is nobody's parent here")
    return "\n".join(lines) + "\n"


def _release(release: Ancestor, checked: bool, paint: Paint) -> Iterator[str]:  # noqa: FBT001 - private
    title = printable(" ".join(filter(None, [release.name, release.version])))
    origin = "" if release.origin != "drafted" else ", described by nobody"
    yield f"{paint(title, 'bold')}  {paint(f'{printable(release.place)}{origin}', 'dim')}"
    yield f"  {_license(release)}"
    if checked and release.directory is not None:
        signer = release.signer and f"signed by {printable(release.signer)}"
        yield f"  {paint(signer, 'good') if signer else paint('not verified', 'bad')}"


def _license(release: Ancestor) -> str:
    if not release.license:
        return "no license is named for its weights"
    words = "open" if release.assessment.is_open else printable(release.assessment.reason)
    return f"weights under {printable(release.license)}: {words}"


def _below(
    release: Ancestor,
    indent: str,
    width: int,
    checked: bool,  # noqa: FBT001 - private
    paint: Paint,
) -> Iterator[str]:
    for index, link in enumerate(release.links):
        is_last = index == len(release.links) - 1
        yield f"{indent}│"
        head, rest = (
            f"{indent}{'└' if is_last else '├'}─ ",
            f"{indent}{' ' if is_last else '│'}  ",
        )
        yield head + _named(link, paint)
        status = _STATUS.get(link.status, link.status.value)
        words = _wrapped(f"{status}: {printable(link.detail)}", "", width - len(rest))
        yield rest + paint(status, _ROLES[link.status]) + words[0].removeprefix(status)
        yield from (rest + line for line in words[1:])
        if link.tensors is not None:
            yield from (rest + t for t in _wrapped(_tensors(link.tensors), "", width - len(rest)))
        if link.parent is not None:
            yield from (rest + line for line in _release(link.parent, checked, paint))
            if link.status is LinkStatus.UNPROVEN:
                yield from (rest + line for line in _how_to_pin(link, link.parent))
            yield from _below(link.parent, rest, width, checked, paint)
        elif link.license:
            yield f"{rest}  weights under {printable(link.license)}, says {printable(release.name)}"


def _named(link: Link, paint: Paint) -> str:
    relation = {"": "made from", "distilled": "distilled from", "merge": "merge of"}.get(
        link.relation, f"{link.relation} of"
    )
    return f"{relation} {paint(printable(link.name), 'name')}"


def _tensors(shared: SharedTensors) -> str:
    if shared.same == shared.total:
        return f"its {plural(shared.total, 'tensor')}, by both manifests: all are the parent's"
    rest = shared.total - shared.same - shared.shaped
    parts = [f"{shared.same:,} are the parent's", f"{shared.shaped:,} have other values"]
    if rest:
        parts.append(f"{rest:,} are not in it under this name and shape")
    return f"its {plural(shared.total, 'tensor')}, by both manifests: {', '.join(parts)}"


def _how_to_pin(link: Link, parent: Ancestor) -> Iterator[str]:
    """The lines that would prove the link, if this is the parent that is meant."""
    if parent.manifest_sha256:
        name = printable(parent.name)
        yield f"  to name this one, under {link.pointer}:"
        yield f"    reference: {{type: manifest, name: {name}, sha256: {parent.manifest_sha256}}}"
    elif parent.revision:
        yield f"  to name this one, under {link.pointer}:"
        yield f"    reference: {{type: huggingface, repo: {printable(link.name)}, revision: {parent.revision}}}"


def _carried(carried: Carried, width: int) -> Iterator[str]:
    through = f", through {printable(' and '.join(carried.through))}" if carried.through else ""
    whence = {"itself": "", "the release": ", as the release says", "its name": ", by its name"}
    outputs = ", on models made with its outputs" if carried.by_outputs else ""
    yield (
        f"  {printable(carried.name)}{through}: {printable(carried.license)}"
        f"{whence[carried.whence]}{outputs}"
    )
    for words in carried.terms[:_MAX_TERMS]:
        yield from _wrapped(f"- {printable(words)}", "    ", width)
    if len(carried.terms) > _MAX_TERMS:
        yield f"    and {len(carried.terms) - _MAX_TERMS} more"


def _last_word(lineage: Lineage, paint: Paint) -> str:
    links = [link for _, link in lineage.links]
    if not links:
        return "it names no model that it was made from"
    proven = sum(link.status is LinkStatus.PROVEN for link in links)
    rest = ", ".join(
        f"{count} {_STATUS.get(status, status.value)}"
        for status in LinkStatus
        if status is not LinkStatus.PROVEN
        and (count := sum(link.status is status for link in links))
    )
    words = f"{proven} of {plural(len(links), 'link')} proven" + (f", {rest}" if rest else "")
    if any(
        link.status is not LinkStatus.PROVEN and link.parent and link.parent.links for link in links
    ):
        words += "; what stands below a link that is not proven hangs on it"
    good = proven == len(links) and not lineage.problems
    return paint(words, "good" if good else "bold")


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=f"{indent}  " if indent else "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
