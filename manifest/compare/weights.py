"""The weights of two sides compared: the same under other names, or which tensors differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from manifest.compare.report import Change, TensorChange, WeightsChange, WeightsRelation
from manifest.compare.sides import Side
from manifest.document.manifest_weights import ManifestTensor, WeightsSet

__all__ = ["compare_weights"]

_ALIKE = 0.5  # the share of tensors' names from which two models are versions of one


def compare_weights(before: Side, after: Side) -> tuple[tuple[WeightsChange, ...], int]:
    """The weights that differ or moved, and how many models have the same weights in both."""
    old, new = list(before.weights), list(after.weights)
    same: list[tuple[WeightsSet, WeightsSet]] = []
    # By the same names first: of two copies of one model, each stays with its own.
    for by_name in (True, False):
        for one in list(old):
            other = next(
                (
                    o
                    for o in new
                    if (o.format, o.weights_digest) == (one.format, one.weights_digest)
                    and (not by_name or before.names_of(one) == after.names_of(o))
                ),
                None,
            )
            if other is not None:
                same.append((one, other))
                old.remove(one)
                new.remove(other)
    changes = [c for one, other in same if (c := _same(before, after, one, other)) is not None]
    for one, other in _versions(before, after, old, new):
        old.remove(one)
        new.remove(other)
        tensors = tuple(_tensors(one, other))
        gone = sum(1 for t in tensors if t.kind is not Change.ADDED)
        left = one.tensor_count - gone
        changes.append(_change(WeightsRelation.CHANGED, before, after, one, other, left, tensors))
    changes += (_change(WeightsRelation.REMOVED, before, after, one, None) for one in old)
    changes += (_change(WeightsRelation.ADDED, before, after, None, one) for one in new)
    return tuple(sorted(changes, key=lambda c: c.files_before or c.files_after)), len(same)


def _change(
    relation: WeightsRelation,
    before: Side,
    after: Side,
    one: WeightsSet | None,
    other: WeightsSet | None,
    tensors_same: int = 0,
    tensors: tuple[TensorChange, ...] = (),
) -> WeightsChange:
    return WeightsChange(
        relation,
        files_before=() if one is None else before.names_of(one),
        files_after=() if other is None else after.names_of(other),
        digest_before="" if one is None else one.weights_digest,
        digest_after="" if other is None else other.weights_digest,
        tensors_same=tensors_same,
        tensors=tensors,
    )


def _same(before: Side, after: Side, one: WeightsSet, other: WeightsSet) -> WeightsChange | None:
    """How the same weights lie otherwise; None when they lie as they did."""
    names = before.names_of(one), after.names_of(other)
    # The header and each tensor at its place: what makes the content of a file.
    content = [sorted((f.digests, f.ranges) for f in s.files) for s in (one, other)]
    if content[0] == content[1]:
        if names[0] == names[1]:
            return None
        relation = WeightsRelation.RENAMED
    elif _split(one) == _split(other):
        relation = WeightsRelation.REWRITTEN
    else:
        relation = WeightsRelation.RESHARDED
    return _change(relation, before, after, one, other, one.tensor_count)


def _split(weights: WeightsSet) -> set[frozenset[str]]:
    return {frozenset(t.name for t in file.tensors) for file in weights.files}


def _versions(
    before: Side, after: Side, old: list[WeightsSet], new: list[WeightsSet]
) -> Iterator[tuple[WeightsSet, WeightsSet]]:
    """Pairs that are versions of one model: by the name of a file, else by names of tensors."""
    left, free = list(old), list(new)
    for one in list(left):
        names = set(before.names_of(one))
        other = next(
            (o for o in free if o.format == one.format and names & set(after.names_of(o))), None
        )
        if other is not None:
            left.remove(one)
            free.remove(other)
            yield one, other
    shares = {id(s): {t.name for _, t in s.tensors} for s in (*left, *free)}
    for one in left:
        scored = [(_alike(shares[id(one)], shares[id(o)]), o) for o in free]
        alike = [(score, o) for score, o in scored if score >= _ALIKE]
        if alike:
            _, other = max(alike, key=lambda pair: pair[0])
            free.remove(other)
            yield one, other


def _alike(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(len(one | other), 1)


def _tensors(before: WeightsSet, after: WeightsSet) -> Iterator[TensorChange]:
    """The tensors that differ, by name; one that only changed its name is told as that."""
    old, new = ({t.name: t for _, t in s.tensors} for s in (before, after))
    renamed = dict(_renamed(old, new))
    taken = set(renamed.values())
    for name in sorted(old.keys() | new.keys(), key=str.encode):
        was, now = old.get(name), new.get(name)
        if was is not None and now is not None:
            if _content(was) != _content(now):
                yield _tensor(Change.CHANGED, was, now)
        elif was is not None and name in renamed:
            yield _tensor(Change.RENAMED, was, new[renamed[name]])
        elif was is not None:
            yield _tensor(Change.REMOVED, was, None)
        elif now is not None and name not in taken:
            yield _tensor(Change.ADDED, None, now)


def _content(tensor: ManifestTensor) -> tuple[str, tuple[int, ...], str]:
    return tensor.dtype, tensor.shape, tensor.blake3


def _renamed(
    old: Mapping[str, ManifestTensor], new: Mapping[str, ManifestTensor]
) -> Iterator[tuple[str, str]]:
    """Tensors that went, each with an equal one that came; empty ones are not paired."""
    places: dict[tuple[str, tuple[int, ...], str], list[str]] = {}
    for name in sorted(new.keys() - old.keys(), reverse=True):
        places.setdefault(_content(new[name]), []).append(name)
    for name in sorted(old.keys() - new.keys()):
        there = places.get(_content(old[name]), [])
        if there and old[name].end > old[name].start:
            yield name, there.pop()


def _tensor(kind: Change, was: ManifestTensor | None, now: ManifestTensor | None) -> TensorChange:
    first = was or now
    assert first is not None  # noqa: S101 - one of the two is there; tells the type checker
    return TensorChange(
        kind,
        first.name,
        now.name if kind is Change.RENAMED and now is not None else "",
        "" if was is None else was.dtype,
        "" if now is None else now.dtype,
        None if was is None else was.shape,
        None if now is None else now.shape,
    )
