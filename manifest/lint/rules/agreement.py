"""Licenses that must agree: description, card, texts, packages, headers and base models."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import listed, printable
from manifest.findings import Finding, Location, Severity
from manifest.licenses import same_license
from manifest.lint.base_models import restricted_bases
from manifest.lint.evidence import ComponentEvidence
from manifest.lint.examples import CARD
from manifest.lint.license_files import (
    combinations,
    declared_ids,
    ids_of,
    incomplete_other,
    package_licenses,
    says,
    takes_away,
    unexplained,
)
from manifest.lint.license_sources import contradicting, declarer
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.use_policies import terms_beside
from manifest.lint.verdict import Framework, FrameworkElement

_FILES = {"model.safetensors": "<safetensors w=2x3>"}


def _described(license_: str) -> str:
    return (
        f"license: {license_}\ncomponents:\n  model-parameters-final:\n"
        "    files: [model.safetensors]\n"
    )


def _weights(release: Release) -> Iterator[ComponentEvidence]:
    return iter(release.of_kind("model-parameters-final"))


def _declared(release: Release, ids: set[str]) -> str:
    """What is declared, and where, as ``release.yaml says MIT``."""
    license_ = release.description.license or " AND ".join(sorted(ids))
    named = printable(" or ".join(sorted(ids)))
    return f"{declarer(release, license_)} says {named}"


@rule(
    code="LIC003",
    name="licenses-disagree",
    severity=Severity.ERROR,
    rationale="A card that names one license beside a description or a text of another leaves "
    "nobody with a right to rely on; models have been relicensed this way without their owner.",
    remedy="Make the description, the card and the license file name the same license; until then "
    "the one that grants least is taken for true.",
    bad=Example(
        _described("mit") + "  model-card:\n    files: [README.md]\n", _FILES | {"README.md": CARD}
    ),
    good=Example(
        _described("apache-2.0") + "  model-card:\n    files: [README.md]\n",
        _FILES | {"README.md": CARD},
    ),
    exemptable=False,
)
def licenses_disagree(rule: Rule, release: Release) -> Iterator[Finding]:
    """A card or header that contradicts the description; a text that takes away what both grant."""
    declared = declared_ids(release)
    if not declared:
        return
    for said in contradicting(release, declared):
        yield rule.finding(
            f"{said.who} says {printable(said.license)}, and {_declared(release, declared)}",
            location=Location(said.path, said.line),
        )
    for entry in unexplained(release, declared):
        if takes_away(entry):
            yield rule.finding(
                f"{says(entry)}, and {_declared(release, declared)}",
                location=Location(entry.path, entry.text.line or None),
            )


@rule(
    code="LIC007",
    name="license-text-unexplained",
    severity=Severity.WARNING,
    rationale="A license file of a license that nothing is declared to be under leaves open what "
    "it covers; words added to a license text leave open what it still grants.",
    remedy="Say in the description which component is under it, or take it out; add nothing to "
    "license texts but copyright notices.",
    bad=Example(_described("mit"), _FILES | {"LICENSE": "<license Apache-2.0>"}),
    good=Example(_described("mit"), _FILES | {"LICENSE": "<license MIT>"}),
    of_files=True,
)
def license_text_unexplained(rule: Rule, release: Release) -> Iterator[Finding]:
    """License files of open licenses that nothing is declared to be under."""
    declared = declared_ids(release)
    if not declared:
        return
    for entry in unexplained(release, declared):
        if not takes_away(entry):
            yield rule.finding(
                f"{says(entry)}, and {_declared(release, declared)}",
                location=Location(entry.path, entry.text.line or None),
            )


@rule(
    code="LIC008",
    name="base-model-terms-lost",
    severity=Severity.ERROR,
    rationale="A model made from another keeps its terms. Relicensing what somebody else allows for "
    "research only gives everyone downstream a right that nobody could grant.",
    remedy="State the base model's license for the weights, or name the permission to relicense "
    "under `base_models`.",
    bad=Example(
        _described("apache-2.0")
        + "base_models:\n  - {name: mistralai/Pixtral-Large-Instruct-2411, relation: quantized}\n",
        _FILES,
    ),
    good=Example(
        _described("apache-2.0")
        + "base_models:\n  - {name: mistralai/Pixtral-12B-2409, relation: quantized}\n",
        _FILES,
    ),
    frameworks=(FrameworkElement(Framework.OSAID, "parameters: terms"),),
    exemptable=False,
)
def base_model_terms_lost(rule: Rule, release: Release) -> Iterator[Finding]:
    """Weights under an open license whose base model is not."""
    open_ = [c for c in _weights(release) if c.assessment.is_open]
    if not open_:
        return
    for restricted in restricted_bases(release):
        base = restricted.base
        yield rule.finding(
            f"the weights are declared {printable(open_[0].license)}, and {restricted}",
            location=Location(base.path) if base.path else release.location(base.pointer),
            component=open_[0].spec.id,
        )


@rule(
    code="LIC009",
    name="other-license-incomplete",
    severity=Severity.WARNING,
    rationale="`other` is no license: only its name, a link and its text together say what was "
    "granted.",
    remedy="Add `license_name` and `license_link`, and put the text into the release as `LICENSE`.",
    bad=Example(_described("other") + "license_name: birdhouse-1.0\n", _FILES),
    good=Example(
        _described("other")
        + "license_name: birdhouse-1.0\nlicense_link: https://birds.example/license\n",
        _FILES | {"LICENSE": "Birdhouse License 1.0. Do with the birds what you like.\n"},
    ),
)
def other_license_incomplete(rule: Rule, release: Release) -> Iterator[Finding]:
    """A license called `other` without name, link or text."""
    for lacking, location in incomplete_other(release):
        yield rule.finding(f"the license is `other`, without {listed(lacking)}", location=location)


@rule(
    code="LIC010",
    name="use-policy-limits-open-license",
    severity=Severity.WARNING,
    rationale="Terms beside an open license take back what it grants, wherever they stand: in a notice, "
    "in terms of use, in a policy of forbidden uses, in a sentence of the card. Who reads the license "
    "alone relies on rights that the next file denies.",
    remedy="Take the terms out or word them as advice; or declare for the weights the license that "
    "they make of it.",
    bad=Example(
        _described("apache-2.0"),
        _FILES
        | {
            "USE_POLICY.md": "# Use policy\n\nYou agree you will not use Sparrow near nests. The rights "
            "are not being granted to you if you live in the European Union.\n"
        },
    ),
    good=Example(
        _described("apache-2.0"),
        _FILES
        | {"USE_POLICY.md": "# Use policy\n\nWe hope that Sparrow is used with care for birds.\n"},
    ),
    frameworks=(FrameworkElement(Framework.OSAID, "parameters: terms"),),
    exemptable=False,
    of_files=True,
)
def use_policy_limits(rule: Rule, release: Release) -> Iterator[Finding]:
    """Notices, policies and sentences of a card that set terms, beside a license that is open."""
    open_ = [c for c in _weights(release) if c.assessment.is_open]
    for terms in terms_beside(release) if open_ else ():
        yield rule.finding(
            f"{terms}; the weights are declared {printable(open_[0].license)}",
            location=Location(terms.path, terms.line or None),
            component=open_[0].spec.id,
        )


@rule(
    code="LIC011",
    name="licenses-do-not-combine",
    severity=Severity.WARNING,
    rationale="Licenses that cannot be obeyed together leave nobody able to use the release as a "
    "whole: data for non-commercial use under a model for any use, share-alike data passed on under "
    "other terms, GPL-2.0-only code beside Apache-2.0 code.",
    remedy="Take the part out, get other terms for it, or license the whole under terms that fit.",
    bad=Example(
        _described("apache-2.0")
        + "data:\n  sources:\n    - {name: Nest photos, license: cc-by-nc-4.0}\n",
        _FILES,
    ),
    good=Example(
        _described("apache-2.0")
        + "data:\n  sources:\n    - {name: Nest photos, license: cc-by-4.0}\n",
        _FILES,
    ),
)
def licenses_do_not_combine(rule: Rule, release: Release) -> Iterator[Finding]:
    """Parts whose licenses contradict each other."""
    for clash in combinations(release):
        yield rule.finding(
            clash.message, location=release.location(clash.pointer), component=clash.component
        )


@rule(
    code="LIC012",
    name="package-license-differs",
    severity=Severity.WARNING,
    rationale="A package's metadata is what installers and scanners read; where it names another "
    "license than the description, one of the two is wrong for somebody.",
    remedy="Make the metadata and the description name the same license, or say in the description "
    "which component the package's license covers.",
    bad=Example(
        _described("apache-2.0"),
        _FILES
        | {
            "sparrow-1.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: sparrow\nVersion: 1.0\n"
            "License-Expression: MIT\n\nA model.\n"
        },
    ),
    good=Example(
        _described("apache-2.0"),
        _FILES
        | {
            "sparrow-1.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: sparrow\nVersion: 1.0\n"
            "License-Expression: Apache-2.0\n\nA model.\n"
        },
    ),
    of_files=True,
)
def package_license_differs(rule: Rule, release: Release) -> Iterator[Finding]:
    """Packages whose license is none that the description gives to anything."""
    declared = declared_ids(release)
    if not declared or release.basis is Basis.DECLARATIONS:
        return
    # A text of the package's license that nothing is declared to be under is reported already.
    told = {i for entry in unexplained(release, declared) for i in entry.text.ids}
    for path, license_ in package_licenses(release):
        ids = ids_of(license_)
        if any(same_license(a, b) for a in ids for b in declared | told):
            continue
        yield rule.finding(
            f"the package's metadata says {printable(license_)}, and {_declared(release, declared)}",
            location=Location(path),
        )
