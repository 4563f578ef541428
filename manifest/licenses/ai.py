"""Licenses of AI models that are not open, each with the clause that blocks it.

The table names licenses as model cards do: by Hugging Face id, or by ``license_name`` where the
id is ``other``. How good the evidence is stands beside each. A license whose clauses nobody here
has checked is in the table so that it is recognised, and is assessed as unknown.
"""

from __future__ import annotations

import dataclasses

from manifest.licenses.clauses import Basis, Clause

__all__ = ["AI_LICENSES", "AiLicense", "Clause", "ai_license"]


@dataclasses.dataclass(frozen=True, slots=True)
class AiLicense:
    """One license.

    Attributes:
        id: Its Hugging Face id, or the ``license_name`` that cards use with ``other``.
        title: Its name for people.
        clauses: What blocks it, the weightiest first.
        basis: How that is known; `Basis.UNCHECKED` makes the license unknown, not closed.
        names: Further names by which cards and expressions call it, lower case.
        phrases: Normalised phrases that all occur in its text and, together, in no other's; ``+``
            is written ``plus``.
        source: Where its text was read: a repository and a path.
        details: What a clause says in this license, where its general words leave out a number or
            a place.
    """

    id: str
    title: str
    clauses: tuple[Clause, ...]
    basis: Basis
    names: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    source: str = ""
    details: tuple[tuple[Clause, str], ...] = ()

    def words(self, clause: Clause) -> str:
        """What a clause of this license says, as ``requires a separate license above …``."""
        return dict(self.details).get(clause, str(clause))


def _above(limit: str) -> tuple[Clause, str]:
    return Clause.USER_THRESHOLD, f"requires a separate license above {limit} monthly users"


_SCANCODE = "aboutcode-org/scancode-toolkit: src/licensedcode/data/licenses/{}.LICENSE"


_NO_MULTIMODAL = (Clause.TERRITORY, "denies its multimodal models to the European Union")


def _llama(version: str, source: str, *extra: Clause, ref: str = "") -> AiLicense:
    return AiLicense(
        f"llama{version}",
        f"Llama {version} Community License",
        (Clause.USER_THRESHOLD, Clause.ACCEPTABLE_USE, *extra, Clause.TERMINATION),
        Basis.TEXT,
        (f"licenseref-scancode-{ref}",) if ref else (),
        (f"llama {version} community license agreement",),
        source,
        (_above("700 million"), _NO_MULTIMODAL),
    )


_META = "meta-llama/llama-models: models/{}/LICENSE and USE_POLICY.md"
_NOT_EU = (Clause.TERRITORY, Clause.NAMING)
_RAIL = (Clause.USE_RESTRICTIONS, Clause.PASSED_ON, Clause.REMOTE_RESTRICTION)


def _rail(
    id_: str, title: str, phrase: str = "", *, scancode: str = "", source: str = ""
) -> AiLicense:
    read = bool(scancode or source)
    return AiLicense(
        id_,
        title,
        _RAIL if read else _RAIL[:2],
        Basis.TEXT if read else Basis.QUOTED,
        (f"licenseref-scancode-{scancode}",) if scancode else (),
        (phrase,) if phrase else (),
        source or (_SCANCODE.format(scancode) if scancode else ""),
    )


