"""Make everything in this release that is computed, from everything that is not.

    python reproduce.py            data, checkpoints, weights, results and samples, here
    python reproduce.py --check    the same in a temporary copy, compared with what is here

Python 3.11 or later and nothing else. It takes a few seconds, and every byte is the same
on every machine: `--check` exits with 1 and names the files if one differs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

STAGES = ("prepare_data.py", "train.py", "evaluate.py", "generate.py")

INPUTS = ("code", "config.json", "data/eval", "data/raw", "training/recipe.yaml")

OUTPUTS = (
    "checkpoints",
    "data/order.jsonl",
    "data/processed",
    "evaluation/results.json",
    "model.safetensors",
    "samples.jsonl",
    "tokenizer.json",
    "training/log.jsonl",
)


def reproduce(root: Path) -> None:
    """Run the stages of the recipe in the release at `root`."""
    for stage in STAGES:
        # -E -S: no settings or packages of this machine; -B: no compiled files in the release
        command = [sys.executable, "-E", "-S", "-B", str(root / "code" / stage)]
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit(f"{stage} failed")


def outputs(root: Path) -> dict[str, bytes]:
    """Return the computed files of the release at `root`, by name."""
    files = {}
    for name in OUTPUTS:
        place = root / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                files[path.relative_to(root).as_posix()] = path.read_bytes()
    return files


def check() -> list[str]:
    """Reproduce in a copy; return the names of the files that differ."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in INPUTS:
            source, target = HERE / name, copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)
        reproduce(copy)
        here, there = outputs(HERE), outputs(copy)
    names = sorted(here.keys() | there.keys())
    return [name for name in names if here.get(name) != there.get(name)]


def main() -> int:
    """Read the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the computed files of this release.")
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    if not parser.parse_args().check:
        reproduce(HERE)
        return 0
    different = check()
    for name in different:
        print(f"differs: {name}")
    print("not reproduced" if different else "reproduced, bit for bit")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
