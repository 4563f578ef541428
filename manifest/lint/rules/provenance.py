"""Provenance: who vouches for the files, and what they come from."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.document.inventories import is_owned
from manifest.findings import Finding, Location, Severity
from manifest.inventory import Oddity
from manifest.lint.listing import staleness
from manifest.lint.pins import pinned_references
from manifest.lint.release import Release, VerificationStatus
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement
from manifest.sources.directory import DirectorySource
from manifest.sources.pins import ResolutionStatus

_TRAINING_CODE = """components:
  training-code:
    license: Apache-2.0
    references:
      - type: git
        url: https://code.example/sparrow.git
        commit: 3f786850e387550fdab836ed7e6dc881de23001b
"""


@rule(
    code="PRV001",
    name="not-signed",
    severity=Severity.ADVICE,
    rationale="Without a signature nobody can tell these files from others of the same names.",
    remedy="`manifest build` and `manifest sign` take a minute.",
    bad=Example(""),
    good=Example("", {"manifest.json": "<manifest>", "model.sig": "<signature>"}),
)
def not_signed(rule: Rule, release: Release) -> Iterator[Finding]:
    """A release without manifest or signature."""
    lacking = []
    if not release.has_manifest:
        lacking.append("manifest.json, which names every file by its digest")
    if release.verification.status is VerificationStatus.NONE:
        lacking.append("signature")
    if lacking:
        yield rule.finding(f"the release has no {', and no '.join(lacking)}")


@rule(
    code="PRV002",
    name="signature-refused",
    severity=Severity.ERROR,
    rationale="A signature that does not fit says that something was changed, or that somebody "
    "else signed.",
    remedy="`manifest verify` names what differs. Do not use the files before that is clear.",
    bad=Example("", {"model.sig": "<refused>"}),
    good=Example("", {"model.sig": "<signature>"}),
    exemptable=False,
)
def signature_refused(rule: Rule, release: Release) -> Iterator[Finding]:
    """A signature that verification refused."""
    if release.verification.status is VerificationStatus.REFUSED:
        detail = printable(release.verification.detail) or "verification did not accept it"
        yield rule.finding(f"the signature is refused: {detail}", location=Location("model.sig"))


@rule(
    code="PRV003",
    name="pin-leads-nowhere",
    severity=Severity.ERROR,
    rationale="What a release rests on and does not hold has to be where the description says: a "
    "commit that is gone or bytes that were exchanged cannot be checked by anybody. Looked up "
    "with --online.",
    remedy="Publish what was pinned at its address again, or pin what takes its place and say "
    "what changed.",
    bad=Example(_TRAINING_CODE, {"https://code.example/sparrow.git": "<gone>"}),
    good=Example(_TRAINING_CODE, {"https://code.example/sparrow.git": "<resolved>"}),
)
def pin_leads_nowhere(rule: Rule, release: Release) -> Iterator[Finding]:
    """A pinned reference that was looked up, and is gone or leads to something else."""
    words = {ResolutionStatus.GONE: "is gone", ResolutionStatus.MOVED: "leads to something else"}
    for pin in pinned_references(release.description):
        resolution = release.resolutions.get(pin.reference)
        if resolution is not None and resolution.status in words:
            yield rule.finding(
                f"{printable(str(pin.reference))} {words[resolution.status]}: {resolution.detail}",
                location=release.location(pin.pointer),
                component=pin.component,
            )


_DESCRIBED = "components:\n  model-parameters-final:\n    files: [model.safetensors]\n"
_FILES = {"model.safetensors": "<safetensors w=2x3>", "README.md": "# Sparrow\n"}


@rule(
    code="PRV004",
    name="manifest-stale",
    severity=Severity.ERROR,
    rationale="A manifest that lists other files than those that are there vouches for another "
    "release. Sizes are compared here; `manifest verify` compares digests.",
    remedy="Build the manifest again and sign it; or put back the files that it lists, and take away "
    "what it does not.",
    bad=Example(_DESCRIBED, _FILES | {"manifest.json": "<manifest README.md=40>"}),
    good=Example(_DESCRIBED, _FILES | {"manifest.json": "<manifest>"}),
    exemptable=False,
    of_files=True,
)
def manifest_stale(rule: Rule, release: Release) -> Iterator[Finding]:
    """Files of other sizes than the manifest lists, gone, or not listed; what none can list."""
    if release.listing is None:
        return
    where = Location("manifest.json")
    if release.listing.problem:
        yield rule.finding(f"it cannot be read: {release.listing.problem}", location=where)
        return
    stale = staleness(release.listing, release.source)
    # Files of components that a manifest alone describes are missing by EVI002 already.
    told = {path for c in release.components for path in c.files.unmatched}
    missing = tuple(path for path in stale.missing if path not in told)
    for paths, one, many in (
        (stale.changed, "has another size than the listed one", "have other sizes than listed"),
        (missing, "is listed and not there", "are listed and not there"),
        (stale.unlisted, "is not listed", "are not listed"),
    ):
        if paths:
            more = f" and {len(paths) - 1:,} more files" if len(paths) > 1 else ""
            yield rule.finding(
                f"{printable(paths[0])}{more} {many if more else one}", location=where
            )
    odd = _unlistable(release)
    if odd:
        more = f" ({plural(len(odd) - 1, 'more thing')} like it)" if len(odd) > 1 else ""
        yield rule.finding(f"{odd[0].describe()}: no manifest can list it{more}", location=where)


def _unlistable(release: Release) -> list[Oddity]:
    """What stands in the directory and is no file of a manifest, as a link or an unsound name."""
    if not isinstance(release.source, DirectorySource) or release.listing is None:
        return []
    owned = release.listing.owned
    return [o for o in release.source.tree.oddities if not is_owned(o.path, owned)]


_BASE = "base_models:\n  - name: acme/robin\n    relation: finetune\n"


@rule(
    code="PRV005",
    name="base-model-not-pinned",
    severity=Severity.ADVICE,
    rationale="A base model that is named and not pinned can be another one tomorrow: its weights, "
    "its license and its flaws are part of this release.",
    remedy="Pin the base model under `base_models`, by the commit of its repository, by its manifest "
    "or by its weights digest.",
    bad=Example(_DESCRIBED + _BASE, _FILES),
    good=Example(
        _DESCRIBED
        + _BASE
        + "    reference:\n      {type: huggingface, repo: acme/robin, "
        + "revision: 3f786850e387550fdab836ed7e6dc881de23001b}\n",
        _FILES,
    ),
    frameworks=(FrameworkElement(Framework.INDEX, "weights of base and of end model"),),
)
def base_model_not_pinned(rule: Rule, release: Release) -> Iterator[Finding]:
    """Base models without a reference that names their content."""
    for index, base in enumerate(release.description.base_models):
        if not base.is_pinned:
            yield rule.finding(
                f"the base model {printable(base.name)} is not pinned to its content",
                location=release.location(f"base_models[{index}]"),
            )
