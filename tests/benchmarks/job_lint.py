"""How long lint takes: 500 shards of 5 GB that are holes on the disk, and 100,000 small files."""

from __future__ import annotations

import json
import time
from pathlib import Path

from making import describe, make_files
from measuring import Bench, Contender, Job, Role, takes_turns

from manifest.lint import lint, load_release

__all__ = ["linting"]

_SHARDS, _SHARD_SIZE = 500, 5_000_000_000


def linting(bench: Bench) -> Job:
    """Lint, in this process, what is large and what is many."""
    count = 10_000 if bench.quick else 100_000
    shards, files = bench.scratch / "shards", bench.scratch / "files"
    _make_shards(shards)
    make_files(files, count)
    describe(files, "datasets: {files: [data]}")
    contenders = {
        f"lint, {_SHARDS} shards of 5 GB": (Role.OURS, _lint(shards)),
        f"lint, {count:,} files": (Role.OURS, _lint(files)),
    }
    runs = takes_turns(contenders, bench.rounds, warm=False)
    return Job("lint", "a release of shards, and one of small files", runs, ())


def _make_shards(root: Path) -> None:
    root.mkdir()
    names = [f"model-{i:05}-of-{_SHARDS:05}.safetensors" for i in range(1, _SHARDS + 1)]
    for i, name in enumerate(names):
        tensor = {"dtype": "U8", "shape": [_SHARD_SIZE], "data_offsets": [0, _SHARD_SIZE]}
        header = json.dumps({f"t{i}": tensor}).encode()
        with (root / name).open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + _SHARD_SIZE)
    index = {"weight_map": {f"t{i}": name for i, name in enumerate(names)}}
    (root / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    describe(root, "model-parameters-final: {files: ['*.safetensors', '*.index.json']}")


def _lint(root: Path) -> Contender:
    def run() -> float:
        start = time.perf_counter()
        lint(load_release(root))
        return time.perf_counter() - start

    return run
