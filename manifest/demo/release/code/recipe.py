"""Where the files of the release are, and what its recipe says.

training/recipe.yaml is read by the training itself: what it says is what was done.
The standard library has no YAML, so this reader knows the small part that the recipe
uses (mappings by indentation, scalars, one-line lists) and refuses everything else.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "training" / "recipe.yaml"
CONFIG = ROOT / "config.json"
TOKENIZER = ROOT / "tokenizer.json"
RAW = ROOT / "data" / "raw" / "documents.jsonl"
TRAIN = ROOT / "data" / "processed" / "train.jsonl"
DECISIONS = ROOT / "data" / "processed" / "decisions.jsonl"
ORDER = ROOT / "data" / "order.jsonl"
HELDOUT = {name: ROOT / "data" / "eval" / f"{name}.jsonl" for name in ("validation", "test")}
CHECKPOINTS = ROOT / "checkpoints"
WEIGHTS = "model.safetensors"

NUMBER = r"-?[0-9]+(?:\.[0-9]+(?:e[-+][0-9]+)?)?"
ITEM = rf'"[^"\\]*"|{NUMBER}|[A-Za-z][^\[\]{{}}"\',:#]*'
TEXT = r'[A-Za-z][^\[\]{}"\':#]*'
LINE = re.compile(rf"( *)([a-z0-9_]+):(?: +({ITEM}|{TEXT}|\[(?:(?:{ITEM})(?:, (?:{ITEM}))*)?\]))?")


def load_recipe(path: Path = RECIPE) -> dict[str, Any]:
    """Read the recipe; a line outside the small subset is a ValueError that names it."""
    root: dict[str, Any] = {}
    open_maps = [root]  # the mapping at each depth; two spaces are one depth
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = re.sub(r"(^| )#.*", "", raw).rstrip()
        if not line:
            continue
        match = LINE.fullmatch(line)
        depth, odd = divmod(len(match[1]), 2) if match else (0, 0)
        if match is None or odd or depth >= len(open_maps) or match[2] in open_maps[depth]:
            raise ValueError(f"{path.name}:{number}: not in the subset that is read: {raw!r}")
        key, value = match[2], match[3]
        target = open_maps[depth]
        del open_maps[depth + 1 :]
        if value is None:
            target[key] = {}
            open_maps.append(target[key])
        elif value.startswith("["):
            target[key] = [scalar(item) for item in re.findall(ITEM, value)]
        else:
            target[key] = scalar(value)
    return root


def scalar(text: str) -> Scalar:
    """Return the value of one YAML scalar."""
    if text.startswith('"'):
        return text[1:-1]
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    if re.fullmatch(NUMBER, text):
        return float(text) if "." in text else int(text)
    return text


def read_json(path: Path) -> Any:
    """Read one JSON document."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with LF line ends, whatever the platform prefers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write one JSON document, indented."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_lines(path: Path, values: list[dict[str, Any]]) -> None:
    """Write JSON Lines."""
    write_text(path, "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of the bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
