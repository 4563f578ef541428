"""How long lint takes: 500 shards of 5 GB that are holes on the disk, and 100,000 small files.

    python tests/benchmarks/bench_lint.py

Run by hand: it prints seconds of wall time, the best of three, and asserts nothing.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from manifest.lint import lint, load_release

HEAD = 'schema_version: "1.0"\nname: bench/lint\nversion: "1"\ndescribed_by: publisher\n'
SHARDS, SHARD_SIZE, FILES = 500, 5_000_000_000, 100_000


def make_shards(root: Path) -> None:
    root.mkdir()
    names = [f"model-{i:05}-of-{SHARDS:05}.safetensors" for i in range(1, SHARDS + 1)]
    for i, name in enumerate(names):
        tensor = {"dtype": "U8", "shape": [SHARD_SIZE], "data_offsets": [0, SHARD_SIZE]}
        header = json.dumps({f"t{i}": tensor}).encode()
        with (root / name).open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + SHARD_SIZE)
    index = {"weight_map": {f"t{i}": name for i, name in enumerate(names)}}
    (root / "model.safetensors.index.json").write_text(json.dumps(index))
    files = "['*.safetensors', '*.index.json']"
    (root / "release.yaml").write_text(
        f"{HEAD}components:\n  model-parameters-final: {{files: {files}}}\n"
    )


def make_files(root: Path) -> None:
    for i in range(FILES):
        path = root / "data" / f"{i // 500:03}" / f"{i:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (root / "release.yaml").write_text(f"{HEAD}components:\n  datasets: {{files: [data]}}\n")


def best(root: Path) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        lint(load_release(root))
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        make_shards(Path(place) / "shards")
        make_files(Path(place) / "files")
        sys.stdout.write(f"{SHARDS} shards of 5 GB: {best(Path(place) / 'shards'):.2f} s\n")
        sys.stdout.write(f"{FILES:,} files:        {best(Path(place) / 'files'):.2f} s\n")


if __name__ == "__main__":
    main()
