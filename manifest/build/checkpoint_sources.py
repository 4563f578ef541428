"""Where a description says that checkpoints are, each source as values (spec/checkpoints.md).

Entries are as written. What the names of directories and branches, and the rows of an index, say
of stage, step and tokens fills in what nobody wrote.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from manifest.display import printable
from manifest.document.assignment import split_root
from manifest.document.manifest_checkpoints import ResolvedCheckpoint
from manifest.document.manifest_file import ManifestFile
from manifest.document.name_patterns import match_name
from manifest.errors import DocumentError
from manifest.inventory import path_problem
from manifest.inventory.globs import compile_glob
from manifest.readers.branch_names import parse_branch_names
from manifest.readers.checkpoint_index import IndexRow, parse_checkpoint_index
from manifest.readers.checkpoint_names import facts_of, link_parts, parse_count

__all__ = ["from_directories", "from_entries", "from_index", "from_names", "name_problem"]

_MAX_NAME = 1024
_SCRIPTS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
"""Scripts with letters that look like Latin ones."""


def name_problem(name: str) -> str:
    """Why no checkpoint may have a name, in words that follow it; empty when one may.

    A name is shown to people and given on a command line: what would lead out of a directory, is
    not seen, or looks like another name is refused.
    """
    if len(name) > _MAX_NAME:
        return f"has more than {_MAX_NAME:,} characters"
    if printable(name) != name:
        return "has characters that are not seen"
    if "://" not in name and (problem := path_problem(name.rstrip("/"))):
        return problem
    if unicodedata.normalize("NFKC", name) != unicodedata.normalize("NFC", name):
        return "has characters that look like others"
    if name.isascii():
        return ""
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in name if c.isalpha()}
    if "LATIN" in scripts and not scripts.isdisjoint(_SCRIPTS):
        return "mixes letters of scripts that look alike"
    return ""


def from_entries(
    release: Mapping[str, Any], files: Sequence[ManifestFile]
) -> Iterator[ResolvedCheckpoint]:
    """The checkpoints that are listed one by one, as written."""
    for entry in release["checkpoints"].get("entries", ()):
        yield ResolvedCheckpoint(
            entry["name"],
            entry.get("stage", ""),
            entry.get("step"),
            None,
            entry.get("tokens"),
            entry.get("data", ""),
            entry.get("parent", ""),
            reference=entry.get("reference", {}),
            files=_matching(entry.get("files", ()), release, files),
        )


def _matching(
    patterns: Sequence[str], release: Mapping[str, Any], files: Sequence[ManifestFile]
) -> tuple[ManifestFile, ...]:
    found: set[ManifestFile] = set()
    for pattern in patterns:
        root, rest = split_root(pattern, release.get("roots", {}))
        matches = compile_glob(rest, where="checkpoints.entries").matches
        found.update(f for f in files if f.root == root and matches(f.path))
    return tuple(sorted(found, key=lambda f: (f.root, f.path)))


def from_directories(
    release: Mapping[str, Any], files: Sequence[ManifestFile]
) -> Iterator[ResolvedCheckpoint]:
    """The directories that globs name and patterns admit, each with its files."""
    fields = release["checkpoints"]
    found: dict[tuple[str, str], set[ManifestFile]] = {}
    for pattern in fields.get("directories", ()):
        root, rest = split_root(pattern, release.get("roots", {}))
        rest = rest.removesuffix("/")
        matcher = compile_glob(rest, where="checkpoints.directories")
        depth = rest.count("/") + 1
        for file in files:
            parts = file.path.split("/")
            directory = "/".join(parts[:depth])
            if file.root == root and len(parts) > depth and matcher.matches(directory):
                found.setdefault((root, directory), set()).add(file)
    for (_, directory), members in found.items():
        one = _named(directory.rpartition("/")[2], directory, fields.get("patterns", ()))
        if one is not None:
            ordered = sorted(members, key=lambda f: (f.root, f.path))
            yield dataclasses.replace(one, files=tuple(ordered))


def from_names(
    data: bytes,
    fields: Mapping[str, Any],
    taken: Collection[str],
    bulk: Sequence[ResolvedCheckpoint],
) -> list[ResolvedCheckpoint]:
    """Checkpoints of directories and those of a list of branches, one where they have one name.

    Args:
        data: The list.
        fields: The section of the description.
        taken: Names of entries, which say themselves what they are.
        bulk: The checkpoints of directories.
    """
    here = {one.name: one for one in bulk}
    found: list[ResolvedCheckpoint] = []
    for branch in parse_branch_names(data, fields["names"]):
        one = _named(branch.name, branch.name, fields.get("patterns", ()))
        if one is None or branch.name in taken:
            continue
        reference = _reference(fields.get("repository"), branch.commit, branch.name)
        found.append(dataclasses.replace(here.pop(branch.name, one), reference=reference))
    if not found and not here:
        raise DocumentError(
            f"no name in {printable(fields['names'])} looks as checkpoints.patterns says",
            remedy="mend the pattern: its fields are stage, ingredient, step, ordinal and tokens",
        )
    return [*found, *here.values()]


def from_index(
    data: bytes,
    fields: Mapping[str, Any],
    taken: Collection[str],
    bulk: Sequence[ResolvedCheckpoint],
) -> list[ResolvedCheckpoint]:
    """The checkpoints of an index, with what else is known of those that have another source.

    Rows that come twice are passed over: CKP005 tells of them.
    """
    here = {one.name: one for one in bulk}
    names: set[str] = set()
    found: list[ResolvedCheckpoint] = []
    for row in parse_checkpoint_index(data, fields["index"]).rows:
        parts = link_parts(row.target)[2].split("/")
        known = next((n for n in (row.label, parts[-1]) if n in here), "")
        options = (known, row.label, parts[-1], "/".join(parts[-2:]), row.target)
        shown = next((n for n in options if n and n not in names), "")
        if not shown or shown in taken:
            continue
        names.add(shown)
        base = here.pop(known) if known else ResolvedCheckpoint(shown)
        found.append(_of_row(row, base, fields.get("repository")))
    return [*found, *here.values()]


def _of_row(
    row: IndexRow, base: ResolvedCheckpoint, repository: Mapping[str, Any] | None
) -> ResolvedCheckpoint:
    facts = facts_of(row.target or row.label)
    stage = row.stage or _stage(facts.stages)
    series = row.ingredient or "+".join(map(str, facts.ingredients))
    tokens = row.tokens or facts.tokens
    branch = row.label if row.label and row.label != row.target else ""
    reference = _reference(repository, row.commit, branch) if row.commit or branch else {}
    return dataclasses.replace(
        base,
        stage=f"{stage} ingredient {series}".strip() if series else stage,
        step=facts.step if row.step is None else row.step,
        tokens=tokens.value if tokens else base.tokens,
        location=row.target,
        reference=base.reference or reference,
        listed_sha256=row.sha256,
    )


def _named(name: str, place: str, patterns: Sequence[str]) -> ResolvedCheckpoint | None:
    """The checkpoint that a name stands for; None where there are patterns and none matches."""
    if not patterns:
        facts = facts_of(place)
        series = "+".join(map(str, facts.ingredients))
        stage = _stage(facts.stages)
        return ResolvedCheckpoint(
            name,
            f"{stage} ingredient {series}".strip() if series else stage,
            facts.step,
            facts.ordinals[0][1] if facts.ordinals and facts.step is None else None,
            facts.tokens.value if facts.tokens else None,
        )
    found = next((m for p in patterns if (m := match_name(p, name)) is not None), None)
    if found is None:
        return None
    said = found.get("stage", "")
    stage = f"stage{said}" if said.isdecimal() else said
    series = found.get("ingredient", "")
    tokens = parse_count(found["tokens"]) if "tokens" in found else None
    return ResolvedCheckpoint(
        name,
        f"{stage} ingredient {series}".strip() if series else stage,
        int(found["step"]) if "step" in found else None,
        int(found["ordinal"]) if "ordinal" in found else None,
        tokens.value if tokens else None,
    )


def _stage(numbers: Sequence[int]) -> str:
    return f"stage{numbers[0]}" if len(numbers) == 1 else ""


def _reference(repository: Mapping[str, Any] | None, commit: str, branch: str) -> Mapping[str, Any]:
    """Where a branch is: pinned where its commit is known."""
    if repository is None:
        return {}
    if repository["type"] == "git":
        at = {"commit": commit, "branch": branch}
        return {**repository, **{k: v for k, v in at.items() if v}}
    return {**repository, "revision": commit or branch}
