"""Weights against what is said of them: how many, in which precision, made from what, for whom."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.content.sampling import suffix
from manifest.lint.examples import CARD
from manifest.lint.reading import cards, gguf_headers, header_of
from manifest.lint.release import Basis, Origin, Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement
from manifest.readers._bounded import read_json_object, text_of
from manifest.readers.config import ModelConfig, read_config
from manifest.sources.hub import HubSource

_FINAL = "model-parameters-final"
_WEIGHTS = "components:\n  model-parameters-final:\n    files: [model.safetensors]\n"
_TENSOR = {"model.safetensors": "<safetensors w=2x3>"}
_CONFIG = '{{"architectures": ["SparrowModel"], "model_type": "sparrow", "torch_dtype": "{}"}}\n'
_TOLERANCE = 0.1
_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_FLOATS = frozenset(_DTYPES.values())

# Forms that are converted from another, in which nobody trains.
_CONVERTED = frozenset(
    {".gguf", ".ggml", ".onnx", ".onnx_data", ".ort", ".tflite", ".mlmodel", ".ptl", ".xml"}
)


@rule(
    code="WGT007",
    name="parameter-count-false",
    severity=Severity.ERROR,
    rationale="The number of parameters is the first thing that people compare models by, and the "
    "headers of the weights say it exactly.",
    remedy="Write the number that the headers come to, or publish the weights that were described.",
    bad=Example("model: {parameters: 7000}\n" + _WEIGHTS, _TENSOR),
    good=Example("model: {parameters: 6}\n" + _WEIGHTS, _TENSOR),
    frameworks=(FrameworkElement(Framework.EU, "Annex XI 1(1)(d): number of parameters"),),
    of_files=True,
)
def parameter_count(rule: Rule, release: Release) -> Iterator[Finding]:
    """A stated number that no set of the release's weights comes near, by a tenth and more.

    A release may hold the same weights twice, in several forms or directories: one that agrees is
    enough. Packed weights and adapters are left alone.
    """
    said = release.description.model.get("parameters")
    is_adapter = any(b.relation == "adapter" for b in release.description.base_models) or any(
        p.rpartition("/")[2] == "adapter_config.json" for p in release.paths
    )
    if not said or is_adapter or release.origin is Origin.DRAFTED:
        return
    counts = _counts(release)
    if not counts or any(abs(n - said) <= _TOLERANCE * said for n in counts):
        return
    nearest = min(counts, key=lambda n: abs(n - said))
    yield rule.finding(
        f"model.parameters says {said:,}; the headers of the weights come to {nearest:,}",
        location=release.location("model.parameters"),
    )


def _counts(release: Release) -> set[int]:
    """Parameters of each file, of each directory's files and of all; empty when some are packed."""
    files: list[tuple[str, int]] = []
    for component in release.of_kind(_FINAL):
        for path in component.inspection.accepted:
            if suffix(path) != ".safetensors":
                continue
            header = header_of(release.source, path)
            if header is None or header.parameter_count is None:
                return set()
            files.append((path, header.parameter_count))
    files += [(h.path, h.parameter_count) for h in gguf_headers(release)]
    per_directory: Counter[str] = Counter()
    for path, count in files:
        per_directory[posixpath.dirname(path) + "/*" + suffix(path)] += count
    found = {count for _, count in files} | set(per_directory.values())
    return found | {sum(count for _, count in files)} if files else set()


@rule(
    code="WGT008",
    name="precision-disagrees-with-config",
    severity=Severity.WARNING,
    rationale="A loader converts the weights to what `config.json` says. Where the file holds "
    "another precision, what runs is not what was measured.",
    remedy="Write the precision of the published tensors, or the quantisation that made them, "
    "into `config.json`.",
    bad=Example(_WEIGHTS, _TENSOR | {"config.json": _CONFIG.format("bfloat16")}),
    good=Example(_WEIGHTS, _TENSOR | {"config.json": _CONFIG.format("float32")}),
    of_files=True,
)
def precision(rule: Rule, release: Release) -> Iterator[Finding]:
    """A configuration whose dtype, or whose quantisation, none of the tensors beside it has."""
    directories: dict[str, Counter[str]] = {}
    for component in release.of_kind(_FINAL):
        for path in component.inspection.accepted:
            header = header_of(release.source, path) if suffix(path) == ".safetensors" else None
            held = directories.setdefault(posixpath.dirname(path), Counter())
            for tensor in header.tensors if header else ():
                held[tensor.dtype] += tensor.elements
    for directory, dtypes in sorted(directories.items()):
        path = posixpath.join(directory, "config.json")
        if not dtypes or path not in release.paths:
            continue
        try:
            config = read_config(release.source, path)
        except (DocumentError, UndecidedError):
            continue
        if problem := _disagreement(config, dtypes):
            yield rule.finding(f"{printable(path)} {problem}", location=Location(path))


def _disagreement(config: ModelConfig, dtypes: Counter[str]) -> str:
    names = ", ".join(sorted(dtypes))
    if config.quantization:
        packed = any(name not in _FLOATS for name in dtypes)
        method = printable(config.quantization)
        return "" if packed else f"says {method} quantisation; the tensors are all {names}"
    said = _DTYPES.get(config.dtype.removeprefix("torch."))
    told = any("quant" in field or "compression" in field for field in config.fields)
    if said is None or told or said in dtypes or not _FLOATS & set(dtypes):
        return ""
    return f"says {printable(config.dtype)}; the tensors are {names}"


