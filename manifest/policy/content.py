"""What a policy demands of what a release gives: components, licenses, formats, the verdict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest.display import printable
from manifest.policy.decision import Demand
from manifest.policy.document import Policy

if TYPE_CHECKING:
    from manifest.document.manifest_file import Manifest, ManifestFile
    from manifest.lint.engine import LintReport

__all__ = ["demands_of_content", "forbidden_files", "needs_content"]

_UNPICKLED = ("pickle", "pytorch", "torchscript")
_PROTOCOLS = tuple(bytes((0x80, n)) for n in range(2, 6))


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
        elsewhere = [
            f
            for f in (manifest.files if manifest is not None else ())
            if f.root and f.root not in roots
        ]
        wrong = forbidden_files(policy.forbidden_formats, {**roots, "": directory}, elsewhere)
        more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        yield Demand(
            "formats",
            f"no file that is {' or '.join(policy.forbidden_formats)}",
            ", ".join(wrong[:5]) + more or "none",
            not wrong,
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
) -> list[str]:
    """The files of a release that have a forbidden format, each with what it is.

    A file is what its bytes or its name say; where they differ, it is both. ``pickle`` is every
    format that is loaded by unpickling, ``runs-code`` every one whose loading can run code.

    Args:
        formats: The formats, as a policy calls them.
        places: Where the roots lie, by name, ``""`` for the release directory: every file in them
            is looked at, whether a component, an inventory or nothing names it.
        elsewhere: Files that are not here, of which there is only the name.

    Raises:
        UsageError, UndecidedError: A root is not there, or cannot be read.
    """
    from manifest.inventory.walk import OWN_FILES, walk_place
    from manifest.readers.formats import HEAD_BYTES, WeightFormat, format_of, has_weight_name
    from manifest.sources.directory import DirectorySource

    slug = {f: f.value.lower().replace(" ", "-") for f in WeightFormat}
    wanted = set(formats)
    wanted |= set(_UNPICKLED) if "pickle" in wanted else set()
    wanted |= {slug[f] for f in WeightFormat if f.runs_code} if "runs-code" in wanted else set()
    found = []

    def look_at(shown: str, *formats: WeightFormat | None, is_pickle: bool = False) -> None:
        names = {slug[f] for f in formats if f is not None} | ({"pickle"} if is_pickle else set())
        if wrong := sorted(names & wanted):
            found.append(f"{printable(shown)} ({wrong[0]})")

    for root, place in sorted(places.items()):
        source = DirectorySource.of(walk_place(place, leave_out=frozenset() if root else OWN_FILES))
        for file in source.files:
            match, named = format_of(source, file.path), has_weight_name(file.path)
            head = source.read(file.path, length=HEAD_BYTES)
            look_at(
                f"{root}:{file.path}" if root else file.path,
                match.format if match else None,
                named,
                is_pickle=head.startswith(_PROTOCOLS),
            )
    for listed in elsewhere:
        look_at(listed.full_path, has_weight_name(listed.path))
    return found
