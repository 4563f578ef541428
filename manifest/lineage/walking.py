"""The walk from a release to those that it was made from (spec/lineage.md, "Walking")."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from manifest.display import printable
from manifest.document.description import BaseModel
from manifest.document.references import ReferenceType
from manifest.errors import DocumentError, UndecidedError
from manifest.licenses import assess
from manifest.lineage.proving import examine, pins_of, shared_tensors
from manifest.lineage.releases import DRAFTED, KnownRelease, open_release
from manifest.lineage.report import (
    Ancestor,
    Lineage,
    LineageProblem,
    Link,
    LinkStatus,
    ProblemKind,
)
from manifest.lineage.terms import carried_terms, license_problems
from manifest.sources.targets import HubTarget, is_repository

__all__ = ["MAX_DEPTH", "MAX_LINKS", "Checked", "Checker", "trace"]

MAX_DEPTH = 32
"""The longest chain that is walked."""
MAX_LINKS = 512
"""The most links that are walked in all: merges of merges multiply."""


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """What verification said of a release: who signed it, or why nobody is believed to have."""

    signer: str = ""
    problem: LineageProblem | None = None


Checker: TypeAlias = Callable[[Path], Checked]
"""Verifies the release in a directory."""


def trace(
    target: Path | HubTarget,
    *,
    parents: Sequence[Path | HubTarget] = (),
    online: bool = False,
    offline: bool = False,
    strict: bool = False,
    check: Checker | None = None,
) -> Lineage:
    """Walk from a release along its parents, and carry their licenses along.

    Args:
        target: The release: a directory, or a repository of a hub.
        parents: Where releases lie that may be among its ancestors. Which of them is whose parent
            follows from what each names.
        online: Whether to read on the hub the parents that are named by it and not among these.
        offline: Whether to refuse a hub as ``target`` and in ``parents``.
        strict: Whether a link that is not proven fails.
        check: Verifies a release in a directory; when None, signatures are not looked at.

    Raises:
        UsageError: No such directory.
        DocumentError: The description or the manifest of ``target`` or of one of ``parents`` is
            not valid.
        UndecidedError: One of them cannot be read.
    """
    start = open_release(target, offline=offline, as_parent=False)
    known = [open_release(parent, offline=offline, as_parent=True) for parent in parents]
    walk = _Walk(known, online=online, check=check)
    release = walk.ancestor(start, ())
    carried = tuple(carried_terms(release))
    problems = [*walk.problems, *license_problems(release)]
    unused = tuple(one.place for one in known if one not in walk.met)
    return Lineage(release, carried, tuple(dict.fromkeys(problems)), unused, strict)


class _Walk:
    """One walk: what may be met on it, and what was wrong so far."""

    def __init__(self, known: list[KnownRelease], *, online: bool, check: Checker | None) -> None:
        self._known = known
        self._check = check
        self._checked: dict[Path, Checked] = {}
        self._online = online
        self._fetched: dict[HubTarget, KnownRelease] = {}
        self._links = 0
        self.met: set[KnownRelease] = set()
        self.problems: list[LineageProblem] = []

    def ancestor(self, release: KnownRelease, above: tuple[KnownRelease, ...]) -> Ancestor:
        """A release with all that it was made from; ``above`` are those that led to it."""
        manifest = release.manifest
        path = (*above, release)
        return Ancestor(
            name=release.description.name,
            version="" if release.origin == DRAFTED else release.description.version,
            place=release.place,
            origin=release.origin,
            license=release.license,
            assessment=assess(release.license, "data", name=release.license_name),
            manifest_sha256=release.manifest_sha256,
            weights_digests=tuple(s.weights_digest for s in manifest.weights) if manifest else (),
            revision=release.revision,
            directory=release.directory,
            signer=self._signer(release),
            links=tuple(
                self._link(base, index, path)
                for index, base in enumerate(release.description.base_models)
            ),
        )

    def _signer(self, release: KnownRelease) -> str:
        """Who signed a release that lies in a directory; empty when nobody who is trusted did."""
        if self._check is None or release.directory is None:
            return ""
        if release.directory not in self._checked:
            checked = self._checked[release.directory] = self._check(release.directory)
            if checked.problem is not None:
                self.problems.append(checked.problem)
        return self._checked[release.directory].signer

    def _link(self, base: BaseModel, index: int, path: tuple[KnownRelease, ...]) -> Link:
        child = path[-1]
        link = Link(
            base.name,
            base.relation,
            f"base_models[{index}]",
            pins_of(base),
            LinkStatus.UNPROVEN,
            license=base.license,
        )
        self._links += 1
        if self._links > MAX_LINKS or len(path) > MAX_DEPTH:
            self._tell(
                ProblemKind.TOO_LONG,
                f"the lineage has more than {MAX_LINKS} links, or a chain of more than "
                f"{MAX_DEPTH}: the rest was not walked",
                "ask for the lineage of one of its parents",
            )
            return dataclasses.replace(link, detail="was not walked: the lineage is too large")
        try:
            found = self._find(base)
            if found is None:
                return dataclasses.replace(link, detail=self._why_not(base, link))
            self.met.add(found)
            status, by, detail = examine(base, found)
        except (UndecidedError, DocumentError) as error:
            self._tell(
                ProblemKind.UNREADABLE,
                f"{printable(base.name)}, named by {printable(child.description.name)}: "
                f"{error.message}",
                error.remedy,
            )
            return dataclasses.replace(
                link, status=LinkStatus.UNDECIDED, detail=f"could not be read: {error.message}"
            )
        link = dataclasses.replace(link, status=status, proven_by=by, detail=detail)
        if status is LinkStatus.MISMATCH:
            self._tell(
                ProblemKind.MISMATCH,
                f"{printable(found.place)} is not the {printable(base.name)} that "
                f"{printable(child.description.name)} names: {detail}",
                "give the release that is meant, or correct what names it",
            )
            return link
        if any(found is one for one in path):
            self._tell(
                ProblemKind.CYCLE,
                f"{printable(child.description.name)} names {printable(base.name)} as its base, "
                "which was made from it by what the releases between say",
                "correct base_models in the one that came first",
            )
            return dataclasses.replace(link, detail="was made from this release, by its own words")
        tensors = shared_tensors(base, child, found)
        if tensors is not None and base.relation == "distilled":
            self._tell(
                ProblemKind.UNLIKE,
                f"{tensors.same:,} of {tensors.total:,} tensors of "
                f"{printable(child.description.name)} are those of {printable(base.name)}, from "
                "which it says to be distilled: the terms of those weights stay with them",
                "correct the relation, or the base model",
            )
        elif tensors is not None and not tensors.same and not tensors.shaped:
            self._tell(
                ProblemKind.UNLIKE,
                f"no tensor of {printable(child.description.name)} has the name and shape of one "
                f"of {printable(base.name)}, of which it says to be a {base.relation}",
                "correct the relation, or the base model",
            )
        return dataclasses.replace(link, tensors=tensors, parent=self.ancestor(found, path))

    def _find(self, base: BaseModel) -> KnownRelease | None:
        """The release that a parent's name most likely means; None when there is none here."""
        reference = base.reference
        names = {base.name.casefold()}
        if reference is not None:
            names.add(reference.target.casefold())
            for one in self._known:
                if (
                    reference.type is ReferenceType.MANIFEST
                    and one.manifest_sha256 == reference.pin
                ):
                    return one
        by_name = [one for one in self._known if names & one.names]
        if reference is not None and reference.pin:
            # Of two releases of one name, the one at the revision that is named.
            by_name.sort(key=lambda one: one.revision != reference.pin)
        if base.weights_digest:
            others = [one for one in self._known if one not in by_name]
            for one in (*by_name, *others):
                if one.has_weights(base.weights_digest):
                    return one
        if by_name:
            return by_name[0]
        tails = {name.rpartition("/")[2] for name in names}
        for one in self._known:
            if tails & {name.rpartition("/")[2] for name in one.names}:
                return one
        return self._fetch(base) if self._online else None

    def _fetch(self, base: BaseModel) -> KnownRelease | None:
        target = hub_target(base)
        if target is None:
            return None
        if target not in self._fetched:
            self._fetched[target] = open_release(target, offline=False, as_parent=True)
        return self._fetched[target]

    def _why_not(self, base: BaseModel, link: Link) -> str:
        named = "is not pinned" if not link.pins else "is pinned"
        if hub_target(base) is None:
            return f"{named}, and not among the parents given"
        return f"{named}, and was not looked at: --online reads it on the hub"

    def _tell(self, kind: ProblemKind, message: str, remedy: str) -> None:
        self.problems.append(LineageProblem(kind, message, remedy))


def hub_target(base: BaseModel) -> HubTarget | None:
    """Where a hub has a base model; None when it is not named by one.

    A reference says it; without one, a name of the form OWNER/NAME is tried.
    """
    reference = base.reference
    if reference is None:
        return HubTarget(base.name) if is_repository(base.name) else None
    if reference.type is not ReferenceType.HUGGINGFACE or not is_repository(reference.target):
        return None
    revision = reference.pin or reference.loose
    return HubTarget(reference.target, revision) if revision else HubTarget(reference.target)
