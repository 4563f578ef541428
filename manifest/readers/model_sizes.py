"""How large the weights of a known architecture are at least, by its configuration.

For each family the matrices that no member is without are counted: the embedding once, as if
input and output shared it, and per layer the projections of attention and of the feed-forward
network. Norms, biases, positions and heads are left out, and so are experts that only some layers
have: the number is never above the truth. The shapes are those of the families' classes in
transformers.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

from manifest.errors import DocumentError
from manifest.readers._bounded import read_json_object, text_of
from manifest.sources import Source

__all__ = ["SizeBound", "read_size_bound", "size_bound"]

_MAX = 10**9

# model_type: how its feed-forward network is built. "gated" has three matrices, "plain" two.
_ROTARY_GATED = frozenset(
    {"cohere", "cohere2", "gemma", "gemma2", "gemma3_text", "glm", "glm4", "granite", "helium",
     "llama", "ministral", "mistral", "olmo", "olmo2", "olmo3", "phi3", "qwen2", "qwen3", "seed_oss",
     "smollm3", "stablelm"}
)  # fmt: skip
_ROTARY_PLAIN = frozenset({"arcee", "nemotron", "phi", "starcoder2"})
_ROTARY_EXPERTS = frozenset(
    {"flex_olmo", "gpt_oss", "granitemoe", "mixtral", "olmoe", "phimoe", "qwen2_moe",
     "qwen3_moe"}
)  # fmt: skip
# Those of them whose layers all have experts of the width that `intermediate_size` says.
_EXPERTS_EVERYWHERE = frozenset({"gpt_oss", "mixtral", "olmoe", "phimoe"})
_BERT = frozenset(
    {"bert", "camembert", "roberta", "xlm-roberta", "electra", "mpnet", "ernie", "layoutlm"}
)
_HEAD_DIM = {
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text"), 256),
    **dict.fromkeys(("glm", "glm4", "helium", "qwen3", "qwen3_moe", "seed_oss"), 128),
    "gpt_oss": 64,
}
_CLASSES = {
    "Bert": "bert",
    "DistilBert": "distilbert",
    "GPT2": "gpt2",
    "GPTNeoX": "gpt_neox",
    "Gemma": "gemma",
    "Gemma2": "gemma2",
    "Llama": "llama",
    "Mistral": "mistral",
    "Mixtral": "mixtral",
    "Olmo": "olmo",
    "Olmo2": "olmo2",
    "Phi3": "phi3",
    "Qwen2": "qwen2",
    "Qwen3": "qwen3",
    "Roberta": "roberta",
    "XLMRoberta": "xlm-roberta",
}
"""Class names, without what they are for, of types that a `model_type` of their own may hide."""
_DRAFTS = re.compile(r"eagle|medusa|draft|speculat", re.IGNORECASE)
"""Helpers that guess ahead for another model, whose embedding they borrow."""
_TASKS = (
    "ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForSequenceClassification",
    "ForTokenClassification", "ForQuestionAnswering", "Model",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class SizeBound:
    """What a configuration says of the size of the weights.

    Attributes:
        path: The configuration.
        family: The ``model_type`` whose shapes were counted.
        least: Parameters that the weights have at least.
        most: Parameters beyond which they are another model's; None where experts, images or
            the like may add any number.
        packed_bits: Bits of one weight when a quantisation packs several into one number; 0
            where the configuration names none.
    """

    path: str
    family: str
    least: int
    most: int | None
    packed_bits: int


def read_size_bound(source: Source, path: str) -> SizeBound | None:
    """`size_bound` of a ``config.json``; None also where it is no JSON object.

    Raises:
        UndecidedError: It cannot be read.
    """
    try:
        fields = read_json_object(source, path)
    except DocumentError:
        return None
    return size_bound(fields, path)


def size_bound(fields: Mapping[str, Any], path: str = "config.json") -> SizeBound | None:
    """The bound of a configuration; None for families that are not known here."""
    names = fields.get("architectures")
    if isinstance(names, list) and any(_DRAFTS.search(text_of(name)) for name in names):
        return None
    inner = fields.get("text_config")
    nested = isinstance(inner, dict)
    text = inner if isinstance(inner, dict) else fields
    family = _family(text) or ("" if nested else _family_of_class(fields))
    count = _counted(family, text)
    if not count:
        return None
    dense = not nested and family not in _ROTARY_EXPERTS
    # Heads, untied embeddings, norms, biases and positions come to less than twice as much.
    most = 4 * count if dense else None
    return SizeBound(path, family, count, most, _packed_bits(fields))


def _family(fields: Mapping[str, Any]) -> str:
    name = text_of(fields.get("model_type"))
    known = _ROTARY_GATED | _ROTARY_PLAIN | _ROTARY_EXPERTS | _BERT
    return name if name in known or name in {"distilbert", "gpt2", "gpt_neox"} else ""


def _family_of_class(fields: Mapping[str, Any]) -> str:
    """The family of the first architecture, where its name says which shapes it has."""
    names = fields.get("architectures")
    name = text_of(names[0]) if isinstance(names, list) and names else ""
    for task in _TASKS:
        if name.endswith(task):
            return _CLASSES.get(name.removesuffix(task), "")
    return ""


def _counted(family: str, fields: Mapping[str, Any]) -> int:
    """Parameters at least; 0 where a size that is needed is not given."""
    if not family:
        return 0
    number = functools.partial(_number, fields)
    if family == "gpt2":
        hidden, layers = number("n_embd", "hidden_size"), number("n_layer", "num_hidden_layers")
        inner = number("n_inner") or 4 * hidden
        return _sum(number("vocab_size") * hidden, layers, 4 * hidden * hidden + 2 * hidden * inner)
    if family == "distilbert":
        hidden, inner = number("dim"), number("hidden_dim")
        layer = 4 * hidden * hidden + 2 * hidden * inner
        return _sum(number("vocab_size") * hidden, number("n_layers"), layer)
    hidden, inner = number("hidden_size"), number("intermediate_size")
    layers, heads = number("num_hidden_layers"), number("num_attention_heads")
    wide = (number("embedding_size") if family == "electra" else 0) or hidden
    embedding = number("vocab_size") * wide
    if not heads or not inner:
        return 0
    if family in _BERT or family == "gpt_neox":
        return _sum(embedding, layers, 4 * hidden * hidden + 2 * hidden * inner)
    # Where head_dim is not given, some classes fall back to a number of their own.
    head = number("head_dim") or min(hidden // heads, _HEAD_DIM.get(family, hidden))
    keys = number("num_key_value_heads") or 1
    attention = 2 * hidden * heads * head + 2 * hidden * keys * head
    matrices = 3 if family in _ROTARY_GATED else 2 if family in _ROTARY_PLAIN else 0
    if family in _EXPERTS_EVERYWHERE:
        matrices = 3 * number("num_local_experts", "num_experts")
    return _sum(embedding, layers, attention + matrices * hidden * inner)


def _sum(embedding: int, layers: int, layer: int) -> int:
    return embedding + layers * layer if embedding and layers else 0


def _number(fields: Mapping[str, Any], *names: str) -> int:
    """The first of the fields that is a size; 0 where none is."""
    for name in names:
        value = fields.get(name)
        if type(value) is int and 0 < value <= _MAX:
            return value
    return 0


def _packed_bits(fields: Mapping[str, Any]) -> int:
    """Bits of one weight, by the quantisation that the configuration names; 1 where it is unclear.

    The fewest bits that are named anywhere count: a mixed quantisation has several.
    """
    settings = [fields.get(name) for name in ("quantization_config", "quantization")]
    found = [s for s in settings if isinstance(s, dict)]
    if not found:
        return 0
    bits: list[int] = []
    waiting: list[tuple[Any, int]] = [(s, 0) for s in found]
    while waiting and len(bits) < 1000:
        value, depth = waiting.pop()
        if not isinstance(value, dict) or depth > 6:
            continue
        for key, item in value.items():
            if key in {"bits", "num_bits", "w_bit", "nbits", "wbits"} and type(item) is int:
                bits.append(item)
            elif key == "load_in_4bit" and item is True:
                bits.append(4)
            elif key == "load_in_8bit" and item is True:
                bits.append(8)
            waiting.append((item, depth + 1))
    methods = {text_of(s.get("quant_method")) for s in found}
    if methods & {"fp8", "fbgemm_fp8", "mxfp4"} and not bits:
        bits.append(4 if "mxfp4" in methods else 8)
    return min((b for b in bits if 1 <= b <= 16), default=1)
