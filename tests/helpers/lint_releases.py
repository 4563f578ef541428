"""Small releases for the linter's tests: from a rule's example, and one that is open all the way."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path

from manifest.build import build, write_manifest
from manifest.lint.examples import CODE
from manifest.lint.rule import Example

HEAD = """schema_version: "1.0"
name: acme/sparrow
version: "1.0"
described_by: publisher
"""

_FILL = re.compile(r" of (\d+)>")
_TENSORS = re.compile(r"(\w+)=(\d+(?:x\d+)*)")
_MANIFEST = re.compile(r"<manifest(?: (\S+)=(\d+))?>")
_LICENSES = Path(__file__).resolve().parents[1] / "data" / "licenses"


def safetensors(*, fill: int = 0, **shapes: tuple[int, ...]) -> bytes:
    """A safetensors file of one number, written from the format's description."""
    header: dict[str, object] = {}
    end = 0
    for name, shape in shapes.items():
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + struct.pack("<f", fill) * (end // 4)


def onnx(numbers: int = 64) -> bytes:
    """An ONNX model of version 7 with a graph of one node, written from the format's description."""
    return b"\x08\x07\x3a" + bytes([numbers + 2]) + b"\x0a" + bytes([numbers]) + bytes(numbers)


def tflite(numbers: int = 64) -> bytes:
    """A TFLite model with a subgraph and a buffer, written from the format's description."""
    head = struct.pack(
        "<I4s7H2x", 24, b"TFL3", 14, 12, 0, 0, 4, 0, 8
    )  # names of the model's fields
    model = struct.pack("<i2I", 16, 8, 12)
    graphs, buffers = struct.pack("<2I", 1, 20), struct.pack("<2I", 1, 12)
    buffer = struct.pack("<3H2xi2I", 6, 8, 4, 8, 4, numbers)
    return head + model + graphs + buffers + buffer + bytes(numbers)


def license_text(name: str) -> str:
    """The text of a license of the SPDX list."""
    return (_LICENSES / f"{name}.txt").read_text(encoding="utf-8")


def content(text: str) -> bytes | None:
    """The bytes that a file of an example stands for; None for a file that is not to be made."""
    if text.startswith("<safetensors"):
        shapes = {n: tuple(int(x) for x in s.split("x")) for n, s in _TENSORS.findall(text)}
        fill = _FILL.search(text)
        return safetensors(fill=int(fill[1]) if fill else 0, **shapes)
    if text.startswith("<license "):
        return license_text(text[len("<license ") : -1]).encode()
    if text == "<pickle>":
        return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00."
    if text == "<pickle os.system>":
        return b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
    if text == "<onnx>":
        return onnx()
    if text in ("<gone>", "<resolved>"):
        return None  # an address, and what is found there
    if text in ("<signature>", "<refused>"):
        return b"{}"
    if text.startswith("<manifest"):
        return None  # built when all else is there
    return text.encode()


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a directory that is made when it is not there."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        data = text if isinstance(text, bytes) else content(text)
        if data is not None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


def materialise(example: Example, root: Path) -> Path:
    """Write an example as the release directory that it stands for."""
    files: dict[str, str | bytes] = dict(example.files)
    if example.description is not None:
        given = {line.partition(":")[0] for line in example.description.splitlines()}
        head = [x for x in HEAD.splitlines(keepends=True) if x.partition(":")[0] not in given]
        files["release.yaml"] = "".join(head) + example.description
    write(root, files)
    if found := _MANIFEST.fullmatch(example.files.get("manifest.json", "")):
        build_manifest(root, found[1], int(found[2] or 0))
    return root


def build_manifest(root: Path, other: str = "", size: int = 0) -> None:
    """Build a release's manifest; as if ``other`` had ``size`` bytes, where it is given."""
    kept = (root / other).read_bytes() if other else b""
    if other:
        (root / other).write_bytes(bytes(size))
    write_manifest(root, build(root))
    if other:
        (root / other).write_bytes(kept)


_CARD = (
    "---\nlicense: apache-2.0\n---\n# Sparrow\n\n"
    + "It answers questions about birds. " * 20
    + "It has six parameters and reads text. It is meant for lessons. Acceptable use: any. Its limits: "
    "it knows six birds.\n"
)
_DATA_CARD = (
    "# Data\n\n"
    + "Written by three authors for this project, in spring. " * 10
    + "All of it was selected, nothing filtered, nothing labelled.\n"
)
_PAPER = "# Sparrow: a small model\n\n" + "We trained a small model on notes about birds. " * 50

_RECIPE = """optimizer: {name: adamw, weight_decay: 0.01}
learning_rate: 0.001
schedule: constant
batch_size: 2
steps: 20
precision: float32
"""

OPEN_DESCRIPTION = (
    HEAD
    + """license: apache-2.0
licenses: {data: apache-2.0, document: apache-2.0}
release_date: 2026-01-31
model: {tasks: [text-generation]}
components:
  model-architecture: {files: [config.json, code/model.py]}
  model-parameters-final: {files: [model.safetensors]}
  model-parameters-intermediate: {files: [checkpoints]}
  tokenizer: {files: [tokenizer.json]}
  training-code: {files: [code/train.py]}
  inference-code: {files: [code/generate.py]}
  evaluation-code: {files: [code/evaluate.py]}
  data-preprocessing-code: {files: [code/prepare.py]}
  datasets: {files: [data/train.jsonl]}
  evaluation-data: {files: [data/heldout.jsonl]}
  data-order: {files: [data/order.csv]}
  evaluation-results: {files: [results.json]}
  model-card: {files: [README.md]}
  data-card: {files: [DATA.md]}
  research-paper: {files: [PAPER.md]}
  training-configuration: {files: [recipe.yaml]}
  training-logs: {files: [log.jsonl]}
  license-texts: {files: [LICENSE]}
data:
  sources:
    - name: Garden notes
      description: Notes about garden birds.
      access: public
      files: [data/train.jsonl]
  processing: Lines were joined.
  filtering: Nothing was removed.
training:
  command: python code/train.py
  seeds: {initialization: 7}
  environment: {lockfile: requirements.lock}
  nondeterminism: []
  hardware: one processor
  device_hours: 1
  energy_kwh: 0.001
  incidents: []
checkpoints:
  entries:
    - {name: step10, step: 10, files: [checkpoints/step10], data: 0-9}
    - {name: step20, step: 20, files: [checkpoints/step20], parent: step10, data: 10-19}
evaluation: {contamination: Nothing is shared.}
"""
)

_RESULTS = {
    "harness": {"name": "code/evaluate.py", "version": "1.0"},
    "weights": {"sha256": hashlib.sha256(safetensors(fill=2, w=(2, 3))).hexdigest()},
    "results": [
        {"task": task, "dataset": "data/heldout.jsonl", "metrics": {"accuracy": 0.4}}
        for task in ("birds", "bias", "truthfulness")
    ],
}

OPEN_FILES: dict[str, str] = {
    "release.yaml": OPEN_DESCRIPTION,
    "config.json": '{"architectures": ["Sparrow"], "model_type": "sparrow", "vocab_size": 8}',
    "model.safetensors": "<safetensors w=2x3 of 2>",
    "checkpoints/step10/model.safetensors": "<safetensors w=2x3 of 1>",
    "checkpoints/step20/model.safetensors": "<safetensors w=2x3 of 2>",
    "checkpoints/step20/optimizer.safetensors": "<safetensors m=2x3>",
    "tokenizer.json": '{"model": {"vocab": {"a": 0, "b": 1, "c": 2, "d": 3}}}',
    "code/model.py": CODE["model-architecture"],
    "code/train.py": CODE["training-code"],
    "code/generate.py": CODE["inference-code"],
    "code/evaluate.py": CODE["evaluation-code"],
    "code/prepare.py": CODE["data-preprocessing-code"],
    "data/train.jsonl": '{"text": "The robin sings."}\n{"text": "Tits nest."}\n',
    "data/heldout.jsonl": '{"text": "Who sings?"}\n',
    "data/order.csv": "step,record\n0,1\n1,0\n",
    "results.json": json.dumps(_RESULTS),
    "README.md": _CARD,
    "DATA.md": _DATA_CARD,
    "PAPER.md": _PAPER,
    "recipe.yaml": _RECIPE,
    "log.jsonl": '{"step": 1, "loss": 2.0}\n{"step": 20, "loss": 1.5}\n',
    "LICENSE": "<license Apache-2.0>",
    "requirements.lock": f"numpy==2.3.4 --hash=sha256:{'0' * 64}\n",
}
"""A release that is open all the way, in the fewest bytes that the tests of content accept."""
