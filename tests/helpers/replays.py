"""A tiny signed release whose training is a script of the test's own, and its repetition."""

from __future__ import annotations

import json
import shutil
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from weights import T, safetensors

from manifest.build import build, write_manifest
from manifest.build.segments import segment_between
from manifest.replay.copying import Release
from manifest.replay.report import ReplayReport
from manifest.replay.session import Options, plan_segments, run_segments, trusted_manifest
from manifest.sign import sign
from manifest.signing.keys import PrivateKey
from manifest.verify.run import verify

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bwrap is not installed")

COMMAND = ["{python}", "-I", "-S", "train.py", "{checkpoint}", "{output}", "{to_step}"]

TRAIN = """\
import struct, sys
from pathlib import Path

checkpoint, output, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
add = float(Path("data.txt").read_text())
data = (checkpoint / "model.safetensors").read_bytes()
size = 8 + struct.unpack_from("<Q", data)[0]
values = struct.unpack(f"<{(len(data) - size) // 4}f", data[size:])
values = [value + add for value in values]
(output / "model.safetensors").write_bytes(data[:size] + struct.pack(f"<{len(values)}f", *values))
"""
"""An honest training: each step adds the number in the data to every weight."""


def weights(*values: float, dtype: str = "F32") -> bytes:
    """A checkpoint with one tensor of these numbers."""
    data = struct.pack(f"<{len(values)}{'f' if dtype == 'F32' else 'd'}", *values)
    return safetensors(T("w", data, dtype, (len(values),)))


def make_replayable(
    path: Path,
    key: PrivateKey | None = None,
    *,
    script: str = TRAIN,
    command: Sequence[str] = COMMAND,
    first: bytes | None = None,
    second: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    **recipe: Any,
) -> Path:
    """A release with checkpoints of two steps; signed where a key is given."""
    description = {
        "schema_version": "1.0",
        "name": "acme/tiny",
        "version": "1",
        "described_by": "publisher",
        "license": "apache-2.0",
        "components": {
            "training-code": {"files": ["train.py"]},
            "datasets": {"files": ["data.txt"]},
            "model-parameters-final": {"files": ["model.safetensors"]},
            "model-parameters-intermediate": {"files": ["checkpoints"]},
        },
        "training": {"seeds": {"order": 7}, "replay": {"command": list(command), **recipe}},
        "checkpoints": {
            "entries": [
                {"name": "one", "step": 1, "files": ["checkpoints/one"]},
                {"name": "two", "step": 2, "parent": "one", "data": "2-2",
                 "files": ["checkpoints/two"]},
            ]
        },
    }  # fmt: skip
    second = weights(1.5, 2.5, 3.5) if second is None else second
    content = {
        "release.yaml": json.dumps(description).encode(),
        "train.py": script.encode(),
        "data.txt": b"0.5",
        "model.safetensors": second,
        "checkpoints/one/model.safetensors": weights(1.0, 2.0, 3.0) if first is None else first,
        "checkpoints/two/model.safetensors": second,
        **(files or {}),
    }
    for name, data in content.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    write_manifest(path, build(path))
    if key is not None:
        sign(path, key)
    return path


def replayed(
    path: Path,
    out: Path,
    *,
    really: bool = True,
    names: tuple[str, str] = ("one", "two"),
    **options: Any,
) -> ReplayReport:
    """A segment of such a release, repeated; by its own list of files, without a key."""
    verified = verify(path, integrity_only=True, only=["release.yaml"])
    manifest = trusted_manifest(verified)
    release = Release(path, {}, manifest)
    options = {"python": sys.executable, "seconds": 60.0, "output_bytes": 10_000_000, **options}
    segments = [segment_between(manifest, *names)]
    report = plan_segments(verified, release, segments, out, Options(**options))
    return run_segments(report, release) if really else report
