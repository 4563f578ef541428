"""Conditions of the open-source exemption, and training compute against the Act's thresholds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from manifest.display import printable
from manifest.licenses import LicenseStatus, assess
from manifest.licenses.ai import Clause
from manifest.lint.frameworks.compute import Compute, ComputeBasis
from manifest.lint.frameworks.eu_rows import GUIDELINES_DATE, EuRow, EuStatus
from manifest.lint.release import Basis, Release
from manifest.lint.rule import requirements
from manifest.lint.verdict import Framework, Requirement, Status, trusting

__all__ = ["conditions", "is_exempt", "on_trust", "thresholds"]

_GENERAL_PURPOSE = 1e23
_SYSTEMIC_RISK = 1e25
_MODIFIER = 1 / 3 + 1e-9  # a third exactly is not more than a third
_DOUBT = 3.0
"""An estimate within this factor of a threshold does not tell on which side the model is."""
_LICENSE = "53(2): license to access, use, modify and distribute"
_PUBLIC = (
    ("public weights", "53(2): public weights"),
    ("public information on the architecture", "53(2): public information on the architecture"),
    ("public information on usage", "53(2): public information on usage"),
)
_WEIGHTS = "model-parameters-final"
_USE, _MODIFY, _DISTRIBUTE = "use", "modification", "distribution"
# Which of the four freedoms a clause takes away, where it is not use; a clause that can end or
# change the license takes three.
_TAKES: Mapping[Clause, tuple[str, ...]] = {
    Clause.NO_DERIVATIVES: (_MODIFY,),
    Clause.NAMING: (_DISTRIBUTE,),
    Clause.PASSED_ON: (_DISTRIBUTE,),
    Clause.NO_GRANT: ("access", _USE, _MODIFY, _DISTRIBUTE),
    Clause.TERMINATION: (_USE, _MODIFY, _DISTRIBUTE),
    Clause.LICENSOR_MAY_CHANGE: (_USE, _MODIFY, _DISTRIBUTE),
}


def conditions(release: Release) -> tuple[EuRow, ...]:
    """The conditions of Article 53(2) and recital 103, one row each."""
    found = _elements(release)
    without = _elements(_untrusting(release)) if release.accept_pinned else found
    return (
        *_freedoms(release, found[_LICENSE], without[_LICENSE]),
        *_public(found, without),
        _monetisation(release),
    )


def on_trust(release: Release) -> int:
    """How many pinned references the conditions rest on that were not looked up."""
    if not release.accept_pinned or release.basis is Basis.DECLARATIONS:
        return 0
    without = requirements(_untrusting(release))
    return len(trusting(requirements(release), without, Framework.EU))


def _untrusting(release: Release) -> Release:
    return dataclasses.replace(release, accept_pinned=False)


def _elements(release: Release) -> Mapping[str, Requirement]:
    """The requirements that map to the Act, by what of it."""
    return {
        e.element: r
        for r in requirements(release)
        for e in r.frameworks
        if e.framework is Framework.EU
    }


def _trusted(requirement: Requirement, without: Requirement) -> str:
    """What to add where a requirement is met by what was taken on trust."""
    met = requirement.outcome.met and not without.outcome.met
    return f"; taken on trust: {without.outcome.reason}" if met else ""


def _freedoms(
    release: Release, license_rule: Requirement, without: Requirement
) -> tuple[EuRow, ...]:
    weights = list(release.present(_WEIGHTS)) or list(release.of_kind(_WEIGHTS))
    license_ = weights[0].license if weights else release.description.license
    name = str(release.description.fields.get("license_name", ""))
    assessment = weights[0].assessment if weights else assess(license_, "data", name=name)
    shown = printable(license_) or "no license"
    rows = []
    for freedom in ("access", _USE, _MODIFY, _DISTRIBUTE):
        clause = next((c for c in assessment.clauses if freedom in _TAKES.get(c, (_USE,))), None)
        if assessment.is_open:
            # Open by its name; a text in the release may contradict the name.
            status = _translated(license_rule)
            detail = (license_rule.outcome.reason or shown) + _trusted(license_rule, without)
        elif assessment.status is LicenseStatus.UNKNOWN:
            status, detail = EuStatus.UNDECIDED, f"{shown} {assessment.reason}"
        elif clause is not None or assessment.status is LicenseStatus.NONE:
            status = EuStatus.NOT_MET
            detail = f"{shown} {clause.value}" if clause else "no license covers the weights"
        else:
            status = EuStatus.UNDECIDED
            detail = f"{shown}: no clause is known that takes this away"
        rows.append(EuRow(f"free {freedom}", "Art. 53(2)", status, printable(detail)))
    return tuple(rows)


_TRANSLATED = {
    Status.MET: EuStatus.MET,
    Status.NOT_MET: EuStatus.NOT_MET,
    Status.UNDECIDED: EuStatus.UNDECIDED,
}


def _translated(requirement: Requirement) -> EuStatus:
    return _TRANSLATED[requirement.outcome.status]


def _public(
    found: Mapping[str, Requirement], without: Mapping[str, Requirement]
) -> tuple[EuRow, ...]:
    return tuple(
        EuRow(
            subject,
            "Art. 53(2)",
            _translated(found[element]),
            printable(
                found[element].outcome.reason
                or _trusted(found[element], without[element]).removeprefix("; ")
            )
            or "in this release",
        )
        for subject, element in _PUBLIC
    )


def _monetisation(release: Release) -> EuRow:
    said = release.description.fields.get("monetized")
    if said is None:
        status, detail = EuStatus.UNDECIDED, "the description does not say (`monetized`)"
    elif said:
        status, detail = EuStatus.NOT_MET, "the description says that it is monetized"
    else:
        status, detail = EuStatus.MET, "the description says that it is not monetized"
    return EuRow("no monetisation", "recital 103", status, detail)


def thresholds(release: Release, compute: Compute | None) -> tuple[EuRow, EuRow, EuRow]:
    """General purpose (1e23), systemic risk (1e25), and a third of the base's compute."""
    total, whence = _cumulative(release, compute)
    doubt = _DOUBT if compute and compute.basis is ComputeBasis.ESTIMATED else 1.0
    also = "; the criterion also asks whether it makes language, images or video"
    general = _against(total, _GENERAL_PURPOSE, doubt, whence)
    systemic = _against(total, _SYSTEMIC_RISK, doubt, whence)
    return (
        EuRow(
            "1e23 FLOP: general-purpose model, indicative",
            f"guidelines of {GUIDELINES_DATE}",
            general[0],
            general[1] + (also if general[0] is EuStatus.ABOVE else ""),
        ),
        EuRow("1e25 FLOP: systemic risk presumed", "Art. 51(2)", *systemic),
        _modifier(release, compute),
    )


