"""LLM360's Amber as it was published, with stand-in files of a few bytes.

The facts: 360 checkpoints, the branches ckpt_000 to ckpt_358 and main, and 360 chunks of data, each
consumed whole before one of them (cards of LLM360/Amber and LLM360/AmberDatasets).
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

from lint_releases import OPEN_FILES, write

COUNT = 360
NAMES = (*(f"ckpt_{n:03}" for n in range(COUNT - 1)), "main")

RELEASE = """\
schema_version: "1.0"
name: LLM360/Amber
version: "1"
described_by: third-party
license: Apache-2.0
components:
  model-parameters-intermediate:
    files: [checkpoints]
  model-parameters-final:
    files: [checkpoints/main]
  datasets:
    files: [train]
checkpoints:
  directories: ["checkpoints/*"]
  chunks: chunks.csv
"""


WHOLE = """\
license: Apache-2.0
licenses: {document: Apache-2.0}
release_date: 2023-12-11
model: {architecture: llama, tasks: [text-generation], languages: [en]}
components:
  model-architecture: {files: [config.json, code/model.py]}
  model-parameters-final: {files: [checkpoints/main]}
  model-parameters-intermediate: {files: [checkpoints]}
  tokenizer: {files: [tokenizer.json]}
  training-code: {files: [code/train.py]}
  inference-code: {files: [code/generate.py]}
  evaluation-code: {files: [code/evaluate.py]}
  data-preprocessing-code: {files: [code/prepare.py]}
  datasets: {files: [train], license: ODC-By-1.0}
  evaluation-data: {files: [data/heldout.jsonl]}
  evaluation-results: {files: [results.json]}
  model-card: {files: [README.md]}
  data-card: {files: [DATA.md]}
  research-paper: {files: [PAPER.md]}
  training-configuration: {files: [recipe.yaml]}
  training-logs: {files: [log.jsonl]}
  license-texts: {files: [LICENSE]}
data:
  sources:
    - {name: RefinedWeb, description: Web pages, access: public, tokens: 665010000000,
       files: [train]}
    - {name: StarCoder, description: Source code, access: public, tokens: 291920000000,
       files: [train]}
    - {name: C4, description: Web pages, access: public, tokens: 197670000000,
       files: [train]}
    - {name: arXiv, description: Papers, access: public, tokens: 30000000000,
       files: [train]}
    - {name: Books, description: Books, access: public, tokens: 28860000000,
       files: [train]}
    - {name: Wikipedia, description: Encyclopedia, access: public, tokens: 23900000000,
       files: [train]}
    - {name: StackExchange, description: Questions and answers, access: public, tokens: 21750000000,
       files: [train]}
  processing: Tokenized, concatenated, split into instances of 2,049 tokens and into 360 chunks.
  filtering: As in the sources.
training:
  command: python code/train.py
  hardware: 56 DGX A100
checkpoints:
  directories: ["checkpoints/*"]
  chunks: chunks.csv
evaluation: {contamination: Not examined.}
"""
"""What LLM360 published of Amber: everything of class I of the Model Openness Framework. Nothing was
published of seeds, of a pinned environment, of nondeterminism or of the steps of checkpoints."""


def weights(seed: int) -> bytes:
    """A safetensors file of one tensor that no other seed gives."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]}}).encode()
    data = hashlib.sha256(str(seed).encode()).digest()
    return struct.pack("<Q", len(header)) + header + data


def write_amber(directory: Path, count: int = COUNT) -> None:
    """Write the stand-in release; ``release.yaml`` has no entry for any single checkpoint.

    With another ``count`` it is a release of the same shape with fewer checkpoints.
    """
    rows = ["checkpoint,file,sha256"]
    (directory / "train").mkdir(parents=True)
    for number, name in enumerate((*NAMES[: count - 1], "main")):
        lies = directory / "checkpoints" / name
        lies.mkdir(parents=True)
        (lies / "model.safetensors").write_bytes(weights(number))
        chunk = json.dumps({"token_ids": [number] * 9}).encode() + b"\n"
        (directory / "train" / f"train_{number:03}.jsonl").write_bytes(chunk)
        digest = hashlib.sha256(chunk).hexdigest()
        rows.append(f"{name},train/train_{number:03}.jsonl,{digest}")
    (directory / "chunks.csv").write_text("\n".join(rows) + "\n")
    (directory / "release.yaml").write_text(RELEASE)


def write_whole_amber(directory: Path) -> None:
    """Write all that was published, with stand-ins for code, documents and results."""
    write_amber(directory)
    main = (directory / "checkpoints" / "main" / "model.safetensors").read_bytes()
    results = json.loads(OPEN_FILES["results.json"])
    results["weights"]["sha256"] = hashlib.sha256(main).hexdigest()
    left = (
        "checkpoints/",
        "model.safetensors",
        "data/train",
        "data/order",
        "requirements",
        "release",
    )
    files = {k: v for k, v in OPEN_FILES.items() if not k.startswith(left)}
    head = RELEASE.partition("license:")[0]
    write(directory, {**files, "results.json": json.dumps(results), "release.yaml": head + WHOLE})
