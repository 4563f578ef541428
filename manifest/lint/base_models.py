"""The models that a release was made from, and whose terms stay with it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.licenses import LicenseStatus, assess, base_license
from manifest.lint.reading import cards, gguf_headers
from manifest.lint.release import Basis, Release
from manifest.readers._bounded import read_text

__all__ = ["NamedBase", "RestrictedBase", "named_bases", "restricted_bases"]

_SETTINGS = (".json", ".toml", ".yaml", ".yml")
_MAX_SETTINGS = 32
_MAX_SETTINGS_BYTES = 256 * 1024
_BEGINS_WITH = re.compile(
    r"^[\s{,]*[\"']?(?:base_model(?:_name_or_path)?|(?:pretrained_)?model_name_or_path|hf_model_id)"
    r"[\"']?\s*[:=]\s*[\"']?([\w.-]{1,96}/[\w.-]{1,96})(?=[\"'\s,}#]|$)",
    re.MULTILINE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class NamedBase:
    """A base model, and the place that names it: a field of the description, or a file."""

    name: str
    pointer: str = ""
    path: str = ""
    license: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RestrictedBase:
    """A base model whose license is not open; ``through`` are the models between."""

    base: NamedBase
    license: str
    terms: tuple[str, ...]
    through: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In a sentence, as ``their base acme/a is under b, which allows research only``."""
        why = self.terms[0] if self.terms else "is not open"
        between = f", through {printable(' and '.join(self.through))}," if self.through else ""
        return (
            f"their base {printable(self.base.name)}{between} is under "
            f"{printable(self.license)}, which {why}"
        )


def named_bases(release: Release) -> Iterator[NamedBase]:
    """The base models that the description names, then those that cards, headers and settings do.

    A model that was only distilled from is none: no weights of it are in the release.
    """
    for index, base in enumerate(release.description.base_models):
        if base.relation != "distilled":
            yield NamedBase(base.name, f"base_models[{index}]", license=base.license)
    if release.basis is Basis.DECLARATIONS:
        return
    for card in cards(release):
        for name in card.base_models:
            yield NamedBase(name, path=card.path)
    for header in gguf_headers(release):
        for name in header.base_models:
            yield NamedBase(name, path=header.path)
    yield from _configured(release)


def _configured(release: Release) -> Iterator[NamedBase]:
    """What the configuration of an adapter or of a training names as the model to begin with."""
    paths = {p for p in release.paths if p.rpartition("/")[2] == "adapter_config.json"}
    paths |= {f.path for c in release.of_kind("training-configuration") for f in c.files.here}
    for path in sorted(p for p in paths if p.lower().endswith(_SETTINGS))[:_MAX_SETTINGS]:
        try:
            text = read_text(release.source, path, max_bytes=_MAX_SETTINGS_BYTES)
        except (DocumentError, UndecidedError):
            continue
        for found in _BEGINS_WITH.finditer(text):
            yield NamedBase(found[1], path=path)


def restricted_bases(release: Release) -> Iterator[RestrictedBase]:
    """Base models whose terms are not open, by the description or by what is known of them.

    Where their own releases were read, those of their bases too, by what these say.
    """
    seen: set[str] = set()
    if release.lineage is not None and release.basis is Basis.EVIDENCE:
        for carried in release.lineage.carried:
            if not carried.by_outputs:
                seen.add(carried.name.casefold())
                base = NamedBase(carried.name, carried.pointer)
                yield RestrictedBase(base, carried.license, carried.terms, carried.through)
    for base in named_bases(release):
        if base.name.casefold() in seen:
            continue
        assessment = assess(base.license, "data")
        known = base_license(base.name)
        if assessment.status is LicenseStatus.NOT_OPEN:
            found = RestrictedBase(base, base.license, assessment.terms)
        elif known is not None:
            found = RestrictedBase(base, known.id, tuple(map(known.words, known.clauses)))
        else:
            continue
        seen.add(base.name.casefold())
        yield found
