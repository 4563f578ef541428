"""What the sources of a license say beside each other, and which of them grants least.

A description, a card, a header, a package and a text may each name a license for the same part.
Where they disagree nobody has a right to rely on, so that the strictest of them decides.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.document.components import ContentType
from manifest.licenses import LicenseStatus, assess, same_license
from manifest.lint.evidence import ComponentEvidence
from manifest.lint.license_files import (
    OTHERS_TEXTS,
    declared_ids,
    ids_of,
    package_licenses,
    says,
    takes_away,
)
from manifest.lint.reading import cards, gguf_headers
from manifest.lint.release import Basis, LicenseText, Origin, Release
from manifest.lint.verdict import Outcome, Status

__all__ = ["Said", "contradicting", "declarer", "stricter"]

_WEIGHTS = "model-parameters-final"


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """A license that a file names for the release: which, who says so, and where."""

    license: str
    who: str
    path: str
    line: int | None = None


def said_licenses(release: Release) -> Iterator[Said]:
    """The licenses that cards and headers of weights name."""
    for card in cards(release):
        named = card.license_name if card.license == "other" else card.license
        yield Said(named, f"the card {printable(card.path)}", card.path, 1)
    for header in gguf_headers(release):
        who = f"the header of {printable(header.path)}"
        yield Said(header.text("general.license"), who, header.path)


def contradicting(release: Release, declared: set[str]) -> Iterator[Said]:
    """What cards and headers name, where nothing is declared to be under it."""
    for said in said_licenses(release):
        if said.license.casefold() in ("", "other", "unknown"):
            continue
        if not any(same_license(a, b) for a in ids_of(said.license) for b in declared):
            yield said


def stricter(release: Release, component: ComponentEvidence) -> Outcome | None:
    """Why an open license of a component does not count: a source that disagrees and grants less.

    Whatever the sources say of a component, the one that grants least decides: the license that
    is declared for it, those that cards, headers and packages name, and the texts that are there.
    None when none of them takes away. The reason names the two that disagree.
    """
    if release.basis is Basis.DECLARATIONS:
        return None
    declared = declared_ids(release)
    own = bool(component.spec.license)
    is_code = component.spec.kind.content_type is ContentType.CODE
    is_weights = component.kind == _WEIGHTS
    content = str(component.spec.kind.content_type)
    by = f"{declarer(release, component.license)} says {printable(component.license)}"
    here = component.spec.id
    undecided: Outcome | None = None
    # A card's license is the model's: of a component with a license of its own it says nothing.
    named = list(contradicting(release, declared)) if is_weights or not own else []
    if not own or is_code:
        named += [
            Said(license_, f"the package metadata {printable(path)}", path)
            for path, license_ in package_licenses(release)
            if not any(same_license(a, b) for a in ids_of(license_) for b in declared)
        ]
    for said in named:
        found = assess(said.license, content)
        reason = f"{by}, and {said.who} says {printable(said.license)}, which {found.reason}"
        if found.status in (LicenseStatus.NOT_OPEN, LicenseStatus.NONE):
            return Outcome(Status.NOT_MET, reason, here, path=said.path)
        if found.status is LicenseStatus.UNKNOWN and not said.who.startswith("the package"):
            undecided = undecided or Outcome(Status.UNDECIDED, reason, here, path=said.path)
    covered = _has_text(release, component)
    for entry in release.license_texts:
        text = entry.text
        if OTHERS_TEXTS.search(entry.path) or not _concerns(entry, component, declared):
            continue
        reason = f"{by}, and {says(entry)}"
        if takes_away(entry):
            return Outcome(Status.NOT_MET, reason, here, path=entry.path)
        if not text.whole and text.line and not covered and undecided is None:
            undecided = Outcome(Status.UNDECIDED, reason, here, path=entry.path)
    return undecided


def declarer(release: Release, license_: str) -> str:
    """Who declares a license: the description, or the file from which a draft has it."""
    if release.origin is not Origin.DRAFTED:
        return str(release.origin)
    for said in said_licenses(release):
        if any(same_license(a, b) for a in ids_of(said.license) for b in ids_of(license_)):
            return said.who
    for path, named in package_licenses(release):
        if any(same_license(a, b) for a in ids_of(named) for b in ids_of(license_)):
            return f"the package metadata {printable(path)}"
    return "what the files are taken to say"


def _concerns(entry: LicenseText, component: ComponentEvidence, declared: set[str]) -> bool:
    """Whether a license file may be about a component: its name or its license does not rule it out.

    A file that is called after other parts, or whose license is declared for another part alone,
    is about those.
    """
    name = entry.path.rpartition("/")[2].casefold()
    content = component.spec.kind.content_type
    parts = {"code": ContentType.CODE, "data": ContentType.DATA, "doc": ContentType.DOCUMENT}
    for part, type_ in parts.items():
        if re.search(rf"(?:^|[-_. ]){part}", name) and (
            type_ is not content or (part == "data" and component.kind == _WEIGHTS)
        ):
            return False
    if re.search(r"(?:model|weights)", name) and component.kind != _WEIGHTS:
        return False
    wanted = ids_of(component.license)
    if not entry.text.ids or any(same_license(a, b) for a in entry.text.ids for b in wanted):
        return True
    return not any(same_license(a, b) for a in entry.text.ids for b in declared)


def _has_text(release: Release, component: ComponentEvidence) -> bool:
    """Whether the whole text of a component's license is there, and nothing added to it."""
    wanted = [re.split(r"\s+WITH\s+", i, flags=re.IGNORECASE)[0] for i in ids_of(component.license)]
    return any(
        same_license(w, i)
        for entry in release.license_texts
        if entry.text.whole
        for w in wanted
        for i in entry.text.ids
    )
