"""What is open for which content, and what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.licenses import AI_LICENSES, LicenseStatus, assess, same_license
from manifest.licenses.ai import Basis

TYPES = ("code", "data", "document")


@pytest.mark.parametrize(
    ("expression", "code", "data", "document"),
    [
        # Software: written for code; it counts for the rest, and says so.
        ("Apache-2.0", "open", "open-other-type", "open-other-type"),
        ("apache-2.0", "open", "open-other-type", "open-other-type"),
        ("MIT", "open", "open-other-type", "open-other-type"),
        ("gpl-3.0", "open", "open-other-type", "open-other-type"),
        ("GPL-2.0+", "open", "open-other-type", "open-other-type"),
        ("AGPL-3.0-or-later", "open", "open-other-type", "open-other-type"),
        ("bsl-1.0", "open", "open-other-type", "open-other-type"),  # Boost, not Business Source
        ("BUSL-1.1", "not-open", "not-open", "not-open"),
        ("SSPL-1.0", "not-open", "not-open", "not-open"),
        ("Elastic-2.0", "not-open", "not-open", "not-open"),
        ("JSON", "not-open", "not-open", "not-open"),
        # Works that are not software.
        ("CC-BY-4.0", "open-other-type", "open", "open"),
        ("cc-by-sa-4.0", "open-other-type", "open", "open"),
        ("CC0-1.0", "open-other-type", "open", "open"),
        ("CC-BY-3.0-DE", "open-other-type", "open", "open"),
        ("CC-BY-SA-2.5", "open-other-type", "open", "open"),
        ("CC-BY-9.0", "unknown", "unknown", "unknown"),
        ("CC-BY-NC-SA-3.0-DE", "not-open", "not-open", "not-open"),
        ("CC-PDDC", "open-other-type", "open", "open"),
        ("cc-by-nc-4.0", "not-open", "not-open", "not-open"),
        ("CC-BY-NC-SA-4.0", "not-open", "not-open", "not-open"),
        ("CC-BY-ND-3.0", "not-open", "not-open", "not-open"),
        # Data.
        ("cdla-permissive-2.0", "open-other-type", "open", "open-other-type"),
        ("CDLA-Sharing-1.0", "open-other-type", "open", "open-other-type"),
        ("odc-by", "open-other-type", "open", "open-other-type"),
        ("ODC-By-1.0", "open-other-type", "open", "open-other-type"),
        ("odbl", "open-other-type", "open", "open-other-type"),
        ("pddl", "open-other-type", "open", "open-other-type"),
        ("C-UDA-1.0", "open-other-type", "open", "open-other-type"),
        # Documents.
        ("FreeBSD-DOC", "open-other-type", "open-other-type", "open"),
        ("GFDL-1.3-no-invariants-or-later", "open-other-type", "open-other-type", "open"),
        # Models.
        ("OpenMDW-1.0", "open", "open", "open"),
        ("LicenseRef-OpenMDW-1.1", "open", "open", "open"),
        ("llama2", "not-open", "not-open", "not-open"),
        ("llama3.1", "not-open", "not-open", "not-open"),
        ("llama4", "not-open", "not-open", "not-open"),
        ("gemma", "not-open", "not-open", "not-open"),
        ("openrail++", "not-open", "not-open", "not-open"),
        ("bigscience-bloom-rail-1.0", "not-open", "not-open", "not-open"),
        ("modified-mit", "not-open", "not-open", "not-open"),
        # Not known, or not one license.
        ("grok2-community", "unknown", "unknown", "unknown"),
        ("falcon-llm-license", "unknown", "unknown", "unknown"),
        ("acme-1.0", "unknown", "unknown", "unknown"),
        ("LicenseRef-Apache-2.0", "unknown", "unknown", "unknown"),
        ("LicenseRef-MIT", "unknown", "unknown", "unknown"),
        ("bsd", "unknown", "unknown", "unknown"),
        ("cc", "unknown", "unknown", "unknown"),
        ("other", "unknown", "unknown", "unknown"),
        ("unknown", "unknown", "unknown", "unknown"),
        # Nothing.
        ("", "none", "none", "none"),
        ("   ", "none", "none", "none"),
        ("NONE", "none", "none", "none"),
        ("NOASSERTION", "none", "none", "none"),
    ],
)
def test_table(expression: str, code: str, data: str, document: str) -> None:
    found = tuple(assess(expression, t).status.value for t in TYPES)
    assert found == (code, data, document)


@pytest.mark.parametrize(
    ("expression", "status", "spdx"),
    [
        ("MIT OR llama3", "open", ""),
        ("llama3 or MIT", "open", ""),
        ("MIT AND llama3", "not-open", ""),
        ("MIT AND Apache-2.0", "open", "MIT AND Apache-2.0"),
        ("mit and (apache-2.0 or bsd-3-clause)", "open", "MIT AND (Apache-2.0 OR BSD-3-Clause)"),
        ("MIT AND CC-BY-4.0", "open-other-type", "MIT AND CC-BY-4.0"),
        ("MIT AND acme", "unknown", ""),
        ("MIT OR acme", "open", ""),
        ("CC-BY-NC-4.0 OR acme", "unknown", ""),
        ("CC-BY-NC-4.0 AND acme", "not-open", ""),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "open",
            "GPL-2.0-only WITH Classpath-exception-2.0",
        ),
        ("GPL-2.0-only WITH Commons-Clause", "unknown", ""),
        ("Apache-2.0 WITH LLVM-exception", "open", "Apache-2.0 WITH LLVM-exception"),
        ("MIT AND", "unknown", ""),
        ("(MIT", "unknown", ""),
        ("()", "unknown", ""),
        ("MIT/Apache-2.0", "unknown", ""),
        ("MIT, Apache-2.0", "unknown", ""),
        ("MIT Apache-2.0", "unknown", ""),
        ("A WITH B WITH C", "unknown", ""),
        ("(" * 500, "unknown", ""),
    ],
)
def test_expressions(expression: str, status: str, spdx: str) -> None:
    found = assess(expression, "code")
    assert (found.status.value, found.spdx) == (status, spdx)


@pytest.mark.parametrize(
    ("expression", "approved"),
    [
        ("MIT", True),
        ("MIT OR CC-BY-4.0", True),
        ("MIT AND CC-BY-4.0", False),
        ("CC0-1.0", False),
        ("OpenMDW-1.0", False),
        ("WTFPL", False),
    ],
)
def test_osi_approval_is_a_question_of_its_own(expression: str, *, approved: bool) -> None:
    assert assess(expression, "code").osi_approved is approved


def test_other_is_what_its_name_says() -> None:
    assert assess("other", "data", name="deepseek").status is LicenseStatus.NOT_OPEN
    assert assess("other", "data", name="apache-2.0").is_open
    assert assess("other", "data", name="other").status is LicenseStatus.UNKNOWN
    assert assess("other", "data", name="our own").status is LicenseStatus.UNKNOWN


@pytest.mark.parametrize("entry", AI_LICENSES, ids=lambda e: e.id)
def test_ai_licenses_name_a_clause_or_are_unknown(entry: object) -> None:
    for license_ in AI_LICENSES:
        found = assess(license_.id, "data")
        if license_.basis is Basis.UNCHECKED:
            assert found.status is LicenseStatus.UNKNOWN
        else:
            assert found.status is LicenseStatus.NOT_OPEN
            assert found.clauses == license_.clauses
            assert found.reason == license_.clauses[0]


def test_same_license() -> None:
    assert same_license("apache-2.0", "Apache-2.0")
    assert same_license("GPL-3.0", "GPL-3.0-only")
    assert same_license("odbl", "ODbL-1.0")
    assert not same_license("MIT", "Apache-2.0")
    assert not same_license("llama3", "llama3.1")


ids = st.sampled_from(
    ["MIT", "apache-2.0", "llama3", "acme-1", "CC-BY-4.0", "gemma", "LicenseRef-MIT", "other"]
)
trees = st.recursive(
    ids,
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    max_leaves=8,
)
OPEN = {"MIT", "apache-2.0", "CC-BY-4.0"}


def is_open(expression: str) -> bool:
    """An oracle: the expression as Python's own booleans."""
    words = expression.replace("(", " ( ").replace(")", " ) ").split()
    table = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    return bool(eval(" ".join(table.get(w, str(w in OPEN)) for w in words)))


@given(trees)
def test_and_or_agree_with_booleans(expression: str) -> None:
    assert assess(expression, "code").is_open == is_open(expression)


@given(st.text(max_size=60), st.sampled_from(TYPES))
def test_never_raises_and_what_is_not_spdx_is_never_open(text: str, content_type: str) -> None:
    found = assess(text, content_type)
    if found.is_open:
        # Whatever is open was found on the SPDX list or on the list of open licenses.
        assert found.spdx


@given(st.text(alphabet="MITandorwith()- .+ABCapache20", max_size=40))
def test_never_raises_on_what_looks_like_an_expression(text: str) -> None:
    assess(text, "code")
