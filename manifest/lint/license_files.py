"""What license files and packages say beside what is declared: shared by rules about licenses."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from manifest.display import listed, printable
from manifest.document.components import ContentType
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Location
from manifest.licenses import Clause, LicenseStatus, assess, same_license
from manifest.lint.content.code import is_source
from manifest.lint.needs import name_of
from manifest.lint.reading import cards
from manifest.lint.release import Basis, LicenseText, Release
from manifest.readers.package import read_package_metadata

__all__ = [
    "OTHERS_TEXTS",
    "Clash",
    "combinations",
    "declared_ids",
    "ids_of",
    "incomplete_other",
    "package_licenses",
    "says",
    "takes_away",
    "unexplained",
]

_TEXT_NAME = re.compile(r"(?:.*/)?[^/]*(?:licen[cs]e|copying|terms)[^/]*", re.IGNORECASE)
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
OTHERS_TEXTS = re.compile(
    r"(?:third|3rd)[-_. ]?part(?:y|ies)|vendor|bundled|dependenc|(?:^|/)[^/]+\.dist-info/",
    re.IGNORECASE,
)
"""Names of files and folders with the licenses of what others made."""
_MAX_PACKAGES = 8
_SHARE_ALIKE = re.compile(r"CC-BY-(?:NC-)?SA-|ODbL-|CDLA-Sharing-", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Clash:
    """Two parts whose licenses cannot be obeyed together: what, and where it is described."""

    message: str
    pointer: str
    component: str


def ids_of(license_: str) -> list[str]:
    """The ids, exceptions with them, that an expression is made of."""
    parts = re.split(r"(?<!\s)\s+(?:AND|OR)\s+|[()]", license_, flags=re.IGNORECASE)
    return [part.strip() for part in parts if part.strip()]


def says(entry: LicenseText) -> str:
    """What a license file is, in a sentence's tail."""
    text, path = entry.text, printable(entry.path)
    ids = " and ".join(text.ids)
    at = f"at line {text.line}: “{printable(text.words)}”"
    if not text.ids and text.clauses:
        return f"{path} {listed(text.clauses)}, {at}"
    if not text.ids:
        return f"{path} is no license text that is known here, {at}"
    if text.departs:
        return f"{path} is not the {ids} license word for word: it departs from it after line {text.line}"
    if text.mixed:
        return f"{path} holds {ids} and words of its own, {at}: what is under which is not told"
    if text.clauses:
        return f"{path} adds terms to the {ids} license: it {listed(text.clauses)}, {at}"
    if text.changed:
        return f"{path} adds words of its own to the {ids} license, {at}"
    terms = next((a.terms for i in text.ids if (a := assess(i, "data")).terms), ())
    return f"{path} is the text of {ids}{f', which {terms[0]}' if terms else ''}"


def unexplained(release: Release, declared: set[str]) -> Iterator[LicenseText]:
    """License files of licenses, or with words, that nothing is declared to be under."""
    for entry in release.license_texts:
        text = entry.text
        agrees = any(same_license(a, b) for a in text.ids for b in declared)
        plain = text.whole or (text.mixed and OTHERS_TEXTS.search(entry.path))
        if (text.ids or text.clauses) and not (plain and agrees):
            yield entry


def takes_away(entry: LicenseText) -> bool:
    """Whether a license file is seen to grant less than an open license does."""
    found = [assess(i, "data") for i in entry.text.ids]
    return bool(entry.text.clauses) or any(a.status is LicenseStatus.NOT_OPEN for a in found)


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


