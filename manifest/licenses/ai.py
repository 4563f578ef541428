"""Licenses of AI models that are not open, each with the clause that blocks it.

The table names licenses as model cards do: by Hugging Face id, or by ``license_name`` where the
id is ``other``. How good the evidence is stands beside each. A license whose clauses nobody here
has checked is in the table so that it is recognised, and is assessed as unknown.
"""

from __future__ import annotations

import dataclasses
import enum

__all__ = ["AI_LICENSES", "AiLicense", "Basis", "Clause", "ai_license"]


class Clause(enum.StrEnum):
    """A clause that takes from somebody what an open license grants to everybody."""

    USER_THRESHOLD = "asks for another license above a number of users"
    REVENUE_THRESHOLD = "asks for another license above a revenue"
    DISPLAY_DUTY = "demands a display in the product above a number of users or a revenue"
    ACCEPTABLE_USE = "limits use by an acceptable-use policy"
    USE_RESTRICTIONS = "limits use by a list of forbidden purposes"
    PASSED_ON = "makes every recipient pass the limits on"
    REMOTE_RESTRICTION = "lets the licensor restrict use remotely or demand updates"
    NO_TRAINING_OTHERS = "forbids using outputs to improve other models"
    NAMING = "dictates names of derived models"
    TERRITORY = "excludes users by territory"
    TERMINATION = "ends on conditions beyond a breach of attribution or copyleft"
    LICENSOR_MAY_CHANGE = "lets the licensor change the terms"
    MILITARY = "forbids military use"
    NON_COMMERCIAL = "forbids commercial use"
    RESEARCH_ONLY = "allows research only"
    NO_DERIVATIVES = "forbids modified versions"
    NON_PRODUCTION = "forbids production use"
    APPLICATION = "asks for an application before commercial use"
    NO_GRANT = "grants nothing"


class Basis(enum.StrEnum):
    """How an entry of the table is known."""

    TEXT = "license text read"
    QUOTED = "clause quoted by third parties"
    NAME = "stated by the license's own name"
    UNCHECKED = "not checked"


@dataclasses.dataclass(frozen=True, slots=True)
class AiLicense:
    """One license.

    Attributes:
        id: Its Hugging Face id, or the ``license_name`` that cards use with ``other``.
        title: Its name for people.
        clauses: What blocks it, the weightiest first.
        basis: How that is known; `Basis.UNCHECKED` makes the license unknown, not closed.
        names: Further names by which cards and expressions call it, lower case.
        phrases: Normalised phrases that all occur in its text and, together, in no other's.
    """

    id: str
    title: str
    clauses: tuple[Clause, ...]
    basis: Basis
    names: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


def _llama(version: str, *extra: Clause, basis: Basis = Basis.TEXT, ref: str = "") -> AiLicense:
    return AiLicense(
        f"llama{version}",
        f"Llama {version} Community License",
        (Clause.USER_THRESHOLD, Clause.ACCEPTABLE_USE, *extra, Clause.NAMING, Clause.TERMINATION),
        basis,
        (ref,) if ref else (),
        (f"llama {version} community license agreement",),
    )


_RAIL = (Clause.USE_RESTRICTIONS, Clause.PASSED_ON)

