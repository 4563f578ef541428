"""Where the rows of an index lead: to their own stage, and to places like the others'."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from manifest.display import printable
from manifest.lint.index_rows import Group, stage_number, step_of
from manifest.readers.checkpoint_index import IndexRow
from manifest.readers.checkpoint_names import facts_of, link_parts

__all__ = ["odd_links", "same_place", "stage_mistakes"]

_ENOUGH = 5
"""So many rows make a habit that another row can depart from."""
_SCHEMES = frozenset({"http", "https", "s3", "gs", "gcs", "hf", "r2", "az", "abfs", "file", "ftp",
                      "weka", "ipfs", "oci", "git+https", "ssh"})  # fmt: skip


def same_place(link: str) -> str:
    """A link as a key: scheme and host without case, no percent-encoding, no ``/`` at the end."""
    scheme, host, path = link_parts(link)
    scheme = "https" if scheme == "http" else scheme
    return f"{scheme}://{host}{path}" if scheme else path


def stage_mistakes(rows: Sequence[IndexRow]) -> Iterator[tuple[IndexRow, str]]:
    """Rows whose stage, ingredient or seed is not that of their label and link, and why."""
    words = {row.stage: _word(row.stage) for row in rows if row.stage}
    used = {r.stage for r in rows if r.stage and words[r.stage] in _parts(r.target)}
    known = frozenset(words[stage] for stage in used)
    for row in rows:
        text = _numbered(row) or (
            _worded(row, words[row.stage], known) if row.stage in used else ""
        )
        if text:
            yield row, text


def _numbered(row: IndexRow) -> str:
    """A stage, ingredient or seed whose number is another one in the label or the link."""
    for what, text in (("label", row.label), ("link", row.target)):
        if not text:
            continue
        facts = facts_of(text)
        stage = stage_number(row.stage) if row.stage else None
        if stage is not None and facts.stages and stage not in facts.stages:
            return f"the row is of stage {stage}, and its {what} names stage {facts.stages[-1]}"
        wanted = _ingredient(row)
        if wanted is not None and facts.ingredients and wanted not in facts.ingredients:
            return (
                f"the row is of ingredient {wanted}, and its {what} names ingredient "
                f"{facts.ingredients[-1]}"
            )
        seed = row.run.lower().removeprefix("seed").strip(" -_")
        if seed.isdecimal() and facts.seeds and int(seed[:18]) not in facts.seeds:
            return f"the row is of seed {seed}, and its {what} names seed {facts.seeds[-1]}"
    if row.label and row.target:
        label, link = facts_of(row.label), facts_of(row.target)
        for kind, a, b in (
            ("stage", label.stages, link.stages),
            ("ingredient", label.ingredients, link.ingredients),
            ("seed", label.seeds, link.seeds),
        ):
            if a and b and not set(a) & set(b):
                return f"its label names {kind} {a[-1]}, and its link {kind} {b[-1]}"
    return ""


def _ingredient(row: IndexRow) -> int | None:
    found = re.search(r"ingredient[-_ ]?([0-9]{1,4})$", row.stage.lower()) or re.fullmatch(
        r"(?:ingredient[-_ ]?)?([0-9]{1,4})", row.ingredient.strip().lower()
    )
    return int(found[1]) if found else None


def _worded(row: IndexRow, own: str, known: frozenset[str]) -> str:
    """A stage without a number, whose link has the word of another stage and not its own."""
    if stage_number(row.stage) is not None or not row.target:
        return ""
    parts = _parts(row.target)
    wrong = sorted((known - {own}) & parts)
    if wrong and own not in parts:
        return f"the row is of {printable(row.stage[:60])}, and its link names {wrong[0]}"
    return ""


def _parts(link: str) -> frozenset[str]:
    return frozenset(re.split(r"[^a-z0-9]+", link_parts(link)[2].lower()))


def _word(stage: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", stage.lower())


def odd_links(groups: Sequence[Group]) -> Iterator[tuple[IndexRow, str]]:
    """Links unlike the others: another scheme or host, another directory, or no address at all."""
    rows = [r for g in groups for r in g.rows if r.target and step_of(r) is not None]
    told: set[int] = set()
    for row, odd in _departing(rows, _origin):
        told.add(row.line)
        yield row, f"the link begins with {odd[0]}, and those of other rows with {odd[1]}"
    for row in rows:
        scheme, host, _ = link_parts(row.target)
        if scheme and row.line not in told:
            if not host:
                yield row, f"the link names no host: {printable(row.target[:200])}"
            elif scheme not in _SCHEMES:
                yield row, f"{printable(scheme)}: is not a known kind of address"
            elif "@" in host:
                yield row, "the link holds the name of an account"
            elif re.search(r"\s", row.target):
                yield row, "the link holds a space"
    for group in groups:
        mine = [r for r in group.rows if r.target and step_of(r) is not None and r.line not in told]
        if len(mine) >= 2 * _ENOUGH:
            for row, odd in _departing(mine, _parent):
                yield row, f"the link leads into {odd[0]}, and those of other rows into {odd[1]}"


def _departing(
    rows: Sequence[IndexRow], key: Callable[[str], str]
) -> Iterator[tuple[IndexRow, tuple[str, str]]]:
    """Rows whose key is not the one that nine of ten rows share; with both keys, printable."""
    keys = [key(row.target) for row in rows]
    if len(rows) < _ENOUGH:
        return
    usual, n = Counter(keys).most_common(1)[0]
    if n * 10 < len(rows) * 9 - 5 or n == len(rows):
        return
    for row, own in zip(rows, keys, strict=True):
        if own != usual:
            yield row, (printable(own[:120]) or "nothing", printable(usual[:120]) or "nothing")


def _origin(link: str) -> str:
    scheme, host, _ = link_parts(link)
    return f"{scheme}://{host}" if scheme else ""


def _parent(link: str) -> str:
    """The directories above the checkpoint's own; numbers of steps in them do not count."""
    path = link_parts(link)[2].rpartition("/")[0]
    return re.sub(r"step[-_]?[0-9]+", "step…", path)