@rule(
    code="WGT009",
    name="weights-gated",
    severity=Severity.ADVICE,
    rationale="Weights behind a form are given to those whom the publisher lets in. An open "
    "license asks nobody's leave.",
    remedy="Take the gate away, or say in the card that it gives way to everyone at once.",
    bad=Example(
        "components:\n  model-card:\n    files: [README.md]\n",
        {"README.md": CARD.replace("---\n# ", "extra_gated_prompt: Say who you are.\n---\n# ")},
    ),
    good=Example("components:\n  model-card:\n    files: [README.md]\n", {"README.md": CARD}),
    frameworks=(
        FrameworkElement(Framework.EU, "53(2): public weights"),
        FrameworkElement(Framework.INDEX, "weights of the end model"),
    ),
    of_files=True,
)
def gated(rule: Rule, release: Release) -> Iterator[Finding]:
    """Hubs that ask for terms to be accepted, and cards that put a form before the download."""
    if isinstance(release.source, HubSource) and release.source.gated:
        yield rule.finding("the hub gives the files to those alone who accepted its terms")
        return
    for card in cards(release):
        fields = [f for f in card.fields if f == "gated" or f.startswith("extra_gated_")]
        if fields:
            yield rule.finding(
                f"the card puts a form before the download: {printable(', '.join(fields[:3]))}",
                location=Location(card.path),
            )


@rule(
    code="WGT010",
    name="base-model-unsaid",
    severity=Severity.ADVICE,
    rationale="What a model was made from decides its license, its data and its faults. A base "
    "that only a file names is overlooked by whoever reads the description.",
    remedy="Name it under `base_models`, with its relation, and pin it by `reference`.",
    bad=Example(
        _WEIGHTS,
        _TENSOR | {"adapter_config.json": '{"base_model_name_or_path": "acme/robin-7b"}'},
    ),
    good=Example(
        "base_models:\n  - {name: acme/robin-7b, relation: adapter}\n" + _WEIGHTS,
        _TENSOR | {"adapter_config.json": '{"base_model_name_or_path": "acme/robin-7b"}'},
    ),
    frameworks=(FrameworkElement(Framework.INDEX, "weights of the base model"),),
    of_files=True,
)
def base_unsaid(rule: Rule, release: Release) -> Iterator[Finding]:
    """Base models that a card, an adapter or a header names and the description does not."""
    description = release.description
    known = {_tail(b.name) for b in description.base_models}
    known |= {_tail(b.reference.target) for b in description.base_models if b.reference}
    known.add(_tail(description.name))
    told: set[str] = set()
    for path, name in _named_bases(release):
        tail = _tail(name)
        if tail and tail not in known | told and not name.startswith((".", "/")):
            told.add(tail)
            yield rule.finding(
                f"{printable(path)} names the base model {printable(name[:200])}; base_models does "
                "not",
                location=Location(path),
            )


def _named_bases(release: Release) -> Iterator[tuple[str, str]]:
    for card in cards(release):
        yield from ((card.path, name) for name in card.base_models[:20])
    for header in gguf_headers(release):
        yield from ((header.path, name) for name in header.base_models)
    adapters = sorted(p for p in release.paths if p.rpartition("/")[2] == "adapter_config.json")
    for path in adapters[:20]:
        try:
            fields = read_json_object(release.source, path)
        except (DocumentError, UndecidedError):
            continue
        if name := text_of(fields.get("base_model_name_or_path")):
            yield path, name


def _tail(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].casefold()


@rule(
    code="WGT011",
    name="conversion-unsaid",
    severity=Severity.ADVICE,
    rationale="Nobody trains in GGUF, ONNX or TFLite: such files are converted, often with loss. "
    "Without the original nobody can tell what was lost, or train on.",
    remedy="Publish the original weights too, or name under `base_models` what these were "
    "converted from, pinned by `reference`.",
    bad=Example(
        "components:\n  model-parameters-final:\n    files: [model.onnx]\n",
        {"model.onnx": "<onnx>"},
    ),
    good=Example(
        "base_models:\n  - {name: acme/sparrow-float, relation: quantized}\n"
        "components:\n  model-parameters-final:\n    files: [model.onnx]\n",
        {"model.onnx": "<onnx>"},
    ),
    frameworks=(FrameworkElement(Framework.OSAID, "parameters"),),
    of_files=True,
)
def conversion_unsaid(rule: Rule, release: Release) -> Iterator[Finding]:
    """Weights in converted forms alone, whose original is named nowhere."""
    components = release.of_kind(_FINAL)
    paths = [p for c in components for p in c.inspection.accepted]
    if release.basis is Basis.DECLARATIONS or not paths:
        return
    if any(suffix(p) not in _CONVERTED for p in paths) or any(
        c.spec.references for c in components
    ):
        return
    if not release.description.base_models and not any(_named_bases(release)):
        yield rule.finding(
            f"the weights are {suffix(paths[0])[1:]} files alone, and nothing says what they were "
            "converted from",
            location=Location(paths[0]),
            component=components[0].spec.id,
        )
