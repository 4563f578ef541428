"""What is wrong with the checkpoints of a release, whatever names them (spec/checkpoints.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from manifest.display import printable
from manifest.document.manifest_checkpoints import ResolvedCheckpoint
from manifest.findings import Finding, Location
from manifest.lint.chain import list_problems
from manifest.lint.checkpoint_list import bulk_problems
from manifest.lint.indexes import index_findings
from manifest.lint.rule import find_rule
from manifest.readers.checkpoint_names import link_parts

__all__ = ["checkpoint_findings"]


def checkpoint_findings(
    checkpoints: Sequence[ResolvedCheckpoint],
    entries: int,
    index: tuple[bytes, str] | None,
    finals: Mapping[str, int] | None = None,
) -> tuple[Finding, ...]:
    """Gaps, duplicates, steps and tokens that disagree, data that overlaps or leaves holes, copies.

    Args:
        checkpoints: All of them.
        entries: How many of them, the first ones, were written one by one.
        index: The bytes of the index and its name; None without one.
        finals: As `index_findings` takes them.
    """
    found = list(index_findings(*index, finals)) if index is not None else []
    found += (_finding(p.kind.value, p.message) for p in bulk_problems(checkpoints[entries:]))
    found += (_finding("CKP003", p.message) for p in list_problems(checkpoints, entries))
    found += (_finding("CKP003", text) for text in _other_digests(checkpoints))
    found += (_finding("CKP003", text) for text in _places_outside(checkpoints))
    found += (_finding("CKP015", text) for text in _copies(checkpoints))
    return tuple(found)


def _finding(rule: str, message: str) -> Finding:
    found = find_rule(rule)
    if found is None:
        raise AssertionError(f"no rule is called {rule}")
    return found.finding(message, location=Location("checkpoints"))


def _other_digests(checkpoints: Sequence[ResolvedCheckpoint]) -> Iterator[str]:
    for one in checkpoints:
        digests = {file.sha256 for file in one.files}
        if one.listed_sha256 and digests and one.listed_sha256 not in digests:
            yield (
                f"{printable(one.name)}: the index lists the SHA-256 {one.listed_sha256}, which "
                "none of its files has"
            )


def _places_outside(checkpoints: Sequence[ResolvedCheckpoint]) -> Iterator[str]:
    """Places in an index that are no address, and lead to somebody's own directories."""
    for one in checkpoints:
        scheme, _, path = link_parts(one.location)
        if not scheme and path and (path.startswith("/") or ".." in path.split("/")):
            yield f"{printable(one.name)}: its place {printable(path[:200])} leads out of the release"


def _copies(checkpoints: Sequence[ResolvedCheckpoint]) -> Iterator[str]:
    """Different steps of one stage with the same weights, by digests that stand in the manifest."""
    seen: dict[tuple[str, str], ResolvedCheckpoint] = {}
    for one in checkpoints:
        digest = one.weights_digest or one.listed_sha256
        if not digest:
            continue
        first = seen.setdefault((one.stage, digest), one)
        if first is not one and (first.step, first.ordinal) != (one.step, one.ordinal):
            yield f"{printable(one.name)} has the very weights of {printable(first.name)}"