def incomplete_other(release: Release) -> Iterator[tuple[list[str], Location | None]]:
    """What a license called ``other`` lacks, in the description and on each card, and where."""
    text = any(_TEXT_NAME.fullmatch(p) for p in release.paths)
    unread = release.basis is Basis.DECLARATIONS
    fields = release.description.fields
    said: list[tuple[str, str, str, Location | None]] = [
        (
            release.description.license,
            str(fields.get("license_name", "")),
            str(fields.get("license_link", "")),
            release.location("license"),
        )
    ]
    if not unread:
        said.extend(
            (card.license, card.license_name, card.license_link, Location(card.path, 1))
            for card in cards(release)
        )
    for license_, name, link, location in said:
        there = (("license_name", name), ("license_link", link), ("its text", text or unread))
        lacking = [what for what, given in there if not given]
        if license_ == "other" and lacking and location is not None:
            yield lacking, location


def package_licenses(release: Release) -> Iterator[tuple[str, str]]:
    """The license that each Python package in the release names, with its metadata's path."""
    for path in sorted(p for p in release.paths if _METADATA.fullmatch(p))[:_MAX_PACKAGES]:
        try:
            license_ = read_package_metadata(release.source, path).license
        except (DocumentError, UndecidedError):
            continue
        if license_:
            yield path, license_


def combinations(release: Release) -> Iterator[Clash]:
    """Licenses that cannot be obeyed together."""
    yield from _commercial(release)
    yield from _shared_alike(release)
    yield from _code(release)


def _commercial(release: Release) -> Iterator[Clash]:
    """Data for non-commercial use under weights for any use."""
    weights = [c for c in release.of_kind("model-parameters-final") if c.assessment.is_open]
    if not weights:
        return
    data = [
        (f"the data source {printable(s.name)}", s.license, f"data.sources[{i}]", "")
        for i, s in enumerate(release.description.sources)
        if s.used_for != "evaluation"
    ]
    data += [
        (f"the {name_of(c.kind)}", c.license, f"components.{c.spec.id}", c.spec.id)
        for c in release.of_kind("datasets")
        if c.spec.license
    ]
    for what, license_, pointer, component in data:
        if Clause.NON_COMMERCIAL in assess(license_, "data").clauses:
            yield Clash(
                f"{what} is under {printable(license_)}, which {Clause.NON_COMMERCIAL}, and the weights "
                f"are declared {printable(weights[0].license)}",
                pointer,
                component,
            )


def _shared_alike(release: Release) -> Iterator[Clash]:
    """Share-alike sources in datasets that are passed on under other terms."""
    datasets = [c for c in release.of_kind("datasets") if c.files.here and c.license]
    for index, source in enumerate(release.description.sources):
        spdx = assess(source.license, "data").spdx
        if not (_SHARE_ALIKE.match(spdx) and source.files):
            continue
        for component in datasets:
            if not any(same_license(spdx, i) for i in ids_of(component.license)):
                yield Clash(
                    f"the data source {printable(source.name)} is under {spdx}, which asks for the "
                    f"same terms; the datasets are under {printable(component.license)}",
                    f"data.sources[{index}]",
                    component.spec.id,
                )


def _code(release: Release) -> Iterator[Clash]:
    """GPL-2.0-only code beside Apache-2.0 code, or beside code that is not open."""
    code = [
        (c, assess(c.license, "code"))
        for c in release.components
        if c.spec.kind.content_type is ContentType.CODE
        and c.license
        and (not c.files.here or any(is_source(f.path) for f in c.files.here))
    ]
    strict = next((c for c, a in code if a.spdx in ("GPL-2.0-only", "GPL-2.0")), None)
    copyleft = next((c for c, a in code if re.match(r"A?GPL-", a.spdx)), None)
    for component, assessment in code:
        if strict is not None and assessment.spdx == "Apache-2.0":
            first = strict
        elif copyleft is not None and assessment.status is LicenseStatus.NOT_OPEN:
            first = copyleft
        else:
            continue
        yield Clash(
            f"the {name_of(first.kind)} is under {printable(first.license)}, which does not combine "
            f"with {printable(component.license)} of the {name_of(component.kind)}",
            f"components.{component.spec.id}",
            component.spec.id,
        )