AI_LICENSES: tuple[AiLicense, ...] = (
    _llama(
        "2",
        _SCANCODE.format("llama-2-license-2023"),
        Clause.NO_TRAINING_OTHERS,
        ref="llama-2-license-2023",
    ),
    _llama("3", "meta-llama/llama3: LICENSE", Clause.NO_TRAINING_OTHERS, Clause.NAMING),
    _llama("3.1", _META.format("llama3_1"), Clause.NAMING, ref="llama-3.1-license-2024"),
    # The territory stands in the policies that these incorporate, not in the licenses.
    _llama("3.2", _META.format("llama3_2"), *_NOT_EU, ref="llama-3.2-license-2024"),
    _llama("3.3", _META.format("llama3_3"), *_NOT_EU, ref="llama-3.3-license-2024"),
    _llama("4", _META.format("llama4"), *_NOT_EU, ref="llama-4-cla-2025"),
    AiLicense(
        "gemma",
        "Gemma Terms of Use",
        (*_RAIL, Clause.TERMINATION),
        Basis.TEXT,
        ("licenseref-scancode-gemma-tou-2024-04-01",),
        ("gemma terms of use", "gemma prohibited use policy"),
        _SCANCODE.format("gemma-tou-2024-04-01"),
    ),
    AiLicense(
        "nvidia-open-model-license",
        "NVIDIA Open Model License",
        (Clause.TERMINATION, Clause.LICENSOR_MAY_CHANGE, Clause.ACCEPTABLE_USE),
        Basis.TEXT,
        ("licenseref-scancode-nvidia-open-model-2025-04-28",),
        ("nvidia open model license agreement",),
        _SCANCODE.format("nvidia-open-model-2025-04-28"),
    ),
    AiLicense(
        "deepseek",
        "DeepSeek License Agreement",
        (*_RAIL[:1], Clause.MILITARY, *_RAIL[1:]),
        Basis.TEXT,
        ("licenseref-scancode-deepseek-la-1.0", "deepseek-license", "deepseek license agreement"),
        ("deepseek license agreement",),
        _SCANCODE.format("deepseek-la-1.0"),
    ),
    AiLicense(
        "tongyi-qianwen",
        "Tongyi Qianwen License Agreement",
        (Clause.USER_THRESHOLD, Clause.NO_TRAINING_OTHERS, Clause.TERMINATION),
        Basis.TEXT,
        ("licenseref-scancode-tongyi-qianwen-2023", "tongyi-qianwen-license-agreement"),
        ("tongyi qianwen license agreement",),
        _SCANCODE.format("tongyi-qianwen-2023"),
        details=(_above("100 million"),),
    ),
    AiLicense(
        "qwen-research",
        "Qwen Research License Agreement",
        (Clause.NON_COMMERCIAL, Clause.RESEARCH_ONLY),
        Basis.QUOTED,
        (),
        ("qwen research license agreement",),
    ),
    AiLicense(
        "qwen",
        "Qwen License Agreement",
        (Clause.USER_THRESHOLD,),
        Basis.QUOTED,
        (),
        ("qwen license agreement", "monthly active users"),
        details=(_above("100 million"),),
    ),
    AiLicense(
        "modified-mit",
        "Modified MIT License",
        (Clause.DISPLAY_DUTY,),
        Basis.QUOTED,
        (),
        ("modified mit license", "monthly active users"),
        details=(
            (
                Clause.DISPLAY_DUTY,
                (
                    "requires its name in the product above 100 million monthly users or 20 million US "
                    "dollars of monthly revenue"
                ),
            ),
        ),
    ),
    AiLicense(
        "tencent-hunyuan-community",
        "Tencent Hunyuan Community License",
        (
            Clause.TERRITORY,
            Clause.USER_THRESHOLD,
            Clause.ACCEPTABLE_USE,
            Clause.MILITARY,
            Clause.NO_TRAINING_OTHERS,
            Clause.PASSED_ON,
            Clause.TERMINATION,
        ),
        Basis.TEXT,
        (
            "tencent-hunyuan-community-license",
            "tencent-license",
            "licenseref-scancode-tencent-hunyuan-3d-2.0-cla",
        ),
        ("tencent hunyuan", "community license agreement", "excluding the territory of"),
        "Tencent-Hunyuan/HunyuanDiT: LICENSE.txt",
        details=(_above("100 million"), (Clause.TERRITORY, "excludes the European Union")),
    ),
    AiLicense(
        "mrl",
        "Mistral AI Research License",
        (Clause.RESEARCH_ONLY, Clause.NON_COMMERCIAL, Clause.TERMINATION),
        Basis.TEXT,
        ("mistral-ai-research-license",),
        ("mistral ai research license",),
        "mistral.ai/licenses/MRL-0.1.md, as the card of Ministral-8B-Instruct-2410 has it",
    ),
    AiLicense(
        "mnpl",
        "Mistral AI Non-Production License",
        (Clause.NON_PRODUCTION, Clause.NON_COMMERCIAL),
        Basis.QUOTED,
        ("mistral-ai-non-production-license",),
        ("mistral ai non production license",),
    ),
    _rail("openrail", "OpenRAIL"),
    _rail(
        "openrail++",
        "CreativeML Open RAIL++-M",
        "creativeml open rail plus plus m",
        source="Stability-AI/stablediffusion: LICENSE-MODEL",
    ),
    _rail("creativeml-openrail-m", "CreativeML Open RAIL-M", "creativeml open rail m"),
    _rail(
        "bigscience-openrail-m",
        "BigScience Open RAIL-M",
        "bigscience open rail m",
        scancode="bigscience-open-rail-m",
    ),
    _rail(
        "bigscience-bloom-rail-1.0",
        "BigScience RAIL 1.0",
        "bigscience rail license",
        scancode="bigscience-rail-1.0",
    ),
    _rail(
        "bigcode-openrail-m",
        "BigCode Open RAIL-M",
        "bigcode open rail m",
        scancode="bigcode-open-rail-m-v1",
    ),
    AiLicense(
        "falcon-llm-license",
        "Falcon LLM License",
        (Clause.ACCEPTABLE_USE, Clause.LICENSOR_MAY_CHANGE),
        Basis.QUOTED,
        (),
        ("tii falcon llm license",),
    ),
    AiLicense(
        "falcon-tii-license",
        "Falcon TII License",
        (Clause.ACCEPTABLE_USE, Clause.LICENSOR_MAY_CHANGE),
        Basis.QUOTED,
        (),
        ("falcon", "tii license version"),
    ),
    AiLicense(
        "yi-license",
        "Yi Series Models License Agreement",
        (Clause.APPLICATION, Clause.MILITARY, Clause.TERMINATION),
        Basis.TEXT,
        (),
        ("yi series models", "license agreement"),
        "01-ai/Yi: MODEL_LICENSE_AGREEMENT.txt, version 1.0",
    ),
    AiLicense(
        "grok2-community",
        "Grok 2 Community License",
        (Clause.NO_TRAINING_OTHERS,),
        Basis.QUOTED,
        (),
        ("grok 2 community license agreement",),
    ),
    AiLicense(
        "deepfloyd-if-license",
        "DeepFloyd IF License",
        (Clause.RESEARCH_ONLY, Clause.NON_COMMERCIAL, Clause.MILITARY, Clause.TERMINATION),
        Basis.TEXT,
        (),
        ("deepfloyd if license agreement",),
        "deep-floyd/IF: LICENSE-MODEL",
    ),
    AiLicense(
        "apple-amlr",
        "Apple Machine Learning Research Model License",
        (Clause.RESEARCH_ONLY, Clause.NON_COMMERCIAL),
        Basis.TEXT,
        (),
        ("apple machine learning research model", "exclusively for research purposes"),
        "apple/ml-mobileclip: LICENSE_MODELS",
    ),
    AiLicense(
        "fair-noncommercial-research-license",
        "FAIR Noncommercial Research License",
        (Clause.NON_COMMERCIAL, Clause.RESEARCH_ONLY),
        Basis.NAME,
        (),
        ("fair noncommercial research license",),
    ),
    AiLicense("intel-research", "Intel Research Use License", (), Basis.UNCHECKED),
    AiLicense("h-research", "H Research License", (), Basis.UNCHECKED),
)
"""Every AI license that is recognised, by name or by text."""

# A RAIL text carries its forbidden purposes in an attachment, under a title of its publisher's.
RAIL_PHRASES = ("use based restrictions", "use restrictions", "attachment a")

_BY_NAME: dict[str, AiLicense] = {
    name: entry for entry in AI_LICENSES for name in (entry.id, *entry.names)
}


def ai_license(name: str) -> AiLicense | None:
    """The license that cards call ``name``, by id or by ``license_name``; None when unknown."""
    wanted = name.strip().casefold()
    return _BY_NAME.get(wanted) or _BY_NAME.get(wanted.removeprefix("licenseref-"))