def _cumulative(release: Release, compute: Compute | None) -> tuple[float | None, str]:
    """Compute of the whole chain of trainings, and what it is made of."""
    bases = release.description.fields.get("base_models", ())
    if compute is None:
        return None, "nothing says the training compute, or parameters and tokens to estimate it"
    if not bases:
        return compute.flop, str(compute)
    given = [b["compute_flops"] for b in bases if "compute_flops" in b]
    total = compute.flop + sum(map(float, given))
    if len(given) < len(bases) and total <= _SYSTEMIC_RISK:
        return None, f"{compute}; the compute of its base is not given"
    return total, f"{compute}; with its base {total:.2g} FLOP"


def _against(
    total: float | None, threshold: float, doubt: float, whence: str
) -> tuple[EuStatus, str]:
    if total is None:
        return EuStatus.UNDECIDED, whence
    if threshold / doubt < total <= threshold * doubt and doubt > 1:
        return EuStatus.UNDECIDED, f"{whence}: too near for an estimate to tell"
    return (EuStatus.ABOVE if total > threshold else EuStatus.BELOW), whence


def _modifier(release: Release, compute: Compute | None) -> EuRow:
    subject, basis = "a third of the base's compute", f"guidelines of {GUIDELINES_DATE}"
    bases = release.description.fields.get("base_models", ())
    if not bases:
        detail = "no base model is named"
        return EuRow(subject, basis, EuStatus.NOT_APPLICABLE, detail)
    given = [float(b["compute_flops"]) for b in bases if b.get("compute_flops")]
    if compute is None or len(given) < len(bases):
        detail = "needs the compute of this training and of the base (base_models[].compute_flops)"
        return EuRow(subject, basis, EuStatus.UNDECIDED, detail)
    share = compute.flop / sum(given)
    status = EuStatus.ABOVE if share > _MODIFIER else EuStatus.BELOW
    mark = " (estimated)" if compute.basis is ComputeBasis.ESTIMATED else ""
    return EuRow(subject, basis, status, f"{share:.2g} of the base's compute{mark}")


def is_exempt(rows: tuple[EuRow, ...], systemic: EuStatus) -> EuStatus:
    """Whether the exemption of Article 53(2) holds: met, not met, or not decidable."""
    states = {row.status for row in rows}
    if EuStatus.NOT_MET in states or systemic is EuStatus.ABOVE:
        return EuStatus.NOT_MET
    if states == {EuStatus.MET} and systemic is EuStatus.BELOW:
        return EuStatus.MET
    return EuStatus.UNDECIDED
