"""Well-known models whose license is not open, by the names that derived models give them.

A model keeps its base's terms, whatever a card says of it. The table has families whose license is
known for every model whose name fits; what it does not have is not known, and says nothing.
"""

from __future__ import annotations

import re

from manifest.licenses.ai import AiLicense, ai_license

__all__ = ["base_license"]

# The name after the owner, matched from its beginning: copies and conversions keep it.
_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"(?:meta-)?llama-2-", "llama2"),
    (r"codellama-", "llama2"),
    (r"(?:meta-)?llama-3-", "llama3"),
    (r"(?:meta-)?llama-3\.1-", "llama3.1"),
    (r"(?:meta-)?llama-3\.2-", "llama3.2"),
    (r"(?:meta-)?llama-3\.3-", "llama3.3"),
    (r"llama-4-", "llama4"),
    (r"(?:code)?gemma-(?:[123]n?-|[27]b\b|1\.1-)", "gemma"),
    (r"pixtral-large-", "mrl"),
    (r"mistral-large-instruct-24(?:07|11)\b", "mrl"),
    (r"mistral-small-instruct-2409\b", "mrl"),
    (r"ministral-8b-instruct-2410\b", "mrl"),
    (r"deepseek-v3(?:-base)?$", "deepseek"),
    (r"qwen2-72b\b", "tongyi-qianwen"),
    (r"qwen2\.5-3b\b", "qwen-research"),
    (r"kimi-k2(?:\.5)?\b", "modified-mit"),
    (r"falcon3-", "falcon-llm-license"),
    (r"falcon-180b\b", "falcon-tii-license"),
    (r"grok-2\b", "grok2-community"),
    (r"bloom(?:z)?(?:-\d+b\d*)?$", "bigscience-bloom-rail-1.0"),
    (r"stable-diffusion-2(?:-|$)", "openrail++"),
    (r"stable-diffusion-xl-base-", "openrail++"),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), id_) for pattern, id_ in _FAMILIES)


def base_license(model: str) -> AiLicense | None:
    """The license of the family that a model's name belongs to; None when it is not known.

    Args:
        model: OWNER/NAME or a name alone.
    """
    name = model.strip().rpartition("/")[2]
    found = next((id_ for pattern, id_ in _COMPILED if pattern.match(name)), None)
    return ai_license(found) if found else None
