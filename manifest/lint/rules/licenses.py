"""Licenses: what one may do with each part, and whether the parts agree."""

from __future__ import annotations

import dataclasses
import re

from manifest.display import listed, printable
from manifest.document.components import ContentType
from manifest.licenses import LicenseStatus, assess, same_license
from manifest.lint.base_models import restricted_bases
from manifest.lint.evidence import ComponentEvidence
from manifest.lint.examples import CARD, TRAIN
from manifest.lint.license_files import ids_of
from manifest.lint.license_sources import stricter
from manifest.lint.needs import MET, met_if, name_of
from manifest.lint.release import Basis, Release
from manifest.lint.rule import Example, gate
from manifest.lint.use_policies import terms_beside
from manifest.lint.verdict import Framework, FrameworkElement, Outcome, Status, Verdict

_WEIGHTS = "model-parameters-final"
_OWN_TERMS = frozenset({"license-texts", "research-paper", "technical-report"})
"""Kinds that need no license for a release to be open source: texts of others' hands."""


def _described(license_: str) -> str:
    return (
        f"license: {license_}\ncomponents:\n  model-parameters-final:\n"
        "    files: [model.safetensors]\n"
    )


_FILES = {"model.safetensors": "<safetensors w=2x3>"}


@gate(
    code="LIC001",
    name="component-without-license",
    gates=Verdict.OPEN_SOURCE,
    title="a license for every component",
    rationale="What no license covers, nobody may use: publishing something grants nothing.",
    remedy="Set `license` for the release, or a license for the component.",
    bad=Example(
        "components:\n  training-code:\n    files: [train.py]\n",
        {"train.py": TRAIN},
    ),
    good=Example(
        "license: MIT\ncomponents:\n  training-code:\n    files: [train.py]\n", {"train.py": TRAIN}
    ),
    frameworks=(FrameworkElement(Framework.INDEX, "licenses"),),
)
def every_component_licensed(release: Release) -> Outcome:
    """No component is without a license."""
    for component in release.present():
        if component.assessment.status is LicenseStatus.NONE and component.kind not in _OWN_TERMS:
            return Outcome(
                Status.NOT_MET,
                f"no license covers the {name_of(component.kind)}",
                component.spec.id,
                f"components.{component.spec.id}",
            )
    return MET


@gate(
    code="LIC002",
    name="weights-license-not-open",
    gates=Verdict.OPEN_WEIGHT,
    title="an open license on the weights",
    rationale="Weights under terms that limit who may use them, or for what, are available and "
    "not open. Open means that anyone may use, study, modify and share them for any purpose.",
    remedy="License the weights under terms that are open for data or approved by the OSI, such as "
    "Apache-2.0, OpenMDW-1.0 or CC-BY-4.0; or call the release weights-available.",
    bad=Example(_described("llama3.1"), _FILES),
    good=Example(_described("apache-2.0"), _FILES),
    frameworks=(
        FrameworkElement(Framework.MOF, "open license"),
        FrameworkElement(Framework.OSAID, "parameters: terms"),
        FrameworkElement(Framework.EU, "53(2): license to access, use, modify and distribute"),
        FrameworkElement(Framework.INDEX, "licenses"),
    ),
)
def weights_license(release: Release) -> Outcome:
    """Every component of final weights is under an open license from which nothing takes away."""
    weights = list(release.present(_WEIGHTS)) or list(release.of_kind(_WEIGHTS))
    if not weights:
        whole = assess(
            release.description.license or release.description.licenses.get(ContentType.DATA, ""),
            "data",
            name=str(release.description.fields.get("license_name", "")),
        )
        return met_if(
            whole.is_open, f"the license of the weights {whole.reason}", pointer="license"
        )
    for component in weights:
        pointer = _license_pointer(release, component)
        if not component.assessment.is_open:
            reason = _terms(release, component)
            undecided = component.assessment.status is LicenseStatus.UNKNOWN
            status = Status.UNDECIDED if undecided else Status.NOT_MET
            return Outcome(status, reason, component.spec.id, pointer)
        if (held := _held_back(release, component)) is not None:
            return dataclasses.replace(held, pointer=pointer)
    return MET


def _held_back(release: Release, component: ComponentEvidence) -> Outcome | None:
    """What takes away from an open license of weights; None when nothing does."""
    declared = f"the weights are declared {printable(component.license)}, and"
    here = component.spec.id
    if base := next(restricted_bases(release), None):
        return Outcome(Status.NOT_MET, f"{declared} {base}", here, path=base.base.path)
    held = stricter(release, component)
    if held is not None and held.status is Status.NOT_MET:
        return held
    if beside := next(terms_beside(release), None):
        return Outcome(Status.NOT_MET, f"{declared} {beside}", here, path=beside.path)
    return held


def _terms(release: Release, component: ComponentEvidence) -> str:
    if component.assessment.status is LicenseStatus.NONE:
        return "no license covers the weights"
    name = printable(component.license)
    if component.license == "other":  # a card's word; what it stands for says more
        name = printable(str(release.description.fields.get("license_name", ""))) or name
    if component.assessment.status is LicenseStatus.UNKNOWN:
        return f"it is not known whether {name} is open: {component.assessment.reason}"
    also = component.assessment.terms[1:]
    more = f"; it also {listed(also)}" if also else ""
    return f"the weights' license, {name}, {component.assessment.reason}{more}"


