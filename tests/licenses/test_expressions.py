"""What is open for which content, and what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.licenses import (
    AI_LICENSES,
    AiLicense,
    LicenseStatus,
    assess,
    base_license,
    same_license,
)
from manifest.licenses.clauses import Basis

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
        ("grok2-community", "not-open", "not-open", "not-open"),
        ("falcon-llm-license", "not-open", "not-open", "not-open"),
        ("apple-amlr", "not-open", "not-open", "not-open"),
        # Not known, or not one license.
        ("intel-research", "unknown", "unknown", "unknown"),
        ("h-research", "unknown", "unknown", "unknown"),
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
def test_ai_licenses_name_a_clause_or_are_unknown(entry: AiLicense) -> None:
    found = assess(entry.id, "data")
    if entry.basis is Basis.UNCHECKED:
        assert found.status is LicenseStatus.UNKNOWN
    else:
        assert found.status is LicenseStatus.NOT_OPEN
        assert found.clauses == entry.clauses
        assert found.reason == entry.words(entry.clauses[0]) == found.terms[0]


@pytest.mark.parametrize(
    ("id_", "says"),
    [
        ("llama3.1", "requires a separate license above 700 million monthly users"),
        ("tongyi-qianwen", "requires a separate license above 100 million monthly users"),
        ("modified-mit", "above 100 million monthly users or 20 million US dollars"),
    ],
)
def test_a_threshold_is_named(id_: str, says: str) -> None:
    assert says in assess(id_, "data").reason


def test_a_place_is_named() -> None:
    assert "excludes the European Union" in assess("tencent-hunyuan-community", "data").reason
    assert "denies its multimodal models to the European Union" in assess("llama4", "data").terms
    assert not any("European" in term for term in assess("llama3.1", "data").terms)


@pytest.mark.parametrize("entry", AI_LICENSES, ids=lambda e: e.id)
def test_a_text_that_was_read_is_named(entry: AiLicense) -> None:
    assert (entry.basis is Basis.TEXT) == bool(entry.source)


# The hub's list of license ids (huggingface/hub-docs, docs/hub/repositories-licenses.md).
HUB_IDS = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl
ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl
lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0
odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr
deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3
llama4 grok2-community gemma unknown other
""".split()  # noqa: SIM905 - a list of words reads better than eighty quoted ones
NOT_ONE_LICENSE = {"bsd", "cc", "gfdl", "gpl", "lgpl", "unknown", "other"}


@pytest.mark.parametrize("id_", HUB_IDS)
def test_every_id_of_the_hub_is_known(id_: str) -> None:
    found = assess(id_, "data")
    undecided = found.status is LicenseStatus.UNKNOWN
    assert undecided == (id_ in NOT_ONE_LICENSE or id_ in {"intel-research", "h-research"})
    assert "not a license that is known" not in found.reason


@pytest.mark.parametrize(
    ("model", "license_"),
    [
        ("neuralmagic/Pixtral-Large-Instruct-2411-hf", "mrl"),
        ("mistralai/Ministral-8B-Instruct-2410", "mrl"),
        ("meta-llama/Llama-2-7b-hf", "llama2"),
        ("codellama/CodeLlama-7b-hf", "llama2"),
        ("meta-llama/Meta-Llama-3-8B", "llama3"),
        ("unsloth/Meta-Llama-3.1-8B-Instruct", "llama3.1"),
        ("meta-llama/Llama-3.2-11B-Vision", "llama3.2"),
        ("Llama-3.3-70B-Instruct", "llama3.3"),
        ("meta-llama/Llama-4-Scout-17B-16E", "llama4"),
        ("google/gemma-7b", "gemma"),
        ("google/gemma-2-9b-it", "gemma"),
        ("google/gemma-3n-E4B-it", "gemma"),
        ("deepseek-ai/DeepSeek-V3", "deepseek"),
        ("Qwen/Qwen2-72B-Instruct", "tongyi-qianwen"),
        ("moonshotai/Kimi-K2-Instruct", "modified-mit"),
        ("tiiuae/Falcon3-7B-Base", "falcon-llm-license"),
        ("bigscience/bloom-560m", ""),
        ("bigscience/bloomz-7b1", "bigscience-bloom-rail-1.0"),
        ("stabilityai/stable-diffusion-2-1", "openrail++"),
        # Open, or not known here.
        ("google/gemma-4-31b", ""),
        ("deepseek-ai/DeepSeek-V3-0324", ""),
        ("deepseek-ai/DeepSeek-R1", ""),
        ("mistralai/Mistral-7B-v0.3", ""),
        ("mistralai/Pixtral-12B-2409", ""),
        ("Qwen/Qwen2-7B", ""),
        ("Qwen/Qwen2.5-7B", ""),
        ("TinyLlama/TinyLlama-1.1B", ""),
        ("openlm-research/open_llama_3b", ""),
        ("tiiuae/falcon-7b", ""),
        ("tiiuae/falcon-180B", "falcon-tii-license"),
        ("moonshotai/Moonlight-16B-A3B", ""),
        ("allenai/OLMo-2-1124-7B", ""),
        ("", ""),
    ],
)
def test_license_of_a_base(model: str, license_: str) -> None:
    found = base_license(model)
    assert (found.id if found else "") == license_


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
