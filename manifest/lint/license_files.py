"""What license files say beside what is declared: shared by the rules about licenses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.licenses import LicenseStatus, assess, same_license
from manifest.lint.evidence import ComponentEvidence
from manifest.lint.release import LicenseText, Release

__all__ = ["contradiction", "declared_ids", "ids_of", "says", "takes_away", "unexplained"]


def ids_of(license_: str) -> list[str]:
    """The ids, exceptions with them, that an expression is made of."""
    parts = re.split(r"\s+(?:AND|OR)\s+|[()]", license_, flags=re.IGNORECASE)
    return [part.strip() for part in parts if part.strip()]


def contradiction(release: Release, component: ComponentEvidence) -> LicenseText | None:
    """A license file that is not open, where none of the declared license lies beside it."""
    wanted = ids_of(component.license)
    recognised = [t for t in release.license_texts if t.text.ids]
    for entry in recognised:
        if not entry.text.changed and any(
            same_license(w, i) for w in wanted for i in entry.text.ids
        ):
            return None
    return next((entry for entry in recognised if takes_away(entry)), None)


def says(entry: LicenseText) -> str:
    """What a license file is, in a sentence's tail."""
    ids = " and ".join(entry.text.ids)
    if entry.text.changed:
        return f"{printable(entry.path)} adds words of its own to the {ids} license"
    return f"{printable(entry.path)} is the text of {ids}"


def unexplained(release: Release, declared: set[str]) -> Iterator[LicenseText]:
    """License files of licenses, or with words, that nothing is declared to be under."""
    for entry in release.license_texts:
        agrees = any(same_license(a, b) for a in entry.text.ids for b in declared)
        if entry.text.ids and (entry.text.changed or not agrees):
            yield entry


def takes_away(entry: LicenseText) -> bool:
    """Whether a license file grants less than an open license does."""
    found = [assess(i, "data") for i in entry.text.ids]
    return entry.text.changed or any(a.status is LicenseStatus.NOT_OPEN for a in found)


def declared_ids(release: Release) -> set[str]:
    """Every license id that the description gives to something."""
    description = release.description
    written = {description.license, *description.licenses.values()}
    written |= {c.license for c in description.components} | {
        s.license for s in description.sources
    }
    if "other" in written:
        written.add(str(description.fields.get("license_name", "")))
    ids = {i for w in written for i in ids_of(w)} - {"other", "unknown"}
    return {re.split(r"\s+WITH\s+", i, flags=re.IGNORECASE)[0] for i in ids}
