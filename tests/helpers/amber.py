"""LLM360's Amber as it was published, with stand-in files of a few bytes.

The facts: 360 checkpoints, the branches ckpt_000 to ckpt_358 and main, and 360 chunks of data, each
consumed whole before one of them (cards of LLM360/Amber and LLM360/AmberDatasets).
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

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