def _license_pointer(release: Release, component: ComponentEvidence) -> str:
    if component.spec.license:
        return f"components.{component.spec.id}.license"
    content = component.spec.kind.content_type
    if content in release.description.licenses:
        return f"licenses.{content}"
    return "license" if release.description.license else f"components.{component.spec.id}"


@gate(
    code="LIC004",
    name="code-license-not-approved",
    gates=Verdict.OPEN_SOURCE,
    title="an OSI-approved license on all code",
    rationale="The Open Source AI Definition asks for code under a license that the Open Source "
    "Initiative has approved.",
    remedy="License the code under an OSI-approved license, such as Apache-2.0 or MIT.",
    bad=Example(
        "license: cc-by-nc-4.0\ncomponents:\n  training-code:\n    files: [train.py]\n",
        {"train.py": TRAIN},
    ),
    good=Example(
        "license: apache-2.0\ncomponents:\n  training-code:\n    files: [train.py]\n",
        {"train.py": TRAIN},
    ),
    frameworks=(FrameworkElement(Framework.OSAID, "code: license"),),
)
def code_license(release: Release) -> Outcome:
    """Every component of code is under an approved license."""
    for component in release.present():
        if component.spec.kind.content_type is not ContentType.CODE:
            continue
        assessment = component.assessment
        if assessment.is_open and assessment.osi_approved:
            if (held := stricter(release, component)) is not None:
                pointer = _license_pointer(release, component)
                return dataclasses.replace(held, pointer=pointer)
            continue
        named = printable(component.license) or "no license"
        why = "is open and not approved by the OSI" if assessment.is_open else assessment.reason
        return Outcome(
            Status.UNDECIDED if assessment.status is LicenseStatus.UNKNOWN else Status.NOT_MET,
            f"the {name_of(component.kind)} is under {named}, which {why}"
            if component.license
            else f"no license covers the {name_of(component.kind)}",
            component.spec.id,
            _license_pointer(release, component),
        )
    return MET


@gate(
    code="LIC005",
    name="license-text-missing",
    gates=Verdict.OPEN_SOURCE,
    title="the texts of the licenses",
    rationale="A license is granted by its text. A name in a card's front matter, or a file that "
    "only names a license, leaves open what was granted and by whom.",
    remedy="Put the whole text of each license into the release, as `LICENSE`, under "
    "`components.license-texts`.",
    bad=Example(_described("mit"), _FILES | {"LICENSE": "MIT\n"}),
    good=Example(_described("mit"), _FILES | {"LICENSE": "<license MIT>"}),
)
def license_texts(release: Release) -> Outcome:
    """For the weights and all code there is the text of a license that covers it."""
    if release.basis is Basis.DECLARATIONS:
        return MET
    texts = {i for t in release.license_texts if t.text.whole for i in t.text.ids}
    for component in release.present():
        is_code = component.spec.kind.content_type is ContentType.CODE
        if not component.license or not (is_code or component.kind == _WEIGHTS):
            continue
        wanted = [
            re.split(r"\s+WITH\s+", i, flags=re.IGNORECASE)[0] for i in ids_of(component.license)
        ]
        if not any(same_license(w, text) for w in wanted for text in texts):
            return Outcome(
                Status.NOT_MET,
                f"the text of {printable(component.license)}, the license of the "
                f"{name_of(component.kind)}, is not in the release",
                component.spec.id,
                "components",
            )
    return MET


@gate(
    code="LIC006",
    name="content-license-not-open",
    gates=Verdict.OPEN_SCIENCE,
    title="open licenses on data and documents",
    rationale="The Model Openness Framework counts a component only under an open license that "
    "suits what it is.",
    remedy="License data and documents openly, for instance under CC-BY-4.0 or CDLA-Permissive-2.0.",
    bad=Example(
        "license: cc-by-nc-4.0\ncomponents:\n  model-card:\n    files: [README.md]\n",
        {"README.md": CARD.replace("apache-2.0", "cc-by-nc-4.0")},
    ),
    good=Example(
        "license: cc-by-4.0\ncomponents:\n  model-card:\n    files: [README.md]\n",
        {"README.md": CARD.replace("apache-2.0", "cc-by-4.0")},
    ),
    frameworks=(FrameworkElement(Framework.MOF, "open license"),),
)
def content_license(release: Release) -> Outcome:
    """Every component of the framework that is there is openly licensed."""
    for component in release.present():
        assessment = component.assessment
        if component.spec.kind.mof_class is None:
            continue
        if assessment.is_open:
            if (held := stricter(release, component)) is not None:
                pointer = _license_pointer(release, component)
                return dataclasses.replace(held, pointer=pointer)
            continue
        return Outcome(
            Status.UNDECIDED if assessment.status is LicenseStatus.UNKNOWN else Status.NOT_MET,
            f"the {name_of(component.kind)} is under {printable(component.license)}, which "
            f"{assessment.reason}"
            if component.license
            else f"no license covers the {name_of(component.kind)}",
            component.spec.id,
            _license_pointer(release, component),
        )
    return MET