AI_LICENSES: tuple[AiLicense, ...] = (
    AiLicense(
        "llama2",
        "Llama 2 Community License",
        (
            Clause.USER_THRESHOLD,
            Clause.ACCEPTABLE_USE,
            Clause.NO_TRAINING_OTHERS,
            Clause.TERMINATION,
        ),
        Basis.TEXT,
        ("licenseref-scancode-llama-2-license-2023",),
        ("llama 2 community license agreement",),
    ),
    _llama("3", Clause.NO_TRAINING_OTHERS),
    _llama("3.1", ref="licenseref-scancode-llama-3.1-license-2024"),
    _llama("3.2", Clause.TERRITORY, ref="licenseref-scancode-llama-3.2-license-2024"),
    _llama("3.3", ref="licenseref-scancode-llama-3.3-license-2024"),
    _llama("4", Clause.TERRITORY, ref="licenseref-scancode-llama-4-cla-2025"),
    AiLicense(
        "gemma",
        "Gemma Terms of Use",
        (
            Clause.USE_RESTRICTIONS,
            Clause.PASSED_ON,
            Clause.REMOTE_RESTRICTION,
            Clause.TERMINATION,
        ),
        Basis.TEXT,
        ("licenseref-scancode-gemma-tou-2024-04-01",),
        ("gemma terms of use", "gemma prohibited use policy"),
    ),
    AiLicense(
        "nvidia-open-model-license",
        "NVIDIA Open Model License",
        (Clause.TERMINATION, Clause.LICENSOR_MAY_CHANGE),
        Basis.TEXT,
        ("licenseref-scancode-nvidia-open-model-2025-04-28",),
        ("nvidia open model license agreement",),
    ),
    AiLicense(
        "deepseek",
        "DeepSeek License Agreement",
        (
            Clause.USE_RESTRICTIONS,
            Clause.MILITARY,
            Clause.PASSED_ON,
            Clause.REMOTE_RESTRICTION,
        ),
        Basis.TEXT,
        ("licenseref-scancode-deepseek-la-1.0", "deepseek-license", "deepseek license agreement"),
        ("deepseek license agreement",),
    ),
    AiLicense(
        "tongyi-qianwen",
        "Tongyi Qianwen License Agreement",
        (Clause.USER_THRESHOLD, Clause.NO_TRAINING_OTHERS, Clause.TERMINATION),
        Basis.TEXT,
        ("licenseref-scancode-tongyi-qianwen-2023", "tongyi-qianwen-license-agreement"),
        ("tongyi qianwen license agreement",),
    ),
    AiLicense(
        "modified-mit",
        "Modified MIT License",
        (Clause.DISPLAY_DUTY,),
        Basis.QUOTED,
        (),
        ("modified mit license", "monthly active users"),
    ),
    AiLicense(
        "tencent-hunyuan-community",
        "Tencent Hunyuan Community License",
        (Clause.TERRITORY, Clause.USER_THRESHOLD),
        Basis.QUOTED,
        ("tencent-hunyuan-community-license", "tencent-license"),
        ("tencent hunyuan community license agreement",),
    ),
    AiLicense(
        "mrl",
        "Mistral AI Research License",
        (Clause.RESEARCH_ONLY,),
        Basis.QUOTED,
        ("mistral-ai-research-license",),
        ("mistral ai research license",),
    ),
    AiLicense(
        "mnpl",
        "Mistral AI Non-Production License",
        (Clause.NON_PRODUCTION,),
        Basis.QUOTED,
        ("mistral-ai-non-production-license",),
        ("mistral ai non production license",),
    ),
    AiLicense("openrail", "OpenRAIL", _RAIL, Basis.QUOTED),
    AiLicense("openrail++", "CreativeML Open RAIL++-M", _RAIL, Basis.QUOTED),
    AiLicense(
        "creativeml-openrail-m",
        "CreativeML Open RAIL-M",
        _RAIL,
        Basis.QUOTED,
        (),
        ("creativeml open rail m",),
    ),
    AiLicense(
        "bigscience-openrail-m",
        "BigScience Open RAIL-M",
        _RAIL,
        Basis.TEXT,
        ("licenseref-scancode-bigscience-open-rail-m",),
        ("bigscience open rail m",),
    ),
    AiLicense(
        "bigscience-bloom-rail-1.0",
        "BigScience RAIL 1.0",
        _RAIL,
        Basis.TEXT,
        ("licenseref-scancode-bigscience-rail-1.0",),
        ("bigscience rail license",),
    ),
    AiLicense(
        "bigcode-openrail-m",
        "BigCode Open RAIL-M",
        _RAIL,
        Basis.TEXT,
        ("licenseref-scancode-bigcode-open-rail-m-v1",),
        ("bigcode open rail m",),
    ),
    AiLicense(
        "fair-noncommercial-research-license",
        "FAIR Noncommercial Research License",
        (Clause.NON_COMMERCIAL, Clause.RESEARCH_ONLY),
        Basis.NAME,
        (),
        ("fair noncommercial research license",),
    ),
    AiLicense("intel-research", "Intel Research License", (Clause.RESEARCH_ONLY,), Basis.NAME),
    AiLicense("h-research", "H Research License", (Clause.RESEARCH_ONLY,), Basis.NAME),
    AiLicense("apple-amlr", "Apple Model License for Research", (), Basis.UNCHECKED),
    AiLicense("deepfloyd-if-license", "DeepFloyd IF License", (), Basis.UNCHECKED),
    AiLicense("grok2-community", "Grok 2 Community License", (), Basis.UNCHECKED),
    AiLicense("falcon-llm-license", "Falcon LLM License", (), Basis.UNCHECKED),
    AiLicense("yi-license", "Yi License", (), Basis.UNCHECKED),
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
