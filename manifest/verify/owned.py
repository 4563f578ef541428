"""The inventories of a release, one after the other, as a step of a verification."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from manifest.display import plural
from manifest.document.inventories import walk_beside
from manifest.document.manifest_file import Manifest
from manifest.errors import UsageError
from manifest.inventory import Algorithm, Tree
from manifest.verify.comparison import Comparison
from manifest.verify.inventories import InventoryCheck, check_inventory
from manifest.verify.part import OwnedPart, Part
from manifest.verify.report import FileProblem, InventorySample, ProblemKind
from manifest.verify.request import Request

__all__ = ["OwnedFindings", "check_inventories"]

_DIGESTS = (Algorithm.SHA256, Algorithm.BLAKE3)


@dataclasses.dataclass(slots=True)
class OwnedFindings:
    """What was found in the directories that inventories own.

    Attributes:
        comparisons: One for each inventory that was compared.
        altered: Inventories that are not there as they were bound.
        not_checked: What could not be part of this check, in words.
        warnings: How many files are not named, in words.
        samples: The samples that were hashed.
    """

    comparisons: list[Comparison] = dataclasses.field(default_factory=list)
    altered: list[FileProblem] = dataclasses.field(default_factory=list)
    not_checked: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    samples: list[InventorySample] = dataclasses.field(default_factory=list)


def check_inventories(
    manifest: Manifest | None,
    request: Request,
    tree: Tree,
    *,
    compared: tuple[Algorithm, ...],
    part: Part,
    owned: OwnedPart | None,
) -> OwnedFindings:
    """Check every inventory that may hold files of the part.

    Args:
        manifest: The manifest; None when there is none to go by.
        request: What was asked.
        tree: The walked release directory.
        compared: The digests that this verification compares.
        part: Which files to compare.
        owned: The part among files that inventories list; None for the whole.

    Raises:
        UsageError: A sample is asked for and there is nothing to take it of, or a pattern of the
            part matches nothing.
        NotTrustedError, UndecidedError: As `check_inventory`.
    """
    findings = OwnedFindings()
    if manifest is None:
        return findings
    inventories = manifest.inventories if owned is None else owned.inventories
    if request.sample is not None and not inventories:
        raise UsageError(
            "--sample: nothing that is checked has an inventory to take a sample of",
            remedy="--only and --component check a part of a release",
        )
    for bound in inventories:
        _check(
            InventoryCheck(
                bound=bound,
                digests=manifest.digests,
                algorithms=_held(manifest, compared),
                part=None if owned is None or owned.is_whole(bound) else part,
                sample=request.sample,
                engine=request.engine,
                on_listed=None if owned is None or not owned.unmatched else owned.is_listed,
            ),
            request,
            tree,
            findings,
        )
    # A list that was changed, or whose directory is gone, was not read: that is the answer then.
    is_open = bool(findings.altered or findings.not_checked)
    differs = is_open or any(c.problems for c in findings.comparisons)
    if owned is not None and not differs:
        owned.refuse_unmatched()
    return findings


def _held(manifest: Manifest, compared: Sequence[Algorithm]) -> tuple[Algorithm, ...]:
    """Those of the digests that are compared that its inventories hold; else one that they do."""
    there = [a for a in _DIGESTS if a.value in manifest.digests]
    return tuple(a for a in compared if a in there) or tuple(there[:1])


def _check(check: InventoryCheck, request: Request, tree: Tree, findings: OwnedFindings) -> None:
    spec, count = check.bound.spec, plural(check.bound.binding.file_count, "file")
    here = {"": request.directory, **request.roots}
    absent = [root for root in dict.fromkeys((spec.root, spec.directory_root)) if root not in here]
    if absent:
        options = " ".join(f"--root-dir {root}=DIR" for root in absent)
        findings.not_checked.append(f"{spec.full_directory} ({count}): give it with {options}")
        return
    trees = {
        name: walk_beside(here[name], [spec], name) if name else tree
        for name in {spec.root, spec.directory_root}
    }
    result = check_inventory(check, trees[spec.root], trees[spec.directory_root])
    if result is None:
        is_there = trees[spec.root].find(spec.path) is not None
        findings.altered.append(
            FileProblem(
                ProblemKind.CHANGED if is_there else ProblemKind.MISSING,
                spec.full_path,
                expected_digest=check.bound.binding.sha256,
                components=(check.bound.component,),
                detail="the inventory is not the one that was signed",
            )
        )
        words = f"{spec.full_directory} ({count}): its inventory is not the one that was signed"
        findings.not_checked.append(words)
        return
    findings.comparisons.append(result.comparison)
    if result.omitted:
        more = plural(result.omitted, "more file")
        findings.warnings.append(f"{spec.full_directory}: {more} differ, and are not named")
    if result.sample is not None:
        findings.samples.append(result.sample)
