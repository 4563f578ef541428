"""What a policy demands of what a release gives: components, licenses, formats, the verdict."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest.display import printable
from manifest.policy.decision import Demand
from manifest.policy.document import Policy

if TYPE_CHECKING:
    from manifest.document.manifest_file import Manifest, ManifestFile
    from manifest.lint.engine import LintReport
    from manifest.readers.formats import WeightFormat
    from manifest.sources import Source

__all__ = ["demands_of_content", "forbidden_files", "needs_content"]

_UNPICKLED = ("pickle", "pytorch", "torchscript")
_NUMPY = b"\x93NUMPY"
_MANIFEST = frozenset({"manifest.json"})


def needs_content(policy: Policy) -> bool:
    """Whether the policy demands anything of what the files give."""
    return bool(policy.components or policy.licenses or policy.forbidden_formats or policy.verdict)


def demands_of_content(
    policy: Policy,
    directory: str | os.PathLike[str],
    signer: str,
    *,
    roots: Mapping[str, str | os.PathLike[str]],
    manifest: Manifest | None,
) -> Iterator[Demand]:
    """What the policy demands of the content of a release whose bytes were verified.

    Args:
        policy: The policy.
        directory: The release.
        signer: Who signed it, for the linter.
        roots: Where named roots lie, by name.
        manifest: The signed manifest, by which files are known that lie elsewhere.

    Raises:
        UsageError, DocumentError, UndecidedError: The release cannot be judged.
    """
    from pathlib import Path

    from manifest.lint import VerificationStatus, VerificationSummary, lint, load_release

    release = load_release(
        Path(directory), verification=VerificationSummary(VerificationStatus.TRUSTED, signer)
    )
    report = lint(release)
    for name in policy.components:
        states = sorted({c.state.value for c in report.components if c.kind == name})
        yield Demand(
            "component",
            f"{printable(name)} evidenced",
            ", ".join(states) or "absent",
            "evidenced" in states,
            policy.where("require.components"),
        )
    if policy.licenses:
        yield _licenses(policy, report)
    if policy.forbidden_formats:
        files = manifest.files if manifest is not None else ()
        inventories = manifest.inventories if manifest is not None else ()
        wrong = forbidden_files(
            policy.forbidden_formats,
            {**roots, "": directory},
            [f for f in files if f.root and f.root not in roots],
            {f.path for f in files if not f.root},
        )
        unseen = [
            b.spec.full_directory
            for b in inventories
            if b.spec.directory_root and b.spec.directory_root not in roots
        ]
        more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        yield Demand(
            "formats",
            f"no file that is {' or '.join(policy.forbidden_formats)}",
            ", ".join(wrong[:5]) + more
            or (f"{printable(unseen[0])} was not given" if unseen else "none"),
            False if wrong else None if unseen else True,
            policy.where("forbidden_formats"),
        )
    if policy.verdict:
        from manifest.lint import Verdict

        yield Demand(
            "verdict",
            f"{policy.verdict} or above",
            report.verdict.value,
            report.verdict.rank >= Verdict(policy.verdict).rank,
            policy.where("require.verdict"),
        )


def _licenses(policy: Policy, report: LintReport) -> Demand:
    from manifest.licenses.expressions import is_allowed

    wrong = [
        f"{printable(c.spec.id)}: {printable(c.license) or 'none is stated'}"
        for c in report.components
        if c.declared and not is_allowed(c.license, policy.licenses)
    ]
    return Demand(
        "licenses",
        "components under " + ", ".join(map(printable, policy.licenses[:8])),
        ", ".join(wrong[:5]) or "every component is",
        not wrong,
        policy.where("require.licenses"),
    )


def forbidden_files(
    formats: tuple[str, ...],
    places: Mapping[str, str | os.PathLike[str]],
    elsewhere: Iterable[ManifestFile] = (),
    signed: Collection[str] = (),
) -> list[str]:
    """The files of a release that have a forbidden format, each with what it is.

    A file is what its bytes or its name say; where they differ, it is both. ``pickle`` is every
    format that is loaded by unpickling, ``runs-code`` every one whose loading can run code.

    Args:
        formats: The formats, as a policy calls them.
        places: Where the roots lie, by name, ``""`` for the release directory: every file in them
            is looked at, whether a component, an inventory or nothing names it.
        elsewhere: Files that are not here, of which there is only the name.
        signed: The files of the release directory that were signed.

    Raises:
        UsageError, UndecidedError: A root is not there, or cannot be read.
    """
    from manifest.inventory import NOT_COVERED, walk
    from manifest.inventory.walk import walk_place
    from manifest.readers.formats import WeightFormat
    from manifest.sources.directory import DirectorySource
    from manifest.verify.survey import spoken_of

    wanted = set(formats)
    wanted |= set(_UNPICKLED) if "pickle" in wanted else set()
    wanted |= {_slug(f) for f in WeightFormat if f.runs_code} if "runs-code" in wanted else set()
    found = []
    for root, place in sorted(places.items()):
        if root:
            tree = walk_place(place)
        else:
            # What the toolkit reserves is looked at where it was signed, as any other file.
            tree = walk(
                place, leave_out=_MANIFEST, not_covered=NOT_COVERED - spoken_of(NOT_COVERED, signed)
            )
        source = DirectorySource.of(tree)
        for file in source.files:
            if wrong := _in_order(_formats_of(source, file.path) & wanted):
                shown = f"{root}:{file.path}" if root else file.path
                found.append(f"{printable(shown)} ({wrong[0]})")
    return found + [
        f"{printable(listed.full_path)} ({wrong[0]})"
        for listed in elsewhere
        if (wrong := _in_order(_named(listed.path) & wanted))
    ]


def _in_order(formats: set[str]) -> list[str]:
    """The format that says most first: much is a pickle that is also something else."""
    return sorted(formats, key=lambda one: (one == "pickle", one))


def _slug(found: WeightFormat) -> str:
    return found.value.lower().replace(" ", "-")


def _named(path: str) -> set[str]:
    """The formats that a file's name says it has, as a policy calls them."""
    from manifest.readers.formats import WeightFormat, has_weight_name
    from manifest.readers.unpickled import has_pickle_name

    lower = path.lower()
    named = has_weight_name(path)
    found = set() if named is None else {_slug(named)}
    found |= {"pickle"} if has_pickle_name(path) else set()
    if lower.rpartition("/")[2] in {"saved_model.pb", "saved_model.pbtxt"}:
        found.add(_slug(WeightFormat.SAVED_MODEL))
    if ".mlpackage/" in lower or ".mlmodelc/" in lower:
        found.add(_slug(WeightFormat.COREML))
    return found


def _formats_of(source: Source, path: str) -> set[str]:
    """The formats that a file has by its bytes or its name: every one that fits."""
    from manifest.readers.formats import WeightFormat, format_of
    from manifest.readers.unpickled import archived_names, holds_pickle

    found, match = _named(path), format_of(source, path)
    found |= {_slug(match.format)} if match else set()
    if source.read(path, length=len(_NUMPY)) == _NUMPY:
        found.add(_slug(WeightFormat.NUMPY))
    names = archived_names(source, path)
    if names is None:  # it may hold anything
        return found | {"pickle", "pytorch", "torchscript", "keras-archive"}
    if any(name.endswith((".pkl", ".pickle")) for name in names):
        found |= {"pickle", "pytorch"}
        found |= {"torchscript"} if any("/code/" in name for name in names) else set()
    if holds_pickle(source, path):
        found.add("pickle")
    return found
