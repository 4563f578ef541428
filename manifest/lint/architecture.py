"""What weights say of themselves: the architecture, the tokenizer, or that a base model has them.

A format with a graph (ONNX, TFLite, TorchScript and others) holds the computation whole. GGUF names
an architecture and its sizes, as a configuration does, and mostly holds the tokenizer. An adapter
holds neither: both are its base model's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import printable
from manifest.document.description import BaseModel
from manifest.errors import UndecidedError
from manifest.licenses import assess, base_license
from manifest.lineage import LinkStatus
from manifest.lint.base_models import named_bases
from manifest.lint.content.packed import archived_architecture
from manifest.lint.evidence import ComponentEvidence
from manifest.lint.reading import cards, gguf_headers
from manifest.lint.release import Basis, Release
from manifest.lint.verdict import Outcome, Status
from manifest.readers.formats import WeightFormat, format_of, has_weight_name
from manifest.sources.pins import ResolutionStatus

__all__ = [
    "WEIGHTS",
    "architecture_in",
    "from_base",
    "graph_in",
    "has_tokenizer",
    "is_adapter",
    "trusted_bases",
]

WEIGHTS = "model-parameters-final"
_GRAPHS = frozenset(
    {
        WeightFormat.ONNX,
        WeightFormat.TORCHSCRIPT,
        WeightFormat.SAVED_MODEL,
        WeightFormat.TF_GRAPH,
        WeightFormat.TFLITE,
        WeightFormat.KERAS,
        WeightFormat.COREML,
    }
)
_DATA = ("_data", ".data")  # the weights that an ONNX file keeps beside itself
_ADAPTER = re.compile(r"(^|[-_.])(adapter|lora)([-_.]|$)", re.IGNORECASE)


def graph_in(release: Release, component: ComponentEvidence) -> bool:
    """Whether a component of weights holds the graph of its computation."""
    return any(
        path.endswith("saved_model.pb") or _format(release, path) in _GRAPHS
        for path in _paths(release, component)
        if not path.endswith((".safetensors", *_DATA))
    )


def architecture_in(release: Release, component: ComponentEvidence) -> bool:
    """Whether weights say how to compute with them: by a graph, or by name and sizes as GGUF.

    Those in an archive do where a configuration lies in it too.
    """
    return graph_in(release, component) or any(
        _format(release, path) is WeightFormat.GGUF or _configured(release, path)
        for path in _paths(release, component)
    )


def _configured(release: Release, path: str) -> bool:
    if release.basis is Basis.DECLARATIONS or not path.endswith(".zip"):
        return False
    try:
        return archived_architecture(release.source, path)
    except UndecidedError:
        return False


def has_tokenizer(release: Release) -> bool:
    """Whether all weights that count are GGUF files that hold their tokenizer."""
    paths = [p for c in release.present(WEIGHTS) for p in _paths(release, c)]
    if not paths or not all(path.endswith(".gguf") for path in paths):
        return False
    if release.basis is Basis.DECLARATIONS:
        return True
    return any(header.text("tokenizer.ggml.model") for header in gguf_headers(release))


def _paths(release: Release, component: ComponentEvidence) -> Iterator[str]:
    """Files of weights: those that passed their test; by declarations, those that are named."""
    if release.basis is Basis.EVIDENCE:
        yield from component.inspection.accepted
        return
    yield from component.spec.files
    yield from (file.path for file in component.files.here)
    for reference in component.spec.references:
        yield reference.path or reference.target


def _format(release: Release, path: str) -> WeightFormat | None:
    if release.basis is Basis.DECLARATIONS or path.endswith(".safetensors"):
        return has_weight_name(path)
    try:
        match = format_of(release.source, path)
    except UndecidedError:
        return None
    return None if match is None else match.format


def is_adapter(release: Release) -> bool:
    """Whether the weights are added to those of a base model: by description, card or name."""
    if any(base.relation == "adapter" for base in release.description.base_models):
        return True
    weights = [p for c in release.present(WEIGHTS) for p in _paths(release, c)]
    if weights and all(_ADAPTER.search(p.rpartition("/")[2]) for p in weights):
        return True
    return any(
        c.base_model_relation == "adapter" or c.library_name == "peft" for c in cards(release)
    )


def from_base(release: Release, what: str, otherwise: Outcome) -> Outcome:
    """Whether an adapter's base model brings ``what`` along; ``otherwise`` for all but adapters.

    The base is pinned and resolved, or taken on trust where the user says so, and its license is
    open: else nobody can tell what the adapter runs on.

    Args:
        release: The release.
        what: What is needed, as ``the architecture``.
        otherwise: The outcome of a release that is no adapter.
    """
    if otherwise.met or not is_adapter(release):
        return otherwise
    begin = f"the weights are an adapter, and {what} is that of its base model"
    bases = list(_bases(release))
    if not bases:
        named = next(named_bases(release), None)
        if named is None:
            reason = f"{begin}, which nothing names"
        else:
            name = printable(named.name)
            reason = f"{begin}: pin the base model ({name}) by revision, under base_models"
        return Outcome(Status.NOT_MET, reason, pointer="base_models")
    for pointer, base in bases:
        problem = _problem(release, base)
        if problem:
            reason = f"{begin} {printable(base.name)}, {problem}"
            return Outcome(Status.NOT_MET, reason, pointer=pointer)
    return Outcome(Status.MET)


def trusted_bases(release: Release) -> int:
    """How many base models of an adapter count although they were not looked up."""
    if release.basis is Basis.DECLARATIONS or not release.accept_pinned or not is_adapter(release):
        return 0
    return sum(
        base.reference is not None and base.reference.is_pinned and not _resolved(release, base)
        for _, base in _bases(release)
    )


def _bases(release: Release) -> Iterator[tuple[str, BaseModel]]:
    for index, base in enumerate(release.description.base_models):
        if base.relation in {"", "adapter"}:
            yield f"base_models[{index}]", base


def _resolved(release: Release, base: BaseModel) -> bool:
    found = release.resolutions.get(base.reference) if base.reference else None
    return (found is not None and found.status is ResolutionStatus.RESOLVED) or _proven(
        release, base
    )


def _proven(release: Release, base: BaseModel) -> bool:
    """Whether the base itself is at hand, and is the one that is named."""
    links = release.lineage.release.links if release.lineage else ()
    return any(link.name == base.name and link.status is LinkStatus.PROVEN for link in links)


def _problem(release: Release, base: BaseModel) -> str:
    """Why a base cannot be counted on; empty when it can."""
    restricted = base_license(base.name)
    if restricted is not None:
        return f"which is under {restricted.id}"
    if not base.license:
        return "of which no license is named (`license` beside its name)"
    assessment = assess(base.license, "data")
    if not assessment.is_open:
        return f"whose license {printable(base.license)} {assessment.reason or 'is not open'}"
    if release.basis is Basis.DECLARATIONS:
        return ""
    if _proven(release, base):
        return ""
    if base.reference is None or not base.reference.is_pinned:
        return f"which is not pinned: pin the base model ({printable(base.name)}) by revision"
    found = release.resolutions.get(base.reference)
    if found is not None and found.status in {ResolutionStatus.GONE, ResolutionStatus.MOVED}:
        return f"whose pin leads nowhere: {found.detail}"
    if not release.accept_pinned and not _resolved(release, base):
        return "which is pinned and was not looked up: --online does, --accept-pinned trusts it"
    return ""
