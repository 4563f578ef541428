"""A comparison as text: weights first, then terms, claims, components and files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from manifest.compare import (
    Change,
    ComponentChange,
    DiffReport,
    FieldChange,
    FileChange,
    SideInfo,
    TensorChange,
    WeightsChange,
    WeightsRelation,
)
from manifest.display import human_size, plural, printable
from manifest.render import Paint, plain

__all__ = ["render_diff"]

_MAX_LISTED = 20
_MAX_TENSORS = 10
_MAX_VALUE = 60
_MARKS = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~", Change.RENAMED: ">"}
_WORDS = {
    WeightsRelation.RENAMED: "the same weights in files of other names",
    WeightsRelation.RESHARDED: "the same weights, split over other files",
    WeightsRelation.REWRITTEN: "the same weights, in another order or under another header",
    WeightsRelation.CHANGED: "other weights",
    WeightsRelation.ADDED: "new weights",
    WeightsRelation.REMOVED: "weights that are gone",
}
T = TypeVar("T")


def render_diff(report: DiffReport, *, paint: Paint = plain) -> str:
    """The report as text that ends in a newline."""
    return "\n".join(_lines(report, paint)) + "\n"


def _lines(report: DiffReport, paint: Paint) -> Iterator[str]:
    yield f"{paint('before', 'dim')}  {_side(report.before)}"
    yield f"{paint('after', 'dim')}   {_side(report.after)}"
    yield _summary(report, paint)
    for heading, lines in (
        ("weights", [line for c in report.weights for line in _weights(c, paint)]),
        ("licenses", list(_first(report.licenses, _field))),
        ("claims", list(_first(report.claims, _field))),
        ("components", list(_first(report.components, _component))),
        ("files", list(_first(report.files, _file))),
    ):
        if lines:
            yield ""
            yield paint(heading, "bold")
            yield from lines


def _side(side: SideInfo) -> str:
    part = f", {side.selection} only" if side.selection else ""
    how = "hashed now" if side.built else "by its manifest, files not read"
    what = f"{side.name} {side.version}{part}"
    return printable(f"{what}  ({side.target}, {how})")


def _summary(report: DiffReport, paint: Paint) -> str:
    if report.is_same:
        same = f"{paint('SAME', 'good')}  {plural(report.files_same, 'file')}, nothing differs"
        # A manifest says what was published, and nothing of what lies beside it by now.
        unread = not (report.before.built and report.after.built)
        return f"{same}; `manifest verify` holds files against a manifest" if unread else same
    counts = [
        f"{len(found)} {word if len(found) == 1 else words}"
        for found, word, words in (
            (report.weights, "model", "models"),
            (report.licenses, "license field", "license fields"),
            (report.claims, "claim", "claims"),
            (report.components, "component", "components"),
            (report.files, "file", "files"),
        )
        if found
    ]
    return f"{paint('DIFFERENT', 'warn')}  {', '.join(counts)}"


def _first(items: Sequence[T], line: Any) -> Iterator[str]:
    for item in items[:_MAX_LISTED]:
        yield line(item)
    if len(items) > _MAX_LISTED:
        yield f"  and {len(items) - _MAX_LISTED:,} more; --format json lists them all"


def _weights(change: WeightsChange, paint: Paint) -> Iterator[str]:
    role = "good" if change.relation.is_same else "warn"
    before, after = _names(change.files_before), _names(change.files_after)
    where = f"{before} to {after}" if before and after and before != after else before or after
    yield f"  {where}: {paint(_WORDS[change.relation], role)}"
    if change.relation.is_same:
        yield f"    weights digest {change.digest_after}"
    if change.tensors:
        counts = Counter(t.kind for t in change.tensors)
        words = [f"{counts[k]:,} {k.value}" for k in Change if counts[k]]
        yield f"    tensors: {', '.join(words)}, {change.tensors_same:,} the same"
        for tensor in change.tensors[:_MAX_TENSORS]:
            yield f"    {_tensor(tensor)}"
        if len(change.tensors) > _MAX_TENSORS:
            yield f"    and {len(change.tensors) - _MAX_TENSORS:,} more; --format json lists them"


def _names(files: Sequence[str]) -> str:
    if not files:
        return ""
    more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
    return printable(files[0]) + more


def _tensor(change: TensorChange) -> str:
    text = f"{_MARKS[change.kind]} {printable(change.name)}"
    if change.new_name:
        return f"{text} is now {printable(change.new_name)}"
    before, after = (
        "" if shape is None else f"{dtype} {list(shape)}"
        for dtype, shape in (
            (change.dtype_before, change.shape_before),
            (change.dtype_after, change.shape_after),
        )
    )
    both = f"{before} to {after}" if before and after and before != after else before or after
    return f"{text}  {both}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return printable(text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…")


def _field(change: FieldChange) -> str:
    return f"  {printable(change.field)}: {_value(change.before)} to {_value(change.after)}"


def _component(change: ComponentChange) -> str:
    said = []
    if change.files_before is not None and change.files_after is not None:
        if change.files_before != change.files_after:
            said.append(f"{change.files_before:,} to {plural(change.files_after, 'file')}")
        elif change.files_differ:
            said.append("files differ")
    fields = [printable(f.field.removeprefix(f"components.{change.id}.")) for f in change.fields]
    if fields:
        said.append(f"says otherwise in {', '.join(fields[:5])}")
    return f"  {_MARKS[change.kind]} {printable(change.id)}{': ' if said else ''}{'; '.join(said)}"


def _file(change: FileChange) -> str:
    text = f"  {_MARKS[change.kind]} {printable(change.path)}"
    if change.new_path:
        return f"{text} is now {printable(change.new_path)}"
    sizes = [human_size(s) for s in (change.size_before, change.size_after) if s is not None]
    return f"{text}  ({' to '.join(dict.fromkeys(sizes))})"
